# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Changes single values in the text of a YAML map: comments, order, quotes and line ends of all else stay as they are.

The strict reader tells what the lines mean, and reads the text anew after each step.
"""

from __future__ import annotations

import difflib
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._prefix._yaml_write import (
    block,
    flow,
    identity,
    inline,
    pair,
    plain,
    scalar,
)
from ansible_collections.labfleet.conda.plugins.module_utils._spec._yaml import Node, YamlError, read_yaml

# The key of a value at the top of the document, or that and the key, or number, of what is in its map or list.
Path = t.Tuple[t.Union[str, int], ...]
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+\Z")
_KEY = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^"'].*?)[ ]*:(?=[ \t]|\Z)""")
_BLOCK_SCALAR = re.compile(r":[ ]+[|>][-+0-9]*[ ]*(?:#.*)?\Z")


class Span(t.NamedTuple):
    """Where a value stands with its key: lines from start to before stop (from 0), and where what follows starts."""

    start: int
    stop: int
    limit: int


class Editor:
    """The text of one document, whose top is a map or nothing.

    :raises YamlError: it cannot be read, or its top is something else.
    """

    def __init__(self, text: str) -> None:
        self._mark = "\ufeff" if text.startswith("\ufeff") else ""
        self._lines = _LINE.findall(text[len(self._mark) :])
        ends = (line[len(line.rstrip("\r\n")) :] for line in self._lines)
        self._newline = next((end for end in ends if end), "\n")
        self.root = Node("map", {}, 1)
        self._read()

    @property
    def text(self) -> str:
        return self._mark + "".join(self._lines)

    def at(self, path: Path) -> t.Optional[Node]:
        """The node at a path, None if nothing is there."""
        node: t.Optional[Node] = self.root
        for step in path:
            if node is not None and node.kind == "list" and isinstance(step, int):
                node = node.value[step] if step < len(node.value) else None
            else:
                node = node.value.get(step) if node is not None and node.kind == "map" else None
        return node

    def put(self, path: Path, value: t.Any) -> None:
        """Give a key a value; it is added where it is not there.

        :raises Unwritable: the value cannot be written.
        """
        self._open()
        if len(path) > 1 and not self.is_block(path[:1], "map"):
            parent = self.at(path[:1])
            above = plain(parent) if parent is not None and parent.kind == "map" else {}
            self._put(path[:1], {**above, str(path[1]): value})
        else:
            self._put(path, value)

    def unfold(self, path: Path) -> None:
        """Write a list or map in brackets in lines, each value on one of its own."""
        self._open()
        node = t.cast(Node, self.at(path))
        if node.kind != "scalar" and node.value and not self.is_block(path, node.kind):
            self._put(path, plain(node), brackets=False)

    def drop(self, path: Path) -> None:
        """Take a key away with its value, and a map with its last key; comments behind it stay."""
        self._open()
        parent = t.cast(Node, self.at(path[:-1]))
        if len(path) > 1 and len(parent.value) == 1:
            path = path[:-1]
        elif len(path) > 1 and not self.is_block(path[:1], "map"):
            return self._put(path[:1], {key: plain(item) for key, item in parent.value.items() if key != path[1]})
        span = self.span(path)
        return self.splice(span.start, span.stop, [])

    def rename(self, name: str, new: str) -> None:
        """Give a key at the top another name."""
        self._open()
        start = self.span((name,)).start
        line, column = self.line(start), self.column((name,))
        end = _colon(line, column) - 1
        self.splice(start, start + 1, [line[:column] + scalar(new) + line[end:]])

    def is_block(self, path: Path, kind: str) -> bool:
        """Whether a list or map that is not empty stands at a path, in lines and not in brackets."""
        node = self.at(path)
        if node is None or node.kind != kind or not node.value:
            return False
        children = node.value if kind == "list" else list(node.value.values())
        start = self.span(path).start
        line = self.line(start)
        rest = line[_colon(line, self.column(path)) :].lstrip(" ") if isinstance(path[-1], str) else "-"
        return children[0].line > start + 1 and rest[:1] in ("", "#")

    def span(self, path: Path) -> Span:
        """Where the value at a path stands; in a list or map below the top, that must be one in lines."""
        node, parent = t.cast(Node, self.at(path)), t.cast(Node, self.at(path[:-1]))
        limit = self.span(path[:-1]).stop if len(path) > 1 else self._end()
        siblings = parent.value if parent.kind == "list" else parent.value.values()
        limit = min([sibling.line - 1 for sibling in siblings if sibling.line > node.line] + [limit])
        return Span(node.line - 1, self._stop(node.line - 1, limit), limit)

    def column(self, path: Path) -> int:
        """Where the key, or the dash, of a value stands in its line."""
        line = self._lines[t.cast(Node, self.at(path)).line - 1]
        return len(line) - len(line.lstrip(" "))

    def line(self, number: int) -> str:
        """A line without its end."""
        return self._lines[number].rstrip("\r\n")

    def splice(self, start: int, stop: int, lines: t.Iterable[str]) -> None:
        """Put lines in the place of others, and read the text anew."""
        new = [line + self._newline for line in lines]
        if new and start == len(self._lines) and start and not self._lines[-1].endswith(("\r", "\n")):
            self._lines[-1] += self._newline
        self._lines[start:stop] = new
        self._read()

    def _read(self) -> None:
        root = read_yaml("".join(self._lines)).root
        if root.kind == "scalar" and root.value is None:
            root = Node("map", {}, root.line, root.comment)
        if root.kind != "map":
            raise YamlError(root.line, "it is not a map of settings")
        self.root = root

    def _open(self) -> None:
        """Write a map in brackets, or a null, at the top as what can be added to: a map in lines, or nothing."""
        numbers = [number for number in range(self._end()) if _has_content(self._lines[number])]
        if numbers and self._lines[numbers[0]].startswith("---"):
            del numbers[0]
        if not numbers or self.root.value and self._lines[numbers[0]].lstrip(" ")[0] != "{":
            return
        comment = self._comment_at(numbers[-1], self.root)[1]
        lines = [line for key, item in plain(self.root).items() for line in pair(key, item, 0)]
        self.splice(numbers[0], numbers[-1] + 1, ([comment] if comment else []) + lines)

    def _end(self) -> int:
        """Where the document ends: at the end of the text, or at the mark for it."""
        return next((no for no, line in enumerate(self._lines) if line.rstrip(" \r\n") == "..."), len(self._lines))

    def _stop(self, start: int, limit: int) -> int:
        """The end of what has content; in a block scalar, what looks like a comment is text."""
        stop, inside = start + 1, -1
        for number in range(start, limit):
            line = self.line(number)
            indent = len(line) - len(line.lstrip(" "))
            if line.strip(" ") and (0 <= inside < indent or _has_content(line)):
                stop = number + 1
                if not 0 <= inside < indent:
                    inside = indent if _BLOCK_SCALAR.search(line) else -1
        return stop

    def _comment_at(self, number: int, node: Node) -> t.Tuple[str, str]:
        """A line without the comment of a node, if it ends with that, and the comment."""
        line, comment = self.line(number).rstrip(" "), node.comment.split("\n")[0]
        if comment and line.endswith(comment) and line[: -len(comment)][-1:] in (" ", ""):
            return line[: -len(comment)], comment
        return self.line(number), ""

    def _put(self, path: Path, value: t.Any, brackets: bool = True) -> None:
        if self.at(path) is None:
            return self._insert(path, value)
        for kind, change in (("list", self._put_items), ("map", self._put_children)):
            if value and isinstance(value, list if kind == "list" else dict) and self.is_block(path, kind):
                return change(path, value)
        node, span, column = t.cast(Node, self.at(path)), self.span(path), self.column(path)
        line = self.line(span.start)
        colon = _colon(line, column)
        rest = line[colon:].lstrip(" ")
        last = span.start if rest[:1] in ("", "#") else span.stop - 1
        before, comment = self._comment_at(last, node)
        tail = (before[len(before.rstrip(" ")) :] or "  ") + comment if comment else ""
        text = inline(value)
        if text is None and brackets and rest[:1] in ("[", "{") and span.stop == span.start + 1:
            text = flow(value)
        if text is None:
            return self.splice(span.start, span.stop, [line[:colon] + tail, *block(value, column + 2)])
        space = line[colon : len(line) - len(rest)] if rest[:1] not in ("", "#") else " "
        return self.splice(span.start, span.stop, [line[:colon] + space + text + tail])

    def _insert(self, path: Path, value: t.Any) -> None:
        siblings = list(t.cast(Node, self.at(path[:-1])).value)
        column = self.column((*path[:-1], siblings[0])) if siblings else 0
        at = self.span((*path[:-1], siblings[-1])).stop if len(path) > 1 else self._end()
        self.splice(at, at, pair(str(path[-1]), value, column))

    def _put_children(self, path: Path, value: t.Dict[str, t.Any]) -> None:
        for key in [key for key in t.cast(Node, self.at(path)).value if key not in value]:
            if len(t.cast(Node, self.at(path)).value) > 1:
                self._drop_child((*path, key))
            else:  # the last one goes when there is another
                self._put((*path, next(iter(value))), next(iter(value.values())))
                self._drop_child((*path, key))
        for key, item in value.items():
            node = self.at((*path, key))
            if node is None or identity(plain(node)) != identity(item):
                self._put((*path, key), item)

    def _drop_child(self, path: Path) -> None:
        span = self.span(path)
        self.splice(span.start, span.stop, [])

    def _put_items(self, path: Path, value: t.List[t.Any]) -> None:
        """Change a list item by item: each that stays keeps its lines, and so does one that moves."""
        node, column = t.cast(Node, self.at(path)), self.column((*path, 0))
        starts = [item.line - 1 for item in node.value]
        limits = [*starts[1:], self.span(path).stop]
        stops = list(map(self._stop, starts, limits))
        lines = [[self.line(no) for no in range(start, stop)] for start, stop in zip(starts, stops)]
        gaps = [[self.line(no) for no in range(stop, limit)] for stop, limit in zip(stops, limits)]
        old, new = [identity(plain(item)) for item in node.value], [identity(item) for item in value]
        known = dict(zip(old, lines))
        written: t.List[str] = []
        for what, begin, end, first, last in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if what == "equal":
                for number in range(begin, end):
                    written += lines[number] + gaps[number]
                continue
            for number in range(first, last):
                written += known.get(new[number]) or block([value[number]], column)
            for number in range(begin, end):
                written += gaps[number]
        self.splice(starts[0], stops[-1], written)


def _has_content(line: str) -> bool:
    return line.strip(" \r\n")[:1] not in ("", "#")


def _colon(line: str, column: int) -> int:
    """Where the colon behind the key at a column ends."""
    return column + t.cast("re.Match[str]", _KEY.match(line[column:])).end()


__all__ = ("Editor", "Path", "Span")
