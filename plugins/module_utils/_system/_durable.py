# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Files that are whole or not there, whatever happens: written under a temporary name, flushed, then renamed."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
import typing as t

try:
    import ctypes
except ImportError:  # some builds of Python lack it
    ctypes = None  # type: ignore[assignment]

from ansible_collections.labfleet.conda.plugins.module_utils._system._walk import OPEN_FOLDER

PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class NotOurs(Exception):
    """A directory for our own use belongs to somebody else; the text is a sentence."""


def sync_file_system(descriptor: int) -> None:
    """Have the kernel write all that the file system of an open file still holds in memory.

    One such call is much quicker than flushing thousands of small files one by one.
    """
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if library.syncfs(descriptor) == 0:
            return
    except (OSError, AttributeError):  # no ctypes, or no syncfs (macOS)
        pass
    os.sync()


def write_durably(folder: int, name: str, data: bytes, *, mode: int = PRIVATE_FILE) -> None:
    """Put a file into an open directory in one step: afterwards, even after a power cut, it is the old or the new one.

    :param mode: its permissions, whatever the mask of the process is.
    :raises OSError: it could not be written; the old one is still there then.
    """
    temporary = ".%s.new" % name
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(temporary, flags, PRIVATE_FILE, dir_fd=folder), "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fchmod(stream.fileno(), mode)
        os.fsync(stream.fileno())
    os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    os.fsync(folder)


def create(folder: int, name: str) -> t.BinaryIO:
    """A new file, or an emptied old one, that only its owner may read."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(name, flags, PRIVATE_FILE, dir_fd=folder), "wb")


def read_file(folder: int, name: str, *, limit: int) -> bytes:
    """Read a file of an open directory that is no link; raises OSError, also when it has more bytes than the limit."""
    with os.fdopen(os.open(name, _READ, dir_fd=folder), "rb") as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise OSError(None, "it has more bytes than the limit of %d" % limit)
    return data


def private_folder(name: str, *, at: t.Optional[int] = None, make: bool = True) -> int:
    """Open a directory that is ours alone, made if it is not there.

    :raises NotOurs: it belongs to another user, who could have put anything into it.
    :raises OSError: it could not be made or opened, or is a link.
    """
    if make:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, PRIVATE_FOLDER, dir_fd=at)
    descriptor = os.open(name, OPEN_FOLDER, dir_fd=at)
    status = os.fstat(descriptor)
    if status.st_uid != os.geteuid():
        os.close(descriptor)
        message = (
            "%s belongs to the user number %d, not to the one who works here (%d): remove it, or become its owner."
        )
        raise NotOurs(message % (name, status.st_uid, os.geteuid()))
    if status.st_mode & 0o077:
        os.fchmod(descriptor, PRIVATE_FOLDER)
    return descriptor


@contextlib.contextmanager
def temporary_folder() -> t.Iterator[str]:
    """A directory for our own use outside of any prefix, which is gone afterwards.

    What C(TMPDIR) names can be a directory of the user that started us, and closed to the one who we are now.

    :raises OSError: there is no place for one.
    """
    error: t.Optional[OSError] = None
    for place in (os.environ.get("TMPDIR"), "/tmp", "/var/tmp"):
        try:
            path = tempfile.mkdtemp(prefix="labfleet-conda-", dir=place) if place else None
        except OSError as failure:
            error = failure
            continue
        if path is not None:
            break
    else:
        raise t.cast(OSError, error)
    parent, name = os.path.split(path)
    above = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield path
    finally:
        try:
            remove_tree(above, name)
        finally:
            os.close(above)


def names_in(folder: int) -> t.List[str]:
    """The names in an open directory, sorted."""
    return sorted(os.listdir(folder))


def remove_file(folder: int, name: str) -> None:
    """Remove a file if it is there, durably."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
        os.fsync(folder)


def remove_tree(folder: int, name: str) -> None:
    """Remove a directory of our own with all that is in it; links are not followed, and what is gone is no error.

    :raises OSError: a part could not be removed, or another file system is mounted there, of which nothing is removed.
    """
    try:
        descriptor = os.open(name, OPEN_FOLDER, dir_fd=folder)
    except FileNotFoundError:
        return
    except NotADirectoryError:
        os.unlink(name, dir_fd=folder)
        return
    try:
        status = os.fstat(descriptor)
        if status.st_dev != os.fstat(folder).st_dev:
            raise OSError(errno.EXDEV, "something else is mounted there", name)
        mode = status.st_mode
        if mode & PRIVATE_FOLDER != PRIVATE_FOLDER:
            os.fchmod(descriptor, PRIVATE_FOLDER)  # packages bring directories that are protected from their owner
        with os.scandir(descriptor) as entries:
            children = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for child, is_folder in children:
            if is_folder:
                remove_tree(descriptor, child)
            else:
                os.unlink(child, dir_fd=descriptor)
    finally:
        os.close(descriptor)
    os.rmdir(name, dir_fd=folder)


def close(*descriptors: int) -> None:
    """Close descriptors."""
    for descriptor in descriptors:
        os.close(descriptor)


__all__ = (
    "NotOurs",
    "close",
    "create",
    "names_in",
    "private_folder",
    "read_file",
    "remove_file",
    "remove_tree",
    "sync_file_system",
    "temporary_folder",
    "write_durably",
)
