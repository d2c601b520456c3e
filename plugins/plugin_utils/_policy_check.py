# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Checks one layer of a policy against the list of keys, and tells everything that is wrong with it at once."""

from __future__ import annotations

import datetime
import fnmatch
import math
import re
import typing as t
from collections.abc import Collection

from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import InvalidVersion, parse_version
from ansible_collections.labfleet.conda.plugins.plugin_utils import _policy_keys as policy_keys
from ansible_collections.labfleet.conda.plugins.plugin_utils import _policy_schema as schema
from ansible_collections.labfleet.conda.plugins.plugin_utils._gates import SEVERITIES
from ansible_collections.labfleet.conda.plugins.plugin_utils._policy_words import brief, described, nearest, plain
from ansible_collections.labfleet.conda.plugins.plugin_utils._table import plain_text

# A key, or a key and the name of an entry where the key holds a map. An entry's name may have dots.
Leaf = tuple[str, ...]
_KEYS = {key.name: key for key in policy_keys.KEYS}
_SECTIONS = {name for name in schema.sections() if name not in _KEYS}
_WRONG = object()


class Layer(t.NamedTuple):
    """What one layer says, in plain types."""

    values: dict[Leaf, t.Any]
    locked: list[str]
    waivers: list[dict[str, t.Any]]


def check_layer(name: str, layer: t.Any, known_rules: Collection[str] | None, problems: list[str]) -> Layer:
    """Check a layer.

    :param name: the name of the layer, for the messages.
    :param layer: a map as it comes from YAML or from Ansible; None is an empty one.
    :param known_rules: the ids of all rules; None where they are not known, and any id is taken.
    :param problems: gets one sentence or two for each thing that is wrong.
    :returns: what could be understood; to be used only when nothing was wrong.
    """
    check = _Check("policy layer %s: " % name, known_rules, problems)
    check.layer(plain({} if layer is None else layer))
    return check.found


class _Check:
    """The state of the check of one layer."""

    def __init__(self, head: str, known_rules: Collection[str] | None, problems: list[str]) -> None:
        self.found = Layer({}, [], [])
        self._head = head
        self._rules = known_rules
        self._problems = problems

    # ---- what is told

    def _tell(self, place: str, what: str, advice: str = "") -> t.Any:
        place = plain_text(place) + ": " if place else ""
        self._problems.append(self._head + place + what + "." + (" " + advice if advice else ""))
        return _WRONG

    def _expected(self, place: str, wanted: str, value: t.Any, advice: str) -> t.Any:
        return self._tell(place, "%s was expected, this is %s" % (wanted, described(value)), advice)

    def _not_a_map(self, place: str, value: t.Any) -> bool:
        if isinstance(value, dict):
            return False
        advice = (
            "Leave the key out, or write {}." if value is None else "Write the names below it, each with its value."
        )
        self._expected(place, "a map", value, advice)
        return True

    # ---- the layer as a whole

    def layer(self, layer: t.Any) -> None:
        if self._not_a_map("", layer):
            return
        top = [*schema.sections(), "locked", "waivers"]
        for name, value in layer.items():
            if name == "locked":
                self._locked(value)
            elif name == "waivers":
                self._waivers(value)
            elif name in top and name in _KEYS:
                self._key(_KEYS[name], value)
            elif name in _SECTIONS:
                self._section(name, value)
            else:
                self._unknown_key("", name, top)

    def _section(self, section: str, value: t.Any) -> None:
        if self._not_a_map(section, value):
            return
        names = [key.partition(".")[2] for key in _KEYS if key.startswith(section + ".")]
        for name, item in value.items():
            if name in names:
                self._key(_KEYS["%s.%s" % (section, name)], item)
            else:
                self._unknown_key(section + ".", name, names)

    def _unknown_key(self, above: str, name: t.Any, names: t.Sequence[str]) -> None:
        if not isinstance(name, str):
            self._tell(above + brief(name), "the name of a key was expected, this is %s" % described(name))
            return
        near = nearest(name, names)
        elsewhere = [key for key in _KEYS if key.rpartition(".")[2] == name]
        if name in _KEYS and not above:
            advice = 'Write "%s:", and "%s:" below it.' % tuple(name.split("."))
        elif near or elsewhere:
            advice = "Did you mean %s?" % (above + near if near else elsewhere[0])
        else:
            advice = "The keys here are: %s." % ", ".join(sorted(names))
        self._tell(above + name, "there is no such key", advice)

    # ---- values

    def _key(self, key: policy_keys.Key, value: t.Any) -> None:
        if key.kind in policy_keys.MAPS:
            self._map(key, value)
        elif value is None and key.nullable:
            self.found.values[(key.name,)] = None
        else:
            checked = self._value(key.name, key, value)
            if checked is not _WRONG:
                self.found.values[(key.name,)] = checked

    def _map(self, key: policy_keys.Key, value: t.Any) -> None:
        if self._not_a_map(key.name, value):
            return
        for name, item in value.items():
            place = "%s.%s" % (key.name, name if isinstance(name, str) else brief(name))
            if not self._entry_name(place, key.kind, name):
                continue
            if key.kind == policy_keys.VERSIONS:
                checked = None if item is None else self._version(place, item)
            elif key.kind == policy_keys.RULES:
                checked = self._severity(place, item)
            else:
                checked = self._setting(place, item)
            if checked is not _WRONG:
                self.found.values[(key.name, name)] = checked

    def _entry_name(self, place: str, kind: str, name: t.Any) -> bool:
        """Whether an entry of a map may have this name."""
        if not isinstance(name, str):
            self._tell(place, "a name was expected, this is %s" % described(name), "Write it in quotes.")
        elif kind == policy_keys.VERSIONS and name not in policy_keys.TOOLS:
            near = nearest(name, policy_keys.TOOLS)
            hint = "Did you mean %s?" % near if near else "The tools are: %s." % ", ".join(policy_keys.TOOLS)
            self._tell(place, "there is no such tool", hint)
        elif kind == policy_keys.SETTINGS and not re.search(policy_keys.SETTING_PATTERN, name):
            self._tell(place, "this is no key of a condarc file", "Write it as conda does, such as channel_priority.")
        elif kind == policy_keys.RULES and not self._is_rule(name):
            self._tell(place, "there is no such rule", self._rule_hint(name))
        else:
            return True
        return False

    def _is_rule(self, name: str) -> bool:
        return bool(re.search(policy_keys.RULE_PATTERN, name)) if self._rules is None else name in self._rules

    def _rule_hint(self, name: str) -> str:
        near = nearest(name, self._rules or ())
        return "Did you mean %s?" % near if near else "The page of the rules lists all of them."

    def _value(self, place: str, key: policy_keys.Key, value: t.Any) -> t.Any:
        if value is None:
            return self._tell(place, "it has no value (null)", "Leave the key out to keep what the lower layers say.")
        if key.kind == policy_keys.BOOLEAN:
            advice = "Write true or false, without quotes; after a template add the filter bool."
            return value if isinstance(value, bool) else self._expected(place, "true or false", value, advice)
        if key.kind == policy_keys.TEXT:
            return self._text(place, value)
        if key.kind in (policy_keys.TEXTS, policy_keys.PATHS):
            return self._texts(place, value, key.kind == policy_keys.PATHS)
        if key.kind == policy_keys.VERSION:
            return self._version(place, value)
        if key.kind in (policy_keys.NUMBER, policy_keys.WHOLE):
            return self._number(place, key, value)
        if isinstance(value, str) and value in key.choices:
            return value
        near = nearest(value, key.choices)
        hint = "Did you mean %s?" % near if near else "Write one of: %s." % ", ".join(_words(key))
        return self._expected(place, "one of %s" % ", ".join(_words(key)), value, hint)

    def _text(self, place: str, value: t.Any) -> t.Any:
        if isinstance(value, str):
            return value if value.strip() else self._tell(place, "the text is empty", "Write one, or take it out.")
        if isinstance(value, bool):
            advice = "Write it in quotes: YAML reads yes, no, on and off as booleans."
        elif isinstance(value, (int, float)):
            advice = 'Write "%s", in quotes.' % (value,)
        else:
            advice = "Write one text."
        return self._expected(place, "a text", value, advice)

    def _texts(self, place: str, value: t.Any, paths: bool = False) -> t.Any:
        if not isinstance(value, list):
            advice = "Write [%s]." % brief(value) if isinstance(value, str) else "Write a list."
            return self._expected(place, "a list of texts", value, advice)
        checked = [self._text("%s[%d]" % (place, index), item) for index, item in enumerate(value)]
        for index, item in enumerate(checked):
            if paths and item is not _WRONG and not item.startswith("/"):
                checked[index] = self._expected("%s[%d]" % (place, index), "an absolute path", item, "Begin it with /.")
        return _WRONG if _WRONG in checked else checked

    def _version(self, place: str, value: t.Any) -> t.Any:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            advice = 'Write "%s", in quotes: without them YAML reads 26.10 as the number 26.1.' % (value,)
            return self._expected(place, "a version as text", value, advice)
        try:
            good = isinstance(value, str) and re.search(policy_keys.VERSION_PATTERN, value) and parse_version(value)
        except InvalidVersion:
            good = None
        advice = 'Write one version such as "26.5.2", without an operator.'
        return value if good else self._expected(place, "a version", value, advice)

    def _number(self, place: str, key: policy_keys.Key, value: t.Any) -> t.Any:
        whole = key.kind == policy_keys.WHOLE
        wanted = "a whole number" if whole else "a number"
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            return self._expected(place, wanted, value, "Write it without quotes.")
        if not math.isfinite(value) or value < (key.minimum or 0):
            return self._expected(place, "%s of at least %s" % (wanted, key.minimum), value, "")
        return value

    def _severity(self, place: str, value: t.Any) -> t.Any:
        if isinstance(value, bool):
            return policy_keys.ON if value else policy_keys.OFF
        words = (policy_keys.OFF, policy_keys.ON, *SEVERITIES)
        if isinstance(value, str) and value in words:
            return value
        near = nearest(value, words)
        return self._expected(
            place,
            "a severity, off or on",
            value,
            "Did you mean %s?" % near if near else "Write one of: %s." % ", ".join(words),
        )

    def _setting(self, place: str, value: t.Any) -> t.Any:
        """Any value that a condarc file may hold."""
        if isinstance(value, list):
            checked = [self._setting("%s[%d]" % (place, index), item) for index, item in enumerate(value)]
            return _WRONG if _WRONG in checked else checked
        if isinstance(value, dict):
            items = {name: self._setting("%s.%s" % (place, name), item) for name, item in value.items()}
            wrong = [name for name in items if not isinstance(name, str)]
            if wrong:
                return self._tell(place, "a name was expected, this is %s" % described(wrong[0]), "Write it in quotes.")
            return _WRONG if _WRONG in items.values() else items
        if value is None or isinstance(value, (str, bool, int)) or (isinstance(value, float) and math.isfinite(value)):
            return value
        return self._expected(place, "a value that a condarc file can hold", value, "Write it in quotes.")

    # ---- locks and waivers

    def _locked(self, value: t.Any) -> None:
        checked = self._texts("locked", value)
        for index, name in enumerate(() if checked is _WRONG else checked):
            if self._is_lockable(name):
                self.found.locked.append(name)
                continue
            near = nearest(name, [*schema.lockable(), *("rules." + rule for rule in self._rules or ())])
            advice = "Did you mean %s?" % near if near else "Name a key such as channels.denied, or the waivers."
            self._tell("locked[%d]" % index, "there is no key %s to lock" % brief(name), advice)

    def _is_lockable(self, name: str) -> bool:
        if name in schema.lockable():
            return True
        if name.startswith("settings.required."):
            return bool(re.search(policy_keys.SETTING_PATTERN, name[len("settings.required.") :]))
        if not name.startswith("rules."):
            return False
        rule = name[len("rules.") :]
        if self._rules is None:
            return self._is_rule(rule)
        return any((known + ".").startswith(rule + ".") for known in self._rules)

    def _waivers(self, value: t.Any) -> None:
        if not isinstance(value, list):
            self._expected("waivers", "a list of waivers", value, "Begin each waiver with a dash.")
            return
        for index, waiver in enumerate(value):
            place = "waivers[%d]" % index
            if self._not_a_map(place, waiver):
                continue
            checked = self._waiver(place, waiver)
            if _WRONG not in checked.values():
                self.found.waivers.append(checked)

    def _waiver(self, place: str, waiver: dict[t.Any, t.Any]) -> dict[str, t.Any]:
        fields = {field.name: field for field in policy_keys.WAIVER}
        checked: dict[str, t.Any] = {}
        for name in waiver:
            if name not in fields:
                self._unknown_key(place + ".", name, list(fields))
                checked["unknown"] = _WRONG
        for field in policy_keys.WAIVER:
            inside = "%s.%s" % (place, field.name)
            if field.name not in waiver:
                if field.required:
                    advice = "Add it: %s" % field.text[0].lower() + schema.bare(field.text[1:])
                    checked[field.name] = self._tell(place, "the waiver has no %s" % field.name, advice)
            elif field.kind == policy_keys.TEXT:
                checked[field.name] = self._text(inside, waiver[field.name])
            elif field.kind == policy_keys.TEXTS:
                checked[field.name] = self._patterns(inside, waiver[field.name])
            else:
                checked[field.name] = self._date(inside, waiver[field.name])
        rule = checked.get("rule")
        if isinstance(rule, str) and self._rules is not None and not fnmatch.filter(self._rules, rule):
            checked["rule"] = self._tell(place + ".rule", "no rule is called %s" % brief(rule), self._rule_hint(rule))
        return checked

    def _patterns(self, place: str, value: t.Any) -> t.Any:
        if value == []:
            return self._tell(place, "the list is empty", "Leave the field out for all hosts.")
        return self._texts(place, value)

    def _date(self, place: str, value: t.Any) -> t.Any:
        # YAML reads an unquoted day as a date, and one with a time as its subclass.
        if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
            return value.isoformat()
        try:
            if isinstance(value, str) and re.search(policy_keys.DATE_PATTERN, value):
                return datetime.date.fromisoformat(value).isoformat()
        except ValueError:
            pass
        return self._expected(place, "a day", value, "Write the last day that counts, such as 2026-12-31.")


def _words(key: policy_keys.Key) -> list[str]:
    return [*key.choices, "null"] if key.nullable else list(key.choices)


__all__ = ("Layer", "Leaf", "check_layer")
