# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Removes from a package cache what was planned, as its owner and under its lock."""

from __future__ import annotations

import errno
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._cache_plan import CachePlan, Candidate
from ansible_collections.labfleet.conda.plugins.module_utils._change._cache_session import CacheSession
from ansible_collections.labfleet.conda.plugins.module_utils._change._journal import APPLY, Journal
from ansible_collections.labfleet.conda.plugins.module_utils._change._session import identifier
from ansible_collections.labfleet.conda.plugins.module_utils._change._transaction import COMMITTED
from ansible_collections.labfleet.conda.plugins.module_utils._discover._cache_contents import INDEX, freed
from ansible_collections.labfleet.conda.plugins.module_utils._system._cache_locks import MambaLock
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import close
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import is_there
from ansible_collections.labfleet.conda.plugins.module_utils._system._trash import Changed, Trash, delete_files_in
from ansible_collections.labfleet.conda.plugins.module_utils._system._walk import open_folder

ACTION = "clean"
# A package that cannot be renamed lies in a lower layer of an image, where nothing would be won.
IN_IMAGE, MEANWHILE = "in_image", "used_meanwhile"
_Map = t.Dict[str, t.Any]


def clean(session: CacheSession, plan: CachePlan, note: t.Callable[[str], None]) -> _Map:
    """Remove what a plan says; what has come into use since it was made stays.

    :raises CacheBusy: a conda or mamba is at work, or has begun meanwhile; nothing is removed then.
    """
    if not plan.remove:
        return {}
    session.wait()
    name = identifier()
    try:
        with MambaLock(session.folder, session.place.path) as lock:
            session.own_locks = (lock.name,)
            note("removes %d things from %s" % (len(plan.remove), session.place.path))
            session.write(APPLY, name, [item.item.name for item in plan.remove], _record(session.place.path, []))
            return _removed(session, plan, name)
    except BlockingIOError as error:
        raise session.busy([], [str(error.filename)]) from error


def _removed(session: CacheSession, plan: CachePlan, change: str) -> _Map:
    kept: t.Dict[str, str] = {}
    with Trash(session.folder, session.state) as trash:
        folders = [item for item in plan.remove if item.item.is_folder and item.item.kind != INDEX]
        for item in folders:
            why = _tried(lambda item=item: trash.take(item.item.name, _identity(item)))  # type: ignore[misc]
            kept.update({item.item.name: why} if why else {})
        uses, locks = session.at_work()
        linked = trash.linked_meanwhile()
        trash.put_back([item.item.name for item in folders] if uses or locks else linked)
        if uses or locks:
            session.forget()
            raise session.busy(uses, locks)
        kept.update(dict.fromkeys(linked, MEANWHILE))
        for item in plan.remove:
            if item not in folders:
                why = _tried(lambda item=item: _delete(session, trash, item))  # type: ignore[misc]
                kept.update({item.item.name: why} if why else {})
        trash.empty()
    gone = [item for item in plan.remove if item.item.name not in kept]
    record = dict(_record(session.place.path, gone), outcome=COMMITTED)
    record["message"] += " (%s)" % change
    session.done(change, record)
    return {"removed": [item.item.name for item in gone], "not_removed": kept, "changed": bool(gone)}


def _identity(item: Candidate) -> t.Tuple[int, int]:
    return item.item.status.st_dev, item.item.status.st_ino


def _tried(remove: t.Callable[[], None]) -> t.Optional[str]:
    """Why something was not removed; None where it was, or somebody else has."""
    try:
        remove()
    except FileNotFoundError:
        return None
    except Changed:
        return MEANWHILE
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return IN_IMAGE
    return None


def _delete(session: CacheSession, trash: Trash, item: Candidate) -> None:
    if item.item.kind != INDEX:
        trash.delete(item.item.name, _identity(item))
        return
    folder = open_folder(item.item.name, at=session.folder)
    try:
        delete_files_in(folder)
    finally:
        close(folder)


def _record(path: str, gone: t.Sequence[Candidate]) -> _Map:
    size, inodes = freed(item.count for item in gone if item.count is not None)
    kinds: t.Dict[str, int] = {}
    for item in gone:
        kinds[item.item.kind] = kinds.get(item.item.kind, 0) + 1
    told = ", ".join("%d %s" % (number, kind) for kind, number in sorted(kinds.items()))
    return {
        "action": ACTION,
        "prefix": path,
        "message": "Removed %s: %d bytes and %d inodes are free." % (told or "nothing", size, inodes),
        "before": {"removed": [item.item.name for item in gone], "bytes": size, "inodes": inodes},
    }


def finish_clean(session: CacheSession, journal: Journal) -> _Map:
    """Finish a removal that was cut off."""
    with Trash(session.folder, session.state) as trash:  # which empties it
        trash.empty()
    gone = [name for name in journal.packages if not is_there("%s/%s" % (session.place.path, name))]
    message = "An interrupted run was finished: %d of %d things are removed (%s)."
    return {
        "action": ACTION,
        "prefix": session.place.path,
        "message": message % (len(gone), len(journal.packages), journal.change),
        "before": {"removed": gone},
    }


__all__ = ("ACTION", "clean", "finish_clean")
