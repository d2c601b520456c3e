# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A program that stands alone, such as micromamba in /usr/local/bin: what its file tells, without running it."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._discover._installations import Installation
from ansible_collections.labfleet.conda.plugins.module_utils._discover._programs import Program, examine_program
from ansible_collections.labfleet.conda.plugins.module_utils._system._access import (
    Writers,
    directory_writers,
    exchangers,
    writers,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root


class Standalone(t.NamedTuple):
    """A program that stands alone.

    :param installation: what is known of it; its prefix is the directory in which it lies.
    :param is_binary: whether it is machine code.
    :param folder_uid: the owner of that directory.
    """

    installation: Installation
    is_binary: bool
    folder_uid: int


def standalone_program(root: Root, path: str, *, gone: bool = False) -> Standalone:
    """Look at a program.

    :param gone: it may not be there, after a change that was cut off: then it is taken for the directory owner's.
    :raises Absent: there is nothing.
    :raises Unreadable: it is no regular file, or cannot be read.
    """
    try:
        program = examine_program(root, path)
    except Absent:
        if not gone:
            raise
        program = None
    directory, name = root.walk_to_parent(program.path if program else path)
    with directory:
        status, where = directory.status(), directory.join(name)
    if program is None:
        program = Program(where, name, None, False, status.st_uid, status.st_gid, 0o755)
    installation = Installation(
        kind=program.name,
        distribution=None,
        distribution_evidence=None,
        prefix=program.path.rpartition("/")[0] or "/",
        program=program.path,
        versions={},
        version_source=None,
        uid=program.uid,
        gid=program.gid,
        mode=program.mode,
        writers=_who_may_write(root, program.path),
        installer=None,
        is_secondary=False,
        environment=None,
        notes=[],
    )
    return Standalone(installation, program.is_binary, status.st_uid)


def _who_may_write(root: Root, path: str) -> Writers:
    """Who may change the program, exchange it, or exchange a directory on the way to it."""
    directory, name = root.walk_to_parent(path)
    with directory:
        found = directory_writers(directory)
        if directory.has(name):
            found = found | writers(directory.child_status(name), root.identities)
    parent = directory.path
    while parent != "/":
        parent = parent.rpartition("/")[0] or "/"
        try:
            with root.directory(parent) as above:
                found = found | exchangers(above)
        except (Absent, Unreadable):
            continue
    return found


__all__ = ("Standalone", "standalone_program")
