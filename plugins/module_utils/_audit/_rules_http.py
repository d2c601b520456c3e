# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on channels that are used without encryption."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._channel_use import known_place, origins
from ansible_collections.labfleet.conda.plugins.module_utils._audit._context import Audit
from ansible_collections.labfleet.conda.plugins.module_utils._audit._facts import (
    in_words,
    origin_of,
    own_files,
    read_small,
    setting_of,
    shown,
    texts_in,
)
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rule import Problem, Rule
from ansible_collections.labfleet.conda.plugins.module_utils._discover._configuration import Configuration
from ansible_collections.labfleet.conda.plugins.module_utils._discover._result import Cache
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._spec._yaml import Node, YamlError, read_yaml

MAX_TEXTS = 5000
_OPEN_LINE = re.compile(rb"^(?:http|ftp)://[^\n]*", re.MULTILINE)
MAX_URLS_FILE = 32 * 1024 * 1024
_OPEN = ("http", "ftp")
_URL_SETTINGS = (
    "channels",
    "channel_alias",
    "custom_channels",
    "custom_multichannels",
    "default_channels",
    "migrated_custom_channels",
    "mirrored_channels",
    "signing_metadata_url_base",
)
_Problems = t.Iterator[Problem]


def _is_open(url: str) -> bool:
    """Whether a URL is of a protocol without encryption."""
    return url[:7].lower() == "http://" or url[:6].lower() == "ftp://"


def _severity(url: str, audit: Audit) -> t.Optional[str]:
    """What goes to the host itself passes no network."""
    place = known_place(url, audit)
    host = place.key.partition("/")[0] if place is not None else ""
    name = "[::1]" if host.startswith("[::1]") else host.partition(":")[0]
    is_local = name in ("localhost", "[::1]") or (name.startswith("127.") and name.replace(".", "").isdigit())
    return "low" if is_local else None


def _http_configured(configuration: Configuration, audit: Audit) -> _Problems:
    for key in _URL_SETTINGS:
        setting = setting_of(configuration, key, audit)
        for count, text in enumerate(texts_in(setting.value) if setting is not None else ()):
            if count >= MAX_TEXTS and setting is not None:
                audit.unknown(setting.source, "%s holds more than %d texts" % (key, MAX_TEXTS))
                break
            if setting is not None and _is_open(text):
                origin = origin_of(setting, key, text, audit)
                url = shown(text)
                yield Problem(
                    "%s names %s in %s: what comes from there can be changed on its way."
                    % (in_words(origin), url, key),
                    item="%s: %s" % (key, url),
                    subject=origin,
                    severity=_severity(text, audit),
                )


def _http_installed(environment: Environment, audit: Audit) -> _Problems:
    for origin in origins(environment, audit):
        if origin.place.scheme.lower() in _OPEN:
            url = "%s://%s" % (origin.place.scheme, shown(origin.place.key))
            yield Problem(
                "In %s: %s that came from %s without encryption." % (environment.prefix, origin.in_words(), url),
                item=url,
                severity=_severity(url, audit),
                details={"packages": origin.count},
            )
    for path in own_files(environment, audit):
        if path.endswith((".yml", ".yaml")):
            for text in _open_urls_of_file(path, audit):
                yield Problem(
                    "%s names %s." % (path, shown(text)),
                    item="%s: %s" % (path.rpartition("/")[2], shown(text)),
                    path=path,
                    severity=_severity(text, audit),
                )


def _open_urls_of_file(path: str, audit: Audit) -> t.List[str]:
    """The channels without encryption that the file of an environment names, and the URLs of packages."""
    data = read_small(path, audit)
    low = data.lower()
    if b"http://" not in low and b"ftp://" not in low:
        return []
    try:
        root = read_yaml(data.decode("utf-8")).root
    except (YamlError, UnicodeDecodeError):
        audit.unknown(path, "it cannot be read as YAML, and names a URL without encryption somewhere")
        return []
    parts = [root.value[key] for key in ("channels", "dependencies") if key in root.value] if root.kind == "map" else []
    texts = [node.value for part in parts for node in _children(part) if isinstance(node.value, str)]
    return sorted({text for text in texts[:MAX_TEXTS] if _is_open(text)})


def _children(node: Node) -> t.Sequence[Node]:
    return node.value if node.kind == "list" else ()


def _http_cached(cache: Cache, audit: Audit) -> _Problems:
    path = cache.path + "/urls.txt"
    data = read_small(path, audit, MAX_URLS_FILE)
    if b"http://" not in data and b"ftp://" not in data:
        return
    counts: t.Dict[bytes, int] = {}
    for match in _OPEN_LINE.finditer(data):  # one at a time: there can be millions
        start = match.group().rpartition(b"/")[0]
        if start not in counts and len(counts) >= MAX_TEXTS:
            audit.unknown(path, "it names more than %d places without encryption" % MAX_TEXTS)
            break
        counts[start] = counts.get(start, 0) + 1
    found: t.Dict[str, int] = {}
    for start, count in counts.items():
        place = known_place(start.decode("utf-8", "replace"), audit)
        if place is not None:
            url = "%s://%s" % (place.scheme, shown(place.key))
            found[url] = found.get(url, 0) + count
    for url, count in sorted(found.items()):
        text = "%s names %d downloads from %s, which came without encryption."
        yield Problem(text % (path, count, url), item=url, path=path, severity=_severity(url, audit))


_HTTP = {
    "title": "Packages are fetched without encryption",
    "explanation": "Whoever is on the way between the host and the server can exchange packages, and with them the"
    " code that runs here.",
    "source": "conda, user-guide/configuration/settings",
}


def _rule(name: str, scope: str, check: t.Callable[..., _Problems], remedy: str) -> Rule:
    return Rule(id=name, family="transport", severity="high", scope=scope, check=check, remedy=remedy, **_HTTP)


RULES = (
    _rule(
        "chan.http",
        "configuration",
        _http_configured,
        "Write https:// in its place in {subject}, and put a certificate on the server if it has none.",
    ),
    _rule(
        "chan.http.installed",
        "environment",
        _http_installed,
        "Install these packages of {subject} again over https.",
    ),
    _rule(
        "chan.http.cached",
        "cache",
        _http_cached,
        "Once the channel is https, clean {subject} with the module labfleet.conda.conda_cache (state=cleaned).",
    ),
)


__all__ = ("RULES",)
