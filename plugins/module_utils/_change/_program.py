# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The update of a micromamba that stands alone, from the options of the module to its result."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._answer import found_packages
from ansible_collections.labfleet.conda.plugins.module_utils._change._conclude import (
    concluded,
    earlier_run,
    pruned,
    run_work,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Failed, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._in_container import refuse_in_container
from ansible_collections.labfleet.conda.plugins.module_utils._change._package import Package
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_changes import diff_texts, package_changes
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import (
    look_at_program,
    refuse_unless_ours,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._program_change import (
    ProgramChange,
    ProgramStore,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._session import Session, identifier
from ansible_collections.labfleet.conda.plugins.module_utils._change._solver_wish import KEEP
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import Options, Tool, told_version
from ansible_collections.labfleet.conda.plugins.module_utils._change._transaction import (
    COMMITTED,
    NOT_RESTORED,
    transact,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_change import plain_change
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_plan import PLAN_SECONDS
from ansible_collections.labfleet.conda.plugins.module_utils._change._verify import Driver, answer_of
from ansible_collections.labfleet.conda.plugins.module_utils._change._wanted import Wanted, wanted_packages
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import Look
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import Options as LookOptions
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import RecordName
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import InvalidVersion, parse_version
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import is_folder, is_there
from ansible_collections.labfleet.conda.plugins.module_utils._system._run import NotStarted

_Map = t.Dict[str, t.Any]
_Note = t.Callable[[str], None]
_NAME = "micromamba"
_RC_FILES = (("CONDARC", ".condarc"), ("MAMBARC", ".mambarc"))


class Micromamba(t.NamedTuple):
    """A program, and the root prefix that it works with; None for one of its own, which is empty."""

    program: str
    root_prefix: t.Optional[str]


def micromamba_at(path: str) -> t.Optional[Micromamba]:
    """The micromamba that stands alone and that a path names, by its own path or by its root prefix.

    :returns: None where the path names something else.
    """
    path = "/" + path.strip("/")
    name = path.rpartition("/")[2]
    if name == _NAME and not is_folder(path):
        above = path.rpartition("/")[0].rpartition("/")[0]
        if is_folder(above + "/conda-meta"):
            raise Refused("%s is a program of the environment %s: give that as the prefix." % (path, above))
        return Micromamba(path, None)
    if is_there(path + "/conda-meta/history") or not is_folder(path):
        return None
    look = Look(LookOptions(search_paths=[path], depth=0, users=[]))
    look.run()
    roots = [item for item in look.result.installations if item.prefix == path and item.kind == _NAME]
    if not roots or roots[0].environment is not None or roots[0].program is None:
        return None
    if look_at_program(roots[0].program).uid != roots[0].uid:
        text = "%s and %s, the program used with it, belong to different users: give the path of the program instead."
        raise Refused(text % (path, roots[0].program))
    return Micromamba(roots[0].program, path)


def update_program(micromamba: Micromamba, options: t.Mapping[str, t.Any], *, check: bool, note: _Note) -> _Map:
    """Update a micromamba that stands alone; parameters and result are those of update()."""
    for name, default in (("packages", []), ("solver", KEEP)):
        if options[name] != default:
            raise Refused("%s: %s stands alone, so nothing else can be installed with it." % (name, micromamba.program))
    wanted = wanted_packages(_NAME, str(options["version"]), ())
    place = look_at_program(micromamba.program)
    result: _Map = {"changed": False, "prefix": place.subject, "before": {}, "after": {}}
    result.update(outcome="unchanged", packages=[], diagnoses=[], recovered=None, snapshot=None)
    refuse_unless_ours(place, trusted=options["trusted_writers"])
    refuse_in_container(place.subject, options, result)
    work = _Work(micromamba.root_prefix, options, wanted, check, note)
    what = "plans an update" if check else "updates micromamba"
    answer = run_work(place, work, options, what=what, check=check)
    return concluded(place, options, answer, result, action="update", check=check)


class _Work:
    """What the owner does under the lock."""

    def __init__(
        self,
        root_prefix: t.Optional[str],
        options: t.Mapping[str, t.Any],
        wanted: t.Sequence[Wanted],
        check: bool,
        note: _Note,
    ) -> None:
        self._root_prefix, self._options, self._wanted = root_prefix, options, wanted
        self._check, self._note = check, note

    def __call__(self, session: Session) -> _Map:
        program = session.place.subject
        store = ProgramStore(session.prefix, session.folder, program.rpartition("/")[2])
        result: _Map = {}
        result.update(earlier_run(session, store=store, check=self._check, note=self._note))
        if "message" in result:
            return result
        driver = self._driver(session, program)
        versions = {_NAME: driver.tool.version}
        result.update(before=versions, after=versions)
        target = self._target(driver, result)
        if target is None:
            return result
        result["changed"] = True
        if self._check:
            changes = package_changes([Package(_NAME, driver.tool.version, "")], [target._replace(build="")])
            result.update(packages=[plain_change(item) for item in changes])
            result["diff"] = diff_texts(changes, program)
            return dict(result, outcome="planned", after={_NAME: target.version})
        store.version = driver.tool.version
        return self._change(session, store, driver, target, result)

    def _driver(self, session: Session, program: str) -> Driver:
        """Asks the program, whose version it tells; it gets an empty home, since self-update edits files of shells."""
        environment = session.environment(own_home=True)
        home = session.place.home
        for variable, name in _RC_FILES if home and session.place.uid != 0 else ():
            if is_there("%s/%s" % (home, name)):
                environment.setdefault(variable, "%s/%s" % (home, name))
        tool = Tool(_NAME, "0", program, self._root_prefix or environment["HOME"] + "/root")
        driver = Driver(tool, session.runner, environment)
        try:
            done = session.runner.run(driver.command(tool.version_command()))
        except NotStarted as error:
            raise Failed("%s. Put a working one there first." % error) from error
        version = told_version(tool, done.stdout, done.stderr)
        if done.code != 0 or version is None:
            text = (
                "%s --version ends with exit code %d, so that it cannot update itself: put a working one there first."
            )
            raise Failed(text % (program, done.code))
        return driver.with_tool(tool._replace(version=version))

    def _tool_options(self) -> Options:
        return Options(
            channels=tuple(self._options["channels"]),
            override_channels=bool(self._options["channels"]) and self._options["override_channels"],
        )

    def _target(self, driver: Driver, result: _Map) -> t.Optional[Package]:
        """The version to go to; None where what is wanted is there."""
        version = driver.tool.version
        here = [RecordName(_NAME, version, "0")]
        if all(not item.newest and item.is_met_by(here) for item in self._wanted):
            return None
        wanted = self._wanted[0]
        answer = answer_of(driver, driver.tool.search(_NAME, self._tool_options()), seconds=PLAN_SECONDS)
        if answer.error is not None and answer.error.kind != "not_found":
            said = " ".join(answer.error.message.split())[:400]
            raise Failed("micromamba could not search its channels: %s" % said)
        found = [package for package in found_packages(answer, _NAME) if _is_version(package.version)]
        if not found:
            raise Failed("micromamba finds no micromamba in its channels: name one that has it, such as conda-forge.")
        newest = max(found, key=lambda package: parse_version(package.version))
        result["newest"] = {_NAME: newest.version}
        fitting = [
            package
            for package in found
            if wanted.newest or wanted.is_met_by([RecordName(_NAME, package.version, package.build)])
        ]
        if not fitting:
            raise Failed("The channels hold no %s; the newest is %s." % (wanted.spec, newest.version))
        target = max(fitting, key=lambda package: parse_version(package.version))
        if wanted.newest and not _is_lower(version, target.version):
            return None
        if _is_lower(target.version, version) and not self._options["allow_downgrade"]:
            text = "micromamba would go from %s down to %s: allow it with allow_downgrade, or ask for another version."
            raise Refused(text % (version, target.version))
        return target

    def _change(self, session: Session, store: ProgramStore, driver: Driver, target: Package, result: _Map) -> _Map:
        given, name = self._options, identifier()
        times = (given["time_limit"], given["grace"])
        change = ProgramChange(session, driver, self._tool_options(), target, times)
        change.lines = tuple(given["verify_commands"])
        outcome = transact(store, change, name, note=self._note, earlier=session.records)
        session.records.append(dict(outcome.record, snapshot=name))
        result.update(outcome=outcome.outcome, snapshot=outcome.snapshot, restored=outcome.restored)
        if outcome.outcome != COMMITTED:
            result["changed"] = outcome.outcome == NOT_RESTORED
            state = "The old one is back." if outcome.outcome != NOT_RESTORED else "The next run tries again."
            raise Failed("The update of %s was not kept: %s %s" % (session.place.subject, outcome.why, state), result)
        changes = change.changes()
        result.update(changed=True, after={_NAME: target.version}, packages=[plain_change(item) for item in changes])
        result["diff"] = diff_texts(changes, session.place.subject)
        result.update(pruned(session.prefix, given, name))
        return result


def _is_version(text: str) -> bool:
    try:
        parse_version(text)
    except InvalidVersion:
        return False
    return True


def _is_lower(one: str, other: str) -> bool:
    return parse_version(one) < parse_version(other)


__all__ = ("Micromamba", "micromamba_at", "update_program")
