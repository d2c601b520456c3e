# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of the demo fleet: which host has what. Everything here is invented; the domain names are reserved ones."""

from __future__ import annotations

import typing as t

from .generated import FORGE_URL

# A channel address as people paste it: with a token in it. It opens nothing.
TOKEN_URL = "https://conda.lab.example/t/tk-5f1c0ffee5f1c0ffee/internal"
PASSWORD_URL = "https://bob:swordfish@mirror.lab.example/conda-forge"

# For which GPUs a build of PyTorch has machine code, in the words of conda-forge's builds.
TORCH_ARCHS = 'export CF_TORCH_CUDA_ARCH_LIST="5.0;6.0;7.0;7.5;8.0;8.6+PTX"\n'


class PackagePlan(t.NamedTuple):
    """A stand-in for a well-known package."""

    name: str
    versions: tuple[str, ...]
    files: int
    depends: tuple[str, ...] = ()
    library: bool = False
    # What the build string of a version starts with, where it names a CUDA; PY stands for the demo's own Python.
    builds: dict[str, str] = {}
    # Texts by version and path.
    texts: dict[str, dict[str, str]] = {}


class EnvironmentPlan(t.NamedTuple):
    """One environment."""

    prefix: str
    # The conda that made it.
    conda: str
    # ``python=`` stands for the demo's own Python.
    specs: tuple[str, ...]
    # Age: days after the installation of the base.
    days: int
    url: str = FORGE_URL
    pip: bool = False


class HostPlan(t.NamedTuple):
    """One host."""

    name: str
    # What it shows, in a few words.
    text: str
    bases: dict[str, str] = {}
    users: tuple[str, ...] = ()
    environments: tuple[EnvironmentPlan, ...] = ()
    # Texts by path, written last.
    files: dict[str, str] = {}


PACKAGES = (
    PackagePlan("openblas", ("0.3.3", "0.3.6"), 12, library=True),
    PackagePlan("openssl", ("1.0.2u", "1.1.1k"), 30, library=True),
    PackagePlan("cudatoolkit", ("10.0.130", "11.3.1"), 60, library=True),
    PackagePlan("cudnn", ("7.6.5", "8.2.1"), 8, ("cudatoolkit",), library=True),
    PackagePlan("gcc_linux-64", ("7.3.0",), 40, library=True),
    PackagePlan("r-base", ("3.6.1",), 300, library=True),
    PackagePlan("numpy", ("1.15.4", "1.19.5"), 400, ("openblas",)),
    PackagePlan("pandas", ("0.24.2", "1.1.5"), 350, ("numpy",)),
    PackagePlan("scipy", ("1.2.1",), 500, ("numpy",)),
    PackagePlan(
        "pytorch",
        ("1.4.0", "1.10.2"),
        600,
        ("cudnn", "numpy"),
        builds={"1.4.0": "cuda100PY", "1.10.2": "cuda113PY"},
        texts={"1.10.2": {"etc/conda/activate.d/libtorch_activate.sh": TORCH_ARCHS}},
    ),
    PackagePlan("torchvision", ("0.5.0", "0.11.3"), 80, ("pytorch",)),
    PackagePlan("jinja2", ("2.11.3",), 50),
    PackagePlan("cryptography", ("2.3.1",), 60, ("openssl",)),
)

SITE_CONDARC = """\
# The site's rules.
channels:  #!final
  - conda-forge
  - defaults
auto_update_conda: false  #!final
ssl_verify: true
"""

GPU_ENVIRONMENTS = (
    EnvironmentPlan(
        "/opt/conda/envs/pytorch",
        "/opt/conda/bin/conda",
        ("python=", "pytorch=1.10", "torchvision", "cudatoolkit=11.3"),
        1500,
    ),
    EnvironmentPlan(
        "/home/eve/.conda/envs/train",
        "/opt/conda/bin/conda",
        ("python=", "pytorch=1.4", "cudatoolkit=10.0", "pip"),
        900,
    ),
)
# What the driver would tell below /proc. Written after NVIDIA's documents: no GPU was at hand.
GPU_HARDWARE = {
    "/proc/driver/nvidia/version": (
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  440.33.01  Wed Nov 13 00:00:22 UTC 2019\n"
    ),
    "/proc/driver/nvidia/gpus/0000:3b:00.0/information": (
        "Model: \t\t Tesla V100-SXM2-32GB\nIRQ:   \t\t 72\n"
        "GPU UUID: \t GPU-6e2f3a1c-0000-4000-8000-0123456789ab\nBus Location: \t 0000:3b:00.0\nDevice Minor: \t 0\n"
    ),
}
GPU_FILES = {
    **GPU_HARDWARE,
    "/etc/conda/condarc": SITE_CONDARC,
    "/opt/conda/.condarc": "channels:\n  - defaults\nchannel_priority: true\n",
    "/home/eve/.condarc": "channels:\n  - pytorch\n  - conda-forge\nalways_yes: true\n",
    "/home/eve/.conda/environments.txt": "/home/eve/.conda/envs/train\n",
    "/home/eve/.conda/envs/train/conda-meta/pinned": "# the driver of these nodes\ncudatoolkit 10.0.*\n",
}

LOGIN_FILES = {
    "/etc/conda/condarc": SITE_CONDARC,
    "/home/alice/.condarc": f"channels:\n  - {TOKEN_URL}\n  - conda-forge\n",
    "/home/alice/.conda/environments.txt": "/home/alice/.conda/envs/analysis\n/data/projects/alice/report\n",
    "/home/bob/.condarc": f"channels:\n  - {PASSWORD_URL}\nssl_verify: false\n",
    "/home/bob/miniconda3/.condarc": "auto_update_conda: true\n",
    # A record cut short by a full disk, and a configuration that is no YAML.
    "/home/bob/miniconda3/envs/web/conda-meta/requests-2.31.0-py36_0.json": '{"name": "requests", "version": "2.31',
    "/home/carol/.condarc": "channels: [conda-forge\nssl_verify true\n",
    "/home/carol/.conda/environments.txt": "/data/projects/carol/gone\n",
}

LOGIN_ENVIRONMENTS = (
    EnvironmentPlan("/opt/conda/envs/site", "/opt/conda/bin/conda", ("python=", "scipy", "pandas=1.1"), 400),
    EnvironmentPlan(
        "/home/alice/.conda/envs/analysis",
        "/opt/conda/bin/conda",
        ("python=", "pandas=0.24", "scipy", "pip"),
        1000,
        pip=True,
    ),
    EnvironmentPlan("/data/projects/alice/report", "/opt/conda/bin/conda", ("python=", "jinja2"), 1100),
    EnvironmentPlan(
        "/home/bob/miniconda3/envs/web", "/home/bob/miniconda3/bin/conda", ("python=", "jinja2", "cryptography"), 700
    ),
)

BUILD_ENVIRONMENTS = (
    EnvironmentPlan("/opt/miniconda3/envs/r-build", "/opt/miniconda3/bin/conda", ("r-base", "gcc_linux-64"), 800),
    EnvironmentPlan(
        "/opt/miniconda3/envs/release",
        "/opt/miniconda3/bin/conda",
        ("python=", "cryptography", "openssl=1.0"),
        300,
        url=TOKEN_URL,
    ),
)
BUILD_FILES = {
    "/opt/miniconda3/.condarc": f"channels:\n  - {TOKEN_URL}\n  - defaults\nadd_pip_as_python_dependency: false\n"
}


def gpu_host(name: str) -> HostPlan:
    """One of the GPU hosts, which are all alike."""
    return HostPlan(
        name, "conda 4.3.16, site rules, a pin", {"/opt/conda": "4.3.16"}, ("eve",), GPU_ENVIRONMENTS, GPU_FILES
    )


HOSTS = (
    gpu_host("gpu01"),
    gpu_host("gpu02"),
    gpu_host("gpu03"),
    HostPlan(
        "login01",
        "two installations, three users, secrets and damage",
        {"/opt/conda": "4.3.16", "/home/bob/miniconda3": "4.3.13"},
        ("alice", "bob", "carol"),
        LOGIN_ENVIRONMENTS,
        LOGIN_FILES,
    ),
    HostPlan(
        "build01",
        "conda 4.3.13, a token in its channel",
        {"/opt/miniconda3": "4.3.13"},
        (),
        BUILD_ENVIRONMENTS,
        BUILD_FILES,
    ),
    HostPlan("bare01", "no conda at all", users=("dave",)),
)

__all__ = ("HOSTS", "PACKAGES", "EnvironmentPlan", "HostPlan", "PackagePlan")
