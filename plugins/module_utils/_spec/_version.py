# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Read and order conda versions (CEP 33) as conda 26.7.1 does.

One difference, on purpose: a version over 255 characters is refused, since no file name holds a longer one.
"""

from __future__ import annotations

import functools
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._spec._pattern import SpecError

_MAX_VERSION = 255
_VERSION_SIGNS = re.compile(r"[*.+!_0-9a-z]+\Z")
_RUNS = re.compile(r"[0-9]+|[*]+|[^0-9*]+")

_Part = t.Union[int, float, str]
_Components = t.Tuple[t.Tuple[_Part, ...], ...]


class InvalidVersion(SpecError):
    """A text that is no conda version."""

    what = "invalid version"


@functools.total_ordering
class Version:
    """One conda version. Versions are equal, and hash alike, when conda orders neither before the other.

    :ivar text: the version as it was given.
    :ivar epoch: the number before ``!``, or 0.

    :raises InvalidVersion: when conda refuses the text, or it is over 255 characters long.
    """

    __slots__ = ("text", "_normal", "_main", "_local", "_key")

    def __init__(self, text: str) -> None:
        self.text = text
        self._normal = _normal_text(text)
        epoch, main, local = _split_version(text, self._normal)
        self._main = tuple(_component(text, part) for part in [epoch, *main])
        self._local = tuple(_component(text, part) for part in local)
        self._key = (_key_of_components(self._main), _key_of_components(self._local))

    @property
    def epoch(self) -> int:
        return t.cast(int, self._main[0][0])

    @property
    def local(self) -> str:
        """The part after ``+``, normalized, or an empty text."""
        return self._normal.partition("+")[2]

    @property
    def normal(self) -> str:
        """The text in lower case, without surrounding blanks, dashes as underscores."""
        return self._normal

    def startswith(self, prefix: Version) -> bool:
        """Tell whether the version is the prefix or goes on after it: 1.8.3 starts with 1.8, and 1.80 does not."""
        if prefix._local:
            if self._key[0] != prefix._key[0]:
                return False
            mine, theirs = self._local, prefix._local
        else:
            mine, theirs = self._main, prefix._main
        last = len(theirs) - 1
        if _key_of_components(mine[:last]) != _key_of_components(theirs[:last]):
            return False
        my_parts = mine[last] if len(mine) > last else ()
        their_parts = theirs[last]
        end = len(their_parts) - 1
        if _key_of_parts(my_parts[:end]) != _key_of_parts(their_parts[:end]):
            return False
        my_part = my_parts[end] if len(my_parts) > end else 0
        their_part = their_parts[end]
        if isinstance(their_part, str):
            return isinstance(my_part, str) and my_part.startswith(their_part)
        return my_part == their_part

    def __eq__(self, other: object) -> bool:
        return self._key == other._key if isinstance(other, Version) else NotImplemented

    def __lt__(self, other: object) -> bool:
        return self._key < other._key if isinstance(other, Version) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Version({self.text!r})"


def _normal_text(text: str) -> str:
    if len(text) > _MAX_VERSION:
        raise InvalidVersion(text[:40] + "...", f"longer than {_MAX_VERSION} characters")
    normal = text.strip().lower()
    if not normal:
        raise InvalidVersion(text, "it is empty")
    if "_" not in normal:
        normal = normal.replace("-", "_")
    if not _VERSION_SIGNS.match(normal):
        raise InvalidVersion(text, "only letters, digits and . _ + ! * (or - in place of _) are allowed")
    return normal


def _split_version(text: str, normal: str) -> t.Tuple[str, t.List[str], t.List[str]]:
    """Split into the epoch, the components of the main part and the components of the local part."""
    epoch, mark, rest = normal.rpartition("!")
    if mark and not epoch.isdigit():
        raise InvalidVersion(text, "the epoch before ! must be one whole number")
    main, mark, local = rest.partition("+")
    if "+" in local:
        raise InvalidVersion(text, "it has more than one local part after +")
    if not main:
        raise InvalidVersion(text, "there is no version before the local part")
    # A trailing underscore belongs to the last component, so that 1.0.1_ sorts before 1.0.1a (openssl).
    tail = "_" if main.endswith("_") else ""
    components = (main[:-1] if tail else main).replace("_", ".").split(".")
    components[-1] += tail
    return epoch or "0", components, local.replace("_", ".").split(".") if mark else []


def _component(text: str, component: str) -> t.Tuple[_Part, ...]:
    """Split a component into numbers and letters; it always starts with a number, 0 when none is written."""
    if not component:
        raise InvalidVersion(text, "it has an empty component")
    parts = [_part(run) for run in _RUNS.findall(component)]
    return tuple(parts if component[0].isdigit() else [0, *parts])


def _part(run: str) -> _Part:
    if run.isdigit():
        return int(run)
    if run == "post":
        return float("inf")
    return "DEV" if run == "dev" else run  # capitals sort before "_" and before all small letters


def _sort_key(signed: t.Iterable[t.Tuple[int, t.Any]]) -> t.Tuple[t.Any, ...]:
    """Build a tuple that sorts like the values would if endless zeros followed them.

    Each value comes with its sign, that is how it compares with zero. Zeros are not kept but counted in front of the
    next other value: the more of them stand before a positive value, the smaller, and the other way round.
    """
    key: t.List[t.Tuple[t.Any, ...]] = []
    zeros = 0
    for sign, value in signed:
        if sign:
            key.append((sign, -sign * zeros, value))
            zeros = 0
        else:
            zeros += 1
    key.append((0,))
    return tuple(key)


def _key_of_parts(parts: t.Iterable[_Part]) -> t.Tuple[t.Any, ...]:
    return _sort_key((-1 if isinstance(part, str) else 1 if part else 0, part) for part in parts)


def _key_of_components(components: _Components) -> t.Tuple[t.Any, ...]:
    keys = [_key_of_parts(parts) for parts in components]
    return _sort_key((key[0][0], key) for key in keys)


@functools.lru_cache(maxsize=8192)
def parse_version(text: str) -> Version:
    """Return the Version of a text; the same texts come again and again in an environment, so results are kept.

    :raises InvalidVersion: see Version.
    """
    return Version(text)


__all__ = ("InvalidVersion", "Version", "parse_version")
