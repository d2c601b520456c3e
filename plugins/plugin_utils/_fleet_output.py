# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the callback fleet prints: a line that is rewritten in place, plain lines, or objects of JSON."""

from __future__ import annotations

import json
import shutil
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._packed import pack
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import mask_text
from ansible_collections.labfleet.conda.plugins.plugin_utils._outcome import SKIPPED, Outcome, line
from ansible_collections.labfleet.conda.plugins.plugin_utils._packed import opened
from ansible_collections.labfleet.conda.plugins.plugin_utils._progress import Progress

LIVE, PLAIN, JSON = "live", "plain", "json"
# A person sees no more changes of a line than this.
_SECONDS_BETWEEN_DRAWINGS = 0.1
_START_OF_LINE, _CLEAR = "\r", "\r\x1b[K"
_AUDIT, _REPORT = "labfleet.conda.conda_audit", "labfleet.conda.fleet_audit"

_Map = t.Mapping[str, t.Any]


class Show(t.Protocol):
    """Prints lines; the status of what they tell may have a color."""

    def __call__(self, text: str, status: str | None = None) -> None:
        """Print a line."""


class Output:
    """Prints what happens.

    :param form: LIVE, PLAIN or JSON.
    :param severity: the severity from which on findings are worth a line.
    :param interval: so many seconds are at least between two plain lines on the progress.
    :param rows: how many rows the digest has at most.
    :param show: prints lines that stay.
    :param stream: where the line that is rewritten goes.
    :param clock: tells the time in seconds.
    """

    def __init__(
        self, form: str, *, severity: str, interval: int, rows: int, show: Show, stream: t.TextIO,
        clock: t.Callable[[], float],
    ) -> None:  # fmt: skip
        self.form = form
        self._progress = Progress(severity, clock)
        self._interval = _SECONDS_BETWEEN_DRAWINGS if form == LIVE else interval
        self._rows, self._show, self._stream, self._clock = rows, show, stream, clock
        self._last = clock()
        self._drawn = False
        self._audits: dict[str, _Map] = {}
        self._reported = False

    def play(self, name: str, hosts: t.Sequence[str]) -> None:
        """A play begins."""
        self._tell(self._progress.play(hosts), "changed")
        self._event("play", name=line(name), hosts=len(hosts))

    def task(self, identity: str, name: str, action: str, *, once: bool = False) -> None:
        """A task begins."""
        self._progress.task(identity, line(name), once=once)
        self._event("task", name=line(name), action=action)
        self.clear()

    def started(self, identity: str, host: str) -> None:
        """A host begins with a task."""
        self._progress.started(identity, host)
        if self.form == LIVE:
            self._draw()

    def done(self, identity: str, action: str, host: str, values: _Map, outcome: Outcome) -> None:
        """A host has done a task, or failed."""
        if action == _AUDIT and outcome.status != SKIPPED:
            self._audits[host] = values if "packed" in values or outcome.text else {"packed": pack(values)}
        self._reported = self._reported or (action == _REPORT and "table" in values)
        self._tell(self._progress.done(identity, host, outcome), outcome.status)
        if self.form == JSON:
            more = {"message": outcome.text} if outcome.text else {}
            more.update({"findings": outcome.counts} if outcome.counts else {})
            self._event("host", host=host, action=action, status=outcome.status, **more)
        if values.get("_ansible_verbose_always"):
            self.note("%s  says  %s" % (host, _said(values)))
        self._draw()

    def diff(self, host: str, text: str) -> None:
        """What a task would change, or has changed."""
        if self.form != JSON and text:
            self._tell(["%s  differs" % host, *(mask_text(part) for part in text.rstrip("\n").split("\n"))])

    def note(self, text: str) -> None:
        """Something else to tell."""
        self._tell([text])
        self._event("note", text=text)

    def end(self, failed: t.Collection[str]) -> None:
        """The run is over; failed: the hosts that it counts as failed or not reached."""
        self._tell(self._progress.flush(), "changed")
        digest = self._digest() if self._audits and not self._reported else []
        self._tell(digest)
        self._tell([*self._progress.end(failed), ""])
        lost = [
            {"host": host, "status": status, "message": text}
            for host, (status, text) in self._progress.lost(failed).items()
        ]
        counted = self._progress.counted(failed)._asdict()
        more = {"digest": digest} if digest else {}
        self._event("end", seconds=round(self._progress.seconds(), 1), **counted, lost=lost, **more)

    def _digest(self) -> list[str]:
        # Loading all rules takes time that a run with a report of its own has spent already.
        from ansible_collections.labfleet.conda.plugins.plugin_utils._audit_report import Report

        results = {host: opened(values) for host, values in self._audits.items()}
        gates: dict[str, t.Any] = {"fail_on": "never", "new_only": False}
        report = Report.from_results(results, previous=None, must_compare=False, advisories=None, **gates)
        return report.lines("findings", rows=self._rows)

    def clear(self) -> None:
        """Take the line that is rewritten away."""
        if self._drawn:
            self._stream.write(_CLEAR)
            self._stream.flush()
            self._drawn = False

    def _tell(self, lines: t.Iterable[str], status: str | None = None) -> None:
        if self.form == JSON:
            return
        for text in lines:
            self.clear()
            self._show(text, status)

    def _draw(self) -> None:
        """Tell how far the run is, unless this was told a moment ago."""
        if self.form == JSON or self._clock() - self._last < self._interval:
            return
        self._last = self._clock()
        if self.form == PLAIN:
            self._tell([self._progress.status()])
            return
        # The cursor stays at the beginning, so that what others print replaces the line.
        text = self._progress.status(shutil.get_terminal_size().columns - 1)
        self._stream.write(_CLEAR + text + _START_OF_LINE)
        self._stream.flush()
        self._drawn = True

    def _event(self, event: str, **values: t.Any) -> None:
        if self.form == JSON:
            self._show(json.dumps({"event": event, **values}))


def _said(values: _Map) -> str:
    """What the module debug is to print."""
    told = {key: value for key, value in values.items() if key != "changed" and not key.startswith("_")}
    text = told.get("msg", told)
    return line(text if isinstance(text, str) else json.dumps(text, default=str))


__all__ = ("JSON", "LIVE", "PLAIN", "Output", "Show")
