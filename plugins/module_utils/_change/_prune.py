# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Decides which snapshots of a prefix, and which files set aside, have had their day, and removes them."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._store import (
    FILES,
    SET_ASIDE,
    SNAPSHOTS,
    STATE,
    Snapshot,
    created,
    load_all,
    open_state,
    remove,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import close, names_in, remove_tree
from ansible_collections.labfleet.conda.plugins.module_utils._system._measure_links import (
    Links,
    last_change,
    links_below,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._walk import open_folder

_DAY = 86400.0


def prune(
    prefix: str,
    *,
    keep: int,
    max_age_days: t.Optional[float] = None,
    max_bytes: t.Optional[int] = None,
    protect: t.Container[str] = (),
    now: float,
    dry: bool = False,
) -> t.List[str]:
    """Remove what is too much; the caller holds the lock of the prefix.

    :param keep: so many of the newest stay.
    :param max_age_days: none older than this stays.
    :param max_bytes: what all together may take that nothing else takes too; the oldest go first.
    :param protect: ids of those that stay in any case.
    :param dry: only tell what would be removed.
    :returns: the ids, oldest first.
    """
    snapshots = load_all(prefix)
    doomed = too_many(snapshots, keep=keep, max_age_days=max_age_days, now=now)
    if max_bytes is not None:
        rest = [snapshot for snapshot in snapshots if snapshot.id not in doomed or snapshot.id in protect]
        doomed |= too_large([(item.id, measure(prefix, item)) for item in rest if item.complete], max_bytes)
    wanted = [item.id for item in snapshots if item.id in doomed and item.id not in protect]
    return wanted if dry else remove(prefix, wanted)


def prune_set_aside(
    prefix: str,
    *,
    keep: int,
    max_age_days: t.Optional[float] = None,
    max_bytes: t.Optional[int] = None,
    protect: t.Container[str] = (),
    now: float,
    dry: bool = False,
) -> t.List[str]:
    """Remove files that restores have set aside, by the same limits; see prune().

    :param protect: the changes whose files stay in any case.
    :returns: the directories, oldest first by when something was last put there.
    """
    try:
        folder = open_state(prefix, SET_ASIDE, make=False)
    except FileNotFoundError:
        return []
    try:
        found = sorted(_ages(folder))
        doomed = {name for _time, name, _size in found[: max(0, len(found) - keep)]}
        total = 0
        for time, name, size in reversed(found):
            total += size if name not in doomed else 0
            if max_age_days is not None and now - time > max_age_days * _DAY:
                doomed.add(name)
            if max_bytes is not None and total > max_bytes:
                doomed.add(name)
        gone = [name for _time, name, _size in found if name in doomed and name not in protect]
        for name in () if dry else gone:
            remove_tree(folder, name)
        return ["/".join((prefix, STATE, SET_ASIDE, name)) for name in gone]
    finally:
        close(folder)


def _ages(folder: int) -> t.Iterator[t.Tuple[float, str, int]]:
    """When something was last put there, name and bytes of each directory in the one for files set aside."""
    for name in names_in(folder):
        try:
            inside = open_folder(name, at=folder)
        except OSError:
            continue
        try:
            yield last_change(inside), name, sum(size for _names, _all, size in links_below(inside).values())
        finally:
            close(inside)


def too_many(snapshots: t.Sequence[Snapshot], *, keep: int, max_age_days: t.Optional[float], now: float) -> t.Set[str]:
    """The ids of those that are incomplete, too old, or not among the newest.

    :param snapshots: oldest first.
    """
    complete = [snapshot for snapshot in snapshots if snapshot.complete]
    doomed = {snapshot.id for snapshot in snapshots if not snapshot.complete}
    doomed.update(snapshot.id for snapshot in complete[: max(0, len(complete) - keep)])
    if max_age_days is not None:
        doomed.update(snapshot.id for snapshot in complete if now - created(snapshot) > max_age_days * _DAY)
    return doomed


def too_large(sizes: t.Sequence[t.Tuple[str, Links]], max_bytes: int) -> t.Set[str]:
    """The ids of those that do not fit: counted from the newest on, each file once.

    :param sizes: ids, oldest first, with the files of each.
    """
    names: t.Dict[int, int] = {}
    for _id, links in sizes:
        for inode, (number, _total, _size) in links.items():
            names[inode] = names.get(inode, 0) + number
    total, counted, doomed = 0, set(), set()  # type: int, t.Set[int], t.Set[str]
    for snapshot_id, links in reversed(list(sizes)):
        for inode, (_number, links_in_all, size) in links.items():
            # A file that has a name elsewhere, in the prefix or a package cache, would not be freed.
            if links_in_all <= names[inode] and inode not in counted:
                counted.add(inode)
                total += size
        if total > max_bytes:
            doomed.add(snapshot_id)
    return doomed


def measure(prefix: str, snapshot: Snapshot) -> Links:
    """The files of a snapshot: how many names each has in it and in all, and what it takes on disk."""
    try:
        folder = open_state(prefix, SNAPSHOTS, snapshot.id, make=False)
    except FileNotFoundError:
        return {}
    try:
        files = open_folder(FILES, at=folder)
    except OSError:
        close(folder)
        return {}
    try:
        return links_below(files)
    finally:
        close(files, folder)


def own_bytes(links: Links) -> int:
    """What of these files would be freed if they were removed."""
    return sum(size for number, in_all, size in links.values() if in_all <= number)


__all__ = ("measure", "own_bytes", "prune", "prune_set_aside", "too_large", "too_many")
