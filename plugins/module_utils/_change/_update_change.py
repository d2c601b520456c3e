# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The update of a base prefix as a transaction: what is started, and by what it is seen that it went well."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._answer import Answer
from ansible_collections.labfleet.conda.plugins.module_utils._change._diagnosis import explain
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import ChangeError, Failed
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_changes import (
    PackageChange,
    package_changes,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._packages import owned_paths, read_packages
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import Place
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import Command
from ansible_collections.labfleet.conda.plugins.module_utils._change._transaction import Change
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_facts import Facts
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_plan import UpdatePlan
from ansible_collections.labfleet.conda.plugins.module_utils._change._verify import (
    Driver,
    answer_of,
    first_question,
    left_behind,
    wrong_answers,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._wanted import unmet
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import channel_name
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import absent, names_below, tree_files
from ansible_collections.labfleet.conda.plugins.module_utils._system._run import Finished, Interrupts, NotStarted

REASON = "before the %s to %s"
_MAX_NAMED = 3
_MAX_SAID = 400
# Where conda sets files aside during a transaction: where packages put theirs.
_FOLDERS_OF_PACKAGES = ("bin", "conda-meta", "condabin", "lib", "etc", "share", "include", "ssl", "man")


class Settings(t.NamedTuple):
    """How an update is carried out.

    :param seconds: how long the tool may take; grace: how long it may take to undo, once it is told to end.
    :param lines: command lines of the operator that verify the result.
    :param condarc_solver: the solver to write into the condarc of the prefix; None leaves it.
    """

    seconds: float = 3600.0
    grace: float = 300.0
    lines: t.Tuple[str, ...] = ()
    condarc_solver: t.Optional[str] = None


class UpdateChange(Change):
    """One update.

    :param driver_of: gives the driver for the version of the tool that is there by then.
    :param before: the environment before it, with the content of its records.
    :param settle: has the kernel write down what was changed; called while the tool is asked, to save time.
    """

    def __init__(
        self,
        place: Place,
        plan: UpdatePlan,
        before: Environment,
        *,
        driver: Driver,
        settings: Settings,
        interrupts: Interrupts,
        envs: t.Callable[[], t.Any],
        action: str = "update",
        settle: t.Callable[[], None] = lambda: None,
    ) -> None:
        self._place, self._plan, self._before = place, plan, before
        self._driver, self._settings, self._action = driver, settings, action
        self._interrupts = interrupts
        self._envs, self._envs_before = envs, envs()
        self._settle = settle
        self._after: t.Optional[Environment] = None
        self._changes: t.Optional[t.Tuple[Environment, t.List[PackageChange]]] = None
        self._verified: t.List[str] = []
        self.reason = REASON % (action, ", ".join(plan.specs))
        self.packages = ["%s-%s-%s" % (item.name, item.version, item.build) for item in plan.actions.link]
        self.caches = place.configuration.package_caches if place.configuration else [place.prefix + "/pkgs"]

    def interrupted(self) -> bool:
        return bool(self._interrupts.received)

    def record(self) -> t.Dict[str, t.Any]:
        names = [self._driver.tool.package] if self._place.is_base else [item.name for item in self._plan.wanted]
        after = self._after
        return {
            "action": self._action,
            "prefix": self._place.prefix,
            "before": {name: self._before.version_of(name) for name in names},
            "after": {name: after.version_of(name) for name in names} if after else None,
            "packages": [plain_change(change) for change in self.changes()],
            "verification": self._verified or None,
        }

    def changes(self) -> t.List[PackageChange]:
        """What was changed, by the records; none before it was applied and read."""
        if self._after is None:
            return []
        if self._changes is None or self._changes[0] is not self._after:
            found = package_changes(self._before.details or (), self._after.details or ())
            self._changes = self._after, found
        return self._changes[1]

    def apply(self) -> None:
        for question in self._plan.commands:
            self._run(question)
        if self._settings.condarc_solver:
            self._write_solver(self._settings.condarc_solver)

    def _run(self, question: Command) -> None:
        tool, settings = self._driver.tool, self._settings
        if self._plan.held is not None and question is self._plan.commands[0]:
            done = self._plan.held.go_on(seconds=settings.seconds, grace=settings.grace)
        else:
            command = self._driver.command(question, seconds=settings.seconds, grace=settings.grace)
            done = self._driver.runner.run(command)
        if done.timed_out:
            raise Failed("%s took longer than %g s and was ended." % (tool.kind, settings.seconds))
        if done.interrupted:
            raise Failed("%s was ended, since this run was (signal %d)." % (tool.kind, done.interrupted))
        answer = self.read(question, done)
        if answer.error is not None:
            told = explain(answer.error, Facts(tool=tool, records=self._before.details or ()))
            cause = " %s %s" % (told[0].cause, told[0].remedy) if told else ""
            said = " ".join(answer.error.message.split())[-_MAX_SAID:]
            raise Failed("%s failed (%s).%s It says: %s" % (tool.kind, answer.error.kind, cause, said))

    def read(self, question: Command, done: Finished) -> Answer:
        """What the tool has answered to a command of the change."""
        return self._driver.read(question, done)

    def _write_solver(self, solver: str) -> None:
        """Let the condarc of the prefix say which solver; conda writes it itself, and keeps what else is there."""
        tool = self._driver.tool
        arguments = (tool.program, "config", "--file", tool.prefix + "/.condarc", "--set", "solver", solver)
        question = tool.version_command()._replace(argv=arguments, what="explicit", changes=True)
        answer = answer_of(self._driver, question)
        if answer.error is not None:
            raise Failed("The solver could not be set in %s/.condarc: %s" % (tool.prefix, answer.error.message))

    def verify(self) -> t.List[str]:
        prefix = self._place.prefix
        try:
            after = self._after = read_packages(prefix)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a reason to go back
            return ["%s cannot be read after the change: %s" % (prefix, error)]
        problems = self.not_held(after)
        if self._envs() != self._envs_before:
            problems.append("Environments other than the one changed are not as they were.")
        if problems:
            return problems + damage(prefix, after, but=self.forgiven(after))

        def meanwhile() -> None:
            problems.extend(damage(prefix, after, but=self.forgiven(after)))
            self._settle()

        tool = self._driver.tool
        version = (after.version_of(tool.package) if self._place.is_base else None) or tool.version
        driver = self._driver.with_tool(tool._replace(version=version))
        solver = self._settings.condarc_solver or self._place.solver
        problems += wrong_answers(driver, solver=solver, lines=self._settings.lines, meanwhile=meanwhile)
        if not problems:
            asked = ["version", "info", "solver", "offline solve"] if self._place.is_base else ["python"]
            self._verified = ["records", "files", *asked, *self._settings.lines]
        return problems

    def not_held(self, after: Environment) -> t.List[str]:
        """What was wanted and does not hold, one sentence each."""
        open_ = unmet(self._plan.wanted, after.records or [])
        return ["%s does not hold after the change." % item.spec for item in open_]

    def forgiven(self, after: Environment) -> t.Set[str]:
        """The files of packages that may be missing, since somebody wants it so."""
        return set()

    def verify_restored(self) -> t.List[str]:
        return whole_again(self._place.prefix, self._before, self._driver)


def whole_again(prefix: str, before: Environment, driver: Driver) -> t.List[str]:
    """What is wrong after the prefix was brought back to what it was."""
    try:
        now = read_packages(prefix)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is to be told
        return ["%s cannot be read: %s" % (prefix, error)]
    if sorted(now.records or ()) != sorted(before.records or ()):
        return ["The packages of %s are not those of before." % prefix]
    return damage(prefix, now) or _does_not_start(driver)


def _does_not_start(driver: Driver) -> t.List[str]:
    question = first_question(driver)
    if question is None:
        return []
    try:
        done = driver.runner.run(driver.command(question)._replace(whatever_comes=True))
    except NotStarted as error:
        return ["%s." % error]
    return [] if done.code == 0 else ["%s ends with exit code %d." % (" ".join(question.argv), done.code)]


def damage(prefix: str, environment: Environment, *, but: t.AbstractSet[str] = frozenset()) -> t.List[str]:
    """What is missing, or left over, in a prefix.

    :param but: the files that may be missing.
    """
    problems = []
    # To list directories is much quicker than to look for each file, of which few are elsewhere.
    there = tree_files(prefix, _FOLDERS_OF_PACKAGES)
    missing = absent(prefix, owned_paths(environment) - there - but)
    if missing:
        problems.append(_named("%d files of packages are missing", missing))
    if not environment.has_history:
        problems.append("conda-meta/history is gone.")
    left = left_behind(path.rpartition("/")[2] for path in there) + left_behind(names_below(prefix))
    if left:
        problems.append(_named("%d leftovers of an unfinished transaction are there", left))
    return problems


def _named(text: str, names: t.Sequence[str]) -> str:
    more = ", ..." if len(names) > _MAX_NAMED else ""
    return "%s: %s%s." % (text % len(names), ", ".join(sorted(names)[:_MAX_NAMED]), more)


def plain_change(change: PackageChange) -> t.Dict[str, t.Any]:
    """A change of a package as the module returns it and the ledger keeps it."""
    return {"name": change.name, "kind": change.kind, "from": _side(change.before), "to": _side(change.after)}


def _side(package: t.Any) -> t.Optional[t.Dict[str, t.Any]]:
    if package is None:
        return None
    channel = channel_name(package) if hasattr(package, "requested_specs") else getattr(package, "channel", None)
    side = {"version": package.version, "build": package.build, "channel": channel}
    side.update({key: getattr(package, key) for key in ("sha256", "md5") if getattr(package, key, None)})
    return side


__all__ = ("ChangeError", "REASON", "Settings", "UpdateChange", "damage", "plain_change", "whole_again")
