# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Programs named conda, mamba, micromamba or pixi: what a file of that name is, without running it."""

from __future__ import annotations

import os
import stat
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._discover._places import prefix_of_program
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

_ELF, _MACHO = b"\x7fELF", (b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\xce\xfa\xed\xfe")


class Program(t.NamedTuple):
    """One program file.

    :param path: its real path.
    :param name: conda, mamba, micromamba or pixi.
    :param prefix: the prefix it belongs to, if its place or its first line tells.
    :param is_binary: whether it is machine code (else a script).
    """

    path: str
    name: str
    prefix: t.Optional[str]
    is_binary: bool
    uid: int
    gid: int
    mode: int


def examine_program(root: Root, path: str) -> Program:
    """Look at a program file; raises Absent or Unreadable where there is none, or no regular file."""
    name = path.rsplit("/", 1)[1]
    directory, last = root.walk_to_parent(path)
    with directory:
        status = directory.child_status(last)
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable(directory.join(last), "it is no regular file, a program was expected")
        head = directory.read_head(last)
        real = directory.join(last)
    prefix = prefix_of_program(real)
    if head.startswith(b"#!"):
        interpreter = os.fsdecode(head[2:].split(b"\n")[0]).split()
        prefix = prefix_of_program(interpreter[0]) if interpreter and "python" in interpreter[0] else prefix
    binary = head.startswith(_ELF) or head.startswith(_MACHO)
    return Program(real, name, prefix, binary, status.st_uid, status.st_gid, status.st_mode & 0o7777)


__all__ = ("Program", "examine_program")
