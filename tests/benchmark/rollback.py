# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Taking and restoring snapshots of a base prefix of 25,000 files, each process measured on its own."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
import typing as t
from pathlib import Path

from gates import toolbox

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGES, FOLDERS, FILES = 100, 15, 17
WORK = """
import json, os, sys, time
from ansible_collections.labfleet.conda.plugins.module_utils._change import _snapshot
from ansible_collections.labfleet.conda.plugins.module_utils._change._packages import owned_paths, read_packages
from ansible_collections.labfleet.conda.plugins.module_utils._change._restore import restore
what, prefix = sys.argv[1:]
started = time.perf_counter()
if what == "take":
    environment = read_packages(prefix)
    identifier = _snapshot.new_id(time.time(), "0000ab")
    taken = _snapshot.take(prefix, snapshot_id=identifier, reason="", owned=owned_paths(environment), now=time.time(),
                           environment=environment)
    count = taken.counts["files"]
else:
    restored = restore(prefix, _snapshot.load_all(prefix)[-1])
    assert not restored.problems and not restored.set_aside, restored.problems[:3]
    count = restored.changed
print(json.dumps([time.perf_counter() - started, count]))
"""


def install(prefix: Path, version: int, chance: random.Random) -> list[Path]:
    """Install all packages in one version: files in the package cache, linked into the prefix, as conda does it."""
    placed: list[Path] = []
    (prefix / "conda-meta").mkdir(parents=True, exist_ok=True)
    for number in range(PACKAGES):
        dist = f"package{number}-{version}-0"
        names = [
            f"lib/python3.12/site-packages/package{number}/part{folder}/module{file}.py"
            for folder in range(FOLDERS)
            for file in range(FILES)
        ]
        for name in names:
            cached, place = prefix / "pkgs" / dist / name, prefix / name
            cached.parent.mkdir(parents=True, exist_ok=True)
            place.parent.mkdir(parents=True, exist_ok=True)
            cached.write_bytes(b"version %d\n" % version * chance.randrange(10, 1500))
            place.unlink(missing_ok=True)
            os.link(cached, place)
            placed.append(place)
        record = {"name": f"package{number}", "version": str(version), "build": "0", "build_number": 0, "files": names}
        for old in (prefix / "conda-meta").glob(f"package{number}-*.json"):
            old.unlink()
        (prefix / "conda-meta" / f"{dist}.json").write_text(json.dumps(record, indent=2))
    (prefix / "conda-meta" / "history").write_text(f"==> version {version} <==\n")
    return placed


def work(what: str, prefix: Path) -> tuple[float, int]:
    """Take or restore in a process of its own: the seconds, and the number of files or changes."""
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT / "build" / "collections")}
    command = [sys.executable, "-c", WORK, what, str(prefix)]
    seconds, count = json.loads(subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE).stdout)
    return seconds, count


def link_seconds(files: list[Path], place: Path) -> float:
    """How long the bare link() calls take."""
    place.mkdir()
    started = time.perf_counter()
    for number, file in enumerate(files):
        os.link(file, place / str(number))
    return time.perf_counter() - started


def measured() -> dict[str, t.Any]:
    """Seconds for: the link() calls alone, taking, restoring few and all files, and restoring when nothing changed."""
    top = toolbox.cache() / "bench" / "snapshot"
    shutil.rmtree(top, ignore_errors=True)
    chance = random.Random(1)
    try:
        files = install(top / "base", 1, chance)
        answer: dict[str, t.Any] = {"files": len(files), "links": link_seconds(files, top / "links")}
        answer["take"], kept = work("take", top / "base")
        for file in files[:: len(files) // 100]:
            file.rename(f"{file}.c~")
        answer["few"], changed = work("restore", top / "base")
        install(top / "base", 2, chance)
        answer["all"], replaced = work("restore", top / "base")
        answer["none"], nothing = work("restore", top / "base")
        if kept < len(files) or not 100 < changed < 1000 or replaced < len(files) or nothing:
            raise SystemExit(f"the snapshots are not right: {kept}, {changed}, {replaced}, {nothing}")
        return answer
    finally:
        shutil.rmtree(top, ignore_errors=True)


__all__ = ("measured",)
