# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The processes that use a prefix now: those that run from it, and package managers at work on it."""

from __future__ import annotations

import contextlib
import os
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import on_one_line

_MAX_NAME = 255
MAX_COMMAND_BYTES = 16384
MAX_MAPS_BYTES = 1024 * 1024
# Programs that change an environment, as the name of the program or of the script that Python runs.
_MANAGER = re.compile(r"^(?:conda|mamba|micromamba|pip[0-9.]*|uv|pixi|conda-env)$")
# Of these the ones that have caches of conda's packages.
_CACHE_USER = re.compile(r"^(?:conda|mamba|micromamba|conda-env)$")

# What does nothing to a cache: C(conda run) lives as long as what it has started.
_WAITS = re.compile(r"^(?:run|shell\..*|activate|deactivate)$")


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


def managers_at_work(
    uids: t.Optional[t.Container[int]],
    *,
    spared: t.Callable[[str, int], bool] = lambda base, uid: False,
    variable: str = "CONDA_PKGS_DIRS",
) -> t.List[Use]:
    """The processes of conda and mamba that can be working on a package cache now.

    :param uids: the users who can reach the cache; None for all.
    :param spared: tells whether the conda of a base prefix has other caches for a user, by its number. It is not asked
        where a variable of the process names some.
    """
    ignored, found = _own_line(), []
    try:
        numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
    for pid in numbers:
        place = "/proc/%d" % pid
        try:
            uid = os.stat(place).st_uid
            if pid in ignored or (uids is not None and uid not in uids) or _is_elsewhere(place):
                continue
            with open(place + "/cmdline", "rb") as stream:
                words = [os.fsdecode(word) for word in stream.read(MAX_COMMAND_BYTES).split(b"\0")]
        except OSError:
            continue
        name = _manager(words[0], words) if words[0] else None
        if name is None or not _CACHE_USER.match(name) or _WAITS.match(_command(words)):
            continue
        if variable in _variables(place) or not spared(_base_of(words), uid):
            found.append(Use(pid, uid, on_one_line(name)[:_MAX_NAME], "manager"))
    return found


def opened_below(places: t.Iterable[str]) -> t.Set[str]:
    """Of some paths, those that a process has open, or anything below them; what may not be seen does not count."""
    wanted, found = set(places), set()
    try:
        numbers = [name for name in os.listdir("/proc") if name.isdigit()] if wanted else []
    except OSError:
        return wanted
    for number in numbers:
        folder = "/proc/%s/fd" % number
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in names:
            with contextlib.suppress(OSError):
                path = os.readlink("%s/%s" % (folder, name))
                found.update(place for place in wanted if path == place or path.startswith(place + "/"))
    return found


def _command(words: t.Sequence[str]) -> str:
    """What a command line tells conda to do: the first word after the program that is no option."""
    after = 1 if _manager(words[0], ()) else 3 if words[1:2] == ["-m"] else 2
    return next((word for word in words[after:] if not word.startswith("-")), "")


def _is_elsewhere(place: str) -> bool:
    """Whether a process sees other mounts than this one, as in a container; what cannot be told is here."""
    try:
        return os.readlink(place + "/ns/mnt") != os.readlink("/proc/self/ns/mnt")
    except OSError:
        return False


def _base_of(words: t.Sequence[str]) -> str:
    """The base prefix of the conda that a command line starts, as its program lies in C(bin) or C(condabin)."""
    program = words[0] if _manager(words[0], ()) or words[1:2] == ["-m"] else words[1]
    return os.path.dirname(os.path.dirname(program))


def _variables(place: str) -> str:
    try:
        with open(place + "/environ", "rb") as stream:
            return os.fsdecode(stream.read(MAX_MAPS_BYTES))
    except OSError:
        return ""


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


__all__ = ("Use", "Uses", "managers_at_work", "opened_below", "uses_of")
