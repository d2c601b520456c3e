# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The order of the versions of Python projects (PEP 440), as far as it decides whether a requirement is met."""

from __future__ import annotations

import functools
import re
import typing as t

_VERSION = re.compile(
    r"\s*v?(?:(?P<epoch>[0-9]+)!)?(?P<release>[0-9]+(?:\.[0-9]+)*)"
    r"(?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_number>[0-9]*))?"
    r"(?P<post>-(?P<post_bare>[0-9]+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_number>[0-9]*))?"
    r"(?P<dev>[-_.]?dev[-_.]?(?P<dev_number>[0-9]*))?"
    r"(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?\s*\Z",
    re.IGNORECASE,
)
_PRE = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}
_FIRST: t.Tuple[t.Any, ...] = (-1,)
_LAST: t.Tuple[t.Any, ...] = (9,)


class PythonVersion(t.NamedTuple):
    """A version.

    :ivar public: epoch, release without zeros at its end, and the keys of pre-, post- and dev-release.
    :ivar local: what stands behind the plus.
    """

    public: t.Tuple[t.Any, ...]
    local: t.Tuple[t.Any, ...]
    release: t.Tuple[int, ...]
    epoch: int

    @property
    def is_pre(self) -> bool:
        return self.public[2] not in (_LAST,) or self.public[4] != _LAST

    @property
    def is_post(self) -> bool:
        return self.public[3] != _FIRST


@functools.lru_cache(maxsize=4096)
def parse_python_version(text: str) -> t.Optional[PythonVersion]:
    """Read a version; None where it is none."""
    match = _VERSION.match(text)
    if not match:
        return None
    release = tuple(int(part) for part in match.group("release").split("."))
    trimmed = list(release)
    while len(trimmed) > 1 and trimmed[-1] == 0:
        trimmed.pop()
    epoch = int(match.group("epoch") or 0)
    has_post = match.group("post") is not None
    post = int(match.group("post_bare") or match.group("post_number") or 0)
    dev = (0, int(match.group("dev_number") or 0)) if match.group("dev") is not None else _LAST
    if match.group("pre"):
        name = match.group("pre").lower()
        pre: t.Tuple[t.Any, ...] = (0, _PRE.get(name, name), int(match.group("pre_number") or 0))
    else:
        pre = _FIRST if not has_post and dev != _LAST else _LAST
    public = (epoch, tuple(trimmed), pre, (0, post) if has_post else _FIRST, dev)
    words = re.split(r"[-_.]", (match.group("local") or "").lower())
    local = tuple((1, int(word), "") if word.isdigit() else (0, 0, word) for word in words if word)
    return PythonVersion(public, local, release, epoch)


def meets(installed: str, operator: str, wanted: str) -> t.Optional[bool]:
    """Whether a version meets a clause; None where one of both is no version."""
    here = parse_python_version(installed)
    if operator == "===":
        return installed.strip().lower() == wanted.strip().lower()
    there = parse_python_version(wanted[:-2] if wanted.endswith(".*") else wanted)
    if here is None or there is None or (wanted.endswith(".*") and operator not in ("==", "!=")):
        return None
    if operator in ("==", "!="):
        return _is_equal(here, there, wanted) == (operator == "==")
    if operator == "~=":
        series = _starts_with(here, there._replace(release=there.release[:-1]))
        return here.public >= there.public and series if len(there.release) > 1 else None
    if operator in ("<=", ">="):
        return here.public <= there.public if operator == "<=" else here.public >= there.public
    if operator == "<":
        # No pre-release of the version itself.
        same = 4 if there.is_post else 2
        is_its_own = here.is_pre and not there.is_pre and here.public[:same] == there.public[:same]
        return here.public < there.public and not is_its_own
    # No post-release of it, and none that differs in the local part alone.
    is_its_own = here.is_post and not there.is_post and here.public[:3] == there.public[:3]
    return here.public > there.public and not is_its_own


def _is_equal(here: PythonVersion, there: PythonVersion, wanted: str) -> bool:
    if wanted.endswith(".*"):
        return _starts_with(here, there)
    return here.public == there.public and (not there.local or here.local == there.local)


def _starts_with(here: PythonVersion, there: PythonVersion) -> bool:
    size = len(there.release)
    padded = here.release + (0,) * (size - len(here.release))
    return here.epoch == there.epoch and padded[:size] == there.release


__all__ = ("PythonVersion", "meets", "parse_python_version")
