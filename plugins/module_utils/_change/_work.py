# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""What the owner does under the lock, whatever is wanted of a prefix: recover, plan, and change it in a transaction."""

from __future__ import annotations

import abc
import contextlib
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._answer import Plan
from ansible_collections.labfleet.conda.plugins.module_utils._change._conclude import earlier_run, pruned
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Failed, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._journal import (
    SNAPSHOT,
    Journal,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_changes import (
    PackageChange,
    diff_texts,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._packages import read_packages
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import Place
from ansible_collections.labfleet.conda.plugins.module_utils._change._preflight import check_space
from ansible_collections.labfleet.conda.plugins.module_utils._change._session import Session, identifier
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import Options
from ansible_collections.labfleet.conda.plugins.module_utils._change._transaction import (
    COMMITTED,
    NOT_RESTORED,
    give_up,
    take_first,
    transact,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_change import (
    REASON,
    Settings,
    UpdateChange,
    plain_change,
    whole_again,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_plan import UpdatePlan
from ansible_collections.labfleet.conda.plugins.module_utils._change._verify import Driver
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import fingerprints
from ansible_collections.labfleet.conda.plugins.module_utils._system._lock import locks_on_this_host_only

_Map = t.Dict[str, t.Any]
_Note = t.Callable[[str], None]
# What a snapshot copies of a prefix at the most, by far: the rest are links.
_COPIES = 50 * 1000 * 1000


class Work(abc.ABC):
    """One change of a prefix, from its plan to its result.

    :param options: those of the module that all modules for changes have: C(channels), C(override_channels),
        C(override_frozen), C(allow_downgrade), C(reserve), C(time_limit), C(grace), C(verify_commands) and those of
        pruned().
    :param check: plan only.
    :param note: takes what is being done, for a person who waits.
    """

    # As in "plans the update of" and "the update of PREFIX was not kept".
    noun = "change"
    # What the ledger calls it.
    action = "update"

    def __init__(self, options: t.Mapping[str, t.Any], *, check: bool, note: _Note) -> None:
        self.options, self.check, self.note = options, check, note
        self._ahead: t.Optional[_Ahead] = None

    @abc.abstractmethod
    def plan(self, session: Session, driver: Driver, before: Environment) -> UpdatePlan:
        """What is to be done; C(commands) is empty where nothing is.

        :param before: the prefix with the content of its records.
        :raises ChangeError: there is no way, or it must not be done.
        """

    @abc.abstractmethod
    def versions(self, place: Place, plan: UpdatePlan) -> t.Dict[str, str]:
        """The versions that C(before) and C(after) of the result tell."""

    def driver(self, session: Session) -> Driver:
        """What asks the tool."""
        return session.driver()

    def is_nothing(self, plan: UpdatePlan) -> bool:
        """Whether nothing is to be done."""
        return not plan.commands

    def planned(self, place: Place, plan: UpdatePlan) -> _Map:
        """What the result tells of the plan, beside the packages."""
        return {}

    def planned_changes(self, place: Place, plan: UpdatePlan) -> t.List[PackageChange]:
        """The packages that would change."""
        return plan.actions.changes

    def names(self) -> t.Sequence[str]:
        """The packages whose versions the ledger tells of a change that was cut off before it began."""
        return ()

    def settings(self) -> Settings:
        """How it is carried out."""
        given = self.options
        return Settings(seconds=given["time_limit"], grace=given["grace"], lines=tuple(given["verify_commands"]))

    def change(self, session: Session, driver: Driver, plan: UpdatePlan, before: Environment) -> UpdateChange:
        """The change for the transaction."""
        return UpdateChange(
            session.place,
            plan,
            before,
            driver=driver,
            settings=self.settings(),
            interrupts=session.interrupts,
            envs=lambda: fingerprints(session.prefix + "/envs"),
            settle=session.store.settle,
            action=self.action,
        )

    def meanwhile(self, specs: t.Sequence[str]) -> None:
        """Take the snapshot, while the tool plans something that will be done; see plan().

        :raises ChangeError: there is no room for it, or it could not be taken.
        """
        if self._ahead is not None:
            self._ahead.take(specs)

    def __call__(self, session: Session) -> _Map:
        result: _Map = {}
        if locks_on_this_host_only(session.prefix):
            text = "%s lies on NFS that locks on this host only: change it from one host."
            result["warnings"] = [text % session.prefix]
        result.update(self._earlier_run(session))
        if "message" in result:
            return result
        session.look_again()
        before = read_packages(session.prefix)
        driver = self.driver(session)
        self.note("plans the %s of %s" % (self.noun, session.prefix))
        ahead = _Ahead(session, self, before)
        self._ahead = None if self.check else ahead
        with ahead:
            plan = self.plan(session, driver, before)
            with plan.held or contextlib.nullcontext():
                return self._go_on(session, driver, plan, before, result)

    def _go_on(self, session: Session, driver: Driver, plan: UpdatePlan, before: Environment, result: _Map) -> _Map:
        """Do what is planned, where something is, and this is no check."""
        result.update(diagnoses=[dict(item._asdict()) for item in plan.diagnoses], newest=plan.newest)
        result.update(self.planned(session.place, plan))
        if self.is_nothing(plan):
            return result
        result["space"] = check_space(session.place, plan.actions, reserve=self.options["reserve"], copies=_COPIES)
        changes = self.planned_changes(session.place, plan)
        result.update(changed=True, packages=[plain_change(item) for item in changes])
        result["diff"] = diff_texts(changes, session.prefix)
        if self.check:
            return dict(result, outcome="planned", after=self._planned_versions(session.place, plan))
        return self._change(session, driver, plan, before, result)

    def _earlier_run(self, session: Session) -> _Map:
        def whole() -> t.List[str]:
            session.look_again()
            return whole_again(session.prefix, read_packages(session.prefix), session.driver())

        return earlier_run(session, check=self.check, note=self.note, whole=whole)

    def _change(self, session: Session, driver: Driver, plan: UpdatePlan, before: Environment, result: _Map) -> _Map:
        change = self.change(session, driver, plan, before)
        ahead = t.cast(_Ahead, self._ahead)
        name, taken = ahead.name, ahead.hand_over()
        outcome = transact(session.store, change, name, note=self.note, earlier=session.records, taken=taken)
        session.records.append(outcome.record)
        result.update(outcome=outcome.outcome, snapshot=outcome.snapshot, restored=outcome.restored)
        if outcome.outcome != COMMITTED:
            result.update(changed=outcome.outcome == NOT_RESTORED, packages=[], diff=None)
            state = "The old state is back." if outcome.outcome != NOT_RESTORED else "The next run tries again."
            text = "The %s of %s was not kept: %s %s"
            raise Failed(text % (self.noun, session.prefix, outcome.why, state), result)
        session.look_again()
        changes = change.changes()
        result.update(after=self.versions(session.place, plan), packages=[plain_change(item) for item in changes])
        result["diff"] = diff_texts(changes, session.prefix)
        result.update(pruned(session.prefix, self.options, name))
        return result

    def _planned_versions(self, place: Place, plan: UpdatePlan) -> t.Dict[str, str]:
        coming = {package.name: package.version for package in plan.actions.link}
        going = {package.name for package in plan.actions.unlink} - set(coming)
        found = {name: coming.get(name, version) for name, version in self.versions(place, plan).items()}
        found.update((item.name, coming[item.name]) for item in plan.wanted if item.name in coming)
        return {name: version for name, version in found.items() if name not in going}


class _Ahead:
    """A snapshot that is taken while the tool still plans; at the end it is dropped, unless it was handed over."""

    def __init__(self, session: Session, work: Work, before: Environment) -> None:
        self.name = identifier()
        self._session, self._work = session, work
        record = {"action": work.action, "prefix": session.prefix, "snapshot": self.name, "packages": []}
        record["before"] = {name: before.version_of(name) for name in work.names()}
        self._journal = Journal(self.name, SNAPSHOT, (), (), record, tuple(session.records))
        self._taken: t.Optional[_Map] = None

    def take(self, specs: t.Sequence[str]) -> None:
        """Take it."""
        check_space(self._session.place, Plan(), reserve=self._work.options["reserve"], copies=_COPIES)
        reason = REASON % (self._work.action, ", ".join(specs))
        self._taken = take_first(self._session.store, self._journal, reason, note=self._work.note)

    def hand_over(self) -> t.Optional[_Map]:
        """About the snapshot, for who uses it; None where none was taken."""
        taken, self._taken = self._taken, None
        return taken

    def __enter__(self) -> _Ahead:
        return self

    def __exit__(self, *unused: t.Any) -> None:
        if self._taken is not None:
            give_up(self._session.store, self._journal)


def tool_options(given: t.Mapping[str, t.Any]) -> Options:
    """The options of a module, as those of the tool's commands."""
    return Options(
        channels=tuple(given["channels"]),
        override_channels=bool(given["channels"]) and given["override_channels"],
        override_frozen=given["override_frozen"],
        allow_removing=True,
        allow_downgrade=given["allow_downgrade"],
    )


def refuse_frozen(place: Place, options: t.Mapping[str, t.Any], result: _Map) -> None:
    """Refuse a prefix that is marked as frozen, whatever the tool would do with it.

    :raises Refused: it is, and C(override_frozen) is not set; the error carries the result.
    """
    frozen = place.environment.frozen
    if frozen is not None and not options["override_frozen"]:
        text = "%s is marked as frozen%s, so it is not changed: set override_frozen to change it all the same."
        raise Refused(
            text % (place.prefix, " (%s)" % frozen.message if frozen.message else ""), dict(result, held="frozen")
        )


__all__ = ("Work", "refuse_frozen", "tool_options")
