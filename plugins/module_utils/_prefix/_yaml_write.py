# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Writes values as YAML that every reader of configuration files takes for the same: YAML 1.1 and 1.2, old and new."""

from __future__ import annotations

import math
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._spec._yaml import Node

# Text that needs no quotes: nothing that could be a number, a date or an indicator, no colon before a space.
_PLAIN = re.compile(r"(?:[A-Za-z_/$]|~/)(?:[\w./:@+=$~%&;*()!^-]|(?<=[^ :]) (?=[\w./$(]))*\Z", re.ASCII)
# What YAML 1.1 takes for a boolean or null; "=" and "<<" do not match the pattern above.
_WORDS = frozenset("true false yes no on off y n null".split())
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
# conda of some versions reads with the encoding of the locale, which may be ASCII.
_UNSAFE = re.compile("[^ -~]")


class Unwritable(ValueError):
    """A value that YAML, or the reader of it, has not; the text says which."""


def scalar(value: t.Any) -> str:
    """A single value, as it stands behind a colon or a dash.

    :raises Unwritable: it cannot be written.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        if isinstance(value, float) and not math.isfinite(value):
            raise Unwritable("a number that is none")
        return repr(value)
    if not isinstance(value, str):
        raise Unwritable("a %s where a single value belongs" % type(value).__name__)
    if re.search("[\ud800-\udfff]", value):
        raise Unwritable("text that is not UTF-8")
    if _PLAIN.match(value) and value.lower() not in _WORDS and not value.endswith((":", " ")):
        return value
    if _UNSAFE.search(value):
        return '"%s"' % re.sub(r'["\\]|' + _UNSAFE.pattern, _escaped, value)
    return "'%s'" % value.replace("'", "''")


def _escaped(match: t.Match[str]) -> str:
    sign = match.group()
    number = ord(sign)
    return _ESCAPES.get(sign) or ("\\x%02x" if number < 256 else "\\u%04x" if number < 65536 else "\\U%08x") % number


def inline(value: t.Any) -> t.Optional[str]:
    """A value on one line: a single value, an empty list or map; None for what takes a block."""
    if isinstance(value, (list, dict)):
        return None if value else "[]" if isinstance(value, list) else "{}"
    return scalar(value)


def flow(value: t.Any) -> t.Optional[str]:
    """A list or map of single values in brackets; None for what is nested deeper."""
    children = value if isinstance(value, list) else list(value.values())
    if any(isinstance(child, (list, dict)) for child in children):
        return None
    # In brackets, more signs have a meaning: all text is quoted.
    texts = [_in_brackets(child) for child in children]
    if isinstance(value, list):
        return "[%s]" % ", ".join(texts)
    return "{%s}" % ", ".join("%s: %s" % (_in_brackets(key), text) for key, text in zip(value, texts))


def _in_brackets(value: t.Any) -> str:
    text = scalar(value)
    if not isinstance(value, str) or text[0] in "'\"" or re.match(r"[A-Za-z_][\w./-]*\Z", text):
        return text
    return "'%s'" % value.replace("'", "''")


def block(value: t.Any, column: int) -> t.List[str]:
    """The lines of a list or map that is not empty, from a column on."""
    margin = " " * column
    lines: t.List[str] = []
    if isinstance(value, list):
        for item in value:
            text = inline(item)
            inner = [margin + "  " + text] if text is not None else block(item, column + 2)
            lines += [margin + "- " + inner[0][column + 2 :]] + inner[1:]
    else:
        for key, item in value.items():
            lines += pair(key, item, column)
    return lines


def pair(key: str, value: t.Any, column: int) -> t.List[str]:
    """The lines of a key and its value, from a column on."""
    head = " " * column + scalar(key) + ":"
    text = inline(value)
    return [head + " " + text] if text is not None else [head, *block(value, column + 2)]


def plain(node: Node) -> t.Any:
    """The value of a node, made of lists, maps and single values."""
    if node.kind == "list":
        return [plain(item) for item in node.value]
    if node.kind == "map":
        return {key: plain(item) for key, item in node.value.items()}
    return node.value


def node_of(value: t.Any) -> Node:
    """The node that would be read of a value."""
    if isinstance(value, list):
        return Node("list", [node_of(item) for item in value], 0)
    if isinstance(value, dict):
        return Node("map", {key: node_of(item) for key, item in value.items()}, 0)
    return Node("scalar", value, 0)


def identity(value: t.Any) -> str:
    """A text that two values share only if they are the same, types and all, whatever the order of their keys."""
    if isinstance(value, dict):
        return "{%s}" % ", ".join(sorted("%r: %s" % (key, identity(item)) for key, item in value.items()))
    if isinstance(value, (list, tuple)):
        return "[%s]" % ", ".join(map(identity, value))
    return repr(value)


__all__ = ("Unwritable", "block", "flow", "identity", "inline", "node_of", "pair", "plain", "scalar")
