# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A table of text that a person can read in a terminal and in a log."""

from __future__ import annotations

import textwrap
import typing as t

MAX_WIDTH = 60


def render_table(heads: t.Sequence[str], rows: t.Sequence[t.Sequence[str]], *, wrap: int = MAX_WIDTH) -> list[str]:
    """Lay out rows below heads, columns aligned, the last column wrapped.

    :param heads: the head of each column.
    :param rows: the cells of each row; control characters in them are written as escapes.
    :param wrap: the width at which the last column goes on in a further line.
    :returns: the lines, without blanks at their ends.
    """
    texts = [[plain_text(cell) for cell in row] for row in rows]
    widths = [max(len(row[index]) for row in [list(heads), *texts]) for index in range(len(heads) - 1)]
    lines = []
    for row in [list(heads), ["-" * len(head) for head in heads], *texts]:
        parts = textwrap.wrap(row[-1], wrap, break_on_hyphens=False) or [""]
        left = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        lines.append((left + "  " + parts[0]).rstrip())
        lines += [(" " * len(left) + "  " + part).rstrip() for part in parts[1:]]
    return lines


def plain_text(text: str) -> str:
    """The text with every character that could move the cursor or end the line written as an escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


__all__ = ("plain_text", "render_table")
