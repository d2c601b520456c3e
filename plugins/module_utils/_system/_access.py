# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Who may write to a file or directory, from its mode and its access control list."""

from __future__ import annotations

import os
import struct
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable

if t.TYPE_CHECKING:
    from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import Directory
    from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root
    from ansible_collections.labfleet.conda.plugins.module_utils._system._users import Identities

# The binary form of POSIX access control lists: linux/posix_acl_xattr.h.
_VERSION = 2
_USER, _GROUP_OBJECT, _GROUP, _MASK = 0x02, 0x04, 0x08, 0x10
_WRITE = 2
_STICKY = 0o1000


class Writers(t.NamedTuple):
    """Who, besides root, may write: user names, group names, and whether everybody may."""

    users: t.FrozenSet[str]
    groups: t.FrozenSet[str]
    everybody: bool

    def __or__(self, other: t.Any) -> Writers:  # type: ignore[override]
        return Writers(self.users | other.users, self.groups | other.groups, self.everybody or other.everybody)


NOBODY = Writers(frozenset(), frozenset(), False)


def parse_access_control(data: bytes) -> t.List[t.Tuple[int, int, int]]:
    """Read C(system.posix_acl_access) into (tag, permissions, number) entries; an unknown version gives none."""
    if len(data) < 4 or struct.unpack_from("<I", data)[0] != _VERSION:
        return []
    return [struct.unpack_from("<HHI", data, offset) for offset in range(4, len(data) - 7, 8)]


def writers(status: os.stat_result, identities: Identities, access_control: t.Optional[bytes] = None) -> Writers:
    """Who may write to what has this status; root, who always may, is not named.

    :param status: the status of the file or directory.
    :param identities: names for the numbers; a number without a name is written as digits.
    :param access_control: its access control list, as the extended attribute holds it.
    """
    users, groups = set(), set()
    if status.st_uid != 0:  # whatever the mode says now, the owner can change it
        users.add(_user(status.st_uid, identities))
    entries = parse_access_control(access_control) if access_control else []
    if not entries:
        if status.st_mode & 0o020 and status.st_gid != 0:
            groups.add(_group(status.st_gid, identities))
    else:
        allowed = next((permissions for tag, permissions, _id in entries if tag == _MASK), _WRITE)
        for tag, permissions, number in entries:
            if not permissions & allowed & _WRITE:
                continue
            if tag == _USER and number != 0:
                users.add(_user(number, identities))
            elif tag == _GROUP:
                groups.add(_group(number, identities))
            elif tag == _GROUP_OBJECT and status.st_gid != 0:
                groups.add(_group(status.st_gid, identities))
    return Writers(frozenset(users), frozenset(groups), bool(status.st_mode & 0o002))


def directory_writers(directory: Directory) -> Writers:
    """Who may write to an open directory; see writers()."""
    return writers(directory.status(), directory.root.identities, directory.access_control())


def exchangers(directory: Directory) -> Writers:
    """Who, besides root, may exchange what others have put into an open directory; if it is sticky, its owner may."""
    status = directory.status()
    if not status.st_mode & _STICKY:
        return directory_writers(directory)
    users = {_user(status.st_uid, directory.root.identities)} if status.st_uid != 0 else set()
    return Writers(frozenset(users), frozenset(), False)


def who_could_exchange(root: Root, path: str, *, but: t.Container[str] = ()) -> t.Optional[t.Tuple[str, str]]:
    """Who, besides root, could put something else into the place of a directory, and by the right to which directory.

    That a group may is left to the administrator, as many a host has such a directory for its operators.

    :param but: names of users who may.
    """
    parent = path
    while parent != "/":
        parent = parent.rpartition("/")[0] or "/"
        try:
            with root.directory(parent) as above:
                who = exchangers(above)
        except (Absent, Unreadable):
            continue
        users = [name for name in sorted(who.users) if name not in but]
        if users or who.everybody:
            return ", ".join(users) or "everybody", parent
    return None


def _user(number: int, identities: Identities) -> str:
    return identities.user_name(number) or str(number)


def _group(number: int, identities: Identities) -> str:
    return identities.group_name(number) or str(number)


__all__ = (
    "NOBODY",
    "Writers",
    "directory_writers",
    "exchangers",
    "parse_access_control",
    "who_could_exchange",
    "writers",
)
