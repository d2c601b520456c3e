# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Edits the text of a file of settings until what is wanted holds, and tells what has changed."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._config_wish import Target, Wish
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc_keys import ALIASES
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc_marks import (
    CannotMark,
    Marks,
    marks_in,
    put_mark,
    settle,
)
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc_merge import read_value
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._yaml_edit import Editor, Path
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._yaml_write import (
    Unwritable,
    identity,
    node_of,
    pair,
    plain,
)
from ansible_collections.labfleet.conda.plugins.module_utils._spec._yaml import Node, YamlError
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import clean

_Map = t.Dict[str, t.Any]


class Plan(t.NamedTuple):
    """What the file is to hold.

    :param text: all of it.
    :param before: the settings that change, as they are now; after: as they are to be. What is not there is left out.
    :param diff: the same, as two texts, without secrets.
    """

    text: str
    before: _Map
    after: _Map
    diff: t.Tuple[str, str]


def plan_text(text: str, wish: Wish, path: str) -> Plan:
    """What becomes of the text of a file.

    :param path: of the file, for messages.
    :raises Refused: it cannot be read, or cannot be changed without changing more.
    """
    try:
        editor = Editor(text)
        return _Planner(editor, wish, path).plan(text)
    except YamlError as error:
        where = "line %d: %s" % (error.line, error.problem)
        text = "%s is not changed, as it cannot be read for certain (%s): correct that line first."
        raise Refused(text % (path, where)) from None
    except Unwritable as error:
        raise Refused("%s is not changed: a value holds %s." % (path, error)) from None
    except CannotMark as error:
        text = "%s is not changed, as a mark of %s would be lost: take away the comments behind it first."
        raise Refused(text % (path, error)) from None


class _Planner:
    def __init__(self, editor: Editor, wish: Wish, path: str) -> None:
        self._editor, self._wish, self._path = editor, wish, path
        self._first = editor  # until something changes
        self._marks = marks_in(editor.root)
        self._targets = [*wish.targets(), *wish.absent]

    def plan(self, text: str) -> Plan:
        for target in self._wish.absent:
            for name in self._names(target):
                if self._editor.at(_path(name, target)) is not None:
                    self._editor.drop(_path(name, target))
        for target, value in self._wish.settings:
            self._put(target, value)
        for target, removed, first, last in self._wish.lists:
            self._put_list(target, removed, first, last)
        if self._editor.text != text or self._wish.final is not None or self._wish.items:
            self._set_marks()
        if self._editor.text == text:
            return Plan(text, {}, {}, ("", ""))
        self._first = Editor(text)
        self._check_others()
        sides = (self._first, self._editor)
        changed = [target for target in self._targets if self._state(sides[0], target) != self._state(sides[1], target)]
        before, after = (dict(pair for target in changed for pair in self._values(side, target)) for side in sides)
        diff = ["".join(self._shown(side, target) for target in changed) for side in sides]
        return Plan(self._editor.text, before, after, (diff[0], diff[1]))

    def _names(self, target: Target, editor: t.Optional[Editor] = None) -> t.List[str]:
        """The names under which a setting stands in the file."""
        root = (editor or self._editor).root
        return [name for name in root.value if isinstance(name, str) and ALIASES.get(name, name) == target.key]

    def _put(self, target: Target, value: t.Any) -> None:
        name = self._one_name(target)
        node = self._editor.at(_path(name, target))
        if node is None or not _is_same(node, value, target):
            self._editor.put(_path(name, target), value)

    def _one_name(self, target: Target) -> str:
        """The name for a setting; conda stops at a file that has it under two of its names, or does not see it."""
        names = self._names(target)
        if not names:
            return target.written
        known = [name for name in names if self._wish.names is None or name in self._wish.names]
        kept = target.written if target.written in names else (known or names)[0]
        for name in names:
            if name != kept:
                self._editor.drop((name,))
        if kept not in known:
            self._editor.rename(kept, target.written)
            self._marks = {
                (target.written if key[0] == kept else key[0], *key[1:]): m for key, m in self._marks.items()
            }
            kept = target.written
        return kept

    def _put_list(self, target: Target, removed: t.List[t.Any], first: t.List[t.Any], last: t.List[t.Any]) -> None:
        name = (self._names(target) or [target.written])[0]
        node = self._editor.at(_path(name, target))
        current: t.List[t.Any] = []
        if node is not None:
            try:
                current = read_value(node, target.shape, target.key) or []
            except ValueError:
                current = None  # type: ignore[assignment]
            if not isinstance(current, list):
                text = "%s is not changed: %s is no list there: set it with settings."
                raise Refused(text % (self._path, target.name))
        elif not first and not last:
            return
        taken = {identity(item) for item in (*removed, *first, *last)}
        self._put(target, [*first, *(item for item in current if identity(item) not in taken), *last])

    def _set_marks(self) -> None:
        wish, editor = self._wish, self._editor
        wanted: t.Dict[t.Tuple[str, ...], t.Optional[str]] = dict(self._marks)
        final = None if wish.final is None else {(target.key, target.child) for target in wish.final}
        for target in wish.targets() if final is not None else ():
            is_final = final is not None and (target.key, target.child) in final
            if is_final or target in _touched(wish) and self._is_there(target):
                wanted[_path(self._name_of(target), target)] = "final" if is_final else None
        for target, marks in wish.items:
            name = self._name_of(target)
            node = t.cast(Node, editor.at((name,)))
            items = {str(plain(item)): identity(plain(item)) for item in node.value} if node.kind == "list" else {}
            for item, word in marks.items():
                if item not in items:
                    text = "%s is not changed: marks names %s, which the list %s has not."
                    raise Refused(text % (self._path, clean(item), target.name))
                wanted[(name, items[item])] = word
        there = marks_in(editor.root)
        kept: Marks = {}
        for path, word in wanted.items():
            place = _place(editor, path)
            if place is None:
                continue
            if word is not None:
                kept[path] = word
            if there.get(path) != word:
                self._mark(place, word)
        settle(editor, kept)

    def _mark(self, place: Path, word: t.Optional[str]) -> None:
        if len(place) > 1 and word is not None:
            self._editor.unfold(place[:1])  # what is in brackets has no marks
        put_mark(self._editor, place, word)

    def _is_there(self, target: Target) -> bool:
        return any(self._editor.at(_path(name, target)) is not None for name in self._names(target))

    def _name_of(self, target: Target) -> str:
        if not self._is_there(target):
            text = "%s is not changed: it has no setting %s to mark: name its value in settings too."
            raise Refused(text % (self._path, target.name))
        return self._names(target)[0]

    def _check_others(self) -> None:
        """What was not asked for must be as it was."""
        asked = {target.key for target in self._targets}

        def others(root: Node) -> t.List[t.Any]:
            return [(n, identity(plain(v))) for n, v in root.value.items() if ALIASES.get(n, n) not in asked]

        if sorted(map(str, others(self._first.root))) != sorted(map(str, others(self._editor.root))):
            raise Refused("%s is not changed, as other settings of it would change too: edit it by hand." % self._path)

    def _values(self, editor: Editor, target: Target) -> t.Iterator[t.Tuple[str, t.Any]]:
        for name in self._names(target, editor)[:1]:
            node = editor.at(_path(name, target))
            if node is not None:
                yield target.name, plain(node)

    def _state(self, editor: Editor, target: Target) -> t.List[t.Any]:
        """A setting as it stands in a file, with its marks."""
        marks = marks_in(editor.root)
        names = self._names(target, editor)
        values = [(name, identity(plain(node))) for name in names for node in [editor.at(_path(name, target))] if node]
        return [values, {path: word for path, word in marks.items() if path[0] in names}]

    def _shown(self, editor: Editor, target: Target) -> str:
        """A setting as it stands in a file, with its marks and without secrets."""
        found = []
        marks = marks_in(editor.root)
        for name in self._names(target, editor):
            node = editor.at(_path(name, target))
            if node is None:
                continue
            shown_name = name if target.child is None else "%s.%s" % (name, target.child)
            lines = pair(*next(iter(clean({shown_name: plain(node)}).items())), 0)
            if marks.get(_path(name, target)):
                lines[0] += "  #!" + marks[_path(name, target)]
            for item in node.value if node.kind == "list" and len(lines) == len(node.value) + 1 else ():
                word = marks.get((name, identity(plain(item))))
                if word:
                    lines[1 + node.value.index(item)] += "  #!" + word
            found += lines
        return "".join(line + "\n" for line in found)


def _path(name: str, target: Target) -> t.Tuple[str, ...]:
    return (name,) if target.child is None else (name, target.child)


def _place(editor: Editor, path: t.Tuple[str, ...]) -> t.Optional[Path]:
    """Where a marked value stands, None where it is gone."""
    node = editor.at(path[:1])
    if node is not None and len(path) > 1 and node.kind == "list":
        items = [identity(plain(item)) for item in node.value]
        return (path[0], items.index(path[1])) if path[1] in items else None
    return path if editor.at(path) is not None else None


def _touched(wish: Wish) -> t.List[Target]:
    return [target for target, _value in wish.settings] + [item[0] for item in wish.lists]


def _is_same(node: Node, value: t.Any, target: Target) -> bool:
    """Whether conda makes the same of what stands there."""
    try:
        return identity(read_value(node, target.shape, target.key)) == identity(
            read_value(node_of(value), target.shape, target.key)
        )
    except ValueError:
        return False


__all__ = ("Plan", "plan_text")
