# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Searches a directory, some levels deep, for environments and programs."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._discover import _places as places
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable

if t.TYPE_CHECKING:
    from ansible_collections.labfleet.conda.plugins.module_utils._discover._survey import Survey


def search(survey: Survey, path: str) -> None:
    """Search a directory, some levels deep, for environments and programs; links are not followed."""
    level = [os.path.normpath(path)]
    for remaining in range(survey.depth, -1, -1):
        following: t.List[str] = []
        for place in level:
            try:
                with survey.root.directory(place) as directory:
                    if survey.take(directory, "search path " + path) is not None or not remaining:
                        continue
                    for name, kind in directory.entries():
                        if kind == "directory":
                            following.append(directory.join(name))
                        elif name in places.PROGRAMS:
                            survey.add("program", directory.join(name), "search path " + path)
            except Absent:
                if place == os.path.normpath(path):
                    survey.report.add(place, "no such directory, though it is a search path")
            except Unreadable as error:
                survey.report.add_error(error)
        level = following


__all__ = ("search",)
