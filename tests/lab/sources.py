# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the lab's raw material comes from: archives and wheels by pip, and the Pythons of this machine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

from . import LabUnavailable

# pip asks an archive's build code for its name and version before it keeps the file, and the setup.py of conda 4.x
# fails on today's Pythons. This stand-in for the build code answers from PKG-INFO: nothing from the archive is run.
STAND_IN_BACKEND = """
import os

class Backend:
    def get_requires_for_build_wheel(self, config_settings=None):
        return []

    def prepare_metadata_for_build_wheel(self, folder, config_settings=None):
        with open("PKG-INFO", encoding="utf-8", errors="replace") as stream:
            lines = stream.read().split("\\n\\n")[0].splitlines()
        fields = dict(line.split(": ", 1) for line in lines if ": " in line)
        name = "%s-%s.dist-info" % (fields["Name"].replace("-", "_"), fields["Version"])
        os.mkdir(os.path.join(folder, name))
        with open(os.path.join(folder, name, "METADATA"), "w", encoding="utf-8") as stream:
            stream.write("Metadata-Version: 2.1\\nName: %(Name)s\\nVersion: %(Version)s\\n" % fields)
        return name

__legacy__ = Backend()
"""

FACTS_SCRIPT = """
import json, os, sys, sysconfig
value = sysconfig.get_config_var
print(json.dumps({
    "executable": os.path.realpath(sys.executable),
    "version": sys.version.split()[0],
    "stdlib": sysconfig.get_path("stdlib"),
    "home": sys.base_prefix,
    "libraries": [os.path.join(value("LIBDIR"), value("INSTSONAME"))] if value("Py_ENABLE_SHARED") else [],
}))
"""


class Interpreter(t.NamedTuple):
    """A CPython of this machine, as it describes itself."""

    executable: Path
    version: str
    stdlib: Path
    home: Path
    libraries: tuple[Path, ...]

    @property
    def minor(self) -> str:
        """Version without the patch level, for example ``3.6``."""
        return ".".join(self.version.split(".")[:2])


def ask(executable: str | Path) -> Interpreter | None:
    """Let a Python describe itself; None when it is absent or does not run."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": os.path.expanduser("~")}
    try:
        answer = subprocess.run(
            [str(executable), "-I", "-c", FACTS_SCRIPT], capture_output=True, check=True, timeout=30, env=environment
        )
    except (OSError, subprocess.SubprocessError):
        return None
    facts = json.loads(answer.stdout)
    # A Debian keeps libpython where the loader finds it by itself.
    libraries = tuple(Path(path) for path in facts["libraries"] if os.path.exists(path))
    return Interpreter(
        Path(facts["executable"]), facts["version"], Path(facts["stdlib"]), Path(facts["home"]), libraries
    )


def find_python(minor: str) -> Interpreter | None:
    """A CPython of this minor version: pyenv's newest patch level first, then the PATH."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv"))
    found = sorted(pyenv.glob(f"versions/{minor}.*/bin/python{minor}"), key=lambda path: version_key(str(path)))
    for candidate in [*reversed(found), shutil.which(f"python{minor}")]:
        interpreter = ask(candidate) if candidate else None
        if interpreter is not None and interpreter.minor == minor:
            return interpreter
    return None


def running_python() -> Interpreter:
    """The Python that runs this, outside its virtual environment."""
    interpreter = ask(getattr(sys, "_base_executable", sys.executable))
    if interpreter is None:
        raise LabUnavailable(f"The Python at {sys.executable} cannot be asked for its own paths.")
    return interpreter


def version_key(text: str) -> list[int]:
    """The numbers in a text, to sort versions by."""
    return [int(number) for number in re.findall(r"\d+", text)]


def pip_download(specs: t.Iterable[str], folder: Path, *options: str, extra_path: Path | None = None) -> None:
    """Download exactly these distributions with pip, without their dependencies.

    Several versions of one project are fetched by several calls, because one call refuses them.
    Raises LabUnavailable with pip's last line when pip fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    environment = dict(os.environ, PIP_DISABLE_PIP_VERSION_CHECK="1")
    if extra_path is not None:
        environment["PYTHONPATH"] = str(extra_path)
    for batch in batches(specs):
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", *options, "-d", str(folder), *batch]
        answer = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if answer.returncode:
            reason = (answer.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
            raise LabUnavailable(f"pip could not download {', '.join(batch)}: {reason}")


def batches(specs: t.Iterable[str]) -> list[list[str]]:
    """Split ``name==version`` specs so that no batch names a project twice."""
    result: list[dict[str, str]] = []
    for spec in specs:
        name = spec.split("==")[0].lower()
        for batch in result:
            if name not in batch:
                batch[name] = spec
                break
        else:
            result.append({name: spec})
    return [list(batch.values()) for batch in result]


def download_archives(specs: t.Iterable[str], folder: Path) -> None:
    """Download source archives; none of their code is run."""
    stand_in = folder / "stand-in"
    (stand_in / "setuptools").mkdir(parents=True, exist_ok=True)
    (stand_in / "setuptools" / "__init__.py").write_text("")
    (stand_in / "setuptools" / "build_meta.py").write_text(STAND_IN_BACKEND)
    options = ("--no-binary", ":all:", "--no-build-isolation", "--use-pep517")
    pip_download(specs, folder, *options, extra_path=stand_in)
    shutil.rmtree(stand_in)


def download_wheels(specs: t.Iterable[str], folder: Path, python: Interpreter) -> None:
    """Download wheels that run on this Python, which need not be the running one."""
    abi = "cp" + python.minor.replace(".", "") + ("m" if python.minor in ("3.6", "3.7") else "")
    options = ["--only-binary", ":all:", "--python-version", python.minor, "--implementation", "cp"]
    for name in (abi, "abi3", "none"):
        options += ["--abi", name]
    for name in (*wheel_platforms(), "any"):
        options += ["--platform", name]
    pip_download(specs, folder, *options)


def wheel_platforms() -> list[str]:
    """The platform tags of binary wheels for this machine, for any glibc of the last ten years."""
    if sys.platform == "darwin":
        return [f"macosx_{major}_0_{os.uname().machine}" for major in range(11, 16)]
    machine = os.uname().machine
    return [f"{tag}_{machine}" for tag in ("manylinux1", "manylinux2010", "manylinux2014", "manylinux_2_17")]


def build_extension(archive: Path, python: Interpreter, out: Path, *options: str) -> None:
    """Compile a distribution's source archive with the given Python into ``out``, without pip.

    Raises LabUnavailable when it does not compile.
    """
    source = out.with_name(out.name + "-source")
    shutil.unpack_archive(archive, source)
    (folder,) = [path for path in source.iterdir() if path.is_dir()]
    command = [str(python.executable), "setup.py", "-q", *options, "build", "--build-lib", str(out)]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(source)}
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, check=False)
    shutil.rmtree(source)
    if answer.returncode:
        reason = (answer.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise LabUnavailable(
            f"{archive.name} could not be compiled for Python {python.minor} (is gcc there?): {reason}"
        )


__all__ = (
    "Interpreter",
    "build_extension",
    "download_archives",
    "download_wheels",
    "find_python",
    "running_python",
)
