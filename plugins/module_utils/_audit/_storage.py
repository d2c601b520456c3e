# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What package caches take: each cache is walked once, for all rules, and what environments share with it is told."""

from __future__ import annotations

import json
import os
import stat
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._context import Audit
from ansible_collections.labfleet.conda.plugins.module_utils._discover._cache_contents import (
    MAX_LEVELS,
    Contents,
    Count,
)
from ansible_collections.labfleet.conda.plugins.module_utils._discover._cache_contents import contents as contents_of
from ansible_collections.labfleet.conda.plugins.module_utils._discover._result import Cache
from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import Directory
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable

_BLOCK = 512  # the unit of st_blocks (stat(2))


def contents(audit: Audit, cache: Cache) -> t.Optional[Contents]:
    """Walk a package cache, once per audit; None where it cannot be looked at, which is noted."""
    return audit.memo(("cache", cache.path), lambda: contents_of(audit.root, cache.path, audit.unknown))


class Copies(t.NamedTuple):
    """The files of a package that an environment holds as copies, though they could be hard links."""

    bytes: int
    inodes: int


def path_in_environment(path: str, site_packages: t.Optional[str]) -> t.Optional[str]:
    """Where a file of a package lies in an environment; packages for any Python hold paths of their own (CEP 34)."""
    if path.startswith("site-packages/"):
        return site_packages + path[len("site-packages") :] if site_packages else None
    return "bin/" + path[len("python-scripts/") :] if path.startswith("python-scripts/") else path


def looks_copied(prefix: Directory, package: Count, site_packages: t.Optional[str]) -> bool:
    """Whether an environment has samples of a package, and none is the very file of the cache, or one of several links.

    What conda had to change looks the same; copies() tells.
    """
    there = False
    for sample in package.samples:
        status = _status_in(prefix, path_in_environment(sample.path, site_packages))
        if status is not None and (status.st_nlink > 1 or status.st_ino == sample.inode):
            return False
        there = there or status is not None
    return there


def _status_in(prefix: Directory, path: t.Optional[str]) -> t.Optional[os.stat_result]:
    if path is None:
        return None
    parent, _slash, name = path.rpartition("/")
    try:
        with prefix.directory(parent or ".") as directory:
            return directory.child_status(name)
    except (Absent, Unreadable):
        return None


def copies(prefix: Directory, package: Directory, site_packages: t.Optional[str]) -> Copies:
    """Compare all files of an extracted package with those of an environment.

    What conda changes when it links it (placeholders of the prefix), and what it must not link, does not count.
    """
    found = [0, 0]
    _compare(prefix, package, "", _never_linked(package), site_packages, found)
    return Copies(found[0], found[1])


def _compare(
    here: Directory,
    directory: Directory,
    path: str,
    never: t.Container[str],
    site_packages: t.Optional[str],
    found: t.List[int],
) -> None:
    """Compare a directory of the package, at its path there, with that of the environment."""
    here.root.check_time(directory.path)
    if path.count("/") > MAX_LEVELS:
        return
    try:
        children = directory.statuses()
    except (Absent, Unreadable):  # the walk of the cache has told
        return
    for name, status in children:
        if stat.S_ISREG(status.st_mode):
            if path + name not in never:
                _compare_file(here, name, status, found)
        elif stat.S_ISDIR(status.st_mode) and path + name != "info":
            inner = path + name + "/"
            place = name if path else path_in_environment(inner, site_packages)
            there = _child(here.directory, place.rstrip("/")) if place else None
            child = _child(directory.enter, name) if there is not None else None
            if there is not None and child is not None:
                with there, child:
                    _compare(there, child, inner, never, site_packages, found)
            elif there is not None:
                there.close()


def _compare_file(here: Directory, name: str, status: os.stat_result, found: t.List[int]) -> None:
    try:
        other = here.child_status(name)
    except (Absent, Unreadable):
        return
    same = (other.st_size, other.st_dev) == (status.st_size, status.st_dev) and stat.S_ISREG(other.st_mode)
    if same and status.st_size and other.st_ino != status.st_ino and other.st_nlink == 1:
        found[0] += other.st_blocks * _BLOCK
        found[1] += 1


def _child(open_: t.Callable[[str], t.Optional[Directory]], name: str) -> t.Optional[Directory]:
    try:
        return open_(name)
    except (Absent, Unreadable):
        return None


def _never_linked(package: Directory) -> t.FrozenSet[str]:
    try:
        with package.directory("info") as info:
            try:
                paths = json.loads(info.read("paths.json").decode("utf-8"))["paths"]
                return frozenset(item["_path"] for item in paths if "prefix_placeholder" in item or "no_link" in item)
            except (Absent, ValueError, RecursionError, LookupError, TypeError):
                return _never_linked_before(info)
    except (Absent, Unreadable):
        return frozenset()


def _never_linked_before(info: Directory) -> t.FrozenSet[str]:
    """The same from the older form of packages."""
    names: t.Set[str] = set()
    for name in ("has_prefix", "no_link"):
        try:
            lines = os.fsdecode(info.read(name)).splitlines()
        except Absent:
            continue
        names.update(line.split(" ")[-1].strip("\"'") for line in lines)
    return frozenset(names)


__all__ = ("Contents", "Copies", "Count", "contents", "copies", "looks_copied", "path_in_environment")
