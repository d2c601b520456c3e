# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Replays a history: which packages it says are installed, and when (conda/history.py, construct_states)."""

from __future__ import annotations

import itertools
import re
import time
import typing as t

MAX_LINES = 200000
_LINE = re.compile(rb"[^\r\n]+")
_SUFFIXES = (".tar.bz2", ".conda")
_SIGNS = ("+", "-")


class Readings(t.NamedTuple):
    """The packages that should be there, as C(NAME-VERSION-BUILD), in the two ways to read a history.

    :param by_conda: as conda reads it: a section without packages says that nothing is installed; conda then lists
        everything as added in the next one (conda/history.py, is_diff).
    :param by_others: as it is meant by tools that write sections without packages.
    """

    by_conda: t.Set[str]
    by_others: t.Set[str]


def replay(data: bytes) -> t.Optional[Readings]:
    """What should be there.

    :param data: the content of a history file.
    :returns: None where it names no package at all, as the history of an environment that rattler made.
    """
    by_conda: t.Set[str] = set()
    by_others: t.Set[str] = set()
    section: t.List[str] = []
    named = False
    lines = (match.group() for match in _LINE.finditer(data))  # one at a time: there can be millions
    for raw in itertools.chain(itertools.islice(lines, MAX_LINES), [b"==>"]):
        line = raw.decode("utf-8", "surrogateescape").strip()
        if not line.startswith(("==>", "#")):
            if line:
                section.append(line)
        elif line.startswith("==>"):
            if section:
                named = True
                _apply(section, by_conda, by_others)
                section = []
            else:
                by_conda.clear()
    return Readings(by_conda, by_others) if named else None


def last_named(data: bytes, wanted: t.Container[str]) -> t.Dict[str, float]:
    """When a history last says of packages that they came or went, in seconds since the epoch.

    :param wanted: the packages that are asked for, as C(NAME-VERSION-BUILD).
    """
    found: t.Dict[str, float] = {}
    now = 0.0
    for match in itertools.islice(_LINE.finditer(data), MAX_LINES):
        line = match.group().decode("utf-8", "surrogateescape").strip()
        if line.startswith("==>"):
            now = _seconds(line.strip("=<> "))
        elif line and not line.startswith("#"):
            package = _package(line.lstrip("+-"))
            if package in wanted:
                found[package] = max(now, found.get(package, 0.0))
    return found


def _seconds(text: str) -> float:
    """The time that heads a section, in the host's own time zone; 0 where it is none."""
    try:
        return time.mktime(time.strptime(text, "%Y-%m-%d %H:%M:%S"))
    except (ValueError, OverflowError):
        return 0.0


def _apply(section: t.List[str], *readings: t.Set[str]) -> None:
    """Bring readings up to date by a section: one of changes, or a list of everything."""
    if not any(line.startswith(_SIGNS) for line in section):
        packages = {_package(line) for line in section}
        for reading in readings:
            reading.clear()
            reading.update(packages)
        return
    for line in section:
        if line.startswith(_SIGNS):
            package = _package(line[1:])
            for reading in readings:
                (reading.add if line[0] == "+" else reading.discard)(package)


def _package(text: str) -> str:
    """C(conda-forge/linux-64::numpy-2.3.0-py313_0), C(defaults::...), a URL or the bare name, less all but the last."""
    text = text.strip().rpartition("::")[2].rpartition("/")[2]
    for suffix in _SUFFIXES:
        if text.endswith(suffix):
            return text[: -len(suffix)]
    return text


__all__ = ("Readings", "last_named", "replay")
