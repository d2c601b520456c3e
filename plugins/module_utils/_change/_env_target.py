# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Where an environment is, or is to be: by its path, or by its name in the directories of environments."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import (
    Place,
    environment_directories,
    look_at,
    look_at_new,
    new_place,
    standalone_micromamba,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._access import NOBODY, Writers, exchangers
from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import Directory
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import is_folder, is_there, may_write
from ansible_collections.labfleet.conda.plugins.module_utils._system._processes import own_uid
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

_NAME = re.compile(r"[^/:#\s~.][^/:#\s~]*\Z")
_RESERVED = ("base", "root")
_ROOT = 0


class Target(t.NamedTuple):
    """Where an environment is, or is to be.

    :param prefix: its path, the real one where it is there.
    :param exists: whether anything is at that path.
    :param place: of one that is to be made: what creates it, who, and who could interfere.
    :param base: what is known of the base prefix by then.
    """

    prefix: str
    exists: bool
    place: t.Optional[Place] = None
    base: t.Optional[Place] = None


def find_target(base: str, name: t.Optional[str], path: t.Optional[str]) -> Target:
    """Where the environment is.

    :param base: the base prefix whose tool is used.
    :param name: a name; path: a path, of which one is given.
    :raises Refused: it cannot be an environment.
    """
    known = None
    if path is None:
        if name in _RESERVED or not _NAME.match(name or ""):
            text = (
                "name: %r is no name of an environment: use letters, digits, - and _, or give its path as environment."
            )
            raise Refused(text % (name,))
        path, known = _by_name("/" + base.strip("/"), str(name))
    path = "/" + path.strip("/")
    parent, _slash, last = path.rpartition("/")
    real = "%s/%s" % (real_path(parent).rstrip("/"), last)
    if not is_there(real):
        return Target(real, False, base=known)
    return Target(real_path(real), True)


def real_path(path: str) -> str:
    """The path without links; as far as it is there."""
    left: t.List[str] = []
    while True:
        try:
            with Root("/").directory(path or "/") as directory:
                return "/".join([directory.path.rstrip("/"), *left]) or "/"
        except Absent:
            path, _slash, name = path.rpartition("/")
            left.insert(0, name)
        except Unreadable as error:
            raise Refused("%s cannot be read: %s." % (error.path, error.reason)) from error


def _by_name(base: str, name: str) -> t.Tuple[str, t.Optional[Place]]:
    """The path of an environment of this name, or the one that it is to get."""
    usual = "%s/envs/%s" % (base, name)
    if is_there(usual) and may_write(usual):
        return usual, None
    if standalone_micromamba(base) is not None:
        if not is_folder(base):
            text = "name: %s is a program, which has no environments by name: give the path of the environment."
            raise Refused(text % base)
        return usual, None
    place = look_at(base)
    if own_uid() not in (_ROOT, place.uid):
        folders = environment_directories(place.prefix, own_uid())
    else:
        folders = list(place.configuration.environment_directories if place.configuration else [base + "/envs"])
    for folder in folders:
        if is_there("%s/%s" % (folder, name)):
            return "%s/%s" % (folder, name), place
    mine = [folder for folder in folders if may_write(folder)]
    return "%s/%s" % ((mine or folders or [base + "/envs"])[0], name), place


def new_target(base: str, target: Target) -> Target:
    """Who makes an environment that is not there yet, and by which tool.

    The directory above tells who: its owner, where this process is root; else it is this user.

    :raises Refused: it must not be made there.
    """
    found = maker_of(target.prefix)
    if target.base is not None and target.base.uid == found.uid:
        return target._replace(place=new_place(target.base, target.prefix, found.writers))
    return target._replace(place=look_at_new(base, target.prefix, **found._asdict()))


class Maker(t.NamedTuple):
    """Who makes what is not there yet, and who could exchange it."""

    uid: int
    gid: int
    name: t.Optional[str]
    writers: Writers


def maker_of(prefix: str) -> Maker:
    """Who makes a prefix that is not there yet: the owner of the directory above, where this process is root.

    :raises Refused: it must not be made there.
    """
    root = Root("/")
    parent = _nearest(root, prefix.rpartition("/")[0] or "/")
    with parent:
        me = own_uid()
        status = parent.status()
        uid = me if me != 0 else status.st_uid
        who = NOBODY
        above = parent.path
        while True:
            who = who | _exchangers(root, above)
            if above == "/":
                break
            above = above.rpartition("/")[0] or "/"
        name = root.identities.user_name(uid)
        user = root.identities.find_user(name) if name else None
        gid = user.gid if user else status.st_gid
    if me != 0 and not may_write(parent.path):
        text = "%s may not write to %s: run the task as its owner, or choose another place with environment."
        raise Refused(text % (name or me, parent.path))
    return Maker(uid, gid, name, _others(who, name, root))


def _nearest(root: Root, path: str) -> Directory:
    while True:
        try:
            return root.directory(path)
        except Absent:
            path = path.rpartition("/")[0] or "/"
        except Unreadable as error:
            raise Refused("%s cannot be read: %s." % (error.path, error.reason)) from error


def _exchangers(root: Root, path: str) -> Writers:
    try:
        with root.directory(path) as directory:
            return exchangers(directory)
    except (Absent, Unreadable):
        return NOBODY


def _others(who: Writers, name: t.Optional[str], root: Root) -> Writers:
    """Those who could exchange the environment, less who may: the owner, and a group of the owner alone."""
    alone = {group for group in who.groups if group == name and _members(root, group) <= {name}}
    return who._replace(users=who.users - {name}, groups=who.groups - alone)


def _members(root: Root, group: str) -> t.Set[t.Optional[str]]:
    identities = root.identities
    return {
        user.name for user in identities.users if group in map(identities.group_name, identities.groups_of(user.uid))
    }


__all__ = ("Maker", "Target", "find_target", "maker_of", "new_target", "real_path")
