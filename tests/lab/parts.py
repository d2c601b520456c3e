# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The large parts of the channel: conda itself, CPython, and the shared libraries CPython needs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import typing as t
from pathlib import Path

from . import LabUnavailable
from .packages import PLACEHOLDER, File, Package, byte_code, entry_script, write_package
from .sources import Interpreter

# (package, Debian package with the version, libraries, dependencies)
LIBRARIES = (
    ("openssl", "libssl3", ("libssl.so.3", "libcrypto.so.3"), ()),
    ("zlib", "zlib1g", ("libz.so.1",), ()),
    ("xz", "liblzma5", ("liblzma.so.5",), ()),
    ("bzip2", "libbz2-1.0", ("libbz2.so.1.0",), ()),
    ("ncurses", "libncursesw6", ("libncursesw.so.6", "libtinfo.so.6", "libpanelw.so.6"), ()),
    ("readline", "libreadline8", ("libreadline.so.8",), ("ncurses",)),
    ("sqlite", "libsqlite3-0", ("libsqlite3.so.0",), ()),
    ("libffi", "libffi8", ("libffi.so.8",), ()),
    ("expat", "libexpat1", ("libexpat.so.1",), ()),
)

# Parts of a CPython that no lab host needs.
DROPPED_FOLDERS = {
    "__pycache__", "dist-packages", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "site-packages", "test", "tests",
    "tkinter", "turtledemo",
}  # fmt: skip
DROPPED_FILES = re.compile(r"(_tkinter|nis|_test\w*|_ctypes_test|xxlimited\w*|sitecustomize)\..*|.*\.(a|o|pyc)$")


def library_packages(channel: Path) -> list[str]:
    """Package the shared libraries of this Debian, so that a host needs only its glibc. Returns the package names."""
    folder = Path(f"/lib/{os.uname().machine}-linux-gnu")
    for name, debian_package, libraries, depends in LIBRARIES:
        files: dict[str, File] = {}
        for library in libraries:
            if not (folder / library).exists():
                raise LabUnavailable(f"{folder / library} is missing: install the Debian package {debian_package}.")
            real = (folder / library).resolve()
            files[f"lib/{real.name}"] = File(relocated(real, "$ORIGIN"), executable=True)
            if real.name != library:
                files[f"lib/{library}"] = File(link=real.name)
        write_package(channel, Package(name, debian_version(debian_package), depends=depends), files)
    return [library[0] for library in LIBRARIES]


def debian_version(debian_package: str) -> str:
    """The upstream part of an installed Debian package's version."""
    command = ["dpkg-query", "-W", "-f", "${Version}", debian_package]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise LabUnavailable(f"The Debian package {debian_package} is missing: install it with apt.")
    return re.split(r"[-+~]|\.dfsg", re.sub(r"^\d+:", "", answer.stdout))[0]


def relocated(binary: Path, run_path: str) -> bytes:
    """The bytes of a binary without debug symbols that looks for its libraries at ``run_path``."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / binary.name
        shutil.copyfile(binary, copy)
        copy.chmod(0o755)
        subprocess.run(["strip", "--strip-debug", str(copy)], check=True)
        subprocess.run(["patchelf", "--set-rpath", run_path, str(copy)], check=True)
        return copy.read_bytes()


def python_package(
    channel: Path,
    python: Interpreter,
    *,
    depends: t.Iterable[str] = (),
    relocate: bool,
    extra: t.Mapping[str, File] | None = None,
) -> None:
    """Package a CPython of this machine.

    ``relocate`` lets the binaries find their libraries in the prefix (needs patchelf and strip); without it they are
    used as they are and run on this machine only. ``extra`` adds files, for example a sitecustomize.py.
    """
    library = f"lib/python{python.minor}"
    files = standard_library(python, library)
    files.update(extra or {})
    files[f"bin/python{python.minor}"] = File(python.executable.read_bytes(), executable=True)
    for name in ("python", "python3"):
        files[f"bin/{name}"] = File(link=f"python{python.minor}")
    for shared in python.libraries:
        files[f"lib/{shared.name}"] = File(shared.read_bytes(), executable=True)
    if relocate:
        files = {path: relocated_file(path, file) for path, file in files.items()}
    files[f"{library}/site-packages/README.txt"] = File(b"This directory contains Python packages.\n")
    files.update(byte_code(python, files))
    package = Package("python", python.version, depends=tuple(depends), license="PSF")
    write_package(channel, package, files, level=1)


def standard_library(python: Interpreter, library: str) -> dict[str, File]:
    """The files of the standard library, with the old prefix replaced by the placeholder."""
    files: dict[str, File] = {}
    home = str(python.home).encode()
    for folder, folders, names in os.walk(python.stdlib):
        folders[:] = [name for name in folders if name not in DROPPED_FOLDERS and not name.startswith("config-")]
        for name in names:
            path = Path(folder) / name
            if DROPPED_FILES.fullmatch(name) or not path.exists():
                continue
            data = path.read_bytes()
            if b"\0" not in data and len(home) > len("/usr"):
                data = data.replace(home, PLACEHOLDER.encode())
            files[f"{library}/{path.relative_to(python.stdlib)}"] = File(data, executable=os.access(path, os.X_OK))
    return files


def relocated_file(path: str, file: File) -> File:
    """The same file, made relocatable when it is a binary."""
    if not file.data.startswith(b"\x7fELF"):
        return file
    up = os.path.relpath("lib", os.path.dirname(path))
    with tempfile.TemporaryDirectory() as folder:
        binary = Path(folder) / os.path.basename(path)
        binary.write_bytes(file.data)
        return file._replace(data=relocated(binary, "$ORIGIN" if up == "." else f"$ORIGIN/{up}"))


def conda_package(
    channel: Path, archives: Path, version: str, python: Interpreter, depends: t.Iterable[str], shell_from: str
) -> None:
    """Package conda from its source archive, unchanged.

    ``shell_from`` is the version whose archive has the activation scripts: the 4.3 archives lack them.
    """
    site_packages = f"lib/python{python.minor}/site-packages"
    files: dict[str, File] = {}
    for path, data in archive_members(archives / f"conda-{version}.tar.gz"):
        if path.startswith(("conda/", "conda_env/")) and not path.endswith(".exe"):
            files[f"{site_packages}/{path}"] = File(data)
        elif path == "PKG-INFO":
            files[f"{site_packages}/conda-{version}-py{python.minor}.egg-info"] = File(data)
    for path, data in archive_members(archives / f"conda-{shell_from}.tar.gz"):
        if path in ("shell/activate", "shell/deactivate"):
            files["bin/" + os.path.basename(path)] = File(data, executable=True)
        elif path == "shell/conda.fish":
            files["etc/fish/conf.d/conda.fish"] = File(data)
    files.update([entry_script("conda = conda.cli.main:main"), entry_script("conda-env = conda_env.cli.main:main")])
    files.update(byte_code(python, files))
    build = "py" + python.minor.replace(".", "") + "_0"
    write_package(channel, Package("conda", version, build, 0, tuple(depends), license="BSD"), files)


def archive_members(archive: Path) -> t.Iterator[tuple[str, bytes]]:
    """The regular files of a source archive, with paths below its top folder."""
    with tarfile.open(archive) as opened:
        for member in opened:
            stream = opened.extractfile(member)
            if stream is not None:
                yield member.name.split("/", 1)[1], stream.read()


__all__ = ("conda_package", "library_packages", "python_package")
