# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A strict reader for the YAML of configuration files: it reads what ruamel.yaml would read, or refuses.

The common forms are read here, because a target need not have a YAML library. A legal form beyond them (text over
several lines, block scalars, unusual flow collections) is read with PyYAML where the target has it. Nothing is
guessed: aliases, tags, dates and whatever else could be read in two ways raise YamlError.
"""

from __future__ import annotations

import re
import typing as t

MAX_DEPTH, MAX_KEY, MAX_NUMBER = 32, 1000, 40

_CONSTANTS = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_NUMBER = (
    r"([-+]?(?:0b[01]+|0o[0-7]+|0x[0-9a-fA-F]+|[0-9]+)\Z)"
    r"|[-+]?(?:[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+][0-9]+)?)\Z"
)
# All that ruamel.yaml would not leave a string among what starts like a number.
_NO_STRING = (
    r"(?:[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[0-9_]+(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?"
    r"|\.[0-9_]+(?:[eE][-+]?[0-9]+)?|\.(?i:inf))|\.(?i:nan)|[0-9]{4}-[0-9][0-9]?-[0-9][0-9]?(?:[Tt \t].*)?|=|<<)\Z"
)
_STOP = re.compile(r":(?=[ \t]|\Z)|(?<=[ \t])#")  # what ends a plain scalar on its line
_DOUBLE = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"')
_SINGLE = re.compile(r"'([^']*(?:''[^']*)*)'")
_FLOW_PLAIN = (
    r"(?:[^][ \t\-?:,{}#&*!|>'\"%@`]|-(?=[^][ \t,{}]))"
    r"(?:[^][ \t,{}:#]|:(?=[^][ \t,{}])|(?<=[^ \t])#| (?!#))*"
)
_ESCAPE = r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))"
_ESCAPES = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b", " ": " ",
    '"': '"', "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip
_REFUSED = {"&": "an anchor", "*": "an alias", "!": "a tag", "?": "a complex key", "%": "a directive"}
_LINES, _BRACKETS = "text over several lines", "brackets of an unusual form"


class YamlError(ValueError):
    """The text is not YAML, or is not of the part of YAML that is read here.

    line is 1-based. problem names the kind of construct and never quotes the text, which may be a secret. beyond
    tells that the construct can be legal YAML, which a full reader may try.
    """

    def __init__(self, line: int, problem: str, beyond: bool = False) -> None:
        super().__init__("line %d: %s" % (line, problem))
        self.line = line
        self.problem = problem
        self.beyond = beyond


class Node(t.NamedTuple):
    """One value: kind is scalar (str, bool, int, float or None), list (of Node) or map (of key to Node).

    line (1-based) is that of the key or list item. comment is what ruamel.yaml attaches to the value, and conda
    reads its marks from: all comments between the value and the next token, joined. Behind the key of a block
    collection and behind a closing bracket they count only if the first stands on the same line.
    """

    kind: str
    value: t.Any
    line: int
    comment: str = ""


class Document(t.NamedTuple):
    """The root node, and all comments as (line, text): None where PyYAML had to read."""

    root: Node
    comments: t.Optional[t.List[t.Tuple[int, str]]]


def read_yaml(text: str) -> Document:
    """Read one YAML document with the types of YAML 1.2. Raises YamlError."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.startswith("\ufeff"):
        text = text[1:]
    bad = [character for character in set(text) if not _allowed(character)]
    if bad:
        raise YamlError(text.count("\n", 0, min(map(text.index, bad))) + 1, "a character that YAML does not allow")
    try:
        return _Reader(text).document()
    except YamlError as err:
        if not err.beyond:
            raise
        from ansible_collections.labfleet.conda.plugins.module_utils._spec import _yaml_full

        root = _yaml_full.read(text)
        if root is None:
            raise
        return Document(root, None)


def _allowed(character: str) -> bool:
    # The line breaks that only YAML 1.1 knows are left out as well.
    odd = "\ud800" <= character <= "\udfff" or character in "\u2028\u2029\ufeff\ufffe\uffff"
    return " " <= character < "\x7f" or character in "\n\t" or character > "\x9f" and not odd


def resolve(text: str, line: int) -> t.Any:
    """Give a plain scalar its value."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] in "+-.0123456789<=" and re.match(_NO_STRING, text):
        number = re.match(_NUMBER, text)
        if not number or len(text) > MAX_NUMBER or not number.group(1) and float(text) in (float("inf"), float("-inf")):
            raise YamlError(line, "a date, a merge key or a number of an unusual form")
        base = {"0b": 2, "0o": 8, "0x": 16}.get(text.lstrip("+-")[:2], 10)
        return int(text, base) if number.group(1) else float(text)
    return text


def _plain(text: str, line: int) -> t.Any:
    """Check that a text can be a plain scalar of a block collection, and give its value."""
    first = text[:1]
    if first in _REFUSED:
        raise YamlError(line, _REFUSED[first])
    if not first or first in "[]{},|>@`\"':#" or first == "-" and text[1:2] in ("", " "):
        raise YamlError(line, "a character that cannot start a value")
    if "\t" in text:
        raise YamlError(line, "a tab between words")
    return resolve(text, line)


def _quoted(text: str, line: int, pos: int = 0) -> t.Optional[t.Tuple[str, int]]:
    """Read the quoted scalar at pos: its value and where it ends, None if it does not end on its line."""
    if text[pos] == "'":
        match = _SINGLE.match(text, pos)
        return (match.group(1).replace("''", "'"), match.end()) if match else None
    match = _DOUBLE.match(text, pos)
    if not match:
        return None
    value = match.group(1)
    if "\\" in value:
        value = re.sub(_ESCAPE, lambda escape: _unescape(escape, line), value)
    return value, match.end()


def _unescape(escape: t.Any, line: int) -> str:
    if escape.group(4) in _ESCAPES:
        return _ESCAPES[escape.group(4)]
    if escape.group(4):
        raise YamlError(line, "an unknown escape in quoted text")
    number = int(escape.group(1) or escape.group(2) or escape.group(3), 16)
    if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        raise YamlError(line, "an escape that is no character")
    return chr(number)


def _is_item(content: str) -> bool:
    return content[0] == "-" and (len(content) == 1 or content[1] == " ")


class _Reader:
    """The strict reader. A row is a line with content: its line number, its indentation, its content."""

    def __init__(self, text: str) -> None:
        self.rows: t.List[t.Tuple[int, int, str]] = []
        self.gaps: t.List[t.List[str]] = []  # the comment lines behind each row
        self.comments: t.List[t.Tuple[int, str]] = []
        self.at = 0  # the current row
        self.text, self.pos = "", 0  # the place in a flow collection: its current row, the next character
        started = ended = False
        for line, raw in enumerate(text.split("\n"), 1):
            content = raw.lstrip(" ")
            if not content:
                continue
            if content[0] == "#":
                self.comments.append((line, content))
                if self.gaps and not ended:
                    self.gaps[-1].append(content)
                continue
            if content[0] == "\t":
                raise YamlError(line, "a tab in the indentation")
            if ended:
                raise YamlError(line, "text behind the end of the document")
            indent = len(raw) - len(content)
            if not indent and content[:3] in ("---", "...") and content[3:4] in ("", " ", "\t"):
                if content[0] == "-" and not started and not self.rows and content[3:].lstrip(" ")[:1] in ("", "#"):
                    started = True
                elif content.rstrip(" ") == "..." and self.rows:
                    ended = True
                else:
                    raise YamlError(line, "more than one document, or text beside a document mark")
                continue
            self.rows.append((line, indent, content))
            self.gaps.append([])

    def document(self) -> Document:
        if not self.rows:
            return Document(Node("scalar", None, 1), self.comments)
        line, indent, content = self.rows[0]
        if content[0] in "[{" or not _is_item(content) and self._key(line, content) is None:
            root = self._inline(line, content, -1, 0)
        else:
            root = self._block(indent, 0)
        if self.at < len(self.rows):
            raise YamlError(self.rows[self.at][0], "an indentation that fits no open block")
        return Document(root, self.comments)

    def _block(self, indent: int, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise YamlError(self.rows[self.at][0], "a nesting that is too deep")
        return self._list(indent, depth) if _is_item(self.rows[self.at][2]) else self._map(indent, depth)

    def _map(self, indent: int, depth: int) -> Node:
        items, rows = {}, self.rows  # type: t.Dict[t.Any, Node], t.List[t.Tuple[int, int, str]]
        start = rows[self.at][0]
        while self.at < len(rows) and rows[self.at][1] >= indent:
            line, column, content = rows[self.at]
            if column > indent:
                raise YamlError(line, "an indentation that fits no open block")
            pair = None if _is_item(content) else self._key(line, content)
            if pair is None:
                raise YamlError(line, "a line that is no key of the map", beyond=not items)
            if pair[0] in items:
                raise YamlError(line, "a key that the map has already")
            items[pair[0]] = self._value(line, pair[1], indent, depth)
        return Node("map", items, start)

    def _key(self, line: int, content: str) -> t.Optional[t.Tuple[t.Any, str]]:
        """Split a row into its key and what follows the colon; None if it has no key."""
        if content[0] in "\"'":
            quoted = _quoted(content, line)
            after = content[quoted[1] :].lstrip(" ") if quoted else ""
            if after[:1] != ":" or after[1:2] not in ("", " "):
                return None
            key, size, rest = quoted[0], quoted[1], after[1:]
        else:
            stop = _STOP.search(content)
            if not stop or content[stop.start()] == "#":
                return None
            size = stop.start()
            key, rest = _plain(content[:size].rstrip(" "), line), content[stop.end() :]
        if size > MAX_KEY:
            raise YamlError(line, "a key that is too long")
        return key, rest.lstrip(" ")

    def _list(self, indent: int, depth: int) -> Node:
        items, rows = [], self.rows
        start = rows[self.at][0]
        while self.at < len(rows) and rows[self.at][1] >= indent:
            line, column, content = rows[self.at]
            if column > indent:
                raise YamlError(line, "an indentation that fits no open block")
            if not _is_item(content):
                break
            rest = content[1:].lstrip(" ")
            if not rest or rest[0] == "#":
                if rest or self.gaps[self.at]:
                    raise YamlError(line, "a comment between a dash and its item")
                items.append(self._value(line, rest, indent, depth, dash=True))
            elif _is_item(rest) or rest[0] not in "[{|>" and self._key(line, rest) is not None:
                inner = column + len(content) - len(rest)
                rows[self.at] = (line, inner, rest)
                items.append(self._block(inner, depth + 1))
            else:
                items.append(self._inline(line, rest, indent, depth))
        return Node("list", items, start)

    def _value(self, line: int, rest: str, indent: int, depth: int, dash: bool = False) -> Node:
        """Read what follows a colon or a dash: on the same row, in the block below, or nothing."""
        if rest and rest[0] != "#":
            return self._inline(line, rest, indent, depth)
        comment = self._comment(line, rest) if rest else ""
        gap = self.gaps[self.at]
        self.at += 1
        if self.at < len(self.rows):
            _line, column, content = self.rows[self.at]
            item = _is_item(content)
            if column > indent or column == indent and item and not dash:
                node = self._block(column, depth + 1)
                return Node(node.kind, node.value, line, comment)
            self._check_gap(gap if not rest else [], item)
        return Node("scalar", None, line, comment)

    def _comment(self, line: int, text: str) -> str:
        """Note a comment behind a value, and join it with the comment lines that follow."""
        self.comments.append((line, text))
        return "\n".join([text] + self.gaps[self.at])

    def _check_gap(self, gap: t.List[str], item: bool) -> None:
        # ruamel.yaml attaches such a comment to the item behind it, not to the value before it.
        if gap and item:
            raise YamlError(self.rows[self.at][0], "a comment between a list item and an empty value or a bracket")

    def _inline(self, line: int, rest: str, indent: int, depth: int) -> Node:
        """Read a scalar or flow collection that starts on the current row, and leave its last row."""
        kind, first = "scalar", rest[0]
        if first in "[{":
            self.text, self.pos = rest, 0
            kind, value = self._flow(depth + 1)[:2]
            tail = self.text[self.pos :]
        elif first in "\"'":
            quoted = _quoted(rest, line)
            if not quoted:
                raise YamlError(line, _LINES, beyond=True)
            value, tail = quoted[0], rest[quoted[1] :]
        elif first in "|>":
            raise YamlError(line, "a block scalar", beyond=True)
        else:
            stop = _STOP.search(rest)
            if stop and rest[stop.start()] == ":":
                raise YamlError(line, "a second colon")
            end = stop.start() if stop else len(rest)
            tail = " " + rest[end:]
            value = _plain(rest[:end].rstrip(" "), line)
        stripped, gap = tail.lstrip(" "), self.gaps[self.at]
        if stripped and (tail[0] != " " or stripped[0] != "#"):
            raise YamlError(line, "text behind the end of a value")
        comment = self._comment(self.rows[self.at][0], stripped) if stripped else ""
        if kind == "scalar" and not stripped:
            comment, gap = "\n".join(gap), []
        self.at += 1
        if self.at < len(self.rows):
            if self.rows[self.at][1] > indent:
                raise YamlError(line, _LINES, beyond=True)
            self._check_gap(gap if not stripped else [], _is_item(self.rows[self.at][2]))
        return Node(kind, value, line, comment)

    def _flow(self, depth: int) -> Node:
        """Read the flow collection that opens at the current position."""
        line = self.rows[self.at][0]
        if depth > MAX_DEPTH:
            raise YamlError(line, "a nesting that is too deep")
        kind, closing = ("list", "]") if self.text[self.pos] == "[" else ("map", "}")
        items, pairs = [], {}  # type: t.List[Node], t.Dict[t.Any, Node]
        self.pos += 1
        while self._flow_next() != closing:
            start = self.rows[self.at][0]
            if kind == "map":
                key = self._flow_scalar()
                colon = re.compile(r" *:(?= |\Z)").match(self.text, self.pos)
                if not colon:
                    raise YamlError(start, _BRACKETS, beyond=True)
                if key in pairs or colon.end() > MAX_KEY:
                    raise YamlError(start, "a key that the map has already, or that is too long")
                self.pos = colon.end()
            opening = self._flow_next() in "[{"
            node = self._flow(depth + 1) if opening else Node("scalar", self._flow_scalar(), self.rows[self.at][0])
            if kind == "map":
                pairs[key] = node._replace(line=start)
            else:
                items.append(node)
            after = self._flow_next()
            if after == ",":
                self.pos += 1
            elif after != closing:
                raise YamlError(self.rows[self.at][0], _BRACKETS, beyond=True)
        self.pos += 1
        return Node(kind, pairs if kind == "map" else items, line)

    def _flow_next(self) -> str:
        """Move to the next character of the flow collection that is no space, and return it."""
        while True:
            text = self.text
            while self.pos < len(text) and text[self.pos] == " ":
                self.pos += 1
            if self.pos < len(text):
                if text[self.pos] != "#":
                    return text[self.pos]
            elif not self.gaps[self.at]:
                self.at += 1
                if self.at == len(self.rows):
                    raise YamlError(self.rows[-1][0], "brackets that are not closed")
                self.text, self.pos = self.rows[self.at][2], 0
                continue
            # ruamel.yaml attaches it to the value before or behind it, by rules that changed over time.
            raise YamlError(self.rows[self.at][0], "a comment inside brackets")

    def _flow_scalar(self) -> t.Any:
        line = self.rows[self.at][0]
        if self.text[self.pos] in "\"'":
            quoted = _quoted(self.text, line, self.pos)
            if not quoted:
                raise YamlError(line, _LINES, beyond=True)
            self.pos = quoted[1]
            return quoted[0]
        match = re.compile(_FLOW_PLAIN).match(self.text, self.pos)
        if not match:
            raise YamlError(line, _BRACKETS, beyond=self.text[self.pos] not in "&*!")
        self.pos = match.end()
        return resolve(match.group().rstrip(" "), line)


__all__ = ("MAX_DEPTH", "Document", "Node", "YamlError", "read_yaml", "resolve")
