# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Reports, cleans, moves and splits package caches: the module conda_cache, which documents options and result."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._cache_clean import ACTION as CLEAN
from ansible_collections.labfleet.conda.plugins.module_utils._change._cache_clean import clean, finish_clean
from ansible_collections.labfleet.conda.plugins.module_utils._change._cache_gather import Gathering, Question
from ansible_collections.labfleet.conda.plugins.module_utils._change._cache_move import ACTION as MOVE
from ansible_collections.labfleet.conda.plugins.module_utils._change._cache_move import finish_move, move, plan_move
from ansible_collections.labfleet.conda.plugins.module_utils._change._cache_place import (
    CachePlace,
    caches_of,
    refuse_unless_owner,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._cache_plan import CachePlan, plan_removal
from ansible_collections.labfleet.conda.plugins.module_utils._change._cache_session import (
    CacheSession,
    Others,
    Waiting,
    with_cache,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._cache_split import ACTION as SPLIT_ACTION
from ansible_collections.labfleet.conda.plugins.module_utils._change._cache_split import (
    finish_split,
    give_own,
    plan_split,
    split,
    told_of,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._conclude import write_down
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import ChangeError, Failed, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._journal import Journal, is_pending
from ansible_collections.labfleet.conda.plugins.module_utils._change._options import refuse_options
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import STATE
from ansible_collections.labfleet.conda.plugins.module_utils._change._told import told
from ansible_collections.labfleet.conda.plugins.module_utils._discover._cache_contents import (
    ARCHIVE,
    INDEX,
    LEFTOVER,
    PACKAGE,
    Contents,
    contents,
    freed,
    taken_by,
)
from ansible_collections.labfleet.conda.plugins.module_utils._discover._cache_uses import CacheUses
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import Look, Options
from ansible_collections.labfleet.conda.plugins.module_utils._system._clock import seconds_now
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import clean as cleaned
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root
from ansible_collections.labfleet.conda.plugins.module_utils._system._tree_copy import unwritable
from ansible_collections.labfleet.conda.plugins.module_utils._system._worker import WorkerDied, run_as

REPORTED, CLEANED, MOVED, SPLIT = "reported", "cleaned", "moved", "split"
_KINDS = {"archives": ARCHIVE, "packages": PACKAGE, "leftovers": LEFTOVER, "index_cache": INDEX}
_FINISH = {CLEAN: finish_clean, MOVE: finish_move, SPLIT_ACTION: finish_split}
_MAX_UNSEEN = 20
# What one look may take, and what the move of a cache to another file system may, however large and slow they are.
_LOOK_SECONDS, _WORK_SECONDS = 300.0, 24 * 3600.0
_Map = t.Dict[str, t.Any]
_Note = t.Callable[[str], None]


def cache(options: t.Mapping[str, t.Any], *, check: bool, note: _Note) -> _Map:
    """Look at package caches, or change them.

    :param options: those of the module.
    :param check: plan only.
    :param note: takes what is being done, for a person who waits.
    :returns: the result of the module.
    :raises ChangeError: it was not done; the error carries the result so far.
    """
    refuse_options(options)
    root = Root("/")
    task = _Task(options, root, check, note)
    result: _Map = {"changed": False, "state": options["state"], "outcome": "unchanged", "caches": []}
    result.update(won={"bytes": 0, "inodes": 0}, recovered=None, warnings=[])
    places = caches_of(options, root)
    if options["state"] in (MOVED, SPLIT) and len(places) > 1:
        text = "%s has several package caches (%s): name one of them by path."
        raise Refused(text % (options["prefix"], ", ".join(place.path for place in places)))
    for place in places:
        task.work_on(place, result)
    return result


class _Host:
    """What the whole host tells, looked at once, when it is first asked for."""

    def __init__(self, options: t.Mapping[str, t.Any], note: _Note) -> None:
        self._options, self._note = options, note
        self._look: t.Optional[Look] = None

    def look(self, place: CachePlace) -> Look:
        if self._look is None:
            self._note("looks at the host")
            beside = [path.rpartition("/")[0] for path in (place.path, place.given)]
            paths = [*self._options["search_paths"], *filter(None, dict.fromkeys(beside))]
            seconds = self._options["time_limit"]
            exclude = self._options["exclude"]
            self._look = Look(Options(search_paths=paths, exclude=exclude, gather=("records",), time_limit=seconds))
            self._look.run()
            self._look.survey.root.deadline = None
        return self._look

    def others(self, place: CachePlace) -> Others:
        """Tells which installations have other caches than this one."""
        look = self.look(place)
        known = look.result.caches.get(place.path)
        users = {str(use["installation"]) for use in known.used_by} if known else set()
        return Others(place.path, {item.prefix for item in look.result.installations if item.prefix}, users)


class _Task:
    """One task, for each of its caches."""

    def __init__(self, options: t.Mapping[str, t.Any], root: Root, check: bool, note: _Note) -> None:
        self.options, self.root, self.check, self.note = options, root, check, note
        self.host = _Host(options, note)

    def work_on(self, place: CachePlace, result: _Map) -> None:
        """Add what is told of one cache, and what was done to it, to the result."""
        state = self.options["state"]
        if state != REPORTED:
            refuse_unless_owner(place, self.root)
        entry = _entry(place)
        result["caches"].append(entry)
        pending = state != REPORTED and is_pending(place.path)
        if pending and self.check:
            text = "An interrupted change of %s is to be finished first; a run without check mode does so."
            result.update(changed=True, message=text % place.path)
        do = {REPORTED: self._report, CLEANED: self._clean, MOVED: self._move, SPLIT: self._split}[state]
        do(place, entry, result, pending)

    def _plan(self, place: CachePlace, entry: _Map, found: t.Optional[Contents]) -> CachePlan:
        options = self.options
        everything = options["state"] == REPORTED
        kinds = frozenset(kind for name, kind in _KINDS.items() if everything or options[name])
        goal = options["keep_bytes"]
        question = Question(kinds, options["keep_days"], everything or goal is not None, seconds_now())
        made: t.List[CacheUses] = []

        def uses() -> CacheUses:
            made[:] = made or [CacheUses(self.host.look(place), place.path, closed_to=place.closed_to)]
            return made[0]

        gathering = Gathering(self.root, place, question, uses, found.items if found else ())
        plan = plan_removal(gathering.run(), size=found.bytes if found else None, keep_bytes=goal)
        entry["kept"] = plan.kept()
        entry["unseen"] = [{"path": path, "reason": why} for path, why in sorted(gathering.unseen.items())]
        entry["unseen"] = entry["unseen"][:_MAX_UNSEEN]
        entry["unseen_count"] = len(gathering.unseen)
        if goal is not None:
            entry["goal_met"] = plan.goal_met
        entry["used_by"] = plan.used_by()
        return plan

    def _measure(self, place: CachePlace, entry: _Map) -> Contents:
        found = contents(self.root, place.path, lambda path, reason: None)
        if found is None:
            raise Refused("%s vanished while it was looked at: run the task again." % place.path)
        entry.update(bytes=found.bytes, inodes=found.inodes, complete=found.complete)
        entry["own_bytes"], entry["own_inodes"] = freed([count for _item, count in found.items])
        for name, kind in _KINDS.items():
            size, inodes = taken_by(found.items, kind)
            number = sum(item.kind == kind for item, _count in found.items)
            entry[name] = {"count": number, "bytes": size, "inodes": inodes}
        return found

    def _report(self, place: CachePlace, entry: _Map, _result: _Map, _pending: bool) -> None:
        plan = self._plan(place, entry, self._measure(place, entry))
        entry["removable"] = [item.as_dict() for item in plan.remove]
        entry["reclaimable"] = dict(zip(("bytes", "inodes"), plan.freed))

    def _clean(self, place: CachePlace, entry: _Map, result: _Map, pending: bool) -> None:
        found = self._measure(place, entry) if self.options["keep_bytes"] is not None else None
        plan = self._plan(place, entry, found)
        _tell(entry, plan, result)
        if self.check and plan.remove:
            result.update(changed=True, outcome="planned")
        if self.check or not (plan.remove or pending):
            return
        answer = self._as_owner(place, lambda session: clean(session, plan, self.note), what="cleans", action=CLEAN)
        removed = set(answer["result"].get("removed", ()))
        done = CachePlan([item for item in plan.remove if item.item.name in removed], plan.stay, plan.goal_met)
        _tell(entry, done, result)
        entry["not_removed"] = answer["result"].get("not_removed", {})
        self._conclude(place, answer, result, action=CLEAN)

    def _move(self, place: CachePlace, entry: _Map, result: _Map, pending: bool) -> None:
        size = self._measure(place, entry).bytes
        if pending and not self.check:  # it decides where the cache is now
            answer = self._as_owner(place, lambda session: {}, what="finishes a move", action=MOVE)
            self._conclude(place, answer, result, action=MOVE)
        plan = plan_move(place, self.options["to"], self.root, size=size, reserve=self.options["reserve"])
        if plan is None:
            return
        entry.update(to=plan.new, link=plan.old)
        result["diff"] = {"before": plan.old + "\n", "after": plan.new + "\n"}
        closed = run_as(place.uid, place.gid, place.owner, lambda: unwritable(plan.parents), seconds=_LOOK_SECONDS)
        if closed:
            text = "%s cannot be moved to %s: its owner %s may not write to %s. Let it be a directory of that user."
            raise Refused(text % (plan.old, plan.new, place.owner_name, closed[0]), result)
        won = {"bytes": entry["own_bytes"], "inodes": entry["own_inodes"]}
        if self.check:
            result.update(changed=True, outcome="planned", won=won)
            return
        answer = self._as_owner(place, lambda session: move(session, plan, self.note), what="moves", action=MOVE)
        if answer["error"] is None and answer["result"].get("changed") is True:
            place = place._replace(path=plan.new)
            entry["path"], result["won"] = plan.new, won
        self._conclude(place, answer, result, action=MOVE)

    def _split(self, place: CachePlace, entry: _Map, result: _Map, pending: bool) -> None:
        plan = plan_split(place, self.host.look(place), self.root)
        entry.update(told_of(plan.found, self.root.identities), without=plan.without)
        entry["condarc"] = None
        if plan.found.is_closed and not plan.without and not pending:
            return
        try:
            entry["condarc"] = give_own(place, plan, self.options, check=self.check)
        except ChangeError as error:
            raise type(error)(str(error), result) from error
        result["changed"] = result["changed"] or bool(entry["condarc"] and entry["condarc"]["changed"])
        counts = (place.path, plan.found.open, sum(plan.found.foreign.values()))
        lines = ("%s: others can write to %d things, and own %d\n" % counts, "%s: only its owner can\n" % place.path)
        result["diff"] = {"before": lines[0], "after": lines[1]}
        if self.check:
            result.update(changed=True, outcome="planned")
            return
        answer = self._as_owner(place, lambda session: split(session, self.note), what="splits", action=SPLIT_ACTION)
        self._conclude(place, answer, result, action=SPLIT_ACTION)

    def _as_owner(self, place: CachePlace, work: t.Callable[[CacheSession], _Map], *, what: str, action: str) -> _Map:
        """Let the owner of a cache do a piece of work; nothing of the answer is trusted further than the owner is."""
        options = self.options
        waiting = Waiting(options["busy"], options["busy_seconds"], self.host.others(place))

        def begin(session: CacheSession) -> _Map:
            recovered = session.take_up(lambda journal: _finish(session, journal))
            found = {} if recovered is None else {"recovered": recovered, "changed": True}
            return dict(found, **work(session))

        def run() -> _Map:
            seconds = options["lock_seconds"]
            return t.cast(_Map, cleaned(with_cache(place, begin, what=what, lock_seconds=seconds, waiting=waiting)))

        seconds = options["lock_seconds"] + options["busy_seconds"] + _WORK_SECONDS
        try:
            answer = run_as(place.uid, place.gid, place.owner, run, seconds=seconds)
            return told(answer, place.path, action)
        except WorkerDied as died:
            text = "%s The next run on %s finishes what was begun."
            error = {"kind": "failed", "message": text % (died, place.path)}
            return {"result": {}, "records": [], "error": error}

    def _conclude(self, place: CachePlace, answer: _Map, result: _Map, *, action: str) -> None:
        """Write what was done to the ledger, clear the journal, and add it to the result.

        :raises ChangeError: the work was not done.
        """
        error, given = answer["error"], answer["result"]
        records = list(answer["records"])
        if error:
            failed = {"action": action, "prefix": place.path, "outcome": error["kind"], "message": error["message"]}
            records.append(failed)
        written = write_down(place.path, (place.uid, place.gid, place.owner), self.options, records)
        if written is not None:
            result["ledger"] = written
            if written.get("problem"):
                text = "What was done to %s is not in the ledger: %s"
                result["warnings"].append(text % (place.path, written["problem"]))
        result["changed"] = result["changed"] or given.get("changed") is True
        for key in ("recovered", "message", "processes"):
            if given.get(key) is not None:
                result[key] = given[key]
        if given.get("outcome") == "deferred" or result["changed"]:
            result["outcome"] = given.get("outcome") or "committed"
        if error:
            raise (Refused if error["kind"] == "refused" else Failed)(error["message"], result)


def _finish(session: CacheSession, journal: Journal) -> t.Optional[_Map]:
    finish = _FINISH.get(str(journal.record.get("action")))
    if finish is None:
        text = "The journal in %s/%s is of a change that this version does not know. Nothing was changed."
        raise Refused(text % (session.place.path, STATE))
    return t.cast(t.Callable[[CacheSession, Journal], t.Optional[_Map]], finish)(session, journal)


def _entry(place: CachePlace) -> _Map:
    return {"path": place.path, "owner": place.owner_name, "mode": "%04o" % place.mode, "shared": not place.closed}


def _tell(entry: _Map, plan: CachePlan, result: _Map) -> None:
    """Tell what goes, of one cache and of all."""
    before = entry.get("won", {"bytes": 0, "inodes": 0})
    entry["removed"] = [item.as_dict() for item in plan.remove]
    entry["won"] = dict(zip(("bytes", "inodes"), plan.freed))
    for key in ("bytes", "inodes"):
        result["won"][key] += entry["won"][key] - before[key]
    paths = ["%s/%s\n" % (item["path"], name["name"]) for item in result["caches"] for name in item.get("removed", ())]
    result["diff"] = {"before": "".join(paths), "after": "", "before_header": "removed", "after_header": "removed"}


__all__ = ("ChangeError", "cache")
