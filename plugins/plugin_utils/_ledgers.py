# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The ledgers of a fleet: each is judged again on the control node, against the head that is known from before."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._ledger._chain import (
    Head,
    Line,
    Verification,
    is_hash,
    is_number,
    line_of,
)
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._check import check
from ansible_collections.labfleet.conda.plugins.plugin_utils._host_names import merge_host_names
from ansible_collections.labfleet.conda.plugins.plugin_utils._host_result import host_entry

HEADS = ("HOST", "LEDGER", "RECORDS", "NEW", "NOTES")
# What is said of a host whose ledger has a problem of this kind, where it is more than damage to single records.
_WORDS = {"unreadable": "unreadable", "missing_file": "lost files", "forked": "forked", "cut_off": "shrank"}
_Map = t.Mapping[str, t.Any]


class Known(t.NamedTuple):
    """The last record of a host's ledger that was verified, and which ledger it was."""

    path: str
    sequence: int
    hash: str

    @property
    def head(self) -> Head:
        return Head(self.sequence, self.hash)


class Judged(t.NamedTuple):
    """What became of a host.

    :ivar status: verified, absent (nothing was changed on it yet), problem, failed or unreachable.
    :ivar message: why, in one line.
    :ivar records: its records since the known head; only of a ledger that is verified.
    :ivar known: the head to keep: the new one of a ledger that is verified, else the old one.
    """

    status: str
    message: str
    records: t.Sequence[_Map]
    known: Known | None


def judge(result: _Map | None, known: Known | None) -> Judged:
    """Judge what a host has told of its ledger.

    :param result: what C(conda_ledger) returned, with all records after the known head; None for nothing.
    :param known: the head that is known from before, if one is.
    """
    if result is None or "intact" not in result:
        entry = host_entry(result, mark="intact")
        return Judged(entry["status"], entry["message"], (), known)
    message = _trouble(result, known)
    if message:
        return Judged("problem", message, (), known)
    told = result.get("head")
    if not told and known is None:
        return Judged("absent", "", (), None)
    records = result.get("records") or ()
    verification = Verification()
    try:
        lines = [Line("what the host sent", number, line_of(one)) for number, one in enumerate(records, 1)]
        told = Head(told["sequence"], told["hash"])
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        return Judged("problem", "what the host sent is no record: %s" % error, (), known)
    taken = sum(1 for _unused in check(lines, verification, start=known.head if known else None))
    head = verification.head if records else (known.head if known else None)
    if verification.problem_count or taken != len(records):
        first = verification.problems[0].text if verification.problems else "a record is missing."
        return Judged("problem", "what the host sent does not continue the known chain: " + first, (), known)
    if head is None or head != told:
        return Judged("problem", "the head that the host tells is not that of the records it sent", (), known)
    recovered = result.get("recovered") or ()
    message = "repaired after a crash or power loss in record %s" % recovered[-1] if recovered else ""
    return Judged("verified", message, records, Known(result["path"], *head))


def _trouble(result: _Map, known: Known | None) -> str:
    """What is wrong with a ledger by what its own host says; nothing where all is well."""
    if not isinstance(result.get("path"), str):
        return "what the host sent tells no path of a ledger"
    if known and result["path"] != known.path:
        return "its ledger is %s now, the known head is of %s" % (result["path"], known.path)
    if known and not result.get("exists"):
        return "vanished: %d records are known to have been in %s" % (known.sequence, known.path)
    problems = [one for one in result.get("problems") or () if isinstance(one, dict) and {"kind", "text"} <= set(one)]
    if result.get("intact") is True and not result.get("problem_count"):
        return ""
    order = list(_WORDS)
    worst = sorted((one for one in problems if one["kind"] in _WORDS), key=lambda one: order.index(one["kind"]))
    words = list(dict.fromkeys(_WORDS[one["kind"]] for one in worst)) or ["damaged"]
    first = next(iter([*worst, *problems]), None)
    more = len(problems) - 1
    text = "%s: %s" % (", ".join(words), first["text"] if first else "no problem was named")
    if first and first.get("line"):
        text += " (%s, line %s)" % (first.get("file"), first["line"])
    return text + (" And %d more." % more if more > 0 else "")


def read_known(hosts: t.Any) -> dict[str, Known]:
    """The known heads as their file holds them.

    :raises ValueError: it holds something else.
    """
    known = {}
    try:
        for name, value in hosts.items():
            known[name] = Known(value["path"], value["sequence"], value["hash"])
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("it holds no heads") from error
    for name, head in known.items():
        if not (isinstance(head.path, str) and is_number(head.sequence) and is_hash(head.hash)):
            raise ValueError("what it holds of %s is no head" % name)
    return known


def table_rows(judged: t.Mapping[str, Judged]) -> list[list[str]]:
    """The rows of the table, equal hosts merged, those with problems first."""
    order = ("problem", "failed", "unreachable", "verified", "absent")
    rows: dict[tuple[str, ...], list[str]] = {}
    for name, host in judged.items():
        total = str(host.known.sequence) if host.known else ""
        new = str(len(host.records)) if host.status == "verified" else ""
        rows.setdefault((host.status, total, new, host.message), []).append(name)
    ordered = sorted(rows.items(), key=lambda item: (order.index(item[0][0]), min(item[1])))
    words = {"absent": "none yet", "problem": "PROBLEM"}
    return [[merge_host_names(names), words.get(row[0], row[0]), *row[1:]] for row, names in ordered]


def summary(judged: t.Mapping[str, Judged]) -> dict[str, t.Any]:
    """The run in numbers."""

    def names(*statuses: str) -> list[str]:
        return sorted(name for name, host in judged.items() if host.status in statuses)

    return {
        "hosts": len(judged),
        "verified": len(names("verified")),
        "absent": len(names("absent")),
        "hosts_with_problems": names("problem"),
        "hosts_not_seen": names("failed", "unreachable"),
        "new_records": sum(len(host.records) for host in judged.values()),
    }


__all__ = ("HEADS", "Judged", "Known", "judge", "read_known", "summary", "table_rows")
