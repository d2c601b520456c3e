# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Whether what a host has sent could have been said by a module: a host that is not itself must not spoil a report."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._gates import SEVERITIES

_Map = dict[str, t.Any]

_OR_NULL = (str, type(None))
_FINDING: dict[str, t.Any] = {
    **dict.fromkeys(("rule", "severity", "subject", "evidence"), str),
    **dict.fromkeys(("item", "path", "environment", "owner", "remedy", "kind", "layer"), _OR_NULL),
    **dict.fromkeys(("details", "waiver"), (dict, type(None))),
}
_NEEDED = frozenset(key for key, kind in _FINDING.items() if kind is str)
# The other lists, and of which type what readers take from their entries is.
_LISTS: dict[str, dict[str, t.Any]] = {
    "installations": {
        "kind": str, **dict.fromkeys(("prefix", "version", "owner"), _OR_NULL),
        **dict.fromkeys(("versions", "solver"), (dict, type(None))),
    },
    "environments": dict.fromkeys(("prefix", "name", "owner"), _OR_NULL),
    "unreadable": {"path": str, "reason": str},
    "unjudged": {"rule": str, "subject": str, "reason": str},
}  # fmt: skip
_CONTENTS = ("containers", "images")


def check_sent(found: _Map, texts: dict[str, str]) -> None:
    """Check the result of a module in which its findings, installations and so on stand, if it has any.

    :param found: the result; equal texts of its findings become one and the same.
    :param texts: all texts of findings so far. Most hosts of a fleet have the same, of which one each is kept.
    :raises ValueError: no module says that; the text is one sentence.
    """
    for part in (found, *_maps(found, _CONTENTS[0]), *_maps(found, _CONTENTS[1])):
        for finding in _maps(part, "findings"):
            _check_finding(finding, texts)
        for key, shape in _LISTS.items():
            for item in _maps(part, key):
                if not all(isinstance(item.get(name), kind) for name, kind in shape.items()):
                    raise _unsound("an entry of %s" % key)
        numbers = part.get("coverage") or {}
        if not isinstance(numbers, dict) or not all(isinstance(number, int) for number in numbers.values()):
            raise _unsound("a coverage")
        if not isinstance(part.get("unreadable_count") or 0, int):
            raise _unsound("an unreadable_count")


def _maps(found: _Map, key: str) -> list[_Map]:
    items = found.get(key) or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _unsound("a list of %s" % key)
    return items


def _check_finding(finding: _Map, texts: dict[str, str]) -> None:
    sound = finding.keys() >= _NEEDED and finding["severity"] in SEVERITIES
    for key, value in finding.items():
        sound = sound and isinstance(value, _FINDING.get(key, object))
        if value.__class__ is str:  # and none to which ansible-core has added where it comes from
            finding[key] = texts.setdefault(value, value)
    if not sound:
        raise _unsound("a finding")


def _unsound(what: str) -> ValueError:
    return ValueError("The host has sent %s as no module does: look at what it runs as its Python." % what)


__all__ = ("check_sent",)
