# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What all modules that change a prefix have in common: the work is done by its owner, and written to the ledger."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Failed, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import Place, look_at, refuse_unless_ours
from ansible_collections.labfleet.conda.plugins.module_utils._change._prune import prune
from ansible_collections.labfleet.conda.plugins.module_utils._change._session import Session, forget, with_session
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import STATE, SnapshotError
from ansible_collections.labfleet.conda.plugins.module_utils._change._transaction import NOT_RESTORED, recover
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._append import append
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._place import LedgerError, place_at
from ansible_collections.labfleet.conda.plugins.module_utils._system._clock import seconds_now
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import is_there
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import clean
from ansible_collections.labfleet.conda.plugins.module_utils._system._worker import WorkerDied, run_as

_Map = t.Dict[str, t.Any]


def run_work(place: Place, work: t.Callable[[Session], _Map], *, what: str, lock_seconds: float) -> _Map:
    """Let the owner of a prefix do a piece of work under its lock; see with_session() for what is returned."""

    def run() -> _Map:
        return clean(with_session(place, work, what=what, lock_seconds=lock_seconds))

    try:
        return run_as(place.uid, place.gid, place.owner if place.home is not None else None, run)
    except WorkerDied as died:
        text = "%s The journal in %s tells how far it had come; the next run undoes it."
        return {"result": {}, "records": [], "error": {"kind": "failed", "message": text % (died, place.prefix)}}


def concluded(
    place: Place, options: t.Mapping[str, t.Any], answer: _Map, result: _Map, *, action: str, check: bool
) -> _Map:
    """Write what was done to the ledger, clear the journal, and give the result of the module.

    :param options: C(ledger) and C(run_id) of the module.
    :param answer: of run_work().
    :param result: what was known before.
    :param action: what the ledger is to call it.
    :raises ChangeError: the work was not done.
    """
    result = dict(result, **answer["result"])
    error = answer["error"]
    records = list(answer["records"])
    if error and not check and not records:
        kind = "refused" if error["kind"] == "refused" else "failed"
        records.append({"action": action, "prefix": place.subject, "outcome": kind, "message": error["message"]})
    if not check:
        result["ledger"] = _write_down(place, options, records)
    if error:
        raise (Refused if error["kind"] == "refused" else Failed)(error["message"], result)
    return result


def _write_down(place: Place, options: t.Mapping[str, t.Any], records: t.Sequence[_Map]) -> t.Optional[_Map]:
    """Append the records to the ledger and clear the journal; a ledger that cannot be written leaves the journal."""
    if not records:
        return None
    ledger = place_at(options["ledger"])
    now = datetime.datetime.now(datetime.timezone.utc)
    who = {"run": options["run_id"]} if options["run_id"] else {}
    try:
        for record in records:
            if record["outcome"] == NOT_RESTORED:
                record = dict(record, outcome="failed")
            entry = append(ledger, dict(record, who=who), now=now)
    except LedgerError as error:
        return {"path": ledger.path, "problem": str(error)}
    if any("snapshot" in record for record in records):
        run_as(place.uid, place.gid, place.owner if place.home is not None else None, lambda: forget(place.prefix))
    return {"path": ledger.path, "sequence": entry.sequence, "hash": entry.hash}


def recovered_first(
    prefix: str, options: t.Mapping[str, t.Any], *, action: str, note: t.Callable[[str], None]
) -> t.Optional[str]:
    """Undo an interrupted change that has left a prefix without its tool, so that it can be looked at again.

    :param options: C(trusted_writers), C(lock_seconds), C(ledger) and C(run_id) of the module.
    :returns: what was done; None where the tool is there, or nothing is to be undone.
    """
    path = "/" + prefix.strip("/")
    if not is_there("%s/%s/journal.json" % (path, STATE)):
        return None
    place = look_at(path, broken=True)
    if place.version is not None:
        return None
    refuse_unless_ours(place, trusted=options["trusted_writers"])

    def work(session: Session) -> _Map:
        record = recover(session.store, note=note)
        if record is None:
            return {"recovered": None}
        session.records.append(record)
        return {"recovered": record.get("message") or record["outcome"]}

    answer = run_work(place, work, what="undoes a change", lock_seconds=options["lock_seconds"])
    return concluded(place, options, answer, {}, action=action, check=False)["recovered"]


def pruned(prefix: str, options: t.Mapping[str, t.Any], change: str) -> t.List[str]:
    """Remove the snapshots that are too many after a change, but not its own; the caller holds the lock.

    :param options: C(keep_snapshots), C(keep_days) and C(keep_bytes) of the module.
    """
    try:
        return prune(
            prefix,
            keep=options["keep_snapshots"],
            max_age_days=options["keep_days"],
            max_bytes=options["keep_bytes"],
            protect=[change],
            now=seconds_now(),
        )
    except SnapshotError:
        return []


__all__ = ("concluded", "pruned", "recovered_first", "run_work")
