# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Questions about many files of a prefix at once, and packages unpacked in a cache."""

from __future__ import annotations

import contextlib
import os
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


def is_there(path: str) -> bool:
    """Whether something is at a path; a link counts as something."""
    return not absent(path, [""]) if path.endswith("/") else not absent(os.path.dirname(path), [os.path.basename(path)])


def names_below(path: str) -> t.List[str]:
    """The names in a directory, none where it is not there or must not be listed."""
    try:
        return os.listdir(path)
    except OSError:
        return []


def tree_names(path: str, folders: t.Sequence[str]) -> t.List[str]:
    """The names of all files in some directories of a prefix, all levels deep, links not followed."""
    found: t.List[str] = []
    for folder in folders:
        for _place, _folders, files in os.walk(os.path.join(path, folder)):
            found += files
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
    "fingerprints",
    "free_space",
    "is_there",
    "names_below",
    "nearest_existing",
    "read_text",
    "remove_unpacked",
    "tree_names",
)
