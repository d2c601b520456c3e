# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Merges the layers of a policy into the one form that hosts are judged by, and knows which layer said what."""

from __future__ import annotations

import datetime
import fnmatch
import functools
import json
import typing as t
from collections.abc import Collection, Mapping

from ansible_collections.labfleet.conda.plugins.plugin_utils import _policy_keys as policy_keys
from ansible_collections.labfleet.conda.plugins.plugin_utils._policy_check import check_layer
from ansible_collections.labfleet.conda.plugins.plugin_utils._policy_words import plain
from ansible_collections.labfleet.conda.plugins.plugin_utils._rule_texts import rule_texts

if t.TYPE_CHECKING:
    from ansible_collections.labfleet.conda.plugins.plugin_utils._policy_check import Layer, Leaf

DEFAULT = "default"


class PolicyError(Exception):
    """A policy that is not understood.

    :ivar problems: everything that is wrong with it, each with the layer and the exact place; the text is these lines.
    """

    def __init__(self, problems: t.Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


def merge_layers(layers: t.Mapping[str, t.Any], known_rules: Collection[str] | None = None) -> dict[str, t.Any]:
    """Merge the layers of a policy; a higher layer replaces what a lower one says, unless that has locked it.

    :param layers: the layers C(base), C(platform) and C(user), as far as there are any, as YAML or Ansible gives them.
    :param known_rules: the ids of all rules; where they are given, a layer may name no other.
    :returns: C(values), nested, with all keys; C(layers), for each dotted key the layer that set it; C(waivers) of all
        layers, each with its C(layer); C(violations), one for each key that a layer set although it is locked. Plain
        types throughout, ready for JSON.
    :raises PolicyError: with everything that is wrong in all layers.
    """
    merged = _Merged()
    for name, layer in _checked(layers, known_rules):
        merged.add(name, layer)
    return {
        "values": merged.nested(),
        "layers": merged.origins,
        "waivers": merged.waivers,
        "violations": merged.violations,
    }


@functools.lru_cache(maxsize=1)
def known_rules() -> frozenset[str]:
    """The ids of all rules of the audit."""
    return frozenset(rule_texts())


def _checked(layers: t.Any, known_rules: Collection[str] | None) -> list[tuple[str, Layer]]:
    """All layers, lowest first."""
    if not isinstance(layers, Mapping):
        raise PolicyError(["policy: a map from layer to policy was expected, with the layers %s." % _names()])
    if not layers:
        return []
    problems = [
        "policy: there is no layer %s. The layers are %s." % (json.dumps(plain(name), default=str), _names())
        for name in layers
        if name not in policy_keys.LAYERS
    ]
    rules = None if known_rules is None else frozenset(known_rules)
    found = [(name, check_layer(name, layers[name], rules, problems)) for name in policy_keys.LAYERS if name in layers]
    if problems:
        raise PolicyError(problems)
    return found


def _names() -> str:
    return ", ".join(policy_keys.LAYERS)


class _Merged:
    """The layers that were added so far, as one."""

    def __init__(self) -> None:
        self._values: dict[Leaf, t.Any] = dict(_default_leaves())
        self._locks: dict[str, str] = {}
        self.origins = {".".join(leaf): DEFAULT for leaf in self._values}
        self.waivers: list[dict[str, t.Any]] = []
        self.violations: list[dict[str, t.Any]] = []

    def add(self, name: str, layer: Layer) -> None:
        """Put a layer on top. What it locks counts for the layers that are added later."""
        for leaf, value in layer.values.items():
            key = ".".join(leaf)
            locker = self._locker(key)
            if locker is None:
                self._values[leaf] = value
                self.origins[key] = name
            elif not _alike(self._values.get(leaf), value):
                self.violations.append({"key": key, "layer": name, "locked_by": locker, "wanted": value})
        locker = self._locker("waivers")
        if locker is None:
            self.waivers += [{**waiver, "layer": name} for waiver in layer.waivers]
        elif layer.waivers:
            self.violations.append({"key": "waivers", "layer": name, "locked_by": locker, "wanted": layer.waivers})
        for lock in layer.locked:
            self._locks.setdefault(lock, name)

    def _locker(self, key: str) -> str | None:
        """The lowest layer that has locked a key, what it stands in, or, of a setting that is a map, what is in it."""
        return next((layer for lock, layer in self._locks.items() if _covers(lock, key)), None)

    def nested(self) -> dict[str, t.Any]:
        """All values as nested maps; entries that ask for nothing are left out."""
        values: dict[str, t.Any] = {}
        for key in policy_keys.KEYS:
            *above, last = key.name.split(".")
            place = values
            for part in above:
                place = place.setdefault(part, {})
            place[last] = {} if key.kind in policy_keys.MAPS else self._values[(key.name,)]
            for leaf in self._values:
                if leaf[0] == key.name and len(leaf) > 1 and not _asks_nothing(self._values[leaf], key.kind):
                    place[last][leaf[1]] = self._values[leaf]
        return values


def _covers(lock: str, key: str) -> bool:
    if key == lock or key.startswith(lock + "."):
        return True
    # condarc's "plugins.x" can also be set as "plugins" with a map that has x
    return key.startswith("settings.required.") and lock.startswith(key + ".")


def _default_leaves() -> t.Iterator[tuple[Leaf, t.Any]]:
    for key in policy_keys.KEYS:
        if key.kind in policy_keys.MAPS:
            yield from (((key.name, entry), value) for entry, value in key.default.items())
        else:
            yield (key.name,), plain(key.default)


def _asks_nothing(value: t.Any, kind: str) -> bool:
    """Whether an entry of a map only takes back what a lower layer says."""
    return value is None or (kind == policy_keys.RULES and value == policy_keys.ON)


def _alike(one: t.Any, other: t.Any) -> bool:
    """Whether a layer that sets a locked key sets it to what it is anyway; 1 and true are not alike."""
    texts = [json.dumps(None if value == policy_keys.ON else value, sort_keys=True) for value in (one, other)]
    return texts[0] == texts[1]


def expired_waivers(merged: t.Mapping[str, t.Any], today: datetime.date) -> list[dict[str, t.Any]]:
    """The waivers of a merged policy whose last day is over."""
    return [waiver for waiver in merged["waivers"] if datetime.date.fromisoformat(waiver["expires"]) < today]


def for_host(merged: t.Mapping[str, t.Any], host_name: str, group_names: t.Iterable[str]) -> dict[str, t.Any]:
    """The merged policy with only those waivers that are meant for a host.

    :param host_name: its name in the inventory.
    :param group_names: the groups that it is in.
    """
    names = [host_name, *group_names]
    return {**merged, "waivers": [waiver for waiver in merged["waivers"] if _is_for(waiver, names)]}


def _is_for(waiver: t.Mapping[str, t.Any], names: t.Sequence[str]) -> bool:
    patterns = waiver.get("hosts")
    return patterns is None or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns for name in names)


__all__ = ("DEFAULT", "PolicyError", "expired_waivers", "for_host", "known_rules", "merge_layers")
