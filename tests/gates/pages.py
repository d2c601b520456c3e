# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands on the pages of the documentation: blocks of code, the commands in them, labels and links."""

from __future__ import annotations

import re
import shlex
import textwrap
import typing as t
from pathlib import Path

from gates import toolbox

RST = toolbox.CHECKOUT / "docs" / "docsite" / "rst"
DIRECTIVE = re.compile(r"^( *)(?:[*-] +)*(?:- )?\.\. code-block:: *(\S+)\s*$")


class Block(t.NamedTuple):
    """A block of code: its language, its text without the indentation, and the line where it begins."""

    language: str
    text: str
    line: int


class Command(t.NamedTuple):
    """A command that a reader types, and what the page says that it prints."""

    text: str
    output: list[str]


def pages() -> list[Path]:
    """All pages of the site, those that are generated too."""
    return sorted(RST.glob("*.rst"))


def blocks(page: Path) -> list[Block]:
    """The blocks of code of a page, in order."""
    lines = page.read_text("utf-8").splitlines()
    found = []
    for number, line in enumerate(lines):
        directive = DIRECTIVE.match(line)
        if directive:
            body = _body(lines[number + 1 :], line.index(".. code-block"))
            found.append(Block(directive[2], textwrap.dedent("\n".join(body)).strip("\n") + "\n", number + 1))
    return found


def _body(lines: list[str], indentation: int) -> t.Iterator[str]:
    """The lines that belong to a directive, without its options."""
    begun = False
    for line in lines:
        if line.strip() and len(line) - len(line.lstrip()) <= indentation:
            return
        if begun or not re.match(r" +:[a-z-]+:", line):
            begun = begun or bool(line.strip())
            yield line


def commands(block: Block) -> list[Command]:
    """The commands of a block of the language "console": a line with "$ ", and those that belong to it for a shell."""
    found: list[Command] = []
    continued = False
    for line in block.text.splitlines():
        if continued:
            found[-1] = found[-1]._replace(text=f"{found[-1].text}\n{line}")
            continued = _goes_on(found[-1].text)
        elif line.startswith("$ "):
            found.append(Command(line[2:], []))
            continued = _goes_on(found[-1].text)
        elif line.strip():
            found[-1].output.append(line)
    return found


def _goes_on(text: str) -> bool:
    """Whether a shell waits for another line: after a backslash, or within quotes."""
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return True
    return False


__all__ = ("RST", "Block", "Command", "blocks", "commands", "pages")
