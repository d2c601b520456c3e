# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What is different in a container from its image: environments, their packages and pins, and files of settings."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc import CondarcFile
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._pip import normalize
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import Record, RecordName, channel_name
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._yaml_write import plain
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import clean

ADDED, CHANGED, REMOVED = "added", "changed", "removed"
TOOLS = ("conda", "mamba", "micromamba", "conda-libmamba-solver", "libmambapy")

_Map = t.Dict[str, t.Any]
_T = t.TypeVar("_T")


def environment_drift(before: t.Optional[Environment], after: t.Optional[Environment]) -> t.Optional[_Map]:
    """What is different in one environment; None where nothing is.

    :param before: as it is in the image; None where it is not there.
    :param after: as it is in the container.
    """
    found: _Map = {
        "change": _change(before, after),
        "packages": _each(_packages(before), _packages(after), _differ, _plain_package),
        "pip_packages": _each(_pip(before), _pip(after), lambda one, other: one != other, str),
        "pinned": None,
        "complete": _is_complete(before) and _is_complete(after),
    }
    pins = before.pinned if before else [], after.pinned if after else []
    if pins[0] != pins[1]:
        found["pinned"] = {"before": pins[0], "after": pins[1]}
    if before and after and not found["packages"] and not found["pip_packages"] and found["pinned"] is None:
        return None if found["complete"] else dict(found, change="unknown")
    return found


def settings_drift(path: str, before: t.Optional[CondarcFile], after: t.Optional[CondarcFile]) -> t.Optional[_Map]:
    """What is different in one file of settings; None where nothing is.

    :param before: None where the image has no such file.
    """
    changes = _each(_settings(before), _settings(after), lambda one, other: one != other, lambda value: value)
    for item in changes:  # here a secret does not stand under its name, by which it is known as one
        for side in ("before", "after"):
            item[side] = clean({item["name"]: item[side]}).popitem()[1]
    complete = all(item is None or item.readable for item in (before, after))
    if before and after and not changes and complete:
        return None
    change = _change(before, after) if changes or not (before and after) else "unknown"
    return {"path": path, "change": change, "settings": changes, "complete": complete}


def cut_short(environments: t.Sequence[_Map], most: int) -> t.List[str]:
    """Leave out what is more than so many changes of packages; whoever works in a container can make any number.

    :returns: the prefixes where something was left out.
    """
    cut = []
    for environment in environments:
        for key in ("packages", "pip_packages"):
            if len(environment[key]) > most:
                del environment[key][most:]
                environment["complete"] = False
                cut.append(environment["prefix"])
            most -= len(environment[key])
    return list(dict.fromkeys(cut))


def tools_drift(environments: t.Iterable[_Map]) -> t.List[_Map]:
    """The tools whose version is another, by the packages of environments that are not the same."""
    return [
        {
            "prefix": environment["prefix"],
            "name": package["name"],
            "before": package["before"] and package["before"]["version"],
            "after": package["after"] and package["after"]["version"],
        }
        for environment in environments
        for package in environment["packages"]
        if package["name"] in TOOLS and _version(package["before"]) != _version(package["after"])
    ]


def _version(package: t.Optional[_Map]) -> t.Optional[str]:
    return package["version"] if package else None


def _each(
    before: t.Mapping[str, _T],
    after: t.Mapping[str, _T],
    differ: t.Callable[[_T, _T], bool],
    show: t.Callable[[_T], t.Any],
) -> t.List[_Map]:
    """Each entry of two maps that is not in both, or not the same."""
    found = []
    for name in sorted({*before, *after}):
        if name in before and name in after and not differ(before[name], after[name]):
            continue
        change = ADDED if name not in before else REMOVED if name not in after else CHANGED
        shown = {"before": show(before[name]) if name in before else None}
        shown["after"] = show(after[name]) if name in after else None
        found.append({"name": name, "change": change, **shown})
    return found


def _change(before: t.Optional[object], after: t.Optional[object]) -> str:
    return ADDED if before is None else REMOVED if after is None else CHANGED


class _Package(t.NamedTuple):
    """A package by the name of its record, and the record where it could be read."""

    name: RecordName
    record: t.Optional[Record]


def _packages(environment: t.Optional[Environment]) -> t.Dict[str, _Package]:
    if environment is None:
        return {}
    read = {record[:3]: record for record in environment.details or ()}
    return {name.name: _Package(name, read.get(tuple(name))) for name in environment.records or ()}


def _differ(one: _Package, other: _Package) -> bool:
    if one.name != other.name:
        return True
    if one.record is None or other.record is None:
        return False
    known = one.record.md5, other.record.md5
    return channel_name(one.record) != channel_name(other.record) or (all(known) and known[0] != known[1])


def _plain_package(package: _Package) -> _Map:
    record = package.record
    return {
        "version": package.name.version,
        "build": package.name.build,
        "channel": channel_name(record) if record else None,
        "subdir": record.subdir if record else None,
        "url": record.url if record else None,
        "md5": record.md5 if record else None,
    }


def _pip(environment: t.Optional[Environment]) -> t.Dict[str, str]:
    return {normalize(item.name): item.version for item in environment.pip_packages} if environment else {}


def _settings(file: t.Optional[CondarcFile]) -> _Map:
    return {key: plain(entry.node) for key, entry in file.settings.items()} if file else {}


def _is_complete(environment: t.Optional[Environment]) -> bool:
    if environment is None:
        return True
    return environment.records is not None and len(environment.details or ()) == len(environment.records)


__all__ = ("cut_short", "environment_drift", "settings_drift", "tools_drift")
