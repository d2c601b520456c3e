# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Writes the marks of conda (#!final, #!top, #!bottom), so that conda finds them.

conda takes for the mark of a value all comments between it and what follows. So a marked value must not be followed by
lines of comment: it moves behind them.
"""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc import mark_of
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._yaml_edit import Editor, Path
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._yaml_write import identity, plain
from ansible_collections.labfleet.conda.plugins.module_utils._spec._yaml import Node

WORDS = ("final", "top", "bottom")
# The marks of a document: of a key, of a key in its map, of an item (by its identity) of its list.
Marks = t.Dict[t.Tuple[str, ...], str]
_MAX_MOVES = 100


class CannotMark(ValueError):
    """A mark would have no effect, whatever is tried; the text says of what."""


def marks_in(root: Node) -> Marks:
    """The marks that conda finds, of the settings and of what is in their maps and lists."""
    found: Marks = {}
    for key, node in root.value.items():
        children: t.Dict[t.Tuple[str, ...], Node] = {(key,): node}
        if node.kind == "map":
            children.update({(key, str(name)): child for name, child in node.value.items()})
        elif node.kind == "list":
            children.update({(key, identity(plain(child))): child for child in node.value})
        for path, child in children.items():
            word = mark_of(child)
            if word is not None:
                found[path] = word
    return found


def put_mark(editor: Editor, path: Path, word: t.Optional[str]) -> None:
    """Write a mark behind a value, or take it away; another comment there moves to the line above."""
    node = t.cast(Node, editor.at(path))
    if mark_of(node) == word:
        return
    span, kind = editor.span(path), node.kind
    number = span.start if kind != "scalar" and editor.is_block(path, kind) else span.stop - 1
    line, comment = _split(editor.line(number), node)
    above = []
    there = mark_of(node._replace(comment=comment))
    if there == word:  # it stands there already; settle() lets conda find it
        return
    if comment and there is None:
        above = [" " * editor.column(path) + comment]
    marked = line.rstrip(" ") + ("  #!" + word if word is not None else "")
    between = [editor.line(no) for no in range(span.start, number)]
    editor.splice(span.start, number + 1, [*above, *between, marked])


def _split(line: str, node: Node) -> t.Tuple[str, str]:
    comment = node.comment.split("\n")[0]
    text = line.rstrip(" ")
    if comment and text.endswith(comment) and text[: -len(comment)][-1:] == " ":
        return text[: -len(comment)], comment
    return line, ""


def settle(editor: Editor, wanted: Marks) -> None:
    """Move what is marked behind the comments that follow it, until conda finds each mark that is wanted.

    :raises CannotMark: there is one that it does not find.
    """
    for _move in range(_MAX_MOVES):
        found = marks_in(editor.root)
        lost = [path for path, word in wanted.items() if found.get(path) != word]
        if not lost:
            return
        if not _move_behind_comments(editor, _path_of(editor, lost[-1])):
            break
    raise CannotMark(lost[-1][0])


def _path_of(editor: Editor, path: t.Tuple[str, ...]) -> Path:
    node = editor.at(path[:1])
    if len(path) == 1 or node is None or node.kind != "list":
        return path
    names = [identity(plain(item)) for item in node.value]
    return (path[0], names.index(path[1])) if path[1] in names else path


def _move_behind_comments(editor: Editor, path: Path) -> bool:
    node = editor.at(path)
    if node is None or len(path) > 1 and not editor.is_block(path[:1], t.cast(Node, editor.at(path[:1])).kind):
        return False
    span = editor.span(path)
    if node.kind != "scalar" and editor.is_block(path, node.kind):
        # The mark stands behind the key, and comments stand between that and the first of its values.
        inner = editor.span((*path, 0 if node.kind == "list" else next(iter(node.value))))
        start, middle, stop = span.start + 1, inner.start, inner.stop
    else:
        if len(path) > 1 and span.limit == editor.span(path[:1]).stop:  # with the last of its values, the whole setting
            span = editor.span(path[:1])
        start, middle, stop = span.start, span.stop, span.limit
    first = [editor.line(no) for no in range(start, middle)]
    second = [editor.line(no) for no in range(middle, stop)]
    if not any(line.lstrip(" ").startswith("#") for line in first + second):
        return False
    editor.splice(start, stop, second + first)
    return True


__all__ = ("CannotMark", "Marks", "WORDS", "marks_in", "put_mark", "settle")
