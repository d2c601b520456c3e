# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Plans what brings the packages of an environment to what is wanted of them."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._answer import Answer, Plan
from ansible_collections.labfleet.conda.plugins.module_utils._change._desired import (
    ABSENT,
    PRESENT,
    Desired,
    Standing,
    meets,
    needed_by,
    standing,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._held_plan import ask_for_plan, closed_on_error
from ansible_collections.labfleet.conda.plugins.module_utils._change._package import Package
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import Place
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import Command
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_facts import fits, spec_of
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_plan import (
    PLAN_SECONDS,
    Planner,
    Rules,
    UpdatePlan,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._verify import Driver, answer_of
from ansible_collections.labfleet.conda.plugins.module_utils._change._wanted import Wanted
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import Record, RecordName
from ansible_collections.labfleet.conda.plugins.module_utils._spec._match_spec import MatchSpec
from ansible_collections.labfleet.conda.plugins.module_utils._system._run import Held

# What a base prefix cannot be without.
_NEVER_REMOVED_FROM_BASE = frozenset(("conda", "mamba", "micromamba", "python"))
_MAX_NAMED = 8


class DesiredPlanner:
    """Plans one change of the packages of an environment.

    :param records: the records of the environment with their content.
    """

    def __init__(self, place: Place, driver: Driver, rules: Rules, records: t.Sequence[Record]) -> None:
        self._place, self._driver, self._rules = place, driver, rules
        self._records = list(records)
        self._by_name = {RecordName(*record[:3]): record for record in records}
        self._planner = Planner(place, driver, rules, records)

    def plan(
        self, desired: Desired, *, meanwhile: t.Optional[t.Callable[[t.Sequence[str]], None]] = None
    ) -> UpdatePlan:
        """What is to be done; its commands are none where nothing is.

        :param meanwhile: is called with the specs while the tool plans what will be done in any case; None where
            nothing will be done.
        :raises Refused: it must not be done.
        :raises Failed: the tool has no way to what is wanted; the message says why, and what to do.
        """
        names = self._place.environment.records or []
        stand = standing(desired.specs, desired.state, names, self._by_name.get)
        wanted = tuple(Wanted(spec.name, spec.text.strip()) for spec in desired.specs)
        if stand.is_met:
            return UpdatePlan((), wanted, Plan(), {}, [])
        if desired.state == ABSENT:
            return self._removal(desired, stand)
        actions, commands, held = self._ask(desired, stand, meanwhile)
        with closed_on_error(held):
            torn = [spec for spec in stand.met if _is_torn(spec, actions)]
        if torn:  # what already holds has to be named, so that the solver keeps it
            if held is not None:
                held.close()
            stand = stand._replace(unmet=(*stand.unmet, *torn))
            actions, commands, held = self._ask(desired, stand, None)
        specs = tuple(spec.text.strip() for spec in (*stand.unmet, *stand.unknown)) if commands else ()
        return UpdatePlan(specs, wanted, actions, {}, [], commands, held)

    def _ask(
        self, desired: Desired, stand: Standing, meanwhile: t.Optional[t.Callable[[t.Sequence[str]], None]]
    ) -> t.Tuple[Plan, t.Tuple[Command, ...], t.Optional[Held]]:
        steps = self._steps(desired, stand)
        plans, commands = [], []
        if meanwhile is not None and len(steps) == 1:
            # A snapshot is taken before it is known what will change only where something surely will.
            step, specs = steps[0], [item.spec for item in steps[0].open_]
            answer, held = ask_for_plan(
                self._driver,
                step.question,
                step.command,
                seconds=PLAN_SECONDS,
                meanwhile=(lambda: meanwhile(specs)) if step.must else _nothing,
            )
            with closed_on_error(held):
                actions = self._checked(answer, step.open_, step.must)
            return actions, () if actions.is_empty else (step.command,), held
        for question, command, open_, must in steps:
            answer = answer_of(self._driver, question, seconds=PLAN_SECONDS)
            actions = self._checked(answer, open_, must)
            if not actions.is_empty:
                plans.append(actions)
                commands.append(command)
        return _joined(plans), tuple(commands), None

    def _steps(self, desired: Desired, stand: Standing) -> t.List[_Step]:
        """What to ask, what to start for it, what that is about, and whether it is a failure when nothing is to do."""
        tool, options, prefix = self._driver.tool, self._rules.options, self._place.prefix
        there = {record.name for record in self._by_name}
        texts = {spec: spec.text.strip() for spec in desired.specs}
        open_ = (*stand.unmet, *stand.unknown)
        steps: t.List[_Step] = []
        coming = [spec for spec in open_ if desired.state == PRESENT or spec.name not in there]
        if coming:
            specs = [texts[spec] for spec in coming]
            must = any(spec in stand.unmet for spec in coming)
            question, command = (ask(specs, options, prefix=prefix) for ask in (tool.plan, tool.apply))
            steps.append(_Step(question, command, _wanted(coming), must))
        newer = [spec.name for spec in open_ if spec not in coming]
        if newer:
            question, command = (ask(newer, options, prefix=prefix) for ask in (tool.plan_update, tool.update))
            steps.append(_Step(question, command, [Wanted(name, name) for name in newer], False))
        return steps

    def _checked(self, answer: Answer, open_: t.Sequence[Wanted], must: bool) -> Plan:
        """The actions of an answer, where they may be carried out."""
        if answer.error is not None:
            self._planner.respect_pins(open_)
            raise self._planner.failed(answer, open_)
        if answer.nothing_to_do or answer.actions.is_empty:
            if must:
                raise self._planner.nothing(answer, open_)
            self._refuse_empty_channels(open_)
            return Plan()
        self._planner.check(answer.actions, {item.name for item in open_})
        self._keep_pins(answer.actions)
        return answer.actions

    def _refuse_empty_channels(self, open_: t.Sequence[Wanted]) -> None:
        """A portal's page in place of an index is an empty channel for some tools: then nothing is ever newer."""
        tool = self._driver.tool
        if tool.takes_html_for_empty and not any(self._planner.search(item.name) for item in open_):
            raise self._planner.no_channel(open_[0].name)

    def _keep_pins(self, actions: Plan) -> None:
        """Refuse a plan that a pin forbids: some versions of conda pass over the pin of what is asked for."""
        for text in self._planner.pins():
            pin = spec_of(text)
            for package in actions.link:
                if pin is not None and pin.name == package.name and fits(pin, package) is False:
                    told = "%s is pinned in %s (%s), and %s %s is not what the pin allows: change the pin."
                    told %= (package.name, self._place.prefix, text, package.name, package.version)
                    raise Refused(told, {"held": "pinned"})

    def _removal(self, desired: Desired, stand: Standing) -> UpdatePlan:
        prefix = self._place.prefix
        if stand.unknown:
            text = "Whether a package of %s is what %s names cannot be told from its record, so nothing is removed."
            raise Refused(text % (prefix, stand.unknown[0].text))
        if len(self._by_name) != len(self._place.environment.records or ()):
            text = "Not all records of %s can be read, so what needs %s is not known, and nothing is removed."
            raise Refused(text % (prefix, stand.unmet[0].text))
        going = {record.name for record in stand.going}
        along = needed_by(self._records, going)
        self._protect(going, along)
        if along and not desired.with_dependents:
            needs = ["%s (needs %s)" % (name, ", ".join(sorted(along[name]))) for name in sorted(along)]
            text = "In %s these need what is to be removed: %s. To remove them too, set with_dependents."
            more = " and %d more" % (len(needs) - _MAX_NAMED) if len(needs) > _MAX_NAMED else ""
            raise Refused(text % (prefix, ", ".join(needs[:_MAX_NAMED]) + more), {"dependents": sorted(along)})
        names = sorted(going | set(along))
        unlink = tuple(_package(record) for record in self._records if record.name in names)
        command = self._driver.tool.remove(names, self._rules.options, prefix=prefix)
        return UpdatePlan(tuple("no " + name for name in names), (), Plan((), unlink), {}, [], (command,))

    def _protect(self, going: t.Set[str], along: t.Mapping[str, t.Set[str]]) -> None:
        """Refuse to take from a base prefix what it cannot be without."""
        lost = _NEVER_REMOVED_FROM_BASE & (going | set(along))
        if not self._place.is_base or not lost:
            return
        name = sorted(lost)[0]
        why = "" if name in going else ", which needs %s," % ", ".join(sorted(along[name]))
        text = "%s%s is never removed from the base prefix %s: it would be left without its tool."
        raise Refused(text % (name, why, self._place.prefix))


def _nothing() -> None:
    """What is done while the tool plans, where nothing is."""


class _Step(t.NamedTuple):
    question: Command
    command: Command
    open_: t.Sequence[Wanted]
    must: bool


def _is_torn(spec: MatchSpec, actions: Plan) -> bool:
    """Whether a plan would end that a spec holds."""
    coming = [package for package in actions.link if package.name == spec.name]
    going = any(package.name == spec.name for package in actions.unlink)
    return going and not any(fits(spec, package) is not False for package in coming)


def _wanted(specs: t.Iterable[MatchSpec]) -> t.List[Wanted]:
    return [Wanted(spec.name, spec.text.strip()) for spec in specs]


def _package(record: Record) -> Package:
    return Package(
        record.name, record.version, record.build, record.build_number, record.channel, record.subdir, record.url
    )


def _joined(plans: t.Sequence[Plan]) -> Plan:
    """One plan of several, where a later one goes on from what an earlier one has left."""
    if len(plans) < 2:
        return plans[0] if plans else Plan()
    link: t.Dict[str, Package] = {}
    unlink: t.Dict[str, Package] = {}
    fetch: t.Dict[t.Tuple[str, ...], Package] = {}
    for plan in plans:
        for package in plan.unlink:
            if link.pop(package.name, None) is None:
                unlink[package.name] = package
        link.update((package.name, package) for package in plan.link)
        fetch.update((tuple(package[:3]), package) for package in plan.fetch)
    return Plan(
        tuple(link.values()), tuple(unlink.values()), tuple(fetch.values()), plans[0].prefix,
        all(plan.tells_fetch for plan in plans),
    )  # fmt: skip


def not_held(desired: Desired, records: t.Sequence[Record]) -> t.List[str]:
    """What does not hold in an environment after a change, one sentence each.

    Where the files cannot tell, the word of the tool must do. What is the latest, they never tell: that a package is
    there is all that is asked then.
    """
    by_name = {RecordName(*record[:3]): record for record in records}
    problems = []
    for spec in desired.specs:
        found = [meets(spec, name, by_name.get) for name in by_name if name.name == spec.name or "*" in spec.name]
        if desired.state == ABSENT and True in found:
            problems.append("%s is still there after the change." % spec.text)
        elif desired.state != ABSENT and not ({True, None} & set(found)):
            problems.append("%s does not hold after the change." % spec.text)
    return problems


__all__ = ("DesiredPlanner", "not_held")
