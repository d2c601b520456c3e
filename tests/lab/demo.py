# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demo fleet: six hosts as folders on this machine, with real conda in them. Needs Python and PyPI, nothing else.

What runs on a host of the demo is real: conda's own code on a CPython, and records written by py-rattler. The packages
of the environments are stand-ins: their names and versions are well known, their files are a line each.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

from . import LabUnavailable, cache, channel, demo_hosts, generated, local, packages, prefixes, sources

RECIPE = ".recipe"
PIP_WHEEL = "colorama==0.4.1"


class Material(t.NamedTuple):
    """What the hosts are made of."""

    local: local.Local
    # Channel of the environments' packages.
    packages: Path
    # Folder with the wheel that pip installs.
    wheels: Path

    @property
    def python(self) -> str:
        """Minor version of the CPython."""
        return ".".join(self.local.python.split(".")[:2])


def make(folder: Path) -> None:
    """Make the fleet below ``folder``/hosts, or leave it when it is there already."""
    started = time.monotonic()
    prepared = material()
    own_text = Path(__file__).read_text(encoding="utf-8")
    key = cache.recipe_key(
        own_text, demo_hosts, generated, prefixes, prepared.local.folder.name, prepared.packages.name
    )
    hosts = folder / "hosts"
    recipe = folder / RECIPE
    if recipe.exists() and recipe.read_text() == key and hosts.is_dir():
        cache.say(f"the demo fleet in {hosts} is ready")
        return
    if prepared.local.note:
        cache.say(prepared.local.note)
    partial = folder / "hosts.partial"
    shutil.rmtree(partial, ignore_errors=True)
    recipe.unlink(missing_ok=True)
    for plan in demo_hosts.HOSTS:
        host_started = time.monotonic()
        make_host(partial / plan.name, plan, prepared)
        cache.say(f"demo host {plan.name}: {plan.text}", host_started)
    shutil.rmtree(hosts, ignore_errors=True)
    partial.rename(hosts)
    prove(hosts)
    recipe.write_text(key)
    cache.say(f"made the demo fleet in {hosts}", started)


def make_base(path: Path) -> None:
    """Make a base prefix with conda 4.3.13 that runs where it lies, anew each time, to be updated by the demo."""
    prepared = local.local_channel()
    if prepared.note:
        raise LabUnavailable(f"The update is not shown: {prepared.note}.")
    minor = ".".join(prepared.python.split(".")[:2])
    url = prepared.folder.as_uri()
    shutil.rmtree(path, ignore_errors=True)
    request = prefixes.Request(
        channels=((prepared.folder, url),),
        specs=("conda=4.3.13", f"python={minor}", "pip", "setuptools", "wheel"),
        seen=str(path),
        condarc=f"channels:\n  - {url}\nauto_update_conda: false\n",
    )
    prefixes.install(path, request)
    for name in ("envs", "pkgs"):
        (path / name).mkdir()


def material() -> Material:
    """Build or find what the hosts are made of."""
    channel_of_conda = local.local_channel()
    minor = ".".join(channel_of_conda.python.split(".")[:2])
    key = cache.recipe_key(demo_hosts, generated, packages, minor)

    def write_packages(folder: Path) -> None:
        for package in demo_hosts.PACKAGES:
            for version in package.versions:
                build = package.builds.get(version, "").replace("PY", "py" + minor.replace(".", ""))
                kind = generated.Kind(package.files, package.library, build=build, texts=package.texts.get(version, {}))
                generated.write(folder, package.name, version, minor, package.depends, kind)
        channel.index(folder)

    def download_wheel(folder: Path) -> None:
        sources.pip_download([PIP_WHEEL], folder, "--only-binary", ":all:")

    return Material(
        channel_of_conda,
        cache.built("demo", key, write_packages, what="packages of the demo's environments"),
        cache.built("wheels", cache.recipe_key(PIP_WHEEL), download_wheel, what="wheel for the demo"),
    )


def make_host(root: Path, plan: demo_hosts.HostPlan, prepared: Material) -> None:
    """Write one host's tree."""
    write_users(root, plan)
    for base, conda in plan.bases.items():
        target = Path(f"{root}{base}")
        request = prefixes.Request(
            channels=((prepared.local.folder, generated.MAIN_URL),),
            specs=(f"conda={conda}", f"python={prepared.python}", "pip", "setuptools", "wheel"),
            seen=base,
            command=f"{base}/bin/conda install -p {base} conda={conda} pip",
            when=packages.EPOCH,
        )
        prefixes.install(target, request)
        for name in ("envs", "pkgs"):
            (target / name).mkdir()
        (target / "pkgs" / "urls.txt").touch()
    for environment in plan.environments:
        make_environment(root, environment, prepared)
    for path, text in plan.files.items():
        target = Path(f"{root}{path}")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def make_environment(root: Path, environment: demo_hosts.EnvironmentPlan, prepared: Material) -> None:
    """Install one environment, with a pip package where the plan says so."""
    target = Path(f"{root}{environment.prefix}")
    specs = tuple(spec.replace("python=", f"python={prepared.python}") for spec in environment.specs)
    request = prefixes.Request(
        channels=((prepared.packages, environment.url), (prepared.local.folder, generated.MAIN_URL)),
        specs=specs,
        seen=environment.prefix,
        command=f"{environment.conda} create -p {environment.prefix} {' '.join(specs)}",
        when=packages.EPOCH + environment.days * 24 * 3600,
    )
    prefixes.install(target, request)
    if environment.pip:
        place = target / "lib" / f"python{prepared.python}" / "site-packages"
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-compile"]
        command += ["--find-links", str(prepared.wheels), "--target", str(place), PIP_WHEEL]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.returncode:
            raise LabUnavailable(f"pip could not install {PIP_WHEEL} into the demo: {answer.stderr.strip()}")


def write_users(root: Path, plan: demo_hosts.HostPlan) -> None:
    """Write the user list and the homes. All files belong to whoever makes the demo, so that user is listed too."""
    lines = ["root:x:0:0:root:/root:/bin/bash"]
    if os.getuid():
        lines.append(f"operator:x:{os.getuid()}:{os.getgid()}::/home/operator:/bin/bash")
    lines += [
        f"{user}:x:{5001 + number}:{5001 + number}::/home/{user}:/bin/bash" for number, user in enumerate(plan.users)
    ]
    for home in ("root", "etc", *(f"home/{user}" for user in plan.users)):
        (root / home).mkdir(parents=True, exist_ok=True)
    (root / "etc" / "passwd").write_text("\n".join(lines) + "\n")
    (root / "etc" / "hostname").write_text(f"{plan.name}\n")


def prove(hosts: Path) -> None:
    """Run one conda of each version where it lies, and print what it says."""
    proven: set[str] = set()
    for plan in demo_hosts.HOSTS:
        for base, conda in plan.bases.items():
            if conda in proven:
                continue
            proven.add(conda)
            prefix = f"{hosts}/{plan.name}{base}"
            with tempfile.TemporaryDirectory() as home:
                answer = subprocess.run(
                    [f"{prefix}/bin/python", f"{prefix}/bin/conda", "--version"],
                    env={"HOME": home, "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
                    capture_output=True,
                    text=True,
                    check=False,
                )
            # conda 4.3 answers on stderr on some Pythons.
            said = (answer.stdout + answer.stderr).strip().splitlines() or ["nothing"]
            cache.say(f"{plan.name}:{base}/bin/conda --version says: {said[-1]}")


__all__ = ("make",)
