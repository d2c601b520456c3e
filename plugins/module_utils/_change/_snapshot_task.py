# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One task of the module conda_snapshot, from its options to its result."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._conclude import write_down
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import ChangeError, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._journal import (
    DONE,
    RESTORE,
    Journal,
    read_journal,
    write_journal,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._options import refuse_options
from ansible_collections.labfleet.conda.plugins.module_utils._change._owner import Owner, owner_of
from ansible_collections.labfleet.conda.plugins.module_utils._change._packages import (
    NoEnvironment,
    distributions,
    owned_paths,
    read_packages,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._prune import (
    measure,
    own_bytes,
    prune,
    prune_set_aside,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._restore import Restored, restore
from ansible_collections.labfleet.conda.plugins.module_utils._change._restore_record import restore_record
from ansible_collections.labfleet.conda.plugins.module_utils._change._session import RESTORE_ACTION, PrefixStore
from ansible_collections.labfleet.conda.plugins.module_utils._change._snapshot import new_id, take
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import (
    STATE,
    Snapshot,
    SnapshotError,
    check_id,
    load_all,
    open_state,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._told import one_line, told_record
from ansible_collections.labfleet.conda.plugins.module_utils._change._transaction import recover_all, recovery
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import close
from ansible_collections.labfleet.conda.plugins.module_utils._system._lock import (
    Locked,
    PrefixLock,
    locks_on_this_host_only,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._processes import own_uid
from ansible_collections.labfleet.conda.plugins.module_utils._system._users_of import uses_of
from ansible_collections.labfleet.conda.plugins.module_utils._system._worker import WorkerDied, run_as

BEFORE_RESTORE = "before the restore of "
_OUTSIDE = ("envs", "pkgs")
_SHOWN = 5
# What a snapshot or a restore may take, even on the slowest disk.
_WORK_SECONDS = 4 * 3600.0
Result = t.Dict[str, t.Any]


class Task(t.NamedTuple):
    """What is asked for: the options of the module, which documents them, and what the module knows besides.

    :param now: the time, in seconds since the epoch.
    :param token: six random hexadecimal digits.
    """

    prefix: str
    state: str
    snapshot: str
    reason: str
    keep: int
    max_age_days: t.Optional[float]
    max_size: t.Optional[int]
    force: bool
    lock_seconds: float
    check: bool
    now: float
    token: str
    ledger: t.Optional[str] = None
    run_id: t.Optional[str] = None


def run_task(task: Task) -> Result:
    """Do what a task asks for, as the owner of the prefix.

    :raises SnapshotError: it could not be done; the text is for the user.
    """
    try:
        refuse_options(task._asdict())
        owner = owner_of(task.prefix, only_look=task.state == "listed")
    except (NoEnvironment, Refused) as error:
        raise SnapshotError(str(error)) from error
    task = task._replace(prefix=owner.prefix)
    answer = _as_owner(owner, lambda: _answer(task), seconds=task.lock_seconds + _WORK_SECONDS)
    if "error" in answer:
        raise SnapshotError(one_line(answer["error"]))
    answer["prefix"] = owner.prefix
    records = [told_record(record, owner.prefix, RESTORE_ACTION) for record in answer.pop("records", ())]
    options = {"ledger": task.ledger, "run_id": task.run_id}
    written = write_down(owner.prefix, (owner.uid, owner.gid, owner.name), options, records)
    if written is not None:
        answer["ledger"] = written
        if written.get("problem"):
            text = "What was done to %s is not in the ledger: %s"
            answer["warnings"].append(text % (owner.prefix, written["problem"]))
    return answer


def _as_owner(owner: Owner, function: t.Callable[[], Result], *, seconds: float) -> Result:
    if own_uid() == owner.uid:
        return function()
    try:
        return t.cast(Result, run_as(owner.uid, owner.gid, owner.name, function, seconds=seconds))
    except (WorkerDied, OSError) as error:
        raise SnapshotError("The work on %s as its owner was cut off: %s" % (owner.prefix, error)) from error


def _answer(task: Task) -> Result:
    """The result, or the text of the error, which can be sent from one process to another."""
    try:
        if task.state == "listed":
            return _result(task)
        if task.check:
            return _ACTIONS[task.state](task, -1)
        folder = open_state(task.prefix)
        try:
            with PrefixLock(
                folder,
                "%s/%s" % (task.prefix, STATE),
                what="conda_snapshot, state " + task.state,
                wait_seconds=task.lock_seconds,
            ):
                records = recover_all(PrefixStore(task.prefix, folder), note=lambda text: None)
                result = _ACTIONS[task.state](task, folder)
                result.update(recovery(records))
                result["records"] = _records_with(task, folder, records, result)
                return result
        finally:
            close(folder)
    except (SnapshotError, NoEnvironment, Locked, ChangeError) as error:
        return {"error": str(error)}
    except OSError as error:
        return {"error": "The lock of %s could not be taken: %s." % (task.prefix, error)}


def _records_with(task: Task, folder: int, records: t.List[Result], result: Result) -> t.List[Result]:
    """The records with that of a restore, which is kept in the journal until it is in the ledger."""
    if "snapshot_before" not in result:
        return records
    record = restore_record(result)
    write_journal(folder, Journal(record["snapshot"], DONE, (), (), record, tuple(records)))
    return [*records, record]


def _take(task: Task, _folder: int) -> Result:
    environment = read_packages(task.prefix)
    if task.check:
        return _result(task, changed=True)
    taken = _taken(task, environment, task.reason)
    return _result(task, changed=True, snapshot=taken)


def _taken(task: Task, environment: Environment, reason: str) -> Snapshot:
    owned = owned_paths(environment)
    identifier = new_id(task.now, task.token)
    return take(task.prefix, snapshot_id=identifier, reason=reason, owned=owned, now=task.now, environment=environment)


def _prune(task: Task, _folder: int) -> Result:
    limits = {"keep": task.keep, "max_age_days": task.max_age_days, "max_bytes": task.max_size}
    removed = prune(task.prefix, now=task.now, dry=task.check, **limits)  # type: ignore[arg-type]
    aside = prune_set_aside(task.prefix, now=task.now, dry=task.check, **limits)  # type: ignore[arg-type]
    return dict(_result(task, changed=bool(removed or aside), removed=removed), removed_set_aside=aside)


def _restore(task: Task, folder: int) -> Result:
    wanted = _wanted(task)
    environment = read_packages(task.prefix)
    foreseen = restore(task.prefix, wanted, late=True, dry=True)
    difference = package_difference(environment, wanted)
    if not foreseen.changed:
        return _told(_result(task, snapshot=wanted), foreseen, difference)
    if not task.force:
        _refuse_processes(task.prefix)
    if task.check:
        return _told(_result(task, changed=True, snapshot=wanted), foreseen, difference)
    before = _taken(task, environment, BEFORE_RESTORE + wanted.id)
    # Should this be cut off, the next run finishes it.
    record = {"action": RESTORE_ACTION, "prefix": task.prefix, "snapshot": wanted.id}
    pending = read_journal(folder, task.prefix)
    earlier = (*pending.earlier, pending.record) if pending is not None else ()
    write_journal(folder, Journal(wanted.id, RESTORE, (), (), record, earlier))
    restored = restore(task.prefix, wanted, late=True)
    result = _result(task, changed=True, snapshot=wanted)
    result["snapshot_before"] = before.id
    return _told(result, restored, difference)


def _wanted(task: Task) -> Snapshot:
    snapshots = load_all(task.prefix)
    if task.snapshot == "latest":
        # Not those that a restore takes for the way back: else a second run would undo the first.
        found = [item for item in snapshots if item.complete and not item.reason.startswith(BEFORE_RESTORE)]
    else:
        found = [item for item in snapshots if item.id == check_id(task.snapshot)]
    if not found:
        known = ", ".join(item.id for item in snapshots if item.complete) or "none"
        message = "There is no snapshot %s of %s; there are: %s."
        raise SnapshotError(message % (task.snapshot, task.prefix, known))
    return found[-1]


def _refuse_processes(prefix: str) -> None:
    found = uses_of(prefix, apart=_OUTSIDE).found
    if found:
        shown = ", ".join("%s (process %d)" % (use.program, use.pid) for use in found[:_SHOWN])
        more = " and %d more" % (len(found) - _SHOWN) if len(found) > _SHOWN else ""
        message = "%s is in use by %s%s: end these first, or set force: true to restore it under them."
        raise SnapshotError(message % (prefix, shown, more))


def package_difference(environment: Environment, snapshot: Snapshot) -> t.Dict[str, t.List[str]]:
    """Which packages a restore would add and remove, as NAME-VERSION-BUILD."""
    now = distributions(environment.directory_names)
    then = list(snapshot.packages)
    return {
        "before": now,
        "after": then,
        "added": sorted(set(then) - set(now)),
        "removed": sorted(set(now) - set(then)),
    }


def _result(
    task: Task, *, changed: bool = False, snapshot: t.Optional[Snapshot] = None, removed: t.Sequence[str] = ()
) -> Result:
    result: Result = {
        "changed": changed,
        "prefix": task.prefix,
        "snapshots": [_shown(task.prefix, item) for item in load_all(task.prefix)],
        "snapshot": _shown(task.prefix, snapshot) if snapshot else None,
        "removed": list(removed),
        "recovered": None,
        "warnings": [],
    }
    if task.state != "listed" and locks_on_this_host_only(task.prefix):
        text = "The file system of %s keeps locks on this host only: let no other host change it at the same time."
        result["warnings"].append(text % task.prefix)
    return result


def _shown(prefix: str, snapshot: Snapshot) -> Result:
    return {
        "id": snapshot.id,
        "created": snapshot.created or None,
        "reason": snapshot.reason,
        "complete": snapshot.complete,
        "versions": dict(snapshot.versions),
        "counts": dict(snapshot.counts),
        "own_bytes": own_bytes(measure(prefix, snapshot)),
        "missing": [{"path": path, "reason": reason} for path, reason in snapshot.missing],
    }


def _told(result: Result, restored: Restored, difference: t.Dict[str, t.List[str]]) -> Result:
    result["changed_paths"] = restored.changed
    result["problems"] = [{"path": path, "reason": reason} for path, reason in restored.problems]
    result["notes"] = [{"path": path, "reason": reason} for path, reason in restored.notes]
    result["packages"] = {"added": difference["added"], "removed": difference["removed"]}
    lines = {key: "".join(line + "\n" for line in difference[key]) for key in ("before", "after")}
    result["diff"] = dict(lines, before_header="packages now", after_header="packages of the snapshot")
    return result


_ACTIONS: t.Dict[str, t.Callable[[Task, int], Result]] = {"taken": _take, "restored": _restore, "pruned": _prune}


__all__ = ("BEFORE_RESTORE", "Task", "package_difference", "run_task")
