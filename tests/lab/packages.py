# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Conda packages written with the standard library: the .tar.bz2 form that every conda since the first can read."""

from __future__ import annotations

import bz2
import configparser
import hashlib
import io
import json
import os
import subprocess
import tarfile
import tempfile
import typing as t
import zipfile
from pathlib import Path

from .sources import Interpreter

# The text that stands for the prefix inside a package. Installers replace it by the prefix they install into.
PLACEHOLDER = "/opt/anaconda1anaconda2anaconda3"
# All files carry this time, so that the same recipe gives the same archive.
EPOCH = 1490000000
# conda 4.x knows no aarch64 and calls every 64-bit Linux linux-64.
SUBDIR = "linux-64"


class File(t.NamedTuple):
    """A file of a package: its bytes, or the target of a symbolic link."""

    data: bytes = b""
    executable: bool = False
    link: str = ""


class Package(t.NamedTuple):
    """The identity of a package: what info/index.json says."""

    name: str
    version: str
    build: str = "0"
    number: int = 0
    depends: tuple[str, ...] = ()
    # "", "python" or "generic"
    noarch: str = ""
    license: str = "MIT"
    entry_points: tuple[str, ...] = ()

    @property
    def subdir(self) -> str:
        """The channel folder this package belongs to."""
        return "noarch" if self.noarch else SUBDIR


def write_package(channel: Path, package: Package, files: t.Mapping[str, File], *, level: int = 9) -> Path:
    """Write the package into the channel folder and return its path.

    ``files`` maps paths in the prefix to their content; a text that holds PLACEHOLDER is marked for replacement.
    ``level`` is bzip2's, 1 (quick) to 9 (small).
    """
    members = {f"info/{name}": File(text.encode()) for name, text in info_files(package, files).items()}
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for path, file in [*members.items(), *sorted(files.items())]:
            add_member(archive, path, file)
    out = channel / package.subdir / f"{package.name}-{package.version}-{package.build}.tar.bz2"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(bz2.compress(stream.getvalue(), level))
    return out


def add_member(archive: tarfile.TarFile, path: str, file: File) -> None:
    """Append one file or link to the archive."""
    member = tarfile.TarInfo(path)
    member.mtime = EPOCH
    member.mode = 0o755 if file.executable else 0o644
    if file.link:
        member.type, member.linkname = tarfile.SYMTYPE, file.link
        archive.addfile(member)
        return
    member.size = len(file.data)
    archive.addfile(member, io.BytesIO(file.data))


def info_files(package: Package, files: t.Mapping[str, File]) -> dict[str, str]:
    """The texts of the info folder (conda-build's documentation of the package format)."""
    index = {
        "name": package.name,
        "version": package.version,
        "build": package.build,
        "build_number": package.number,
        "depends": list(package.depends),
        "license": package.license,
        "subdir": package.subdir,
        "arch": None if package.noarch else "x86_64",
        "platform": None if package.noarch else "linux",
    }
    if package.noarch:
        index["noarch"] = package.noarch
    paths = [path_entry(path, file) for path, file in sorted(files.items())]
    texts = {
        "index.json": json.dumps(index, indent=2, sort_keys=True),
        "files": "".join(f"{path}\n" for path in sorted(files)),
        "paths.json": json.dumps({"paths": paths, "paths_version": 1}, indent=2),
        "about.json": json.dumps({"license": package.license, "summary": package.name}),
        "recipe.json": "{}",
    }
    marked = [f'"{PLACEHOLDER}" "text" "{entry["_path"]}"\n' for entry in paths if "prefix_placeholder" in entry]
    if marked:
        texts["has_prefix"] = "".join(marked)
    if package.noarch == "python":
        noarch = {"type": "python", "entry_points": list(package.entry_points)}
        # conda 4.3 reads the first name, later ones the second.
        texts["package_metadata.json"] = texts["link.json"] = json.dumps(
            {"noarch": noarch, "package_metadata_version": 1}
        )
    return texts


def path_entry(path: str, file: File) -> dict[str, t.Any]:
    """What info/paths.json says about one file."""
    entry: dict[str, t.Any] = {
        "_path": path,
        "path_type": "softlink" if file.link else "hardlink",
        "sha256": hashlib.sha256(file.data).hexdigest(),
        "size_in_bytes": len(file.data),
    }
    if PLACEHOLDER.encode() in file.data and b"\0" not in file.data:
        entry.update(prefix_placeholder=PLACEHOLDER, file_mode="text")
    return entry


def byte_code(python: Interpreter, files: t.Mapping[str, File]) -> dict[str, File]:
    """The byte code of the files' Python modules below lib/, as this interpreter compiles them."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for path, file in files.items():
            if path.endswith(".py") and path.startswith("lib/"):
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.data)
                os.utime(target, (EPOCH, EPOCH))
        command = [str(python.executable), "-I", "-W", "ignore", "-m", "compileall", "-q", "lib"]
        # Some sources are templates or old syntax on purpose; what does not compile has no byte code.
        subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        return {str(path.relative_to(folder)): File(path.read_bytes()) for path in folder.rglob("*.pyc")}


def entry_script(entry_point: str) -> tuple[str, File]:
    """The path and the script of a console entry point, given as ``name = module:function``."""
    name, target = (part.strip() for part in entry_point.split("="))
    module, function = (part.strip() for part in target.split("[")[0].split(":"))
    text = f"#!{PLACEHOLDER}/bin/python\nimport sys\n\nfrom {module} import {function}\n\nsys.exit({function}())\n"
    return f"bin/{name}", File(text.encode(), executable=True)


def read_wheel(wheel: Path) -> tuple[dict[str, File], tuple[str, ...], dict[str, str]]:
    """A wheel's files relative to site-packages, its console entry points and its metadata headers."""
    files: dict[str, File] = {}
    entry_points: tuple[str, ...] = ()
    headers: dict[str, str] = {}
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(("/", ".dist-info/RECORD")):
                continue
            data = archive.read(name)
            files[name] = File(data, executable=".so" in name)
            if name.endswith(".dist-info/entry_points.txt"):
                entry_points = console_scripts(data.decode())
            elif name.endswith(".dist-info/METADATA"):
                lines = data.decode().split("\n\n", 1)[0].splitlines()
                headers = dict(line.split(": ", 1) for line in lines if ": " in line)
    return files, entry_points, headers


def console_scripts(text: str) -> tuple[str, ...]:
    """The console entry points of an entry_points.txt, as ``name = module:function``."""
    parser = configparser.ConfigParser(delimiters=("=",))
    parser.optionxform = str  # type: ignore[method-assign, assignment]
    parser.read_string(text)
    if not parser.has_section("console_scripts"):
        return ()
    return tuple(f"{name} = {target}" for name, target in parser.items("console_scripts"))


def wheel_package(
    channel: Path,
    wheel: Path,
    python: Interpreter,
    *,
    name: str = "",
    depends: t.Iterable[str] = (),
    noarch: bool = False,
) -> Path:
    """Turn a wheel into a conda package, for one Python minor version or for all of them (noarch)."""
    files, entry_points, headers = read_wheel(wheel)
    label = "py" + python.minor.replace(".", "")
    package = Package(
        name or headers["Name"].lower(),
        headers["Version"],
        build="py_0" if noarch else f"{label}_0",
        depends=("python" if noarch else f"python {python.minor}*", *depends),
        noarch="python" if noarch else "",
        entry_points=entry_points if noarch else (),
    )
    folder = "site-packages/" if noarch else f"lib/python{python.minor}/site-packages/"
    placed = {folder + path: file for path, file in files.items()}
    if not noarch:
        placed.update(entry_script(entry_point) for entry_point in entry_points)
        placed.update(byte_code(python, placed))
    return write_package(channel, package, placed)


__all__ = (
    "EPOCH",
    "PLACEHOLDER",
    "SUBDIR",
    "File",
    "Package",
    "byte_code",
    "entry_script",
    "wheel_package",
    "write_package",
)
