# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the owner of an environment does under its lock, so that it becomes what is wanted."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._answer import Plan
from ansible_collections.labfleet.conda.plugins.module_utils._change._choose_tool import choose_tool, with_version
from ansible_collections.labfleet.conda.plugins.module_utils._change._desired import PRESENT
from ansible_collections.labfleet.conda.plugins.module_utils._change._desired_plan import Desired, DesiredPlanner
from ansible_collections.labfleet.conda.plugins.module_utils._change._env_change import (
    EnvChange,
    EnvWanted,
    explicit_command,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._env_marks import apply_marks
from ansible_collections.labfleet.conda.plugins.module_utils._change._env_plan import EnvPlan, extras_of
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Failed
from ansible_collections.labfleet.conda.plugins.module_utils._change._held_plan import closed_on_error
from ansible_collections.labfleet.conda.plugins.module_utils._change._package import Package
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_changes import (
    PackageChange,
    diff_texts,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._packages import read_packages
from ansible_collections.labfleet.conda.plugins.module_utils._change._pip_step import planned_pip
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import Place
from ansible_collections.labfleet.conda.plugins.module_utils._change._session import Session
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import Options, Tool
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_plan import Rules, UpdatePlan
from ansible_collections.labfleet.conda.plugins.module_utils._change._verify import Driver
from ansible_collections.labfleet.conda.plugins.module_utils._change._wanted import Wanted
from ansible_collections.labfleet.conda.plugins.module_utils._change._work import Work
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import Record, RecordName
from ansible_collections.labfleet.conda.plugins.module_utils._spec._match_spec import parse_match_spec
from ansible_collections.labfleet.conda.plugins.module_utils._spec._request import Request
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import fingerprints

_Map = t.Dict[str, t.Any]
CONDA = "conda"
_LIBMAMBA = "conda-libmamba-solver"


class EnvWork(Work):
    """The change of an environment that is there.

    :param wanted: what it is to be.
    """

    noun, action = "change", "change"
    change_class: t.Type[EnvChange] = EnvChange

    def __init__(
        self, options: t.Mapping[str, t.Any], wanted: EnvWanted, *, check: bool, note: t.Callable[[str], None]
    ) -> None:
        super().__init__(options, check=check, note=note)
        self.wanted = wanted
        self._open = EnvPlan()
        self._before: t.Optional[Environment] = None

    def __call__(self, session: Session) -> _Map:
        if session.journal() is None:
            self._before = read_packages(session.prefix)
            self._open = self.wanted.open_in(self._before)
            if not self._open.changes_packages:  # for which no tool is needed
                return self._marked(session, {"changed": not self._open.marks.is_empty})
        result = super().__call__(session)
        return self.with_marks(result) if self.check and "diff" in result else result

    def with_marks(self, result: _Map) -> _Map:
        """The result with the marks in its diff; and whether anything is another."""
        gone, come = self._open.marks.lines()
        diff = dict(result["diff"])
        diff["before"] += "".join(line + "\n" for line in gone)
        diff["after"] += "".join(line + "\n" for line in come)
        is_other = bool(result["packages"] or gone or come)
        return dict(result, diff=diff, changed=is_other or bool(result.get("recovered")))

    def driver(self, session: Session) -> Driver:
        specs = tuple(map(parse_match_spec, self.wanted.request.specs))
        tool = choose_tool(session.place, self.options["tool"], specs, removes=self.wanted.state != PRESENT)
        return with_version(Driver(tool, session.runner, session.environment(), session.prefix))

    def tool_options(self, place: Place, tool: Tool) -> Options:
        """The options for commands of the tool."""
        given = self.options
        channels, alone = channels_of(given, self.wanted.request)
        return Options(
            channels=channels,
            override_channels=alone,
            override_frozen=given["override_frozen"] or self.wanted.marks.frozen is False,
            solver=solver_of(place, tool),
            allow_removing=True,
            allow_downgrade=given["allow_downgrade"],
        )

    def plan(self, session: Session, driver: Driver, before: Environment) -> UpdatePlan:
        self._open, self._before = self.wanted.open_in(before), before
        if not self._open.changes_packages:
            return UpdatePlan((), (), Plan(), {}, [])
        options = self.tool_options(session.place, driver.tool)
        plan = UpdatePlan((), (), Plan(), {}, [])
        if self._open.specs:
            rules = Rules(options, self._may_move_python(), self.options["allow_downgrade"])
            specs = tuple(map(parse_match_spec, self.wanted.request.specs))
            planner = DesiredPlanner(session.place, driver, rules, before.details or ())
            plan = planner.plan(Desired(specs, PRESENT), meanwhile=None if self.check else self.meanwhile)
        with closed_on_error(plan.held):
            return self._with_rest(session, driver.tool, plan, before)

    def _with_rest(self, session: Session, tool: Tool, plan: UpdatePlan, before: Environment) -> UpdatePlan:
        """The plan of the tool, and what is done after that."""
        commands = list(plan.commands)
        actions = plan.actions
        if self._open.explicit:
            actions = _with_explicit(actions, self._open, before)
            commands.append(explicit_command(tool, self.tool_options(session.place, tool), session.prefix))
        actions = self._with_extras(actions, before)
        return plan._replace(actions=actions, commands=tuple(commands), wanted=plan.wanted or self._wanted())

    def _wanted(self) -> t.Tuple[Wanted, ...]:
        request = self.wanted.request
        named = [Wanted(parse_match_spec(text).name, text) for text in request.specs]
        return (*named, *(Wanted(item.name, "%s==%s" % (item.name, item.version)) for item in request.explicit))

    def _may_move_python(self) -> bool:
        asked = [spec for spec in map(parse_match_spec, self.wanted.request.specs) if spec.name == "python"]
        return self.options["python"] == "move" or any(spec.version for spec in asked)

    def _with_extras(self, actions: Plan, before: Environment) -> Plan:
        """The plan, and what would be too much after it, as far as it is known what the new packages need."""
        if self.wanted.state == PRESENT:
            return actions
        records = {record.name: record for record in before.details or ()}
        for package in actions.unlink:
            records.pop(package.name, None)
        needed: t.Set[str] = set()
        for package in actions.link:
            known = {item.name: item.depends for item in actions.fetch}
            records[package.name] = _as_record(package, known.get(package.name, package.depends))
            needed.add(package.name)
        by_name = {RecordName(*record[:3]): record for record in records.values()}
        request = self.wanted.request
        if request.specs:
            request = request._replace(specs=(*request.specs, *sorted(needed)))
        extras = extras_of(request, list(by_name), by_name.get)
        going = [_as_package(record) for record in before.details or () if record.name in extras]
        there = {package.name for package in actions.unlink}
        return actions._replace(unlink=(*actions.unlink, *(item for item in going if item.name not in there)))

    def is_nothing(self, plan: UpdatePlan) -> bool:
        return (
            not plan.commands
            and not (self._open.extras or self._open.pip or self._open.pip_extras)
            and self._open.marks.is_empty
        )

    def planned(self, place: Place, plan: UpdatePlan) -> _Map:
        gone, come = self._open.marks.lines()
        return {"marks": {"removed": gone, "set": come}}

    def planned_changes(self, place: Place, plan: UpdatePlan) -> t.List[PackageChange]:
        pip = planned_pip(self._before, self._open.pip, self._open.pip_extras) if self._before else []
        return [*plan.actions.changes, *pip]

    def versions(self, place: Place, plan: UpdatePlan) -> t.Dict[str, str]:
        names = [*(item.name for item in plan.wanted), "python"]
        found = {name: place.environment.version_of(name) for name in names}
        return {name: version for name, version in found.items() if version}

    def settle(self, session: Session) -> t.Callable[[], None]:
        """What has the kernel write down what was changed, while that is verified."""
        return session.store.settle

    def change(self, session: Session, driver: Driver, plan: UpdatePlan, before: Environment) -> EnvChange:
        return self.change_class(
            session.place,
            plan,
            before,
            driver=driver,
            settings=self.settings(),
            interrupts=session.interrupts,
            envs=lambda: fingerprints(session.prefix + "/envs"),
            settle=self.settle(session),
            action=self.action,
            wanted=self.wanted,
            session=session,
            tool_options=self.tool_options(session.place, driver.tool),
        )

    def _change(self, session: Session, driver: Driver, plan: UpdatePlan, before: Environment, result: _Map) -> _Map:
        if self._open.changes_packages:
            try:
                result = super()._change(session, driver, plan, before, result)
            except Failed as error:
                error.result.update(marks={"removed": [], "set": []})
                raise
            return self.with_marks(result)
        return self._marked(session, result)

    def _marked(self, session: Session, result: _Map) -> _Map:
        """Each mark is written in one step, so that there is nothing that a snapshot could bring back."""
        gone, come = self._open.marks.lines()
        names = [line.partition(":")[0] for line in [*("no " + line for line in gone), *come]]
        result = dict(result, marks={"removed": gone, "set": come}, packages=[], snapshot=None)
        result = self.with_marks(dict(result, diff=diff_texts((), session.prefix)))
        if not names or self.check:
            return dict(result, outcome="planned") if names else result
        apply_marks(session.prefix, self._open.marks)
        told = {"action": self.action, "prefix": session.prefix, "outcome": "committed", "message": ", ".join(names)}
        session.records.append(told)
        return dict(result, outcome="committed")


def solver_of(place: Place, tool: Tool) -> t.Optional[str]:
    """The solver that conda is told to use: the fast one, where it is there and nothing sets one; None leaves it."""
    if tool.kind != CONDA or place.solver != "classic" or place.setting("solver"):
        return None
    return "libmamba" if _LIBMAMBA in place.installation.versions and tool.since("22.11") else None


def channels_of(options: t.Mapping[str, t.Any], request: Request) -> t.Tuple[t.Tuple[str, ...], bool]:
    """The channels that are asked, and whether no others are."""
    channels = tuple(options["channels"]) or request.channels
    alone = options["override_channels"]
    if alone is None:
        alone = bool(options["channels"]) or request.has_nodefaults
    return channels, bool(channels) and alone


def _with_explicit(actions: Plan, plan: EnvPlan, before: Environment) -> Plan:
    link = tuple(
        Package(item.name, item.version, item.build, url=item.url, md5=item.md5, sha256=item.sha256)
        for item in plan.explicit
    )
    names = {item.name for item in link}
    unlink = tuple(_as_package(record) for record in before.details or () if record.name in names)
    return actions._replace(link=(*actions.link, *link), unlink=(*actions.unlink, *unlink), tells_fetch=False)


def _as_package(record: Record) -> Package:
    return Package(
        record.name, record.version, record.build, record.build_number, record.channel, record.subdir, record.url
    )


def _as_record(package: Package, depends: t.Tuple[str, ...]) -> Record:
    number, channel, subdir, url = package.build_number, package.channel, package.subdir, package.url
    return Record(package.name, package.version, package.build, number, channel, subdir, url, frozenset(), depends)


__all__ = ("EnvWork", "channels_of", "solver_of")
