# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Walks the directories of one prefix, parents first, without ever entering another file system."""

from __future__ import annotations

import os
import stat
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._mounts import parse_mount_table

OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
MAX_MOUNT_TABLE = 16 * 1024 * 1024
_PLAIN_TYPES = ("ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs")
_KINDS = {
    stat.S_IFREG: "f",
    stat.S_IFDIR: "d",
    stat.S_IFLNK: "l",
    stat.S_IFIFO: "p",
    stat.S_IFSOCK: "s",
    stat.S_IFCHR: "c",
    stat.S_IFBLK: "b",
}

Child = t.Tuple[str, os.stat_result]
Unseen = t.List[t.Tuple[str, str]]


class Visit(t.NamedTuple):
    """One directory: its path from the top, open while it is being visited, and name and status of its children."""

    path: str
    descriptor: int
    status: os.stat_result
    children: t.List[Child]


def kind_of(status: os.stat_result) -> str:
    """One letter for the kind: C(f) file, C(d) directory, C(l) symbolic link, C(p) FIFO, C(s) socket, C(c), C(b)."""
    return _KINDS.get(stat.S_IFMT(status.st_mode), "?")


def open_folder(path: str, *, at: t.Optional[int] = None) -> int:
    """Open a directory, which is no link, for listing and for reaching what is in it."""
    return os.open(path or ".", OPEN_FOLDER, dir_fd=at)


def walk(
    top: int, *, unseen: Unseen, skip: t.FrozenSet[str] = frozenset(), mounts: t.FrozenSet[str] = frozenset()
) -> t.Iterator[Visit]:
    """Visit a directory and all below it.

    :param top: the open directory.
    :param unseen: takes path and reason of what is not entered.
    :param skip: names in the top directory that are passed over without a word.
    :param mounts: paths on which something is mounted.
    """
    device = os.fstat(top).st_dev
    pending = [""]
    while pending:
        path = pending.pop()
        try:
            descriptor = open_folder(path, at=top)
        except OSError as error:
            unseen.append((path, (error.strerror or str(error)).lower()))
            continue
        try:
            status = os.fstat(descriptor)
            if status.st_dev != device or path in mounts:
                unseen.append((path, "something else is mounted there"))
                continue
            children = _children(descriptor, path, unseen, mounts)
            if not path and skip:
                children = [child for child in children if child[0] not in skip]
            below = path + "/" if path else ""
            pending += [below + name for name, child in children if stat.S_ISDIR(child.st_mode)]
            yield Visit(path, descriptor, status, children)
        finally:
            os.close(descriptor)


def _children(descriptor: int, path: str, unseen: Unseen, mounts: t.FrozenSet[str]) -> t.List[Child]:
    found: t.List[Child] = []
    with os.scandir(descriptor) as entries:
        for entry in entries:
            try:
                found.append((entry.name, entry.stat(follow_symlinks=False)))
            except FileNotFoundError:  # it went while we looked
                continue
    if mounts:
        below = path + "/" if path else ""
        mounted = {name for name, status in found if below + name in mounts and not stat.S_ISDIR(status.st_mode)}
        unseen += [(below + name, "something else is mounted there") for name in sorted(mounted)]
        found = [child for child in found if child[0] not in mounted]
    return found


def keeps_inodes(path: str) -> bool:
    """Whether a file keeps its inode number when a link to it is made: on overlayfs it may not, and who knows where."""
    try:
        with open("/proc/self/mountinfo", "rb") as stream:
            table = parse_mount_table(stream.read(MAX_MOUNT_TABLE))
    except OSError:
        return False
    path = os.path.realpath(path)
    while path not in table and path != "/":
        path = os.path.dirname(path)
    return path in table and table[path].type in _PLAIN_TYPES


def mounts_below(top: str) -> t.FrozenSet[str]:
    """The paths below a directory, as seen from it, on which something is mounted (Linux; elsewhere none is told)."""
    try:
        with open("/proc/self/mountinfo", "rb") as stream:
            table = parse_mount_table(stream.read(MAX_MOUNT_TABLE), below=os.path.realpath(top))
    except OSError:
        return frozenset()
    return frozenset(path.lstrip("/") for path in table)


__all__ = ("Child", "Unseen", "Visit", "keeps_inodes", "kind_of", "mounts_below", "open_folder", "walk")
