# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The symbolic links in an environment, which may lead into a package cache."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import Directory
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable

MAX_LEVELS = 60
MAX_CHILDREN = 1000000


def soft_links(
    top: Directory, *, apart: t.Container[str] = (), note: t.Callable[[str, str], None], level: int = 0
) -> t.Iterator[t.Tuple[str, str]]:
    """The links that lead to an absolute path, or up: for each, the directory that it lies in, and its target.

    Links are not followed, and no other file system is entered: nothing conda has linked lies there.

    :param apart: names of directories right below the top that are passed over.
    :param note: takes path and reason of what could not be looked at.
    """
    top.root.check_time(top.path)
    try:
        children = top.entries(limit=MAX_CHILDREN)
    except (Absent, Unreadable) as error:
        note(top.path, getattr(error, "reason", "it vanished"))
        return
    for name, kind in children:
        if kind == "link":
            target = _target(top, name, note)
            if target.startswith("/") or ".." in target:
                yield top.path, target
        elif kind == "directory" and name not in apart:
            yield from _below(top, name, note, level + 1)


def _target(directory: Directory, name: str, note: t.Callable[[str, str], None]) -> str:
    try:
        link = directory.link(name)
    except Unreadable as error:
        note(error.path, error.reason)
        return ""
    return link[0] if link is not None else ""


def _below(
    directory: Directory, name: str, note: t.Callable[[str, str], None], level: int
) -> t.Iterator[t.Tuple[str, str]]:
    if level > MAX_LEVELS:
        note(directory.join(name), "it is more than %d directories deep" % MAX_LEVELS)
        return
    try:
        child = directory.enter(name)
    except Absent:
        return
    except Unreadable as error:
        note(error.path, error.reason)
        return
    if child is not None:
        with child:
            if child.status().st_dev == directory.status().st_dev:
                yield from soft_links(child, note=note, level=level)


__all__ = ("soft_links",)
