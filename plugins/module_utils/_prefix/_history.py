# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The history of an environment: its changes, who asked for what, and by which command.

The format is conda's (conda/history.py, conda 4.2 to 26.7; conda-domain: CEP 32): sections that start with
C(==> TIME <==), comment lines C(# cmd:), C(# conda version:) and C(# ACTION specs:), and lines of packages.
"""

from __future__ import annotations

import ast
import json
import re
import typing as t

# Only the lines that say something here: section heads and comments. Package lines are passed over unread.
_LINE = re.compile(r"^[ \t]*(?:==>[ \t]*(?P<time>.{1,64}?)[ \t]*<==|#[ \t]*(?P<comment>[^\r\n]*))", re.MULTILINE)
_COMMENT = re.compile(
    r"cmd:\s*(?P<command>.+)|conda version:\s*(?P<version>.+)|(?P<action>\w+)\s*specs:\s*(?P<specs>.*)"
)
_SPEC_NAME = re.compile(r"(?:[^\s\[]*::)?(?P<name>[A-Za-z0-9_.*-]+)")
_RELATION = re.compile(r"\s*(?:[<>=!~^*]|[0-9])")
_UPDATES = frozenset(("update", "install", "create"))
_REMOVALS = frozenset(("remove", "uninstall"))
MAX_SPECS_CHARACTERS = 1024 * 1024


class Change(t.NamedTuple):
    """One section: its time as written (the host's local time), its command line, and the tool's own version."""

    time: str
    command: t.Optional[str]
    tool_version: t.Optional[str]


class History(t.NamedTuple):
    """What a history file tells.

    :param revisions: the number of sections.
    :param first: the first change that names a command (the one that made the environment), if any.
    :param last: the last section, if any.
    :param requested: the specs asked for by somebody, by package name, removed ones taken out again.
    """

    revisions: int
    first: t.Optional[Change]
    last: t.Optional[Change]
    requested: t.Dict[str, str]


EMPTY = History(0, None, None, {})


def parse_history(data: bytes, *, warn: t.Callable[[str], None]) -> History:
    """Read a history file.

    :param data: its content.
    :param warn: called with one sentence for each line that has a known form and cannot be understood.
    :returns: what it tells; a file without a section tells nothing.
    """
    text = data.decode("utf-8", "surrogateescape")
    revisions, first, requested = 0, None, {}  # type: int, t.Optional[Change], t.Dict[str, str]
    time = ""
    command: t.Optional[str] = None
    version: t.Optional[str] = None
    for match in _LINE.finditer(text):
        if match.group("time") is not None:
            if first is None and command:
                first = Change(time, command, version)
            revisions, time, command, version = revisions + 1, match.group("time"), None, None
            continue
        comment = _COMMENT.match(match.group("comment"))
        if comment is None or not revisions:
            continue
        if comment.group("command"):
            command = comment.group("command").strip()
        elif comment.group("version"):
            version = comment.group("version").strip()
        else:
            _apply(requested, comment.group("action"), comment.group("specs").strip(), warn)
    last = Change(time, command, version) if revisions else None
    return History(revisions, first or (last if command else None), last, requested)


def _apply(requested: t.Dict[str, str], action: str, text: str, warn: t.Callable[[str], None]) -> None:
    if action not in _UPDATES and action not in _REMOVALS and action != "neutered":
        return
    try:
        specs = parse_specs(text)
    except ValueError:
        warn("a line '# %s specs:' is neither a list nor of the form of before conda 4.5" % action)
        return
    for spec in specs:
        name = spec_name(spec)
        if name is None:
            continue
        if action in _REMOVALS:
            requested.pop(name, None)
        else:
            requested[name] = spec


def parse_specs(text: str) -> t.List[str]:
    """The specs of one C(specs:) line: a Python list, a JSON list, or C(a, b >=1,<2) as conda wrote before 4.5.

    :raises ValueError: it is none of these.
    """
    if len(text) > MAX_SPECS_CHARACTERS:
        raise ValueError("too long")
    if text.startswith("["):
        specs = _parse_list(text)
    else:
        specs = []
        for part in text.split(","):
            # What starts with a relation belongs to the spec before it: "numpy >=1.5,<2".
            if specs and _RELATION.match(part):
                specs[-1] += "," + part
            elif part.strip():
                specs.append(part.strip())
    return [spec for spec in specs if spec and not spec.endswith("@")]


def _parse_list(text: str) -> t.List[str]:
    try:
        value = json.loads(text)
    except ValueError:
        try:
            value = ast.literal_eval(text)
        except (SyntaxError, MemoryError, RecursionError, TypeError) as error:
            raise ValueError("no list") from error
    except RecursionError as error:
        raise ValueError("no list") from error
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise ValueError("no list of texts")
    return list(value)


def spec_name(spec: str) -> t.Optional[str]:
    """The package name in a match spec, in lower case; None where it has none."""
    match = _SPEC_NAME.match(spec.strip())
    return match.group("name").lower() if match else None


__all__ = ("EMPTY", "Change", "History", "parse_history", "parse_specs", "spec_name")
