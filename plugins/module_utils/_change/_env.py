# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Makes, changes, removes and writes down environments: the module conda_env, which documents options and result."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._conclude import concluded, run_work, run_worker
from ansible_collections.labfleet.conda.plugins.module_utils._change._env_change import EnvWanted
from ansible_collections.labfleet.conda.plugins.module_utils._change._env_create import (
    CREATE,
    CreateWork,
    create,
    half_made,
    heal_caches,
    new_change,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._env_export import Around, export
from ansible_collections.labfleet.conda.plugins.module_utils._change._env_marks import NO_MARKS, read_marks
from ansible_collections.labfleet.conda.plugins.module_utils._change._env_plan import CLONED, EXACT, PRESENT, EnvPlan
from ansible_collections.labfleet.conda.plugins.module_utils._change._env_remove import (
    REMOVE,
    RemoveWork,
    refuse_removal,
    removed_packages,
    way_back,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._env_request import (
    clone_of,
    marks_wanted,
    request_of,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._env_target import Target, find_target, new_target
from ansible_collections.labfleet.conda.plugins.module_utils._change._env_work import EnvWork
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import ChangeError, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._in_container import refuse_in_container
from ansible_collections.labfleet.conda.plugins.module_utils._change._journal import is_pending
from ansible_collections.labfleet.conda.plugins.module_utils._change._options import refuse_options
from ansible_collections.labfleet.conda.plugins.module_utils._change._packages import (
    NoEnvironment,
    read_names,
    read_packages,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import Place, look_at, refuse_unless_ours
from ansible_collections.labfleet.conda.plugins.module_utils._change._preflight import put_off
from ansible_collections.labfleet.conda.plugins.module_utils._change._session import Session, tool_of
from ansible_collections.labfleet.conda.plugins.module_utils._change._work import refuse_frozen
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._spec._request import Request
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import read_text
from ansible_collections.labfleet.conda.plugins.module_utils._system._new_prefix import take_away
from ansible_collections.labfleet.conda.plugins.module_utils._system._platform import conda_platform

ABSENT, EXPORTED = "absent", "exported"
_Map = t.Dict[str, t.Any]
_Options = t.Mapping[str, t.Any]
_Note = t.Callable[[str], None]


def env(options: _Options, *, check: bool, note: _Note) -> _Map:
    """Bring an environment into a state.

    :param options: those of the module.
    :param check: plan only.
    :param note: takes what is being done, for a person who waits.
    :returns: the result of the module.
    :raises ChangeError: it is not in that state; the error carries the result so far.
    """
    refuse_options(options)
    state = options["state"]
    request = clone_of(options) if state == CLONED else request_of(options)
    if state == EXACT and request is None:
        raise Refused("state exact needs to know what is to be there: give src, content, packages or pip.")
    name = options["name"] or (request.name if request and not options["environment"] else None)
    if not name and not options["environment"]:
        raise Refused("Which environment? Give name or environment, or a file that names it.")
    target = find_target(options["prefix"], name, options["environment"])
    if target.prefix == "/" + options["prefix"].strip("/") and not (state == PRESENT and request is None):
        text = "%s is the base prefix: its tool is changed by conda_update, its packages by conda_package."
        raise Refused(text % target.prefix)
    result: _Map = {"changed": False, "prefix": target.prefix, "state": state, "outcome": "unchanged", "packages": []}
    result.update(marks={"removed": [], "set": []}, snapshot=None, recovered=None)
    if state == ABSENT:
        return _absent(target, options, result, check=check, note=note)
    if state == EXPORTED:
        return _exported(target, name, options, result)
    wanted = EnvWanted(request or Request(), marks_wanted(request, options, only_these=state != PRESENT), state)
    return _Wish(options, wanted, result, check, note).fulfil(target)


class _Wish:
    """An environment that is to be there."""

    def __init__(self, options: _Options, wanted: EnvWanted, result: _Map, check: bool, note: _Note) -> None:
        self._options, self._wanted, self._result = options, wanted, result
        self._check, self._note = check, note

    def fulfil(self, target: Target) -> _Map:
        if not target.exists:
            return self._create(target)
        read = read_names if self._wanted.state == PRESENT else read_packages
        environment = _environment(target.prefix, read, over=True)
        plan = self._wanted.open_in(environment)
        pending = is_pending(target.prefix)
        if plan.is_empty and not pending:
            return self._result
        place = look_at(self._options["prefix"], target.prefix)
        refuse_unless_ours(place, trusted=self._options["trusted_writers"])
        refuse_in_container(place.prefix, self._options, self._result)
        if pending and not self._check and self._clear_half_made(place):
            return self._create(target._replace(exists=False))
        if plan.changes_packages and self._wanted.marks.frozen is not False:
            refuse_frozen(place, self._options, self._result)
        return self._change(place, plan)

    def _change(self, place: Place, plan: EnvPlan) -> _Map:
        options = self._options
        deferred = None
        if not self._check and plan.changes_packages:
            deferred = put_off(place, options, note=self._note)
        if deferred is not None:
            return dict(self._result, **deferred)
        work = EnvWork(options, self._wanted, check=self._check, note=self._note)
        what = "plans a change" if self._check else "changes the environment"
        answer = run_work(place, work, options, what=what, check=self._check)
        return concluded(place, options, answer, self._result, action=work.action, check=self._check)

    def _clear_half_made(self, place: Place) -> bool:
        """Take an environment away whose creation was cut off; whether it was such."""

        def work(session: Session) -> _Map:
            journal = half_made(session.folder, session.prefix)
            if journal is None:
                return {}
            self._note("removes %s, whose creation was cut off" % session.prefix)
            heal_caches(session.prefix, journal)
            take_away(session.prefix)
            text = "The creation of an interrupted run was undone: what there was of the environment was removed."
            session.records.append(
                {"action": CREATE, "prefix": session.prefix, "outcome": "recovered", "message": text}
            )
            return {"recovered": text}

        answer = run_work(place, work, self._options, what="undoes a creation")
        if not answer["records"] and answer["error"] is None:
            return False
        self._result = concluded(place, self._options, answer, self._result, action=CREATE, check=False)
        return True

    def _create(self, target: Target) -> _Map:
        options = self._options
        place = new_target(options["prefix"], target).place
        if place is None:
            raise Refused("%s cannot be made." % target.prefix)
        refuse_unless_ours(place, trusted=options["trusted_writers"])
        refuse_in_container(place.prefix, options, self._result)
        change = new_change()
        work = CreateWork(change, options, self._wanted, check=self._check, note=self._note)
        folders = place.configuration.environment_directories if place.configuration else []

        def run() -> _Map:
            return create(place, work, change, lock_seconds=options["lock_seconds"], directories=folders)

        answer = run_worker(place, run, options)
        if self._check and answer["error"] is None:
            answer["result"].update(prefix=place.prefix, changed=True, outcome="planned", diff=_there(answer, place))
        return concluded(place, options, answer, self._result, action=CREATE, check=self._check)


def _there(answer: _Map, place: Place) -> t.Any:
    diff = answer["result"].get("diff") or {"before": "", "after": ""}
    return dict(diff, before_header=place.prefix, after_header=place.prefix)


def _environment(prefix: str, read: t.Callable[[str], Environment] = read_names, *, over: bool = False) -> Environment:
    """The environment at a path that is there.

    :param over: whether one was to be made there.
    :raises Refused: it is none.
    """
    try:
        return read(prefix)
    except NoEnvironment as error:
        more = " Nothing is ever created over what is there: choose another path, or remove it." if over else ""
        raise Refused("%s%s" % (error, more)) from error


def _absent(target: Target, options: _Options, result: _Map, *, check: bool, note: _Note) -> _Map:
    if not target.exists:
        return result
    refuse_removal(_environment(target.prefix))
    place = look_at(options["prefix"], target.prefix)
    refuse_unless_ours(place, trusted=options["trusted_writers"])
    refuse_in_container(place.prefix, options, result)
    refuse_frozen(place, options, result)
    deferred = None if check else put_off(place, options, note=note)
    if deferred is not None:
        return dict(result, **deferred)
    there = read_packages(target.prefix)
    result.update(way_back=way_back(there), diff={"before": "%s\n" % target.prefix, "after": ""})
    if check:
        return dict(result, changed=True, outcome="planned", packages=removed_packages(there))
    work = RemoveWork(place, note)
    answer = run_work(place, work, options, what="removes the environment")
    return concluded(place, options, answer, result, action=REMOVE, check=False)


def _exported(target: Target, name: t.Optional[str], options: _Options, result: _Map) -> _Map:
    """The text; the module writes it, with the permissions that its options ask for."""
    if not target.exists:
        raise Refused("There is no environment at %s, so that it cannot be exported." % target.prefix)
    try:
        environment = read_packages(target.prefix)
    except NoEnvironment as error:
        raise Refused(str(error)) from error
    marks = read_marks(environment) if environment.records is not None else NO_MARKS
    text = export(environment, marks, options["format"], _around(target, name, options))
    result.update(content=text)
    if options["dest"] is not None:
        if not options["dest"].startswith("/"):
            raise Refused("dest: %r is no absolute path: write it from the root on." % options["dest"])
        before = read_text(options["dest"])
        is_other = before != text
        result.update(changed=is_other, dest=options["dest"])
        header = {"before_header": options["dest"], "after_header": options["dest"]}
        result["diff"] = dict(header, before=before or "", after=text) if is_other else None
    return result


def _around(target: Target, name: t.Optional[str], options: _Options) -> Around:
    place = look_at(options["prefix"], target.prefix)
    old = place.installation.kind == "conda" and tool_of(place).since("25.9") is False
    channels, defaults = place.setting("channels"), place.setting("default_channels")
    return Around(
        name=name or target.prefix.rpartition("/")[2],
        channels=[str(item) for item in channels or (["defaults"] if old else [])],
        defaults=[str(item) for item in defaults or ()],
        platform=options["platform"] or conda_platform(),
    )


__all__ = ("ABSENT", "ChangeError", "EXPORTED", "env")
