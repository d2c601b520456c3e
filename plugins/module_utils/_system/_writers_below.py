# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Who may write to a directory at any level below another one."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._access import NOBODY, Writers, writers
from ansible_collections.labfleet.conda.plugins.module_utils._system._users import Identities
from ansible_collections.labfleet.conda.plugins.module_utils._system._walk import OPEN_FOLDER

# Deeper than any package goes; each level keeps a descriptor open.
_MAX_LEVELS = 100


def writers_below(path: str, identities: Identities, *, apart: t.Container[str] = ()) -> Writers:
    """Who, besides root, may write to a directory or to any below it; links are not followed.

    :param apart: names in the directory that are passed over.
    :raises OSError: the directory cannot be opened.
    """
    found = _Found(identities)
    top = os.open(path, OPEN_FOLDER)
    try:
        found.visit(top, apart, 0)
    finally:
        os.close(top)
    return found.writers


class _Found:
    def __init__(self, identities: Identities) -> None:
        self.writers = NOBODY
        self._identities = identities
        self._known: t.Set[t.Tuple[int, int, int, t.Optional[bytes]]] = set()

    def visit(self, folder: int, apart: t.Container[str], level: int) -> None:
        self._judge(folder)
        if level == _MAX_LEVELS:
            return
        try:
            with os.scandir(folder) as entries:
                names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:  # its owner has closed it to everybody: nobody gets into it either
            return
        for name in names:
            if name in apart:
                continue
            try:
                child = os.open(name, OPEN_FOLDER, dir_fd=folder)
            except OSError:
                continue
            try:
                self.visit(child, (), level + 1)
            finally:
                os.close(child)

    def _judge(self, folder: int) -> None:
        status = os.fstat(folder)
        try:
            access_control: t.Optional[bytes] = os.getxattr(folder, "system.posix_acl_access")
        except (OSError, AttributeError):
            access_control = None
        facts = (status.st_uid, status.st_gid, status.st_mode, access_control)
        if facts not in self._known:  # nearly all directories of a prefix are alike
            self._known.add(facts)
            self.writers = self.writers | writers(status, self._identities, access_control)


__all__ = ("writers_below",)
