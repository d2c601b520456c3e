# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Counts the bytes and inodes below a directory, without crossing into another mount."""

from __future__ import annotations

import stat
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import Directory
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._report import Report

_BLOCK = 512  # the unit of st_blocks, whatever the file system's own block size (stat(2))
MAX_LEVELS = 100
MAX_CHILDREN = 100000


class Size(t.NamedTuple):
    """What a directory tree takes.

    :param bytes: the space on disk, a hard-linked file counted once.
    :param inodes: the number of files, directories and links, likewise.
    :param own_bytes: the part that would be free if the tree were removed: that of files with no link elsewhere.
    :param complete: whether all of it could be looked at.
    """

    bytes: int
    inodes: int
    own_bytes: int
    complete: bool


def measure(top: Directory, report: Report) -> Size:
    """Measure the tree below an open directory; links are counted and not followed.

    :param top: where to begin.
    :param report: takes the parts that cannot be read.
    """
    linked: t.Dict[t.Tuple[int, int], t.List[int]] = {}
    total = {"bytes": 0, "inodes": 0, "own": 0}
    complete = _walk(top, 0, total, linked, report)
    # A file all of whose links lie within the tree is its own too.
    own = total["own"] + sum(size for seen, links, size in linked.values() if seen >= links)
    return Size(total["bytes"], total["inodes"], own, complete)


def _walk(
    directory: Directory,
    level: int,
    total: t.Dict[str, int],
    linked: t.Dict[t.Tuple[int, int], t.List[int]],
    report: Report,
) -> bool:
    directory.root.check_time(directory.path)
    complete = level < MAX_LEVELS
    if not complete:
        report.add(directory.path, "it is more than %d directories deep" % MAX_LEVELS)
        return False
    try:
        children = directory.statuses(limit=MAX_CHILDREN)
    except (Unreadable, Absent) as error:
        report.add(directory.path, getattr(error, "reason", "it vanished while it was measured"))
        return False
    device = directory.status().st_dev
    for name, status in children:
        if status.st_dev != device:
            continue
        size = status.st_blocks * _BLOCK
        if stat.S_ISDIR(status.st_mode):
            complete = _enter(directory, name, level, total, linked, report) and complete
        elif status.st_nlink > 1:
            entry = linked.setdefault((status.st_dev, status.st_ino), [0, status.st_nlink, size])
            entry[0] += 1
            if entry[0] > 1:
                continue
            total["bytes"] += size
            total["inodes"] += 1
            continue
        total["bytes"] += size
        total["own"] += size
        total["inodes"] += 1
    return complete


def _enter(
    directory: Directory,
    name: str,
    level: int,
    total: t.Dict[str, int],
    linked: t.Dict[t.Tuple[int, int], t.List[int]],
    report: Report,
) -> bool:
    try:
        child = directory.enter(name)
    except Absent:
        return True
    except Unreadable as error:
        report.add_error(error)
        return False
    if child is None:
        return True
    with child:
        return _walk(child, level + 1, total, linked, report)


__all__ = ("Size", "measure")
