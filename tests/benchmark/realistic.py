# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A base prefix and a channel of realistic size, as conda 4.3 meets them: some 28,000 files, some 10,000 records, HTTP.

Every installed package has older versions in the channel, which depend on each other, so that the solver has work; the
rest of the records are of packages that nobody here has. The change brings a new conda, a new build of Python and new
versions of ten packages, 4,000 files in all, which are downloaded each time; the index of the channel was read before,
as on a host where conda is in use.
"""

from __future__ import annotations

import bz2
import functools
import hashlib
import http.server
import io
import json
import random
import shutil
import tarfile
import threading
import typing as t
from pathlib import Path

from benchmark import rollback
from lab import channel, packages
from lab.base import Base

RECORDS = 10_000
MOVING = 10
# Of each installed package that many older versions are in the channel, each built for two Pythons.
OLDER = 20
SPECS = ("python=3.6.15=1", *(f"package{number}>=2" for number in range(MOVING)))
BACK = ("conda=4.3.13", "python=3.6.15=0", *(f"package{number}=1" for number in range(MOVING)))


class Server:
    """A folder by HTTP on the loopback interface, in a C(with) statement."""

    def __init__(self, folder: Path) -> None:
        handler = functools.partial(_Quiet, directory=str(folder))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *unused: t.Any) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *unused: t.Any) -> None:
        pass


def make_channel(base: Base) -> None:
    """Put what moves, and some 10,000 records, into the channel of the lab."""
    main = base.channels / "pkgs" / "main"
    chance = random.Random(2)
    for number in range(MOVING):
        for version in (1, 2):
            package = packages.Package(f"package{number}", str(version), depends=depends(number, chance, "3.6"))
            names = [
                f"lib/python3.12/site-packages/package{number}/part{folder}/module{file}.py"
                for folder in range(rollback.FOLDERS)
                for file in range(rollback.FILES)
            ]
            files = {name: packages.File(chance.randbytes(chance.randrange(50, 7500)).hex().encode()) for name in names}
            packages.write_package(main, package, files, level=1)
    rebuild(main, "python-3.6.15-0", "1", 1)
    channel.index(main)
    path = main / packages.SUBDIR / "repodata.json"
    repodata = json.loads(path.read_text())
    for name, record in records(chance):
        repodata["packages"].setdefault(name, record)
    data = json.dumps(repodata).encode()
    path.write_bytes(data)
    path.with_name("repodata.json.bz2").write_bytes(bz2.compress(data))


def depends(number: int, chance: random.Random, python: str) -> tuple[str, ...]:
    """What a version of a package needs: Python, and some of the packages before it."""
    before = chance.sample(range(number), min(number, chance.randrange(4)))
    return (f"python {python}*", *(f"package{other} >=0.{chance.randrange(OLDER)}" for other in before))


def records(chance: random.Random) -> t.Iterator[tuple[str, dict[str, t.Any]]]:
    """Records of packages that are never downloaded: older versions of what is installed, then others."""
    count = 0
    for number in range(rollback.PACKAGES):
        yield record(f"package{number}", "1", "0", depends(number, chance, "3.6"))
        for version in range(OLDER):
            for python in ("2.7", "3.6"):
                build = f"py{python.replace('.', '')}_0"
                yield record(f"package{number}", f"0.{version}", build, depends(number, chance, python))
                count += 1
    for other in range((RECORDS - count) // 20):
        for version in range(20):
            needs = (f"other{chance.randrange(other)} >={chance.randrange(20)}",) if other else ()
            yield record(f"other{other}", str(version), "0", needs)


def record(name: str, version: str, build: str, needs: t.Sequence[str]) -> tuple[str, dict[str, t.Any]]:
    """The file name of a package and what a channel says of it."""
    content = {
        "arch": "x86_64", "build": build, "build_number": 0, "depends": list(needs), "license": "MIT",
        "md5": hashlib.md5(f"{name}-{version}-{build}".encode()).hexdigest(),
        "name": name, "platform": "linux", "size": 100_000, "subdir": packages.SUBDIR, "version": version,
    }  # fmt: skip
    return f"{name}-{version}-{build}.tar.bz2", content


def rebuild(main: Path, dist: str, build: str, number: int) -> None:
    """Write a package of the channel again, as another build."""
    folder = main / packages.SUBDIR
    name = dist.rpartition("-")[0]
    out = io.BytesIO()
    with tarfile.open(folder / f"{dist}.tar.bz2") as old, tarfile.open(fileobj=out, mode="w") as new:
        for member in old:
            content = old.extractfile(member) if member.isreg() else None
            data = content.read() if content else b""
            if member.name == "info/index.json":
                index = json.loads(data)
                index.update(build=build, build_number=number)
                data = json.dumps(index).encode()
                member.size = len(data)
            new.addfile(member, io.BytesIO(data) if content else None)
    (folder / f"{name}-{build}.tar.bz2").write_bytes(bz2.compress(out.getvalue(), 1))


def use_channel(base: Base, url: str) -> None:
    """Let the base, as it was made, take its packages from this address."""
    old, new = base.channels.as_uri(), url
    for path in [base.pristine / ".condarc", *(base.pristine / "conda-meta").glob("*.json")]:
        path.write_text(path.read_text().replace(old, new))


def forget_downloads(base: Base) -> None:
    """Remove what the change has downloaded."""
    for path in (base.path / "pkgs").iterdir():
        if path.name.startswith(("conda-4.3.16", "python-3.6.15-1", *(f"package{n}-2-" for n in range(MOVING)))):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


__all__ = ("BACK", "RECORDS", "SPECS", "Server", "forget_downloads", "make_channel", "use_channel")
