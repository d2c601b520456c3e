# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""What the packages of a change look like in the package caches: which files they bring, and whether they are whole."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._files import (
    absent,
    changed_since,
    is_there,
    names_below,
    of_other_size,
    read_text,
    remove_unpacked,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._users_of import opened_below

_ARCHIVES = (".tar.bz2", ".conda")
_SLACK = 2.0


def brought_by(caches: t.Iterable[str], packages: t.Iterable[str], site_packages: t.Optional[str]) -> t.Set[str]:
    """The relative paths that some packages bring to a prefix, as far as the caches tell.

    :param packages: as NAME-VERSION-BUILD.
    :param site_packages: where packages of Python alone go, which are the same for every Python (CEP 34).
    """
    found: t.Set[str] = set()
    for place in _unpacked(caches, packages):
        for name in _listed(place):
            head, _slash, rest = name.partition("/")
            if head == "site-packages" and site_packages:
                found.add(site_packages + "/" + rest)
            found.add("bin/" + rest if head == "python-scripts" else name)
        found.update(_entry_points(place))
    return found


def remove_broken(caches: t.Iterable[str], packages: t.Iterable[str]) -> t.List[str]:
    """Remove the packages whose unpacking was interrupted: conda would take them for whole ones.

    One that another process unpacks now stays: it has its archive open, or a file of the package.

    :returns: the directories that were removed.
    """
    removed = []
    broken = [place for place in _unpacked(caches, packages) if not _is_whole(place)]
    busy = opened_below([place + ending for place in broken for ending in ("", *_ARCHIVES)])
    for place in broken:
        if busy.intersection(place + ending for ending in ("", *_ARCHIVES)):
            continue
        cache, _slash, name = place.rpartition("/")
        if remove_unpacked(cache, name):
            removed.append(place)
    return removed


def unpacked_since(caches: t.Iterable[str], seconds: float) -> t.List[str]:
    """The names of packages that were unpacked in some caches since a time, beside their archives.

    :param seconds: of the epoch; the clocks of file systems are given a second or two.
    """
    found: t.Set[str] = set()
    for cache in caches:
        there = set(names_below(cache))
        recent = changed_since(cache, seconds - _SLACK)
        found.update(name for name in recent if there.intersection(name + ending for ending in _ARCHIVES))
    return sorted(found)


def _is_whole(place: str) -> bool:
    """Whether nothing of a package is missing, as far as it tells itself.

    Its archive has the list of its files before them, so that of one that was cut off the list can be empty, or the
    last file short. That is looked for only where the archive is still there, so that it can be unpacked again.
    """
    if not is_there(place + "/info/index.json") or not is_there(place + "/info/files"):
        return False
    listed = _listed(place)
    if absent(place, listed):
        return False
    if not any(is_there(place + ending) for ending in _ARCHIVES):
        return True
    return bool(listed) and not of_other_size(place, _sizes(place))


def _sizes(place: str) -> t.Dict[str, int]:
    """The sizes in bytes of the files of a package, as far as it tells them (info/paths.json, conda-build 3)."""
    try:
        content = json.loads(read_text(place + "/info/paths.json") or "{}")
        return {
            item["_path"]: item["size_in_bytes"]
            for item in content.get("paths", ())
            if item.get("path_type") == "hardlink" and isinstance(item.get("size_in_bytes"), int)
        }
    except (ValueError, AttributeError, TypeError, KeyError, RecursionError):
        return {}


def _unpacked(caches: t.Iterable[str], packages: t.Iterable[str]) -> t.Iterator[str]:
    names = [name for name in packages if "/" not in name and name not in ("", ".", "..")]
    for cache in caches:
        for name in names:
            place = "%s/%s" % (cache.rstrip("/"), name)
            if is_there(place):
                yield place


def _listed(place: str) -> t.List[str]:
    return [name for name in (read_text(place + "/info/files") or "").split("\n") if name]


def _entry_points(place: str) -> t.Iterator[str]:
    """The programs that conda writes for a package of Python alone (CEP 34, info/link.json)."""
    try:
        content = json.loads(read_text(place + "/info/link.json") or "{}")
        for line in content.get("noarch", {}).get("entry_points", ()):
            yield "bin/" + str(line).partition("=")[0].strip()
    except (ValueError, AttributeError, TypeError):
        return


__all__ = ("brought_by", "remove_broken", "unpacked_since")
