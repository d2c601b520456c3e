# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Reads with PyYAML the legal YAML that the strict reader leaves out, and gives the same nodes.

PyYAML loses the comments, so they are taken from the text by the positions of the events. What ruamel.yaml could
read in another way is refused here too.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._spec._yaml import MAX_DEPTH, Node, YamlError, resolve


def read(text: str) -> t.Optional[Node]:
    """Read one document with PyYAML: its root node, None if there is no PyYAML. Raises YamlError."""
    try:
        import yaml
    except ImportError:
        return None
    return _Reader(text, yaml).document()


class _Reader:
    """Builds nodes from the events of PyYAML's parser, which constructs no objects and does not recurse."""

    def __init__(self, text: str, yaml: t.Any) -> None:
        self.lines = text.split("\n")
        self.yaml = yaml
        self.events = yaml.parse(text, Loader=yaml.BaseLoader)

    def document(self) -> Node:
        try:
            next(self.events)
            next(self.events)  # a document without directives: the strict reader refuses them before
            root = self._node(next(self.events), 0)
            next(self.events)
            end = next(self.events)
        except self.yaml.MarkedYAMLError as err:
            mark = err.problem_mark or err.context_mark
            raise YamlError(mark.line + 1 if mark else 1, "it is not valid YAML") from None
        except (self.yaml.YAMLError, ValueError, OverflowError) as err:
            if isinstance(err, YamlError):
                raise
            raise YamlError(1, "it is not valid YAML") from None
        if not isinstance(end, self.yaml.StreamEndEvent):
            raise YamlError(end.start_mark.line + 1, "more than one document")
        return root

    def _node(self, event: t.Any, depth: int) -> Node:
        line = event.start_mark.line + 1
        if isinstance(event, self.yaml.AliasEvent) or event.anchor or event.tag:
            raise YamlError(line, "an anchor, an alias or a tag")
        if depth > MAX_DEPTH:
            raise YamlError(line, "a nesting that is too deep")
        if not isinstance(event, self.yaml.ScalarEvent):
            return (self._list if isinstance(event, self.yaml.SequenceStartEvent) else self._map)(event, depth)
        value, end = event.value if event.style else resolve(event.value, line), event.end_mark
        if isinstance(value, str) and re.search("[\ud800-\udfff]", value):
            raise YamlError(line, "an escape that is no character")
        if event.style in ("|", ">"):
            # ruamel.yaml and PyYAML part on where such text starts and ends.
            if depth == 0 or not self.lines[line : line + 1] or not self.lines[line].strip(" "):
                raise YamlError(line, "a block scalar of an unusual form")
            ends = 0 < end.column == len(self.lines[end.line])  # the last line has no line break
            comment = "" if ends else "\n".join(self._gap(end.line)[0])
        else:
            comment = self._comment(end.line, end.column, same_line=event.start_mark.index == end.index)
        return Node("scalar", value, line, comment)

    def _list(self, start: t.Any, depth: int) -> Node:
        items = []
        event = next(self.events)
        while not isinstance(event, self.yaml.SequenceEndEvent):
            line, column = event.start_mark.line, event.start_mark.column
            if not start.flow_style and not self.lines[line][:column].rstrip(" ").endswith("-"):
                raise YamlError(line + 1, "a list item on the line behind its dash")
            items.append(self._node(event, depth + 1))
            if event.start_mark.index == event.end_mark.index and items[-1].comment:
                raise YamlError(line + 1, "a comment between a dash and its item")
            event = next(self.events)
        return self._collection("list", items, start, event.end_mark)

    def _map(self, start: t.Any, depth: int) -> Node:
        items: t.Dict[t.Any, Node] = {}
        if start.flow_style and start.start_mark.index == start.end_mark.index:
            raise YamlError(start.start_mark.line + 1, "a pair inside a list in brackets")
        event = next(self.events)
        while not isinstance(event, self.yaml.MappingEndEvent):
            key, line, colon = self._node(event, depth + 1), event.end_mark.line, None
            if key.kind == "scalar" and key.line == line + 1:
                pattern = " *:" if event.style and start.flow_style else r" *:(?= |\Z)"
                colon = re.compile(pattern).match(self.lines[line], event.end_mark.column)
            if not colon:
                raise YamlError(key.line, "a key of an unusual form")
            if key.value in items:
                raise YamlError(key.line, "a key that the map has already")
            event = next(self.events)
            if start.flow_style and event.start_mark.index == event.end_mark.index:
                raise YamlError(key.line, "a key without a value inside brackets")
            node = self._node(event, depth + 1)
            if event.start_mark.line != line:
                if not getattr(event, "flow_style", True):
                    node = node._replace(comment=self._comment(line, colon.end(), same_line=True, block=True))
                elif self._comment(line, colon.end()):
                    raise YamlError(key.line, "a comment between a key and its value")
            items[key.value] = node._replace(line=key.line)
            event = next(self.events)
        return self._collection("map", items, start, event.end_mark)

    def _collection(self, kind: str, value: t.Any, start: t.Any, end: t.Any) -> Node:
        line = start.start_mark.line
        if not start.flow_style:
            return Node(kind, value, line + 1)
        for number in range(line, end.line + 1):
            text = self.lines[number][: end.column if number == end.line else None]
            if re.compile(r"(?:^|[ \t])#").search(text, start.start_mark.column if number == line else 0):
                raise YamlError(number + 1, "a comment inside brackets")
        return Node(kind, value, line + 1, self._comment(end.line, end.column, same_line=True))

    def _gap(self, line: int) -> t.Tuple[t.List[str], str]:
        """The comment lines from a line (0-based) on, and the content of the line that ends them."""
        gap = []
        for number in range(line, len(self.lines)):
            content = self.lines[number].strip(" ")
            if content and content[0] != "#":
                return gap, content
            gap += [content] if content else []
        return gap, ""

    def _comment(self, line: int, column: int, same_line: bool = False, block: bool = False) -> str:
        """What ruamel.yaml attaches to a value that ends at a position (0-based), or to the key of a block collection.

        same_line tells that the first comment has to stand on the same line; see Node.
        """
        tail = self.lines[line][column:].rstrip(" ")
        stripped = tail.lstrip(" ")
        if stripped and (stripped[0] != "#" or tail[0] != " "):
            if tail[0] == "#":
                raise YamlError(line + 1, "text behind the end of a value")
            return ""
        gap, following = self._gap(line + 1)
        if same_line and not stripped:
            if gap and following[:1] == "-" and not block:
                raise YamlError(line + 1, "a comment between a list item and an empty value or a bracket")
            return ""
        return "\n".join(([stripped] if stripped else []) + gap)


__all__ = ("read",)
