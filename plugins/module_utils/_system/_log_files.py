# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A directory that nobody else can write to, and files in it that only grow."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._actor import is_private_group, user_name

MAX_LINKS = 40
LOCK_SECONDS = 30.0
_BLOCK = 1024 * 1024
_PAUSE = 0.005
_FIRST_USER_GROUP = 1000
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Refused(Exception):
    """A place that must not be used.

    :param path: where.
    :param reason: why, as the second half of a sentence.
    :param errno: the number of the operating system's error, if one is the reason.
    """

    def __init__(self, path: str, reason: str, errno: t.Optional[int] = None) -> None:
        super().__init__("%s: %s" % (path, reason))
        self.path = path
        self.reason = reason
        self.errno = errno


@contextlib.contextmanager
def trouble_at(path: str) -> t.Iterator[None]:
    """Turn errors of the operating system into Refused."""
    try:
        yield
    except OSError as error:
        raise Refused(path, (error.strerror or str(error)).lower(), error.errno) from error


class LogDirectory:
    """An open directory, to be used in a C(with) statement.

    :ivar path: its path.
    """

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def __enter__(self) -> LogDirectory:
        return self

    def __exit__(self, *unused: t.Any) -> None:
        os.close(self._descriptor)

    @classmethod
    def to_write(cls, path: str, *, shared: bool = False) -> LogDirectory:
        """Open a directory that only this process's user and root can change, and so the way to it; make it if need be.

        :param shared: a group of the system may write to it too, as to C(/var/log) of Ubuntu: a file that it puts
            there is refused, and one that it takes away is missed.
        :raises Refused: others can exchange or write to it, it is a link, or it cannot be made.
        """
        for _unused in range(MAX_LINKS):
            found = _walk(path, shared)
            if isinstance(found, int):
                return cls(path, found)
            path = found
        raise Refused(path, "more than %d symbolic links are in its path" % MAX_LINKS)

    @classmethod
    def to_read(cls, path: str) -> LogDirectory:
        """Open a directory; raises Refused where that fails."""
        with trouble_at(path):
            return cls(path, os.open(path, _DIRECTORY))

    def join(self, name: str) -> str:
        return os.path.join(self.path, name)

    def names(self) -> t.List[str]:
        """The names of the children, sorted."""
        with trouble_at(self.path):
            return sorted(os.listdir(self._descriptor))

    def status(self, name: str = "") -> t.Optional[os.stat_result]:
        """The status of a child, a link not followed, or of the directory itself; None where there is none."""
        with trouble_at(self.join(name)):
            try:
                if not name:
                    return os.fstat(self._descriptor)
                return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
            except FileNotFoundError:
                return None

    def is_same(self, name: str, other: str) -> bool:
        """Whether two names are there and stand for one file."""
        one, two = self.status(name), self.status(other)
        return one is not None and two is not None and os.path.samestat(one, two)

    def open(self, name: str, *, write: bool = False, create: t.Optional[int] = None) -> LogFile:
        """Open a child that is a regular file.

        :param name: its name.
        :param write: to append to it; then others must not be able to write to it.
        :param create: make it with these permissions where it is missing.
        :raises Refused: it is missing, no regular file, or others can write to it.
        """
        path = self.join(name)
        status = self.status(name)
        flags = (os.O_RDWR if write else os.O_RDONLY) | _FILE
        if status is None:
            if create is None:
                raise Refused(path, "there is no such file", errno.ENOENT)
            with trouble_at(path):
                made = os.open(name, flags | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=self._descriptor)
                os.fchmod(made, create)
            self.sync()
            return LogFile(path, made)
        if not stat.S_ISREG(status.st_mode):
            raise Refused(path, "it is %s, a regular file was expected" % _kind(status))
        if write and others_can_write(status):
            raise Refused(path, _WRITABLE % (user_name(status.st_uid), stat.S_IMODE(status.st_mode)))
        with trouble_at(path):
            opened = LogFile(path, os.open(name, flags, dir_fd=self._descriptor))
        if not os.path.samestat(opened.status(), status):
            opened.close()
            raise Refused(path, "it was exchanged while it was being opened")
        return opened

    @contextlib.contextmanager
    def locked(self, name: str, *, shared: bool = False, seconds: float = LOCK_SECONDS) -> t.Iterator[None]:
        """Hold the lock of this name; shared, it must be there already.

        :raises Refused: the lock was not free for so many seconds, or cannot be used.
        """
        with self.open(name, write=True, create=None if shared else 0o600) as file:
            end = time.monotonic() + seconds
            while not file.lock(shared=shared):
                if time.monotonic() > end:
                    raise Refused(file.path, "another run has held this lock for %g seconds" % seconds)
                time.sleep(_PAUSE)
            yield

    def write_new(self, name: str, data: bytes, *, mode: int) -> None:
        """Write a file that is not there yet, durably; one of this name that holds the same is left as it is."""
        with trouble_at(self.join(name)):
            try:
                descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE, 0o600, dir_fd=self._descriptor)
            except FileExistsError:
                with self.open(name) as there:
                    if there.read(0, len(data) + 1) == data:
                        return
                os.unlink(name, dir_fd=self._descriptor)  # half written by a run that was killed
                self.write_new(name, data, mode=mode)
                return
            with LogFile(self.join(name), descriptor) as file:
                os.fchmod(descriptor, mode)
                file.append(data)
        self.sync()

    def keep_as(self, name: str, kept: str) -> None:
        """Give a file a second name; a file that has this name already is never replaced."""
        with trouble_at(self.join(kept)):
            os.link(name, kept, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor, follow_symlinks=False)
        self.sync()

    def replace(self, name: str, new: str) -> None:
        """Put a new file in the place of one, at once."""
        with trouble_at(self.join(name)):
            os.rename(new, name, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
        self.sync()

    def remove(self, name: str) -> None:
        """Remove a file; that it is gone is no error."""
        with trouble_at(self.join(name)), contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._descriptor)
        self.sync()

    def sync(self) -> None:
        """Make what was made, renamed and removed here durable."""
        with trouble_at(self.path):
            os.fsync(self._descriptor)


class LogFile:
    """An open file, to be used in a C(with) statement."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def __enter__(self) -> LogFile:
        return self

    def __exit__(self, *unused: t.Any) -> None:
        self.close()

    def close(self) -> None:
        os.close(self._descriptor)

    def status(self) -> os.stat_result:
        return os.fstat(self._descriptor)

    @property
    def size(self) -> int:
        return self.status().st_size

    def lock(self, *, shared: bool) -> bool:
        """Whether the lock on this file could be taken at once; it is held until the file is closed."""
        with trouble_at(self.path):
            try:
                fcntl.flock(self._descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    def read(self, offset: int, size: int) -> bytes:
        """So many bytes from an offset on, fewer at the end."""
        parts = []
        with trouble_at(self.path):
            while size > 0:
                part = os.pread(self._descriptor, min(size, _BLOCK), offset)
                if not part:
                    break
                parts.append(part)
                offset, size = offset + len(part), size - len(part)
        return b"".join(parts)

    def append(self, data: bytes, *, offset: t.Optional[int] = None) -> None:
        """Write at the end, or in the place of all from an offset on, durably; after an error the size is as before."""
        before = self.size
        at = before if offset is None else offset
        with trouble_at(self.path):
            try:
                done = 0
                while done < len(data):
                    done += os.pwrite(self._descriptor, data[done:], at + done)
                if at + done < before:
                    os.ftruncate(self._descriptor, at + done)
                os.fsync(self._descriptor)
            except OSError:
                if offset is None:
                    os.ftruncate(self._descriptor, before)
                raise

    def lines(self, *, size: int, limit: int) -> t.Iterator[t.Tuple[bytes, bool]]:
        """The lines of the first bytes, and whether each has an end; of one above the limit, only so much is given."""
        offset, rest, skipping = 0, b"", False
        while offset < size:
            block = self.read(offset, min(_BLOCK, size - offset))
            if not block:
                break
            offset += len(block)
            parts = (rest + block).split(b"\n")
            rest = parts.pop()
            for part in parts:
                if not skipping:
                    yield part[:limit], True
                skipping = False
            if len(rest) > limit:
                if not skipping:
                    yield rest[:limit], True
                rest, skipping = b"", True
        if rest and not skipping:
            yield rest, False


def others_can_write(status: os.stat_result, *, owner: t.Optional[int] = None) -> bool:
    """Whether others than root and the owner, by default this process's user, can write to what has this status."""
    mode = status.st_mode
    if status.st_uid not in (0, os.geteuid() if owner is None else owner) or mode & 0o002:
        return True
    return bool(mode & 0o020) and not is_private_group(status.st_gid)


_WRITABLE = "others can write to it, or it is theirs (it belongs to %s and has the mode %04o)"


def _kind(status: os.stat_result) -> str:
    kinds = {stat.S_IFIFO: "a FIFO", stat.S_IFLNK: "a symbolic link", stat.S_IFDIR: "a directory"}
    return kinds.get(stat.S_IFMT(status.st_mode), "a device or a socket")


def _walk(path: str, shared: bool) -> t.Union[int, str]:
    """Open a directory name by name; where a link is on the way, the path that it amounts to.

    No name on the way can be exchanged by others, so a link is one that root or this process's user has set.
    """
    names = [name for name in os.path.normpath(path).split("/") if name]
    here = os.open("/", _DIRECTORY)
    try:
        for index, name in enumerate(names):
            full, last = "/" + "/".join(names[: index + 1]), index == len(names) - 1
            with trouble_at(full):
                status = _status_or_make(here, name)
            if stat.S_ISLNK(status.st_mode):
                if last or status.st_uid not in (0, os.geteuid()):
                    raise Refused(full, "it is a symbolic link of %s" % user_name(status.st_uid))
                target = os.path.join(os.path.dirname(full), os.readlink(name, dir_fd=here))
                return os.path.join(target, *names[index + 1 :])
            with trouble_at(full):
                below = os.open(name, _DIRECTORY, dir_fd=here)
            os.close(here)
            here = below
            status = os.fstat(here)
            if others_can_write(status) and ((last and not shared) or not _is_usual_above(status)):
                raise Refused(full, _WRITABLE % (user_name(status.st_uid), stat.S_IMODE(status.st_mode)))
        return os.dup(here)
    finally:
        os.close(here)


def _is_usual_above(status: os.stat_result) -> bool:
    """Whether others who can write to a directory above cannot do much there.

    In a sticky one they cannot exchange our names. What a group of the system may (C(/var/log) of Ubuntu belongs to
    that of syslog) is to move our directory away: it is missed then, and only one of our own can take its place.
    """
    if status.st_uid not in (0, os.geteuid()):
        return False
    return bool(status.st_mode & stat.S_ISVTX) or (status.st_gid < _FIRST_USER_GROUP and not status.st_mode & 0o002)


def _status_or_make(parent: int, name: str) -> os.stat_result:
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        with contextlib.suppress(FileExistsError):  # made by another run in this moment
            os.mkdir(name, 0o750 if os.geteuid() == 0 else 0o700, dir_fd=parent)
        os.fsync(parent)
        return os.stat(name, dir_fd=parent, follow_symlinks=False)


__all__ = ("LOCK_SECONDS", "LogDirectory", "LogFile", "Refused", "others_can_write", "trouble_at")
