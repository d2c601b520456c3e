# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A table of text that a person can read in a terminal and in a log."""

from __future__ import annotations

import re
import textwrap
import typing as t

MAX_WIDTH = 60
# What a terminal shows without breaking lines, with some room to spare.
MAX_LINE = 120
_GAP = 2
# What a column keeps at least when it has to give up room, as far as its cells need it.
_LEAST = 12
_AFTER = re.compile(r"(?<=[/,])")


def render_table(
    heads: t.Sequence[str],
    rows: t.Sequence[t.Sequence[str]],
    *,
    wrap: int = MAX_WIDTH,
    width: int | None = None,
    whole: int = 0,
) -> list[str]:
    """Lay out rows below heads, columns aligned, the last column wrapped.

    :param heads: the head of each column.
    :param rows: the cells of each row; control characters in them are written as escapes.
    :param wrap: the width at which the last column goes on in a further line.
    :param width: the width that no line exceeds: all columns are wrapped where it takes that; None for no limit.
    :param whole: how many of the first columns are never wrapped.
    :returns: the lines, without blanks at their ends.
    """
    texts = [[plain_text(cell) for cell in row] for row in rows]
    wanted = [max(len(row[index]) for row in [list(heads), *texts]) for index in range(len(heads))]
    widths = _fitted(heads, wanted, width, whole) if width else [*wanted[:-1], wrap]
    lines = []
    for row in [list(heads), ["-" * len(head) for head in heads], *texts]:
        cells = [_wrapped(cell, limit) for cell, limit in zip(row, widths, strict=True)]
        for number in range(max(map(len, cells))):
            parts = [cell[number] if number < len(cell) else "" for cell in cells]
            line = (" " * _GAP).join(part.ljust(limit) for part, limit in zip(parts, widths, strict=True))
            lines.append(line.rstrip())
    return lines


def _fitted(heads: t.Sequence[str], wanted: t.Sequence[int], width: int, whole: int) -> list[int]:
    """The widths of the columns: the widest gives up room to the others until all fit."""
    widths = list(wanted)
    least = [min(need, max(len(head), _LEAST)) for head, need in zip(heads, wanted, strict=True)]
    least[:whole] = wanted[:whole]
    while sum(widths) + _GAP * (len(widths) - 1) > width:
        spare = [have - need for have, need in zip(widths, least, strict=True)]
        if max(spare) <= 0:
            break
        # the last column holds sentences, which read worse than paths when they are cut into short lines
        weighed = [have if place < len(widths) - 1 else have / 2 for place, have in enumerate(widths)]
        place = max((place for place, room in enumerate(spare) if room > 0), key=weighed.__getitem__)
        widths[place] -= 1
    return widths


def _wrapped(text: str, width: int) -> list[str]:
    """A cell in lines; a word that is longer than a line goes on after a slash or a comma."""
    lines, current = [], ""
    for piece, space in _pieces(text, width):
        if len(current) + len(space) + len(piece) <= width or not current:
            current += (space if current else "") + piece
        else:
            lines.append(current)
            current = piece
    return [*lines, current]


def _pieces(text: str, width: int) -> t.Iterator[tuple[str, str]]:
    """What is not taken apart, and what stands before it in the same line."""
    for word in text.split():
        space = " "
        for part in _AFTER.split(word) if len(word) > width else [word]:
            for place in range(0, len(part), width):
                yield part[place : place + width], space
                space = ""


def fold(lines: t.Iterable[str], width: int = MAX_LINE) -> list[str]:
    """The lines, those that are longer than the width going on in indented ones."""
    return [
        part
        for line in lines
        for part in (textwrap.wrap(line, width, subsequent_indent="  ", break_on_hyphens=False) or [""])
    ]


def plain_text(text: str) -> str:
    """The text with every character that could move the cursor or end the line written as an escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


__all__ = ("MAX_LINE", "fold", "plain_text", "render_table")
