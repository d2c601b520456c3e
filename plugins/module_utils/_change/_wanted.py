# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""What is wanted of a base prefix, and what of that the files already show."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._package import Package
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import RecordName
from ansible_collections.labfleet.conda.plugins.module_utils._spec._match_spec import (
    MatchSpec,
    MissingField,
    parse_match_spec,
)
from ansible_collections.labfleet.conda.plugins.module_utils._spec._pattern import SpecError
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import (
    InvalidVersion,
    Version,
    parse_version,
)

NEWEST, ANY = "newest", "any"
_BOUND = re.compile(r"^\s*(>=|==|=)?\s*([0-9A-Za-z][0-9A-Za-z.+!_]*)\s*$")


class Wanted(t.NamedTuple):
    """One package that is wanted.

    :param spec: the match spec that it must meet; of a package that is to be the newest, just its name.
    """

    name: str
    spec: str
    newest: bool = False

    def is_met_by(self, records: t.Iterable[RecordName]) -> bool:
        """Whether an installed package meets the spec, as far as the names of the records tell."""
        spec = parse_match_spec(self.spec)
        mine = [record for record in records if record.name == self.name]
        if not set(spec.fields) <= _TOLD_BY_NAMES:  # the channel, say: then the version and build must do
            spec = parse_match_spec(_without_other_fields(spec))
        return any(spec.match(record._asdict()) for record in mine)


_TOLD_BY_NAMES = frozenset(("name", "version", "build"))


def _without_other_fields(spec: MatchSpec) -> str:
    """The spec less what the name of a record does not tell."""
    conditions = [("version", spec.version), ("build", spec.build)]
    inside = ",".join("%s='%s'" % (field, value) for field, value in conditions if value)
    return "%s[%s]" % (spec.name, inside) if inside else spec.name


def wanted_packages(tool: str, version: str, specs: t.Iterable[str]) -> t.List[Wanted]:
    """What the options ask for.

    :param tool: the package of the tool itself, which C(version) is about.
    :param version: C(newest), C(any), a version (exactly that one), or a bound such as C(>=26.5.2).
    :raises Refused: one of them cannot be understood.
    """
    found: t.List[Wanted] = []
    if version == NEWEST:
        found.append(Wanted(tool, tool, True))
    elif version != ANY:
        match = _BOUND.match(version)
        if not match or not _is_version(match.group(2)):
            text = "version: %r is neither a version, nor a bound such as >=26.5.2, nor newest, nor any."
            raise Refused(text % version)
        found.append(Wanted(tool, tool + (">=" if match.group(1) == ">=" else "==") + match.group(2)))
    for text in specs:
        found.append(_wanted(text))
    names = [item.name for item in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Refused("packages: %s is asked for twice; write one spec for it, and set version to any." % twice[0])
    return found


def _wanted(text: str) -> Wanted:
    try:
        spec = parse_match_spec(text)
    except SpecError as error:
        raise Refused("packages: %r is no match spec: %s. Write it as in conda>=26.5.2." % (text, error)) from error
    if not spec.names_one_package:
        raise Refused("packages: %r does not name one package." % text)
    return Wanted(spec.name, text.strip())


def _is_version(text: str) -> bool:
    try:
        parse_version(text)
    except InvalidVersion:
        return False
    return True


def unmet(wanted: t.Iterable[Wanted], records: t.Sequence[RecordName]) -> t.List[Wanted]:
    """What the files do not show to be there; whether a package is the newest they cannot show."""
    return [item for item in wanted if item.newest or not item.is_met_by(records)]


class Target(t.NamedTuple):
    """The version of a package to go to.

    :param version: None where nothing newer is to be had.
    :param python: the match spec for the Python that it needs, where that is another one than is there.
    :param newest: the newest version in the channels, whatever it needs.
    """

    version: t.Optional[str]
    python: t.Optional[str]
    newest: t.Optional[str]


def newest_target(
    found: t.Sequence[Package], installed: t.Optional[str], python: t.Optional[str], *, may_move_python: bool
) -> Target:
    """The newest version that the Python of the base prefix can run, or any where Python may move along.

    :param found: what the channels hold of the package, in any order.
    :param installed: the version that is there.
    :param python: the version of the Python in the prefix; None where there is none.
    """
    versions: t.Dict[Version, t.List[Package]] = {}
    for package in found:
        if _is_version(package.version):
            versions.setdefault(parse_version(package.version), []).append(package)
    newest = max(versions).text if versions else None
    here = parse_version(installed) if installed and _is_version(installed) else None
    for version in sorted(versions, reverse=True):
        if here is not None and version <= here:
            break
        needs = [_python_needed(package) for package in versions[version]]
        if python is None or any(need is None or _allows(need, python) for need in needs):
            return Target(version.text, None, newest)
        if may_move_python:
            return Target(version.text, _least_move(t.cast(t.List[str], needs), python), newest)
    return Target(None, None, newest)


def _python_needed(package: Package) -> t.Optional[str]:
    """The match spec for Python among the depends of a package; None where it needs none."""
    return next((text for text in package.depends if text.split(" ")[0] == "python"), None)


def _allows(spec: str, python: str) -> bool:
    try:
        return parse_match_spec(spec).match({"name": "python", "version": python, "build": "0", "build_number": 0})
    except (SpecError, MissingField):
        return True  # the solver knows better


def _least_move(needs: t.Sequence[str], python: str) -> str:
    """Of the Pythons that builds ask for, the one nearest above the one that is there, else the lowest."""

    def key(need: str) -> t.Tuple[bool, Version]:
        lowest = re.search(r"[0-9]+(?:\.[0-9]+)*", need)
        version = parse_version(lowest.group(0) if lowest else "0")
        return version < parse_version(python), version

    return min(needs, key=key)


__all__ = ("ANY", "NEWEST", "Target", "Wanted", "newest_target", "unmet", "wanted_packages")
