# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real self-update of conda 4.3.13 to 4.3.16 is killed at random instants; the next run has to end well.

Proves: whenever the whole tree of processes is killed, the next run ends with a working base prefix, nothing is left
over, and every other environment is as it was. LABFLEET_KILLS says how often (20; ``make soak`` kills 200 times).
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import typing as t

import pytest
from integration.updating import Update, differing, update
from lab import LabUnavailable
from lab.base import Base, copy_of, make_base

KILLS = int(os.environ.get("LABFLEET_KILLS", "20"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """A real base prefix with an environment of its own, from which the others are copied."""
    try:
        return make_base(tmp_path_factory.mktemp("kill") / "base")
    except LabUnavailable as reason:
        pytest.skip(str(reason))


def test_killed_at_any_instant_the_next_run_ends_well(model: Base) -> None:
    seed = int(os.environ.get("LABFLEET_SEED", str(random.randrange(10**6))))
    chance = random.Random(seed)
    first = Update(copy_of(model))
    assert first.result()["outcome"] == "committed"
    lengths = {step: end - begin for (step, begin), (_next, end) in itertools.pairwise(first.began.items())}
    reached: dict[str, int] = {}
    for number in range(KILLS):
        base = copy_of(model)
        before = base.listing("envs")
        # Most of the time goes into planning, where nothing can break: each step gets its share of kills.
        step = chance.choice(("plan", "snapshot", "apply", "apply", "apply", "verify"))
        delay = chance.uniform(0, lengths[step])
        what = f"seed {seed}, kill {number + 1} of {KILLS}, {delay:.3f} s into the step {step}"
        phase = base.phase() if Update(base).kill(step, delay) else "had ended"
        reached[phase] = reached.get(phase, 0) + 1
        result = update(base)
        assert result.get("outcome") in ("committed", "unchanged"), (what, phase, result)
        assert base.version() == "4.3.16", (what, phase)
        assert base.leftovers() == [], (what, phase)
        assert base.other_environments_changed(before) == [], (what, phase)
        assert base.differences_to_records() == [], (what, phase)
    print(f"seed {seed}, killed in these steps: {reached}")


def program_is_gone(base: Base) -> None:
    (base.path / "bin" / "conda").unlink(missing_ok=True)


def list_of_files_is_empty(base: Base) -> None:
    place = base.path / "pkgs" / "conda-4.3.16-py36_0"
    shutil.rmtree(place, ignore_errors=True)
    (place / "info").mkdir(parents=True)
    (place / "info" / "index.json").write_text("{}")
    (place / "info" / "files").touch()


@pytest.mark.parametrize("leave", [program_is_gone, list_of_files_is_empty])
def test_what_a_kill_seldom_leaves_is_put_right_too(model: Base, leave: t.Callable[[Base], None]) -> None:
    """Between two files, and while the cache was being filled; random kills meet these instants once in a hundred."""
    base = copy_of(model)
    assert Update(base).kill("apply", 0.0) and base.phase() == "apply"
    leave(base)
    before = base.listing()
    planned = update(base, check=True)
    assert "is to be undone first" in str(planned.get("message") or planned["failed"])
    assert differing(before, base.listing()) == []
    result = update(base)
    assert result.get("outcome") == "committed" and result["recovered"], result
    assert base.version() == "4.3.16" and base.leftovers() == [] and base.differences_to_records() == []


def test_killed_while_it_restores_the_next_run_brings_the_old_state_back(model: Base) -> None:
    """The step that undoes can be killed as well; then every file is as it was all the same."""
    base = copy_of(model)
    before = base.listing()
    assert Update(base, verify_commands=["false"]).kill("restore", 0.0)
    assert base.phase() == "restore"
    result = update(base, verify_commands=["false"])
    assert result["recovered"] and result["outcome"] == "rolled_back"
    assert base.version() == "4.3.13"
    assert base.leftovers() == []
    assert differing(before, base.listing()) == []
