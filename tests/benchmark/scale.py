# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The nightly audit of up to 1,000 hosts against ansible.builtin.ping of the same hosts with the same forks.

The hosts answer as the audit of their tree did on this machine, after as many seconds as it took of the processor, but
without the processor of this machine: what is measured is the control node. They are reached by ssh, or by a connection
that costs nothing. A third of them answer for five running containers as well. LABFLEET_SCALE names other numbers of
hosts (100,1000).
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

from gates import toolbox
from lab import docker

from . import containers
from .crowd import Crowd, closed_port, crowd
from .shapes import build

FORKS = (5, 20, 50)
SLICES = 4
CONTAINERS = 5
# The kind of a host with running containers, which can be asked for on this machine itself only, not below a tree.
WITH_CONTAINERS = "C"
# Seconds after which a host that does nothing is given up in the measurement.
GIVE_UP = 20
_SECONDS_BETWEEN_SAMPLES = 0.25
_BOOKS = ("ping", "audit")
SSH, FREE = "ssh", "elsewhere"
# What the page on large fleets advises: by default, ssh has -C, and compresses what is compressed already.
FOR_LARGE_FLEETS = {"ANSIBLE_PIPELINING": "1", "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=60s"}


class Cost(t.NamedTuple):
    """What a run cost on the control node: seconds, of the processor too, and at most so many megabytes at a time.

    :param resident: the resident memory of all processes, what they share counted in each.
    :param proportional: the same, what they share counted once.
    :param kept: what the processes take that ssh leaves behind, to use a connection again.
    """

    wall: float
    cpu: float
    resident: float
    proportional: float
    kept: float
    code: int
    output: str


class Scale:
    """Runs playbooks over fleets of any size."""

    def __init__(self) -> None:
        self.scratch = toolbox.cache() / "bench" / "scale"
        self.scratch.mkdir(parents=True, exist_ok=True)
        with closed_port() as self.port:  # taken by the server of each run
            pass
        self.roots = {name: build(name).root for name in ("S", "M")}
        # Beside them it has the installation of a host of shape S, and nothing of this machine's own users.
        self.variables = {
            WITH_CONTAINERS: {
                "audit_containers": "running",
                "audit_users": [],
                "audit_search_paths": [str(self.roots["S"] / "opt")],
                "audit_engine_environment": docker.variables(),
            }
        }
        self.roots[WITH_CONTAINERS] = Path("/")
        task = {"name": "Ping", "ansible.builtin.ping": {}, "timeout": GIVE_UP}
        self.ping = self.scratch / "ping.yml"
        self.ping.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))

    def fleet(self, count: int, *, troubled: bool = False, connection: str = SSH) -> t.ContextManager[Crowd]:
        """A fleet of hosts that answer as recorded."""
        more = {"port": self.port if connection == SSH else None, "variables": self.variables}
        return crowd(self.scratch, self.roots, count, connection=connection, troubled=troubled, **more)

    def record(self) -> dict[str, dict[str, t.Any]]:
        """Have each kind of host answer each playbook, the fastest of three times counts; returns what audits say."""
        with containers.running(CONTAINERS), self.fleet(len(self.roots), connection=FREE) as few:
            for book in _BOOKS:
                shutil.rmtree(self.scratch / book, ignore_errors=True)
                for _round in range(3):
                    self.run(book, few.inventory, 1, LABFLEET_RECORD="yes")
        answers = sorted((self.scratch / "audit").glob("*.json"))
        return {path.stem: json.loads(path.read_text()) for path in answers}

    def command(self, book: str, inventory: Path, forks: int, dest: Path | None = None) -> list[str]:
        """The command that runs a playbook."""
        start = [str(toolbox.tools() / "ansible-playbook"), "-i", str(inventory), "-f", str(forks)]
        if book == "ping":
            return [*start, str(self.ping)]
        folder = dest or self.scratch / "report"
        shutil.rmtree(folder, ignore_errors=True)
        return [*start, "labfleet.conda.audit", "-e", f"audit_dest={folder}", "-e", f"audit_timeout={GIVE_UP}"]

    def run(self, book: str, inventory: Path, forks: int, **more: str) -> Cost:
        """Run a playbook."""
        return self.run_all([self.command(book, inventory, forks)], book, **more)

    def run_all(self, commands: t.Sequence[t.Sequence[str]], book: str, **more: str) -> Cost:
        """Run commands at the same time."""
        answers = self.scratch / book
        answers.mkdir(exist_ok=True)
        collection = toolbox.CHECKOUT / "build" / "collections" / "ansible_collections" / "labfleet" / "conda"
        env = toolbox.ansible_environment(
            collection, self.scratch, toolbox.tools(), LABFLEET_ANSWERS=str(answers),
            ANSIBLE_CONNECTION_PLUGINS=str(Path(__file__).parent / "connection"), **{**FOR_LARGE_FLEETS, **more},
        )  # fmt: skip
        outputs = [self.scratch / f"output-{number}.txt" for number in range(len(commands))]
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._hosts(answers))
            others = set(_kept_by_ssh())
            before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            streams = [stack.enter_context(path.open("wb")) for path in outputs]
            runs = [
                subprocess.Popen(
                    command, cwd=toolbox.CHECKOUT, env=env, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream
                )
                for command, stream in zip(commands, streams, strict=True)
            ]
            with Memory([run.pid for run in runs]) as memory:
                codes = [run.wait() for run in runs]
            wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
            left = set(_kept_by_ssh()) - others
            kept, cpu = sum(_megabytes(pid)[1] for pid in left), sum(map(_seconds, left))
        cpu += after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        output = "".join(path.read_text(errors="replace") for path in outputs)
        return Cost(wall, cpu, memory.resident, memory.proportional, kept, max(codes), output)

    @contextlib.contextmanager
    def _hosts(self, answers: Path) -> t.Iterator[None]:
        """The hosts that are reached by ssh; what ssh has left behind ends with them."""
        program = [sys.executable, str(Path(__file__).parent / "answering.py"), str(answers), str(self.port)]
        with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as hosts:
            try:
                if not hosts.stdout.readline():
                    raise RuntimeError("the simulated hosts did not start, see above")
                yield
            finally:
                hosts.terminate()

    def slices(self, count: int, forks: int) -> tuple[Cost, Cost]:
        """The audit in four slices at the same time, each with its share of the forks, and the report on all."""
        with contextlib.ExitStack() as stack:
            whole = json.loads(stack.enter_context(self.fleet(count)).inventory.read_text())
            names, commands, reports = list(whole["all"]["hosts"]), [], []
            for number in range(SLICES):
                hosts = {name: whole["all"]["hosts"][name] for name in names[number::SLICES]}
                inventory, dest = self.scratch / f"slice-{number}.json", self.scratch / f"report-{number}"
                inventory.write_text(json.dumps({"all": {**whole["all"], "hosts": hosts}}))
                commands.append(self.command("audit", inventory, forks // SLICES, dest))
                reports.append(str(dest / "audit.json"))
            cost = self.run_all(commands, "audit")
        book = [str(toolbox.tools() / "ansible-playbook"), "-i", "localhost,", "labfleet.conda.report"]
        joined = self.run_all([[*book, "-e", json.dumps({"report_src": reports})]], "audit")
        return cost, joined

    def report(self) -> dict[str, t.Any]:
        """The report that the last audit has written."""
        return json.loads((self.scratch / "report" / "audit.json").read_text())


class Memory:
    """The most memory that some processes and all below them take together, in megabytes."""

    def __init__(self, pids: t.Sequence[int]) -> None:
        self.resident = self.proportional = 0.0
        self._pids, self._over = pids, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_SECONDS_BETWEEN_SAMPLES):
            resident = proportional = 0.0
            for pid in _below(self._pids):
                of_one = _megabytes(pid)
                resident, proportional = resident + of_one[0], proportional + of_one[1]
            self.resident = max(self.resident, resident)
            self.proportional = max(self.proportional, proportional)


def _megabytes(pid: int) -> tuple[float, float]:
    """What a process takes, and its share of that; nothing where it has ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0, 0.0
    values = dict(part.split(":") for part in text.splitlines()[1:])
    return int(values["Rss"].split()[0]) / 1024, int(values["Pss"].split()[0]) / 1024


def _seconds(pid: int) -> float:
    """What a process has taken of the processor; nothing where it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _kept_by_ssh() -> t.Iterator[int]:
    """The processes that keep a connection of ssh."""
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (place / "cmdline").read_bytes().startswith(b"ssh: "):
                yield int(place.name)


def _below(pids: t.Iterable[int]) -> t.Iterator[int]:
    for pid in pids:
        yield pid
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                yield from _below(map(int, task.read_text().split()))


def sizes() -> list[int]:
    """The numbers of hosts to measure."""
    return [int(part) for part in os.environ.get("LABFLEET_SCALE", "100,1000").split(",")]


def load() -> str:
    """How busy this machine is with other things, which a measurement must say."""
    return f"load {os.getloadavg()[0]:.1f}"


def note(text: str) -> None:
    """Say how far a long measurement is."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


__all__ = ("FORKS", "FREE", "GIVE_UP", "SLICES", "SSH", "Cost", "Scale", "load", "note", "sizes")
