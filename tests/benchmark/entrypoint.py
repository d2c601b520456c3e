# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the entrypoint adds to a start with a healthy conda: .venv/bin/python tests/benchmark/entrypoint.py"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(CHECKOUT / "tests"), str(CHECKOUT / "build" / "collections")]

from lab import LabUnavailable, entrypoint  # noqa: E402
from lab.base import make_base  # noqa: E402

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


def main() -> int:
    """Print one line for each shell."""
    try:
        found = measured()
    except LabUnavailable as reason:
        print(f"not measured: {reason}")
        return 0
    for item in found:
        added = item.median - item.bare
        print(
            f"entrypoint under {item.shell}: {item.median * 1000:.1f} ms (best {item.best * 1000:.1f} ms),"
            f" bare shell {item.bare * 1000:.1f} ms, added {added * 1000:.1f} ms = {item.conda / added:.0f} x less than"
            f" conda --version; programs of the prefix started: {item.programs_started};"
            f" wanted < {WANTED * 1000:.0f} ms: {'yes' if added < WANTED and not item.programs_started else 'NO'}"
        )
    missing = sorted(set(entrypoint.SHELLS) - {item.shell for item in found})
    if missing:
        print(f"not measured, since this machine has no {', '.join(missing)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

__all__ = ("Cost", "measured")
