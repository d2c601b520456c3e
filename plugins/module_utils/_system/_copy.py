# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Keeps the files of a prefix in a second tree: as clones, hard links or copies, whatever the file system can do."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import stat
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._walk import Visit, kind_of

FICLONE = 0x40049409
BLOCK = 1024 * 1024
# How a file is kept: as a hard link; as bytes of its own; told by its entry alone (symbolic links); not at all.
LINKED, COPIED, TOLD, LEFT = "l", "c", "t", "-"
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_TRIES = 3


class Entry(t.NamedTuple):
    """What is known of one file: enough to tell whether it has changed, and to make it anew.

    :param owned: 1 where a package has brought it.
    :param extra: the target of a symbolic link; of a copied file the time of its last change of any kind (ctime).
    :param kept: the name it is kept under; None where it is kept under its own path, or not at all.
    """

    name: str
    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    inode: int
    how: str
    owned: int
    extra: t.Union[str, int, None]
    kept: t.Optional[str] = None

    def kept_at(self, folder: str) -> str:
        """Where it is kept, if it is; C(folder) is the directory that it was in."""
        return self.kept or (folder + "/" + self.name if folder else self.name)


class Earlier(t.NamedTuple):
    """The copies that were kept before.

    :ivar folder: the open directory that holds them, on the same file system.
    :ivar copies: by the inode number of the file that was copied: its entry, and where it is kept.
    """

    folder: int
    copies: t.Dict[int, t.Tuple[Entry, str]]


class Keeper:
    """Keeps files below a directory of their own.

    :param target: the open directory, on the file system of the prefix.
    :param numbered: put all of them into that one directory, under numbers: to make and to remove directories takes
        longer than to link what is in them.
    :param earlier: copies from before; those of files that have not changed since are linked in place of copied anew.
    :param limit: files larger than this are copied only if a package has brought them.
    :param keeps_inodes: whether a link to a file surely leaves its inode number as it is, see keeps_inodes().
    """

    def __init__(
        self,
        target: int,
        *,
        limit: int,
        keeps_inodes: bool = False,
        numbered: bool = False,
        earlier: t.Optional[Earlier] = None,
    ) -> None:
        self.troubles: t.List[t.Tuple[str, str]] = []
        self.counts = {LINKED: 0, COPIED: 0, TOLD: 0, LEFT: 0}
        self.copied_bytes = 0
        self._target = target
        self._limit = limit
        self._keeps_inodes = keeps_inodes
        self._numbers = itertools.count(1) if numbered else None
        self._earlier = earlier
        self._clones: t.Optional[bool] = None  # None until the file system was asked
        self._twins: t.Dict[int, str] = {}

    def keep(self, visit: Visit, *, linked: t.Set[str], owned: t.Set[str]) -> t.List[Entry]:
        """Keep all files of one directory.

        :param linked: names of those for which a hard link is good enough.
        :param owned: names of those that packages have brought.
        """
        path, source, entries = visit.path, visit.descriptor, []
        below = path + "/" if path else ""
        if path and self._numbers is None:
            os.mkdir(path, 0o700, dir_fd=self._target)
        for name, status in visit.children:
            kind = kind_of(status)
            if kind == "d":
                continue
            extra: t.Union[str, int, None] = None
            kept = None
            is_owned = name in owned
            if kind == "l":
                how, extra = TOLD, os.readlink(name, dir_fd=source)
                self.counts[TOLD] += 1
            else:
                kept = "%x" % next(self._numbers) if self._numbers else None
                new = kept or below + name
                how, status = self._keep(below + name, name, status, source, new, name in linked, is_owned)
                if how == COPIED:
                    extra = status.st_ctime_ns
            entries.append(entry_of(name, kind, status, how, is_owned, extra, kept))
        return entries

    def _keep(
        self, full: str, name: str, status: os.stat_result, source: int, new: str, linked: bool, owned: bool
    ) -> t.Tuple[str, os.stat_result]:
        regular = stat.S_ISREG(status.st_mode)
        if (linked or not regular) and not (regular and self._clones):
            try:
                os.link(name, new, src_dir_fd=source, dst_dir_fd=self._target, follow_symlinks=False)
                self.counts[LINKED] += 1
                if self._keeps_inodes:
                    return LINKED, status
                # Asked again: on overlayfs the first link gives the file another inode number.
                return LINKED, os.stat(new, dir_fd=self._target, follow_symlinks=False)
            except OSError as error:  # too many links, links of others' files forbidden, no links at all
                self._check(error)
        reason = "it is no regular file, and cannot be linked"
        if regular and not (linked and not owned and status.st_size > self._limit and not self._clones):
            try:
                return COPIED, self._copy(new, name, status, source)
            except OSError as error:
                self._check(error)
                reason = (error.strerror or str(error)).lower()
        elif regular:
            reason = "it has %d bytes, too many for a copy, and cannot be linked" % status.st_size
        with contextlib.suppress(FileNotFoundError):
            os.unlink(new, dir_fd=self._target)
        self.troubles.append((full, reason))
        self.counts[LEFT] += 1
        return LEFT, status

    def _copy(self, new: str, name: str, status: os.stat_result, source: int) -> os.stat_result:
        twin = self._twins.get(status.st_ino) if status.st_nlink > 1 else None
        self.counts[COPIED] += 1
        if twin is not None:
            os.link(twin, new, src_dir_fd=self._target, dst_dir_fd=self._target, follow_symlinks=False)
            return status
        if self._was_copied(new, status):
            return status
        status, cloned = copy_file(name, source, new, self._target, clone=self._clones is not False)
        if status.st_size:
            self._clones = cloned
        if not cloned:
            self.copied_bytes += status.st_blocks * 512
        if status.st_nlink > 1:
            self._twins[status.st_ino] = new
        return status

    def _was_copied(self, new: str, status: os.stat_result) -> bool:
        """Take the copy from before, where there is one and it is what the file still is; a clone is better."""
        if self._earlier is None or self._clones is not False or status.st_nlink > 1:
            return False
        known = self._earlier.copies.get(status.st_ino)
        if known is None:
            return False
        entry, place = known
        same = (entry.size, entry.mtime, entry.extra) == (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if not same:
            return False
        try:
            kept = os.stat(place, dir_fd=self._earlier.folder, follow_symlinks=False)
            if (kept.st_size, kept.st_mtime_ns) != (entry.size, entry.mtime):
                return False
            os.link(place, new, src_dir_fd=self._earlier.folder, dst_dir_fd=self._target, follow_symlinks=False)
        except OSError as error:
            self._check(error)
            return False
        return True

    @staticmethod
    def _check(error: OSError) -> None:
        if error.errno in _NO_SPACE:
            raise error


def entry_of(
    name: str,
    kind: str,
    status: os.stat_result,
    how: str,
    owned: bool,
    extra: t.Union[str, int, None],
    kept: t.Optional[str] = None,
) -> Entry:
    """The entry for a file of this status."""
    return Entry(
        name,
        kind,
        stat.S_IMODE(status.st_mode),
        status.st_uid,
        status.st_gid,
        status.st_size,
        status.st_mtime_ns,
        status.st_ino,
        how,
        int(owned),
        extra,
        kept,
    )


def copy_file(name: str, source: int, new: str, target: int, *, clone: bool) -> t.Tuple[os.stat_result, bool]:
    """Copy a regular file with its times, permissions and extended attributes, but not its owner.

    :param source: the open directory that holds it.
    :param new: its name in the open directory C(target), which must be free.
    :param clone: try to share the blocks (reflink).
    :returns: the status it had when it was read, and whether blocks are shared.
    :raises OSError: it cannot be read or written, or changes all the time.
    """
    reading = os.open(name, _READ, dir_fd=source)
    try:
        status = os.fstat(reading)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file any more")
        writing = os.open(new, _NEW, 0o600, dir_fd=target)
        try:
            for _try in range(_TRIES):
                cloned = clone and _clone(reading, writing)
                if not cloned:
                    os.ftruncate(writing, 0)
                    _copy_content(reading, writing, status)
                before, status = status, os.fstat(reading)
                if (before.st_size, before.st_mtime_ns) == (status.st_size, status.st_mtime_ns):
                    break
            else:
                raise OSError(errno.EBUSY, "it changes while it is read")
            _copy_attributes(reading, writing)
            os.fchmod(writing, stat.S_IMODE(status.st_mode) & 0o777)
            os.utime(writing, ns=(status.st_atime_ns, status.st_mtime_ns))
        finally:
            os.close(writing)
        return status, cloned
    finally:
        os.close(reading)


def _clone(reading: int, writing: int) -> bool:
    try:
        fcntl.ioctl(writing, FICLONE, reading)
        return True
    except OSError:  # not on this file system, or not this file
        return False


def _copy_content(reading: int, writing: int, status: os.stat_result) -> None:
    sparse = status.st_blocks * 512 < status.st_size
    for start, end in _extents(reading, status.st_size) if sparse else ((0, status.st_size),):
        os.lseek(reading, start, os.SEEK_SET)
        os.lseek(writing, start, os.SEEK_SET)
        left = end - start
        while left > 0:
            block = os.read(reading, min(BLOCK, left))
            if not block:
                break
            left -= len(block)
            view = memoryview(block)
            while view:
                view = view[os.write(writing, view) :]
    if sparse:
        os.ftruncate(writing, status.st_size)


def _extents(descriptor: int, size: int) -> t.Iterator[t.Tuple[int, int]]:
    """Where a sparse file has data."""
    position = 0
    while position < size:
        try:
            start = os.lseek(descriptor, position, os.SEEK_DATA)
            position = os.lseek(descriptor, start, os.SEEK_HOLE)
        except (OSError, AttributeError) as error:
            if getattr(error, "errno", None) != errno.ENXIO:  # not: nothing but a hole follows
                yield position, size
            return
        yield start, position


def _copy_attributes(reading: int, writing: int) -> None:
    """Copy extended attributes, access control lists among them, as far as this user may set them."""
    for name, value in attributes_of(reading).items():
        with contextlib.suppress(OSError):
            os.setxattr(writing, name, value)


def attributes_of(descriptor: int) -> t.Dict[str, bytes]:
    """The extended attributes of an open file or directory; none where the system has none."""
    try:
        return {name: os.getxattr(descriptor, name) for name in os.listxattr(descriptor)}
    except (OSError, AttributeError):
        return {}


def same_content(name: str, one: int, other: int, *, other_name: t.Optional[str] = None) -> bool:
    """Whether regular files in two open directories, of one name unless another is told, hold the same bytes."""
    descriptors: t.List[int] = []
    try:
        for place, folder in ((name, one), (other_name or name, other)):
            descriptors.append(os.open(place, _READ, dir_fd=folder))
        first, second = (os.fstat(descriptor) for descriptor in descriptors)
        if first.st_size != second.st_size or not stat.S_ISREG(first.st_mode) or not stat.S_ISREG(second.st_mode):
            return False
        while True:
            block = os.read(descriptors[0], BLOCK)
            if block != os.read(descriptors[1], BLOCK):
                return False
            if not block:
                return True
    except OSError:
        return False
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


__all__ = (
    "COPIED",
    "Earlier",
    "LEFT",
    "LINKED",
    "TOLD",
    "Entry",
    "Keeper",
    "attributes_of",
    "copy_file",
    "entry_of",
    "same_content",
)
