# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the module returns of a ledger."""

from __future__ import annotations

import datetime
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._ledger._append import Entry
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._chain import Head, is_hash
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._place import LedgerError, Place
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._read import read, verify
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._record import Filters
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._retain import Keep, retain

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?\Z")
_Map = t.Dict[str, t.Any]


def known_heads(given: t.Optional[t.Mapping[str, t.Any]]) -> t.List[Head]:
    """The head that an option gives, if it does.

    :raises LedgerError: it can be none.
    """
    if given is None:
        return []
    if given["sequence"] < 1 or not is_hash(given["hash"]):
        message = "known_head: %s of record %s is no hash of a record: give the head that an earlier run has returned."
        raise LedgerError(message % (given["hash"], given["sequence"]))
    return [Head(given["sequence"], given["hash"])]


def look(place: Place, options: t.Mapping[str, t.Any], *, known: t.Sequence[Head]) -> _Map:
    """Check a ledger and, to export, pick its records; the result as the module returns it.

    :raises LedgerError: an option is of no use, or the ledger cannot be read.
    """
    wanted = options["operation"] == "export"
    ledger = read(place, _filters(options), known=known) if wanted else verify(place, known=known)
    found = ledger.verification
    result: _Map = {
        "changed": False,
        "path": place.path,
        "exists": ledger.exists,
        "files": ledger.files,
        "entries": found.entries,
        "head": found.head._asdict() if found.head else None,
        "intact": not found.problem_count,
        "problems": [dict(problem._asdict()) for problem in found.problems],
        "problem_count": found.problem_count,
        "recovered": found.recovered,
        "begins": found.begins._asdict() if found.begins else None,
    }
    if wanted:
        result["records"] = ledger.records
    return result


def pruned(place: Place, options: t.Mapping[str, t.Any], result: _Map, *, now: datetime.datetime, check: bool) -> _Map:
    """The result after the full files were removed that the options do not keep.

    :param result: of look(), which has found no problem.
    :raises LedgerError: they could not be removed.
    """
    keep = Keep(options["keep_files"], options["keep_days"])
    removed = retain(place, keep, now=now, dry=check, lock_seconds=options["time_limit"]) if result["exists"] else []
    if removed and not check:
        result = look(place, options, known=[])
    return dict(result, changed=bool(removed), removed=removed)


def with_anchor(place: Place, result: _Map, before: t.Optional[_Map], entry: t.Optional[Entry]) -> _Map:
    """The result with the record of an anchor: the one that was written, or in check mode the one that would be."""
    after = dict(entry._asdict()) if entry else None
    shown = after or {"sequence": before["sequence"] + 1 if before else 1, "hash": "known when it is written"}
    heads = {"before_header": result["path"], "after_header": result["path"]}
    changed = {**result, "changed": True, "diff": {"before": _text(before), "after": _text(shown), **heads}}
    if entry:
        new = entry.sequence - (before["sequence"] if before else 0)
        files = result["files"] or [place.name]
        changed.update(exists=True, head=after, files=files, entries=result["entries"] + new)
    return changed


def problem_sentence(result: t.Mapping[str, t.Any]) -> str:
    """The problems of a ledger in one line: the first one, and how many more there are."""
    first = result["problems"][0]
    where = first["file"] if first["line"] is None else "%s line %d" % (first["file"], first["line"])
    more = result["problem_count"] - 1
    text = "The ledger %s is not intact: %s%s" % (result["path"], where + ": " if where else "", first["text"])
    rest = " And %d more." % more if more else ""
    return text + rest + " Keep the files as evidence and compare them with a copy."


def _filters(options: t.Mapping[str, t.Any]) -> Filters:
    since = options["since"]
    if since is not None and not _TIME.match(since):
        raise LedgerError("since: %s is no time: write 2026-11-22 or 2026-11-22T09:00:00Z, in UTC." % since)
    if options["last"] is not None and options["last"] < 1:
        raise LedgerError("last: %d is no number of records: give 1 or more, or leave it out." % options["last"])
    return Filters(options["prefix"], since, options["outcome"] or (), options["after"], options["last"])


def _text(head: t.Optional[t.Mapping[str, t.Any]]) -> str:
    return "sequence: %s\nhash: %s\n" % (head["sequence"], head["hash"]) if head else ""


__all__ = ("known_heads", "look", "problem_sentence", "pruned", "with_anchor")
