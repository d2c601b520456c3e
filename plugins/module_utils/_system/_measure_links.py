# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Counts the names of files, to tell what would be freed if a tree were removed."""

from __future__ import annotations

import stat
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._walk import Unseen, walk

# By inode number: the names below the tree, all names there are, and the bytes on disk.
Links = t.Dict[int, t.Tuple[int, int, int]]


def links_below(top: int) -> Links:
    """The files below an open directory."""
    found: Links = {}
    unseen: Unseen = []
    for visit in walk(top, unseen=unseen):
        for _name, status in visit.children:
            if not stat.S_ISDIR(status.st_mode):
                known = found.get(status.st_ino)
                found[status.st_ino] = (known[0] + 1 if known else 1, status.st_nlink, status.st_blocks * 512)
    return found


def last_change(top: int) -> float:
    """When anything below an open directory was last written, moved or given another name, by the system's clock."""
    latest = 0.0
    unseen: Unseen = []
    for visit in walk(top, unseen=unseen):
        latest = max([latest, visit.status.st_ctime, *(status.st_ctime for _name, status in visit.children)])
    return latest


__all__ = ("Links", "last_change", "links_below")
