# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real conda for use on this machine alone: a channel made without root, compilers' tools or Debian packages.

Its CPython is the machine's own, taken as it is. Where there is no CPython 3.6, the running one is taken, and shims
let conda 4.3 start on it: good enough to show an installation, not to prove how conda behaves.
"""

from __future__ import annotations

import tempfile
import typing as t
from pathlib import Path

from . import LabUnavailable, cache, channel, packages, parts, sources

CONDA_VERSIONS = ("4.3.13", "4.3.16")
# The activation scripts of this version are put into the others' packages.
SHELL_VERSION = "4.2.7"

OLD_WHEELS = (
    "pip==10.0.1", "requests==2.12.4", "ruamel.yaml==0.15.100", "setuptools==40.6.2", "six==1.10.0", "wheel==0.32.3",
)  # fmt: skip
NEW_WHEELS = (
    "certifi==2024.2.2", "charset-normalizer==3.3.2", "cytoolz==1.1.0", "idna==3.6", "pip==23.3.2", "requests==2.31.0",
    "ruamel.yaml==0.17.40", "setuptools==68.2.2", "six==1.16.0", "toolz==1.1.0", "urllib3==1.26.18", "wheel==0.42.0",
)  # fmt: skip

# What conda 4.3 expects of a Python and today's have dropped. Debian's Pythons look for packages in dist-packages only.
SITE_CUSTOMIZE = """\
import builtins
import collections
import collections.abc
import importlib.util
import logging
import os
import platform
import site
import sys
import types
import warnings

for name in collections.abc.__all__:
    if not hasattr(collections, name):
        setattr(collections, name, getattr(collections.abc, name))
platform.linux_distribution = lambda *arguments, **keywords: ("", "", "")
builtins.reload = importlib.reload
if importlib.util.find_spec("cgi") is None:
    sys.modules["cgi"] = types.ModuleType("cgi")
if not hasattr(logging, "_acquireLock"):
    logging._acquireLock = logging._lock.acquire
    logging._releaseLock = logging._lock.release
warnings.simplefilter("ignore")
site.addsitedir(os.path.join(os.path.dirname(os.__file__), "site-packages"))
"""

# conda imports its solver's engine at every start. Without a compiler this takes its place.
ENGINE_STAND_IN = """\
def solve(*arguments, **keywords):
    raise RuntimeError("this conda was made without a C compiler and cannot solve")


itersolve = solve
"""


class Local(t.NamedTuple):
    """A channel of packages that run on this machine."""

    folder: Path
    # Version of its CPython.
    python: str
    # What is not as on a real host, in one sentence; empty when nothing is.
    note: str


def local_channel() -> Local:
    """The channel, built when it is not in the cache."""
    old = sources.find_python(channel.OLD_PYTHON)
    python = old or sources.running_python()
    note = ""
    if old is None:
        note = (
            f"no CPython {channel.OLD_PYTHON} here: conda runs on CPython {python.version} with shims, and cannot solve"
        )
    own_text = Path(__file__).read_text(encoding="utf-8")
    key = cache.recipe_key(own_text, packages, parts, sources, python.version, str(python.executable))
    folder = cache.built("local", key, lambda folder: build(folder, python), what="channel of this machine's own conda")
    return Local(folder, python.version, note)


def build(folder: Path, python: sources.Interpreter) -> None:
    """Write the channel into the folder."""
    is_old = python.minor == channel.OLD_PYTHON
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        material = Path(temporary)
        archives = [f"conda=={version}" for version in (SHELL_VERSION, *CONDA_VERSIONS)]
        sources.download_archives([*archives, "pycosat==0.6.3"] if is_old else archives, material)
        sources.download_wheels(OLD_WHEELS if is_old else NEW_WHEELS, material, python)
        for wheel in sorted(material.glob("*.whl")):
            name = wheel.name.lower().split("-")[0].replace("_", "-")
            packages.wheel_package(folder, wheel, python, name=name.replace("ruamel.yaml", "ruamel_yaml"))
        write_engine(folder, material, python)
        depends = [f"python {python.minor}*", "conda-env", "pycosat", "requests", "ruamel_yaml", "six"]
        if not is_old:
            depends += ["certifi", "charset-normalizer", "cytoolz", "idna", "setuptools", "toolz", "urllib3"]
        for version in CONDA_VERSIONS:
            parts.conda_package(folder, material, version, python, depends, SHELL_VERSION)
    packages.write_package(folder, packages.Package("conda-env", "2.6.0"), {})
    extra = {} if is_old else {f"lib/python{python.minor}/sitecustomize.py": packages.File(SITE_CUSTOMIZE.encode())}
    parts.python_package(folder, python, relocate=False, extra=extra)
    channel.index(folder)


def write_engine(folder: Path, material: Path, python: sources.Interpreter) -> None:
    """Package pycosat, compiled where that works, else its stand-in."""
    place = f"lib/python{python.minor}/site-packages"
    files = {f"{place}/pycosat.py": packages.File(ENGINE_STAND_IN.encode())}
    if python.minor == channel.OLD_PYTHON:
        (archive,) = material.glob("pycosat-*")
        try:
            sources.build_extension(archive, python, material / "built")
            files = channel.site_packages(material / "built", python.minor)
        except LabUnavailable as reason:
            cache.say(f"conda will not be able to solve: {reason}")
    build = "py" + python.minor.replace(".", "") + "_0"
    packages.write_package(folder, packages.Package("pycosat", "0.6.3", build, 0, (f"python {python.minor}*",)), files)


__all__ = ("CONDA_VERSIONS", "Local", "local_channel")
