# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The processes that run in a root: which programs, whose, and the variables of conda in their environment."""

from __future__ import annotations

import os
import re
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

MAX_PROCESSES = 100000
MAX_ENVIRONMENT_BYTES = 256 * 1024
_VARIABLE = re.compile(rb"(?:^|\0)((?:_?CONDA|MAMBA|PIXI)[A-Z0-9_]{0,60})=([^\0]{1,4096})")


class Process(t.NamedTuple):
    """One process: its number, its user's number, its program and its variables of conda, mamba and pixi."""

    pid: int
    uid: int
    program: str
    variables: t.Dict[str, str]


def parse_environment(data: bytes) -> t.Dict[str, str]:
    """The CONDA*, MAMBA* and PIXI* variables of a process environment (names and values end in a zero byte)."""
    return {os.fsdecode(name): os.fsdecode(value) for name, value in _VARIABLE.findall(data)}


class ProcessTable:
    """Which processes live in which mount namespace, asked for all of them once: for looks into many containers."""

    def __init__(self) -> None:
        self._numbers: t.Optional[t.Dict[str, t.List[str]]] = None

    def numbers(self, namespace: t.Optional[str]) -> t.List[str]:
        """The numbers of those that live in one."""
        if self._numbers is None:
            self._numbers = {}
            for number in _all_numbers():
                found = _link("/proc/%s/ns/mnt" % number)
                if found is not None:
                    self._numbers.setdefault(found, []).append(number)
        return self._numbers.get(namespace or "", [])


def _all_numbers() -> t.List[str]:
    try:
        return [name for name in os.listdir("/proc") if name.isdigit()][:MAX_PROCESSES]
    except OSError:
        return []


def list_processes(root: Root) -> t.List[Process]:
    """The processes that this user may look at and that live in the root's mount namespace."""
    base = "/proc"
    reference = root.process or ("self" if root.is_running_system else None)
    if reference is None:
        return []
    namespace = _link("%s/%s/ns/mnt" % (base, reference))
    found: t.List[Process] = []
    for name in root.process_table.numbers(namespace) if root.process_table else _all_numbers():
        root.check_time("/proc/" + name)
        place = "%s/%s" % (base, name)
        program = _link(place + "/exe")
        if program is None or _link(place + "/ns/mnt") != namespace:
            continue
        try:
            uid = os.stat(place).st_uid
        except OSError:
            continue
        found.append(Process(int(name), uid, program, parse_environment(_read(place + "/environ"))))
    return found


def owner_of(pid: int) -> t.Optional[int]:
    """The number of the user that a process runs as; None where it is gone."""
    try:
        return os.stat("/proc/%d" % pid).st_uid
    except OSError:
        return None


def root_of(pid: int) -> str:
    """The path under which the root directory of a process is seen."""
    return "/proc/%d/root" % pid


def sees_our_files(pid: int) -> bool:
    """Whether a process lives in the mount namespace of this one, or is gone: then its root is no container's."""
    theirs = _link("/proc/%d/ns/mnt" % pid)
    return theirs is None or theirs == _link("/proc/self/ns/mnt")


def own_environment(root: Root) -> t.Dict[str, str]:
    """The environment variables of this process itself; none where it looks at another root than its own."""
    return own_variables() if root.is_running_system else {}


def own_variables() -> t.Dict[str, str]:
    """The environment variables of this process itself."""
    return dict(os.environ)


def own_uid() -> int:
    """The number of the user that this process runs as."""
    return os.geteuid()


def _link(path: str) -> t.Optional[str]:
    try:
        return os.readlink(path)
    except OSError:  # a kernel thread, another user's process, or one that has ended
        return None


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read(MAX_ENVIRONMENT_BYTES)
    except OSError:
        return b""


__all__ = (
    "Process",
    "ProcessTable",
    "list_processes",
    "own_environment",
    "own_uid",
    "own_variables",
    "owner_of",
    "parse_environment",
    "root_of",
    "sees_our_files",
)
