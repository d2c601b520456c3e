# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The answer to a question as lines of text: lists of maps as tables, hosts with equal rows merged."""

from __future__ import annotations

import json
import shlex
import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._host_names import merge_host_names
from ansible_collections.labfleet.conda.plugins.plugin_utils._table import plain_text, render_table

MAX_COLUMNS = 10
HOST = "host"


def answer_lines(answer: t.Any, *, rows: int | None = None) -> list[str]:
    """Lay out an answer of any shape.

    :param answer: what JMESPath gave.
    :param rows: at most so many rows of each table.
    """
    if isinstance(answer, dict):
        return _sections(answer, rows) or ["Nothing was found."]
    if isinstance(answer, list):
        return _list(answer, rows) or ["Nothing was found."]
    return ["Nothing was found." if answer is None else _cell(answer)]


def _sections(answer: t.Mapping[str, t.Any], rows: int | None) -> list[str]:
    lines: list[str] = []
    for key, value in answer.items():
        head = str(key).replace("_", " ").upper()
        if key == "hosts" and _is_texts(value):
            value = merge_host_names(value)
        if isinstance(value, list) and value and not _is_texts(value):
            lines += ["", plain_text(head), *(_commands(value, rows) if key == "fix" else _list(value, rows)), ""]
        else:
            lines.append("%s: %s" % (plain_text(head), _cell(value) or "none"))
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _commands(entries: t.Sequence[t.Any], rows: int | None) -> list[str]:
    """What to type on which hosts: one block each, the command on a line of its own to be copied."""
    lines = []
    for entry in entries[:rows]:
        lines.append("on %s%s" % (merge_host_names(entry["hosts"]), ", --limit %s" % shlex.quote(entry["limit"])))
        if entry["command"]:
            lines.append("  " + entry["command"])
        if entry["note"]:
            lines.append("  (%s)" % entry["note"])
    if rows is not None and len(entries) > rows:
        lines.append("and %d more" % (len(entries) - rows))
    return [plain_text(line) for line in lines]


def _is_texts(value: t.Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _list(answer: t.Sequence[t.Any], rows: int | None) -> list[str]:
    maps = [item for item in answer if isinstance(item, dict)]
    if answer and len(maps) == len(answer):
        return _table(maps, rows)
    if answer and all(isinstance(item, list) for item in answer):
        width = max(len(item) for item in answer)
        cells = [[_cell(value) for value in item] + [""] * (width - len(item)) for item in answer]
        return _cut(render_table([""] * width, cells)[2:] if width else [], rows)
    return _cut([_cell(item) for item in answer], rows)


def _table(maps: t.Sequence[t.Mapping[str, t.Any]], rows: int | None) -> list[str]:
    keys = list(dict.fromkeys(key for item in maps for key in item))
    flat = [key for key in keys if not any(_is_nested(item.get(key)) for item in maps)] or keys
    shown = flat[:MAX_COLUMNS]
    cells = _merged([[item.get(key) for key in shown] for item in maps], shown)
    lines = render_table([key.replace("_", " ").upper() for key in shown], cells[:rows])
    if rows is not None and len(cells) > rows:
        lines.append("and %d more rows" % (len(cells) - rows))
    left_out = [key for key in keys if key not in shown]
    if left_out:
        lines.append("Not shown: %s; choose columns with .{host: host, ...}." % ", ".join(map(plain_text, left_out)))
    return lines


def _is_nested(value: t.Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value)
    )


def _merged(rows: t.Sequence[t.Sequence[t.Any]], keys: t.Sequence[str]) -> list[list[str]]:
    """The cells, rows that differ only in their host as one."""
    if HOST not in keys:
        return [[_list_of_hosts(key, value) for key, value in zip(keys, row, strict=True)] for row in rows]
    place = keys.index(HOST)
    merged: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        rest = [_cell(value) for index, value in enumerate(row) if index != place]
        merged.setdefault(tuple(rest), []).append(_cell(row[place]))
    return [[*rest[:place], merge_host_names(names), *rest[place:]] for rest, names in merged.items()]


def _list_of_hosts(key: str, value: t.Any) -> str:
    return merge_host_names(value) if key == "hosts" and _is_texts(value) else _cell(value)


def _cell(value: t.Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if _is_texts(value):
        return ", ".join(value)
    if isinstance(value, (dict, list)):
        return json.dumps(value, sort_keys=True)
    return str(value)


def _cut(lines: list[str], rows: int | None) -> list[str]:
    lines = [plain_text(line) for line in lines]
    if rows is not None and len(lines) > rows:
        lines[rows:] = ["and %d more" % (len(lines) - rows)]
    return lines


__all__ = ("answer_lines",)
