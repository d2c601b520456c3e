# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The locks that conda and mamba have in a package cache: whether one is held, and mamba's own to hold."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
import typing as t

# conda up to 4.2: FILE.pidNUMBER.conda_lock, which a crash leaves behind.
_OLD_LOCK = re.compile(r"\.pid([0-9]{1,10})\.conda_lock\Z")
_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_TAKEN = (errno.EACCES, errno.EAGAIN)
# mamba locks files of its own, conda since 23.9 the state of each cached index and, since 26, downloads.
_MAY_BE_LOCKED = (".lock", ".info.json", ".partial")


def held_locks(cache: int, *, own: t.Container[str] = ()) -> t.List[str]:
    """The files of a package cache that a running conda or mamba holds locked.

    :param cache: the open directory of the cache.
    :param own: names of those that this process holds, which closing them again would give up.
    """
    found = []
    for folder in (".", "cache"):
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=cache)
        except OSError:
            continue
        try:
            for name in sorted(os.listdir(descriptor)):
                if name not in own and _is_held(descriptor, name):
                    found.append(name if folder == "." else folder + "/" + name)
        finally:
            os.close(descriptor)
    return found


def _is_held(folder: int, name: str) -> bool:
    old = _OLD_LOCK.search(name)
    if old is not None:
        return os.path.isdir("/proc/" + old.group(1))
    if not name.endswith(_MAY_BE_LOCKED):
        return False
    try:
        descriptor = os.open(name, _FLAGS, dir_fd=folder)
    except OSError:
        return False
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode) and not _take(descriptor)
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> bool:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError as error:
        return error.errno not in _TAKEN


class MambaLock:
    """The lock that mamba has on a cache, to be held in a C(with) statement: a mamba that starts then waits.

    :param cache: the open directory of the cache; path is its path.
    :raises BlockingIOError: a mamba holds it.
    """

    def __init__(self, cache: int, path: str) -> None:
        self._cache, self.name = cache, os.path.basename(path) + ".lock"
        self._descriptor, self._made = -1, False

    def __enter__(self) -> MambaLock:
        try:
            self._descriptor = os.open(self.name, _FLAGS | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=self._cache)
            self._made = True
        except OSError:
            try:
                self._descriptor = os.open(self.name, _FLAGS, dir_fd=self._cache)
            except OSError:  # it is no file that this user may write: then no mamba of this user's works here
                return self
        if not _take(self._descriptor):
            os.close(self._descriptor)
            raise BlockingIOError(errno.EAGAIN, "a mamba is at work", self.name)
        return self

    def __exit__(self, *unused: t.Any) -> None:
        # mamba writes its number into its own: an empty one was left by a run of ours that was cut off.
        if self._made or (self._descriptor >= 0 and os.fstat(self._descriptor).st_size == 0):
            with contextlib.suppress(OSError):
                os.unlink(self.name, dir_fd=self._cache)
        if self._descriptor >= 0:
            os.close(self._descriptor)


__all__ = ("MambaLock", "held_locks")
