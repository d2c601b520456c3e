# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Keeps one program and puts it back in one step: at any instant, the old one or the new one is there, whole."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._copy import BLOCK, copy_file

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NEW = ".%s.labfleet-new"


class ProgramFile(t.NamedTuple):
    """What is known of a program's file: its size, permissions, owner and SHA-256 sum."""

    size: int
    mode: int
    uid: int
    sha256: str


def look(folder: int, name: str) -> t.Optional[ProgramFile]:
    """A regular file in an open directory; None where there is none of that name."""
    try:
        descriptor = os.open(name, _READ, dir_fd=folder)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        digest = hashlib.sha256()
        while True:
            block = os.read(descriptor, BLOCK)
            if not block:
                return ProgramFile(status.st_size, stat.S_IMODE(status.st_mode), status.st_uid, digest.hexdigest())
            digest.update(block)
    finally:
        os.close(descriptor)


def copy_program(source: int, name: str, target: int) -> None:
    """Put a copy of a program into another open directory in one step, with its time and permissions, durably."""
    new = _NEW % name
    remove(target, new)
    copy_file(name, source, new, target, clone=True)
    descriptor = os.open(new, _READ, dir_fd=target)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(new, name, src_dir_fd=target, dst_dir_fd=target)
    os.fsync(target)


def remove(folder: int, name: str) -> None:
    """Remove a file if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


def remove_unfinished(folder: int, name: str) -> None:
    """Remove what a copy_program() that was cut off has left."""
    remove(folder, _NEW % name)


__all__ = ("ProgramFile", "copy_program", "look", "remove", "remove_unfinished")
