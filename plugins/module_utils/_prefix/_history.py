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
import functools
import json
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import shorten

# Only the lines that say something here, heads of sections and comments; lines of packages are passed over unread.
# Each part of the pattern can match in one way only, so that a file of blanks is read as fast as any other.
_LINE = re.compile(r"^[ \t]*(==>|#)([^\r\n]*)", re.MULTILINE)
_SPECS = re.compile(r"(\w+) +specs:")
_SPEC_NAME = re.compile(r"(?:[^\s\[]*::)?(?P<name>[A-Za-z0-9_.*-]+)")
_RELATION = re.compile(r"\s*(?:[<>=!~^*]|[0-9])")
_UPDATES = frozenset(("update", "install", "create"))
_REMOVALS = frozenset(("remove", "uninstall"))
MAX_HEAD = 100
MAX_TEXT = 4096
MAX_SPECS_CHARACTERS = 256 * 1024


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
    revisions = 0
    first: t.Optional[Change] = None
    last: t.Optional[Change] = None
    requested: t.Dict[str, str] = {}
    for match in _LINE.finditer(data.decode("utf-8", "surrogateescape")):
        text = match.group(2)
        if match.group(1) == "==>":
            head = shorten(text.partition("<==")[0].strip(), MAX_HEAD)
            revisions, last = revisions + 1, Change(head, None, None)
        elif last is not None:
            last = _comment(last, text.strip(), requested, warn)
            first = first or (last if last.command else None)
            if first is not None and first.time == last.time:
                first = last
    return History(revisions, first, last, requested)


def _comment(change: Change, text: str, requested: t.Dict[str, str], warn: t.Callable[[str], None]) -> Change:
    """What a comment line adds to its section; specs go into the map of those requested."""
    if text.startswith("cmd:"):
        return change._replace(command=_bounded(text[4:], warn))
    if text.startswith("conda version:"):
        return change._replace(tool_version=_bounded(text[14:], warn))
    specs = _SPECS.match(text)
    if specs is not None:
        _apply(requested, specs.group(1), text[specs.end() :].strip(), warn)
    return change


def _bounded(text: str, warn: t.Callable[[str], None]) -> t.Optional[str]:
    """A text of a usual length; of a longer one only the beginning, and none that holds zero bytes."""
    text = text.strip()
    if "\0" in text:
        warn("a line holds zero bytes, as after a crash")
        return None
    if len(text) > MAX_TEXT:
        warn("a line has more than %d characters, only its beginning is told" % MAX_TEXT)
        return shorten(text, MAX_TEXT)
    return text or None


def _apply(requested: t.Dict[str, str], action: str, text: str, warn: t.Callable[[str], None]) -> None:
    if action not in _UPDATES and action not in _REMOVALS and action != "neutered":
        return
    try:
        specs = parse_specs(text)
    except ValueError:
        warn("a line '# %s specs:' is neither a list nor of the form of before conda 4.5" % action)
        return
    for spec in specs:
        name = spec_name(spec) if len(spec) <= MAX_TEXT else None
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
        parts: t.List[t.List[str]] = []
        for part in text.split(","):
            # What starts with a relation belongs to the spec before it: "numpy >=1.5,<2".
            if parts and _RELATION.match(part):
                parts[-1].append(part)
            elif part.strip():
                parts.append([part.strip()])
        specs = [",".join(part) for part in parts]
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


@functools.lru_cache(maxsize=4096)
def spec_name(spec: str) -> t.Optional[str]:
    """The package name in a match spec, in lower case; None where it has none."""
    match = _SPEC_NAME.match(spec.strip())
    return match.group("name").lower() if match else None


__all__ = ("EMPTY", "Change", "History", "parse_history", "parse_specs", "spec_name")
