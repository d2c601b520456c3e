# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the owner's process tells of its work, which is the word of that user: root takes only what it expects of it."""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._transaction import (
    COMMITTED,
    RECOVERED,
    ROLLED_BACK,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import on_one_line

_Map = t.Dict[str, t.Any]
_ACTIONS = (
    "update", "replace", "restore", "package", "create", "change", "remove", "config", "clean", "move", "split",
)  # fmt: skip
_OUTCOMES = {COMMITTED: COMMITTED, ROLLED_BACK: ROLLED_BACK, RECOVERED: RECOVERED, "refused": "refused"}
# What Ansible itself understands in a result.
_RESERVED = frozenset("msg failed skipped exception invocation ansible_facts ansible_stats deprecations".split())
_ID = re.compile(r"[0-9A-Za-z.-]{1,100}\Z")
_MAX_MESSAGE = 8192
_MAX_RECORD = 1024 * 1024


def told(answer: t.Any, subject: str, action: str) -> _Map:
    """The answer of with_session(), as far as it can be one.

    :param subject: the path that was worked on, whatever the answer says.
    :param action: what was to be done there.
    """
    answer = answer if isinstance(answer, dict) else {}
    result, records, error = answer.get("result"), answer.get("records"), answer.get("error")
    if not isinstance(result, dict) or not isinstance(records, list) or not (error is None or isinstance(error, dict)):
        result, records, error = {}, [], {"message": "The work on %s gave no answer that can be used." % subject}
    safe = {key: value for key, value in result.items() if key not in _RESERVED}
    if "prefix" in safe:
        safe["prefix"] = subject
    for key in ("recovered", "message"):
        if safe.get(key) is not None:
            safe[key] = one_line(safe[key])
    if "warnings" in safe:
        safe["warnings"] = [one_line(text) for text in _list(safe["warnings"])]
    if error is not None:
        kind = "refused" if error.get("kind") == "refused" else "failed"
        error = {"kind": kind, "message": one_line(error.get("message"))}
    return {"result": safe, "records": [told_record(item, subject, action) for item in records], "error": error}


def told_record(record: t.Any, subject: str, action: str) -> _Map:
    """A record for the ledger that speaks of the subject alone.

    C(again) marks one that may be written already, C(change) names the journal that keeps it where no snapshot does.
    """
    given: _Map = record if isinstance(record, dict) else {}
    snapshot, message = given.get("snapshot"), given.get("message")
    safe: _Map = {
        "action": given.get("action") if given.get("action") in _ACTIONS else action,
        "prefix": subject,
        "outcome": _OUTCOMES.get(str(given.get("outcome")), "failed"),
        "message": None if message is None else one_line(message),
        "snapshot": snapshot if isinstance(snapshot, str) and _ID.match(snapshot) else None,
    }
    for key, kind in (("before", dict), ("after", dict), ("packages", list), ("verification", list)):
        if isinstance(given.get(key), kind):
            safe[key] = given[key]
    if len(json.dumps(safe)) > _MAX_RECORD:
        text = "%s What else was told of it is too large for a record."
        safe = {key: safe[key] for key in ("action", "prefix", "outcome", "message", "snapshot")}
        safe["message"] = (text % (safe["message"] or "")).strip()
    if isinstance(given.get("change"), str) and _ID.match(given["change"]):
        safe["change"] = given["change"]
    return dict(safe, again=True) if given.get("again") is True else safe


def one_line(text: t.Any) -> str:
    """A text of somebody else: on one line, without what a terminal obeys, and of a length that can be read."""
    return on_one_line(" ".join(line.strip() for line in str(text)[:_MAX_MESSAGE].splitlines()))


def _list(value: t.Any) -> t.List[t.Any]:
    return value if isinstance(value, list) else []


__all__ = ("one_line", "told", "told_record")
