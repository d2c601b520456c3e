# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Brings files of a prefix back from where they are kept: each step whole or not at all, and good to be repeated."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._copy import (
    BLOCK,
    LINKED,
    Entry,
    copy_file,
    same_content,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._walk import open_folder

# What a killed restore may leave in a directory.
TEMPORARY = ".labfleet-restore~"
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_T = t.TypeVar("_T")


class Damaged(Exception):
    """The kept file is not what was kept."""


class Mender:
    """Changes a prefix.

    :param prefix: the open prefix.
    :param kept: the open directory that holds what was kept of it.
    :ivar touched: the directories in which something was changed, whose times must be put back.
    """

    def __init__(self, prefix: int, kept: int) -> None:
        self.touched: t.Set[str] = set()
        self.prefix = prefix
        self._kept = kept
        self._open: t.Optional[t.Tuple[str, int]] = None
        self._clones = True

    def close(self) -> None:
        """Close what is open."""
        if self._open is not None:
            os.close(self._open[1])
            self._open = None

    def _at(self, folder: str) -> int:
        """The directory in the prefix, open."""
        if self._open is None or self._open[0] != folder:
            self.close()
            self._open = folder, open_folder(folder, at=self.prefix)
        return self._open[1]

    def _change(self, folder: str, action: t.Callable[[], _T]) -> _T:
        """Change something in a directory, also in one of ours that is write-protected; its mode is put back later."""
        self.touched.add(folder)
        try:
            return action()
        except PermissionError:
            os.chmod(folder or ".", 0o700, dir_fd=self.prefix)
            return action()

    def status(self, path: str) -> t.Optional[os.stat_result]:
        """The status of what is at a path of the prefix; None where nothing is."""
        try:
            return os.stat(path or ".", dir_fd=self.prefix, follow_symlinks=False)
        except OSError:
            return None

    def target(self, folder: str, name: str) -> t.Optional[str]:
        """The target of a symbolic link in the prefix."""
        try:
            return os.readlink(name, dir_fd=self._at(folder))
        except OSError:
            return None

    def kept_status(self, folder: str, entry: Entry) -> t.Optional[os.stat_result]:
        """The status of a kept file."""
        try:
            return os.stat(entry.kept_at(folder), dir_fd=self._kept, follow_symlinks=False)
        except OSError:
            return None

    def has_kept_content(self, folder: str, entry: Entry) -> bool:
        """Whether a file holds the same bytes as the one kept of it."""
        return same_content(entry.name, self._at(folder), self._kept, other_name=entry.kept_at(folder))

    def remove(self, folder: str, name: str) -> None:
        """Remove a file; that it is gone is no error."""

        self._change(folder, lambda: _unlink(name, self._at(folder)))

    def remove_folder(self, path: str) -> bool:
        """Remove a directory if it is empty; tells whether it is gone."""
        self.close()
        folder, name = os.path.split(path)

        def action() -> bool:
            try:
                os.rmdir(path, dir_fd=self.prefix)
            except FileNotFoundError:
                pass
            except PermissionError:
                raise
            except OSError:
                return False
            return True

        return self._change(folder, action)

    def make_folder(self, path: str) -> None:
        """Make a directory, which is open to its owner only until its permissions are put back."""

        def action() -> None:
            with contextlib.suppress(FileExistsError):
                os.mkdir(path, 0o700, dir_fd=self.prefix)

        self._change(os.path.dirname(path), action)
        self.touched.add(path)

    def set_aside(self, folder: str, name: str, aside: int, *, stays: bool = False) -> str:
        """Move a file to the same path below another directory; tells the path it got there.

        :param stays: give it a second name there, where that can be, until something else takes its place.
        """
        if folder:
            here = ""
            for part in folder.split("/"):
                here = here + "/" + part if here else part
                with contextlib.suppress(FileExistsError):
                    os.mkdir(here, 0o700, dir_fd=aside)
        path = folder + "/" + name if folder else name
        free, number = path, 0
        while _exists(free, aside):
            number += 1
            free = "%s.%d" % (path, number)
        place = self._at(folder)
        if stays:
            try:
                os.link(name, free, src_dir_fd=place, dst_dir_fd=aside, follow_symlinks=False)
                return free
            except OSError:  # a file system without hard links, or a file of another user
                pass
        self._change(folder, lambda: os.rename(name, free, src_dir_fd=place, dst_dir_fd=aside))
        return free

    def put(self, folder: str, entry: Entry, *, twin: t.Optional[str] = None, checked: bool = False) -> None:
        """Put a kept file in its place, whatever file is there now.

        :param twin: the path of a file of the prefix, put back before, of which this is another name.
        :param checked: do not compare the kept file with its entry once more.
        :raises Damaged: the kept file is gone, or not what was kept.
        :raises OSError: the system does not let us.
        """
        place, kept = self._at(folder), entry.kept_at(folder)
        status = self.kept_status(folder, entry) if entry.kind != "l" and twin is None else None
        if entry.kind != "l" and twin is None and not checked:
            wanted = (entry.size, entry.mtime)
            if status is None or (entry.kind == "f" and (status.st_size, status.st_mtime_ns) != wanted):
                raise Damaged(entry.name)
        linked = self._change(folder, lambda: self._prepare(place, kept, entry, twin))
        _set(TEMPORARY, place, entry, status if linked else None)
        os.rename(TEMPORARY, entry.name, src_dir_fd=place, dst_dir_fd=place)
        if checked or twin is not None:  # a rename of one name of a file over another does nothing
            _unlink(TEMPORARY, place)

    def _prepare(self, place: int, kept: str, entry: Entry, twin: t.Optional[str]) -> bool:
        """Make the file under a temporary name; tells whether it is a link to the kept one."""
        try:
            return self._make(place, kept, entry, twin)
        except FileExistsError:  # a restore was killed here
            _unlink(TEMPORARY, place)
            return self._make(place, kept, entry, twin)

    def _make(self, place: int, kept: str, entry: Entry, twin: t.Optional[str]) -> bool:
        if entry.kind == "l":
            os.symlink(str(entry.extra), TEMPORARY, dir_fd=place)
            return False
        if twin is not None or entry.how == LINKED:
            source, name = (self.prefix, twin) if twin is not None else (self._kept, kept)
            try:
                os.link(name, TEMPORARY, src_dir_fd=source, dst_dir_fd=place, follow_symlinks=False)
                return twin is None
            except OSError:
                if entry.kind != "f":
                    raise
        _status, self._clones = copy_file(kept, self._kept, TEMPORARY, place, clone=self._clones)
        return False

    def fix(self, folder: str, entry: Entry) -> None:
        """Give a file whose content is right its owner, permissions and time."""
        _set(entry.name, self._at(folder), entry)

    def fix_folder(self, path: str, mode: int, uid: int, gid: int, mtime: int, attributes: t.Dict[str, bytes]) -> None:
        """Give a directory its owner, permissions, extended attributes and time."""
        descriptor = open_folder(path, at=self.prefix)
        try:
            status = os.fstat(descriptor)
            if (status.st_uid, status.st_gid) != (uid, gid):
                os.fchown(descriptor, uid, gid)
            for name, value in attributes.items():
                with contextlib.suppress(OSError):
                    os.setxattr(descriptor, name, value)
            if stat.S_IMODE(os.fstat(descriptor).st_mode) != mode:
                os.fchmod(descriptor, mode)
            if status.st_mtime_ns != mtime:
                os.utime(descriptor, ns=(status.st_atime_ns, mtime))
        finally:
            os.close(descriptor)

    def sum_of(self, folder: str, entry: Entry) -> t.Optional[str]:
        """The SHA-256 sum of a kept file."""
        return _sum(entry.kept_at(folder), self._kept)

    def replace_kept(self, folder: str, entry: Entry, source: str, wanted: str) -> bool:
        """Take a file of another place for a damaged kept one, if its SHA-256 sum is the wanted one."""
        kept = self._kept
        parent, name = os.path.split(source)
        try:
            other = open_folder(parent)
        except OSError:
            return False
        try:
            if _sum(name, other) != wanted:
                return False
            with contextlib.suppress(FileNotFoundError):
                os.unlink(TEMPORARY, dir_fd=kept)
            copy_file(name, other, TEMPORARY, kept, clone=self._clones)
            os.utime(TEMPORARY, ns=(entry.mtime, entry.mtime), dir_fd=kept, follow_symlinks=False)
            os.rename(TEMPORARY, entry.kept_at(folder), src_dir_fd=kept, dst_dir_fd=kept)
            return True
        except OSError:
            return False
        finally:
            os.close(other)

    def accept_kept(self, folder: str, entry: Entry) -> None:
        """Put back the time of a kept file whose content is right."""
        times = (entry.mtime, entry.mtime)
        os.utime(entry.kept_at(folder), ns=times, dir_fd=self._kept, follow_symlinks=False)


def _exists(path: str, at: int) -> bool:
    try:
        os.stat(path, dir_fd=at, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _unlink(name: str, folder: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


def _set(name: str, folder: int, entry: Entry, status: t.Optional[os.stat_result] = None) -> None:
    """Give a file its owner, permissions and time; C(status) is what it has now, if that is known."""
    status = status or os.stat(name, dir_fd=folder, follow_symlinks=False)
    if (status.st_uid, status.st_gid) != (entry.uid, entry.gid):
        os.chown(name, entry.uid, entry.gid, dir_fd=folder, follow_symlinks=False)
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)  # a change of owner takes away setuid
    if entry.kind != "l" and stat.S_IMODE(status.st_mode) != entry.mode:
        os.chmod(name, entry.mode, dir_fd=folder)
    if status.st_mtime_ns != entry.mtime:
        os.utime(name, ns=(status.st_atime_ns, entry.mtime), dir_fd=folder, follow_symlinks=False)


def _sum(name: str, folder: int) -> t.Optional[str]:
    try:
        descriptor = os.open(name, _READ, dir_fd=folder)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        digest = hashlib.sha256()
        while True:
            block = os.read(descriptor, BLOCK)
            if not block:
                return digest.hexdigest()
            digest.update(block)
    except OSError:
        return None
    finally:
        os.close(descriptor)


__all__ = ("TEMPORARY", "Damaged", "Mender")
