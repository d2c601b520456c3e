# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Updates the tool of one base prefix: the module conda_update, which documents the options and the result."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._answer import Plan
from ansible_collections.labfleet.conda.plugins.module_utils._change._conclude import (
    concluded,
    earlier_run,
    pruned,
    recovered_first,
    run_work,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import ChangeError, Failed, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._journal import (
    SNAPSHOT,
    Journal,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._options import refuse_options
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_changes import diff_texts
from ansible_collections.labfleet.conda.plugins.module_utils._change._packages import read_packages
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import Place, look_at, refuse_unless_ours
from ansible_collections.labfleet.conda.plugins.module_utils._change._preflight import (
    check_space,
    put_off,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._program import micromamba_at, update_program
from ansible_collections.labfleet.conda.plugins.module_utils._change._session import Session, identifier, tool_of
from ansible_collections.labfleet.conda.plugins.module_utils._change._solver_wish import KEEP, SolverWish, solver_wish
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import STATE
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
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_plan import Planner, Rules, UpdatePlan
from ansible_collections.labfleet.conda.plugins.module_utils._change._verify import Driver
from ansible_collections.labfleet.conda.plugins.module_utils._change._wanted import (
    ANY,
    NEWEST,
    Wanted,
    unmet,
    wanted_packages,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import fingerprints, is_there
from ansible_collections.labfleet.conda.plugins.module_utils._system._lock import locks_on_this_host_only

_Map = t.Dict[str, t.Any]
_Note = t.Callable[[str], None]
# The bytes that a snapshot may copy.
_COPIES = 50_000_000


def update(options: t.Mapping[str, t.Any], *, check: bool, note: _Note) -> _Map:
    """Update a base prefix.

    :param options: those of the module.
    :param check: plan only.
    :param note: takes what is being done, for a person who waits.
    :returns: the result of the module.
    :raises ChangeError: it was not updated; the error carries the result so far.
    """
    refuse_options(options)
    if options["environment"] is None:
        program = micromamba_at(str(options["prefix"]))
        if program is not None:
            options = dict(options, version=options["version"] or NEWEST)
            return update_program(program, options, check=check, note=note)
    recovered = None if check else recovered_first(str(options["prefix"]), options, action="update", note=note)
    place = look_at(str(options["prefix"]), options["environment"])
    wish = solver_wish(place, options["solver"])
    wanted = wanted_packages(tool_of(place).package, _version(place, options), [*options["packages"], *wish.packages])
    versions = _versions(place, wanted)
    result: _Map = {"changed": False, "prefix": place.prefix, "before": versions, "after": versions}
    result.update(outcome="unchanged", packages=[], diagnoses=[], recovered=recovered, snapshot=None)
    result["changed"] = recovered is not None
    pending = is_there("%s/%s/journal.json" % (place.prefix, STATE))
    if not pending and not unmet(wanted, place.environment.records or []) and not wish.condarc:
        return result
    refuse_unless_ours(place, trusted=options["trusted_writers"])
    if place.environment.frozen is not None and not options["override_frozen"]:
        said = place.environment.frozen.message
        text = "%s is marked as frozen%s, so it is not changed: set override_frozen to change it all the same."
        raise Refused(text % (place.prefix, " (%s)" % said if said else ""), dict(result, held="frozen"))
    deferred = None if check else put_off(place, options, note=note)
    if deferred is not None:
        return dict(result, **deferred)
    work = _Work(options, wanted, wish, check, note)
    what = "plans an update" if check else "updates"
    answer = run_work(place, work, options, what=what, check=check)
    return concluded(place, options, answer, result, action="update", check=check)


class _Work:
    """What the owner does under the lock."""

    def __init__(
        self, options: t.Mapping[str, t.Any], wanted: t.Sequence[t.Any], wish: SolverWish, check: bool, note: _Note
    ) -> None:
        self.check = check
        self._options, self._wanted, self._wish, self._note = options, wanted, wish, note

    def __call__(self, session: Session) -> _Map:
        result: _Map = {}
        if locks_on_this_host_only(session.prefix):
            text = "%s lies on NFS that locks on this host only: change it from one host."
            result["warnings"] = [text % session.prefix]
        result.update(self._earlier_run(session))
        if "message" in result:
            return result
        session.look_again()
        options = self._tool_options()
        before = read_packages(session.prefix)
        rules = Rules(options, self._options["python"] == "move", self._options["allow_downgrade"])
        driver = session.driver()
        self._note("plans the update of %s" % session.prefix)
        ahead = _Ahead(session, self._options["reserve"], before, self._wanted, self._note)
        planner = Planner(session.place, driver, rules, before.details or ())
        with ahead:
            plan = planner.plan(self._wanted, meanwhile=None if self.check else ahead.take)
            with plan.held or contextlib.nullcontext():
                return self._go_on(session, plan, before, driver, ahead, result)

    def _go_on(
        self, session: Session, plan: UpdatePlan, before: t.Any, driver: Driver, ahead: _Ahead, result: _Map
    ) -> _Map:
        """Do what is planned, where something is, and this is no check."""
        result["diagnoses"] = [dict(item._asdict()) for item in plan.diagnoses]
        result["newest"] = plan.newest
        if not plan.specs and not self._wish.condarc:
            return result
        result["space"] = check_space(session.place, plan.actions, reserve=self._options["reserve"], copies=_COPIES)
        changes = plan.actions.changes
        result.update(changed=True, packages=[plain_change(item) for item in changes])
        result["diff"] = diff_texts(changes, session.prefix)
        if self.check:
            result.update(outcome="planned", after=dict(_planned_versions(session.place, plan)))
            return result
        return self._change(session, plan, before, driver, ahead, result)

    def _tool_options(self) -> Options:
        given = self._options
        return Options(
            channels=tuple(given["channels"]),
            override_channels=bool(given["channels"]) and given["override_channels"],
            override_frozen=given["override_frozen"],
            allow_removing=True,
            allow_downgrade=given["allow_downgrade"],
        )

    def _earlier_run(self, session: Session) -> _Map:
        def whole() -> t.List[str]:
            session.look_again()
            return whole_again(session.prefix, read_packages(session.prefix), session.driver())

        return earlier_run(session, check=self.check, note=self._note, whole=whole)

    def _change(
        self, session: Session, plan: UpdatePlan, before: t.Any, driver: Driver, ahead: _Ahead, result: _Map
    ) -> _Map:
        given = self._options
        settings = Settings(
            seconds=given["time_limit"],
            grace=given["grace"],
            lines=tuple(given["verify_commands"]),
            condarc_solver=self._wish.condarc,
        )
        change = UpdateChange(
            session.place,
            plan,
            before,
            driver=driver,
            options=self._tool_options(),
            settings=settings,
            interrupts=session.interrupts,
            envs=lambda: fingerprints(session.prefix + "/envs"),
            settle=session.store.settle,
        )
        name = ahead.name
        outcome = transact(
            session.store, change, name, note=self._note, earlier=session.records, taken=ahead.hand_over()
        )
        session.records.append(outcome.record)
        result.update(outcome=outcome.outcome, snapshot=outcome.snapshot, restored=outcome.restored)
        if outcome.outcome != COMMITTED:
            result.update(changed=outcome.outcome == NOT_RESTORED, packages=[], diff=None)
            state = "The old state is back." if outcome.outcome != NOT_RESTORED else "The next run tries again."
            raise Failed("The update of %s was not kept: %s %s" % (session.prefix, outcome.why, state), result)
        session.look_again()
        changes = change.changes()
        result.update(after=_versions(session.place, plan.wanted), packages=[plain_change(item) for item in changes])
        result["diff"] = diff_texts(changes, session.prefix)
        result.update(pruned(session.prefix, given, name))
        return result


class _Ahead:
    """A snapshot that is taken while the tool still plans; at the end it is dropped, unless it was handed over."""

    def __init__(self, session: Session, reserve: int, before: t.Any, wanted: t.Sequence[Wanted], note: _Note) -> None:
        self.name = identifier()
        self._session, self._reserve, self._note = session, reserve, note
        names = [item.name for item in wanted]
        record = {"action": "update", "prefix": session.prefix, "snapshot": self.name, "packages": []}
        record["before"] = {name: before.version_of(name) for name in names}
        self._journal = Journal(self.name, SNAPSHOT, (), (), record, tuple(session.records))
        self._taken: t.Optional[_Map] = None

    def take(self, specs: t.Sequence[str]) -> None:
        """Take it.

        :raises ChangeError: there is no room for it, or it could not be taken.
        """
        check_space(self._session.place, Plan(), reserve=self._reserve, copies=_COPIES)
        reason = REASON % ", ".join(specs)
        self._taken = take_first(self._session.store, self._journal, reason, note=self._note)

    def hand_over(self) -> t.Optional[_Map]:
        """About the snapshot, for who uses it; None where none was taken."""
        taken, self._taken = self._taken, None
        return taken

    def __enter__(self) -> _Ahead:
        return self

    def __exit__(self, *unused: t.Any) -> None:
        if self._taken is not None:
            give_up(self._session.store, self._journal)


def _version(place: Place, options: t.Mapping[str, t.Any]) -> str:
    """The version that is wanted of the tool itself."""
    version = options["version"]
    if place.is_base:
        return str(version or (ANY if options["environment"] else NEWEST))
    if version not in (None, ANY) or options["solver"] != KEEP:
        text = "version and solver are about the tool in a base prefix: for the environment %s, name packages."
        raise Refused(text % place.prefix)
    return ANY


def _versions(place: Place, wanted: t.Sequence[Wanted]) -> t.Dict[str, str]:
    """The versions of the tool, its solver and Python; of an environment, those of what is wanted, and Python."""
    if place.is_base:
        return dict(place.installation.versions)
    found = {name: place.environment.version_of(name) for name in [*(item.name for item in wanted), "python"]}
    return {name: version for name, version in found.items() if version}


def _planned_versions(place: Place, plan: UpdatePlan) -> t.Iterator[t.Tuple[str, str]]:
    coming = {package.name: package.version for package in plan.actions.link}
    for name, version in _versions(place, plan.wanted).items():
        yield name, coming.get(name, version)


__all__ = ("ChangeError", "update")
