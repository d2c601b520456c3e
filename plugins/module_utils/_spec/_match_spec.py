# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Read match specs (CEP 29) and judge records by them, as conda 26.7.1 does with its default parser.

Where this differs from conda, on purpose:

* An empty text and a text with a line break are refused; for conda an empty one matches every package.
* A text over 2048 characters is refused; for regular expressions see regex_test.
* A path that is not absolute, or holds a variable, is refused: what it means depends on where conda runs.
* A file name that does not read NAME-VERSION-BUILD, an empty version and the like, over which conda fails with another
  error, are refused as an InvalidMatchSpec. Matching by ``extras`` is refused, conda fails with an AttributeError.
* A URL that Python's urllib would clean or refuse (a tab, a port that is no number, a single ``[``) is read as it is.
* In a glob ``*`` also matches a line break inside a record's value.

A condition on a channel is compared without any condarc, see the util _channel: a channel at conda.anaconda.org by its
name, ``defaults`` with ``pkgs/main`` and ``pkgs/r``, any other channel by its URL without subdir, token and password.
"""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._spec._channel import Channel, parse_channel
from ansible_collections.labfleet.conda.plugins.module_utils._spec._match_text import (
    FIELDS,
    InvalidMatchSpec,
    Value,
    split_match_spec,
)
from ansible_collections.labfleet.conda.plugins.module_utils._spec._pattern import (
    SpecError,
    UnsupportedSpec,
    glob_test,
    regex_test,
)
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version_spec import BuildNumberSpec, VersionSpec

Record = t.Mapping[str, t.Any]
_Condition = t.Tuple[str, t.Callable[[t.Any], bool]]  # the canonical text, the test


class MissingField(LookupError):
    """A record lacks a field that cannot be left out, so that the spec cannot be judged: read the whole record.

    :ivar field: the name of the field.
    """

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field

    def __str__(self) -> str:
        return f"the record has no {self.field}, so that the spec cannot be judged; read the record's own file"


class MatchSpec:
    """A condition on package records such as ``conda-forge::numpy >=1.8``, ``numpy=1.7=py3*`` or ``*[license=GPL*]``.

    :ivar text: the text that was read.
    :ivar canonical: the text as conda writes it. It can hold a URL with a token: mask it before it is shown.
    :ivar name: the name in small letters, it can be a glob such as ``nump*``.
    :ivar version: the version specification as conda writes it, or None.
    :ivar build: the build string, it can be a glob; or None.
    :ivar channel: the channel's canonical name, its URL or a glob; or None.
    :ivar subdir: the subdir, or None.
    :ivar fields: the names of the record's fields that match needs. With no more than name, version and build a
        record's file name tells enough.

    :raises InvalidMatchSpec: when conda refuses the text.
    :raises UnsupportedSpec: when conda might accept it but it is not judged here, see the head of this file.
    """

    __slots__ = ("text", "canonical", "name", "version", "build", "channel", "subdir", "fields", "_tests")

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            values = split_match_spec(text)
            conditions = {field: _CONDITIONS.get(field, _exactly)(value) for field, value in values.items()}
        except SpecError as error:
            if isinstance(error, (InvalidMatchSpec, UnsupportedSpec)):
                raise
            raise InvalidMatchSpec(text, error.reason) from error
        texts = {field: condition[0] for field, condition in conditions.items()}
        self.canonical = _canonical(texts)
        self.name: str = texts["name"]
        self.version: t.Optional[str] = texts.get("version")
        self.build: t.Optional[str] = texts.get("build")
        self.channel: t.Optional[str] = texts.get("channel")
        self.subdir: t.Optional[str] = texts.get("subdir")
        self._tests = tuple((field, test) for field, (_text, test) in conditions.items() if field != "when")
        self.fields = tuple(field for field, _test in self._tests)

    @property
    def names_one_package(self) -> bool:
        """Whether the name is a plain name and no pattern."""
        return "*" not in self.name

    def match(self, record: Record) -> bool:
        """Tell whether the record meets all conditions.

        :param record: ``name``, ``version``, ``build``, ``build_number``, ``channel`` (name or URL), ``subdir``,
            ``url``, ``fn``, ``md5``, ``sha256``, ``license``, ``license_family``, ``features``, ``track_features``, as
            in a file of conda-meta. Only those in ``fields`` are looked at. Without ``channel``, ``subdir`` or ``fn``
            they are taken from ``url``; a missing md5, license and the like counts as None, as for conda.
        :raises MissingField: when the record lacks a field that has no default.
        :raises InvalidVersion: when the record's version is none.
        :raises UnsupportedSpec: when a value is too long for a regular expression.
        """
        return all(test(_READERS.get(field, _text_of)(record, field)) for field, test in self._tests)

    def __str__(self) -> str:
        return self.canonical

    def __repr__(self) -> str:
        return f"MatchSpec({self.text!r})"


@functools.lru_cache(maxsize=4096)
def parse_match_spec(text: str) -> MatchSpec:
    """Return the MatchSpec of a text, from memory when it was read before.

    :raises InvalidMatchSpec: see MatchSpec.
    :raises UnsupportedSpec: see MatchSpec.
    """
    return MatchSpec(text)


def _canonical(texts: t.Dict[str, str]) -> str:
    """Write the conditions as conda does: (channel(/subdir)::)name(version(build))[field=value,...]."""
    channel, subdir = texts.get("channel"), texts.get("subdir")
    start, brackets = "", []
    if channel is not None and not _is_pattern(channel):
        start = channel + (f"/{subdir}" if subdir else "") + "::"
    else:
        if channel not in (None, "*"):
            brackets.append(f"channel={channel}")
        if subdir:
            brackets.append(f"subdir={subdir}")
    outside, inside = _canonical_version(texts.get("version"), texts.get("build"))
    brackets += inside
    for field in FIELDS[FIELDS.index("build") + 1 :]:
        # conda leaves out what the rest of the text already tells
        told = (field == "fn" and "url" in texts) or (field == "url" and channel is not None)
        if field in texts and not told:
            value = texts[field]
            quote = "'" if any(sign in value for sign in ", =") and not value.startswith("['") else ""
            brackets.append(f"{field}={quote}{value}{quote}")
    return start + texts["name"] + outside + (f"[{','.join(brackets)}]" if brackets else "")


def _canonical_version(version: t.Optional[str], build: t.Optional[str]) -> t.Tuple[str, t.List[str]]:
    """Return what stands directly behind the name, and what goes into the brackets."""
    outside, inside, exact = "", [], False
    if not version or version == "*":
        pass
    elif any(sign in version for sign in "><$^|,") or (build and version[:2] in ("!=", "~=")):
        inside.append(f"version='{version}'")
    elif version[:2] in ("!=", "~="):
        outside = version
    elif version.endswith("*"):
        outside = "=" + (version[:-2] if version.endswith(".*") else version[:-1])
    else:
        outside, exact = version if version.startswith("==") else "==" + version, True
    if build and any(sign in build for sign in "><$^|,"):
        inside.append(f"build='{build}'")
    elif build and exact and "*" not in build:
        outside += "=" + build
    elif build:
        inside.append(f"build={build}")
    return outside, inside


def _is_pattern(text: str) -> bool:
    return "*" in text or (text.startswith("^") and text.endswith("$"))


def _exactly(value: Value) -> _Condition:
    return str(value), lambda text: text == value


def _pattern(value: str) -> _Condition:
    if value.startswith("^") and value.endswith("$"):
        return value, regex_test(value)
    return (value, glob_test(value)) if "*" in value else _exactly(value)


def _small_pattern(value: str) -> _Condition:
    return _pattern(value.lower())


def _pattern_without_case(value: str) -> _Condition:
    text, test = _pattern(value.lower())
    return text, lambda other: test(other.lower())


def _version(value: str) -> _Condition:
    spec = VersionSpec(value)
    return spec.text, spec.matches


def _build_number(value: str) -> _Condition:
    spec = BuildNumberSpec(value)
    return spec.text, spec.matches


def _channel(value: str) -> _Condition:
    if _is_pattern(value):
        # conda takes a glob for a regular expression in which only the asterisk is changed
        is_regex = value.startswith("^") and value.endswith("$")
        test = regex_test(value if is_regex else f"^(?:{value.replace('*', '.*')})$")
        return value, lambda channel: test(channel.canonical_name)
    wanted = parse_channel(value)
    if wanted.is_elsewhere:
        return wanted.base_url or wanted.canonical_name, lambda channel: channel.base_url == wanted.base_url
    return wanted.canonical_name, lambda channel: wanted.name in (channel.name, channel.canonical_name)


def _words(value: Value) -> t.Tuple[str, ...]:
    words = value.replace(" ", ",").split(",") if isinstance(value, str) else value
    return tuple(word for word in (str(word).strip() for word in words) if word)


def _features(value: Value) -> _Condition:
    wanted = frozenset(_words(value))
    return " ".join(sorted(wanted)), lambda words: frozenset(words) == wanted


def _flags(value: Value) -> _Condition:
    wanted = _words(value)
    return "[" + ", ".join(f"'{word}'" for word in sorted(wanted)) + "]", lambda words: words == wanted


def _extras(value: Value) -> _Condition:
    def test(record_value: t.Any) -> bool:
        raise UnsupportedSpec(str(value), "extras cannot be matched with a record")

    return _flags(value)[0], test


_CONDITIONS: t.Dict[str, t.Callable[[t.Any], _Condition]] = {
    "channel": _channel,
    "name": _small_pattern,
    "version": _version,
    "build": _pattern,
    "build_number": _build_number,
    "track_features": _features,
    "features": _features,
    "license": _pattern_without_case,
    "license_family": _pattern_without_case,
    "when": _pattern_without_case,
    "extras": _extras,
    "flags": _flags,
}


def _text_of(record: Record, field: str) -> str:
    value = record.get(field)
    if value is None and field in ("name", "version", "build"):
        raise MissingField(field)
    return str(value)


def _number_of(record: Record, field: str) -> int:
    value = record.get(field)
    if not isinstance(value, int):
        raise MissingField(field)
    return value


def _words_of(record: Record, field: str) -> t.Tuple[str, ...]:
    value = record.get(field) or ()
    return _words(value if isinstance(value, (list, tuple)) else str(value))


def _channel_of(record: Record, field: str) -> Channel:
    if field not in record and "url" not in record:
        raise MissingField(field)
    value = record.get(field, record.get("url"))
    return parse_channel(None if value is None else str(value))


def _subdir_of(record: Record, field: str) -> str:
    value = record.get(field)
    if value is None and record.get("url"):
        value = parse_channel(str(record["url"])).subdir
    if value is None:
        raise MissingField(field)
    return str(value)


def _fn_of(record: Record, field: str) -> str:
    value = record.get(field)
    if value is None and record.get("url"):
        value = parse_channel(str(record["url"])).filename
    return str(value) if value else "-".join(_text_of(record, part) for part in ("name", "version", "build"))


_READERS: t.Dict[str, t.Callable[[Record, str], t.Any]] = {
    "build_number": _number_of,
    "track_features": _words_of,
    "features": _words_of,
    "flags": _words_of,
    "channel": _channel_of,
    "subdir": _subdir_of,
    "fn": _fn_of,
}


__all__ = ("InvalidMatchSpec", "MatchSpec", "MissingField", "Record", "parse_match_spec")
