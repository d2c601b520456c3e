# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the entrypoint adds to a start with a healthy conda."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
import typing as t
from pathlib import Path

from lab import entrypoint
from lab.base import make_base

ROUNDS = 60
WANTED = 0.050
# In place of each program of the prefix; the real one lies beside it.
COUNTER = '#!/bin/sh\necho started >>"{log}"\nexec "{program}.real" "$@"\n'


class Cost(t.NamedTuple):
    """Seconds of one shell: the best and the median start, of a bare one too, and of conda --version."""

    shell: str
    best: float
    median: float
    bare: float
    conda: float
    programs_started: int


def measured() -> list[Cost]:
    """One cost for each shell that this machine has."""
    with tempfile.TemporaryDirectory(prefix="labfleet-entrypoint-") as folder:
        top = Path(folder)
        base = make_base(top / "base")
        started = time.perf_counter()
        base.conda("--version")
        conda = time.perf_counter() - started
        log = count_programs(base.path, top / "log")
        shells = [entrypoint.shell(name, top) for name in entrypoint.SHELLS]
        return [cost(shell, base.path, conda, log) for shell in shells if shell is not None]


def count_programs(prefix: Path, log: Path) -> Path:
    """Let conda and every Python of the prefix leave a line in a file when they are started."""
    for name in ("conda", "python3.6"):
        program = prefix / "bin" / name
        program.rename(program.with_name(name + ".real"))
        program.write_text(COUNTER.format(log=log, program=program))
        program.chmod(0o755)
    subprocess.run([prefix / "bin" / "python", "-c", ""], check=True)
    if log.read_text() != "started\n":
        raise SystemExit("the programs are not counted")
    log.write_text("")
    return log


def cost(shell: entrypoint.Shell, prefix: Path, conda: float, log: Path) -> Cost:
    """The entrypoint and the bare shell in turn, each becoming the same command."""
    environment = shell.environment(prefix=prefix, floor="4.3.13", solver="any")
    bare = [*shell.argv, "-c", 'exec "$@"', "sh", "/bin/true"]
    ours, theirs = [], []
    for _round in range(ROUNDS):
        for command, times in ((shell.command("/bin/true"), ours), (bare, theirs)):
            started = time.perf_counter()
            done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=True)
            times.append(time.perf_counter() - started)
            if times is ours and b"status=healthy" not in done.stderr:
                raise SystemExit(f"the start is not right: {done.stderr.decode()}")
    programs = len(log.read_text().splitlines())
    return Cost(shell.name, min(ours), statistics.median(ours), statistics.median(theirs), conda, programs)


__all__ = ("WANTED", "Cost", "measured")
