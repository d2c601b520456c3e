# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Removes things from a package cache so that conda never sees half a package: set aside by a rename, then deleted."""

from __future__ import annotations

import errno
import os
import stat
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import close, private_folder, remove_tree
from ansible_collections.labfleet.conda.plugins.module_utils._system._measure_links import links_below
from ansible_collections.labfleet.conda.plugins.module_utils._system._walk import open_folder

NAME = "trash"
Identity = t.Tuple[int, int]


class Changed(OSError):
    """What was to be removed is not what it was when that was decided."""


class Trash:
    """The place that things are set aside in, in the directory of our own of a cache.

    :param cache: the open directory of the cache; state is that of our own in it.
    """

    def __init__(self, cache: int, state: int) -> None:
        self._cache, self._state = cache, state
        self._folder = -1
        self._taken: t.List[str] = []

    def __enter__(self) -> Trash:
        remove_tree(self._state, NAME)
        self._folder = private_folder(NAME, at=self._state)
        return self

    def __exit__(self, *unused: t.Any) -> None:
        close(self._folder)

    def take(self, name: str, identity: Identity) -> None:
        """Set a package aside.

        :param name: its path in the cache.
        :param identity: device and inode that it had when its removal was decided.
        :raises Changed: it is another, or somebody has linked to it since.
        :raises OSError: it cannot be set aside; EXDEV for one that lies in a lower layer of an image.
        """
        parent, last = self._parent(name)
        try:
            self._check(parent, last, identity)
            os.rename(last, str(len(self._taken)), src_dir_fd=parent, dst_dir_fd=self._folder)
        finally:
            close(parent)
        self._taken.append(name)

    def linked_meanwhile(self) -> t.List[str]:
        """What of all that was set aside has got links from outside since."""
        return [name for number, name in enumerate(self._taken) if _has_links(self._folder, str(number))]

    def put_back(self, names: t.Container[str]) -> None:
        """Put things back where they were, unless there is a new one by now."""
        for number, name in enumerate(self._taken):
            if name not in names:
                continue
            parent, last = self._parent(name)
            try:
                os.rename(str(number), last, src_dir_fd=self._folder, dst_dir_fd=parent)
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
            finally:
                close(parent)

    def delete(self, name: str, identity: Identity) -> None:
        """Remove a file at once; raises as take() does."""
        parent, last = self._parent(name)
        try:
            self._check(parent, last, identity)
            os.unlink(last, dir_fd=parent)
        finally:
            close(parent)

    def empty(self) -> None:
        """Delete all that was set aside."""
        remove_tree(self._state, NAME)

    def _parent(self, name: str) -> t.Tuple[int, str]:
        """The open directory that something lies in, reached without following a link."""
        folder = os.dup(self._cache)
        *above, last = name.split("/")
        for part in above:
            below = open_folder(part, at=folder)
            close(folder)
            folder = below
        return folder, last

    @staticmethod
    def _check(parent: int, name: str, identity: Identity) -> None:
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if (status.st_dev, status.st_ino) != identity:
            raise Changed(errno.EAGAIN, "it was exchanged meanwhile", name)
        if stat.S_ISDIR(status.st_mode) and _has_links(parent, name):
            raise Changed(errno.EAGAIN, "somebody has linked to it meanwhile", name)


def _has_links(parent: int, name: str) -> bool:
    folder = open_folder(name, at=parent)
    try:
        return any(names < in_all for names, in_all, _size in links_below(folder).values())
    finally:
        close(folder)


def delete_files_in(folder: int) -> t.List[str]:
    """Remove the files in an open directory, not the directories in it; returns the names of those that are gone."""
    gone = []
    for name in sorted(os.listdir(folder)):
        if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            os.unlink(name, dir_fd=folder)
            gone.append(name)
    return gone


__all__ = ("Changed", "Trash", "delete_files_in")
