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
    is_there,
    read_text,
    remove_unpacked,
)


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

    :returns: the directories that were removed.
    """
    removed = []
    for place in _unpacked(caches, packages):
        whole = is_there(place + "/info/index.json") and is_there(place + "/info/files")
        if whole and not absent(place, _listed(place)):
            continue
        cache, _slash, name = place.rpartition("/")
        if remove_unpacked(cache, name):
            removed.append(place)
    return removed


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


__all__ = ("brought_by", "remove_broken")
