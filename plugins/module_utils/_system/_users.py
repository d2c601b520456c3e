# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Who is who under a root: users, groups and homes, from its own files first."""

from __future__ import annotations

import re
import typing as t

_NUMBER = re.compile(r"[0-9]{1,10}\Z")


class User(t.NamedTuple):
    """One line of a passwd file."""

    name: str
    uid: int
    gid: int
    home: str


class Group(t.NamedTuple):
    """One line of a group file."""

    name: str
    gid: int
    members: t.FrozenSet[str]


def _lines(data: bytes, fields: int) -> t.Iterator[t.List[str]]:
    for line in data.decode("utf-8", "backslashreplace").split("\n"):
        parts = line.split(":")
        if len(parts) >= fields and _NUMBER.match(parts[2]) and parts[0]:
            yield parts


def parse_passwd(data: bytes) -> t.List[User]:
    """Read passwd(5); lines that do not fit the format are passed over."""
    return [User(p[0], int(p[2]), int(p[3]), p[5]) for p in _lines(data, 7) if _NUMBER.match(p[3])]


def parse_group(data: bytes) -> t.List[Group]:
    """Read group(5); lines that do not fit the format are passed over."""
    return [Group(p[0], int(p[2]), frozenset(filter(None, p[3].split(",")))) for p in _lines(data, 4)]


class Identities:
    """Names for numbers, from the root's files; the name service is asked only for the running system.

    :param users: the lines of the root's passwd file.
    :param groups: the lines of the root's group file.
    :param ask_name_service: whether a number that is in no file may be looked up through the C library
        (LDAP and the like); never true for a container's root, whose numbers are its own.
    """

    def __init__(self, users: t.Sequence[User], groups: t.Sequence[Group], *, ask_name_service: bool = False) -> None:
        self.users = list(users)
        self._ask = ask_name_service
        self._names: t.Dict[int, t.Optional[str]] = {}
        self._group_names: t.Dict[int, t.Optional[str]] = {}
        self._memberships: t.Dict[str, t.Set[int]] = {}
        for user in users:
            self._names.setdefault(user.uid, user.name)
            self._memberships.setdefault(user.name, set()).add(user.gid)
        for group in groups:
            self._group_names.setdefault(group.gid, group.name)
            for member in group.members:
                self._memberships.setdefault(member, set()).add(group.gid)

    def home_of(self, uid: int) -> t.Optional[str]:
        """The home of a user number that is in no file, by the name service where that may be asked."""
        if not self._ask or self._names.get(uid) in self._memberships:
            return None
        import pwd

        try:
            return pwd.getpwuid(uid).pw_dir
        except (KeyError, OSError, OverflowError):
            return None

    def user_name(self, uid: int) -> t.Optional[str]:
        """The name of a user number, or None where nobody knows it (a departed user)."""
        if uid not in self._names:
            self._names[uid] = self._ask_user(uid) if self._ask else None
        return self._names[uid]

    def group_name(self, gid: int) -> t.Optional[str]:
        """The name of a group number, or None where nobody knows it."""
        if gid not in self._group_names:
            self._group_names[gid] = self._ask_group(gid) if self._ask else None
        return self._group_names[gid]

    def groups_of(self, uid: int) -> t.FrozenSet[int]:
        """The group numbers of a user, as far as the files tell."""
        return frozenset(self._memberships.get(self._names.get(uid) or "", ()))

    def find_user(self, name: str) -> t.Optional[User]:
        """The user of that name, from the files, else from the name service where that may be asked."""
        for user in self.users:
            if user.name == name:
                return user
        if not self._ask:
            return None
        import pwd

        try:
            entry = pwd.getpwnam(name)
        except (KeyError, OSError):
            return None
        return User(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir)

    @staticmethod
    def _ask_user(uid: int) -> t.Optional[str]:
        import pwd

        try:
            return pwd.getpwuid(uid).pw_name
        except (KeyError, OSError, OverflowError):
            return None

    @staticmethod
    def _ask_group(gid: int) -> t.Optional[str]:
        import grp

        try:
            return grp.getgrgid(gid).gr_name
        except (KeyError, OSError, OverflowError):
            return None


__all__ = ("Group", "Identities", "User", "parse_group", "parse_passwd")
