# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Whose a prefix is, and whether anybody else could change it."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._packages import NoEnvironment
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import SnapshotError
from ansible_collections.labfleet.conda.plugins.module_utils._change._writers import strangers, writers_inside
from ansible_collections.labfleet.conda.plugins.module_utils._system._access import (
    who_could_exchange,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import Directory
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._processes import own_uid
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root
from ansible_collections.labfleet.conda.plugins.module_utils._system._users import Identities


class Owner(t.NamedTuple):
    """The real path of a prefix, and its owner; the name is None where nobody has that number any more."""

    prefix: str
    uid: int
    gid: int
    name: t.Optional[str]


def owner_of(path: str, *, only_look: bool) -> Owner:
    """Who owns the environment at a path.

    :param only_look: others may be able to write to it.
    :raises NoEnvironment: there is none.
    :raises SnapshotError: this process may not work on it, or others could interfere.
    """
    root = Root("/")
    try:
        with root.directory(path) as prefix:
            if not prefix.has("conda-meta"):
                raise Absent(path)
            found = _owner(prefix, root.identities)
            if own_uid() not in (0, found.uid):
                message = "%s belongs to %s, and only its owner may work on it: run the task with become_user: %s."
                raise SnapshotError(message % (found.prefix, found.name or found.uid, found.name or "its owner"))
            if not only_look:
                _refuse_other_writers(found, root.identities)
                if found.uid == 0:
                    _refuse_exchangers(root, found)
            return found
    except Absent as error:
        message = "%s is no environment of conda: it has no conda-meta directory. Name the prefix of an environment."
        raise NoEnvironment(message % path) from error
    except Unreadable as error:
        raise NoEnvironment("%s could not be read: %s." % (error.path, error.reason)) from error


def _owner(prefix: Directory, identities: Identities) -> Owner:
    status = prefix.status()
    name = identities.user_name(status.st_uid)
    user = identities.find_user(name) if name else None
    return Owner(prefix.path, status.st_uid, user.gid if user else status.st_gid, name)


def _refuse_other_writers(owner: Owner, identities: Identities) -> None:
    name = owner.name or str(owner.uid)
    who = strangers(writers_inside(owner.prefix, identities), name, identities)
    if who:
        text = "Others than its owner %s can write to %s (%s), and could change it meanwhile: take that right away with"
        raise SnapshotError((text + " chmod.") % (name, owner.prefix, ", ".join(who)))


def _refuse_exchangers(root: Root, owner: Owner) -> None:
    found = who_could_exchange(root, owner.prefix)
    if found is not None:
        message = "%s belongs to root, but %s could exchange it, by the directory %s: give that to root first."
        raise SnapshotError(message % (owner.prefix, *found))


__all__ = ("Owner", "owner_of")
