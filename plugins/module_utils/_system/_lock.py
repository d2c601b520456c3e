# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The lock of a prefix: one change at a time, also among the hosts that share it over NFS where that can be."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import time
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._mounts import parse_mount_table

FILE_NAME = "lock"
_TICK = 0.1
_LIMIT = 4096
# With these options of a mount, NFS keeps a lock on this host only: nfs(5).
_LOCAL_ONLY = ("nolock", "local_lock=all", "local_lock=flock")


class Locked(Exception):
    """Somebody else holds the lock.

    :param holder: who, as far as they have said it: C(pid), C(host), C(what), C(since).
    """

    def __init__(self, path: str, seconds: float, holder: t.Dict[str, t.Any]) -> None:
        who = "process %s on %s has held it since %s (%s)" % tuple(
            holder.get(key, "?") for key in ("pid", "host", "since", "what")
        )
        super().__init__(
            "Another change is under way: the lock %s did not become free within %g s; %s. Wait for its end, or give"
            " lock_seconds more." % (path, seconds, who if holder else "nobody has said who holds it")
        )
        self.holder = holder


class PrefixLock:
    """The lock on an open directory of our own, to be used in a C(with) statement.

    It is held as long as any process keeps the descriptor open: hand C(descriptor) to a program that is started, and a
    program that outlives its starter still holds the lock.

    :param folder: the open directory that holds the lock file.
    :param path: its path, for messages.
    :param what: what is done under the lock, for those who wait.
    :param wait_seconds: how long to wait for it.
    """

    def __init__(self, folder: int, path: str, *, what: str, wait_seconds: float) -> None:
        self._folder = folder
        self.path = path + "/" + FILE_NAME
        self._what = what
        self._wait_seconds = wait_seconds
        self.descriptor = -1

    def __enter__(self) -> PrefixLock:
        """Wait for the lock; raises Locked or OSError."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(FILE_NAME, flags, 0o600, dir_fd=self._folder)
        limit = time.monotonic() + self._wait_seconds
        try:
            while not _taken(descriptor):
                if time.monotonic() >= limit:
                    raise Locked(self.path, self._wait_seconds, _holder(descriptor))
                time.sleep(_TICK)  # flock(2) cannot wait for a limited time
            _sign(descriptor, self._what)
        except BaseException:
            os.close(descriptor)
            raise
        self.descriptor = descriptor
        return self

    def __exit__(self, *unused: t.Any) -> None:
        os.ftruncate(self.descriptor, 0)
        os.close(self.descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES, errno.EAGAIN):
            return False
        raise
    return True


def _sign(descriptor: int, what: str) -> None:
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "what": what[:200], "since": since}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(holder).encode("ascii"), 0)


def _holder(descriptor: int) -> t.Dict[str, t.Any]:
    try:
        content = json.loads(os.pread(descriptor, _LIMIT, 0).decode("ascii"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def locks_on_this_host_only(path: str) -> bool:
    """Whether a lock below a path is not seen by the other hosts that share the file system."""
    try:
        with open("/proc/self/mountinfo", "rb") as stream:
            data = stream.read(_LIMIT * 1024)
    except OSError:
        return False
    mounts = parse_mount_table(data, below="/")
    while path not in mounts and path != "/":
        path = os.path.dirname(path)
    if path not in mounts or not mounts[path].type.startswith("nfs"):
        return False
    lines = [line for line in os.fsdecode(data).split("\n") if " - nfs" in line and " %s " % path in line]
    return any(option in line for line in lines for option in _LOCAL_ONLY)


__all__ = ("FILE_NAME", "Locked", "PrefixLock", "locks_on_this_host_only")
