# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What settings cost: conda_config on a real base, against conda config for the same keys."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import typing as t

from gates import toolbox
from lab.base import Base, make_base

ROUNDS = 20
COMMANDS = 3
SETTINGS = {"always_yes": True, "ssl_verify": True, "channels": ["conda-forge", "defaults"]}
WORK = """
import json, sys, time
started = time.perf_counter()
sys.path.insert(0, sys.argv[1])
from ansible_collections.labfleet.conda.plugins.module_utils._change._config import configure
loaded = time.perf_counter() - started
options, rounds = json.loads(sys.argv[2]), int(sys.argv[3])
def once(**more):
    started = time.perf_counter()
    changed = configure(dict(options, **more), check=False)["changed"]
    return changed, time.perf_counter() - started
once()
nothing = [once() for _round in range(rounds)]
changes = [once(settings=dict(options["settings"], always_yes=bool(number % 2))) for number in range(rounds)]
print(json.dumps({
    "loaded": loaded, "nothing": [seconds for _changed, seconds in nothing],
    "changes": [seconds for _changed, seconds in changes],
    "right": not any(changed for changed, _seconds in nothing) and all(changed for changed, _seconds in changes),
}))
"""


class Cost(t.NamedTuple):
    """Seconds: of a run with nothing to do, of one that changes a value, of loading the code, and of conda config."""

    nothing: float
    change: float
    loaded: float
    command: float


def measured() -> Cost:
    """The best of some rounds, all warm."""
    top = toolbox.cache() / "bench" / "config"
    shutil.rmtree(top, ignore_errors=True)
    top.mkdir(parents=True)
    try:
        return cost(make_base(top / "base", "4.3.16"))
    finally:
        shutil.rmtree(top, ignore_errors=True)


def cost(base: Base) -> Cost:
    """The cost on one base."""
    names = "path dropin environment user prepend append remove final marks run_id"
    options: dict[str, t.Any] = dict.fromkeys(names.split())
    options.update(tier="base", prefix=str(base.path), settings=SETTINGS, state="present", ledger=str(base.ledger))
    options.update(allow_unknown=False, backup=False, lock_seconds=30)
    command = [sys.executable, "-c", WORK, str(toolbox.CHECKOUT / "build" / "collections"), json.dumps(options)]
    done = subprocess.run([*command, str(ROUNDS)], check=True, stdout=subprocess.PIPE)
    ours = json.loads(done.stdout)
    if not ours["right"]:
        raise SystemExit(f"the settings were not written as they should be: {ours}")
    commands = []
    for _round in range(COMMANDS):
        started = time.perf_counter()
        base.conda("config", "--file", str(base.path / ".condarc"), "--set", "always_yes", "true")
        commands.append(time.perf_counter() - started)
    return Cost(min(ours["nothing"]), min(ours["changes"]), ours["loaded"], min(commands))


__all__ = ("Cost", "measured")
