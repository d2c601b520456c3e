# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One open directory, whose children are reached by name from it.

Nobody can swap a directory for a link between a check and its use: what is read is reached from an open
descriptor, one name at a time, and links are resolved by us, inside the root.
"""

from __future__ import annotations

import errno
import itertools
import os
import stat
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import (
    Absent,
    Unreadable,
    trouble,
)

if t.TYPE_CHECKING:
    from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

MAX_ENTRIES = 50000
MAX_FILE_BYTES = 16 * 1024 * 1024

# With O_PATH (Linux) a directory can be passed through by who may not list it.
OPEN_DIRECTORY = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_EXECUTE, _READABLE = 1, 4
_NOT_THEIRS = "a symbolic link of user %s leads here, who may not %s it"
_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a directory",
    stat.S_IFLNK: "a symbolic link",
}
_T = t.TypeVar("_T")


class Directory:
    """An open directory, to be used in a C(with) statement.

    :param root: the root it was reached from.
    :param descriptor: an open descriptor, owned by this object.
    :param path: its real path, as seen from inside the root.
    :param guard: the user whose symbolic link led here, if one did: then only what that user could read
        without us is read, so that nobody can make root show them another's file.
    """

    __slots__ = ("root", "path", "guard", "descriptor", "_status")
    is_plain = True  # whether all of its children are reached from its descriptor

    def __init__(self, root: Root, descriptor: int, path: str, guard: t.Optional[int] = None) -> None:
        self.root = root
        self.path = path
        self.guard = guard
        self.descriptor = descriptor
        self._status: t.Optional[os.stat_result] = None

    def __enter__(self) -> Directory:
        return self

    def __exit__(self, *unused: t.Any) -> None:
        self.close()

    def close(self) -> None:
        os.close(self.descriptor)

    def join(self, name: str) -> str:
        """The path of a child, as seen from inside the root."""
        return (self.path if self.path != "/" else "") + "/" + name

    def holder(self, name: str) -> int:
        """The descriptor below which a child is reached by its name, if it is there at all."""
        return self.descriptor

    def status(self) -> os.stat_result:
        """The status of the directory itself."""
        if self._status is None:
            self._status = self.root.seen(os.fstat(self.descriptor))
        return self._status

    def child_status(self, name: str) -> os.stat_result:
        """The status of a child, a link not followed; raises Absent or Unreadable."""
        try:
            return self.root.seen(os.stat(name, dir_fd=self.holder(name), follow_symlinks=False))
        except OSError as error:
            raise trouble(error, self.join(name)) from error

    def link(self, name: str) -> t.Optional[t.Tuple[str, int]]:
        """Target and owner of a child that is a symbolic link, unresolved; None where it is none, or not there.

        Both are read of the same link, opened once, so that it cannot be exchanged in between.
        """
        try:
            if not hasattr(os, "O_PATH"):  # macOS
                return os.readlink(name, dir_fd=self.descriptor), self.child_status(name).st_uid
            descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.holder(name))
            try:
                status = self.root.seen(os.fstat(descriptor))
                return (os.readlink("", dir_fd=descriptor), status.st_uid) if stat.S_ISLNK(status.st_mode) else None
            finally:
                os.close(descriptor)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOENT, errno.ENOTDIR):
                return None
            raise trouble(error, self.join(name)) from error

    def access_control(self) -> t.Optional[bytes]:
        """The extended attribute that holds the POSIX access control list, where there is one (Linux)."""
        try:
            # A descriptor opened with O_PATH cannot be asked; its entry below /proc/self/fd can.
            return os.getxattr("/proc/self/fd/%d" % self.descriptor, "system.posix_acl_access")
        except (OSError, AttributeError):
            return None

    def entries(self, *, limit: int = MAX_ENTRIES) -> t.List[t.Tuple[str, str]]:
        """Name and kind (C(file), C(directory), C(link) or C(other)) of each child, in no order.

        :raises Unreadable: it may not be listed, or holds more entries than the limit (nothing is returned then).
        """
        return self._list(lambda children: [(child.name, _kind(child)) for child in children], limit)

    def names(self, *, limit: int = MAX_ENTRIES) -> t.List[str]:
        """The names of the children, in no order; raises as entries() does."""
        return self._list(lambda children: [child.name for child in children], limit)

    def statuses(self, *, limit: int = MAX_ENTRIES) -> t.List[t.Tuple[str, os.stat_result]]:
        """Name and status of each child, links not followed; raises as entries() does."""
        seen = self.root.seen
        return self._list(
            lambda children: [(child.name, seen(child.stat(follow_symlinks=False))) for child in children], limit
        )

    def listing(self, *, limit: int = MAX_ENTRIES) -> t.Tuple[t.List[str], t.Set[str]]:
        """The names of the children, in no order, and those of the regular files among them; raises as entries()."""
        files: t.Set[str] = set()

        def pick(children: t.Iterable[os.DirEntry]) -> t.List[str]:
            names = []
            for child in children:
                names.append(child.name)
                if child.is_file(follow_symlinks=False):
                    files.add(child.name)
            return names

        return self._list(pick, limit), files

    def _list(self, pick: t.Callable[[t.Iterable[os.DirEntry]], t.List[_T]], limit: int) -> t.List[_T]:
        if self.guard is not None and not self._guard_may(self.status(), _READABLE):
            raise Unreadable(self.path, _NOT_THEIRS % (self._guard_name(), "list"))
        try:
            found = self._scan(pick, limit)
        except OSError as error:
            raise trouble(error, self.path) from error
        if len(found) > limit:
            raise Unreadable(self.path, "it holds more than %d entries" % limit)
        return found

    def _scan(self, pick: t.Callable[[t.Iterable[os.DirEntry]], t.List[_T]], limit: int) -> t.List[_T]:
        descriptor = os.open(".", _LIST, dir_fd=self.descriptor)
        try:
            with os.scandir(descriptor) as children:
                return pick(itertools.islice(children, limit + 1))
        finally:
            os.close(descriptor)

    def directory(self, path: str) -> Directory:
        """Open a directory by its path from here, links followed inside the root only.

        :raises Absent: there is nothing, or no directory, of that name.
        :raises Unreadable: it is there and cannot, or must not, be entered.
        """
        return self._descend(path) or self.root.walk_to_directory(self.join(path), guard=self.guard)

    def _descend(self, path: str) -> t.Optional[Directory]:
        """Open a directory one name after another from here; None where a name is none, or is that of a link."""
        here = self
        for name in path.split("/"):
            try:
                child = here.enter(name) if name not in ("", ".", "..") else None
            finally:
                if here is not self:
                    here.close()
            if child is None:
                return None
            here = child
        return here

    def enter(self, name: str) -> t.Optional[Directory]:
        """Open a child that is a directory itself; None where it is something else, such as a link.

        :raises Absent: there is no child of that name.
        :raises Unreadable: it must not be entered.
        """
        full = self.join(name)
        self.root.check_entry(full)
        try:
            child = self._open_child(name, full)
        except OSError as error:
            if error.errno in (errno.ENOTDIR, errno.ELOOP):
                return None
            raise trouble(error, full) from error
        except ValueError as error:  # a zero byte, or characters that no file name has
            raise Absent(full) from error
        try:
            if self.root.one_file_system and child.status().st_dev != self.root.device:
                raise Unreadable(full, "another file system, and the options say to stay on one")
            if child.guard is not None and not child._guard_may(child.status(), _EXECUTE):
                raise Unreadable(full, _NOT_THEIRS % (child._guard_name(), "enter"))
        except Unreadable:
            child.close()
            raise
        return child

    def _open_child(self, name: str, full: str) -> Directory:
        return Directory(self.root, os.open(name, OPEN_DIRECTORY, dir_fd=self.descriptor), full, self.guard)

    def has(self, path: str) -> bool:
        """Whether a child, or C(child/grandchild) of a child known to be no link, is there. A hint, not a proof.

        :raises Unreadable: the child must not be entered.
        """
        if "/" in path:
            self.root.check_entry(self.join(path.partition("/")[0]))
        try:
            os.stat(path, dir_fd=self.descriptor, follow_symlinks=False)
        except OSError:
            return False
        return True

    def read(self, name: str, *, limit: int = MAX_FILE_BYTES) -> bytes:
        """Read a child that is a regular file, or a link to one that stays inside the root.

        :param limit: the number of bytes above which the file is not read.
        :raises Absent: there is no such file.
        :raises Unreadable: it is no regular file, is too large, or may not be read.
        """
        return self._follow_and_read(name, limit, whole=True)

    def read_head(self, name: str, *, size: int = 512) -> bytes:
        """Read the first bytes of a child, however large it is; raises as read() does."""
        return self._follow_and_read(name, size, whole=False)

    def read_listed(self, name: str, *, limit: int = MAX_FILE_BYTES) -> t.Tuple[bytes, t.Optional[int]]:
        """Read a child that listing() called a regular file, and tell its owner; raises as read() does.

        What it is and whose is asked of what was opened, which spares asking for it by its name before. Where it was
        exchanged since, it is read like any other, and its owner is None.
        """
        full = self.join(name)
        self.root.check_time(full)
        try:
            descriptor = os.open(name, _READ, dir_fd=self.descriptor)
        except (OSError, ValueError):
            return self.read(name, limit=limit), None
        try:
            status = self.root.seen(os.fstat(descriptor))
            if stat.S_ISREG(status.st_mode):
                self._check_file(full, status, limit)
                return self._content(descriptor, full, status, limit), status.st_uid
        except OSError as error:
            raise trouble(error, full) from error
        finally:
            os.close(descriptor)
        return self.read(name, limit=limit), None

    def _follow_and_read(self, name: str, limit: int, *, whole: bool) -> bytes:
        full = self.join(name)
        self.root.check_time(full)
        status = self.child_status(name)
        if stat.S_ISLNK(status.st_mode):
            return self._read_linked(full, limit, whole)
        if not stat.S_ISREG(status.st_mode):
            kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
            raise Unreadable(full, "it is %s, a regular file was expected" % kind)
        self._check_file(full, status, limit if whole else None)
        try:
            return self._read(name, status, limit, whole)
        except OSError as error:
            raise trouble(error, full) from error

    def _check_file(self, path: str, status: os.stat_result, limit: t.Optional[int]) -> None:
        if limit is not None and status.st_size > limit:
            raise Unreadable(path, "it has %d bytes, more than the limit of %d" % (status.st_size, limit))
        if not self._guard_may(status, _READABLE):
            raise Unreadable(path, _NOT_THEIRS % (self._guard_name(), "read"))

    def _read_linked(self, path: str, limit: int, whole: bool) -> bytes:
        parent, name = self.root.walk_to_parent(path, guard=self.guard)
        with parent:
            try:
                return parent._follow_and_read(name, limit, whole=whole)
            except Unreadable as error:
                raise Unreadable(path, "it is a link to %s: %s" % (error.path, error.reason)) from error

    def _read(self, name: str, status: os.stat_result, limit: int, whole: bool) -> bytes:
        descriptor = self.open_file(name, status)
        try:
            if whole:
                return self._content(descriptor, self.join(name), status, limit)
            self.root.files_opened += 1
            return os.read(descriptor, limit)
        finally:
            os.close(descriptor)

    def _content(self, descriptor: int, path: str, status: os.stat_result, limit: int) -> bytes:
        self.root.files_opened += 1
        data = os.read(descriptor, status.st_size + 1)
        return data if len(data) == status.st_size else _read_on(descriptor, data, limit, path)

    def open_file(self, name: str, status: os.stat_result) -> int:
        """Open a child for reading that was seen to be a regular file.

        :raises OSError: it cannot be opened.
        :raises Unreadable: it is another by now.
        """
        return self._open_file(name, status, self.holder(name))

    def _open_file(self, name: str, status: os.stat_result, holder: int) -> int:
        descriptor = os.open(name, _READ, dir_fd=holder)
        opened = os.fstat(descriptor)
        if (opened.st_ino, opened.st_dev) != (status.st_ino, status.st_dev) or not stat.S_ISREG(opened.st_mode):
            os.close(descriptor)
            raise Unreadable(self.join(name), "it was exchanged while it was being opened")
        return descriptor

    def _guard_may(self, status: os.stat_result, bit: int) -> bool:
        """Whether the user whose link led here could do this without us (owner, group and others of the mode)."""
        if self.guard is None or status.st_uid == self.guard or status.st_mode & bit:
            return True
        groups = self.root.identities.groups_of(self.guard)
        return bool(status.st_mode & (bit << 3)) and status.st_gid in groups

    def _guard_name(self) -> str:
        return self.root.identities.user_name(t.cast(int, self.guard)) or str(self.guard)


def _kind(entry: os.DirEntry) -> str:
    if entry.is_symlink():
        return "link"
    if entry.is_dir(follow_symlinks=False):
        return "directory"
    return "file" if entry.is_file(follow_symlinks=False) else "other"


def _read_on(descriptor: int, data: bytes, limit: int, path: str) -> bytes:
    """Read what a file holds beyond its size of a moment ago, up to the limit."""
    parts, size = [data], len(data)
    while size <= limit:
        part = os.read(descriptor, min(1024 * 1024, limit + 1 - size))
        if not part:
            return b"".join(parts)
        parts.append(part)
        size += len(part)
    raise Unreadable(path, "it has more bytes than the limit of %d" % limit)


__all__ = ("MAX_ENTRIES", "MAX_FILE_BYTES", "OPEN_DIRECTORY", "Directory")
