# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real base prefix on this machine, outside of the lab's hosts, to be changed and damaged at will."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import subprocess
import typing as t
from pathlib import Path

from . import channel, prefixes

STATE = ".labfleet-conda"
_LEFT = (".c~", ".trash")


class Base(t.NamedTuple):
    """A base prefix, and the untouched copy of it that it is made from again."""

    path: Path
    pristine: Path
    # A copy of the channels that a test may damage; conda reads it by file://.
    channels: Path

    @property
    def ledger(self) -> Path:
        """Where the changes of this base are recorded."""
        return self.path.parent / "log" / "ledger.jsonl"

    @property
    def state(self) -> Path:
        """The directory of the collection in the prefix."""
        return self.path / STATE

    def conda(self, *arguments: str, **options: t.Any) -> subprocess.CompletedProcess[str]:
        """Run the conda of the base."""
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.path.parent / "home"), "CONDA_REGISTER_ENVS": "false"}
        command = [str(self.path / "bin" / "conda"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, **options)

    def version(self) -> str:
        """The version that conda itself tells; what it says instead where it does not start."""
        done = self.conda("--version")
        told = (done.stdout + done.stderr).strip()
        return told.split()[-1] if done.returncode == 0 else told

    def phase(self) -> str:
        """The step that the journal names, or C(no journal)."""
        try:
            return json.loads((self.state / "journal.json").read_text())["phase"]
        except FileNotFoundError:
            return "no journal"

    def listing(self, below: str = "") -> dict[str, tuple[t.Any, ...]]:
        """Everything in the prefix but caches and our own: kind, mode, size, link or SHA-256 sum."""
        found = {}
        top = self.path / below
        for place, folders, files in os.walk(top):
            if Path(place) == self.path:
                folders[:] = [name for name in folders if name not in ("pkgs", STATE)]
            for name in [*folders, *files]:
                path = Path(place, name)
                found[str(path.relative_to(self.path))] = _facts(path)
        return found

    def leftovers(self) -> list[str]:
        """What an unfinished transaction, conda's or ours, has left in the prefix or its package cache."""
        left = []
        for place, folders, files in os.walk(self.path):
            for name in [*folders, *files]:
                if name.endswith(_LEFT) or name.startswith((".condatmp", ".labfleet-new")):
                    left.append(str(Path(place, name).relative_to(self.path)))
        if self.phase() != "no journal":
            left.append("journal.json")
        snapshots = self.state / "snapshots"
        for snapshot in snapshots.iterdir() if snapshots.is_dir() else ():
            if not (snapshot / "snapshot.json").exists():
                left.append(str(snapshot.relative_to(self.path)))
        return left

    def other_environments_changed(self, before: dict[str, tuple[t.Any, ...]]) -> list[str]:
        """The paths in C(envs) that are not as in a listing from before."""
        old = {name: facts for name, facts in before.items() if name.startswith("envs/")}
        new = self.listing("envs")
        new = {name: facts for name, facts in new.items() if name.startswith("envs/")}
        return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))

    def differences_to_records(self) -> list[str]:
        """The files that records list and that are missing, and the files that no record lists."""
        listed, found = set(), set()
        for record in (self.path / "conda-meta").glob("*.json"):
            listed.update(json.loads(record.read_text())["files"])
        for name, facts in self.listing().items():
            top = name.split("/")[0]
            if top in ("envs", "conda-meta") or facts[0] == "directory":
                continue
            found.add(name)
        own = {".condarc", "CACHEDIR.TAG"}
        return sorted(listed - found) + sorted(name for name in found - listed - own if "__pycache__" not in name)


def make_base(path: Path, conda: str = "4.3.13") -> Base:
    """A base prefix at a path, with an environment of its own; raises LabUnavailable where the lab cannot be built."""
    built = channel.channels()
    channels = path.parent / "channels"
    if not channels.exists():
        shutil.copytree(built, channels, symlinks=True)
    source = prefixes.base_prefix(built, conda, str(path), channels.as_uri())
    pristine = path.parent / "pristine"
    base = Base(path, pristine, channels)
    _copy(source, path)
    done = base.conda("create", "-y", "-q", "-n", "work", "click", "six")
    if done.returncode != 0:
        raise RuntimeError(f"conda create failed: {done.stdout}{done.stderr}")
    _copy(path, pristine)
    return base


def copy_of(base: Base) -> Base:
    """The base as it was made, at its own path again."""
    _copy(base.pristine, base.path)
    return base


def _copy(source: Path, path: Path) -> None:
    if path.exists():
        shutil.rmtree(path)
    subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(path)], check=True)


def _facts(path: Path) -> tuple[t.Any, ...]:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return ("link", os.readlink(path))
    if stat.S_ISDIR(status.st_mode):
        return ("directory", stat.S_IMODE(status.st_mode))
    return (
        "file",
        stat.S_IMODE(status.st_mode),
        status.st_size,
        status.st_mtime_ns,
        hashlib.sha256(path.read_bytes()).hexdigest(),
    )


__all__ = ("Base", "copy_of", "make_base")
