# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What safety costs: an update of a real conda as a transaction, against the bare command of the same change."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import statistics
import time
import typing as t
from pathlib import Path

from benchmark import desired, realistic, rollback
from gates import toolbox
from integration.updating import Update
from lab.base import Base, copy_of, make_base

ROUNDS = 5


class Spent(t.NamedTuple):
    """Seconds of a run by the clock, and of all processors on it, which other work on this machine changes less."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:.2f} s ({self.cpu:.2f} s CPU)"


class Cost(t.NamedTuple):
    """What the bare command, the transaction, and a run with nothing to do take; the number of files."""

    files: int
    bare: Spent
    ours: Spent
    nothing: Spent


class Case(t.NamedTuple):
    """One change, there and back.

    :param packages: what is to come beside conda>=4.3.16.
    :param back: what the bare command takes back afterwards.
    :param prepare: puts the base into the state from which the change is timed.
    :param channels: what is read beside the channel of the base.
    """

    packages: tuple[str, ...] = ()
    back: tuple[str, ...] = ("conda=4.3.13",)
    prepare: t.Callable[[Base], None] = lambda base: None
    channels: tuple[str, ...] = ()
    rounds: int = ROUNDS


def measured() -> list[Cost]:
    """The lab's base prefix; the same with 25,000 files more, with the channel of the lab and a large one beside it;
    that with a channel and a change of realistic size."""
    top = toolbox.cache() / "bench" / "update"
    shutil.rmtree(top, ignore_errors=True)
    top.mkdir(parents=True)
    try:
        base = make_base(top / "base")
        found = [cost(base, Case())]
        enlarge(base)
        found.append(cost(base, Case()))
        large = desired.large_channel(top / "large", desired.LARGE_CHANNEL)
        found.append(cost(base, Case(channels=(large,), rounds=desired.FEW_ROUNDS)))
        realistic.make_channel(base)
        with realistic.Server(base.channels) as server:
            realistic.use_channel(base, server.url)
            found.append(cost(base, Case(realistic.SPECS, realistic.BACK, realistic.forget_downloads)))
        return found
    finally:
        shutil.rmtree(top, ignore_errors=True)


def cost(base: Base, case: Case) -> Cost:
    """The medians of some rounds, the two ways in turn; the bare command takes conda back in between."""
    copy_of(base)
    named = [word for url in case.channels for word in ("-c", url)]
    install(base, "conda>=4.3.16", *case.packages)
    install(base, *case.back)
    spent: dict[str, list[Spent]] = {"bare": [], "ours": [], "nothing": []}
    options = {"version": ">=4.3.16", "packages": list(case.packages), "keep_snapshots": 1}
    options.update(channels=list(case.channels), override_channels=False)
    for _round in range(case.rounds):
        case.prepare(base)
        with measure(spent["bare"]):
            install(base, *named, "conda>=4.3.16", *case.packages)
        install(base, *case.back)
        case.prepare(base)
        with measure(spent["ours"]):
            result = Update(base, **options).result()
        if result["outcome"] != "committed":
            raise SystemExit(f"the update was not made: {result}")
        with measure(spent["nothing"]):
            Update(base, **options).result()
        install(base, *case.back)
    files = sum(len(json.loads(path.read_text())["files"]) for path in (base.path / "conda-meta").glob("*.json"))
    return Cost(
        files, **{name: Spent(*map(statistics.median, zip(*runs, strict=True))) for name, runs in spent.items()}
    )


@contextlib.contextmanager
def measure(runs: list[Spent]) -> t.Iterator[None]:
    """Add what the processes take that are started, and waited for, within."""
    before, started = os.times(), time.perf_counter()
    yield
    wall, after = time.perf_counter() - started, os.times()
    children = after.children_user + after.children_system - before.children_user - before.children_system
    runs.append(Spent(wall, children))


def install(base: Base, *specs: str) -> None:
    """The bare command."""
    done = base.conda("install", "-y", "-q", "--json", *specs)
    if done.returncode:
        raise SystemExit(f"conda install {' '.join(specs)} failed: {done.stdout}{done.stderr}")


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
