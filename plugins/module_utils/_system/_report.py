# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a look could not see, kept so that unknown is never taken for clean."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Unreadable

MAX_ENTRIES = 1000


class Report:
    """Collects what could not be read; only the first thousand entries are kept, all are counted."""

    def __init__(self) -> None:
        self.entries: t.List[t.Dict[str, str]] = []
        self.count = 0
        self._seen: t.Set[t.Tuple[str, str]] = set()

    def add(self, path: str, reason: str) -> None:
        """Note that something is there, where it is, and why it could not be read."""
        if (path, reason) in self._seen:
            return
        self.count += 1
        if len(self.entries) < MAX_ENTRIES:
            self._seen.add((path, reason))
            self.entries.append({"path": path, "reason": reason})

    def add_error(self, error: Unreadable) -> None:
        """Note an error of a look."""
        self.add(error.path, error.reason)


__all__ = ("Report",)
