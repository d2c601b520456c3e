# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Where a host looks for packages by the settings of a policy, and what is to be asked there before it does."""

from __future__ import annotations

import re
import typing as t
import urllib.parse

from ansible_collections.labfleet.conda.plugins.module_utils._spec._channel_places import Names
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import mask_text

# The settings that say where packages come from.
SETTINGS = (
    "channel_alias",
    "channels",
    "custom_channels",
    "custom_multichannels",
    "default_channels",
    "mirrored_channels",
)
# Every channel has this subdirectory; that of another platform may be missing.
_INDEX = "/noarch/repodata.json"
# What an index begins with; the page of a login does not.
_BEGINS = re.compile(r'\s*\{\s*"(?:info|packages|packages\.conda|removed|repodata_version|signatures)"')
_Map = t.Mapping[str, t.Any]


def mirror_settings(policy: _Map) -> dict[str, t.Any]:
    """Those of the settings that a policy requires which say where packages come from.

    :param policy: the values of a merged policy.
    """
    required = policy["settings"]["required"]
    return {name: required[name] for name in SETTINGS if required.get(name)}


def mirror_indexes(policy: _Map) -> list[dict[str, str]]:
    """The indexes of the channels that these settings lead to, each once.

    :returns: for each C(channel), which has no secret, and the C(url) or C(path) of its index. Channels of schemes that
        are none of http, https and file are left out, since nothing but the tool can ask them.
    """
    settings = mirror_settings(policy)
    if not settings:
        return []
    texts = [*settings.get("channels", ()), *(["defaults"] if "default_channels" in settings else [])]
    for name in ("custom_channels", "custom_multichannels"):
        texts += settings.get(name, {})
    texts += [text for text in policy["channels"]["allowed"] if "*" not in text]
    names = Names(settings, is_conda=True)
    urls = [url for text in texts if text not in ("local", "nodefaults") for url in names.urls(text)]
    for listed in settings.get("mirrored_channels", {}).values():
        urls += listed
    found = {url.rstrip("/"): None for url in urls}
    return [entry for entry in map(_entry, found) if entry]


def mirror_problems(results: t.Iterable[_Map]) -> list[str]:
    """What is wrong with channels, a sentence each and without secrets.

    :param results: those of C(ansible.builtin.uri) and C(ansible.builtin.stat) over entries of mirror_indexes.
    """
    found = []
    for result in results:
        channel, wrong = result["item"]["channel"], _wrong(result)
        if wrong:
            found.append("The channel %s of the policy has no index of packages: %s." % (channel, wrong))
    return found


def _wrong(result: _Map) -> str | None:
    if "stat" in result:
        return None if result["stat"]["exists"] else "there is no %s" % result["item"]["path"]
    status = int(result.get("status") or -1)
    if status < 0:
        return "nobody answers"
    if status not in (200, 206):
        return "the status is %d" % status
    if not _BEGINS.match(str(result.get("content") or "")):
        return "the answer is no JSON of conda, but perhaps the page of a login"
    return None


def _entry(url: str) -> dict[str, str] | None:
    scheme, separator, rest = url.partition("://")
    if url.startswith("/"):
        return {"channel": url, "path": url + _INDEX}
    if scheme == "file" and separator:
        return {"channel": url, "path": urllib.parse.unquote(rest) + _INDEX}
    if scheme in ("http", "https"):
        return {"channel": mask_text(url), "url": url + _INDEX}
    return None


__all__ = ("SETTINGS", "mirror_indexes", "mirror_problems", "mirror_settings")
