# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What safety costs: an update of a real conda as a transaction, against the bare command of the same change."""

from __future__ import annotations

import json
import random
import shutil
import statistics
import time
import typing as t
from pathlib import Path

from benchmark import rollback
from gates import toolbox
from integration.updating import Update
from lab.base import Base, copy_of, make_base

ROUNDS = 5


class Cost(t.NamedTuple):
    """Seconds of the bare command, of the transaction, and of a run with nothing to do; the number of files."""

    files: int
    bare: float
    ours: float
    nothing: float


def measured() -> list[Cost]:
    """The lab's base prefix, and the same with 25,000 files more."""
    top = toolbox.cache() / "bench" / "update"
    shutil.rmtree(top, ignore_errors=True)
    top.mkdir(parents=True)
    try:
        base = make_base(top / "base")
        small = cost(base)
        enlarge(base)
        return [small, cost(base)]
    finally:
        shutil.rmtree(top, ignore_errors=True)


def cost(base: Base) -> Cost:
    """The medians of some rounds, the two ways in turn; the bare command takes conda back in between."""
    copy_of(base)
    bare, ours, nothing = [], [], []
    for _round in range(ROUNDS):
        started = time.perf_counter()
        install(base, "conda>=4.3.16")
        bare.append(time.perf_counter() - started)
        install(base, "conda=4.3.13")
        started = time.perf_counter()
        result = Update(base, version=">=4.3.16", keep_snapshots=1).result()
        ours.append(time.perf_counter() - started)
        if result["outcome"] != "committed":
            raise SystemExit(f"the update was not made: {result}")
        started = time.perf_counter()
        Update(base, version=">=4.3.16").result()
        nothing.append(time.perf_counter() - started)
        install(base, "conda=4.3.13")
    files = sum(len(json.loads(path.read_text())["files"]) for path in (base.path / "conda-meta").glob("*.json"))
    return Cost(files, statistics.median(bare), statistics.median(ours), statistics.median(nothing))


def install(base: Base, spec: str) -> None:
    """The bare command."""
    done = base.conda("install", "-y", "-q", "--json", spec)
    if done.returncode:
        raise SystemExit(f"conda install {spec} failed: {done.stdout}{done.stderr}")


def enlarge(base: Base) -> None:
    """Give the base packages with 25,000 files, as conda would have linked them."""
    prefix = Path(base.path)
    copy_of(base)
    history = (prefix / "conda-meta" / "history").read_text()
    rollback.install(prefix, 1, random.Random(1))
    (prefix / "conda-meta" / "history").write_text(history)
    channel = base.channels.as_uri() + "/pkgs/main/linux-64"
    for path in (prefix / "conda-meta").glob("package*.json"):
        record = json.loads(path.read_text())
        name = path.stem
        record.update(
            fn=f"{name}.tar.bz2", channel=channel, schannel="defaults", url=f"{channel}/{name}.tar.bz2", depends=[],
            link={"source": str(prefix / "pkgs" / name), "type": 1}, subdir="linux-64",
        )  # fmt: skip
        path.write_text(json.dumps(record, indent=2))
    shutil.rmtree(base.pristine)
    prefix.rename(base.pristine)


__all__ = ("Cost", "measured")
