# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Makes an empty environment in one step, and takes one away in one step: a crash leaves it whole, or not there."""

from __future__ import annotations

import contextlib
import os
import tempfile
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._clock import random_token, seconds_now
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import remove_tree
from ansible_collections.labfleet.conda.plugins.module_utils._system._walk import OPEN_FOLDER

_NEW, _GONE = ".labfleet-new", ".labfleet-gone"
# A run that makes an environment is done with its hidden directory within moments.
_STALE_SECONDS = 3600.0


class Taken(Exception):
    """Something is at the path already."""


def make_prefix(path: str, files: t.Mapping[str, bytes]) -> None:
    """Make a directory with some small files in it, or nothing; the directories above it are made too.

    :param path: where nothing must be.
    :param files: content by relative path; what lies in a directory with a dot in front is for the owner alone.
    :raises Taken: something is there.
    :raises OSError: it cannot be made.
    """
    parent, name = os.path.split(path)
    os.makedirs(parent or "/", 0o755, exist_ok=True)
    folder = os.open(parent or "/", OPEN_FOLDER)
    hidden = ".%s.%s%s" % (name, random_token(), _NEW)
    try:
        os.mkdir(hidden, 0o755, dir_fd=folder)
        try:
            _fill(os.path.join(parent, hidden), files)
            # An empty directory would be replaced by rename(); anything else is not.
            if os.path.lexists(path):
                raise Taken(path)
            try:
                os.rename(hidden, name, src_dir_fd=folder, dst_dir_fd=folder)
            except (FileExistsError, NotADirectoryError, OSError) as error:
                if os.path.lexists(path):
                    raise Taken(path) from error
                raise
        except BaseException:
            remove_tree(folder, hidden)
            raise
        os.fsync(folder)
    finally:
        os.close(folder)


def _fill(top: str, files: t.Mapping[str, bytes]) -> None:
    for name, content in files.items():
        is_private = name.startswith(".")
        path = os.path.join(top, name)
        os.makedirs(os.path.dirname(path), 0o700 if is_private else 0o755, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags, 0o600 if is_private else 0o644), "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())


def take_away(path: str) -> None:
    """Remove a prefix: first it gets another name, which is one step, then all that is in it goes.

    :raises OSError: it could not be renamed, so that nothing is changed; or not all of it could be removed, and what is
        left has the other name.
    """
    parent, name = os.path.split(path.rstrip("/"))
    folder = os.open(parent or "/", OPEN_FOLDER)
    hidden = ".%s.%s%s" % (name, random_token(), _GONE)
    try:
        os.rename(name, hidden, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)
        remove_tree(folder, hidden)
    finally:
        os.close(folder)


def clear_hidden(path: str) -> t.List[str]:
    """Remove what interrupted runs have left beside a path; the names of removals that were not ended."""
    parent, name = os.path.split(path.rstrip("/"))
    ended: t.List[str] = []
    try:
        folder = os.open(parent or "/", OPEN_FOLDER)
    except OSError:
        return []
    try:
        for hidden in os.listdir(folder):
            if not hidden.startswith(".%s." % name) or not hidden.endswith((_NEW, _GONE)):
                continue
            with contextlib.suppress(OSError):
                status = os.stat(hidden, dir_fd=folder, follow_symlinks=False)
                is_gone = hidden.endswith(_GONE)
                is_stale = is_gone or seconds_now() - status.st_mtime > _STALE_SECONDS
                if status.st_uid != os.geteuid() or not is_stale:
                    continue
                remove_tree(folder, hidden)
                ended += [hidden] if is_gone else []
    except OSError:
        return ended
    finally:
        os.close(folder)
    return ended


@contextlib.contextmanager
def scratch_folder() -> t.Iterator[str]:
    """A directory of this process alone, removed with all that is in it."""
    path = os.path.realpath(tempfile.mkdtemp(prefix="labfleet-"))
    try:
        yield path
    finally:
        parent, name = os.path.split(path)
        folder = os.open(parent, OPEN_FOLDER)
        try:
            remove_tree(folder, name)
        finally:
            os.close(folder)


def is_mount(path: str) -> bool:
    """Whether another file system is mounted at a path."""
    return os.path.ismount(path)


__all__ = ("Taken", "clear_hidden", "is_mount", "make_prefix", "scratch_folder", "take_away")
