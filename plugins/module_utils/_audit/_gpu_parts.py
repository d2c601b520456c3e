# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the judgement on GPUs is about: devices, drivers, the CUDA stack of an environment, and a verdict on it.

It is apart from the code that reads and judges stacks, which a host without CUDA is spared; see _gpu_host.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._cuda_table import CudaTable, Kernels, numbers
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rule import Problem
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._pip import normalize

CPU = "cpu"
_RECORDS = frozenset(
    "pytorch libtorch tensorflow tensorflow-base jaxlib cudatoolkit cuda-cudart libcublas cudnn libcudnn cuda-version "
    "cuda-arch".split()
)
_PIP = re.compile(r"^(?:torch|tensorflow(?:-cpu|-gpu)?|jaxlib|jax-cuda\d+-plugin|cupy-cuda\d+x?|nvidia-.+)$")


class Framework(t.NamedTuple):
    """One build of PyTorch, TensorFlow, JAX or CuPy.

    :param cuda: the CUDA release it is built for, or its major only; C(cpu), C(rocm) or C(xpu); None if nothing tells.
    :param origin: C(conda) or C(pip).
    :param source: what tells it.
    :param kernels: what machine code it holds, where that is known.
    :param cudnn: the major of cuDNN it is built for.
    """

    name: str
    version: str
    cuda: t.Optional[str]
    origin: str
    source: str
    kernels: t.Optional[Kernels] = None
    cudnn: t.Optional[int] = None

    @property
    def has_cuda(self) -> bool:
        return self.cuda is not None and self.cuda[:1].isdigit()


class Library(t.NamedTuple):
    """A CUDA runtime or a cuDNN: its version, or its major only, who brought it, and the package that tells.

    :param major: for cuDNN, the CUDA major it is built for.
    """

    version: str
    origin: str
    package: str
    major: t.Optional[int] = None


class Stack(t.NamedTuple):
    """All of an environment that has to do with CUDA; notes are paths and reasons of what could not be read."""

    frameworks: t.Tuple[Framework, ...] = ()
    toolkits: t.Tuple[Library, ...] = ()
    cudnns: t.Tuple[Library, ...] = ()
    least_capability: t.Optional[str] = None
    platform: str = "linux-64"
    notes: t.Tuple[t.Tuple[str, str], ...] = ()

    @property
    def torch(self) -> t.Optional[Framework]:
        """The PyTorch that an import finds: pip writes over conda's."""
        copies = [item for item in self.frameworks if item.name == "torch"]
        return copies[-1] if copies else None

    @property
    def cuda(self) -> t.Optional[str]:
        """The CUDA release of the environment: that of its first framework with CUDA, else of its first runtime."""
        names = [t.cast(str, item.cuda) for item in self.frameworks if item.has_cuda]
        return (names + [item.version for item in self.toolkits] + [None])[0]


class Device(t.NamedTuple):
    """A kind of GPU: its name and its compute capability, None where the tables do not know it."""

    name: str
    capability: t.Optional[str]


class Target(t.NamedTuple):
    """What a stack is judged against.

    :param driver: the version, or a branch alone; None where there is no driver.
    :param devices: the different kinds of GPUs.
    :param assumed: whether the driver is assumed, not loaded.
    :param compat: the version of a libcuda for forward compatibility that lies at hand.
    """

    driver: t.Optional[str]
    devices: t.Tuple[Device, ...] = ()
    assumed: bool = False
    compat: t.Optional[str] = None

    @property
    def driver_words(self) -> str:
        return "the %s driver is %s" % ("assumed" if self.assumed else "loaded", self.driver)


class Verdict:
    """The problems of one environment by rule, and what could not be judged."""

    def __init__(self) -> None:
        self.problems: t.List[t.Tuple[str, Problem]] = []
        self.unknown: t.List[str] = []

    def add(self, rule: str, evidence: str, **more: t.Any) -> None:
        self.problems.append((rule, Problem(evidence, **more)))

    def of(self, rule: str) -> t.List[Problem]:
        return [problem for name, problem in self.problems if name == rule]

    @property
    def answer(self) -> str:
        """In one word: C(fails), C(unknown), C(limited) or C(ok), as far as driver and GPUs go."""
        found = [problem.severity for name, problem in self.problems if name in ("env.gpu_driver", "env.gpu_arch")]
        if any(severity in (None, "high") for severity in found):
            return "fails"
        if self.unknown or "medium" in found:
            return "unknown"
        return "limited" if found else "ok"


def is_of_interest(environment: Environment) -> bool:
    """Whether an environment has anything to do with CUDA, as the names of its packages tell."""
    return any(record.name in _RECORDS for record in environment.records or ()) or any(
        _PIP.match(normalize(package.name)) for package in environment.pip_packages
    )


def dropped_devices(target: Target, table: CudaTable) -> t.List[t.Tuple[Device, str, int]]:
    """The devices that the driver's branch no longer serves, with their architecture and its last branch."""
    found = []
    branch = numbers(target.driver or "")[:1]
    for device in target.devices:
        known = table.architecture(device.capability) if device.capability else None
        if branch and known and known.last_branch is not None and branch[0] > known.last_branch:
            found.append((device, known.name, known.last_branch))
    return found


__all__ = (
    "CPU",
    "Device",
    "Framework",
    "Library",
    "Stack",
    "Target",
    "Verdict",
    "dropped_devices",
    "is_of_interest",
)
