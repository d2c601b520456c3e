# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""How far a run is: counts, the time left, what a host has to tell, and the table at the end."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._host_names import merge_host_names
from ansible_collections.labfleet.conda.plugins.plugin_utils._outcome import (
    CHANGED,
    FAILED,
    UNREACHABLE,
    Outcome,
    findings_text,
)
from ansible_collections.labfleet.conda.plugins.plugin_utils._table import MAX_LINE, fold, render_table

# Before so many hosts are done and so many seconds are over, nobody can say how long it will take.
_ENOUGH_HOSTS, _ENOUGH_SECONDS = 5, 3.0
# So few hosts are named when the others are done.
_FEW = 3
_LOST = (FAILED, UNREACHABLE)


class Counted(t.NamedTuple):
    """How many hosts ended how."""

    hosts: int
    ok: int
    changed: int
    failed: int
    unreachable: int


class Progress:
    """What happened so far.

    :param least: the severity from which on findings are worth a line.
    :param clock: tells the time in seconds.
    """

    def __init__(self, least: str, clock: t.Callable[[], float]) -> None:
        self._least, self._clock = least, clock
        self._begun = clock()
        self._hosts: dict[str, None] = {}
        self._told: dict[str, tuple[str, str]] = {}  # of hosts that failed, or were not reached
        self._changed: dict[str, list[str]] = {}  # of this play
        self._ever_changed: set[str] = set()
        self._total = 0
        self._task: _Task | None = None
        self._tasks: dict[str, _Task] = {}

    def play(self, hosts: t.Iterable[str]) -> list[str]:
        """A play begins, with these hosts; returns what is still to be told of the one before."""
        lines = self.flush()
        names = list(hosts)
        self._hosts.update(dict.fromkeys(names))
        self._total, self._task, self._tasks = len(names), None, {}
        return lines

    def task(self, identity: str, name: str, *, once: bool = False) -> None:
        """A task begins; once: on one host of the play only."""
        self._task = self._tasks[identity] = _Task(name, 1 if once else self._total, self._clock())

    def started(self, identity: str, host: str) -> None:
        """A host begins with a task."""
        self._hosts.setdefault(host)
        if identity in self._tasks:
            self._tasks[identity].running[host] = None

    def done(self, identity: str, host: str, outcome: Outcome) -> list[str]:
        """A host has done a task; returns the line to tell of it, if there is any."""
        self._hosts.setdefault(host)
        task = self._tasks.get(identity)
        if task:
            self._task = task
            task.running.pop(host, None)
            task.done += 1
            task.lost += outcome.status in _LOST
        if outcome.status in _LOST:
            return self._lost(host, outcome)
        if outcome.status == CHANGED:
            self._ever_changed.add(host)
            self._changed.setdefault(task.name if task else "", []).append(host)
        found = findings_text(outcome.counts, self._least) if outcome.counts else ""
        return ["%s  found  %s" % (host, found)] if found else []

    def _lost(self, host: str, outcome: Outcome) -> list[str]:
        told = self._told.get(host)
        if told and told[1].startswith(outcome.text):
            return []  # playbooks that go on after a failure fail with its message at their end
        self._told.setdefault(host, (outcome.status, outcome.text))
        return ["%s  %s  %s" % (host, outcome.status, outcome.text)]

    def flush(self) -> list[str]:
        """What was changed since the last call, the hosts of each task merged."""
        lines = ["%s  changed  %s" % (merge_host_names(hosts), name) for name, hosts in self._changed.items()]
        self._changed = {}
        return lines

    def status(self, width: int = MAX_LINE) -> str:
        """One line on how far the run is, not wider than that."""
        task = self._task
        if task is None:
            return ""
        parts = ["%d/%d hosts" % (task.done, max(task.total, task.done))]
        if task.lost:
            parts.append("%d failed or not reached" % task.lost)
        left = task.seconds_left(self._clock())
        if left is not None:
            parts.append("about %s left" % duration(left))
        waiting = max(task.total - task.done, 0)
        if 0 < waiting <= _FEW and task.done and task.running:
            parts.append("waiting for %s" % merge_host_names(task.running))
        text = ", ".join(parts)
        room = width - len(text) - 2
        name = task.name if len(task.name) <= room else task.name[: max(room - 1, 0)] + "…"
        return "%s: %s" % (name, text) if room > _FEW else text[:width]

    def counted(self, failed: t.Container[str]) -> Counted:
        """How the hosts ended.

        :param failed: those that the run counts as failed or not reached; what was to be ignored is not in it.
        """
        lost = [host for host in self._hosts if host in failed]
        unreachable = sum(self._told.get(host, ("", ""))[0] == UNREACHABLE for host in lost)
        changed = len(self._ever_changed)
        return Counted(len(self._hosts), len(self._hosts) - len(lost), changed, len(lost) - unreachable, unreachable)

    def lost(self, failed: t.Container[str]) -> dict[str, tuple[str, str]]:
        """Of the hosts that the run counts as failed or not reached, how and why."""
        return {host: self._told.get(host, (FAILED, "")) for host in sorted(self._hosts) if host in failed}

    def seconds(self) -> float:
        """How long the run takes so far."""
        return self._clock() - self._begun

    def end(self, failed: t.Container[str]) -> list[str]:
        """The lines at the end: how many hosts ended how, and a table of those that failed, equal reasons merged."""
        count = self.counted(failed)
        head = "RUN on %d hosts in %s: %d ok" % (count.hosts, duration(self.seconds()), count.ok)
        numbers = (("changed", count.changed), ("failed", count.failed), ("not reached", count.unreachable))
        lines = ["", *fold([", ".join([head, *("%d %s" % (number, word) for word, number in numbers if number)])])]
        merged: dict[tuple[str, str], list[str]] = {}
        for host, why in self.lost(failed).items():
            merged.setdefault(why, []).append(host)
        if merged:
            rows = [(merge_host_names(hosts), status, text) for (status, text), hosts in merged.items()]
            lines += ["", *render_table(("HOSTS", "STATUS", "WHY"), rows, width=MAX_LINE)]
        return lines


class _Task:
    def __init__(self, name: str, total: int, begun: float) -> None:
        self.name, self.total, self.begun = name, total, begun
        self.done = self.lost = 0
        self.running: dict[str, None] = {}

    def seconds_left(self, now: float) -> float | None:
        """How long the hosts that are left will take, if they take as long as the others did."""
        over = now - self.begun
        if self.done < _ENOUGH_HOSTS or over < _ENOUGH_SECONDS or self.done >= self.total:
            return None
        return over / self.done * (self.total - self.done)


def duration(seconds: float) -> str:
    """A time as people say it: C(45 s), C(3 min 20 s), C(2 h 5 min)."""
    whole = int(seconds + 0.5)
    if whole < 60:
        return "%d s" % whole
    if whole < 3600:
        return "%d min %d s" % divmod(whole, 60)
    return "%d h %d min" % divmod(whole // 60, 60)


__all__ = ("Counted", "Progress", "duration")
