# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Moves directories within one file system, also where the kernel will not rename them."""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from ansible_collections.labfleet.conda.plugins.module_utils._system._walk import open_folder

# EXDEV: a directory in a lower layer of overlayfs, as in an image. The others: a part was moved by an earlier try.
_PIECEMEAL = (errno.EXDEV, errno.ENOTEMPTY, errno.EEXIST)


def move(name: str, source: int, target: int, *, keep: bool = False) -> None:
    """Move what has a name in one open directory to another one; cut short, it can be repeated.

    A directory that is there already is filled up.

    :param keep: of files of the same name, leave the one that is in the target, and the other where it is.
    :raises OSError: it cannot be moved, or can only in part.
    """
    status = os.stat(name, dir_fd=source, follow_symlinks=False)
    is_folder = stat.S_ISDIR(status.st_mode)
    if not is_folder and keep and _is_there(name, target):
        return
    try:
        os.rename(name, name, src_dir_fd=source, dst_dir_fd=target)
        return
    except OSError as error:
        if error.errno not in _PIECEMEAL or not is_folder:
            raise
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, stat.S_IMODE(status.st_mode) | 0o700, dir_fd=target)
    inside, there = open_folder(name, at=source), -1
    try:
        there = open_folder(name, at=target)
        for child in os.listdir(inside):
            move(child, inside, there, keep=keep)
        if not os.listdir(inside):
            os.rmdir(name, dir_fd=source)
    finally:
        os.close(inside)
        if there >= 0:
            os.close(there)


def _is_there(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


__all__ = ("move",)
