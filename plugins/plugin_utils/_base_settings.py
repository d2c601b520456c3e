# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Which settings a base prefix has to have by the policy, and which lines of other files stand in the way."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._spec._channel_places import ChannelList, Names, place_of

_Map = t.Mapping[str, t.Any]
_YES, _NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
SYSTEM = "/etc/conda/"
# conda before 4.6 knows no strict priority: true is its flexible.
_OLD_PRIORITIES = {"strict": True, "flexible": True, "disabled": False}


class Locks:
    """What the layers of a policy lock."""

    def __init__(self, names: t.Iterable[str]) -> None:
        self._names = list(names)

    def cover(self, key: str) -> bool:
        """Whether a lock holds a key, or what it stands in."""
        required = key.startswith("settings.required.")
        return any(
            key == lock or key.startswith(lock + ".") or (required and lock.startswith(key + "."))
            for lock in self._names
        )


class Settings(t.NamedTuple):
    """What is to be in the file of the role, and what is to go elsewhere.

    :param values: the settings; final: those of them that no later file may override.
    :param take_out: the keys to take out of other files, each with C(path) and C(settings).
    :param remove_channels: the channels to take out of other files, each with C(path) and C(channels).
    :param moves_channels: the channels in use that the policy does not want, each with the reason.
    :param channels: what packages are to be taken from, where that is not what is configured.
    :param problems: sentences on what contradicts itself.
    """

    values: dict[str, t.Any]
    final: list[str]
    take_out: list[dict[str, t.Any]]
    remove_channels: list[dict[str, t.Any]]
    moves_channels: list[str]
    channels: list[str]
    problems: list[str]


class Given(t.NamedTuple):
    """What the variables of the role say of the settings, and what is known of the conda that reads them.

    :param replaces_licensed: whether channels that need a licence are to go.
    :param has_old_priority: whether conda is older than 4.6.
    :param has_implicit_defaults: whether it uses defaults where no channel is set.
    """

    channels: t.Sequence[str] = ()
    channel_alias: str | None = None
    default_channels: t.Sequence[str] = ()
    replaces_licensed: bool = False
    has_old_priority: bool = False
    has_implicit_defaults: bool = False


def plan_settings(configuration: _Map, policy: _Map, locks: Locks, given: Given, dropin: str) -> Settings:
    """The settings of a base prefix, by the policy.

    :param configuration: that of conda_info for users without files of their own.
    :param policy: the values of the merged policy.
    :param dropin: the file of the role.
    """
    return _Settings(configuration, policy, locks, given, dropin).plan()


class _Settings:
    def __init__(self, configuration: _Map, policy: _Map, locks: Locks, given: Given, dropin: str) -> None:
        self._files = [path for path in configuration["files"] if path != dropin]
        self._there: dict[str, _Map] = dict(configuration["settings"])
        self._policy, self._locks, self._given, self._dropin = policy, locks, given, dropin
        self._values: dict[str, t.Any] = dict(policy["settings"]["required"])
        self._told: dict[str, t.Any] = {}  # as conda_info tells them where that is another value
        self._remove: list[dict[str, t.Any]] = []
        self._moves: list[str] = []
        self._left: list[str] = []
        self._problems: list[str] = []

    def plan(self) -> Settings:
        self._priority()
        self._single("solver", self._policy["solver"]["wanted"], "solver.wanted")
        if self._policy["solver"]["wanted"] is not None:
            self._values.pop("solver", None)  # it has a step of its own, after its package
        self._single("channel_alias", self._given.channel_alias, "base_channel_alias")
        self._channels()
        final, moves = self._final(), sorted(set(self._moves))
        values = {name: value for name, value in self._values.items() if name in final or not self._holds(name, value)}
        return Settings(values, final, self._take_out(), self._remove, moves, self._left, self._problems)

    def _single(self, key: str, value: t.Any, source: str) -> None:
        """Ask for a value, where nothing else does for another one."""
        if value is None or value == []:
            return
        if key in self._values and not _alike(value, self._values[key]):
            text = "settings.required.%s of the policy is %s, and %s is %s: let both be the same, or drop one of them."
            self._problems.append(text % (key, self._values[key], source, value))
        self._values[key] = value

    def _priority(self) -> None:
        wanted = self._policy["channels"]["priority"]
        self._single("channel_priority", wanted, "channels.priority")
        if wanted is not None and self._given.has_old_priority:
            self._values["channel_priority"] = _OLD_PRIORITIES[wanted]
            self._told["channel_priority"] = "disabled" if wanted == "disabled" else "flexible"

    def _channels(self) -> None:
        self._single("channels", list(self._given.channels), "base_channels")
        self._single("default_channels", list(self._given.default_channels), "base_default_channels")
        names = self._names()
        asked = self._values.get("channels")
        for text in asked or ():
            for reason in self._reasons(text, names):
                wording = "The channel %s is asked for, and the policy does not want it (%s): name another one."
                self._problems.append(wording % (text, reason))
        setting = self._there.get("channels") or {}
        there = [text for text in setting.get("value") or () if isinstance(text, str)]
        used = there or (["defaults"] if self._given.has_implicit_defaults else [])
        bad = [text for text in used if self._reasons(text, names)]
        self._moves += ["%s: %s" % (text, ", ".join(self._reasons(text, names))) for text in bad]
        if asked is None and bad:
            self._without(bad, used, setting)
        if bad or list(self._values.get("channels") or there) != there:
            self._left = list(self._values.get("channels") or [text for text in used if text not in bad])
        self._defaults(used, bad)

    def _names(self) -> Names:
        """Where names of channels lead once the settings hold."""
        values = {key: setting["value"] for key, setting in self._there.items() if setting["problem"] is None}
        return Names({**values, **self._values}, is_conda=True)

    def _reasons(self, text: str, names: Names) -> list[str]:
        """Why the policy does not want a channel; nothing where it does."""
        rules, found = self._policy["channels"], []
        allowed = ChannelList(rules["allowed"])
        places = [place for place in map(place_of, names.urls(text)) if place is not None]
        if text in ("local", "nodefaults"):
            return []
        for place in places:
            if ChannelList(rules["denied"]).has(place):
                found.append("channels.denied")
            if allowed and not allowed.has(place):
                found.append("not in channels.allowed")
            if self._given.replaces_licensed and ChannelList(rules["licensed"]).has(place):
                found.append("channels.licensed")
        return sorted(set(found))

    def _without(self, bad: t.Sequence[str], used: t.Sequence[str], setting: _Map) -> None:
        """Take channels out of the files that name them."""
        paths = [*setting.get("sources", ()), *setting.get("ignored", ())]
        self._remove = [{"path": path, "channels": list(bad)} for path in paths]
        if [text for text in used if text not in bad]:
            return
        usable = [text for text in self._policy["channels"]["allowed"] if "*" not in text]
        if usable:
            self._values["channels"] = usable
        else:
            text = "No channel is left without %s, which the policy does not want: name those to use in base_channels."
            self._problems.append(text % ", ".join(bad))

    def _defaults(self, used: t.Sequence[str], bad: t.Sequence[str]) -> None:
        """Let the name defaults, which files of users can hold, stand for channels that are wanted."""
        if "default_channels" in self._values or not self._given.replaces_licensed:
            return
        if self._reasons("defaults", self._names()):
            left = self._values.get("channels") or [text for text in used if text not in bad]
            left = [text for text in left if text != "defaults"]
            if left:
                self._values["default_channels"] = left

    def _final(self) -> list[str]:
        listed, found = self._policy["settings"]["final"], []
        keys = {"channels": "channels.allowed", "channel_priority": "channels.priority"}
        for name in self._values:
            locked = self._locks.cover("settings.required." + name) and name in self._policy["settings"]["required"]
            if locked or name in listed or (name in keys and self._locks.cover(keys[name])):
                found.append(name)
        for name in listed:
            there = self._there.get(name) or {}
            by_system = there.get("final") and str(there.get("source")).startswith(SYSTEM)
            held = name == "solver" and self._policy["solver"]["wanted"] is not None
            if name not in self._values and not held and not (by_system and there["source"] != self._dropin):
                text = "settings.final of the policy names %s, and nothing gives it a value: add settings.required.%s."
                self._problems.append(text % (name, name))
        return found

    def _in_force(self, name: str) -> t.Any:
        """The value of a setting, or of an entry of one that is a map; None where it has none."""
        key, _dot, rest = name.partition(".")
        setting = self._there.get(key) or {}
        value = setting.get("value")
        for part in rest.split(".") if rest else ():
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def _others(self, name: str) -> list[str]:
        """The other files that set it, as far as the host tells."""
        setting = self._there.get(name.partition(".")[0]) or {}
        return [path for path in [*setting.get("sources", ()), *setting.get("ignored", ())] if path != self._dropin]

    def _holds(self, name: str, value: t.Any) -> bool:
        """Whether it holds by other files alone."""
        setting = self._there.get(name.partition(".")[0]) or {}
        return (
            self._dropin not in [*setting.get("sources", ()), *setting.get("ignored", ())]
            and bool(self._others(name))
            and _alike(self._in_force(name), self._told.get(name, value))
        )

    def _take_out(self) -> list[dict[str, t.Any]]:
        """The keys that are to go elsewhere, since something else than what is wanted is in force by them."""
        wanted = {name: self._told.get(name, value) for name, value in self._values.items()}
        if self._policy["solver"]["wanted"] is not None:
            wanted["solver"] = self._policy["solver"]["wanted"]
        names = [
            name for name, value in wanted.items() if self._others(name) and not _alike(self._in_force(name), value)
        ]
        return [{"path": path, "settings": dict.fromkeys(names)} for path in self._files] if names else []


def _alike(actual: t.Any, wanted: t.Any) -> bool:
    """Whether a value in force is the one that is wanted; YAML has many words for true and false."""
    if isinstance(actual, bool) or isinstance(wanted, bool):
        words = [str(value).lower() for value in (actual, wanted)]
        return words[0] in _YES and words[1] in _YES or words[0] in _NO and words[1] in _NO
    if isinstance(actual, list) and isinstance(wanted, (list, tuple)):
        return list(map(str, actual)) == list(map(str, wanted))
    if isinstance(actual, dict) or isinstance(wanted, dict):
        return actual == wanted
    return str(actual) == str(wanted)


__all__ = ("SYSTEM", "Given", "Locks", "Settings", "plan_settings")
