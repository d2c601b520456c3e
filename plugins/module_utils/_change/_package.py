# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A package as the answers of the tools name it: in a text, or in a map with the keys of one version or another."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import Record, RecordName
from ansible_collections.labfleet.conda.plugins.module_utils._spec._channel import PACKAGE_SUFFIXES, parse_channel
from ansible_collections.labfleet.conda.plugins.module_utils._spec._pattern import UnsupportedSpec
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import InvalidVersion, parse_version

NamedPackage = t.Union["Package", Record, RecordName]


class Package(t.NamedTuple):
    """One package; what an answer does not tell is None. The URLs can hold tokens: mask them before they are shown."""

    name: str
    version: str
    build: str
    build_number: t.Optional[int] = None
    channel: t.Optional[str] = None
    subdir: t.Optional[str] = None
    url: t.Optional[str] = None
    size: t.Optional[int] = None
    md5: t.Optional[str] = None
    sha256: t.Optional[str] = None
    depends: t.Tuple[str, ...] = ()


def parse_package(value: t.Any) -> t.Optional[Package]:
    """Read a package from an answer; None where it is none.

    The texts are ``name-version-build``, with ``channel::`` in front from 4.3, and a number behind in 4.2.
    """
    if isinstance(value, str):
        return _from_text(value)
    if not isinstance(value, dict):
        return None
    name, version = _text(value, "name"), _text(value, "version")
    build = _text(value, "build") or _text(value, "build_string")
    if name is None or version is None or build is None:
        return _from_text(value["dist_name"]) if isinstance(value.get("dist_name"), str) else None
    return Package(
        name=name,
        version=version,
        build=build,
        build_number=_number(value, "build_number"),
        channel=_text(value, "full_channel") or _text(value, "base_url") or _text(value, "channel"),
        subdir=_text(value, "subdir") or _text(value, "platform"),
        url=_text(value, "url"),
        size=_number(value, "size"),
        md5=_text(value, "md5"),
        sha256=_text(value, "sha256"),
        depends=_texts(value, "depends"),
    )


def parse_packages(value: t.Any) -> t.Tuple[Package, ...]:
    """Read a list of packages, without what is none."""
    packages = [parse_package(item) for item in value] if isinstance(value, list) else []
    return tuple(package for package in packages if package is not None)


def channel_of(package: NamedPackage) -> t.Optional[str]:
    """The canonical name of the channel that a package comes from; None where that is not known."""
    source = getattr(package, "url", None) or getattr(package, "channel", None)
    try:
        return parse_channel(source).canonical_name if source else None
    except UnsupportedSpec:
        return None


def by_version(packages: t.Iterable[Package]) -> t.List[Package]:
    """The packages with the oldest version first.

    conda 26.7 answers a search in the order of the texts, 25.11.1 before 25.5.1. A version that is none comes first.
    """
    return sorted(packages, key=_version_key)


def _version_key(package: Package) -> t.Tuple[t.Any, ...]:
    try:
        return (True, parse_version(package.version), package.build_number or 0, package.build)
    except InvalidVersion:
        return (False, 0, package.build_number or 0, package.build)


def _from_text(text: str) -> t.Optional[Package]:
    words = text.split()
    channel, _colons, name = (words[0] if words else "").rpartition("::")
    for suffix in PACKAGE_SUFFIXES:
        name = name[: -len(suffix)] if name.endswith(suffix) else name
    parts = name.rsplit("-", 2)
    if len(parts) != 3 or not all(parts):
        return None
    return Package(*parts, channel=channel or None)


def _text(value: t.Mapping[str, t.Any], key: str) -> t.Optional[str]:
    text = value.get(key)
    return text if isinstance(text, str) and text else None


def _texts(value: t.Mapping[str, t.Any], key: str) -> t.Tuple[str, ...]:
    texts = value.get(key)
    return tuple(text for text in texts if isinstance(text, str)) if isinstance(texts, list) else ()


def _number(value: t.Mapping[str, t.Any], key: str) -> t.Optional[int]:
    number = value.get(key)
    return number if isinstance(number, int) and not isinstance(number, bool) else None


__all__ = ("NamedPackage", "Package", "by_version", "channel_of", "parse_package", "parse_packages")
