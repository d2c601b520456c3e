# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Makes a tree one that only its owner can write to: from the top down, so that nobody can get in on the way."""

from __future__ import annotations

import contextlib
import os
import stat
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._copy import copy_file
from ansible_collections.labfleet.conda.plugins.module_utils._system._walk import Unseen, open_folder, walk

_OTHERS = 0o022
_DEFAULT_LIST = "system.posix_acl_default"
_NEW = ".labfleet-conda-new"


class Openness(t.NamedTuple):
    """What of a tree others can write to.

    :param open: the number of files and directories that others than the owner may write to.
    :param foreign: how many of what belongs to others each of them (by number) has; bytes is what those files take.
    :param unreadable: the number of files and directories that not everybody may read.
    """

    open: int
    foreign: t.Dict[int, int]
    bytes: int
    unreadable: int
    unseen: Unseen

    @property
    def is_closed(self) -> bool:
        """Whether there is nothing to do."""
        return not self.open and not self.foreign


def openness(top: int, *, skip: t.FrozenSet[str] = frozenset()) -> Openness:
    """Look who can write to an open directory and all below it.

    :param skip: names in the top directory that are passed over.
    """
    owner, unseen = os.fstat(top).st_uid, []  # type: int, Unseen
    opened = size = unreadable = 0
    foreign: t.Dict[int, int] = {}
    for visit in walk(top, unseen=unseen, skip=skip):
        found = [(status, False) for _name, status in visit.children if not stat.S_ISDIR(status.st_mode)]
        for status, is_folder in [(visit.status, True), *found]:
            if stat.S_ISLNK(status.st_mode):
                continue
            is_open = bool(status.st_mode & _OTHERS) or (is_folder and _has_default_list(visit.descriptor))
            opened += is_open
            unreadable += not status.st_mode & 0o004
            if status.st_uid != owner:
                foreign[status.st_uid] = foreign.get(status.st_uid, 0) + 1
                size += 0 if is_folder else status.st_blocks * 512
    return Openness(opened, foreign, size, unreadable, unseen)


def close_off(top: int, *, gid: int, skip: t.FrozenSet[str] = frozenset()) -> None:
    """Let nobody but its owner write to an open directory and all below it.

    A file that belongs to somebody else is exchanged for a copy: whoever has it open, or a name of it elsewhere, could
    still write to the old one. No right to read is given or taken.

    :param gid: the group of what has to be taken over.
    """
    _close(top, os.fstat(top).st_uid, gid, skip)


def _close(folder: int, owner: int, gid: int, skip: t.FrozenSet[str]) -> None:
    status = os.fstat(folder)
    if status.st_uid != owner:
        os.fchown(folder, owner, gid)
    if status.st_mode & _OTHERS:
        os.fchmod(folder, stat.S_IMODE(status.st_mode) & ~_OTHERS)
    with contextlib.suppress(OSError, AttributeError):
        os.removexattr(folder, _DEFAULT_LIST)
    for name in os.listdir(folder):
        if name in skip:
            continue
        if name == _NEW:  # of a run that was cut off
            os.unlink(name, dir_fd=folder)
            continue
        child = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISDIR(child.st_mode):
            below = open_folder(name, at=folder)
            try:
                if os.fstat(below).st_dev == status.st_dev:
                    _close(below, owner, gid, frozenset())
            finally:
                os.close(below)
        elif stat.S_ISREG(child.st_mode) and child.st_uid != owner:
            _take_over(folder, name)
        elif stat.S_ISREG(child.st_mode) and child.st_mode & _OTHERS:
            _close_file(folder, name, child)


def _take_over(folder: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_NEW, dir_fd=folder)
    status, _cloned = copy_file(name, folder, _NEW, folder, clone=True)
    descriptor = os.open(_NEW, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.fchmod(descriptor, stat.S_IMODE(status.st_mode) & 0o777 & ~_OTHERS)
    finally:
        os.close(descriptor)
    os.rename(_NEW, name, src_dir_fd=folder, dst_dir_fd=folder)


def _close_file(folder: int, name: str, seen: os.stat_result) -> None:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    descriptor = os.open(name, flags, dir_fd=folder)
    try:
        status = os.fstat(descriptor)
        if (status.st_ino, status.st_uid) == (seen.st_ino, seen.st_uid) and stat.S_ISREG(status.st_mode):
            os.fchmod(descriptor, stat.S_IMODE(status.st_mode) & ~_OTHERS)
    finally:
        os.close(descriptor)


def _has_default_list(folder: int) -> bool:
    try:
        return bool(os.getxattr(folder, _DEFAULT_LIST))
    except (OSError, AttributeError):
        return False


__all__ = ("Openness", "close_off", "openness")
