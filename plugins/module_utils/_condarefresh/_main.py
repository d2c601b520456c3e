# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The command condarefresh: its arguments and streams in, its exit code out."""

from __future__ import annotations

import sys
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._condarefresh._arguments import (
    Arguments,
    HelpWanted,
    Usage,
    glance,
    parse,
)
from ansible_collections.labfleet.conda.plugins.module_utils._condarefresh._end import BAD_USAGE, DONE, End
from ansible_collections.labfleet.conda.plugins.module_utils._condarefresh._refresh import Refresh, undo_command
from ansible_collections.labfleet.conda.plugins.module_utils._condarefresh._terminal import Terminal, standard
from ansible_collections.labfleet.conda.plugins.module_utils._condarefresh._texts import Words, language_of
from ansible_collections.labfleet.conda.plugins.module_utils._condarefresh._work import Work

# After these there is something to go back from.
_UNDOABLE = ("done",)


def main(
    words: t.Optional[t.Sequence[str]] = None,
    work: t.Optional[Work] = None,
    streams: t.Optional[t.Dict[str, t.Any]] = None,
) -> int:
    """Run the command.

    :param words: those after its name.
    :returns: the exit code.
    """
    words = sys.argv[1:] if words is None else words
    work, streams = work or Work(), streams or standard()
    first, variables = glance(words), work.variables()
    shown = streams["stderr"] if first.json else streams["stdout"]
    language = first.language or language_of(variables, getattr(shown, "encoding", None))
    plain = bool(variables.get("NO_COLOR")) or variables.get("TERM", "dumb") == "dumb"
    terminal = Terminal(Words(language), json=first.json, plain=plain, **streams)
    try:
        arguments = parse(words, terminal.words)
    except HelpWanted as help_text:
        terminal.block(str(help_text))
        return DONE
    except Usage as error:
        return _finish(terminal, End(BAD_USAGE, "usage", "bad_usage", {"why": str(error)}), None, first)
    refresh = Refresh(arguments, terminal, work)
    return _finish(terminal, refresh.run(), refresh, arguments)


def _finish(terminal: Terminal, end: End, refresh: t.Optional[Refresh], arguments: Arguments) -> int:
    """Say how it ended."""
    target = refresh.target if refresh else None
    colour = "bad" if end.code else "good"
    message = terminal.words(end.key, **end.values)
    terminal.line(message, colour=colour)
    for text in end.details:
        terminal.say("details", text=text)
    if target is not None and end.outcome in _UNDOABLE:
        terminal.say("undo_hint", command=undo_command(arguments, target))
    base, environment = (target.base, target.environment) if target else (None, None)
    terminal.result(end.document(message, base, environment))
    return end.code


__all__ = ("main",)
