# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One report: the document of an audit, what is printed of it, and the files it is written to."""

from __future__ import annotations

import itertools
import os
import time
import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils import _advisories as advisories_
from ansible_collections.labfleet.conda.plugins.plugin_utils._audit_document import (
    DocumentError,
    audit_document,
    joined_document,
)
from ansible_collections.labfleet.conda.plugins.plugin_utils._carried import carried_lines
from ansible_collections.labfleet.conda.plugins.plugin_utils._contents import host_of
from ansible_collections.labfleet.conda.plugins.plugin_utils._digest import digest_lines
from ansible_collections.labfleet.conda.plugins.plugin_utils._gates import SEVERITIES, gate, gate_sentence
from ansible_collections.labfleet.conda.plugins.plugin_utils._gpu_table import gpu_rows
from ansible_collections.labfleet.conda.plugins.plugin_utils._host_names import merge_host_names
from ansible_collections.labfleet.conda.plugins.plugin_utils._output import write_pieces
from ansible_collections.labfleet.conda.plugins.plugin_utils._reports import FORMATS, ReportError, as_json, render
from ansible_collections.labfleet.conda.plugins.plugin_utils._rule_texts import rule_texts
from ansible_collections.labfleet.conda.plugins.plugin_utils._saved_report import Fingerprint, fingerprint, read_report
from ansible_collections.labfleet.conda.plugins.plugin_utils._table import MAX_LINE, fold, render_table

_Map = dict[str, t.Any]


class Written(t.NamedTuple):
    """What became of the files of a report.

    :param files: the files by format.
    :param failed: why a format has no file, by format.
    :param changed: whether anything but the time and the trend differs from what was there.
    """

    files: dict[str, str]
    failed: dict[str, str]
    changed: bool


class Report:
    """A report with its gates applied.

    :param document: the fleet's audit document.
    :param fail_on: see _gates.gate.
    :param new_only: see _gates.gate.
    """

    def __init__(self, document: _Map, *, fail_on: str | None, new_only: bool | None) -> None:
        self.document = document
        self.gate = gate(document, fail_on=fail_on, new_only=new_only)
        self.warnings: list[str] = []
        self.summary_before: _Map | None = None
        self._known: tuple[str, str, _Map] | None = None  # path, fingerprint and summary of a report that was read
        self._digest: str | None = None

    @classmethod
    def from_file(cls, path: str, **gates: t.Any) -> Report:
        """A report that was saved as JSON; raises as read_report() does."""
        document = read_report(path)
        return cls({**document, "hosts": dict(document["hosts"])}, **gates)

    @classmethod
    def from_files(
        cls,
        paths: t.Sequence[str],
        *,
        hosts: t.Iterable[str],
        previous: str | None,
        must_compare: bool,
        inventory: t.Container[str],
        **gates: t.Any,
    ) -> Report:
        """Several reports that were saved as JSON, as one.

        :param hosts: the hosts that must be in it.
        :param previous: as for from_results(), and so are must_compare and inventory.
        :raises DocumentError: a report cannot be used.
        """
        documents = [read_report(path) for path in paths]
        before, known, warnings = _before_this_run(previous, must_compare)
        if before and not inventory:  # nobody says which hosts are gone
            inventory = frozenset(host_of(name, host) for name, host in before["hosts"].items())
        document = joined_document(documents, rules=rule_texts(), hosts=hosts, previous=before, inventory=inventory)
        report = cls(document, **gates)
        report._known, report.warnings = known, warnings
        return report

    @classmethod
    def from_results(
        cls,
        results: t.Mapping[str, t.Any],
        *,
        previous: str | None,
        must_compare: bool,
        advisories: str | None,
        inventory: t.Container[str] = (),
        **gates: t.Any,
    ) -> Report:
        """A report on what the hosts of this run have registered.

        :param previous: the path of the report of the run before.
        :param must_compare: whether it is an error, not a warning, when that cannot be used.
        :param advisories: the path of the advisory data; None for those shipped.
        :param inventory: the names of all hosts that there are, to tell one that was left out from one that is gone.
        :raises DocumentError: the previous report cannot be used.
        :raises AdvisoryError: the advisory data cannot be used.
        """
        data = advisories_.load(advisories)
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        before, known, warnings = _before_this_run(previous, must_compare)
        document = audit_document(
            results, generated=now, advisories=data, rules=rule_texts(), previous=before, inventory=inventory
        )
        report = cls(document, **gates)
        report._known, report.warnings = known, warnings
        return report

    def lines(self, view: str, *, rows: int) -> list[str]:
        """What to print."""
        if view == "gpu":
            heads, found = gpu_rows(self.document)
            table = render_table(heads, found, width=MAX_LINE) if found else ["No environment with CUDA was found."]
            return ["", *table, *fold(carried_lines(self.document))]
        return digest_lines(self.document, rows=rows)

    def as_result(self, lines: list[str]) -> _Map:
        """What the module returns of it."""
        trend = self.document["trend"]
        if trend:
            trend = {key: trend[key] for key in ("previous", "new", "open", "fixed")}
        self._digest = render("markdown", self.document)
        return {
            "table": lines,
            "digest": self._digest,
            "summary": self.document["summary"],
            "trend": trend,
            "gate": self.gate,
        }

    def gate_sentence(self) -> str:
        """Why the run fails."""
        return gate_sentence(self.gate, merge_host_names(sorted(self.gate["hosts"])))

    def write(self, dest: str, formats: t.Sequence[str], *, mode: int, write: bool) -> Written:
        """Write the files, each for itself: one that cannot be written keeps no other from it.

        :param dest: the directory; it is made if only its last part is missing.
        :param mode: the permissions of the files.
        :param write: whether to write at all (not in check mode).
        :raises OSError: the directory cannot be made.
        :raises ValueError: it is none that can be written to.
        """
        check_dest(dest)
        before = self._before(os.path.join(dest, FORMATS["json"].file))
        if write and not os.path.isdir(dest):
            os.mkdir(dest, 0o700)
        files, failed, changed = {}, {}, before is None
        now = None if before is None else Fingerprint()
        for name in dict.fromkeys(formats):
            path = os.path.join(dest, FORMATS[name].file)
            try:
                chunks = _begun(self._pieces(name, now))
                new = not os.path.exists(path)
                if write:
                    write_pieces(path, chunks, mode=mode)
            except ReportError as error:
                failed[name] = str(error)
            except OSError as error:
                failed[name] = "%s: %s could not be written: %s." % (name, path, (error.strerror or str(error)).lower())
            else:
                files[name], changed = path, changed or new
        if not changed:
            told = now.value() if now and write and "json" in files else fingerprint(self.document)
            changed = told != before
        return Written(files, failed, changed and bool(files))

    def _pieces(self, name: str, now: Fingerprint | None) -> t.Iterator[str]:
        """The text of a format; the encoding of all hosts takes long and is done once."""
        if name == "json":
            return as_json(self.document, now and now.add)
        if name == "markdown" and self._digest is not None:
            return iter([self._digest])
        return FORMATS[name].chunks(self.document)

    def _before(self, path: str) -> str | None:
        """The fingerprint of the report that is there, None where there is none that can be read."""
        if self._known is None or self._known[0] != path:
            try:
                document = read_report(path)
            except ValueError:
                return None
            self._known = (path, fingerprint(document), document["summary"])
        self.summary_before = self._known[2]
        return self._known[1]


def _before_this_run(
    path: str | None, must_compare: bool
) -> tuple[_Map | None, tuple[str, str, _Map] | None, list[str]]:
    """The report of the run before, what tells it from another one, and the warning that it cannot be used."""
    if not path:
        return None, None, []
    try:
        before = read_report(path)
    except DocumentError as error:
        if must_compare:
            raise
        return None, None, ["Nothing was compared with the run before: %s" % error]
    return before, (path, fingerprint(before), before["summary"]), []


def _begun(chunks: t.Iterator[str]) -> t.Iterator[str]:
    """The same pieces, the first one made now, so that what cannot be told is known before anything is written."""
    return itertools.chain([next(chunks, "")], chunks)


def check_dest(path: str) -> None:
    """Whether a report could be written to a directory, to know it before all hosts are audited.

    :raises ValueError: it could not; the sentence says why.
    """
    place = os.path.abspath(path)
    if not os.path.lexists(place):
        parent = os.path.dirname(place)
        if not os.path.isdir(parent):
            message = "dest: there is no directory %s on the control node. Create it, or name one in another directory."
            raise ValueError(message % parent)
        place = parent
    if not os.path.isdir(place):
        raise ValueError("dest: %s is no directory. Name a directory for the files of the report." % path)
    if not os.access(place, os.W_OK | os.X_OK):
        raise ValueError("dest: nothing can be written to %s. Name a directory that you may write to." % place)


def check_previous(path: str) -> None:
    """Whether a report can be compared with; raises as read_report() does."""
    read_report(path)


__all__ = ("FORMATS", "SEVERITIES", "Report", "Written", "check_dest", "check_previous")
