# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What condarefresh shows to the user, and what it asks."""

from __future__ import annotations

import json
import sys
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._condarefresh._texts import Words
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import clean, on_one_line

_YES = ("y", "yes", "是", "好")
_COLOURS = {"good": "32", "bad": "31", "strong": "1"}


class Terminal:
    """The streams of the command; what cannot be written is dropped, so that a change never stops for it.

    :param plain: no colour, whatever the stream is.
    :param json: the text goes to standard error, and the result to standard output.
    """

    def __init__(
        self, words: Words, *, json: bool, plain: bool, stdin: t.Any = None, stdout: t.Any = None, stderr: t.Any = None
    ) -> None:
        self.words = words
        self._json = json
        self._input = stdin
        self._result, self._text = stdout, stderr if json else stdout
        self._colour = not plain and _is_terminal(self._text)

    @property
    def can_ask(self) -> bool:
        """Whether there is somebody to answer."""
        return _is_terminal(self._input) and _is_terminal(self._text)

    def say(self, key: str, *, colour: t.Optional[str] = None, **values: t.Any) -> None:
        """Write one of the texts, on a line."""
        self.line(self.words(key, **values), colour=colour)

    def line(self, text: str, *, colour: t.Optional[str] = None) -> None:
        """Write a line; what a terminal would obey is taken out of it, and secrets are masked."""
        text = on_one_line(str(clean(text)))
        if colour and self._colour:
            text = "\033[%sm%s\033[0m" % (_COLOURS[colour], text)
        _write(self._text, text + "\n")

    def block(self, text: str) -> None:
        """Write a text of several lines that is our own."""
        _write(self._text, text)

    def progress(self, note: str) -> None:
        """Tell, on one line, of the phase that a note of the work speaks of by its first word."""
        phase = note.split(" ", 1)[0]
        if phase in _PHASES:
            self.line("  " + self.words(phase))

    def confirm(self) -> bool:
        """Ask whether to go on; anything but a clear yes is a no."""
        _write(self._text, self.words("ask"))
        try:
            answer = self._input.readline()
        except (OSError, ValueError):
            return False
        if not answer.endswith("\n"):
            _write(self._text, "\n")
        return answer.strip().lower() in _YES

    def result(self, document: t.Mapping[str, t.Any]) -> None:
        """Write the result as JSON, where that is wanted."""
        if self._json:
            _write(self._result, json.dumps(clean(dict(document)), sort_keys=True) + "\n")


_PHASES = ("plans", "takes", "changes", "verifies", "restores", "undoes", "waits")


def _is_terminal(stream: t.Any) -> bool:
    try:
        return stream is not None and stream.isatty()
    except (OSError, ValueError):
        return False


def _write(stream: t.Any, text: str) -> None:
    try:
        if stream is not None:
            stream.write(text)
            stream.flush()
    except (OSError, ValueError):
        pass


def lenient(stream: t.Any) -> t.Any:
    """A stream that replaces what its encoding lacks, instead of failing at it."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")
    return stream


def standard() -> t.Dict[str, t.Any]:
    """The streams of this process."""
    return {"stdin": sys.stdin, "stdout": lenient(sys.stdout), "stderr": lenient(sys.stderr)}


__all__ = ("Terminal", "lenient", "standard")
