# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Updates the tool of one base prefix: the module conda_update, which documents the options and the result."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._conclude import (
    concluded,
    run_work,
    settled_first,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import ChangeError, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._in_container import refuse_in_container
from ansible_collections.labfleet.conda.plugins.module_utils._change._journal import is_pending
from ansible_collections.labfleet.conda.plugins.module_utils._change._options import refuse_options
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import Place, look_at, refuse_unless_ours
from ansible_collections.labfleet.conda.plugins.module_utils._change._preflight import (
    put_off,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._program import micromamba_at, update_program
from ansible_collections.labfleet.conda.plugins.module_utils._change._session import Session, tool_of
from ansible_collections.labfleet.conda.plugins.module_utils._change._solver_wish import KEEP, SolverWish, solver_wish
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_change import (
    Settings,
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
from ansible_collections.labfleet.conda.plugins.module_utils._change._work import Work, refuse_frozen, tool_options
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment

_Map = t.Dict[str, t.Any]
_Note = t.Callable[[str], None]
_NOTHING = {"changed": False, "outcome": "unchanged", "packages": [], "diagnoses": [], "snapshot": None}


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
    first = settled_first(str(options["prefix"]), options, action="update", note=note, check=check)
    if "outcome" in first:
        return dict(_NOTHING, prefix=options["environment"] or options["prefix"], before={}, after={}, **first)
    place = look_at(str(options["prefix"]), options["environment"])
    wish = solver_wish(place, options["solver"])
    wanted = wanted_packages(tool_of(place).package, _version(place, options), [*options["packages"], *wish.packages])
    versions = _versions(place, wanted)
    result: _Map = dict(_NOTHING, prefix=place.prefix, before=versions, after=versions)
    result.update(recovered=first["recovered"], changed=first["recovered"] is not None)
    pending = is_pending(place.prefix)
    if not pending and not unmet(wanted, place.environment.records or []) and not wish.condarc:
        return result
    refuse_unless_ours(place, trusted=options["trusted_writers"])
    refuse_in_container(place.prefix, options, result)
    refuse_frozen(place, options, result)
    deferred = None if check else put_off(place, options, note=note)
    if deferred is not None:
        return dict(result, **deferred)
    work = _Work(options, wanted, wish, check, note)
    what = "plans an update" if check else "updates"
    answer = run_work(place, work, options, what=what, check=check)
    return concluded(place, options, answer, result, action="update", check=check)


class _Work(Work):
    """What the owner does under the lock."""

    noun = "update"

    def __init__(
        self, options: t.Mapping[str, t.Any], wanted: t.Sequence[Wanted], wish: SolverWish, check: bool, note: _Note
    ) -> None:
        super().__init__(options, check=check, note=note)
        self._wanted, self._wish = wanted, wish

    def plan(self, session: Session, driver: Driver, before: Environment) -> UpdatePlan:
        given = self.options
        rules = Rules(tool_options(given), given["python"] == "move", given["allow_downgrade"])
        planner = Planner(session.place, driver, rules, before.details or ())
        return planner.plan(self._wanted, meanwhile=None if self.check else self.meanwhile)

    def names(self) -> t.Sequence[str]:
        return [item.name for item in self._wanted]

    def versions(self, place: Place, plan: UpdatePlan) -> t.Dict[str, str]:
        return _versions(place, plan.wanted)

    def is_nothing(self, plan: UpdatePlan) -> bool:
        return not plan.commands and not self._wish.condarc

    def settings(self) -> Settings:
        return super().settings()._replace(condarc_solver=self._wish.condarc)


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


__all__ = ("ChangeError", "update")
