# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Match texts against globs and regular expressions in bounded time, and name the errors of this room."""

from __future__ import annotations

import re
import typing as t

# A regular expression can come from a file that any user writes (conda-meta/pinned). These three bounds keep one match
# within milliseconds: the length of the pattern, the length of what it is matched against, and the number of ways
# (as a power of two) in which the matcher could backtrack.
_MAX_PATTERN = 200
_MAX_SUBJECT = 128
_MAX_WAYS = 24
_WAYS_OF_REPEAT = 7  # a repeated character can stop at any of the 128 places of the longest subject
_WAYS_OF_CHOICE = 2

_ESCAPES = frozenset("dDwWsSbB")
_COUNT = re.compile(r"[0-9]*,?[0-9]*\}")

Test = t.Callable[[str], bool]


class SpecError(ValueError):
    """A text of conda's language that cannot be used.

    The text is kept as it was given: it can hold a URL with a token, mask it before it is shown.

    :ivar text: the text that was read.
    :ivar reason: why it was refused.
    """

    what = "specification"

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(text, reason)
        self.text = text
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.what} {self.text!r}: {self.reason}"


class UnsupportedSpec(SpecError):
    """A text that conda may accept but that is not judged here: treat the answer as unknown, never as clean."""

    what = "unsupported specification"


class InvalidPattern(SpecError):
    """A regular expression that conda refuses too."""

    what = "invalid regular expression"


def glob_test(pattern: str) -> Test:
    """Return a test that is true for a text that fits the pattern; only ``*`` is special, and there is no backtracking.

    :param pattern: a text with at least one ``*``.
    """
    head, *middle, tail = pattern.split("*")

    def test(text: str) -> bool:
        if len(text) < len(head) + len(tail) or not (text.startswith(head) and text.endswith(tail)):
            return False
        position, end = len(head), len(text) - len(tail)
        for piece in middle:
            position = text.find(piece, position, end)
            if position < 0:
                return False
            position += len(piece)
        return True

    return test


def regex_test(pattern: str) -> Test:
    """Return a test that is true for a text that the regular expression matches from its start.

    Refused, because they can take exponential time or differ between Python versions: a repeated group, more than
    three repeats, ``(?...`` other than ``(?:``, references and unusual escapes, patterns over 200 characters.
    The test raises UnsupportedSpec for a text over 128 characters.

    :raises UnsupportedSpec: when the time of a match could not be bounded.
    :raises InvalidPattern: when Python cannot compile the pattern.
    """
    if len(pattern) > _MAX_PATTERN:
        raise UnsupportedSpec(pattern[:40] + "...", f"a regular expression over {_MAX_PATTERN} characters")
    refusal = _why_unbounded(pattern)
    if refusal:
        raise UnsupportedSpec(pattern, f"{refusal} in a regular expression; write a glob or a version range instead")
    try:
        match = re.compile(pattern).match
    except (re.error, OverflowError) as error:
        raise InvalidPattern(pattern, str(error)) from error

    def test(text: str) -> bool:
        if len(text) > _MAX_SUBJECT:
            raise UnsupportedSpec(pattern, f"the text to match has {len(text)} characters, over {_MAX_SUBJECT}")
        return match(text) is not None

    return test


def _why_unbounded(pattern: str) -> str:
    """Say what makes the time of a match unbounded, or return an empty text."""
    ways = 0
    before = ""  # what stands before: nothing that can be repeated, an "atom", a "group" or a "repeat"
    position = 0
    while position < len(pattern):
        sign = pattern[position]
        position += 1
        if sign == "\\":
            escaped = pattern[position : position + 1]
            if escaped.isalnum() and escaped not in _ESCAPES:
                return f"the escape \\{escaped}"
            position += 1
            before = "atom"
        elif sign == "[":
            position = _after_class(pattern, position)
            before = "atom"
        elif sign == "(":
            if pattern.startswith("?", position):
                if not pattern.startswith("?:", position):
                    return "an extension (?"
                position += 2
            before = ""
        elif sign in "*+" or (sign == "{" and _COUNT.match(pattern, position)):
            if before in ("group", "repeat"):
                return "a repeated group or a repeated repeat"
            position = pattern.index("}", position) + 1 if sign == "{" else position
            ways += _WAYS_OF_REPEAT
            before = "repeat"
        elif sign == "?" and before == "repeat":  # only makes the repeat lazy
            before = "group"
        elif sign in "?|":
            ways += _WAYS_OF_CHOICE
            before = "repeat" if sign == "?" else ""
        else:
            before = "group" if sign == ")" else "atom"
    return "too many repeats and choices" if ways > _MAX_WAYS else ""


def _after_class(pattern: str, position: int) -> int:
    """Return the place after a character class whose first sign is at this place."""
    if pattern.startswith("^", position):
        position += 1
    if pattern.startswith("]", position):
        position += 1
    while position < len(pattern) and pattern[position] != "]":
        position += 2 if pattern[position] == "\\" else 1
    return position + 1


__all__ = ("InvalidPattern", "SpecError", "Test", "UnsupportedSpec", "glob_test", "regex_test")
