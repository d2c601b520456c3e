# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's conda channels: real packages of conda, CPython and libraries, as a folder that conda reads by file://.

* pkgs/main: conda 4.2.7, 4.3.13 and 4.3.16, CPython 3.6 and a newer one, and a build of every library for its Python
* conda-forge: pure Python libraries as noarch packages, which conda 4.2 cannot read
* wheels: what pip installs inside an environment
"""

from __future__ import annotations

import asyncio
import bz2
import shutil
import tempfile
import typing as t
from pathlib import Path

from . import LabUnavailable, cache, packages, parts, sources

CONDA_VERSIONS = ("4.2.7", "4.3.13", "4.3.16")
OLD_PYTHON = "3.6"
# Ansible's modules need 3.8 or newer; the first that is found is taken.
NEW_PYTHONS = ("3.11", "3.12", "3.13", "3.10", "3.9")

ARCHIVES = (*(f"conda=={version}" for version in CONDA_VERSIONS), "pycosat==0.6.3", "pyyaml==3.13")
OLD_WHEELS = (
    "certifi==2018.1.18", "chardet==3.0.4", "click==6.7", "click==7.0", "flask==1.0.4", "idna==2.6",
    "itsdangerous==1.1.0", "jinja2==2.10", "markupsafe==1.1.1", "pip==10.0.1", "pytz==2017.2", "pytz==2018.9",
    "requests==2.12.4", "requests==2.18.4", "ruamel.yaml==0.15.100", "setuptools==36.4.0", "setuptools==40.6.2",
    "six==1.10.0", "six==1.11.0", "urllib3==1.22", "werkzeug==0.16.1", "wheel==0.29.0", "wheel==0.32.3",
)  # fmt: skip
NEW_WHEELS = ("click==8.1.7", "packaging==23.2", "pip==23.3.2", "setuptools==68.2.2", "six==1.16.0", "wheel==0.42.0")
PIP_WHEELS = ("colorama==0.4.1", "toml==0.10.2")

DEPENDS = {
    "flask": ("click", "itsdangerous", "jinja2", "werkzeug"),
    "jinja2": ("markupsafe",),
    "pip": ("setuptools", "wheel"),
    "wheel": ("setuptools",),
}
REQUESTS_DEPENDS = ("certifi >=2017.4.17", "chardet >=3.0.2,<3.1", "idna >=2.5,<2.7", "urllib3 >=1.21.1,<1.23")
NOARCH = ("click", "flask", "itsdangerous", "jinja2", "packaging", "pytz", "six", "werkzeug")


def conda_depends(version: str, python: str) -> tuple[str, ...]:
    """What a conda package of this version needs. The ``conda env`` of 4.2 imports yaml."""
    common = (f"python {python}*", "conda-env", "pycosat >=0.6.1", "requests >=2.12", "ruamel_yaml >=0.11.14")
    return (*common, "pyyaml") if version.startswith("4.2") else common


def new_python() -> sources.Interpreter:
    """A CPython that Ansible can run its modules with."""
    for minor in NEW_PYTHONS:
        python = sources.find_python(minor)
        if python is not None:
            return python
    return sources.running_python()


def old_python() -> sources.Interpreter:
    """The CPython that conda 4.x was made for; raises LabUnavailable when the machine has none."""
    python = sources.find_python(OLD_PYTHON)
    if python is None:
        raise LabUnavailable(
            f"Hosts with real conda need a CPython {OLD_PYTHON}, and this machine has none: "
            f"install one with pyenv ('pyenv install {OLD_PYTHON}') or put python{OLD_PYTHON} on the PATH."
        )
    return python


def channels() -> Path:
    """The folder with all channels, built when it is not in the cache."""
    old, new = old_python(), new_python()
    key = cache.recipe_key(
        Path(__file__).read_text(encoding="utf-8"), packages, parts, sources, old.version, new.version
    )
    return cache.built("channels", key, lambda folder: build(folder, old, new), what="conda channels from PyPI")


def build(folder: Path, old: sources.Interpreter, new: sources.Interpreter) -> None:
    """Write all channels into the folder."""
    for tool in ("patchelf", "strip", "dpkg-query"):
        if shutil.which(tool) is None:
            raise LabUnavailable(
                f"{tool} is missing: the lab's channels are built on Debian; see 'python -m lab packages'."
            )
    main, forge = folder / "pkgs" / "main", folder / "conda-forge"
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        material = Path(temporary)
        sources.download_archives(ARCHIVES, material / "archives")
        sources.download_wheels(OLD_WHEELS, material / "old", old)
        sources.download_wheels(NEW_WHEELS, material / "new", new)
        sources.download_wheels(PIP_WHEELS, folder / "wheels", old)
        cache.say("downloaded conda and its dependencies")
        write_compiled(main, material, old)
        write_wheels(main, forge, material / "old", old)
        write_wheels(main, forge, material / "new", new)
        for version in CONDA_VERSIONS:
            depends = conda_depends(version, old.minor)
            parts.conda_package(main, material / "archives", version, old, depends, CONDA_VERSIONS[0])
    libraries = parts.library_packages(main)
    for python in (old, new):
        parts.python_package(main, python, depends=libraries, relocate=True)
        cache.say(f"packaged CPython {python.version}")
    for channel in (main, forge):
        index(channel)


def write_compiled(channel: Path, material: Path, python: sources.Interpreter) -> None:
    """Compile and package what has no wheel for the old Python, and the two empty companions of conda."""
    for name, version, options in (("pycosat", "0.6.3", ()), ("pyyaml", "3.13", ("--without-libyaml",))):
        (archive,) = [path for path in (material / "archives").iterdir() if path.name.lower().startswith(name)]
        out = material / f"{name}-built"
        sources.build_extension(archive, python, out, *options)
        package = packages.Package(name, version, "py36_0", 0, (f"python {python.minor}*",))
        files = site_packages(out, python.minor)
        packages.write_package(channel, package, {**files, **packages.byte_code(python, files)})
    packages.write_package(channel, packages.Package("conda-env", "2.6.0"), {})


def site_packages(built: Path, python: str) -> dict[str, packages.File]:
    """The files of a build folder, at their place in a prefix."""
    folder = f"lib/python{python}/site-packages"
    found = [path for path in built.rglob("*") if path.is_file() and not path.name.startswith("test_")]
    return {
        f"{folder}/{path.relative_to(built)}": packages.File(path.read_bytes(), ".so" in path.name) for path in found
    }


def write_wheels(main: Path, forge: Path, wheels: Path, python: sources.Interpreter) -> None:
    """Package every wheel for its Python, and the pure libraries as noarch too."""
    for wheel in sorted(wheels.glob("*.whl")):
        name, version = wheel.name.lower().split("-")[:2]
        depends: t.Sequence[str] = DEPENDS.get(name, ())
        if (name, version) == ("requests", "2.18.4"):
            depends = REQUESTS_DEPENDS
        conda_name = name.replace("ruamel.yaml", "ruamel_yaml")
        packages.wheel_package(main, wheel, python, name=conda_name, depends=depends)
        if name in NOARCH:
            packages.wheel_package(forge, wheel, python, name=conda_name, depends=depends, noarch=True)


def index(channel: Path) -> None:
    """Write repodata.json with py-rattler, and the .bz2 form.

    conda 4.x asks a file:// channel for the .bz2 only, and takes its absence for an empty channel.
    """
    try:
        from rattler.index import index_fs
    except ImportError:
        raise LabUnavailable("The lab needs py-rattler: install it with pip into this Python's environment.") from None

    for subdir in (packages.SUBDIR, "noarch"):
        (channel / subdir).mkdir(parents=True, exist_ok=True)

    async def run() -> None:
        await index_fs(channel, write_zst=False, write_shards=False)

    asyncio.run(run())
    for subdir in (packages.SUBDIR, "noarch"):
        repodata = channel / subdir / "repodata.json"
        repodata.with_name("repodata.json.bz2").write_bytes(bz2.compress(repodata.read_bytes()))


__all__ = ("CONDA_VERSIONS", "channels", "index", "new_python", "old_python")
