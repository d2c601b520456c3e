# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Questions about many files of a prefix at once, and packages unpacked in a cache."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import os
import stat
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import remove_tree

_MAX_LIST = 64 * 1024 * 1024
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def absent(prefix: str, names: t.Iterable[str]) -> t.List[str]:
    """Those of some relative paths of which nothing is in a prefix; a link counts as something."""
    found = []
    for name in names:
        try:
            os.lstat(prefix + "/" + name)
        except OSError:
            found.append(name)
    return found


def of_other_size(prefix: str, sizes: t.Mapping[str, int]) -> t.List[str]:
    """Those of some relative paths whose file in a prefix is not of the size in bytes that is named for it."""
    found = []
    for name, size in sizes.items():
        try:
            if os.lstat(prefix + "/" + name).st_size != size:
                found.append(name)
        except OSError:
            found.append(name)
    return found


def is_there(path: str) -> bool:
    """Whether something is at a path; a link counts as something."""
    return not absent(path, [""]) if path.endswith("/") else not absent(os.path.dirname(path), [os.path.basename(path)])


def make_folder(path: str) -> None:
    """Make a directory where none is; the one above it must be there."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o755)


def file_mode(path: str, otherwise: int) -> int:
    """The permissions of a file; others where there is none."""
    try:
        return stat.S_IMODE(os.lstat(path).st_mode)
    except OSError:
        return otherwise


def may_write(path: str) -> bool:
    """Whether this process may make something in a directory, or in the nearest one above it that is there."""
    return os.access(nearest_existing(path), os.W_OK | os.X_OK)


def is_folder(path: str) -> bool:
    """Whether a directory is at a path, or a link to one."""
    return os.path.isdir(path)


def names_below(path: str) -> t.List[str]:
    """The names in a directory, none where it is not there or must not be listed."""
    try:
        return os.listdir(path)
    except OSError:
        return []


def changed_since(path: str, seconds: float) -> t.List[str]:
    """The names in a directory of what was made or changed since a time, by the clock of its file system."""
    found = []
    for name in names_below(path):
        with contextlib.suppress(OSError):
            if os.lstat(os.path.join(path, name)).st_ctime >= seconds:
                found.append(name)
    return found


def tree_files(path: str, folders: t.Sequence[str]) -> t.Set[str]:
    """The paths, from a prefix on, of all files in some of its directories, all levels deep, links not followed."""
    found: t.Set[str] = set()
    for folder in folders:
        for place, below, files in os.walk(os.path.join(path, folder)):
            start = place[len(path) + 1 :] + "/"
            found.update([start + name for name in files])
            found.update([start + name for name in below])
    return found


def read_text(path: str, *, limit: int = _MAX_LIST) -> t.Optional[str]:
    """The text of a regular file that is no link; None where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as stream, contextlib.suppress(OSError):
        return stream.read(limit).decode("utf-8", "surrogateescape")
    return None


def file_sum(path: str, *, sha256: bool) -> t.Optional[str]:
    """The SHA-256 sum of a file, or else its MD5 sum; None where there is none."""
    digest = hashlib.sha256() if sha256 else hashlib.new("md5")  # a weak sum finds what is damaged all the same
    try:
        with open(path, "rb") as stream:
            for part in iter(lambda: stream.read(1024 * 1024), b""):
                digest.update(part)
    except OSError:
        return None
    return digest.hexdigest()


def remove_unpacked(cache: str, name: str) -> bool:
    """Remove a package that is unpacked in a cache; whether it was there, and is gone now."""
    try:
        folder = os.open(cache, _OPEN_FOLDER)
    except OSError:
        return False
    try:
        if not os.access(name, os.F_OK, dir_fd=folder, follow_symlinks=False):
            return False
        remove_tree(folder, name)
    except OSError:
        return False
    finally:
        os.close(folder)
    return True


def installed_by_pip(prefix: str) -> t.Set[str]:
    """The paths below a prefix of all files that Python packages list as theirs (PEP 376), whoever installed them."""
    found: t.Set[str] = set()
    for library in names_below(prefix + "/lib"):
        packages = "lib/%s/site-packages" % library
        if not library.startswith("python"):
            continue
        for name in names_below("%s/%s" % (prefix, packages)):
            if not name.endswith(".dist-info"):
                continue
            text = read_text("%s/%s/%s/RECORD" % (prefix, packages, name)) or ""
            rows = csv.reader(text.replace("\0", "").splitlines())
            paths = [os.path.normpath("%s/%s" % (packages, row[0])) for row in rows if row and row[0][:1] != "/"]
            found.update(path for path in paths if not path.startswith(".."))
    return found


def free_space(path: str) -> t.Tuple[int, t.Optional[int]]:
    """The bytes that may be written to the file system of a path, and its free inodes; None where it counts none."""
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize, status.f_favail if status.f_files else None


def fingerprints(folder: str) -> t.Dict[str, t.Tuple[int, int, int]]:
    """For each directory in a folder of environments, when its conda-meta was last changed, and its history's size."""
    found = {}
    for name in names_below(folder):
        meta = "%s/%s/conda-meta" % (folder, name)
        try:
            status, history = os.lstat(meta), os.lstat(meta + "/history")
        except OSError:
            continue
        found[name] = (status.st_mtime_ns, history.st_mtime_ns, history.st_size)
    return found


def nearest_existing(path: str) -> str:
    """The path, or the nearest directory above it that is there."""
    while path != "/" and not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


__all__ = (
    "absent",
    "changed_since",
    "file_mode",
    "file_sum",
    "fingerprints",
    "free_space",
    "installed_by_pip",
    "is_folder",
    "is_there",
    "make_folder",
    "may_write",
    "names_below",
    "nearest_existing",
    "of_other_size",
    "read_text",
    "remove_unpacked",
    "tree_files",
)
