# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Looking at directories from a check: what cannot be looked at is noted, what is not there is nothing."""

from __future__ import annotations

import os
import stat
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._context import Audit
from ansible_collections.labfleet.conda.plugins.module_utils._system._access import (
    NOBODY,
    Writers,
    directory_writers,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import MAX_ENTRIES, Directory
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._readers import is_private_group
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

FIRST_PERSON, LAST_PERSON = 1000, 60000


class Place(t.NamedTuple):
    """A directory: its real path, its status, and who may write to it."""

    path: str
    status: os.stat_result
    writers: Writers

    @property
    def is_sticky(self) -> bool:
        """Whether only the owner of an entry may rename or remove it."""
        return bool(self.status.st_mode & stat.S_ISVTX)


def opened(audit: Audit, path: str) -> t.Optional[Directory]:
    """Open a directory, to be closed by the caller; None where there is none, or it cannot be looked at."""
    return _opened(audit, audit.root, path)


def opened_below(audit: Audit, above: Directory, path: str) -> t.Optional[Directory]:
    """The same with a path from an open directory."""
    return _opened(audit, above, path)


def _opened(audit: Audit, start: t.Union[Root, Directory], path: str) -> t.Optional[Directory]:
    try:
        return start.directory(path)
    except Absent:
        return None
    except Unreadable as error:
        audit.unknown(error.path, error.reason)
        return None


def names_in(audit: Audit, path: str, limit: int = MAX_ENTRIES) -> t.List[str]:
    """The names in a directory, sorted; none where it cannot be listed."""
    directory = opened(audit, path)
    if directory is None:
        return []
    with directory:
        try:
            return sorted(directory.names(limit=limit))
        except (Absent, Unreadable) as error:
            audit.unknown(path, getattr(error, "reason", "it vanished while it was listed"))
            return []


def statuses_in(audit: Audit, directory: Directory) -> t.List[t.Tuple[str, os.stat_result]]:
    """Name and status of what is in an open directory; none where it cannot be listed."""
    try:
        return directory.statuses()
    except (Absent, Unreadable) as error:
        audit.unknown(directory.path, getattr(error, "reason", "it vanished while it was listed"))
        return []


def place_at(audit: Audit, path: str) -> t.Optional[Place]:
    """The directory at a path, links resolved; None where there is none, or it cannot be looked at."""

    def look() -> t.Optional[Place]:
        directory = opened(audit, path)
        if directory is None:
            return None
        with directory:
            return Place(directory.path, directory.status(), directory_writers(directory))

    return audit.memo(("place", path), look)


def places_above(audit: Audit, path: str) -> t.List[Place]:
    """The directories above a real path, the root first."""
    parts = path.split("/")[1:-1]
    paths = ["/"] + ["/" + "/".join(parts[: count + 1]) for count in range(len(parts))]
    return [place for place in (place_at(audit, item) for item in paths) if place is not None]


def path_writers(audit: Audit, place: Place) -> Writers:
    """Who may change what a path leads to: who writes to the directory, or can exchange one of those above it."""
    found = _real_writers(audit, place)
    for above in places_above(audit, place.path):
        who = _real_writers(audit, above)
        if above.is_sticky:  # only its owner, of those who may write there, can rename what another has put there
            who = NOBODY._replace(users=who.users & {audit.user(above.status.st_uid)})
        found |= who
    return found


def _real_writers(audit: Audit, place: Place) -> Writers:
    """Who may write, but for a system group that has no members, such as Debian's staff for /usr/local."""
    gid = place.status.st_gid
    name = audit.group(gid)
    if gid >= FIRST_PERSON or name not in place.writers.groups or _has_members(audit, gid):
        return place.writers
    return place.writers._replace(groups=place.writers.groups - {name})


def _has_members(audit: Audit, gid: int) -> bool:
    identities = audit.root.identities
    return audit.memo(("members", gid), lambda: any(gid in identities.groups_of(user.uid) for user in identities.users))


def shared_groups(audit: Audit, place: Place) -> t.List[str]:
    """The groups that may write to a directory, but for the owner's private one, sorted."""
    uid, gid = place.status.st_uid, place.status.st_gid
    private = audit.memo(("private", gid, uid), lambda: is_private_group(audit.root.identities, gid, uid))
    return sorted(name for name in place.writers.groups if not (private and name == audit.group(gid)))


def can_pass(audit: Audit, path: str) -> bool:
    """Whether everybody can get to what lies at a real path, by the modes of the directories above it."""
    return all(place.status.st_mode & 0o001 for place in places_above(audit, path))


def home_of(audit: Audit, path: str) -> t.Optional[str]:
    """The home that a path lies in, if any; the innermost one."""
    homes = [home.path for home in audit.homes if path == home.path or path.startswith(home.path + "/")]
    return max(homes, key=len) if homes else None


def persons(audit: Audit) -> t.FrozenSet[str]:
    """The users who are people, as far as passwd and the homes tell."""

    def look() -> t.FrozenSet[str]:
        numbers = range(FIRST_PERSON, LAST_PERSON)
        known = {user.name for user in audit.root.identities.users if user.uid in numbers}
        return frozenset(known | {home.user for home in audit.homes if home.user and home.uid in numbers})

    return audit.memo("persons", look)


def gigabytes(size: float) -> str:
    """A number of bytes in words."""
    return "%.1f GB" % (size / 1e9) if size >= 5e7 else "%.1f MB" % (size / 1e6)


__all__ = (
    "FIRST_PERSON",
    "Place",
    "can_pass",
    "gigabytes",
    "home_of",
    "names_in",
    "opened",
    "opened_below",
    "path_writers",
    "persons",
    "place_at",
    "places_above",
    "shared_groups",
    "statuses_in",
)
