# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Take the text of a match spec apart into the values of its fields, as conda 26.7.1 does with its default parser."""

from __future__ import annotations

import posixpath
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._spec._channel import (
    PACKAGE_SUFFIXES,
    has_scheme,
    is_package,
    parse_channel,
    path_to_url,
    percent_decoded,
)
from ansible_collections.labfleet.conda.plugins.module_utils._spec._pattern import SpecError, UnsupportedSpec

FIELDS = (  # in the order in which the canonical text lists those that have no place of their own
    "channel",
    "subdir",
    "name",
    "version",
    "build",
    "build_number",
    "track_features",
    "features",
    "url",
    "md5",
    "sha256",
    "license",
    "license_family",
    "fn",
    "when",
    "extras",
    "flags",
)
_NO_CONDITIONS = ("optional", "target")  # keys that conda keeps beside the conditions
_MAX_TEXT = 2048

_BRACKET_ITEM = re.compile(r"""([A-Za-z0-9_-]+)=(?:"([^'"]*)"|'([^'"]*)'|([^'", ]*))(?=[, ]|$)""")
_NAME_SIGNS = re.compile(r"[a-z0-9._-]+\Z")
_NAME = re.compile(r"(?:__[a-z0-9]|_(?!_)|[a-z0-9])[._-]?(?:[a-z0-9]+[._-])*[a-z0-9]*\Z")
_NAME_END = re.compile(r"[ =<>!~]")
_NEVER_IN_BUILD = "-=,|<>~"
_NEVER_BEFORE_BUILD = "=!|,<>~"

Value = t.Union[str, t.Tuple[str, ...]]
Values = t.Dict[str, Value]


class InvalidMatchSpec(SpecError):
    """A text that is no match spec."""

    what = "invalid match spec"


def split_match_spec(text: str) -> Values:
    """Return the value of each field that the text sets, the name among them; no value is checked but the name.

    :raises InvalidMatchSpec: when the text cannot be taken apart.
    :raises UnsupportedSpec: for a path that depends on where conda runs, and a text over 2048 characters.
    """
    if len(text) > _MAX_TEXT:
        raise UnsupportedSpec(text[:40] + "...", f"longer than {_MAX_TEXT} characters")
    if not text or "\n" in text:
        raise InvalidMatchSpec(text, "it has a line break" if text else "it is empty")
    if text.endswith("@"):  # the old way to ask for a feature
        return {"name": "*", "track_features": (text[:-1],)}
    rest = text.partition("#")[0].partition(" if ")[0]
    if is_package(rest):
        return _split_package(text, rest)
    rest, brackets = _take_brackets(text, rest)
    opened = _outer("(", ")", rest)
    if opened:  # conda drops what stands in parentheses outside of brackets
        rest = rest.replace(opened, "")
    place, rest = _split_namespace(rest)
    channel, subdir = _split_channel(place)
    if "channel" in brackets:
        own_channel, own_subdir = _split_channel(brackets.pop("channel"))
        channel, subdir = own_channel or channel, own_subdir or subdir
    subdir = brackets.pop("subdir", subdir)
    brackets.pop("name", None)  # else the text would seem to name another package than it does
    name, version, build = _split_name(text, rest)
    values = {"name": name, "channel": channel, "subdir": subdir, "version": version, "build": build}
    return {**{field: value for field, value in values.items() if value is not None}, **brackets}


def _outer(opening: str, closing: str, text: str) -> str:
    """Return the text from the last opening sign that is closed to the last closing sign, or an empty text."""
    end = text.rfind(closing)
    start = text.rfind(opening, 0, max(end, 0))
    return text[start : end + 1] if start >= 0 else ""


def _take_brackets(text: str, rest: str) -> t.Tuple[str, t.Dict[str, str]]:
    values: t.Dict[str, str] = {}
    section = _outer("[", "]", rest)
    for found in _BRACKET_ITEM.finditer(section[1:-1]):
        field = found.group(1)
        value = found.group(2) or found.group(3) or found.group(4)
        if not value:
            raise InvalidMatchSpec(text, f"the key {field} has no value")
        if field in FIELDS:
            values[field] = _without_equals(value, build=None) if field == "version" else value
        elif field not in _NO_CONDITIONS:
            raise InvalidMatchSpec(text, f"there is no field {field} to match on")
    return rest.replace(section, "") if section else rest, values


def _split_namespace(rest: str) -> t.Tuple[str, str]:
    """Split CHANNEL:NAMESPACE:REST; conda ignores the namespace."""
    parts = rest.rsplit(":", 2)
    return (parts[0] if len(parts) == 3 else ""), parts[-1]


def _split_channel(place: str) -> t.Tuple[t.Optional[str], t.Optional[str]]:
    """Split into channel and subdir; a URL stays a URL unless it is one at conda.anaconda.org."""
    if not place:
        return None, None
    channel = parse_channel(place)
    if has_scheme(place) and channel.is_elsewhere:
        return channel.base_url or channel.canonical_name, channel.subdir
    return channel.canonical_name, channel.subdir


def _split_name(text: str, rest: str) -> t.Tuple[str, t.Optional[str], t.Optional[str]]:
    """Split NAME VERSION BUILD, in any of the ways to write it."""
    end = _NAME_END.search(rest)
    name, rest = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    if not name:
        raise InvalidMatchSpec(text, "it has no package name")
    _check_name(text, name)
    rest = rest.strip() if len(rest) > 1 else ""  # conda ignores a single sign: "numpy=" is "numpy"
    if not rest:
        return name, None, None
    if "[" in rest:
        raise InvalidMatchSpec(text, "a bracket is not closed, or there is more than one pair of them")
    version, build = _split_build(rest)
    return name, _without_equals(version, build=build), build


def _check_name(text: str, name: str) -> None:
    """Check the name by CEP 26; conda does not check one with a glob."""
    if "*" in name:
        return
    if not _NAME_SIGNS.match(name.lower()):
        raise InvalidMatchSpec(text, "a package name has only letters, digits and . _ -")
    if not _NAME.match(name.lower()):
        raise InvalidMatchSpec(text, "a package name starts with a letter, digit or _ and has no two of . _ - in a row")


def _split_build(rest: str) -> t.Tuple[str, t.Optional[str]]:
    """Split VERSION BUILD or VERSION=BUILD at the first place behind which all can be a build string."""
    first = max(1, *(rest.rfind(sign) for sign in _NEVER_IN_BUILD))
    for place in range(first, len(rest) - 1):
        if rest[place] in " =" and rest[place - 1] not in _NEVER_BEFORE_BUILD:
            return rest[:place].replace(" ", ""), rest[place + 1 :].strip()
    return rest.replace(" ", ""), None


def _without_equals(version: str, *, build: t.Optional[str]) -> str:
    """Turn ``=1.8`` into ``1.8*`` and ``==1.8`` into ``1.8``; before a build string both become ``1.8``."""
    if version in ("=", "==") or not version.startswith("="):
        return version
    bare = version.lstrip("=")
    if version.startswith("==") and build is None:
        return bare
    if any(sign in bare for sign in "=,|"):
        return version
    return bare if build is not None or bare.endswith("*") else bare + "*"


def _split_package(text: str, place: str) -> Values:
    """Take the URL or the absolute path of a package file apart."""
    url = place if has_scheme(place) else percent_decoded(path_to_url(place))
    channel = parse_channel(url)
    if not channel.subdir:
        path = percent_decoded(url) if url.startswith("file://") else url
        return {"name": "*", "fn": posixpath.basename(path), "url": url}
    filename = channel.filename or ""
    suffix = next((end for end in PACKAGE_SUFFIXES if filename.lower().endswith(end)), "")
    parts = filename[: len(filename) - len(suffix)].rsplit("-", 2)
    if len(parts) != 3:
        raise InvalidMatchSpec(text, "the name of a package file must be NAME-VERSION-BUILD")
    return {
        "channel": channel.canonical_name,
        "subdir": channel.subdir,
        "name": parts[0],
        "version": parts[1],
        "build": parts[2],
        "fn": filename,
        "url": url,
    }


__all__ = ("FIELDS", "InvalidMatchSpec", "Value", "Values", "split_match_spec")
