# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Copies a tree to another file system, proves that nothing is missing, and puts a link into its place in one step."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._copy import LEFT, TOLD, Keeper, same_content
from ansible_collections.labfleet.conda.plugins.module_utils._system._walk import Unseen, kind_of, open_folder, walk

try:
    import ctypes
except ImportError:  # some builds of Python lack it
    ctypes = None  # type: ignore[assignment]

_EXCHANGE = 2  # RENAME_EXCHANGE, rename(2)
_NO_LIMIT = 1 << 62
# What each file of a tree looks like, by its path: kind, permissions, size, time of its last change.
Fingerprint = t.Dict[str, t.Tuple[str, int, int, int]]


class NotTheSame(OSError):
    """A copy that is not what it was made from, or that could not be made whole."""


def fingerprint(top: int, *, skip: t.FrozenSet[str] = frozenset()) -> Fingerprint:
    """What is in a tree now.

    :param skip: names in the top directory that are passed over.
    :raises NotTheSame: a part of it cannot be looked at.
    """
    found: Fingerprint = {}
    unseen: Unseen = []
    for visit in walk(top, unseen=unseen, skip=skip):
        for name, status in visit.children:
            kind = kind_of(status)
            size, time = (0, 0) if kind == "d" else (status.st_size, status.st_mtime_ns)
            found[_join(visit.path, name)] = (kind, stat.S_IMODE(status.st_mode), size, time if kind == "f" else 0)
    if unseen:
        raise NotTheSame(errno.EIO, unseen[0][1], unseen[0][0])
    return found


def copy_tree(source: int, target: int, *, skip: t.FrozenSet[str]) -> None:
    """Copy all that is in one open directory into another, which is empty but for what is passed over.

    Files that have several names in the tree have them in the copy too.

    :raises NotTheSame: something could not be copied.
    """
    keeper, unseen = Keeper(target, limit=_NO_LIMIT), []  # type: Keeper, Unseen
    folders: t.List[t.Tuple[str, os.stat_result]] = []
    for visit in walk(source, unseen=unseen, skip=skip):
        for entry in keeper.keep(visit, linked=set(), owned=set()):
            if entry.how == TOLD:
                os.symlink(str(entry.extra), _join(visit.path, entry.name), dir_fd=target)
            elif entry.how == LEFT:
                unseen += keeper.troubles
        folders.append((visit.path, visit.status))
    if unseen:
        raise NotTheSame(errno.EIO, unseen[0][1], unseen[0][0])
    for path, status in reversed(folders):
        folder = open_folder(path, at=target)
        try:
            os.fchmod(folder, stat.S_IMODE(status.st_mode))
            os.utime(folder, ns=(status.st_atime_ns, status.st_mtime_ns))
        finally:
            os.close(folder)


def compare_trees(source: int, target: int, *, skip: t.FrozenSet[str]) -> Fingerprint:
    """See that a tree and its copy are the same, byte for byte.

    :returns: what the tree looked like.
    :raises NotTheSame: they are not.
    """
    before = fingerprint(source, skip=skip)
    after = fingerprint(target, skip=skip)
    different = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
    if different:
        raise NotTheSame(errno.EIO, "it was changed while it was copied", different[0])
    for path, (kind, _mode, _size, _time) in before.items():
        folder, _slash, name = path.rpartition("/")
        if kind == "l" and os.readlink(path, dir_fd=source) != os.readlink(path, dir_fd=target):
            raise NotTheSame(errno.EIO, "its copy leads elsewhere", path)
        if kind == "f":
            one, other = open_folder(folder, at=source), open_folder(folder, at=target)
            try:
                if not same_content(name, one, other):
                    raise NotTheSame(errno.EIO, "its copy has not the same content", path)
            finally:
                os.close(one)
                os.close(other)
    return before


def exchange(one: str, other: str, folder: int) -> None:
    """Let two names in an open directory change places, in one step where the file system can.

    :raises OSError: it could not be done.
    """
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if library.renameat2(folder, os.fsencode(one), folder, os.fsencode(other), _EXCHANGE) == 0:
            os.fsync(folder)
            return
        number = ctypes.get_errno()
        if number not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
            raise OSError(number, os.strerror(number), other)
    except AttributeError:  # no ctypes, or a C library from before 2018
        pass
    between = other + ".between"
    os.rename(other, between, src_dir_fd=folder, dst_dir_fd=folder)
    try:
        os.rename(one, other, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        os.rename(between, other, src_dir_fd=folder, dst_dir_fd=folder)
        raise
    os.rename(between, one, src_dir_fd=folder, dst_dir_fd=folder)
    os.fsync(folder)


def make_folder(folder: int, name: str) -> None:
    """Make a directory in an open one that only its owner may enter."""
    os.mkdir(name, 0o700, dir_fd=folder)


def make_link(target: str, name: str, folder: int) -> None:
    """Make a symbolic link in an open directory; one of that name that is there already goes first."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
    os.symlink(target, name, dir_fd=folder)


def link_target(path: str) -> t.Optional[str]:
    """Where a symbolic link leads; None for what is none, or not there."""
    try:
        return os.readlink(path)
    except OSError:
        return None


def rename_in(folder: int, old: str, new: str) -> None:
    """Give something in an open directory another name that is free, durably."""
    os.rename(old, new, src_dir_fd=folder, dst_dir_fd=folder)
    os.fsync(folder)


def unwritable(paths: t.Iterable[str]) -> t.List[str]:
    """Those of some directories in which this process may not make anything."""
    return [path for path in paths if not os.access(path, os.W_OK | os.X_OK)]


def remove_link(name: str, folder: int) -> None:
    """Remove a symbolic link, if it is one."""
    try:
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        pass


def _join(folder: str, name: str) -> str:
    return folder + "/" + name if folder else name


__all__ = (
    "NotTheSame",
    "compare_trees",
    "copy_tree",
    "exchange",
    "fingerprint",
    "link_target",
    "make_folder",
    "make_link",
    "remove_link",
    "rename_in",
    "unwritable",
)
