# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A bound on the memory that what belongs to one user may take, so that nobody can fill it."""

from __future__ import annotations

import typing as t

_PARTS = 4


class Allowance:
    """Who has taken how much of something of which there is only so much.

    :param total: how much there is for all together.
    :param least: what each user may take in any case.
    """

    def __init__(self, total: int, least: int = 0) -> None:
        self._total = total
        self._least = least
        self._taken = 0
        self._by_user: t.Dict[int, int] = {}

    def take(self, user: int, amount: int) -> bool:
        """Take some more, if a user may: a fourth of what others have left; root, whose number is 0, all of it."""
        mine = self._by_user.get(user, 0)
        left = self._total - self._taken + mine
        if mine + amount > (max(self._least, left // _PARTS) if user else left):
            return False
        self._by_user[user] = mine + amount
        self._taken += amount
        return True


__all__ = ("Allowance",)
