# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What all modules that change a prefix have in common: the work is done by its owner, and written to the ledger."""

from __future__ import annotations

import contextlib
import datetime
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Failed, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._in_container import host_of
from ansible_collections.labfleet.conda.plugins.module_utils._change._journal import DONE, is_pending
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import Place, look_at, refuse_unless_ours
from ansible_collections.labfleet.conda.plugins.module_utils._change._preflight import SKIP
from ansible_collections.labfleet.conda.plugins.module_utils._change._prune import prune, prune_set_aside
from ansible_collections.labfleet.conda.plugins.module_utils._change._session import (
    CREATE_ACTION,
    RESTORE_ACTION,
    Session,
    forget,
    with_session,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import SnapshotError
from ansible_collections.labfleet.conda.plugins.module_utils._change._told import one_line, told
from ansible_collections.labfleet.conda.plugins.module_utils._change._transaction import (
    COMMITTED,
    NOT_RESTORED,
    ROLLED_BACK,
    Store,
    recover_all,
    recovery,
)
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._append import append
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._chain import Head
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._place import LedgerError, place_at
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._place import Place as LedgerPlace
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._read import read
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._record import Filters
from ansible_collections.labfleet.conda.plugins.module_utils._system._clock import seconds_now
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import clean
from ansible_collections.labfleet.conda.plugins.module_utils._system._worker import WorkerDied, run_as

_Map = t.Dict[str, t.Any]
_Owner = t.Tuple[int, int, t.Optional[str]]
# The outcomes of a transaction, of which there is a record.
_WITH_RECORD = (COMMITTED, ROLLED_BACK, NOT_RESTORED)
_MAX_LOOKED_AT = 200
# What planning, the snapshot, the verification and the way back may take, even on the slowest disk.
_FORGET_SECONDS = 300.0
_OTHER_SECONDS = 2 * 3600.0
_TO_BE_UNDONE = "An interrupted change of %s is to be undone first; a run without check mode does so."
_WRITTEN_LATER = "A later run has written this down, since the one that made the change was cut off before."


def run_work(
    place: Place, work: t.Callable[[Session], _Map], options: t.Mapping[str, t.Any], *, what: str, check: bool = False
) -> _Map:
    """Let the owner of a prefix do a piece of work under its lock; see with_session() for what is returned.

    Nothing of it can be trusted further than its owner; see told().

    :param options: C(lock_seconds), C(time_limit) and C(grace) of the module, and C(busy) and C(download_seconds) if it
        has them.
    """
    lock_seconds, skip = options["lock_seconds"], options.get("busy") == SKIP

    def run() -> _Map:
        return with_session(place, work, what=what, lock_seconds=lock_seconds, check=check, skip=skip)

    return run_worker(place, run, options)


def run_worker(place: Place, work: t.Callable[[], _Map], options: t.Mapping[str, t.Any]) -> _Map:
    """Let the owner of a prefix do a piece of work; its answer is that of with_session()."""
    seconds = options["lock_seconds"] + options["time_limit"] + options.get("download_seconds", 0.0) + _OTHER_SECONDS

    def run() -> _Map:
        return t.cast(_Map, clean(work()))

    try:
        return t.cast(_Map, run_as(*_owner(place), run, seconds=seconds, grace=options["grace"] + _OTHER_SECONDS))
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
    answer = told(answer, place.subject, action)
    result = dict(result, **answer["result"])
    error = answer["error"]
    records = list(answer["records"])
    if error and not check and result.get("outcome") not in _WITH_RECORD:
        records.append(
            {"action": action, "prefix": place.subject, "outcome": error["kind"], "message": error["message"]}
        )
    if not check:
        result["ledger"] = write_down(place.prefix, _owner(place), options, records)
        if result["ledger"] and result["ledger"].get("problem"):
            text = "What was done to %s is not in the ledger: %s"
            result["warnings"] = [*result.get("warnings", ()), text % (place.subject, result["ledger"]["problem"])]
    if error:
        raise (Refused if error["kind"] == "refused" else Failed)(error["message"], result)
    return result


def write_down(
    prefix: str, owner: _Owner, options: t.Mapping[str, t.Any], records: t.Sequence[_Map]
) -> t.Optional[_Map]:
    """Append the records to the ledger and clear the journal; a ledger that cannot be written leaves the journal.

    :param prefix: where the journal is.
    :param owner: whose it is: the numbers of the user and the group, and the name.
    """
    if not records:
        return None
    now = datetime.datetime.now(datetime.timezone.utc)
    who = {"run": options["run_id"]} if options["run_id"] else {}
    host = host_of(options)
    try:
        ledger = place_at(options["ledger"])
    except LedgerError as error:
        return {"path": options["ledger"], "problem": str(error)}
    entry: t.Optional[Head] = None
    try:
        for record in records:
            record = {key: value for key, value in record.items() if key != "change"}
            if record["action"] == CREATE_ACTION:
                record.pop("snapshot", None)  # there is none; it has named the change in the journal alone
            if record.pop("again", False):
                entry = _written(ledger, record)
                if entry is not None:
                    continue
                record["message"] = _late(record["message"])
            entry = Head(*append(ledger, dict(record, who=who, host=host), now=now))
    except LedgerError as error:
        text = "%s The journal keeps it, and the next run writes it."
        kept = any(map(_journal_of, records))
        return {"path": ledger.path, "problem": text % error if kept else str(error)}
    told_of = {"path": ledger.path, **(entry._asdict() if entry else {})}
    changes = set(filter(None, map(_journal_of, records)))
    if changes:
        try:
            run_as(*owner, lambda: forget(prefix, changes), seconds=_FORGET_SECONDS)
        except (WorkerDied, OSError) as error:
            told_of["problem"] = "It is written, but the journal could not be cleared, so the next run looks at it: %s"
            told_of["problem"] %= one_line(error)
    return told_of


def _journal_of(record: _Map) -> t.Optional[str]:
    """The identifier in the journal that keeps a record until it is in the ledger."""
    return record.get("change") or record.get("snapshot")


def _written(ledger: LedgerPlace, record: _Map) -> t.Optional[Head]:
    """Where a record stands in the ledger, of a run that was cut off before it could clear the journal."""
    last = 1 if record["action"] == RESTORE_ACTION else _MAX_LOOKED_AT  # a snapshot can be restored more than once
    for found in reversed(read(ledger, Filters(prefix=clean(record["prefix"]), last=last)).records):
        same = all(found.get(key) == record.get(key) for key in ("action", "outcome", "snapshot"))
        if same and found.get("message") in (record["message"], _late(record["message"])):
            return Head(found["sequence"], found["hash"])
    return None


def _late(message: t.Optional[str]) -> str:
    """The message of a record that the run which made the change did not write itself."""
    return ("%s %s" % (message or "", _WRITTEN_LATER)).strip()


def _owner(place: Place) -> _Owner:
    return place.uid, place.gid, place.owner if place.home is not None else None


def earlier_run(
    session: Session,
    *,
    check: bool,
    note: t.Callable[[str], None],
    store: t.Optional[Store] = None,
    whole: t.Callable[[], t.List[str]] = list,
) -> _Map:
    """Finish or undo what an earlier run has left; in check mode only tell, as C(message), that this comes first.

    :param store: that of the session, unless told otherwise.
    :param whole: tells what is wrong with the prefix after it was restored.
    """
    if check:
        journal = session.journal()
        if journal is None or journal.phase == DONE:
            return {}
        return {"changed": True, "message": _TO_BE_UNDONE % session.place.subject}
    found = recover_all(store or session.store, note=note, check=whole)
    session.records += found
    return recovery(found)


def settled_first(
    prefix: str, options: t.Mapping[str, t.Any], *, action: str, note: t.Callable[[str], None], check: bool
) -> _Map:
    """See to it that a prefix can be looked at: its tool may be gone while it is changed, or after it was interrupted.

    A change that is under way is waited for. One that was interrupted and has left no tool is undone.

    :param options: C(trusted_writers), C(busy), C(lock_seconds), C(ledger) and C(run_id) of the module.
    :param check: change nothing.
    :returns: C(recovered), what was done, None for nothing; C(outcome) where this is all that can be done now.
    :raises ChangeError: another change goes on, or the interrupted one was not undone.
    """
    path = "/" + prefix.strip("/")
    if not is_pending(path):
        return {"recovered": None}
    place = look_at(path, broken=True)
    refuse_unless_ours(place, trusted=options["trusted_writers"])

    def work(session: Session) -> _Map:
        session.look_again(broken=True)
        if not is_pending(path) or (session.place.version and session.place.installation.program):
            return {}
        if check:
            return {"changed": True, "outcome": "unchanged", "message": _TO_BE_UNDONE % path}
        session.records += recover_all(session.store, note=note)
        return recovery(session.records)

    answer = run_work(place, work, options, what="undoes a change", check=check)
    return concluded(place, options, answer, {"recovered": None}, action=action, check=check)


def pruned(prefix: str, options: t.Mapping[str, t.Any], change: str) -> _Map:
    """Remove the snapshots and files set aside that are too many after a change; the caller holds the lock.

    :param options: C(keep_snapshots), C(keep_days) and C(keep_bytes) of the module.
    :param change: whose own stay.
    :returns: C(pruned), the snapshots, and C(pruned_set_aside), the directories.
    """
    limits: _Map = {
        "keep": options["keep_snapshots"],
        "max_age_days": options["keep_days"],
        "max_bytes": options["keep_bytes"],
        "protect": [change],
        "now": seconds_now(),
    }
    result: _Map = {"pruned": [], "pruned_set_aside": []}
    with contextlib.suppress(SnapshotError, OSError):  # what was changed is kept all the same
        result["pruned"] = prune(prefix, **limits)
        result["pruned_set_aside"] = prune_set_aside(prefix, **limits)
    return result


__all__ = ("concluded", "earlier_run", "pruned", "run_work", "run_worker", "settled_first", "write_down")
