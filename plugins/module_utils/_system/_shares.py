# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Shares of the time for what belongs to one user, so that nobody can take the time of what belongs to others."""

from __future__ import annotations

import contextlib
import time
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

MIN_SHARE_SECONDS = 1.0
PARTS = 10


class Shares:
    """Who has taken how much of the time until the deadline of a root.

    :param root: its checks raise ShareIsUp when the share that is being taken has passed.
    """

    def __init__(self, root: Root) -> None:
        self._root = root
        self._spent: t.Dict[t.Hashable, float] = {}
        self._who: t.Hashable = None

    @contextlib.contextmanager
    def of(self, who: t.Hashable) -> t.Iterator[None]:
        """Within it, look at what belongs to somebody: all that it takes, together, is a tenth of the time left.

        :param who: a user's number, or something else that tells them apart; 0, root, may take all.
        """
        root, now = self._root, time.monotonic()
        if not who or who == self._who or root.deadline is None:
            yield
            return
        left = max(MIN_SHARE_SECONDS, (root.deadline - now) / PARTS) - self._spent.get(who, 0.0)
        before, self._who = self._who, who
        try:
            with self.lasting(left):
                yield
        finally:
            self._who = before
            self._spent[who] = self._spent.get(who, 0.0) + time.monotonic() - now

    @contextlib.contextmanager
    def lasting(self, seconds: float) -> t.Iterator[None]:
        """Within it, look for so many seconds, or less where a share around it ends before."""
        root, end = self._root, time.monotonic() + seconds
        before = root.share_deadline
        root.share_deadline = end if before is None else min(before, end)
        try:
            yield
        finally:
            root.share_deadline = before

    def seconds_for(self, count: int) -> float:
        """What each of some users can have of the time that is left; a tenth stays, to come to an end in time."""
        deadline = self._root.deadline
        return 0.0 if deadline is None else max(0.0, deadline - time.monotonic()) * 0.9 / count


__all__ = ("MIN_SHARE_SECONDS", "Shares")
