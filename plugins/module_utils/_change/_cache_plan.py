# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What is to be removed from a package cache: decided from facts alone, for the report, check mode and the change."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._discover._cache_contents import (
    ARCHIVE,
    INDEX,
    LEFTOVER,
    PACKAGE,
    Count,
    Item,
    freed,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._clock import utc_text

# Why something stays.
IN_ENVIRONMENT, HARD_LINKED, SOFT_LINKED = "in_environment", "hard_linked", "soft_linked"
ONLY_COPY, CHANGING, UNSEEN, RECENT, WITHIN_GOAL = "only_copy", "changing", "unseen", "recent", "within_goal"
# What costs least to have again goes first.
ORDER = (LEFTOVER, ARCHIVE, INDEX, PACKAGE)
_Map = t.Dict[str, t.Any]


class Candidate(t.NamedTuple):
    """One thing in a cache.

    :param last_used: when it was last used, in seconds since the epoch; evidence is what tells so.
    :param kept: why it has to stay; None where it may go.
    :param user: the environment that needs it.
    :param count: what it takes, where that was asked for.
    """

    item: Item
    last_used: float
    evidence: str
    kept: t.Optional[str]
    user: t.Optional[str] = None
    count: t.Optional[Count] = None

    def as_dict(self) -> _Map:
        """It as the result tells it, where it goes."""
        size, inodes = freed([self.count] if self.count else [])
        return {
            "name": self.item.name,
            "kind": self.item.kind,
            "bytes": size,
            "inodes": inodes,
            "last_used": utc_text(max(0.0, self.last_used)),
            "evidence": self.evidence,
        }


class CachePlan(t.NamedTuple):
    """What goes, in this order, and what stays.

    :param goal_met: whether the cache takes no more than it may afterwards; None where nothing limits it.
    """

    remove: t.List[Candidate]
    stay: t.List[Candidate]
    goal_met: t.Optional[bool] = None

    @property
    def freed(self) -> t.Tuple[int, int]:
        """The bytes and inodes that the file system has more afterwards."""
        return freed(item.count for item in self.remove if item.count is not None)

    def kept(self) -> t.Dict[str, int]:
        """How many things stay, by why."""
        found: t.Dict[str, int] = {}
        for item in self.stay:
            found[str(item.kept)] = found.get(str(item.kept), 0) + 1
        return dict(sorted(found.items()))

    def used_by(self) -> t.Dict[str, int]:
        """How many packages each environment holds in the cache, of those that one was found for."""
        found: t.Dict[str, int] = {}
        for item in self.stay:
            if item.user is not None:
                found[item.user] = found.get(item.user, 0) + 1
        return dict(sorted(found.items()))


def plan_removal(
    candidates: t.Iterable[Candidate], *, size: t.Optional[int] = None, keep_bytes: t.Optional[int] = None
) -> CachePlan:
    """Decide what goes.

    :param size: what the cache takes now; keep_bytes is what it may take, and nothing more goes once that is met.
    """
    ordered = sorted(candidates, key=lambda item: (ORDER.index(item.item.kind), item.last_used, item.item.name))
    remove: t.List[Candidate] = []
    stay: t.List[Candidate] = []
    left = size or 0
    for item in ordered:
        if item.kept is not None:
            stay.append(item)
            continue
        won = freed([item.count] if item.count else [])[0]
        if keep_bytes is not None and (left <= keep_bytes or won == 0):
            stay.append(item._replace(kept=WITHIN_GOAL if left <= keep_bytes else HARD_LINKED))
            continue
        left -= won
        remove.append(item)
    return CachePlan(remove, stay, None if keep_bytes is None else left <= keep_bytes)


__all__ = (
    "CHANGING",
    "CachePlan",
    "Candidate",
    "HARD_LINKED",
    "IN_ENVIRONMENT",
    "ONLY_COPY",
    "RECENT",
    "SOFT_LINKED",
    "UNSEEN",
    "WITHIN_GOAL",
    "plan_removal",
)
