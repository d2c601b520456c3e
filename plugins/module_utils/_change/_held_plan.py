# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Asks a tool what it would do, and keeps it waiting where it can wait, so that it need not work that out again.

What a conda does that was let go on is what it has told before, to the last package: nothing can change in between.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._answer import Answer
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import ChangeError, Failed
from ansible_collections.labfleet.conda.plugins.module_utils._change._in_tool import HOLD_VARIABLE
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import Command as Question
from ansible_collections.labfleet.conda.plugins.module_utils._change._verify import Driver, answer_of, answered
from ansible_collections.labfleet.conda.plugins.module_utils._system._run import Finished, Held, NotStarted

_Asked = t.Tuple[Answer, t.Optional[Held]]


def ask_for_plan(
    driver: Driver,
    question: Question,
    command: Question,
    *,
    seconds: float,
    meanwhile: t.Optional[t.Callable[[], None]],
) -> _Asked:
    """What the tool would do.

    :param question: the dry run.
    :param command: what does it.
    :param meanwhile: is called, once, while the tool works that out; None where it is not to be kept waiting, since
        nothing will be done.
    :returns: the answer, and what waits to do that, where it can wait.
    :raises ChangeError: the tool could not be started, or gave no answer.
    """
    rest = meanwhile or _nothing
    if meanwhile is not None and driver.tool.can_be_held:
        asked = _held(driver, command, seconds, meanwhile)
        if asked is not None:
            return asked
        rest = _nothing
    return answer_of(driver, question, seconds=seconds, meanwhile=rest), None


def _nothing() -> None:
    """What is done meanwhile, where nothing is."""


@contextlib.contextmanager
def closed_on_error(held: t.Optional[Held]) -> t.Iterator[None]:
    """See that what waits does not go on waiting when it is not to go on."""
    try:
        yield
    except BaseException:
        if held is not None:
            held.close()
        raise


def _held(driver: Driver, command: Question, seconds: float, meanwhile: t.Callable[[], None]) -> t.Optional[_Asked]:
    """The same of one that is kept waiting; None where it has to be asked in another way."""
    question = driver.tool.hold(command)._replace(what="plan")
    try:
        held = driver.runner.hold(driver.command(question, seconds=seconds), HOLD_VARIABLE, meanwhile=meanwhile)
    except NotStarted as error:
        raise ChangeError("%s." % error) from error
    if held.ended is not None:
        answer = answered(driver, question, held.ended, seconds)
        if answer.error is None and not answer.nothing_to_do:
            raise Failed("%s has not waited to be told to go on." % driver.tool.kind)
        # Without a word of its own, it may be our part of it that has failed.
        return (answer, None) if answer.documents else None
    answer = driver.read(question, Finished(0, held.told, b"", 0.0))
    if answer.error is None:
        return answer, held
    held.close()
    return None


__all__ = ("ask_for_plan", "closed_on_error")
