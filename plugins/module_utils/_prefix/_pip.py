# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Python packages in an environment that conda did not install."""

from __future__ import annotations

import functools
import re
import typing as t

_METADATA = re.compile(r"^(?P<name>.+?)-(?P<version>[^-]+?)(?:-py\d[^-]*(?:-[^-]+)?)?\.(?P<kind>dist-info|egg-info)$")
_SEPARATORS = re.compile(r"-+")


class Distribution(t.NamedTuple):
    """One metadata directory of site-packages: project name and version as its name tells them, and the directory."""

    name: str
    version: str
    directory: str


class PipPackage(t.NamedTuple):
    """One Python package that some installer other than conda put there; an unknown installer is None."""

    name: str
    version: str
    installer: t.Optional[str]


@functools.lru_cache(maxsize=4096)
def normalize(name: str) -> str:
    """The normal form of a Python project's name (PEP 503)."""
    name = name.lower().replace("_", "-").replace(".", "-")
    return _SEPARATORS.sub("-", name) if "--" in name else name


def distributions(names: t.Iterable[str]) -> t.List[Distribution]:
    """The metadata directories among the names of a site-packages directory, sorted."""
    found = (_distribution(name) for name in names if name.endswith("-info"))
    return sorted(item for item in found if item is not None)


@functools.lru_cache(maxsize=4096)  # environments hold much the same
def _distribution(directory: str) -> t.Optional[Distribution]:
    match = _METADATA.match(directory)
    return Distribution(match.group("name"), match.group("version"), directory) if match else None


def not_from_records(found: t.Iterable[Distribution], records: t.Iterable[t.Tuple[str, str]]) -> t.List[Distribution]:
    """The distributions that no record explains by the same name and version; only these need a closer look.

    :param records: name and version of each record.
    """
    known: t.Dict[str, t.Set[str]] = {}
    for name, version in records:
        known.setdefault(normalize(name), set()).add(version)
    return [item for item in found if item.version not in known.get(normalize(item.name), ())]


def parse_installer(data: bytes) -> t.Optional[str]:
    """The content of an INSTALLER file (PEP 376): one word, such as C(pip), C(uv) or C(conda)."""
    word = data.decode("utf-8", "replace").strip()
    return word.lower() if re.match(r"^[A-Za-z0-9_.-]{1,40}$", word) else None


__all__ = ("Distribution", "PipPackage", "distributions", "normalize", "not_from_records", "parse_installer")
