# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Who may read a file, from the modes and access control lists of the file and of all directories above it."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._access import parse_access_control
from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import Directory
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root
from ansible_collections.labfleet.conda.plugins.module_utils._system._users import Identities

# The tags of POSIX access control lists: linux/posix_acl_xattr.h.
_USER, _GROUP_OBJECT, _GROUP, _MASK = 0x02, 0x04, 0x08, 0x10
_EXECUTE, _READ = 1, 4
_ALL = 7
_EVERYBODY = ("everybody", 0)
_Entries = t.Sequence[t.Tuple[int, int, int]]
_Node = t.Tuple[os.stat_result, _Entries]
_Who = t.Tuple[str, int]


class Readers(t.NamedTuple):
    """Who may read a file besides its owner and root: names of users and groups, and whether everybody may."""

    users: t.Tuple[str, ...]
    groups: t.Tuple[str, ...]
    everybody: bool

    @property
    def are_others(self) -> bool:
        """Whether there is anybody."""
        return bool(self.users or self.groups or self.everybody)


def file_readers(root: Root, path: str) -> t.Tuple[int, int, Readers]:
    """Owner and mode of a file (the target of a link), and who may read it.

    :raises Absent: there is no such file.
    :raises Unreadable: it, or a directory above it, cannot be looked at.
    """
    parent, name = root.walk_to_parent(path)
    with parent:
        status = parent.child_status(name)
        entries = parse_access_control(child_access_control(parent, name) or b"")
        above = parent.path
        nodes = [_node(parent)]
    while above != "/":
        above = os.path.dirname(above)
        with root.walk_to_directory(above) as directory:
            nodes.append(_node(directory))
    identities = root.identities
    found: t.Dict[str, t.List[int]] = {"user": [], "group": [], "everybody": []}
    for who in _candidates((status, entries), identities):
        may_read = _allowed(who, (status, entries), _READ, identities)
        if may_read and all(_allowed(who, node, _EXECUTE, identities) for node in nodes):
            found[who[0]].append(who[1])
    users = tuple(sorted(identities.user_name(uid) or str(uid) for uid in found["user"]))
    groups = tuple(sorted(identities.group_name(gid) or str(gid) for gid in found["group"]))
    return status.st_uid, status.st_mode & 0o7777, Readers(users, groups, bool(found["everybody"]))


def is_closed(directory: Directory) -> bool:
    """Whether nobody but its owner and root can reach what is in an open directory, by the modes on the way to it."""
    root, above, owner = directory.root, directory.path, directory.status().st_uid
    nodes = [_node(directory)]
    while above != "/":
        above = os.path.dirname(above)
        with root.walk_to_directory(above) as parent:
            nodes.append(_node(parent))
    who = {candidate for node in nodes for candidate in _candidates(node, root.identities)}
    who |= {("user", node[0].st_uid) for node in nodes}
    others = [item for item in who if item not in (("user", owner), ("user", 0))]
    return not any(all(_allowed(item, node, _EXECUTE, root.identities) for node in nodes) for item in others)


def child_access_control(directory: Directory, name: str) -> t.Optional[bytes]:
    """The extended attribute that holds the access control list of a child, where there is one; a link has none."""
    try:
        return os.getxattr(
            "/proc/self/fd/%d/%s" % (directory.holder(name), name), "system.posix_acl_access", follow_symlinks=False
        )
    except (OSError, AttributeError):
        return None


def is_private_group(identities: Identities, gid: int, owner: int) -> bool:
    """Whether a group holds nobody but the owner of a file (and root), as far as the files tell.

    A group with the name of its only user is what Debian's and Red Hat's useradd make. A group of which no member is
    known may have some in a directory service, and counts as one of several.
    """
    if gid == 0:
        return True
    members = {user.uid for user in identities.users if gid in identities.groups_of(user.uid)} - {0, owner}
    name = identities.group_name(gid)
    return not members and name is not None and name == identities.user_name(owner)


def _node(directory: Directory) -> _Node:
    return directory.status(), parse_access_control(directory.access_control() or b"")


def _candidates(node: _Node, identities: Identities) -> t.List[_Who]:
    status, entries = node
    found = [_EVERYBODY]
    gids = [status.st_gid] + [number for tag, _permissions, number in entries if tag == _GROUP]
    found += [("group", gid) for gid in gids if not is_private_group(identities, gid, status.st_uid)]
    users = [number for tag, _permissions, number in entries if tag == _USER]
    return found + [("user", uid) for uid in users if uid not in (0, status.st_uid)]


def _allowed(who: _Who, node: _Node, bit: int, identities: Identities) -> bool:
    """Whether a user, any member of a group, or everybody has a permission (acl(5), access check algorithm)."""
    (kind, number), (status, entries) = who, node
    others = bool(status.st_mode & bit)
    if kind == "everybody":
        return others
    mask = next((permissions for tag, permissions, _id in entries if tag == _MASK), _ALL)
    groups: t.Collection[int] = (number,)
    if kind == "user":
        if status.st_uid == number:
            return bool(status.st_mode >> 6 & bit)
        for tag, permissions, uid in entries:
            if tag == _USER and uid == number:
                return bool(permissions & mask & bit)
        groups = identities.groups_of(number)
    granted: t.List[int] = []
    if status.st_gid in groups:
        own = [permissions & mask for tag, permissions, _id in entries if tag == _GROUP_OBJECT]
        granted += own or [status.st_mode >> 3]
    granted += [permissions & mask for tag, permissions, gid in entries if tag == _GROUP and gid in groups]
    return any(permissions & bit for permissions in granted) if granted else others


__all__ = ("Readers", "child_access_control", "file_readers", "is_closed", "is_private_group")
