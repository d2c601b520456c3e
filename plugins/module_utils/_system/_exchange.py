# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A small file in a directory of somebody: read without following links, and replaced in one step, as it was.

All is done from the open directory, so nobody who may write to a directory above can lead it elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._copy import attributes_of

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# An access control list and the label of SELinux must come along; what else there is may.
_ACCESS_CONTROL = "system.posix_acl_access"
_NEEDED = (_ACCESS_CONTROL, "security.selinux")


class Unfit(Exception):
    """What is there cannot be read or replaced; the text stands behind its path and "is not changed:"."""


class Found(t.NamedTuple):
    """The bytes of a file, and its status when they were read."""

    data: bytes
    status: os.stat_result


def find_file(folder: int, name: str, *, limit: int) -> t.Optional[Found]:
    """Read a regular file of an open directory; None where nothing has that name.

    :raises Unfit: it is something else, larger than the limit, or must not be read.
    """
    try:
        descriptor = os.open(name, _READ, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unfit(_what_is_there(folder, name, error)) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Unfit(_kind(status))
        data = b""
        while len(data) <= limit:
            part = os.read(descriptor, limit + 1 - len(data))
            if not part:
                return Found(data, status)
            data += part
        raise Unfit("it has more than the %d bytes that are read of such a file" % limit)
    except OSError as error:
        raise Unfit((error.strerror or str(error)).lower()) from error
    finally:
        os.close(descriptor)


def _what_is_there(folder: int, name: str, error: OSError) -> str:
    with contextlib.suppress(OSError):
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            return _kind(status)
    return (error.strerror or str(error)).lower()


def _kind(status: os.stat_result) -> str:
    if stat.S_ISLNK(status.st_mode):
        return "it is a symbolic link, which is not followed: name the file it leads to as path"
    kind = "directory" if stat.S_ISDIR(status.st_mode) else "FIFO" if stat.S_ISFIFO(status.st_mode) else "device"
    return "it is a %s, no file" % kind


def make_folder(above: int, name: str, mode: int) -> int:
    """Make a directory in an open one if it is not there, and open it; a link is no directory."""
    try:
        os.mkdir(name, 0o700, dir_fd=above)
        is_new = True
    except FileExistsError:
        is_new = False
    descriptor = os.open(name, _FOLDER, dir_fd=above)
    if is_new:
        os.fchmod(descriptor, mode)  # whatever the mask of the process is
    with _listable(above) as listable:
        os.fsync(listable)
    return descriptor


def open_again(folder: int) -> int:
    """A descriptor of one's own for an open directory."""
    return os.open(".", _FOLDER, dir_fd=folder)


def exchange(folder: int, name: str, data: bytes, *, like: t.Optional[Found], mode: int) -> None:
    """Put a file into an open directory in one step; one that was there gives it its mode, owner and attributes.

    :param like: what was there; None for a new file, which gets the mode.
    :raises Unfit: it has changed since it was read.
    :raises OSError: it could not be written as it was; nothing is changed then.
    """
    temporary = ".%s.labfleet-new" % name
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=folder)  # of a run that was cut off; there is one at a time, under the lock
    descriptor = os.open(temporary, _NEW, 0o600, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            if like is None:
                os.fchmod(stream.fileno(), mode)
            else:
                _resemble(folder, name, stream.fileno(), like.status)
            os.fsync(stream.fileno())
        _refuse_if_changed(folder, name, like)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    with _listable(folder) as listable:
        os.fsync(listable)


def keep_copy(folder: int, name: str, found: Found) -> str:
    """Write what a file holds beside it, under a name of the form that Ansible gives to copies."""
    copy = "%s.%d.%s~" % (name, os.getpid(), time.strftime("%Y-%m-%d@%H:%M:%S", time.localtime()))
    descriptor = os.open(copy, _NEW, 0o600, dir_fd=folder)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(found.data)
        stream.flush()
        _resemble(folder, name, stream.fileno(), found.status)
        os.fsync(stream.fileno())
    return copy


def _resemble(folder: int, name: str, descriptor: int, status: os.stat_result) -> None:
    own = os.fstat(descriptor)
    if (own.st_uid, own.st_gid) != (status.st_uid, status.st_gid):
        os.fchown(descriptor, status.st_uid if own.st_uid != status.st_uid else -1, status.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
    reading = os.open(name, _READ, dir_fd=folder)
    try:
        wanted, there = attributes_of(reading), attributes_of(descriptor)
    finally:
        os.close(reading)
    if _ACCESS_CONTROL in there and _ACCESS_CONTROL not in wanted:  # what the directory gives to new files
        os.removexattr(descriptor, _ACCESS_CONTROL)
        os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
    for attribute, value in wanted.items():
        if there.get(attribute) == value:
            continue
        try:
            os.setxattr(descriptor, attribute, value)
        except OSError:
            if attribute in _NEEDED:
                raise


def _refuse_if_changed(folder: int, name: str, like: t.Optional[Found]) -> None:
    """Somebody who does not heed our lock, such as conda config, may have written in between."""
    try:
        now: t.Optional[os.stat_result] = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        now = None
    facts = [status and (status.st_ino, status.st_size, status.st_mtime_ns) for status in (now, like and like.status)]
    if facts[0] != facts[1]:
        raise Unfit("somebody else has changed it in this very moment: run the task again")


@contextlib.contextmanager
def _listable(folder: int) -> t.Iterator[int]:
    # A descriptor that was opened only to pass through (O_PATH) cannot be flushed.
    descriptor = open_again(folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


__all__ = ("Found", "Unfit", "exchange", "find_file", "keep_copy", "make_folder", "open_again")
