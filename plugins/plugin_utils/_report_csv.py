# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The report as CSV: one row for each finding and host, for spreadsheets.

Hosts that were not seen, or not to the end, have a row of their own: a filter over the findings must not make them look
clean. The text is UTF-8 without a mark.
"""

from __future__ import annotations

import csv
import io
import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._report_parts import (
    NOT_SEEN,
    advisory_ids,
    fixed_findings,
    one_line,
    rule_of,
    waiver_text,
)

COLUMNS = (
    "host",
    "state",
    "severity",
    "rule",
    "family",
    "title",
    "kind",
    "subject",
    "item",
    "path",
    "environment",
    "owner",
    "evidence",
    "remedy",
    "layer",
    "waiver",
    "advisories",
    "key",
    "last_seen",
)
_ROWS_AT_ONCE = 2000
# What makes a spreadsheet take a cell for a formula, in full-width form too (OWASP, "CSV Injection").
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")

_Map = t.Mapping[str, t.Any]


def chunks(document: _Map) -> t.Iterator[str]:
    """Yield the text in pieces. Column C(state) is new, open, fixed, not_seen (failed or unreachable), incomplete or
    not_in_run; C(last_seen) tells of a finding from before, on a host or part of it that was not seen this time."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for number, row in enumerate(_rows(document), 1):
        writer.writerow([cell(value) for value in row])
        if number % _ROWS_AT_ONCE == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _rows(document: _Map) -> t.Iterator[t.Sequence[t.Any]]:
    for name, host in document["hosts"].items():
        last_seen = host.get("last_seen")
        if last_seen:
            yield (name, "not_in_run", *[""] * 10, "the host was not part of this run", *[""] * 5, last_seen)
        elif host["status"] != "ok":
            state = "not_seen" if host["status"] in NOT_SEEN else "incomplete"
            said = host.get("message") or "the look at the host did not come to its end"
            yield (name, state, *[""] * 10, said, *[""] * 6)
        for finding in host.get("findings") or ():
            yield _row(document, name, finding.get("state") or "open", finding)
    for finding in fixed_findings(document):
        yield _row(document, finding["host"], "fixed", finding)


def _row(document: _Map, host: str, state: str, finding: _Map) -> t.Sequence[t.Any]:
    rule = rule_of(document, finding)
    waiver = finding.get("waiver")
    return (
        host,
        state,
        finding["severity"],
        finding["rule"],
        rule["family"],
        rule["title"],
        finding.get("kind"),
        finding["subject"],
        finding.get("item"),
        finding.get("path"),
        finding.get("environment"),
        finding.get("owner"),
        finding["evidence"],
        finding["remedy"],
        finding.get("layer"),
        waiver_text(waiver) if waiver else "",
        " ".join(advisory_ids(document, finding)),
        finding.get("key"),
        finding.get("last_seen"),
    )


def cell(value: t.Any) -> str:
    """The text of a cell, on one line, and so that no spreadsheet takes it for a formula."""
    if not value:
        return ""
    text = str(value)
    guarded = text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA)
    text = text if text.isprintable() else one_line(text)
    return "'" + text if guarded else text


__all__ = ("COLUMNS", "cell", "chunks")
