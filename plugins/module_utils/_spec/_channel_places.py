# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Where the names of channels lead under some settings, and which channels a list of a policy means.

Where a name leads is what conda 26.7.1 does with it (conda/base/context.py, conda/models/channel.py).
"""

from __future__ import annotations

import fnmatch
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._spec._channel import has_scheme, parse_channel
from ansible_collections.labfleet.conda.plugins.module_utils._spec._pattern import SpecError
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import mask_text, on_one_line

MAX_CHANNELS = 1000
DEFAULT_ALIAS = "https://conda.anaconda.org"
DEFAULTS = ("pkgs/main", "pkgs/r")
_REPOSITORY = "https://repo.anaconda.com"
# repo.continuum.io is the old name of repo.anaconda.com.
_ANACONDA_ORG, _ANACONDA_COM, _CONTINUUM = "conda.anaconda.org/", "repo.anaconda.com/", "repo.continuum.io/"
_MAX_SHOWN = 300


class Place(t.NamedTuple):
    """Where a channel is.

    :param key: host and path, by which places are compared; a label is a part of it.
    :param name: as an operator calls it: C(conda-forge), C(pkgs/main), or its URL; fit to be shown.
    """

    scheme: str
    key: str
    name: str

    @property
    def channel(self) -> str:
        """The key of the channel that a label belongs to."""
        return self.key.partition("/label/")[0]


def place_of(url: str) -> t.Optional[Place]:
    """The place of a URL, or of a name as it is without any settings; None for a path that is known to nobody here."""
    try:
        channel = parse_channel(url)
    except SpecError:
        return None
    if channel.location is None or channel.scheme is None:
        return None
    base = t.cast(str, channel.base_url)
    key = base.split("://", 1)[1]
    if key.startswith(_CONTINUUM):
        key = _ANACONDA_COM + key[len(_CONTINUUM) :]
    elif key.startswith(_ANACONDA_ORG + "pkgs/"):
        key = _ANACONDA_COM + key[len(_ANACONDA_ORG) :]
    name = base
    for host in (_ANACONDA_ORG, _ANACONDA_COM):
        if key.startswith(host):
            name = key[len(host) :]
    return Place(channel.scheme, key, _shown(name))


def _shown(name: str) -> str:
    text = mask_text(on_one_line(name))
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."


class Names:
    """Where the names of channels lead under some settings.

    :param settings: the value of each setting; those without a value, or of a wrong kind, count as not set.
    :param is_conda: mamba knows mirrors of channels, conda does not.
    """

    def __init__(self, settings: t.Mapping[str, t.Any], *, is_conda: bool) -> None:
        self._setter: t.Dict[str, str] = {}
        alias = settings.get("channel_alias")
        self._alias = (alias if isinstance(alias, str) and alias else DEFAULT_ALIAS).rstrip("/")
        if not has_scheme(self._alias):
            self._alias = "https://" + self._alias
        default = list(texts_in(settings.get("default_channels"))) or [_REPOSITORY + "/" + name for name in DEFAULTS]
        self._lists: t.Dict[str, t.List[str]] = {"defaults": default}
        self._custom = {"pkgs/pro": _REPOSITORY}
        for name, urls in _items(settings, "custom_multichannels"):
            self._lists[name] = list(texts_in(urls))[:MAX_CHANNELS]
            self._setter[name] = "custom_multichannels"
        for url in self._lists["defaults"]:
            place = place_of(url) if has_scheme(url) else None
            if place is not None and place.key.endswith(DEFAULTS):
                name = next(name for name in DEFAULTS if place.key.endswith(name))
                self._custom[name] = url.rstrip("/")[: -len(name) - 1]
        for name, url in _items(settings, "custom_channels"):
            if isinstance(url, str):
                self._setter[name.strip("/")] = "custom_channels"
                self._custom[name.strip("/")] = url.rstrip("/") if has_scheme(url) else self._alias
        if not is_conda:
            for name, urls in _items(settings, "mirrored_channels"):
                self._lists[name] = list(texts_in(urls))[:MAX_CHANNELS]
                self._setter[name] = "mirrored_channels"

    def urls(self, text: str) -> t.List[str]:
        """The URLs (or paths) that a text from a list of channels stands for."""
        if text in self._lists:
            return [self._single(item) for item in self._lists[text]]
        return [self._single(text)]

    def setters(self, text: str) -> t.Set[str]:
        """The settings that say where a text leads; a URL leads where it says itself."""
        if text in self._lists:
            inner = {key for item in self._lists[text] if item != text for key in self._setters_of_one(item)}
            return inner | {self._setter.get(text, "default_channels")}
        return self._setters_of_one(text)

    def _setters_of_one(self, text: str) -> t.Set[str]:
        if has_scheme(text) or text.startswith(("/", "~", "./", "../")):
            return set()
        head = text.strip("/")
        while head:
            if head in self._custom:
                found = {self._setter.get(head, "default_channels")}
                return found | {"channel_alias"} if self._custom[head] == self._alias else found
            head = head.rpartition("/")[0]
        return {"channel_alias"}

    def _single(self, text: str) -> str:
        if has_scheme(text) or text.startswith(("/", "~", "./", "../")):
            return text
        name = head = text.strip("/")
        while head:
            if head in self._custom:
                return self._custom[head] + "/" + name
            head = head.rpartition("/")[0]
        return self._alias + "/" + name


def _items(settings: t.Mapping[str, t.Any], key: str) -> t.List[t.Tuple[str, t.Any]]:
    value = settings.get(key)
    return [(name, item) for name, item in value.items() if isinstance(name, str)] if isinstance(value, dict) else []


class ChannelList:
    """The channels that a list of a policy, or a setting, means: names, URLs, or patterns with C(*).

    A name means its place at conda.anaconda.org or repo.anaconda.com, whatever a channel_alias makes of it; C(defaults)
    means the channels that it stands for there. A label belongs to its channel.
    """

    def __init__(self, texts: t.Iterable[t.Any], names: t.Optional[Names] = None) -> None:
        names = names or Names({}, is_conda=True)
        self._keys: t.Set[str] = set()
        self._patterns: t.List[str] = []
        self._known: t.Dict[t.Tuple[str, str], bool] = {}
        for text in texts:
            if not isinstance(text, str):
                continue
            if "*" in text:
                self._patterns.append(text.split("://", 1)[-1].rstrip("/"))
                continue
            for url in names.urls(text):
                place = place_of(url)
                if place is not None:
                    self._keys.add(place.key)

    def __bool__(self) -> bool:
        return bool(self._keys or self._patterns)

    def has(self, place: Place) -> bool:
        """Whether a place is one of these channels."""
        known = self._known.get((place.key, place.name))
        if known is None:
            known = place.key in self._keys or place.channel in self._keys or self._matches(place)
            self._known[place.key, place.name] = known
        return known

    def _matches(self, place: Place) -> bool:
        texts = (place.key, place.channel, place.name)
        return any(fnmatch.fnmatchcase(text, pattern) for pattern in self._patterns for text in texts)


def texts_in(value: t.Any) -> t.Iterator[str]:
    """All texts in a value of lists and maps, but not the keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from texts_in(item)


__all__ = ("ChannelList", "DEFAULTS", "DEFAULT_ALIAS", "MAX_CHANNELS", "Names", "Place", "place_of", "texts_in")
