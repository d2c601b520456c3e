# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The package cache that is to be looked at or changed: where it really is, whose it is, who can reach it."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import look_at
from ansible_collections.labfleet.conda.plugins.module_utils._discover._cache_contents import ARCHIVE, PACKAGE, items_of
from ansible_collections.labfleet.conda.plugins.module_utils._system._access import who_could_exchange
from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import Directory
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import is_folder
from ansible_collections.labfleet.conda.plugins.module_utils._system._processes import own_uid
from ansible_collections.labfleet.conda.plugins.module_utils._system._readers import is_closed
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

# conda and mamba take a directory for a package cache by the first of these (conda/base/constants.py).
_MAGIC = ("urls.txt", "urls", "pkgs.lock")
_ROOT = 0


class CachePlace(t.NamedTuple):
    """One package cache.

    :param path: its real path; given is the path by which it was asked for.
    :param uid: the number of its owner, gid that of the owner's group, owner the name; None where nobody has it.
    :param closed: whether nobody but its owner and root can reach it.
    """

    path: str
    given: str
    device: int
    uid: int
    gid: int
    owner: t.Optional[str]
    mode: int
    closed: bool

    @property
    def owner_name(self) -> str:
        return self.owner or str(self.uid)

    @property
    def closed_to(self) -> t.Optional[int]:
        """The owner, where it is closed; else None."""
        return self.uid if self.closed else None


def caches_of(options: t.Mapping[str, t.Any], root: Root) -> t.List[CachePlace]:
    """The caches that the options C(path) or C(prefix) name.

    :raises Refused: there is none.
    """
    if options["path"] is not None:
        return [cache_at(root, options["path"])]
    place = look_at(str(options["prefix"]))
    named = place.configuration.package_caches if place.configuration else [place.base + "/pkgs"]
    found: t.Dict[str, CachePlace] = {}
    for path in filter(is_folder, named):
        cache = cache_at(root, path)
        found.setdefault(cache.path, cache)
    if not found:
        text = "%s has no package cache yet: none of %s is there. Name a cache by its path."
        raise Refused(text % (place.prefix, ", ".join(named)))
    return list(found.values())


def cache_at(root: Root, path: str) -> CachePlace:
    """The package cache at a path.

    :raises Refused: there is none, or it cannot be looked at.
    """
    given = "/" + path.strip("/")
    try:
        with root.directory(given) as top:
            if not _is_cache(top):
                text = "%s is no package cache: it has no urls.txt and no packages. Name a directory of pkgs_dirs."
                raise Refused(text % given)
            status = top.status()
            name = root.identities.user_name(status.st_uid)
            user = root.identities.find_user(name) if name else None
            gid = user.gid if user else status.st_gid
            mode, device = status.st_mode & 0o7777, status.st_dev
            return CachePlace(top.path, given, device, status.st_uid, gid, name, mode, is_closed(top))
    except Absent as error:
        raise Refused("%s is not there: name the directory of a package cache." % given) from error
    except Unreadable as error:
        raise Refused("%s could not be looked at: %s." % (error.path, error.reason)) from error


def _is_cache(top: Directory) -> bool:
    if any(map(top.has, _MAGIC)):
        return True
    items = items_of(top, lambda path, reason: None)
    return not items or any(item.kind in (PACKAGE, ARCHIVE) and top.has(item.package + "/info") for item in items)


def refuse_unless_owner(place: CachePlace, root: Root) -> None:
    """Refuse a cache that this process cannot work on as its owner.

    :raises Refused: it belongs to somebody else, to nobody, or is root's and others could exchange it.
    """
    me = own_uid()
    if me not in (_ROOT, place.uid):
        text = "%s belongs to %s, and only its owner may change it: run the task with become: true and become_user: %s."
        raise Refused(text % (place.path, place.owner_name, place.owner_name))
    if me != place.uid and place.owner is None:
        text = "%s belongs to the user number %d, which no user of this host has: give it an owner first."
        raise Refused(text % (place.path, place.uid))
    if place.uid == _ROOT:
        refuse_exchangers(root, place, place.path)


def refuse_exchangers(root: Root, place: CachePlace, path: str) -> None:
    """Refuse a path at which others than the owner of a cache could put something else, by a directory above it.

    :raises Refused: somebody could.
    """
    found = who_could_exchange(root, path, but=(place.owner_name,))
    if found is not None:
        text = "%s is no safe place for the cache of %s: %s could exchange it, by the directory %s."
        raise Refused(text % (path, place.owner_name, *found))


__all__ = ("CachePlace", "cache_at", "caches_of", "refuse_exchangers", "refuse_unless_owner")
