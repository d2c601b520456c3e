# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The change of an environment as a transaction carries it out: packages, then pip, then marks, then the check."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._conflicts import Conflict, conflicts
from ansible_collections.labfleet.conda.plugins.module_utils._change._env_contents import contents_of
from ansible_collections.labfleet.conda.plugins.module_utils._change._env_marks import (
    MarksWanted,
    apply_marks,
    read_marks,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._env_plan import EnvPlan, env_plan
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Failed
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_changes import PackageChange
from ansible_collections.labfleet.conda.plugins.module_utils._change._packages import read_packages
from ansible_collections.labfleet.conda.plugins.module_utils._change._pip_step import PipStep, pip_changes
from ansible_collections.labfleet.conda.plugins.module_utils._change._session import HOME, Session
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import STATE
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import (
    EXPLICIT_FILE_NAME,
    Command,
    CommandRefused,
    Options,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool_error import NOT_FOUND, UNSATISFIABLE
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_change import UpdateChange
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_plan import UpdatePlan
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._spec._explicit_file import write_explicit_file
from ansible_collections.labfleet.conda.plugins.module_utils._spec._request import ExplicitPackage, Request
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import close, write_durably
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import file_sum
from ansible_collections.labfleet.conda.plugins.module_utils._system._run import Finished
from ansible_collections.labfleet.conda.plugins.module_utils._system._walk import open_folder

_MAX_NAMED = 5
_MAX_TOLD = 3


class EnvWanted(t.NamedTuple):
    """What an environment is to be.

    :param state: see env_plan().
    """

    request: Request
    marks: MarksWanted
    state: str

    def open_in(self, environment: Environment) -> EnvPlan:
        """What is to be done there."""
        marks = read_marks(environment)
        return env_plan(environment, marks, self.request, self.marks, self.state, contents_of(environment))


class EnvChange(UpdateChange):
    """One change of an environment.

    :param wanted: what it is to be.
    :param session: the work that it is part of.
    :param tool_options: those of commands of the tool.
    """

    def __init__(
        self, *arguments: t.Any, wanted: EnvWanted, session: Session, tool_options: Options, **named: t.Any
    ) -> None:
        super().__init__(*arguments, **named)
        self._wanted, self._session, self._tool_options = wanted, session, tool_options
        self.conflicts: t.List[Conflict] = []
        if not self._plan.specs:
            self.reason = "before the packages were made those of a list"

    def apply(self) -> None:
        super().apply()
        prefix = self._place.prefix
        now = read_packages(prefix)
        plan = self._wanted.open_in(now)
        if plan.extras:
            self._remove(plan.extras)
        if plan.pip or plan.pip_extras:
            self._run_pip(plan)
        apply_marks(prefix, plan.marks)

    def _remove(self, names: t.Sequence[str]) -> None:
        try:
            question = self._driver.tool.remove(names, self._tool_options, prefix=self._place.prefix)
        except CommandRefused as error:
            raise Failed("%s." % error) from error
        self._run(question)

    def _run_pip(self, plan: EnvPlan) -> None:
        step = PipStep(plan.pip, plan.pip_extras, alone=self._wanted.request.pip_is_whole)
        now = read_packages(self._place.prefix)
        step.run(self._driver, now, seconds=self._settings.seconds, grace=self._settings.grace)

    def _run(self, question: Command) -> None:
        """As the update does, and with the conflicts of a request that cannot be met."""
        missing: t.Tuple[ExplicitPackage, ...] = ()
        if question.what == "explicit":
            missing = self._wanted.open_in(read_packages(self._place.prefix)).explicit
            home_file(self._session, EXPLICIT_FILE_NAME, explicit_text(missing))
        try:
            super()._run(question)
        except Failed as error:
            if not self.conflicts:
                raise
            raise Failed(" ".join(item.text for item in self.conflicts[:_MAX_TOLD])) from error
        self._check_sums(missing)

    def read(self, question: Command, done: Finished) -> t.Any:
        """The answer of the tool; the conflicts that it tells of are kept."""
        answer = super().read(question, done)
        if answer.error is not None and answer.error.kind in (UNSATISFIABLE, NOT_FOUND):
            specs = self._wanted.request.specs
            self.conflicts = conflicts(answer.error, specs, self._before.details or ())
        return answer

    def _check_sums(self, packages: t.Sequence[ExplicitPackage]) -> None:
        """Compare the archives with their sums, also where this version of the tool takes no sum of that kind."""
        for package in packages:
            for cache in self.caches:
                found = file_sum("%s/%s" % (cache, package.file_name), sha256=package.sha256 is not None)
                wanted = package.sha256 or package.md5
                if found is not None and wanted is not None and found != wanted:
                    text = "The archive of %s is not the one that is asked for: its sum is %s, not %s."
                    raise Failed(text % (package.file_name, found, wanted))

    def not_held(self, after: Environment) -> t.List[str]:
        plan = self._wanted.open_in(after)
        problems = []
        if not plan.unknown:
            problems += ["%s does not hold after the change." % spec.text for spec in plan.specs]
        problems += ["%s-%s-%s is not there after the change." % item.dist for item in plan.explicit]
        if plan.extras:
            problems.append("%s is still there after the change." % ", ".join(plan.extras[:_MAX_NAMED]))
        if plan.pip_extras:
            problems.append("%s of pip is still there after the change." % ", ".join(plan.pip_extras[:_MAX_NAMED]))
        if not plan.marks.is_empty:
            problems.append("The variables, description or frozen mark are not as wanted after the change.")
        return problems

    def versions(self, plan: UpdatePlan) -> t.Dict[str, str]:
        """The versions of what is asked for, after the change."""
        names = [*(item.name for item in plan.wanted), "python"]
        found = {name: self._after.version_of(name) for name in names} if self._after else {}
        return {name: version for name, version in found.items() if version}

    def changes(self) -> t.List[PackageChange]:
        return [*super().changes(), *(pip_changes(self._before, self._after) if self._after else ())]


def explicit_text(packages: t.Sequence[ExplicitPackage]) -> str:
    """The list for the tool. Old versions know MD5 sums alone, so that a SHA-256 sum is checked by us."""
    return write_explicit_file([package._replace(sha256=None) for package in packages], platform="any")


def explicit_command(tool: t.Any, options: Options, prefix: str) -> Command:
    """The command that installs the list; it is written when the command is started.

    :raises Failed: this tool cannot.
    """
    file = "%s/%s/%s/%s" % (prefix, STATE, HOME, EXPLICIT_FILE_NAME)
    try:
        return t.cast(
            Command, tool.explicit_install(file, options._replace(channels=(), override_channels=False), prefix=prefix)
        )
    except CommandRefused as error:
        raise Failed("%s." % error) from error


def home_file(session: Session, name: str, text: str) -> str:
    """Write a file into the directory of this piece of work; its path."""
    folder = "%s/%s/%s" % (session.prefix, STATE, HOME)
    descriptor = open_folder(folder)
    try:
        write_durably(descriptor, name, text.encode("utf-8"))
    finally:
        close(descriptor)
    return "%s/%s" % (folder, name)


__all__ = ("EnvChange", "EnvWanted", "explicit_command", "explicit_text", "home_file")
