# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The change of the packages of one environment, once its files have shown that something is to be done."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._choose_tool import choose_tool, with_version
from ansible_collections.labfleet.conda.plugins.module_utils._change._conclude import (
    concluded,
    run_work,
    settled_first,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._desired import ABSENT
from ansible_collections.labfleet.conda.plugins.module_utils._change._desired_plan import DesiredPlanner, not_held
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._glance import glance_at
from ansible_collections.labfleet.conda.plugins.module_utils._change._in_container import refuse_in_container
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_changes import (
    PackageChange,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_task import Wish, versions_in
from ansible_collections.labfleet.conda.plugins.module_utils._change._packages import files_of_record
from ansible_collections.labfleet.conda.plugins.module_utils._change._pip_run import (
    CONSTRAINTS,
    Pip,
    constraints_of,
    pip_changes,
    planned_pip_changes,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._pip_wanted import (
    PipStanding,
    is_met_by,
    pip_standing,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import Place, look_at, refuse_unless_ours
from ansible_collections.labfleet.conda.plugins.module_utils._change._preflight import put_off
from ansible_collections.labfleet.conda.plugins.module_utils._change._session import HOME, Session
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import STATE
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_change import UpdateChange
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_plan import Rules, UpdatePlan
from ansible_collections.labfleet.conda.plugins.module_utils._change._verify import Driver
from ansible_collections.labfleet.conda.plugins.module_utils._change._work import Work, refuse_frozen, tool_options
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import ScanError
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._pip import distributions, normalize
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import (
    close,
    private_folder,
    write_durably,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import fingerprints

_Map = t.Dict[str, t.Any]
_Note = t.Callable[[str], None]
ACTION = "package"
_NOTHING = {"changed": False, "outcome": "unchanged", "packages": [], "diagnoses": [], "snapshot": None, "tool": None}


def change_one(options: t.Mapping[str, t.Any], wish: Wish, *, check: bool, note: _Note) -> _Map:
    """Change one environment; parameters and result are those of package()."""
    base, environment = options["prefix"], options["environment"]
    if base is None:
        from ansible_collections.labfleet.conda.plugins.module_utils._change._package_many import base_of

        base = base_of(str(environment))
    try:
        first = settled_first(str(base), options, action=ACTION, note=note, check=check)
        if "outcome" in first:
            return dict(_NOTHING, prefix=environment or base, before={}, after={}, **first)
        place = look_at(str(base), None if environment == base else environment)
    except ScanError as error:
        raise Refused(str(error)) from error
    return change_place(place, options, wish, check=check, note=note, recovered=first["recovered"])


def change_place(
    place: Place,
    options: t.Mapping[str, t.Any],
    wish: Wish,
    *,
    check: bool,
    note: _Note,
    recovered: t.Optional[str] = None,
) -> _Map:
    """Change an environment that was looked at."""
    versions = versions_in(glance_at(place.prefix), wish)
    result: _Map = dict(_NOTHING, prefix=place.prefix, before=versions, after=versions)
    result.update(recovered=recovered, changed=recovered is not None)
    refuse_unless_ours(place, trusted=options["trusted_writers"])
    refuse_in_container(place.prefix, options, result)
    refuse_frozen(place, options, result)
    deferred = None if check else put_off(place, options, note=note)
    if deferred is not None:
        return dict(result, **deferred)
    what = "plans a change of packages" if check else "changes packages"
    work = PackageWork(options, wish, check=check, note=note)
    answer = run_work(place, work, options, what=what, check=check)
    return concluded(place, options, answer, result, action=ACTION, check=check)


class PackageWork(Work):
    """What the owner does under the lock."""

    noun = "change"
    action = ACTION

    def __init__(self, options: t.Mapping[str, t.Any], wish: Wish, *, check: bool, note: _Note) -> None:
        super().__init__(options, check=check, note=note)
        self._wish = wish
        self._pip = PipStanding()

    def driver(self, session: Session) -> Driver:
        wanted = self._wish.desired
        tool = choose_tool(session.place, self.options["tool"], wanted.specs, removes=wanted.state == ABSENT)
        driver = Driver(tool, session.runner, session.environment(), session.prefix)
        return with_version(driver)

    def plan(self, session: Session, driver: Driver, before: Environment) -> UpdatePlan:
        given = self.options
        rules = Rules(tool_options(given), given["python"] == "move", given["allow_downgrade"])
        self._pip = self._pip_plan(session, driver)
        planner = DesiredPlanner(session.place, driver, rules, before.details or ())
        plan = planner.plan(self._wish.desired, meanwhile=None if self.check else self.meanwhile)
        self._tool = {"kind": driver.tool.kind, "version": driver.tool.version, "program": driver.tool.program}
        specs = (*plan.specs, *(item.text for item in (*self._pip.install, *self._pip.ask)))
        return plan._replace(specs=(*specs, *("no " + name for name in self._pip.remove)))

    def _pip_plan(self, session: Session, driver: Driver) -> PipStanding:
        """What pip has to do; with state latest, pip is asked what is outdated."""
        wish = self._wish
        if not wish.requirements:
            return PipStanding()
        installed = glance_at(session.prefix).python_packages(with_origin=True)
        stand = pip_standing(wish.requirements, wish.desired.state, installed, forced=wish.pip_force)
        newer = self.pip(driver).newer(stand.ask, installed)
        return stand._replace(ask=tuple(newer))

    def names(self) -> t.Sequence[str]:
        return [spec.name for spec in self._wish.desired.specs]

    def pip(self, driver: Driver) -> Pip:
        """The pip of the environment."""
        given = self.options
        return Pip(driver, given["pip_arguments"], seconds=given["time_limit"], grace=given["grace"])

    def is_nothing(self, plan: UpdatePlan) -> bool:
        return not plan.commands and self._pip.is_met

    def planned(self, place: Place, plan: UpdatePlan) -> _Map:
        return {"tool": self._tool}

    def planned_changes(self, place: Place, plan: UpdatePlan) -> t.List[PackageChange]:
        changes = super().planned_changes(place, plan)
        if self._pip.is_met:
            return changes
        return changes + planned_pip_changes(self._pip, glance_at(place.prefix).python_packages())

    def versions(self, place: Place, plan: UpdatePlan) -> t.Dict[str, str]:
        return versions_in(glance_at(place.prefix), self._wish)

    def change(self, session: Session, driver: Driver, plan: UpdatePlan, before: Environment) -> UpdateChange:
        return _Change(
            session.place,
            plan,
            before,
            driver=driver,
            settings=self.settings(),
            interrupts=session.interrupts,
            envs=lambda: fingerprints(session.prefix + "/envs"),
            settle=session.store.settle,
            action=self.action,
            wish=self._wish,
            pip=self.pip(driver),
            upgrade={item.name for item in self._pip.ask},
            folder=session.folder,
        )


class _Change(UpdateChange):
    """One change of packages, those of pip last."""

    def __init__(self, *args: t.Any, wish: Wish, pip: Pip, upgrade: t.Set[str], folder: int, **more: t.Any) -> None:
        super().__init__(*args, **more)
        self._wish, self._pip, self._upgrade, self._folder = wish, pip, upgrade, folder
        self._python_before = glance_at(self._place.prefix).python_packages()

    def apply(self) -> None:
        super().apply()
        wish = self._wish
        if not wish.requirements:
            return
        # What conda has done by now may have brought another Python, or what a requirement asks for.
        installed = glance_at(self._place.prefix).python_packages(with_origin=True)
        stand = pip_standing(wish.requirements, wish.desired.state, installed, forced=wish.pip_force)
        self._pip.remove(stand.remove, installed)
        newest = [item for item in stand.ask if item.name in self._upgrade]
        if stand.install or newest:
            path = None if wish.pip_force else self._write_constraints(constraints_of(installed))
            self._pip.install([*stand.install, *newest], installed, upgrade=self._upgrade, constraints=path)

    def _write_constraints(self, data: bytes) -> str:
        folder = private_folder(HOME, at=self._folder)
        try:
            write_durably(folder, CONSTRAINTS, data)
        finally:
            close(folder)
        return "%s/%s/%s/%s" % (self._place.prefix, STATE, HOME, CONSTRAINTS)

    def not_held(self, after: Environment) -> t.List[str]:
        wish = self._wish
        problems = not_held(wish.desired, after.details or ())
        if not wish.requirements:
            return problems
        there = glance_at(self._place.prefix).python_packages(with_origin=True)
        for item in wish.requirements:
            if wish.desired.state == ABSENT:
                if item.name in there:
                    problems.append("%s of pip is still there after the change." % item.name)
            elif item.name not in there or not is_met_by(item, there[item.name]):
                problems.append("%s of pip does not hold after the change." % item.text)
        return problems

    def forgiven(self, after: Environment) -> t.Set[str]:
        """Of a package of conda that pip was told to replace, the files that pip has removed."""
        if not self._wish.pip_force:
            return set()
        names = {item.name for item in self._wish.requirements}
        found: t.Set[str] = set()
        for record in after.details or ():
            if names & {normalize(item.name) for item in distributions(record.metadata_directories)}:
                found.update(files_of_record(record.files or b"{}"))
        return found

    def changes(self) -> t.List[PackageChange]:
        changes = super().changes()
        if self._after is None:
            return changes
        return changes + pip_changes(self._python_before, glance_at(self._place.prefix).python_packages())


__all__ = ("ACTION", "PackageWork", "change_one", "change_place")
