# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Plans the update of a base prefix: what the channels offer, what the tool would do, and whether that is allowed."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._answer import Answer, Plan, found_packages
from ansible_collections.labfleet.conda.plugins.module_utils._change._causes import Diagnosis
from ansible_collections.labfleet.conda.plugins.module_utils._change._conflicts import conflicts
from ansible_collections.labfleet.conda.plugins.module_utils._change._diagnosis import explain, why_not_newer
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Failed, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._held_plan import ask_for_plan, closed_on_error
from ansible_collections.labfleet.conda.plugins.module_utils._change._package import Package
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_changes import (
    DOWNGRADED,
    REMOVED,
    PackageChange,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import Place
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import Command, Options
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_facts import Facts, fits, spec_of
from ansible_collections.labfleet.conda.plugins.module_utils._change._verify import Driver, answer_of
from ansible_collections.labfleet.conda.plugins.module_utils._change._wanted import Wanted, newest_target, unmet
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import Record
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import InvalidVersion, parse_version
from ansible_collections.labfleet.conda.plugins.module_utils._system._run import Held

# The classic solver takes half a minute for 300 packages here, and many minutes on real channels.
PLAN_SECONDS = 1800.0
_MAX_SAID = 400
_MAX_CONFLICTS = 3
_NEVER_REMOVED = ("conda", "mamba", "micromamba", "python")


class Rules(t.NamedTuple):
    """What a plan may do.

    :param may_move_python: whether the Python of the prefix may go to another minor version.
    :param may_downgrade: whether the packages that are asked for may go to a lower version.
    """

    options: Options
    may_move_python: bool = False
    may_downgrade: bool = False


class UpdatePlan(t.NamedTuple):
    """What a change would do to the packages of a prefix.

    :param specs: what is asked for; none where nothing is to be done.
    :param wanted: what must hold afterwards.
    :param diagnoses: why it goes no further, where the channels hold something newer.
    :param commands: what is to be started, in this order.
    :param held: the tool, which waits to do the first of them; None where it has to be started anew.
    """

    specs: t.Tuple[str, ...]
    wanted: t.Tuple[Wanted, ...]
    actions: Plan
    newest: t.Dict[str, str]
    diagnoses: t.List[Diagnosis]
    commands: t.Tuple[Command, ...] = ()
    held: t.Optional[Held] = None


class Planner:
    """Plans one update.

    :param records: the records of the prefix with their content.
    """

    def __init__(self, place: Place, driver: Driver, rules: Rules, records: t.Sequence[Record]) -> None:
        self._place = place
        self._driver = driver
        self._rules = rules
        self._records = records
        self._found: t.Dict[str, t.List[Package]] = {}
        self._diagnoses: t.List[Diagnosis] = []
        self._newest: t.Dict[str, str] = {}
        self._python: t.List[str] = []

    def plan(
        self, wanted: t.Sequence[Wanted], *, meanwhile: t.Optional[t.Callable[[t.Sequence[str]], None]] = None
    ) -> UpdatePlan:
        """Ask the channels and the tool.

        :param wanted: all that is wanted, met or not.
        :param meanwhile: is called with the specs while the tool plans; None where nothing will be done.
        :raises Refused: the tool would do what it must not.
        :raises Failed: the tool has no way to what is wanted; the message says why, and what to do.
        """
        fixed = [self._with_bound(item) for item in wanted]
        present = self._place.environment.records or []
        open_ = unmet(fixed, present)
        if not open_:
            return UpdatePlan((), tuple(fixed), Plan(), self._newest, self._diagnoses)
        # All that is wanted is named, so that the solver keeps what is there of it.
        specs = tuple(item.spec for item in fixed if item in open_ or item.name != self._driver.tool.package)
        specs += tuple(self._python)
        self.respect_pins(open_)
        tool, options = self._driver.tool, self._rules.options
        question, command = (ask(specs, options, prefix=self._place.prefix) for ask in (tool.plan, tool.apply))
        answer, held = ask_for_plan(
            self._driver,
            question,
            command,
            seconds=PLAN_SECONDS,
            meanwhile=None if meanwhile is None else lambda: meanwhile(specs),
        )
        with closed_on_error(held):
            if answer.error is not None:
                raise self.failed(answer, open_)
            if answer.nothing_to_do:
                raise self.nothing(answer, open_)
            self.check(answer.actions, {item.name for item in open_})
        return UpdatePlan(specs, tuple(fixed), answer.actions, self._newest, self._diagnoses, (command,), held)

    def _with_bound(self, item: Wanted) -> Wanted:
        """What is wanted, with the newest version put as a lower bound; that which is there, where none is newer."""
        if not item.newest:
            return item
        installed = self._place.environment.version_of(item.name)
        found = self.search(item.name)
        if not found:
            raise self.no_channel(item.name)
        python = self._place.environment.python_version
        target = newest_target(found, installed, python, may_move_python=self._rules.may_move_python)
        if target.newest:
            self._newest[item.name] = target.newest
        if target.python:
            self._python.append(target.python)
        version = target.version or installed
        if version is None:
            raise Failed("%s is not installed, and none of its versions in the channels can be." % item.name)
        if target.newest and _is_newer(target.newest, version):
            self._diagnoses += self._why(item.name, None)
        return Wanted(item.name, "%s>=%s" % (item.name, version))

    def search(self, name: str) -> t.List[Package]:
        """What the channels hold of a package; none where they do not know it."""
        if name not in self._found:
            tool = self._driver.tool
            answer = answer_of(self._driver, tool.search(name, self._rules.options), seconds=PLAN_SECONDS)
            if answer.error is not None and answer.error.kind != "not_found":
                raise self.failed(answer, ())
            self._found[name] = found_packages(answer, name)
        return self._found[name]

    def respect_pins(self, open_: t.Sequence[Wanted]) -> None:
        """Refuse what a pin forbids; some versions of conda would pass over the pin of a package that is asked for."""
        pins = self.pins()
        for item in open_:
            mine = [pin for pin in map(spec_of, pins) if pin is not None and pin.name == item.name]
            if mine and not any(
                all(fits(spec, package) is not False for spec in [spec_of(item.spec), *mine])
                for package in self.search(item.name)
            ):
                text = (
                    "%s is pinned in %s (%s), and no version in the channels meets both the pin and %s: change the pin."
                )
                told = ", ".join(pin.text for pin in mine)
                raise Refused(text % (item.name, self._place.prefix, told, item.spec), {"held": "pinned"})

    def pins(self) -> t.List[str]:
        """The match specs that hold packages of the prefix, from its own list and the settings."""
        setting = self._place.setting("pinned_packages")
        return [*self._place.environment.pinned, *(map(str, setting) if isinstance(setting, list) else ())]

    def _facts(self, plan: t.Optional[Answer]) -> Facts:
        place, settings = self._place, self._place.setting
        pinned = settings("pinned_packages")
        channels = self._rules.options.channels or settings("channels") or ()
        return Facts(
            tool=self._driver.tool,
            records=self._records,
            found=self._found.get(self._driver.tool.package),
            pinned=place.environment.pinned,
            pinned_packages=[str(text) for text in pinned] if isinstance(pinned, list) else (),
            channels=[str(channel) for channel in channels] if isinstance(channels, (list, tuple)) else (),
            channel_priority=str(settings("channel_priority") or "flexible"),
            is_frozen=place.environment.frozen is not None,
            override_frozen=self._rules.options.override_frozen,
            solver=place.solver,
            exclude_newer=settings("exclude_newer"),
            plan=plan,
        )

    def _why(self, name: str, plan: t.Optional[Answer]) -> t.List[Diagnosis]:
        return why_not_newer(self._facts(plan)) if name == self._driver.tool.package else []

    def failed(self, answer: Answer, open_: t.Sequence[Wanted]) -> Failed:
        """The failure that an answer with an error is."""
        error = answer.error
        if error is None:
            raise ValueError("an answer without an error is no failure")
        name = open_[0].name if open_ else self._driver.tool.package
        if open_ and name not in self._found:
            with contextlib.suppress(Failed):
                self.search(name)  # to say what holds it back, the channels have to be asked
        diagnoses = explain(error, self._facts(answer))
        specs = ", ".join(item.spec for item in open_)
        what = "plan the installation of %s in" % specs if specs else "search the channels of"
        what = "could not %s %s" % (what, self._place.prefix)
        found = conflicts(error, [item.spec for item in open_], self._records)
        if not found:
            return _sentence(what, diagnoses, error.message, self._driver.tool.kind)
        failed = _sentence(what, diagnoses, "", self._driver.tool.kind)
        text = " ".join([str(failed), *(item.text for item in found[:_MAX_CONFLICTS])])
        return Failed(text, dict(failed.result, conflicts=[item.as_dict() for item in found]))

    def nothing(self, answer: Answer, open_: t.Sequence[Wanted]) -> Failed:
        """The tool says that there is nothing to do, and the files say otherwise."""
        name = open_[0].name
        if name not in self._found:
            self.search(name)
        if not self._found[name]:
            return self.no_channel(name)
        diagnoses = self._why(name, answer)
        what = "says that nothing is to be done in %s, though %s does not hold there"
        what %= (self._place.prefix, open_[0].spec)
        return _sentence(what, diagnoses, "", self._driver.tool.kind)

    def no_channel(self, name: str) -> Failed:
        """The failure that channels are which do not even hold what is installed."""
        diagnoses = self._why(name, None)
        what = "finds no %s in its channels, not even the one that is installed in %s" % (name, self._place.prefix)
        return _sentence(what, diagnoses, "", self._driver.tool.kind)

    def check(self, actions: Plan, open_: t.Set[str]) -> None:
        """Refuse a plan that does more than it may."""
        for change in actions.changes:
            if change.kind == REMOVED and change.name in _NEVER_REMOVED:
                text = "The plan for %s would remove %s, so nothing was done."
                raise Refused(text % (self._place.prefix, change.name))
            if change.kind == DOWNGRADED and change.name in open_ and not self._rules.may_downgrade:
                text = (
                    "%s would go from %s down to %s in %s: allow it with allow_downgrade, or ask for another version."
                )
                raise Refused(text % (change.name, change.before.version, change.after.version, self._place.prefix))
            if _moves_python(change) and not self._rules.may_move_python:
                text = "Python would go from %s to %s in %s: allow it with python: move, or ask for less."
                raise Refused(text % (change.before.version, change.after.version, self._place.prefix))


def _sentence(what: str, diagnoses: t.Sequence[Diagnosis], message: str, tool: str) -> Failed:
    first = " %s %s" % (diagnoses[0].cause, diagnoses[0].remedy) if diagnoses else ""
    said = " ".join(message.split())[:_MAX_SAID]
    text = "%s %s.%s%s" % (tool, what, first, " It says: %s" % said if said else "")
    return Failed(text, {"diagnoses": [dict(item._asdict()) for item in diagnoses]})


def _is_newer(one: str, other: str) -> bool:
    try:
        return parse_version(one) > parse_version(other)
    except InvalidVersion:
        return False


def _moves_python(change: PackageChange) -> bool:
    if change.name != "python" or change.before is None or change.after is None:
        return False
    return change.before.version.split(".")[:2] != change.after.version.split(".")[:2]


__all__ = ("PLAN_SECONDS", "Planner", "Rules", "UpdatePlan")
