# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Whether a prefix works: its records against its files, and its tool asked what it says of itself.

What the tool says is not believed alone: micromamba says success after an interrupt, conda after it did nothing.
"""

from __future__ import annotations

import contextlib
import json
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._answer import (
    Answer,
    parse_answer,
    solver_works,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import ChangeError
from ansible_collections.labfleet.conda.plugins.module_utils._change._in_tool import CHECK_PACKAGE
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import Command as Question
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import CommandRefused, Tool, told_version
from ansible_collections.labfleet.conda.plugins.module_utils._system._clock import random_token
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import is_folder, is_there
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import mask_text
from ansible_collections.labfleet.conda.plugins.module_utils._system._run import Command, Finished, NotStarted, Runner

_SECONDS = 300.0
_MAX_SAID = 300
# What conda leaves of a transaction that was not ended: conda/base/constants.py.
_LEFT_SUFFIXES = (".c~", ".trash")


class Driver:
    """Asks one tool, with the environment that its programs get.

    :param environment: see child_environment().
    :param prefix: what is changed; None for the base prefix of the tool.
    """

    def __init__(
        self, tool: Tool, runner: Runner, environment: t.Mapping[str, str], prefix: t.Optional[str] = None
    ) -> None:
        self.tool = tool
        self.runner = runner
        self.prefix = prefix or tool.prefix
        self._environment = dict(environment)

    @property
    def scratch(self) -> t.Optional[str]:
        """A directory of our own, for as long as the work goes on."""
        return self._environment.get("XDG_CACHE_HOME")

    def command(self, question: Question, *, seconds: float = _SECONDS, grace: float = 300.0) -> Command:
        """The program to start for a question."""
        environment = {**self._environment, **question.environment}
        stop = 2 if self.tool.is_binary else 15  # micromamba and mamba 2 die of SIGTERM, and undo on SIGINT
        # conda makes and removes a directory .empty where it is started, and two that share it disturb each other.
        place = self.scratch if self.scratch and is_folder(self.scratch) else "/"
        return Command(question.argv, environment, place, seconds=seconds, stop_signal=stop, grace=grace)

    def read(self, question: Question, done: Finished) -> Answer:
        """The answer to a question."""
        return parse_answer(done.stdout, done.stderr, done.code, tool=self.tool, what=question.what)

    def with_tool(self, tool: Tool) -> Driver:
        """The same for another version of the tool."""
        return Driver(tool, self.runner, self._environment, self.prefix)

    def operators(self, line: str, *, seconds: float = _SECONDS) -> Command:
        """The program to start for a command line of the operator, with the prefix in front of the search path."""
        path = "%s/bin:%s" % (self.prefix, self._environment.get("PATH", ""))
        environment = dict(self._environment, PATH=path, CONDA_PREFIX=self.prefix)
        return Command(("/bin/sh", "-c", line), environment, seconds=seconds, grace=30.0)


def wrong_answers(
    driver: Driver,
    *,
    solver: t.Optional[str],
    lines: t.Sequence[str] = (),
    meanwhile: t.Callable[[], None] = lambda: None,
) -> t.List[str]:
    """Ask the tool for its version, about itself, to load its solver and to solve without network, all at once.

    In an environment that is not its base prefix, only Python is started.

    :param solver: the solver in force, None where it is not known.
    :param lines: command lines of the operator, which must end with exit code 0.
    :param meanwhile: is called when all was started.
    :returns: what is wrong, one sentence each.
    """
    questions = _questions(driver, solver)
    check = _check(driver, solver)
    operators = [driver.operators(line) for line in lines]
    try:
        commands = [driver.command(question) for question in ([check] if check else questions)]
        finished = driver.runner.run_all([*commands, *operators], meanwhile=meanwhile)
        told, operators_done = finished[: len(commands)], finished[len(commands) :]
        if check and _is_well(driver, told[0]):
            questions = []
        elif check:  # what is wrong, one question after the other tells
            told = driver.runner.run_all([driver.command(question) for question in questions])
    except NotStarted as error:
        return ["%s." % error]
    problems: t.List[str] = []
    for question, done in zip(questions, told):
        problem = _wrong(driver.tool, question, done)
        if problem:
            problems.append("%s: %s" % (" ".join(question.argv[:3]), problem))
    for line, done in zip(lines, operators_done):
        if done.code != 0 or done.timed_out:
            problems.append("The command %r of verify_commands %s." % (mask_text(line), _how_it_ended(done)))
    return problems


def _check(driver: Driver, solver: t.Optional[str]) -> t.Optional[Question]:
    """One question whose answer tells as much as those to all, where the tool knows it.

    What conda tells of itself has its version in it, and it is asked by its program, as for its version.
    """
    tool = driver.tool
    if driver.scratch is None or driver.prefix != tool.prefix:
        return None
    try:
        return tool.check(solver, "%s/check-%s" % (driver.scratch, random_token()))
    except CommandRefused:
        return None


def _is_well(driver: Driver, done: Finished) -> bool:
    """Whether the answer to that question is as it should be."""
    tool = driver.tool
    if done.code or done.timed_out or done.interrupted:
        return False
    try:
        told = {name: (int(code), str(said)) for name, (code, said) in json.loads(done.stdout.decode("utf-8")).items()}
        info, solve = (done._replace(code=told[name][0], stdout=told[name][1].encode()) for name in ("info", "solve"))
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return False
    if _wrong_info(tool, info) or json.loads(info.stdout.decode("utf-8")).get("conda_version") != tool.version:
        return False
    answer = parse_answer(solve.stdout, solve.stderr, solve.code, tool=tool, what="solve")
    found = [package.name for package in answer.actions.link]
    return answer.success and (CHECK_PACKAGE in found or not tool.since("4.4"))


def first_question(driver: Driver) -> t.Optional[Question]:
    """What shows that something starts: the tool in its base prefix, Python elsewhere; None where there is none."""
    if driver.prefix == driver.tool.prefix:
        return driver.tool.version_command()
    python = driver.prefix + "/bin/python"
    return Question((python, "-c", "pass"), {}, "import", False) if is_there(python) else None


def _questions(driver: Driver, solver: t.Optional[str]) -> t.List[Question]:
    tool, first = driver.tool, first_question(driver)
    if driver.prefix != tool.prefix:
        return [first] if first else []
    questions = [tool.version_command(), tool.info(), tool.offline_solve()]
    with contextlib.suppress(CommandRefused):
        questions.append(tool.solver_import(solver))
    return questions


def _wrong(tool: Tool, question: Question, done: Finished) -> t.Optional[str]:
    if done.timed_out:
        return "it gave no answer within %g s." % _SECONDS
    if question.what == "version":
        told = told_version(tool, done.stdout, done.stderr)
        if done.code == 0 and told == tool.version:
            return None
        return "it %s, and its version is told as %s, not %s." % (_how_it_ended(done), told, tool.version)
    if question.what == "solve":
        answer = parse_answer(done.stdout, done.stderr, done.code, tool=tool, what="solve")
        message = answer.error.message if answer.error else ""
        return None if solver_works(answer) else "it cannot solve: %s" % message[-_MAX_SAID:]
    if question.what == "info":
        return _wrong_info(tool, done)
    return None if done.code == 0 else "it %s." % _how_it_ended(done)


def _wrong_info(tool: Tool, done: Finished) -> t.Optional[str]:
    try:
        content = json.loads(done.stdout.decode("utf-8"))
    except (ValueError, RecursionError):
        return "it %s and gave no JSON." % _how_it_ended(done)
    root = content.get("root_prefix", content.get("base environment", "")) if isinstance(content, dict) else ""
    if done.code != 0 or str(root).partition(" ")[0].rstrip("/") != tool.prefix.rstrip("/"):
        return "it %s and takes %s for its base prefix, not %s." % (_how_it_ended(done), root, tool.prefix)
    return None


def _how_it_ended(done: Finished) -> str:
    if done.timed_out:
        return "did not end in time"
    said = done.stderr[-65536:].decode("utf-8", "replace").strip().split("\n")[-1]
    ended = "ended with exit code %d" % done.code if done.code >= 0 else "was ended by signal %d" % -done.code
    return "%s (%s)" % (ended, mask_text(said)[:_MAX_SAID]) if said and done.code else ended


def left_behind(names: t.Iterable[str]) -> t.List[str]:
    """The names among those of a directory that an unfinished transaction of conda has left."""
    return [name for name in names if name.endswith(_LEFT_SUFFIXES) or name.startswith(".condatmp")]


def answer_of(
    driver: Driver,
    question: Question,
    *,
    seconds: float = _SECONDS,
    meanwhile: t.Callable[[], None] = lambda: None,
) -> Answer:
    """Ask the tool one question, and read the answer.

    :param meanwhile: is called when it was started.
    :raises ChangeError: it could not be started, or gave none in time.
    """
    try:
        done = driver.runner.run_all([driver.command(question, seconds=seconds)], meanwhile=meanwhile)[0]
    except NotStarted as error:
        raise ChangeError("%s." % error) from error
    return answered(driver, question, done, seconds)


def answered(driver: Driver, question: Question, done: Finished, seconds: float) -> Answer:
    """Read an answer.

    :raises ChangeError: it was not given in time.
    """
    if done.timed_out or done.interrupted:
        how = "gave no answer within %g s" % seconds if done.timed_out else "was ended, since this run was"
        raise ChangeError("%s %s." % (" ".join(question.argv[:2]), how))
    return driver.read(question, done)


__all__ = ("Driver", "answer_of", "answered", "first_question", "left_behind", "wrong_answers")
