# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Decides what is to be done so that an environment is as it is wanted, from its files: nothing is run for it."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._desired import meets
from ansible_collections.labfleet.conda.plugins.module_utils._change._env_marks import (
    MarkChanges,
    Marks,
    MarksWanted,
    mark_changes,
)
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._pip import normalize
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import Record, RecordName
from ansible_collections.labfleet.conda.plugins.module_utils._spec._match_spec import MatchSpec, parse_match_spec
from ansible_collections.labfleet.conda.plugins.module_utils._spec._python_version import Specifiers
from ansible_collections.labfleet.conda.plugins.module_utils._spec._request import ExplicitPackage, Request
from ansible_collections.labfleet.conda.plugins.module_utils._spec._requirement import Requirement, parse_requirement

PRESENT, EXACT, CLONED = "present", "exact", "cloned"
# What conda itself adds to every environment with a Python, and adds again when it is taken away.
_WITH_PYTHON = ("pip",)
_END_OF_NAME = re.compile(r"[\s=<>!~\[]")

Content = t.Callable[[RecordName], t.Optional[Record]]


class Contents(t.NamedTuple):
    """What is read of an environment where the names of its records do not tell enough.

    :param record: the content of a record.
    :param needs: the projects that a package of pip needs.
    :param url: the address that a package of pip came from.
    """

    record: Content
    needs: t.Callable[[str], t.Iterable[str]]
    url: t.Callable[[str], t.Optional[str]]


class EnvPlan(t.NamedTuple):
    """What is to be done.

    :param specs: match specs that do not hold.
    :param unknown: whether the files do not tell of one of them, so that the tool may say that all is well.
    :param explicit: packages of the list that are not there.
    :param extras: packages that nothing asks for.
    :param pip: the requirements that are not met.
    :param pip_extras: the packages of pip that nothing asks for.
    """

    specs: t.Tuple[MatchSpec, ...] = ()
    unknown: bool = False
    explicit: t.Tuple[ExplicitPackage, ...] = ()
    extras: t.Tuple[str, ...] = ()
    pip: t.Tuple[str, ...] = ()
    pip_extras: t.Tuple[str, ...] = ()
    marks: MarkChanges = MarkChanges({}, ())

    @property
    def changes_packages(self) -> bool:
        return bool(self.specs or self.explicit or self.extras or self.pip or self.pip_extras)

    @property
    def is_empty(self) -> bool:
        return not self.changes_packages and self.marks.is_empty

    @property
    def needs_solver(self) -> bool:
        return bool(self.specs)


def env_plan(
    environment: Environment, marks: Marks, request: Request, wanted: MarksWanted, state: str, contents: Contents
) -> EnvPlan:
    """What is to be done so that an environment holds what is asked for.

    :param state: PRESENT: at least that; EXACT or CLONED: nothing else.
    """
    records = environment.records or []
    specs, unknown = _open_specs(request, records, contents.record)
    there = {tuple(record): record for record in records}
    explicit = tuple(item for item in request.explicit if not _is_there(item, there.get(item.dist), contents.record))
    requirements = [parse_requirement(text) for text in request.pip]
    pip = _open_requirements(requirements, environment, contents)
    extras: t.Tuple[str, ...] = ()
    pip_extras: t.Tuple[str, ...] = ()
    if state != PRESENT:
        extras = extras_of(request, records, contents.record)
        pip_extras = _pip_extras(requirements, environment, request, contents)
    return EnvPlan(specs, unknown, explicit, extras, pip, pip_extras, mark_changes(marks, wanted))


def _open_specs(
    request: Request, records: t.Sequence[RecordName], content: Content
) -> t.Tuple[t.Tuple[MatchSpec, ...], bool]:
    open_: t.List[MatchSpec] = []
    unknown = False
    for spec in map(parse_match_spec, request.specs):
        answers = [meets(spec, record, content) for record in records if record.name == spec.name]
        if True in answers:
            continue
        unknown = unknown or None in answers
        open_.append(spec)
    return tuple(open_), unknown


def _is_there(item: ExplicitPackage, record: t.Optional[RecordName], content: Content) -> bool:
    """Whether a package is installed, and is the very archive, as far as the sums tell."""
    if record is None:
        return False
    found = content(record)
    if found is None:
        return True
    sums = [(found.md5, item.md5), (found.sha256, item.sha256)]
    return not any(one and other and one != other for one, other in sums)


def extras_of(request: Request, records: t.Sequence[RecordName], content: Content) -> t.Tuple[str, ...]:
    """The packages that are neither asked for nor needed by what is, whatever brought them."""
    names = {record.name for record in records}
    if request.explicit or not request.specs:
        return tuple(sorted(names - {item.name for item in request.explicit}))
    needed: t.Set[str] = set()
    left = [spec.name for spec in map(parse_match_spec, request.specs) if spec.name in names]
    by_name = {record.name: record for record in records}
    while left:
        name = left.pop()
        if name in needed:
            continue
        needed.add(name)
        found = content(by_name[name])
        if found is None:  # what it needs is not known: nothing can be said to be too much
            return ()
        depends = {_name_in(text) for text in found.depends}
        left += [other for other in [*depends, *(_WITH_PYTHON if name == "python" else ())] if other in names]
    return tuple(sorted(names - needed))


def _name_in(depend: str) -> str:
    """The name in one of the depends of a record, which are of the plain form C(NAME VERSION BUILD)."""
    return _END_OF_NAME.split(depend.rpartition("::")[2].strip(), maxsplit=1)[0].lower()


def _open_requirements(
    requirements: t.Sequence[Requirement], environment: Environment, contents: Contents
) -> t.Tuple[str, ...]:
    """The lines for pip, its options in front; none where all requirements are met."""
    open_ = [item.text for item in requirements if not item.is_option and not _is_met(item, environment, contents)]
    return (*(item.text for item in requirements if item.is_option), *open_) if open_ else ()


def _is_met(requirement: Requirement, environment: Environment, contents: Contents) -> bool:
    versions = {normalize(item.name): item.version for item in environment.pip_packages}
    for record in environment.records or ():  # pip takes what conda has installed as well
        versions.setdefault(normalize(record.name), record.version)
    if requirement.name is None:
        urls = {contents.url(item.name) for item in environment.pip_packages}
        return _without_sum(requirement.url) in urls
    version = versions.get(requirement.name)
    if version is None:
        return False
    if requirement.url is not None:
        wheel = _version_of_wheel(requirement.url)
        return version == wheel if wheel else contents.url(requirement.name) == _without_sum(requirement.url)
    return Specifiers(",".join(map("".join, requirement.clauses))).is_met_by(version)


def _without_sum(url: t.Optional[str]) -> t.Optional[str]:
    return url.partition("#")[0].partition("git+")[2] or url.partition("#")[0] if url else None


def _version_of_wheel(url: str) -> t.Optional[str]:
    """The version in the name of a wheel (PEP 427)."""
    name = url.partition("#")[0].rpartition("/")[2]
    parts = name[: -len(".whl")].split("-") if name.endswith(".whl") else []
    return parts[1].replace("%2B", "+") if len(parts) >= 5 else None


def _pip_extras(
    requirements: t.Sequence[Requirement], environment: Environment, request: Request, contents: Contents
) -> t.Tuple[str, ...]:
    """The packages of pip that are neither asked for nor needed by what is."""
    there = {normalize(item.name): item.name for item in environment.pip_packages}
    named = {item.name for item in requirements if item.name}
    addresses = {_without_sum(item.url) for item in requirements if item.name is None and item.url}
    left = [name for name in there if name in named or (addresses and contents.url(name) in addresses)]
    needed: t.Set[str] = set()
    while left:
        name = left.pop()
        if name not in needed:
            needed.add(name)
            if not request.pip_is_whole:
                left += [other for other in map(normalize, contents.needs(name)) if other in there]
    return tuple(sorted(there[name] for name in set(there) - needed))


__all__ = ("CLONED", "Contents", "EXACT", "EnvPlan", "PRESENT", "env_plan", "extras_of")
