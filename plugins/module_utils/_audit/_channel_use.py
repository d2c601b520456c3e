# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Which channels are in use: those that settings name, followed to where they lead, and those that packages are from.

Where a name leads is what conda 26.7.1 does with it (conda/base/context.py, conda/models/channel.py).
"""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._context import Audit
from ansible_collections.labfleet.conda.plugins.module_utils._audit._facts import (
    is_conda,
    is_unset,
    origin_of,
    setting_of,
    shown,
    version,
)
from ansible_collections.labfleet.conda.plugins.module_utils._discover._configuration import Configuration
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._spec._channel_places import (
    DEFAULT_ALIAS,
    DEFAULTS,
    MAX_CHANNELS,
    ChannelList,
    Names,
    Place,
    place_of,
    texts_in,
)

MAX_ORIGINS = 500
# What stands where a channel does and is none: conda-build's own, and the word that takes defaults out of a list.
_NO_CHANNELS = ("local", "nodefaults")
_NO_ORIGINS = ("pypi", "<unknown>", "<develop>")
_SAMPLES = 3


class Use(t.NamedTuple):
    """One channel that settings name.

    :param text: as it is written; C(defaults) where it is in force because nothing is written.
    :param places: where it leads: several for a name that stands for a list.
    :param origin: the file or variable that names it; None where nothing does.
    """

    text: str
    places: t.Tuple[Place, ...]
    origin: t.Optional[str]


class Origin(t.NamedTuple):
    """A channel that packages of an environment are from: their number, and the names of the first of them."""

    place: Place
    count: int
    packages: t.Tuple[str, ...]

    def in_words(self) -> str:
        """Number and names."""
        names = ", ".join(map(shown, self.packages[:3])) + (", ..." if self.count > 3 else "")
        return "%d %s (%s)" % (self.count, "package" if self.count == 1 else "packages", names)


def names_of(configuration: Configuration, audit: Audit) -> Names:
    """Where names lead under a configuration."""

    def make() -> Names:
        values = {key: setting.value for key, setting in configuration.settings.items() if setting.problem is None}
        return Names(values, is_conda=is_conda(configuration))

    return audit.memo(("names", configuration.installation.prefix, configuration.user), make)


def known_place(url: str, audit: Audit) -> t.Optional[Place]:
    """place_of(), kept: the same few URLs come again and again."""
    return audit.memo(("place", url), functools.partial(place_of, url))


def configured(configuration: Configuration, audit: Audit) -> t.List[Use]:
    """The channels in force under a configuration, in their order."""
    key = ("configured", configuration.installation.prefix, configuration.user)
    return audit.memo(key, lambda: list(_configured(configuration, audit)))


def _configured(configuration: Configuration, audit: Audit) -> t.Iterator[Use]:
    setting = setting_of(configuration, "channels", audit)
    texts = [] if setting is None else list(texts_in(setting.value))
    names = names_of(configuration, audit)
    if len(texts) > MAX_CHANNELS and setting is not None:
        reason = "it names %d channels, of which only %d were looked at"
        audit.unknown(setting.source, reason % (len(texts), MAX_CHANNELS))
    for text in texts[:MAX_CHANNELS]:
        if text not in _NO_CHANNELS and setting is not None:
            origin = origin_of(setting, "channels", text, audit)
            yield Use(text, _places(names, text, audit), _who_decides(configuration, names, text, origin))
    if not texts and _has_implicit_defaults(configuration, audit):
        yield Use("defaults", _places(names, "defaults", audit), _who_decides(configuration, names, "defaults", None))


def _who_decides(configuration: Configuration, names: Names, text: str, origin: t.Optional[str]) -> t.Optional[str]:
    """Who it is due to that a channel is what it is: who names it, or who says, with more weight, where it leads.

    So nobody can have another's file blamed for what they make of a name in it.
    """
    found = [origin]
    for key in names.setters(text):
        setting = configuration.settings.get(key)
        if setting is not None and setting.problem is None:
            found.append(setting.source)
    return max(found, key=lambda path: _weight(configuration, path))


def _weight(configuration: Configuration, origin: t.Optional[str]) -> int:
    """How late a file is read; a variable counts more than all files, and what nothing sets less."""
    if origin is None:
        return -1
    return configuration.files.index(origin) if origin in configuration.files else len(configuration.files)


def _has_implicit_defaults(configuration: Configuration, audit: Audit) -> bool:
    """Whether defaults is in force because nothing is said; conda does so before 25.9 (CHANGELOG 25.9.0)."""
    setting = configuration.settings.get("channels")
    known = version(configuration.installation.versions.get("conda"))
    older = known is not None and known < t.cast(t.Any, version("25.9"))
    if not is_conda(configuration) or (known is not None and not older):
        return False
    if setting is not None:
        return older and setting.problem is None
    if not is_unset(configuration, "channels", audit):
        return False
    if known is None:
        reason = "whether it uses defaults when no channel is set depends on its version, which is not known"
        audit.unknown(configuration.installation.prefix or "/", reason)
    return older


def _places(names: Names, text: str, audit: Audit) -> t.Tuple[Place, ...]:
    found = [known_place(url, audit) for url in names.urls(text)]
    return tuple(place for place in found if place is not None)


def origins(environment: Environment, audit: Audit) -> t.List[Origin]:
    """The channels that the packages of an environment are from, by their place."""
    return audit.memo(("origins", environment.prefix), lambda: _origins(environment, audit))


def _origins(environment: Environment, audit: Audit) -> t.List[Origin]:
    counts: t.Dict[str, t.List[str]] = {}
    nameless = 0
    for record in audit.records(environment):
        source = record.url.rpartition("/")[0] if record.url else record.channel
        if source is None:
            nameless += 1
        elif source == "defaults" or source.startswith("defaults/"):
            counts.setdefault(DEFAULTS[0], []).append(record.name)  # which of them it was, nothing tells
        elif source not in _NO_ORIGINS:
            counts.setdefault(source, []).append(record.name)
    if nameless:
        audit.unknown(environment.prefix, "%d of its records name no channel" % nameless)
    if len(counts) > MAX_ORIGINS:
        reason = "its packages are from %d channels, of which only %d were looked at"
        audit.unknown(environment.prefix, reason % (len(counts), MAX_ORIGINS))
    found: t.Dict[t.Tuple[str, str], Origin] = {}
    for source in sorted(counts)[:MAX_ORIGINS]:
        place, names = known_place(source, audit), counts[source]
        if place is None:
            continue
        known = found.get(place[:2], Origin(place, 0, ()))
        samples = (known.packages + tuple(names[:_SAMPLES]))[:_SAMPLES]
        found[place[:2]] = Origin(place, known.count + len(names), samples)
    return [origin for _key, origin in sorted(found.items(), key=lambda item: (item[0][1], item[0][0]))]


def policy_list(key: str, audit: Audit, default: t.Sequence[str] = ()) -> ChannelList:
    """The channels that a key of the policy lists."""
    return audit.memo(("channels", key), lambda: ChannelList(audit.policy.get(key, default)))


__all__ = (
    "DEFAULT_ALIAS",
    "ChannelList",
    "Names",
    "Origin",
    "Place",
    "Use",
    "configured",
    "known_place",
    "names_of",
    "origins",
    "place_of",
    "policy_list",
)
