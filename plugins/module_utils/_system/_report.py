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
MAX_ENTRIES_OF_A_PLACE = 100


class Report:
    """Collects what could not be read; all is counted, and of one place (such as one home) so many entries are kept.

    So nobody can crowd out the entries about others.

    :ivar unseen: path and reason of places that were not looked at, where anything could be.
    """

    def __init__(self) -> None:
        self.unseen: t.Dict[str, str] = {}
        self._entries: t.List[t.Dict[str, str]] = []
        self._places: t.Dict[str, int] = {}
        self._seen: t.Set[t.Tuple[str, str]] = set()
        self._more = 0

    @property
    def count(self) -> int:
        """How many different things could not be read."""
        return len(self._seen) + self._more

    @property
    def entries(self) -> t.List[t.Dict[str, str]]:
        """The entries kept, sorted, with one for each place that has more."""
        more = [
            {"path": place, "reason": "%d more things below it could not be read" % (number - MAX_ENTRIES_OF_A_PLACE)}
            for place, number in self._places.items()
            if number > MAX_ENTRIES_OF_A_PLACE
        ]
        return sorted(self._entries + more, key=lambda entry: (entry["path"], entry["reason"]))

    def add(self, path: str, reason: str) -> None:
        """Note that something is there, where it is, and why it could not be read."""
        if (path, reason) in self._seen:
            return
        place = "/".join(path.split("/")[:3])
        self._places[place] = self._places.get(place, 0) + 1
        if self._places[place] > MAX_ENTRIES_OF_A_PLACE or len(self._entries) >= MAX_ENTRIES:
            self._more += 1
            return
        self._seen.add((path, reason))
        self._entries.append({"path": path, "reason": reason})

    def add_error(self, error: Unreadable) -> None:
        """Note an error of a look."""
        self.add_unseen(error.path, error.reason)

    def add_unseen(self, path: str, reason: str) -> None:
        """Note that a place was not looked at, where anything could be."""
        if len(self.unseen) < MAX_ENTRIES:
            self.unseen.setdefault(path, reason)
        self.add(path, reason)


__all__ = ("Report",)
