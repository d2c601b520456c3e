# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""File system trees of known size for benchmarks: shapes S, M and L.

* S: 1 installation, 3 environments of 50 records
* M: 3 installations, 30 environments of 250 records
* L: 3 installations, 2,000 environments of 50 records in the homes of 100 users and elsewhere

A tree looks like a host: give its path to the module as ``root``. Every record was written by py-rattler. The
installations are real conda. S and M are installed for the very place they lie at, so the real conda can be run over
them, and the module finds the same environments with root ``/`` when the base prefixes are given as search paths.
L has no files but records, history and configuration; its record files are hard links to those of TEMPLATES installed
environments, which keeps it small.
"""

from __future__ import annotations

import os
import tempfile
import typing as t
from pathlib import Path

from . import cache, generated, local, packages, prefixes

TEMPLATES = 20
RECORDS = {"S": 50, "M": 250, "L": 50}
USERS = tuple(f"u{number:03d}" for number in range(1, 101))


class Shape(t.NamedTuple):
    """A tree that was built."""

    name: str
    root: Path
    # Base prefixes and environments as they are seen below the root, for example /opt/conda/envs/e01.
    bases: tuple[str, ...]
    environments: tuple[str, ...]
    records_each: int
    # Why its conda is not one to measure against; empty when it is.
    note: str = ""

    def real(self, seen: str) -> str:
        """The path on this machine of a path below the root."""
        return f"{self.root}{seen}"

    def conda(self, base: str, *arguments: str) -> list[str]:
        """The command line that runs the real conda of a base prefix where it lies."""
        prefix = self.real(base)
        return [f"{prefix}/bin/python", f"{prefix}/bin/conda", *arguments]


def plan(name: str) -> tuple[dict[str, str], list[str]]:
    """(base prefixes with their conda version, environments) of a shape, as seen below its root."""
    old, new = local.CONDA_VERSIONS
    if name == "S":
        return {"/opt/conda": new}, [f"/opt/conda/envs/e{number:02d}" for number in range(1, 4)]
    bases = {"/opt/conda": new, "/opt/miniconda3": old, "/home/u001/miniconda3": old}
    if name == "M":
        return bases, [f"{base}/envs/e{number:02d}" for base in bases for number in range(1, 11)]
    environments = [f"/opt/conda/envs/e{number:03d}" for number in range(1, 401)]
    environments += [f"/opt/miniconda3/envs/e{number:03d}" for number in range(1, 201)]
    environments += [f"/home/{user}/.conda/envs/e{number:02d}" for user in USERS for number in range(1, 13)]
    environments += [f"/data/projects/{user}/env{number}" for user in USERS for number in range(1, 3)]
    return bases, environments


def build(name: str) -> Shape:
    """The shape of this name (S, M or L), built when it is not in the cache. Raises LabUnavailable."""
    channel = local.local_channel()
    own_text = Path(__file__).read_text(encoding="utf-8")
    key = cache.recipe_key(own_text, generated, packages, prefixes, channel.folder.name, name)
    bases, environments = plan(name)
    final = cache.path_of(f"shape-{name}", key)

    def fill(folder: Path) -> None:
        pool = generated.Pool(channel.folder, ".".join(channel.python.split(".")[:2]))
        for base, conda in bases.items():
            install_base(folder, final, base, conda, channel)
        fill_environments = copy_environments if name == "L" else install_environments
        fill_environments(folder, final, environments, pool, RECORDS[name])
        write_host_files(folder, environments)

    root = cache.built(f"shape-{name}", key, fill, what=f"shape {name}")
    return Shape(name, root, tuple(bases), tuple(environments), RECORDS[name], channel.note)


def install_base(folder: Path, final: Path, base: str, conda: str, channel: local.Local) -> None:
    """Install a real conda that runs at its final place."""
    minor = ".".join(channel.python.split(".")[:2])
    request = prefixes.Request(
        channels=((channel.folder, generated.MAIN_URL),),
        specs=(f"conda={conda}", f"python={minor}", "pip", "setuptools", "wheel"),
        seen=f"{final}{base}",
        condarc=f"default_channels:\n  - {generated.MAIN_URL}\nauto_update_conda: false\n",
        when=packages.EPOCH,
    )
    target = Path(f"{folder}{base}")
    prefixes.install(target, request)
    (target / "envs").mkdir()
    (target / "pkgs").mkdir()
    (target / "pkgs" / "urls.txt").touch()


def creation(environment: str) -> str:
    """The command that an environment's history names."""
    base = environment.split("/envs/")[0] if environment.startswith(("/opt", "/home/u001/m")) else "/opt/conda"
    return f"{base}/bin/conda create -p {environment} python pip"


def install_environments(
    folder: Path, final: Path, environments: t.Sequence[str], pool: generated.Pool, count: int
) -> None:
    """Install every environment as it is."""
    for number, seen in enumerate(environments):
        request = pool.request(f"{final}{seen}", creation(seen))
        prefixes.install(Path(f"{folder}{seen}"), request, pool.choose(count, number))


def copy_environments(
    folder: Path, final: Path, environments: t.Sequence[str], pool: generated.Pool, count: int
) -> None:
    """Install TEMPLATES environments aside, and give every environment the records of one of them."""
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        templates = []
        for number in range(TEMPLATES):
            template = Path(temporary) / str(number)
            prefixes.install(template, pool.request("/template", "TEMPLATE"), pool.choose(count, number))
            records = [
                (entry.name, entry.path) for entry in os.scandir(template / "conda-meta") if entry.name != "history"
            ]
            templates.append((records, (template / "conda-meta" / "history").read_text()))
        for number, seen in enumerate(environments):
            records, history = templates[number % TEMPLATES]
            meta = f"{folder}{seen}/conda-meta"
            os.makedirs(meta)
            for record, path in records:
                os.link(path, f"{meta}/{record}")
            with open(f"{meta}/history", "w", encoding="utf-8") as stream:
                stream.write(history.replace("TEMPLATE", creation(seen)))


def write_host_files(folder: Path, environments: t.Sequence[str]) -> None:
    """Write what makes the tree a host: users, their homes, and the list of each user's environments."""
    lines = ["root:x:0:0:root:/root:/bin/bash"]
    lines += [f"{user}:x:{2001 + number}:{2001 + number}::/home/{user}:/bin/bash" for number, user in enumerate(USERS)]
    (folder / "etc").mkdir(exist_ok=True)
    (folder / "etc" / "passwd").write_text("\n".join(lines) + "\n")
    (folder / "root").mkdir(exist_ok=True)
    for user in USERS:
        (folder / "home" / user).mkdir(parents=True, exist_ok=True)
        own = [path for path in environments if path.startswith((f"/home/{user}/.conda/", f"/data/projects/{user}/"))]
        if own:
            listing = folder / "home" / user / ".conda" / "environments.txt"
            listing.write_text("\n".join(own) + "\n")


__all__ = ("Shape", "build")
