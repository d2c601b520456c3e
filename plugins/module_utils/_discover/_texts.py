# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Reads the texts that name prefixes: start files of shells, job tables, unit files and module files."""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._discover._places import Mention, mentions
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._report import Report
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

MAX_TEXT = 256 * 1024
MAX_FILES = 5000
_SHORT = 4 * 1024


def read_text(root: Root, report: Report, path: str) -> bytes:
    """The content of a text; nothing where there is none, or it cannot be read, which is reported."""
    try:
        return root.read(path, limit=MAX_TEXT)
    except Absent:
        pass
    except Unreadable as error:
        if not error.reason.startswith("it is a directory"):
            report.add_error(error)
    return b""


def mentions_in(root: Root, report: Report, path: str, home: t.Optional[str] = None) -> t.List[Mention]:
    """What one text names, sorted; home is what C(~) stands for in it."""
    data = read_text(root, report, path)
    if len(data) <= _SHORT:
        return list(_mentions_in_short(data, home))
    return sorted(mentions(data, home=home, warn=lambda reason: report.add(path, reason)))


@functools.lru_cache(maxsize=256)  # containers hold much the same
def _mentions_in_short(data: bytes, home: t.Optional[str]) -> t.Tuple[Mention, ...]:
    """What a text names in which there is no room for more lines or paths than are searched."""
    return tuple(sorted(mentions(data, home=home)))


def texts_below(root: Root, report: Report, path: str, depth: int) -> t.Iterator[str]:
    """The paths of the files in a directory, and in those below it as deep as said."""
    try:
        with root.directory(path) as directory:
            entries = directory.entries(limit=MAX_FILES)
    except Absent:
        return
    except Unreadable as error:
        report.add_error(error)
        return
    for name, kind in entries:
        if kind == "directory" and depth > 1:
            yield from texts_below(root, report, path + "/" + name, depth - 1)
        elif kind in ("file", "link"):
            yield path + "/" + name


__all__ = ("mentions_in", "read_text", "texts_below")
