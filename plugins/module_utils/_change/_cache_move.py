# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Moves a package cache to another file system: copied, compared, and a link put into its place in one step.

A link, and not pkgs_dirs of a condarc: records and softly linked environments name the old path, which stays valid.
"""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._cache_place import (
    CachePlace,
    refuse_exchangers,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._cache_session import CacheSession
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import ChangeError, Failed, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._journal import (
    DONE,
    SNAPSHOT,
    Journal,
    read_journal,
    write_journal,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._session import identifier
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import STATE, open_state
from ansible_collections.labfleet.conda.plugins.module_utils._change._transaction import COMMITTED
from ansible_collections.labfleet.conda.plugins.module_utils._system._cache_locks import MambaLock
from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import Directory
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import (
    close,
    names_in,
    remove_tree,
    sync_file_system,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import free_space
from ansible_collections.labfleet.conda.plugins.module_utils._system._lock import PrefixLock
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root
from ansible_collections.labfleet.conda.plugins.module_utils._system._tree_copy import (
    compare_trees,
    copy_tree,
    exchange,
    fingerprint,
    link_target,
    make_folder,
    make_link,
    remove_link,
    rename_in,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._walk import open_folder

ACTION = "move"
# How the new place is found: nothing there, an empty directory, or a link to the cache itself from an earlier move.
FREE, EMPTY, BACK = "free", "empty", "back"
_LOST = "lost+found"
_BESIDE = ".labfleet-conda-%s"
_Map = t.Dict[str, t.Any]


class MovePlan(t.NamedTuple):
    """From where to where, both real paths, and what is at the new place now."""

    old: str
    new: str
    there: str

    @property
    def parents(self) -> t.List[str]:
        """The directories in which something is made or renamed."""
        return [_parent(self.old), self.new if self.there == EMPTY else _parent(self.new)]


def plan_move(place: CachePlace, to: str, root: Root, *, size: int, reserve: int) -> t.Optional[MovePlan]:
    """Look at the new place; None where the cache is there already.

    :raises Refused: it cannot be moved there.
    """
    to = "/" + to.strip("/")
    try:
        with root.directory(_parent(to)) as parent:
            name = to.rpartition("/")[2]
            new = parent.join(name)
            if new == place.path:
                return None
            there, device = _what_is_at(root, parent, name, place)
        with root.directory(_parent(place.path)) as above:
            if above.status().st_dev != place.device:
                text = "%s is a mount point, in whose place no link can be put: move what is in it by mounting anew."
                raise Refused(text % place.path)
    except Absent as error:
        raise Refused("%s cannot be moved to %s: %s is not there." % (place.path, to, _parent(to))) from error
    except Unreadable as error:
        raise Refused("%s could not be looked at: %s." % (error.path, error.reason)) from error
    if (new + "/").startswith(place.path + "/") or (place.path + "/").startswith(new + "/"):
        raise Refused("%s cannot be moved to %s: one lies in the other." % (place.path, new))
    if device == place.device:
        text = "%s and %s lie on the same file system, so that nothing would be won: name a place on another one."
        raise Refused(text % (place.path, new))
    refuse_exchangers(root, place, new)
    free = free_space(new if there == EMPTY else _parent(new))[0]
    if free < size + reserve:
        text = "There is too little room for %s at %s: %.1f MB are free, %.1f MB are needed and %.1f MB must stay free."
        raise Refused(text % (place.path, new, free / 1e6, size / 1e6, reserve / 1e6))
    return MovePlan(place.path, new, there)


def _what_is_at(root: Root, parent: Directory, name: str, place: CachePlace) -> t.Tuple[str, int]:
    if not parent.has(name):
        return FREE, parent.status().st_dev
    link = parent.link(name)
    with root.directory(parent.join(name)) as found:
        if link is not None and found.path == place.path:
            return BACK, parent.status().st_dev
        if link is None and found.status().st_uid == place.uid and not set(found.names()) - {STATE, _LOST}:
            return EMPTY, found.status().st_dev
    text = "%s is there already: name a path that is free, or an empty directory that belongs to %s."
    raise Refused(text % (parent.join(name), place.owner_name))


def move(session: CacheSession, plan: MovePlan, note: t.Callable[[str], None]) -> _Map:
    """Move the cache; when anything goes wrong before the link is in place, nothing has changed.

    :raises ChangeError: it was not moved.
    """
    session.wait()
    change = identifier()
    record = {
        "action": ACTION,
        "prefix": plan.old,
        "message": "Moved to %s (%s)." % (plan.new, change),
        "before": {"path": plan.old, "there": plan.there},
        "after": {"path": plan.new},
    }
    try:
        with MambaLock(session.folder, plan.old) as lock:
            session.own_locks = (lock.name,)
            session.write(SNAPSHOT, change, [], record)
            done = _moved(session, plan, change, record, note)
    except BlockingIOError as error:
        raise session.busy([], [str(error.filename)]) from error
    session.records.append(done)
    return {"changed": True}


def _moved(session: CacheSession, plan: MovePlan, change: str, record: _Map, note: t.Callable[[str], None]) -> _Map:
    state = -1
    try:
        state = _staged(plan, change, Journal(change, SNAPSHOT, (), (), record, tuple(session.records)))
        # Whoever finds the cache at its new place waits until the old one is gone.
        with PrefixLock(state, "%s/%s" % (plan.new, STATE), what="moves a cache", wait_seconds=0):
            _copy(session, plan, change, note)
            _settle(plan, change)
            note("removes the old %s" % plan.old)
            done = dict(record, outcome=COMMITTED, change=change)
            _remove_old(plan, change)
            write_journal(state, Journal(change, DONE, (), (), done, tuple(session.records)))
            return done
    except (OSError, ChangeError) as error:
        if link_target(plan.old) == plan.new:
            text = "%s lies at %s now, but the old one could not be removed whole: %s. The next run goes on with that."
            raise Failed(text % (plan.old, plan.new, error)) from error
        _undo(plan, change)
        session.forget()
        raise error if isinstance(error, ChangeError) else Failed(_why(plan, error)) from error
    finally:
        if state >= 0:
            close(state)


def _staged(plan: MovePlan, change: str, journal: Journal) -> int:
    """The directory of our own in the one that the copy is made in."""
    parent = open_folder(_parent(plan.new))
    try:
        name = _staging(plan, change)
        if plan.there != EMPTY:
            make_folder(parent, name)
        state = open_state("%s/%s" % (_parent(plan.new), name))
        write_journal(state, journal)
        return state
    finally:
        close(parent)


def _copy(session: CacheSession, plan: MovePlan, change: str, note: t.Callable[[str], None]) -> None:
    note("copies %s to %s" % (plan.old, plan.new))
    target = open_folder("%s/%s" % (_parent(plan.new), _staging(plan, change)))
    try:
        skip = frozenset((STATE, _LOST, *session.own_locks))
        copy_tree(session.folder, target, skip=skip)
        sync_file_system(target)
        note("compares %s with its copy" % plan.old)
        seen = compare_trees(session.folder, target, skip=skip)
        session.wait()
        if fingerprint(session.folder, skip=skip) != seen:
            raise Failed("%s was changed while it was copied. Nothing was changed; run the task again." % plan.old)
    finally:
        close(target)


def _settle(plan: MovePlan, change: str) -> None:
    """Put the copy in its place, and then a link to it in the place of the old one."""
    parent = above = -1
    try:
        parent, above = open_folder(_parent(plan.new)), open_folder(_parent(plan.old))
        make_link(plan.new, _BESIDE % change, above)
        name, last = _staging(plan, change), plan.new.rpartition("/")[2]
        if plan.there == FREE:
            rename_in(parent, name, last)
        elif plan.there == BACK:
            exchange(name, last, parent)
        exchange(_BESIDE % change, plan.old.rpartition("/")[2], above)
    finally:
        close(*(descriptor for descriptor in (parent, above) if descriptor >= 0))


def _remove_old(plan: MovePlan, change: str) -> None:
    for path in (plan.old, plan.new):
        parent = open_folder(_parent(path))
        try:
            remove_link(_BESIDE % change, parent)
            remove_tree(parent, _BESIDE % change)
            sync_file_system(parent)
        finally:
            close(parent)


def finish_move(session: CacheSession, journal: Journal) -> t.Optional[_Map]:
    """Finish a move that was cut off once the link is in place, else undo it.

    :returns: None where it was undone.
    :raises Refused: it was undone, and the cache is elsewhere now.
    """
    record, change = dict(journal.record), journal.change
    plan = MovePlan(record["before"]["path"], record["after"]["path"], record["before"]["there"])
    if link_target(plan.old) == plan.new:
        _remove_old(plan, change)
        record["message"] = "An interrupted move to %s was finished (%s)." % (plan.new, change)
        return record
    _undo(plan, change)
    if session.place.path == plan.new:
        text = "An interrupted move of %s to %s was undone: the cache is at the old place. Run the task again."
        raise Refused(text % (plan.old, plan.new))
    return None


def _undo(plan: MovePlan, change: str) -> None:
    """Remove what is at the new place, as long as the old one is as it was."""
    parent, above = open_folder(_parent(plan.new)), open_folder(_parent(plan.old))
    try:
        remove_link(_BESIDE % change, above)
        last = plan.new.rpartition("/")[2]
        if plan.there == BACK and link_target("%s/%s" % (_parent(plan.new), _BESIDE % change)) is not None:
            exchange(_BESIDE % change, last, parent)
        if plan.there != EMPTY:
            remove_tree(parent, _BESIDE % change)
        if plan.there == FREE and _is_ours(plan.new, change):
            remove_tree(parent, last)
        if plan.there == EMPTY and _is_ours(plan.new, change):
            folder = open_folder(plan.new)
            try:
                for name in names_in(folder):
                    if name != _LOST:
                        remove_tree(folder, name)
            finally:
                close(folder)
    finally:
        close(parent, above)


def _is_ours(path: str, change: str) -> bool:
    """Whether a directory is the copy of a move."""
    try:
        state = open_state(path, make=False)
    except Exception:  # noqa: BLE001 - not there, or not ours
        return False
    try:
        journal = read_journal(state, path)
        return journal is not None and journal.change == change
    finally:
        close(state)


def _staging(plan: MovePlan, change: str) -> str:
    return plan.new.rpartition("/")[2] if plan.there == EMPTY else _BESIDE % change


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def _why(plan: MovePlan, error: OSError) -> str:
    where = " (%s)" % error.filename if isinstance(error.filename, str) else ""
    why = (error.strerror or str(error)).lower()
    return "%s was not moved to %s: %s%s. Nothing was changed." % (plan.old, plan.new, why, where)


__all__ = ("ACTION", "MovePlan", "finish_move", "move", "plan_move")
