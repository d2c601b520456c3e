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
from ansible_collections.labfleet.conda.plugins.module_utils._discover._result import Cache
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import parse_record_name
from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import Directory
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable

_BLOCK = 512  # the unit of st_blocks (stat(2))
MAX_LEVELS = 60
MAX_CHILDREN = 100000
SAMPLES = 4
_ARCHIVES = (".conda", ".tar.bz2")
_UNFINISHED = (".partial", ".trash", ".c~")


class Sample(t.NamedTuple):
    """One of the largest files of an extracted package: its path below the package, and which file it is."""

    path: str
    device: int
    inode: int
    size: int


class Package(t.NamedTuple):
    """An extracted package of a cache."""

    bytes: int
    inodes: int
    samples: t.Tuple[Sample, ...]


class Contents(t.NamedTuple):
    """What a package cache holds.

    :param own_bytes: what would be free without the cache: the files that no environment shares by hard links.
    :param packages: the extracted packages by their names, NAME-VERSION-BUILD.
    :param archives: the bytes of downloaded archives.
    :param unfinished: the bytes of what interrupted downloads and removals have left.
    :param complete: whether all of it could be looked at.
    """

    device: int
    bytes: int
    inodes: int
    own_bytes: int
    packages: t.Dict[str, Package]
    archives: int
    unfinished: int
    complete: bool


def contents(audit: Audit, cache: Cache) -> t.Optional[Contents]:
    """Walk a package cache, once per audit; None where it cannot be looked at, which is noted."""
    return audit.memo(("cache", cache.path), lambda: _contents(audit, cache))


def _contents(audit: Audit, cache: Cache) -> t.Optional[Contents]:
    try:
        with audit.root.directory(cache.path) as top:
            if top.path != cache.path:
                audit.unknown(cache.path, "it was exchanged for a link while the host was looked at")
                return None
            return _Walk(audit, top).run()
    except Absent:
        audit.unknown(cache.path, "it vanished while the host was looked at")
    except Unreadable as error:
        audit.unknown(error.path, error.reason)
    return None


class _Walk:
    """One walk through a cache; links are counted and not followed, and no other file system is entered."""

    def __init__(self, audit: Audit, top: Directory) -> None:
        self._audit = audit
        self._top = top
        self._device = top.status().st_dev
        self._left: t.Dict[int, int] = {}
        self._bytes = self._inodes = self._own = self._archives = self._unfinished = 0
        self._complete = True

    def run(self) -> Contents:
        packages: t.Dict[str, Package] = {}
        for name, status in self._children(self._top):
            size, inodes = self._bytes, self._inodes
            self._count(status)
            if stat.S_ISDIR(status.st_mode):
                is_package = name != "cache" and parse_record_name(name + ".json") is not None
                samples: t.Optional[t.List[Sample]] = [] if is_package else None
                self._enter(self._top, name, "", 1, samples)
                if samples:
                    packages[name] = Package(self._bytes - size, self._inodes - inodes, tuple(samples))
            elif name.endswith(_ARCHIVES):
                self._archives += self._bytes - size
            if name.endswith(_UNFINISHED):
                self._unfinished += self._bytes - size
        return Contents(
            self._device,
            self._bytes,
            self._inodes,
            self._own,
            packages,
            self._archives,
            self._unfinished,
            self._complete,
        )

    def _children(self, directory: Directory) -> t.List[t.Tuple[str, os.stat_result]]:
        self._audit.root.check_time(directory.path)
        try:
            return [item for item in directory.statuses(limit=MAX_CHILDREN) if item[1].st_dev == self._device]
        except (Absent, Unreadable) as error:
            self._note(directory.path, getattr(error, "reason", "it vanished while it was measured"))
            return []

    def _count(self, status: os.stat_result) -> None:
        size = status.st_blocks * _BLOCK
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            before = self._left.get(status.st_ino)
            left = (status.st_nlink if before is None else before) - 1
            if left <= 0:  # all its links lie in the cache
                self._own += size
            self._left[status.st_ino] = left
            if before is not None:
                return
        else:
            self._own += size
        self._bytes += size
        self._inodes += 1

    def _enter(self, parent: Directory, name: str, path: str, level: int, samples: t.Optional[t.List[Sample]]) -> None:
        """Walk a child; the largest files of a package, but for those on the package itself, are its samples."""
        if level > MAX_LEVELS:
            self._note(parent.join(name), "it is more than %d directories deep" % MAX_LEVELS)
            return
        try:
            child = parent.enter(name)
        except Absent:
            return
        except Unreadable as error:
            self._note(error.path, error.reason)
            return
        if child is None:
            return
        with child:
            for below, status in self._children(child):
                self._count(status)
                place = path + below
                if stat.S_ISDIR(status.st_mode):
                    inner = None if place == "info" else samples
                    self._enter(child, below, place + "/", level + 1, inner)
                elif samples is not None and stat.S_ISREG(status.st_mode):
                    _keep(samples, Sample(place, status.st_dev, status.st_ino, status.st_size))

    def _note(self, path: str, reason: str) -> None:
        self._complete = False
        self._audit.unknown(path, reason)


def _keep(samples: t.List[Sample], sample: Sample) -> None:
    if not sample.size or (len(samples) == SAMPLES and sample.size <= samples[-1].size):
        return
    samples.append(sample)
    samples.sort(key=lambda item: -item.size)
    del samples[SAMPLES:]


class Copies(t.NamedTuple):
    """The files of a package that an environment holds as copies, though they could be hard links."""

    bytes: int
    inodes: int


def path_in_environment(path: str, site_packages: t.Optional[str]) -> t.Optional[str]:
    """Where a file of a package lies in an environment; packages for any Python hold paths of their own (CEP 34)."""
    if path.startswith("site-packages/"):
        return site_packages + path[len("site-packages") :] if site_packages else None
    return "bin/" + path[len("python-scripts/") :] if path.startswith("python-scripts/") else path


def looks_copied(prefix: Directory, package: Package, site_packages: t.Optional[str]) -> bool:
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


__all__ = ("Contents", "Copies", "Package", "Sample", "contents", "copies", "looks_copied", "path_in_environment")
