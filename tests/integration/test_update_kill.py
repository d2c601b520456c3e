# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real self-update of conda 4.3.13 to 4.3.16 is killed at random instants; the next run has to end well.

Proves: whenever the whole tree of processes is killed, the next run ends with a working base prefix, nothing is left
over, and every other environment is as it was. LABFLEET_KILLS says how often (20; ``make soak`` kills 200 times).
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lab.base import Base, copy_of, make_base

KILLS = int(os.environ.get("LABFLEET_KILLS", "20"))
DRIVER = Path(__file__).with_name("update_driver.py")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """A real base prefix with an environment of its own, from which the others are copied."""
    return make_base(tmp_path_factory.mktemp("kill") / "base")


# What a step says first, and the step.
STEPS = {"plans": "plan", "takes": "snapshot", "changes": "apply", "verifies": "verify", "restores": "restore"}


def update(base: Base, *, kill: tuple[str, float] | None = None, **options: object) -> dict[str, object] | None:
    """Run the code of conda_update, as the module does; None where it was killed.

    :param kill: in which step, and how many seconds after its beginning.
    """
    given = {"prefix": str(base.path), "ledger": str(base.ledger), **options}
    process = subprocess.Popen(
        [sys.executable, str(DRIVER), json.dumps(given)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, text=True,
    )  # fmt: skip
    for line in process.stderr:
        step = STEPS.get(line.split(" ")[0])
        times.setdefault(step, []).append(time.monotonic())
        if kill is not None and step == kill[0]:
            try:
                process.wait(kill[1])
            except subprocess.TimeoutExpired:
                kill_tree(process.pid)
                process.communicate()
                return None
            break
    output, _ = process.communicate(timeout=300)
    times.setdefault("end", []).append(time.monotonic())
    return json.loads(output.splitlines()[-1])


# When the steps began, run after run.
times: dict[str | None, list[float]] = {}


def kill_tree(pid: int) -> None:
    """SIGKILL a process and all that descend from it, stopped first so that none escapes."""
    tree, found = [], [pid]
    while found:
        for number in found:
            try:
                os.kill(number, signal.SIGSTOP)
            except ProcessLookupError:
                continue
            tree.append(number)
        found = [child for number in found for child in children(number)]
    for number in tree:
        try:
            os.kill(number, signal.SIGKILL)
        except ProcessLookupError:
            continue


def children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def test_killed_at_any_instant_the_next_run_ends_well(model: Base) -> None:
    seed = int(os.environ.get("LABFLEET_SEED", str(random.randrange(10**6))))
    chance = random.Random(seed)
    base = copy_of(model)
    assert update(base)["outcome"] == "committed"
    begins = [times[step][-1] for step in ("plan", "snapshot", "apply", "verify", "end")]
    lengths = dict(
        zip(("plan", "snapshot", "apply", "verify"), (end - begin for begin, end in itertools.pairwise(begins)))
    )
    reached: dict[str, int] = {}
    for number in range(KILLS):
        base = copy_of(model)
        before = base.listing()
        # Most of the time goes into planning, where nothing can break: each step gets its share of kills.
        step = chance.choice(("plan", "snapshot", "apply", "apply", "apply", "verify"))
        delay = chance.uniform(0, lengths[step])
        what = f"seed {seed}, kill {number + 1} of {KILLS}, {delay:.3f} s into the step {step}"
        result = update(base, kill=(step, delay))
        phase = base.phase() if result is None else "had ended"
        reached[phase] = reached.get(phase, 0) + 1
        result = update(base)
        assert result["outcome"] in ("committed", "unchanged"), (what, phase, result)
        assert base.version() == "4.3.16", (what, phase)
        assert base.leftovers() == [], (what, phase)
        assert base.other_environments_changed(before) == [], (what, phase)
        assert base.differences_to_records() == [], (what, phase)
    print(f"seed {seed}, killed in these steps: {reached}")


def test_killed_while_it_restores_the_next_run_brings_the_old_state_back(model: Base) -> None:
    """The step that undoes can be killed as well, again and again; then every file is as it was."""
    base = copy_of(model)
    before = base.listing()
    failing = {"verify_commands": ["false"]}
    assert update(base, kill=("restore", 0.0), **failing) is None
    assert base.phase() == "restore"
    result = update(base, **failing)
    assert result["recovered"] and result["outcome"] == "rolled_back"
    assert base.version() == "4.3.13"
    assert base.leftovers() == []
    after = base.listing()
    assert {name for name in {*before, *after} if before.get(name) != after.get(name)} == set()
