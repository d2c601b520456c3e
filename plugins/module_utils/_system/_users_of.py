# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The processes that use a prefix now: those that run from it, and package managers at work on it."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import on_one_line

_MAX_NAME = 255
MAX_COMMAND_BYTES = 16384
MAX_MAPS_BYTES = 1024 * 1024
# Programs that change an environment, as the name of the program or of the script that Python runs.
_MANAGER = re.compile(r"^(?:conda|mamba|micromamba|pip[0-9.]*|uv|pixi|conda-env)$")


class Use(t.NamedTuple):
    """One process that uses a prefix.

    :param how: C(manager): it may be changing an environment; C(program): it runs from the prefix; C(library): it has
        loaded a file of the prefix; C(directory): it works in a directory of the prefix.
    :param program: the name of what runs, without arguments, which may hold secrets.
    """

    pid: int
    uid: int
    program: str
    how: str


class Uses(t.NamedTuple):
    """The processes that use a prefix, and how many processes could not be looked at."""

    found: t.List[Use]
    hidden: int


def uses_of(prefix: str, *, apart: t.Iterable[str] = ()) -> Uses:
    """Look for processes that use a prefix.

    :param prefix: its real path.
    :param apart: directories below it that do not count, such as C(envs).
    """
    inside = _Inside(prefix, apart)
    ignored = _own_line()
    found: t.List[Use] = []
    hidden = 0
    try:
        numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:  # no /proc: nothing can be told
        return Uses([], 1)
    for pid in numbers:
        if pid in ignored:
            continue
        try:
            use = _use(pid, inside)
        except PermissionError:
            hidden += 1
            continue
        except OSError:  # it has ended, or is a kernel thread
            continue
        if use is not None:
            # Whoever starts a process chooses its name.
            found.append(use._replace(program=on_one_line(use.program)[:_MAX_NAME]))
    return Uses(found, hidden)


class _Inside:
    """Tells whether a path lies in a prefix and not in what is apart."""

    def __init__(self, prefix: str, apart: t.Iterable[str]) -> None:
        self.prefix = prefix.rstrip("/")
        self._start = self.prefix + "/"
        self._apart = tuple("%s/%s/" % (self.prefix, name.strip("/")) for name in apart)

    def __call__(self, path: str) -> bool:
        return path.startswith(self._start) and not path.startswith(self._apart)

    def in_text(self, text: str) -> bool:
        """Whether a map of memory names a file of the prefix."""
        return self._start in text and any(self(line[line.find("/") :]) for line in text.split("\n") if "/" in line)


def _own_line() -> t.Set[int]:
    """This process and those that it descends from."""
    line: t.Set[int] = set()
    pid = os.getpid()
    while pid > 1 and pid not in line:
        line.add(pid)
        try:
            with open("/proc/%d/stat" % pid, "rb") as stream:
                pid = int(stream.read(4096).rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            break
    return line


def _use(pid: int, inside: _Inside) -> t.Optional[Use]:
    place = "/proc/%d" % pid
    uid = os.stat(place).st_uid
    program = os.readlink(place + "/exe").replace(" (deleted)", "")
    with open(place + "/cmdline", "rb") as stream:
        words = [os.fsdecode(word) for word in stream.read(MAX_COMMAND_BYTES).split(b"\0")]
    manager = _manager(program, words)
    from_prefix = inside(program)
    if manager and (from_prefix or inside.prefix in words or any(inside(word) for word in words)):
        return Use(pid, uid, manager, "manager")
    name = os.path.basename(program)
    if from_prefix:
        return Use(pid, uid, name, "program")
    with open(place + "/maps", "rb") as stream:
        if inside.in_text(os.fsdecode(stream.read(MAX_MAPS_BYTES))):
            return Use(pid, uid, name, "library")
    return Use(pid, uid, name, "directory") if inside(os.readlink(place + "/cwd") + "/") else None


def _manager(program: str, words: t.Sequence[str]) -> t.Optional[str]:
    """The package manager that a process is, from its program and the first words of its command line."""
    names = [os.path.basename(program)]
    names += [os.path.basename(word) for word in words[1:2]]
    if words[1:2] == ["-m"]:
        names += [word.split(".")[0] for word in words[2:3]]
    if words[1:2] == ["-c"]:  # a conda that was started by us: its program follows the text that Python runs
        names += [os.path.basename(word) for word in words[3:4]]
    return next((name for name in names if _MANAGER.match(name)), None)


__all__ = ("Use", "Uses", "uses_of")
