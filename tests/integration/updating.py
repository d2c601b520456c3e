# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the code of conda_update, or another module, on a real base in a process of its own, which can be killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

from lab.base import Base

DRIVER = Path(__file__).with_name("update_driver.py")
# What a step says first, and the step.
STEPS = {"plans": "plan", "takes": "snapshot", "changes": "apply", "verifies": "verify", "restores": "restore"}


class Update:
    """One run of an update, or of another change of a base.

    :param module: its name.
    :param options: of the module, beside the prefix and the ledger.
    """

    def __init__(self, base: Base, module: str = "conda_update", **options: t.Any) -> None:
        given = {"prefix": str(base.path), "ledger": str(base.ledger), "lock_seconds": 60, **options}
        self.began: dict[str, float] = {}
        self.process = subprocess.Popen(
            [sys.executable, str(DRIVER), json.dumps(given), module],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, text=True,
        )  # fmt: skip

    def reach(self, step: str) -> bool:
        """Wait until a step begins; false where the run ends before."""
        for line in self.process.stderr or ():
            found = STEPS.get(line.split(" ")[0])
            if found is not None:
                self.began[found] = time.monotonic()
            if found == step:
                return True
        return False

    def descendants(self) -> list[int]:
        """The process that works, and the program that it has started, when that is there."""
        while True:
            found = _children(self.process.pid)
            found += [child for number in found for child in _children(number)]
            if len(found) > 1 and DRIVER.name not in Path(f"/proc/{found[1]}/cmdline").read_text():
                return found

    def result(self) -> dict[str, t.Any]:
        """Wait for the end, and give the result."""
        self.reach("end")
        output, _errors = self.process.communicate(timeout=300)
        self.began["end"] = time.monotonic()
        return json.loads(output.splitlines()[-1])

    def kill(self, step: str, seconds: float) -> bool:
        """SIGKILL the whole tree so many seconds into a step; false where the run had ended by then."""
        if self.reach(step):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        if self.process.poll() is not None:
            self.process.communicate()
            return False
        kill_tree(self.process.pid)
        self.process.communicate()
        return True


def update(base: Base, **options: t.Any) -> dict[str, t.Any]:
    """Run an update to its end, and give its result."""
    return Update(base, **options).result()


def kill_tree(pid: int) -> None:
    """SIGKILL a process and all that descend from it, stopped first so that none escapes."""
    tree, found = [], [pid]
    while found:
        for number in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGSTOP)
                tree.append(number)
        found = [child for number in found for child in _children(number)]
    for number in tree:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def let_others_pass(folder: Path) -> None:
    """Let other users reach what is in a folder that pytest has made for its own user."""
    for path in [folder, *folder.parents]:
        if path.stat().st_uid == os.geteuid() and not path.stat().st_mode & 0o001:
            path.chmod(path.stat().st_mode | 0o011)


def differing(before: dict[str, t.Any], after: dict[str, t.Any]) -> list[str]:
    """The paths that are not the same in two listings of a base."""
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))


__all__ = ("Update", "differing", "kill_tree", "let_others_pass", "update")
