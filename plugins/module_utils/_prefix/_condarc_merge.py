# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Merges what all condarc files and the environment say into the settings in force, as conda 26.7.1 does."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc import CondarcFile, Entry, mark_of
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc_keys import CHOICES, SHAPES
from ansible_collections.labfleet.conda.plugins.module_utils._spec._yaml import Node

_LOWER_ONLY = ("path_conflict", "safety_checks")


class Source(t.NamedTuple):
    """Where a setting was written: origin is a path or the name of a variable, name the spelling that was used."""

    origin: str
    tier: str
    line: t.Optional[int]
    name: str


class Setting(t.NamedTuple):
    """One setting in force.

    sources holds what the value is made of, highest precedence first. locked_by is the source whose #!final mark
    decided, and ignored holds the sources above it, which have no effect. known is false for a key that conda does
    not have. If problem is not None, conda stops at this setting and the value is None; sources holds all of it.
    """

    value: t.Any
    sources: t.Tuple[Source, ...]
    locked_by: t.Optional[Source]
    ignored: t.Tuple[Source, ...]
    known: bool
    problem: t.Optional[str]

    @property
    def source(self) -> str:
        """The path or variable that decided, or for a list or map the one that comes first."""
        return self.sources[0].origin

    @property
    def final(self) -> bool:
        """Whether a #!final mark decided."""
        return self.locked_by is not None


class _Refused(ValueError):
    """conda would not take the value."""


def boolify(value: t.Any, *, nullable: bool = False) -> t.Optional[bool]:
    """Read a boolean setting as conda does (conda/auxlib/type_coercion.py). Raises ValueError for other words."""
    if isinstance(value, (bool, int, float)):
        return bool(value)
    word = str(value).strip().lower().replace(".", "", 1)
    if word.isnumeric():
        return bool(float(word))
    if word in ("true", "yes", "on", "y"):
        return True
    if nullable and word in ("none", "~", "null", "\0"):
        return None
    if word in ("false", "off", "n", "no", "non", "none", ""):
        return False
    return bool(complex(word))


def merge_settings(files: t.Iterable[CondarcFile]) -> t.Dict[str, Setting]:
    """Merge files (and the environment), lowest precedence first, into {key: Setting}.

    Variables in channels, channel_alias, ssl_verify and the like are left as written: see expand_path() for paths.
    """
    entries: t.Dict[str, t.List[Entry]] = {}
    for file in files:
        for key, entry in file.settings.items():
            entries.setdefault(key, []).append(entry)
    settings = {}
    for key, found in entries.items():
        shape = SHAPES.get(key, "?")
        if shape == "?":
            shape = _shape_of([entry.node for entry in found])
        if shape[0] in "LM":
            found = [entry for entry in found if entry.problem or not _is_null(entry.node)]
        if found:
            settings[key] = _setting(key, shape, found)
    return settings


def read_value(node: Node, shape: str, key: str) -> t.Any:
    """The value that conda makes of what one file says.

    :param shape: of the setting, as the table of keys has it; key: today's name of the setting.
    :raises ValueError: conda stops at it; the text says at what.
    """
    try:
        _check(node, shape)
        return _typed(node, shape, key)
    except (ValueError, TypeError, OverflowError) as err:
        raise ValueError(_why(err)) from None


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, _Refused) else "a value of the wrong type"


def _setting(key: str, shape: str, found: t.List[Entry]) -> Setting:
    known = key in SHAPES
    sources = [Source(entry.origin, entry.tier, entry.line, entry.name) for entry in found]
    try:
        for entry in found:
            if entry.problem:
                raise _Refused(entry.problem)
        nodes = [entry.node for entry in found]
        for node in nodes:
            _check(node, shape)
        value = _typed(_merge(nodes, shape), shape, key)
    except (ValueError, TypeError, OverflowError) as err:
        return Setting(None, tuple(reversed(sources)), None, (), known, _why(err))
    count = len(_relevant(nodes))
    locked_by = sources[count - 1] if mark_of(nodes[count - 1]) == "final" else None
    used = tuple(reversed(sources[:count])) if shape[0] in "LM" else (sources[count - 1],)
    return Setting(value, used, locked_by, tuple(sources[count:]), known, None)


def _is_null(node: Node) -> bool:
    return node.kind == "scalar" and node.value is None


def _check(node: Node, shape: str) -> None:
    """conda stops at a list or map of the wrong shape even where a final mark makes it irrelevant."""
    if shape[0] in "LM":
        children = _items(node, "list") if shape[0] == "L" else _items(node, "map").values()
        for child in children:
            _check(child, shape[1:])


def _shape_of(nodes: t.List[Node]) -> str:
    """The shape of a key that conda does not know, from what was written: all alike, or the last wins."""
    kinds = {node.kind for node in nodes if not _is_null(node)}
    return {"list": "L?", "map": "M?"}.get(kinds.pop(), "?") if len(kinds) == 1 else "?"


def _relevant(nodes: t.List[Node]) -> t.List[Node]:
    """The nodes up to and including the first that is final."""
    for count, node in enumerate(nodes, 1):
        if mark_of(node) == "final":
            return nodes[:count]
    return nodes


def _merge(nodes: t.List[Node], shape: str) -> Node:
    if shape[0] == "L":
        return _merge_lists(nodes)
    if shape[0] == "M":
        return _merge_maps(nodes, shape[1:])
    return _relevant(nodes)[-1]


def _items(node: Node, kind: str) -> t.Any:
    """The children of a list or map; null counts as an empty one, and an empty map as an empty list."""
    if node.kind == kind:
        return node.value
    if _is_null(node) or node.kind == "map" and not node.value:
        return [] if kind == "list" else {}
    raise _Refused("a %s where conda wants a %s" % (node.kind, kind))


def _merge_lists(nodes: t.List[Node]) -> Node:
    """Items marked top come first, then those of higher precedence; items marked bottom come last."""
    lists = [_items(node, "list") for node in _relevant(nodes)]
    top = [item for items in lists for item in items if mark_of(item) == "top"]
    lists.reverse()
    bottom = [item for items in lists for item in items if mark_of(item) == "bottom"]
    ordered = _unique(top + [item for items in lists for item in items])
    # Of what is marked bottom the lowest precedence ends up last, and bottom beats top.
    backwards = _unique(bottom[::-1] + ordered[::-1])
    return Node("list", backwards[::-1], nodes[0].line)


def _unique(items: t.Iterable[Node]) -> t.List[Node]:
    found: t.Dict[t.Any, Node] = {}
    for item in items:
        found.setdefault(_frozen(item), item)
    return list(found.values())


def _frozen(node: Node) -> t.Any:
    if node.kind == "list":
        return tuple(map(_frozen, node.value))
    if node.kind == "map":
        return frozenset((key, _frozen(value)) for key, value in node.value.items())
    return node.value


def _merge_maps(nodes: t.List[Node], shape: str) -> Node:
    maps = [_items(node, "map") for node in _relevant(nodes)]
    grouped: t.Dict[t.Any, t.List[Node]] = {}
    for items in maps:
        for key, value in items.items():
            grouped.setdefault(key, []).append(value)
    merged = {}
    for key, values in grouped.items():
        final = [value for value in values if mark_of(value) == "final"]
        inner = shape if shape != "?" else _shape_of(values)
        # A final value stands alone: nothing of lower precedence is merged into it.
        merged[key] = final[0] if final else _merge(values, inner)
    return Node("map", merged, nodes[0].line)


def _typed(node: Node, shape: str, key: str) -> t.Any:
    """The value of a merged node, converted as conda does; raises ValueError or TypeError where conda stops."""
    if shape == "?":
        shape = {"list": "L?", "map": "M?"}.get(node.kind, "?")
    if shape[0] == "L":
        return [_typed(item, shape[1:], key) for item in _items(node, "list")]
    if shape[0] == "M":
        pairs = _items(node, "map").items()
        if not all(isinstance(name, str) for name, _child in pairs):
            raise _Refused("a key that is no text")
        return {name: _typed(child, shape[1:], key) for name, child in pairs}
    if node.kind != "scalar":
        raise _Refused("a %s where conda wants a single value" % node.kind)
    return node.value if shape == "?" else _scalar(node.value, shape, key)


def _scalar(value: t.Any, shape: str, key: str) -> t.Any:
    if shape == "t":
        return value if isinstance(value, str) else str(value)
    if isinstance(value, str):
        value = value.strip()
    if shape in "bn":
        return boolify(value, nullable=shape == "n")
    if shape == "i":
        return int(value)
    if shape == "f":
        return float(value)
    if shape == "o":
        return None if str(value).lower() == "none" else str(value)
    if shape == "u":
        return _ttl(str(value))
    if shape == "e":
        return _choice(value, key)
    try:
        return boolify(value)
    except ValueError:
        return value


def _ttl(text: str) -> t.Union[bool, int]:
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if text.lower() in words:
        return words[text.lower()]
    if not re.match(r"[-+]?\d+\Z", text):
        raise _Refused("neither a boolean nor an integer")
    return int(text)


def _choice(value: t.Any, key: str) -> str:
    """One of a few words; conda also takes their names in capitals, and booleans for the channel priority."""
    choices = CHOICES[key].split()
    if key == "channel_priority" and str(value).lower() in ("true", "yes", "on", "false", "no", "off"):
        return "flexible" if boolify(value) else "disabled"
    word = value if key in _LOWER_ONLY or not isinstance(value, str) or not value.isupper() else value.lower()
    if word not in choices:
        raise _Refused("none of the values that conda knows")
    return word


__all__ = ("Setting", "Source", "boolify", "merge_settings", "read_value")
