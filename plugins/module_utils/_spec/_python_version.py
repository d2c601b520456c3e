# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The order of the versions of Python packages, and their specifiers (PEP 440), for hosts without the library for it.

A pre-release that is installed meets a specifier like any other version: that is how pip judges what is there.
"""

from __future__ import annotations

import re
import typing as t

_VERSION = re.compile(
    r"\s*v?(?:(?P<epoch>[0-9]+)!)?(?P<release>[0-9]+(?:\.[0-9]+)*)"
    r"(?:[-_.]?(?P<pre>alpha|beta|preview|pre|a|b|c|rc)[-_.]?(?P<pre_number>[0-9]*))?"
    r"(?P<post>-(?P<post_plain>[0-9]+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_number>[0-9]*))?"
    r"(?P<dev>[-_.]?dev[-_.]?(?P<dev_number>[0-9]*))?"
    r"(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?\s*\Z",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"\s*(~=|===|==|!=|<=|>=|<|>)\s*(\S+)\s*\Z")
_PRE = {"alpha": "a", "a": "a", "beta": "b", "b": "b", "c": "rc", "pre": "rc", "preview": "rc", "rc": "rc"}
_FIRST, _LAST = -1, 1 << 62
_NO_PRE = ("~", 0)


class InvalidPythonVersion(ValueError):
    """A text that is no version, or no specifier, of PEP 440."""


class PythonVersion(t.NamedTuple):
    """A version; the order of the fields is the order of versions."""

    epoch: int
    release: t.Tuple[int, ...]
    pre: t.Tuple[t.Any, ...]
    post: int
    dev: int
    local: t.Tuple[t.Tuple[int, t.Any], ...]

    @property
    def public(self) -> PythonVersion:
        return self._replace(local=())

    @property
    def is_pre(self) -> bool:
        return self.pre != _NO_PRE or self.dev != _LAST


def parse_python_version(text: str) -> PythonVersion:
    """Read a version.

    :raises InvalidPythonVersion: it is none.
    """
    found = _VERSION.match(text)
    if not found:
        raise InvalidPythonVersion("%r is no version of a Python package" % text)
    release = tuple(int(part) for part in found.group("release").split("."))
    while len(release) > 1 and release[-1] == 0:
        release = release[:-1]
    post = int(found.group("post_plain") or found.group("post_number") or 0) if found.group("post") else _FIRST
    dev = int(found.group("dev_number") or 0) if found.group("dev") else _LAST
    if found.group("pre"):
        pre: t.Tuple[t.Any, ...] = (_PRE[found.group("pre").lower()], int(found.group("pre_number") or 0))
    else:  # a version that is only a development of the release comes before its pre-releases, all others after them
        pre = ("", 0) if post == _FIRST and dev != _LAST else _NO_PRE
    local = tuple(
        (1, int(part)) if part.isdigit() else (0, part.lower())
        for part in re.split("[-_.]", found.group("local") or "")
        if part
    )
    return PythonVersion(int(found.group("epoch") or 0), release, pre, post, dev, local)


class Specifiers:
    """A set of conditions such as C(>=2.1,<3,!=2.4.*); an empty text is met by every version.

    :raises InvalidPythonVersion: it is none.
    """

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self._tests = [_test(clause) for clause in self.text.split(",") if clause.strip()]

    def is_met_by(self, version: str) -> bool:
        """Whether an installed version meets them; one that PEP 440 does not know meets only what names it exactly."""
        return all(test(version) for test in self._tests)


def _test(clause: str) -> t.Callable[[str], bool]:
    found = _CLAUSE.match(clause)
    if not found:
        raise InvalidPythonVersion("%r is no condition on the version of a Python package" % clause.strip())
    operator, text = found.groups()
    if operator == "===":
        return lambda version: version.strip().lower() == text.lower()
    if text.endswith(".*"):
        if operator not in ("==", "!="):
            raise InvalidPythonVersion("%r: only == and != take a version with .*" % clause.strip())
        wanted = parse_python_version(text[:-2])
        return _guarded(lambda version: _starts(version, text[:-2], wanted) == (operator == "=="), operator)
    wanted = parse_python_version(text)
    if operator == "~=":
        return _guarded(_compatible(text, wanted), operator)
    return _guarded(lambda version: _compare(version, operator, wanted), operator)


def _guarded(test: t.Callable[[PythonVersion], bool], operator: str) -> t.Callable[[str], bool]:
    def judge(text: str) -> bool:
        try:
            return test(parse_python_version(text))
        except InvalidPythonVersion:
            return operator == "!="

    return judge


def _parts(text: str) -> t.List[int]:
    found = _VERSION.match(text)
    return [int(part) for part in found.group("release").split(".")] if found else []


def _starts(version: PythonVersion, text: str, wanted: PythonVersion) -> bool:
    """Whether a version begins with the release of another, as it is written."""
    count = len(_parts(text))
    padded = (*version.release, *([0] * count))[:count]
    return version.epoch == wanted.epoch and list(padded) == _parts(text)


def _compatible(text: str, wanted: PythonVersion) -> t.Callable[[PythonVersion], bool]:
    parts = _parts(text)
    if len(parts) < 2:
        raise InvalidPythonVersion("~=%s: it needs two numbers at least, as in ~=2.1" % text)
    series = "%d!%s" % (wanted.epoch, ".".join(map(str, parts[:-1])))
    return lambda version: version.public >= wanted and _starts(version, series, wanted)


def _compare(version: PythonVersion, operator: str, wanted: PythonVersion) -> bool:
    public = version.public
    if operator in ("==", "!="):
        is_same = (version if wanted.local else public) == wanted
        return is_same == (operator == "==")
    if operator == "<=":
        return public <= wanted
    if operator == ">=":
        return public >= wanted
    if operator == "<":  # a pre-release of the very version does not count as before it
        whole = public._replace(pre=_NO_PRE, dev=_LAST, post=public.post if public.pre == _NO_PRE else _FIRST)
        return public < wanted and (wanted.is_pre or not public.is_pre or whole != wanted)
    bare = public._replace(post=_FIRST, dev=_LAST)  # nor a post-release as after it
    return public > wanted and (wanted.post != _FIRST or public.post == _FIRST or bare != wanted)


__all__ = ("InvalidPythonVersion", "PythonVersion", "Specifiers", "parse_python_version")
