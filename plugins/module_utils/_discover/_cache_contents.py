# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What lies in a package cache, and what each thing takes: the one way in which all of the collection counts it."""

from __future__ import annotations

import os
import stat
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import parse_record_name
from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import Directory
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._measure_links import Links
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

_BLOCK = 512  # the unit of st_blocks (stat(2))
MAX_LEVELS = 60
MAX_CHILDREN = 100000
# mamba since 2.8 puts packages below the scheme and the path of their channel; none has more parts than this.
_MAX_CHANNEL_LEVELS = 8
SAMPLES = 4
ARCHIVE, PACKAGE, INDEX, LEFTOVER, OTHER = "archive", "package", "index", "leftover", "other"
_CHANNEL = "channel"  # a directory of packages, whose items stand beside it
ARCHIVES = (".conda", ".tar.bz2")
# Downloads and removals that were cut short: conda/base/constants.py; conda 4 wrote C(.part), and locks with a number.
_UNFINISHED = (".partial", ".part", ".trash", ".c~")
_INDEX, _LOGS = "cache", ".logs"
_Note = t.Callable[[str, str], None]


class Sample(t.NamedTuple):
    """One of the largest files of an extracted package: its path below the package, and which file it is."""

    path: str
    device: int
    inode: int
    size: int


class Item(t.NamedTuple):
    """One thing in a cache: an archive, an extracted package, the index of channels, what a cut off run has left.

    :param name: its path below the cache.
    :param kind: ARCHIVE, PACKAGE, INDEX, LEFTOVER, OTHER, or that of a directory whose items are told beside it.
    """

    name: str
    kind: str
    status: os.stat_result

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def package(self) -> str:
        """The path below the cache at which the package is, or would be, unpacked."""
        ending = next((ending for ending in ARCHIVES if self.name.endswith(ending)), "")
        return self.name[: -len(ending)] if self.kind == ARCHIVE and ending else self.name


class Count(t.NamedTuple):
    """What one thing takes.

    :param bytes: the space on disk, a file with several names counted once.
    :param alone_bytes: of it, that of what has one name only; alone_inodes likewise.
    :param links: the files with several names.
    :param samples: of a package, the largest of its files, but for those on the package itself.
    """

    bytes: int
    inodes: int
    alone_bytes: int
    alone_inodes: int
    links: Links
    samples: t.Tuple[Sample, ...]
    complete: bool

    @property
    def has_links_elsewhere(self) -> bool:
        """Whether a file of it has a name outside, as in an environment."""
        return any(names < in_all for names, in_all, _size in self.links.values())


class Contents(t.NamedTuple):
    """What a package cache holds.

    :param own_bytes: what would be free without the cache: the files that no environment shares by hard links.
    :param packages: the extracted packages that hold something.
    :param archives: the bytes of downloaded archives.
    :param unfinished: the bytes of what interrupted downloads and removals have left.
    :param items: all that is there.
    :param complete: whether all of it could be looked at.
    """

    device: int
    bytes: int
    inodes: int
    own_bytes: int
    packages: t.Dict[str, Count]
    archives: int
    unfinished: int
    items: t.List[t.Tuple[Item, Count]]
    complete: bool


def freed(counts: t.Iterable[Count]) -> t.Tuple[int, int]:
    """The bytes and inodes that are free once all of these are gone: a file counts when its last name goes."""
    size = inodes = 0
    names: t.Dict[int, t.List[int]] = {}
    for count in counts:
        size += count.alone_bytes
        inodes += count.alone_inodes
        for inode, (here, in_all, taken) in count.links.items():
            entry = names.setdefault(inode, [0, in_all, taken])
            entry[0] += here
    gone = [taken for here, in_all, taken in names.values() if here >= in_all]
    return size + sum(gone), inodes + len(gone)


def contents(root: Root, path: str, note: _Note) -> t.Optional[Contents]:
    """Walk a package cache; None where it cannot be looked at.

    :param note: takes path and reason of what could not be looked at.
    """
    try:
        with root.directory(path) as top:
            if top.path == path:
                return _contents(top, note)
            note(path, "it was exchanged for a link while the host was looked at")
    except Absent:
        note(path, "it vanished while the host was looked at")
    except Unreadable as error:
        note(error.path, error.reason)
    return None


def _contents(top: Directory, note: _Note) -> Contents:
    listed = _Listing(top, note)
    items = [(item, count_item(top, item, note)) for item in listed.items]
    counts = [count for _item, count in items]
    size, inodes = _sum(counts)
    by_kind = {kind: taken_by(items, kind)[0] for kind in (ARCHIVE, LEFTOVER)}
    return Contents(
        device=top.status().st_dev,
        bytes=size,
        inodes=inodes,
        own_bytes=freed(counts)[0],
        packages={item.name: count for item, count in items if item.kind == PACKAGE and count.samples},
        archives=by_kind[ARCHIVE],
        unfinished=by_kind[LEFTOVER],
        items=items,
        complete=listed.complete and all(count.complete for count in counts),
    )


def taken_by(items: t.Iterable[t.Tuple[Item, Count]], kind: str) -> t.Tuple[int, int]:
    """The bytes and inodes that all things of one kind take, a file with several names counted once."""
    return _sum([count for item, count in items if item.kind == kind])


def _sum(counts: t.Iterable[Count]) -> t.Tuple[int, int]:
    size = inodes = 0
    linked: t.Dict[int, int] = {}
    for count in counts:
        size += count.alone_bytes
        inodes += count.alone_inodes
        linked.update({inode: taken for inode, (_here, _all, taken) in count.links.items()})
    return size + sum(linked.values()), inodes + len(linked)


def items_of(top: Directory, note: _Note) -> t.List[Item]:
    """All that lies in a cache, by name; what is in packages is not looked at."""
    return _Listing(top, note).items


class _Listing:
    """Lists a cache, down to its packages and archives."""

    def __init__(self, top: Directory, note: _Note) -> None:
        self.complete = True
        self.items: t.List[Item] = []
        self._note = note
        self._device = top.status().st_dev
        self._list(top, "", 0)

    def _list(self, directory: Directory, path: str, level: int) -> None:
        directory.root.check_time(directory.path)
        try:
            children = directory.statuses(limit=MAX_CHILDREN)
        except (Absent, Unreadable) as error:
            self._fail(directory.path, error)
            return
        for name, status in sorted(children):
            if status.st_dev != self._device:
                continue
            kind = self._kind(directory, name, status, level)
            if kind is not None:
                self.items.append(Item(path + name, kind, status))
            else:
                self._enter(directory, name, path, status, level)

    def _enter(self, directory: Directory, name: str, path: str, status: os.stat_result, level: int) -> None:
        try:
            child = directory.enter(name)
        except (Absent, Unreadable) as error:
            self._fail(directory.join(name), error)
            return
        if child is not None:
            self.items.append(Item(path + name, _CHANNEL, status))
            with child:
                self._list(child, path + name + "/", level + 1)

    def _kind(self, directory: Directory, name: str, status: os.stat_result, level: int) -> t.Optional[str]:
        """What a child is; None for a directory of channels, which holds packages of its own."""
        if name.endswith(_UNFINISHED) or name == _LOGS:
            return LEFTOVER
        if stat.S_ISREG(status.st_mode):
            return ARCHIVE if name.endswith(ARCHIVES) else OTHER
        if not stat.S_ISDIR(status.st_mode):
            return OTHER
        if name == _INDEX and level == 0:
            return INDEX
        if parse_record_name(name + ".json") is not None and (level == 0 or self._has_info(directory, name)):
            return PACKAGE
        return OTHER if name.startswith(".") or level >= _MAX_CHANNEL_LEVELS else None

    def _has_info(self, directory: Directory, name: str) -> bool:
        try:
            return directory.has(name + "/info")
        except Unreadable as error:
            self._fail(directory.join(name), error)
            return True

    def _fail(self, path: str, error: Exception) -> None:
        self.complete = False
        self._note(path, getattr(error, "reason", "it vanished while it was measured"))


def count_item(top: Directory, item: Item, note: _Note) -> Count:
    """Count one thing in a cache; links are counted and not followed, and no other file system is entered."""
    counter = _Counter(top.status().st_dev, note)
    counter.add(item.status)
    if item.is_folder and item.kind != _CHANNEL:
        counter.enter(top, item.name, "", 1, item.kind == PACKAGE)
    return counter.count()


class _Counter:
    def __init__(self, device: int, note: _Note) -> None:
        self._device, self._note = device, note
        self._links: t.Dict[int, t.List[int]] = {}
        self._bytes = self._inodes = 0
        self._samples: t.List[Sample] = []
        self._least = 0
        self._complete = True

    def count(self) -> Count:
        links = {inode: (here, in_all, size) for inode, (here, in_all, size) in self._links.items()}
        return Count(
            self._bytes + sum(size for _here, _all, size in links.values()),
            self._inodes + len(links),
            self._bytes,
            self._inodes,
            links,
            tuple(self._samples),
            self._complete,
        )

    def add(self, status: os.stat_result) -> None:
        size = status.st_blocks * _BLOCK
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            self._links.setdefault(status.st_ino, [0, status.st_nlink, size])[0] += 1
        else:
            self._bytes += size
            self._inodes += 1

    def enter(self, parent: Directory, name: str, path: str, level: int, sampled: bool) -> None:
        """Walk a child; the largest files of a package, but for those on the package itself, are its samples."""
        if level > MAX_LEVELS:
            self._fail(parent.join(name), "it is more than %d directories deep" % MAX_LEVELS)
            return
        try:
            child = parent.directory(name) if "/" in name else parent.enter(name)
            if child is None:
                return
            with child:
                child.root.check_time(child.path)
                for below, status in child.statuses(limit=MAX_CHILDREN):
                    if status.st_dev == self._device:
                        self._visit(child, below, path + below, status, level, sampled)
        except Absent:
            if level == 1:
                self._fail(parent.join(name), "it vanished while it was measured")
        except Unreadable as error:
            self._fail(error.path, error.reason)

    def _visit(
        self, directory: Directory, name: str, place: str, status: os.stat_result, level: int, sampled: bool
    ) -> None:
        self.add(status)
        if stat.S_ISDIR(status.st_mode):
            self.enter(directory, name, place + "/", level + 1, sampled and place != "info")
        elif sampled and status.st_size > self._least and stat.S_ISREG(status.st_mode):
            self._keep(Sample(place, status.st_dev, status.st_ino, status.st_size))

    def _keep(self, sample: Sample) -> None:
        """Take a sample that is larger than the least of those that there are."""
        samples = self._samples
        samples.append(sample)
        samples.sort(key=lambda item: -item.size)
        del samples[SAMPLES:]
        self._least = samples[-1].size if len(samples) == SAMPLES else 0

    def _fail(self, path: str, reason: str) -> None:
        self._complete = False
        self._note(path, reason)


__all__ = (
    "ARCHIVE",
    "ARCHIVES",
    "Contents",
    "Count",
    "INDEX",
    "Item",
    "LEFTOVER",
    "MAX_LEVELS",
    "OTHER",
    "PACKAGE",
    "Sample",
    "contents",
    "count_item",
    "freed",
    "items_of",
    "taken_by",
)
