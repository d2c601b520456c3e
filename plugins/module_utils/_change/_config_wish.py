# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What is to hold in a file of settings: the names and values that were asked for, checked for those who read it."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc_keys import (
    ALIASES,
    CHOICES,
    Readers,
    history_of,
    known_names,
    name_for,
    nearest,
    shape_of,
)
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc_merge import read_value
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._yaml_write import (
    identity,
    node_of,
    scalar,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import clean, on_one_line

_WORDS = ("true", "yes", "on", "false", "no", "off")
_TRUE, _FALSE = (*_WORDS[:3], "1"), (*_WORDS[3:], "0")
_KINDS = {
    "L": "a list",
    "M": "a map",
    "b": "true or false",
    "n": "true, false or null",
    "t": "text",
    "o": "text or null",
    "i": "a whole number",
    "f": "a number",
    "s": "true, false or a path",
    "u": "true, false or a whole number",
}
_MANY = ("a list", "a map")
_Values = t.Mapping[str, t.Any]


class Target(t.NamedTuple):
    """One setting, or one entry of a setting that is a map.

    :param name: as it was asked for: KEY or KEY.ENTRY.
    :param key: today's name of the setting; written: the name of it that the readers know.
    :param child: the entry of the map.
    :param shape: that of its value.
    """

    name: str
    key: str
    written: str
    child: t.Optional[str]
    shape: str


class Wish(t.NamedTuple):
    """What is to hold.

    :param names: the names that may stand in the file, None where any may.
    :param settings: what is to have a value; absent: what is to go.
    :param lists: of lists: which values are to be taken out, to stand first, and to stand last.
    :param final: what is to be marked as final; None leaves all marks of settings as they are.
    :param items: which values of lists are to be marked, by their text, with C(top) or C(bottom), or None.
    """

    names: t.Optional[t.FrozenSet[str]]
    settings: t.Tuple[t.Tuple[Target, t.Any], ...]
    absent: t.Tuple[Target, ...]
    lists: t.Tuple[t.Tuple[Target, t.List[t.Any], t.List[t.Any], t.List[t.Any]], ...]
    final: t.Optional[t.Tuple[Target, ...]]
    items: t.Tuple[t.Tuple[Target, t.Dict[str, t.Optional[str]]], ...]

    def targets(self) -> t.List[Target]:
        """All that is to be there afterwards, each once."""
        found = [target for target, _value in self.settings] + [item[0] for item in self.lists]
        found += [*(self.final or ()), *(target for target, _marks in self.items)]
        return list({(target.key, target.child): target for target in found}.values())


def wish_of(options: _Values, readers: Readers) -> Wish:
    """What the options of the module ask for.

    :raises Refused: a name or value is not one for the readers, or two options contradict each other.
    """
    any_name = bool(options["allow_unknown"])

    def target(name: str) -> Target:
        return _target(name, readers, any_name)

    if options["state"] == "absent":
        for name in ("prepend", "append", "remove", "final", "marks"):
            if options[name]:
                raise Refused("state: absent takes out the keys of settings; %s needs state: present." % name)
        absent = tuple(_target(str(name), readers, True) for name in options["settings"] or {})
        return Wish(None, (), absent, (), None, ())
    settings = [(target(str(name)), value) for name, value in (options["settings"] or {}).items()]
    final = options["final"]
    wish = Wish(
        None if any_name else known_names(readers),
        tuple((found, _value(found, value)) for found, value in settings),
        (),
        tuple(_lists(options, target)),
        None if final is None else tuple(target(str(name)) for name in final),
        tuple((target(str(name)), _marks(str(name), marks)) for name, marks in (options["marks"] or {}).items()),
    )
    _refuse_contradictions(wish)
    return wish


def _target(name: str, readers: Readers, any_name: bool) -> Target:
    top, dot, child = name.partition(".")
    written = name_for(top, readers)
    if written is None and not any_name:
        like = nearest(top, readers)
        hint = ": did you mean %s?" % like if like and not history_of(top) else "%s." % history_of(top)
        text = "%s has no setting %s%s Correct the name, or set allow_unknown: true to write it all the same."
        raise Refused(text % (str(readers)[0].upper() + str(readers)[1:], _told(top), hint))
    key = ALIASES.get(top, top)
    shape = shape_of(key, readers) or "?"
    if dot:
        if not child or shape[0] not in "M?":
            text = "%s: %s is no map, so it has no entry of that name: name the setting itself."
            raise Refused(text % (_told(name), top))
        shape = shape[1:] or "?"
    return Target(name, key, written or top, child if dot else None, shape)


def _value(target: Target, value: t.Any) -> t.Any:
    try:
        found = _typed(value, target.shape)
        read = read_value(node_of(found), target.shape, target.key)
        _check_writable(found)
        return read if target.shape == "e" else found
    except (ValueError, TypeError, OverflowError):
        what = "It is %s." % _told(value, target)
        if isinstance(value, float) and target.shape in ("t", "o"):
            what = "It is a number: put it in quotes."
        raise Refused("The setting %s takes %s. %s" % (_told(target.name), _kind(target), what)) from None


def _typed(value: t.Any, shape: str) -> t.Any:
    """A value of an option as one of the shape; Ansible gives text for many a boolean or number."""
    kind, inner = shape[0], shape[1:] or "?"
    if kind == "?":
        return value
    if kind == "L" and isinstance(value, (list, tuple)):
        return [_typed(item, inner) for item in value]
    if kind == "M" and isinstance(value, dict):
        return {str(key): _typed(item, inner) for key, item in value.items()}
    word = value.strip().lower() if isinstance(value, str) else value
    if kind == "n" and word in ("null", "none", None) or kind == "o" and value is None:
        return None
    if not isinstance(value, (bool, int, float, str)) or kind in "LM":
        raise ValueError
    return _SINGLE[kind](value)


def _text(value: t.Any) -> str:
    if isinstance(value, (bool, float)):
        raise ValueError
    return str(value)


def _boolean(value: t.Any) -> bool:
    word = value.strip().lower() if isinstance(value, str) else str(int(value)) if value in (0, 1) else ""
    if word not in _TRUE + _FALSE:
        raise ValueError
    return word in _TRUE


def _boolean_or(other: t.Callable[[t.Any], t.Any]) -> t.Callable[[t.Any], t.Any]:
    def read(value: t.Any) -> t.Any:
        is_one = isinstance(value, bool) or isinstance(value, str) and value.strip().lower() in _WORDS
        return _boolean(value) if is_one else other(value)

    return read


def _whole(value: t.Any) -> int:
    if isinstance(value, bool) or isinstance(value, float) and not value.is_integer():
        raise ValueError
    return int(value)


def _number(value: t.Any) -> float:
    if isinstance(value, bool):
        raise ValueError
    number = float(value)
    return int(number) if number.is_integer() else number


_SINGLE: t.Dict[str, t.Callable[[t.Any], t.Any]] = {
    "b": _boolean,
    "n": _boolean,
    "t": _text,
    "o": _text,
    "i": _whole,
    "f": _number,
    "e": lambda value: value,
    "s": _boolean_or(_text),
    "u": _boolean_or(_whole),
    "?": lambda value: value,
}


def _check_writable(value: t.Any) -> None:
    if isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            _check_writable(item)
        for key in value if isinstance(value, dict) else ():
            scalar(key)
    else:
        scalar(value)


def _lists(options: _Values, target: t.Callable[[str], Target]) -> t.Iterator[t.Tuple[Target, t.Any, t.Any, t.Any]]:
    """What is to be done to single values of lists: (target, to remove, to stand first, to stand last)."""
    given = [options[name] or {} for name in ("remove", "prepend", "append")]
    for name in dict.fromkeys(str(name) for values in given for name in values):
        found = target(name)
        if found.shape[0] not in "L?":
            raise Refused("%s is no list, but takes %s: set it with settings." % (_told(name), _kind(found)))
        whole = found._replace(shape="L?") if found.shape == "?" else found
        parts = [_value(whole, _as_list(values.get(name))) for values in given]
        every = [identity(item) for part in parts for item in part]
        if len(set(every)) < len(every):
            text = "A value of %s is named more than once in remove, prepend and append: name it in one of them."
            raise Refused(text % _told(name))
        yield (whole, parts[0], parts[1], parts[2])


def _as_list(value: t.Any) -> t.List[t.Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _marks(name: str, marks: t.Any) -> t.Dict[str, t.Optional[str]]:
    if not isinstance(marks, dict) or not set(map(str, marks.values())) <= {"top", "bottom", "none"}:
        text = "marks: %s takes a map of values of the list to top, bottom or none, such as {internal: top}."
        raise Refused(text % _told(name))
    return {str(item): None if mark == "none" else mark for item, mark in marks.items()}


def _refuse_contradictions(wish: Wish) -> None:
    asked = [target for target, _value in wish.settings] + [item[0] for item in wish.lists]
    seen: t.Dict[str, t.Set[t.Optional[str]]] = {}
    for target in asked:
        children = seen.setdefault(target.key, set())
        if target.child in children or None in children or target.child is None and children:
            text = (
                "%s is asked for twice, in settings and in another option, or under two of its names: ask for it once."
            )
            raise Refused(text % _told(target.name))
        children.add(target.child)


def _kind(target: Target) -> str:
    """What a setting takes, in words."""
    shape = target.shape
    if shape == "e":
        return "one of " + ", ".join(CHOICES[target.key].split())
    inner = [_KINDS.get(kind, "anything") for kind in shape[1:]]
    return " of ".join(
        [_KINDS.get(shape[0], "anything"), *(word[2:] + "s" if word in _MANY else word for word in inner)]
    )


def _told(value: t.Any, target: t.Optional[Target] = None) -> str:
    """A value as it may be shown in a message."""
    shown = clean({target.name: value})[target.name] if target is not None else clean(value)
    return on_one_line(str(shown)[:100])


__all__ = ("Target", "Wish", "wish_of")
