# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Read what conda calls a channel, from a name or a URL, as conda 26.7.1 does when no condarc changes its defaults.

The defaults that this stands on: names live at conda.anaconda.org; ``defaults`` is ``pkgs/main`` and ``pkgs/r``; these
two and ``pkgs/pro`` live at repo.anaconda.com. So the canonical name of ``https://repo.anaconda.com/pkgs/main``, of the
same path at repo.continuum.io and of ``pkgs/main`` is ``defaults``, and that of ``.../pkgs/free`` or ``.../pkgs/msys2``
is its own URL. Tokens and passwords are dropped. A channel that a condarc renames is not known here.
"""

from __future__ import annotations

import functools
import posixpath
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._spec._pattern import UnsupportedSpec

PACKAGE_SUFFIXES = (".conda", ".tar.bz2")
UNKNOWN = "<unknown>"

_ALIAS = "conda.anaconda.org"
_DEFAULTS = ("pkgs/main", "pkgs/r")
_CUSTOM_HOST = "repo.anaconda.com"
_CUSTOM = ("pkgs/main", "pkgs/pro", "pkgs/r")  # the longest first
_MULTICHANNELS = ("defaults", "local")
_SUBDIRS = (
    "noarch|emscripten-wasm32|wasi-wasm32|freebsd-64|linux-(?:32|64|aarch64|armv6l|armv7l|ppc64|ppc64le|riscv64|s390x)"
    "|osx-64|osx-arm64|win-32|win-64|win-arm64|zos-z"
)
_SUBDIR_IN_PATH = re.compile(rf"/({_SUBDIRS})(?:/|$)", re.IGNORECASE)
_TOKEN_IN_PATH = re.compile(r"/t/[a-zA-Z0-9-]*")
_SCHEME = re.compile(r"[a-z][a-z0-9]{0,11}://")
_PATH_START = re.compile(r"\./|\.\.|~|/|[a-zA-Z]:[/\\]|\\\\")


class Channel(t.NamedTuple):
    """A channel as conda compares it.

    :ivar scheme: such as ``https``; None for a multichannel and the unknown channel.
    :ivar location: host, port and leading path; None for a multichannel and the unknown channel.
    :ivar name: the path below the location, or the multichannel's name.
    :ivar subdir: such as ``linux-64``; None when the text has none.
    :ivar filename: the package file when the text was the URL of one.
    """

    scheme: t.Optional[str]
    location: t.Optional[str]
    name: str
    subdir: t.Optional[str] = None
    filename: t.Optional[str] = None

    @property
    def base_url(self) -> t.Optional[str]:
        """The URL without subdir, token and password; None for a multichannel and the unknown channel."""
        return None if self.location is None else f"{self.scheme}://{_join(self.location, self.name)}"

    @property
    def canonical_name(self) -> str:
        """The name that conda shows: ``defaults``, ``conda-forge``, or the URL of a channel that has no name."""
        if self.name in _DEFAULTS:
            return "defaults"
        if self.location in (None, _ALIAS) or (self.name and any(_same_start(self.name, name) for name in _CUSTOM)):
            return self.name
        return t.cast(str, self.base_url)

    @property
    def is_elsewhere(self) -> bool:
        """Whether the channel lives at another place than conda.anaconda.org, and so is compared by its URL."""
        return bool(self.location) and self.location != _ALIAS


@functools.lru_cache(maxsize=1024)
def parse_channel(text: t.Optional[str]) -> Channel:
    """Read a channel from a name, a URL, the URL of a package file or an absolute path.

    :raises UnsupportedSpec: for a path that depends on the home or the directory in which conda runs.
    """
    if text in (None, UNKNOWN, "None:///<unknown>", "None"):
        return Channel(None, None, UNKNOWN)
    if has_scheme(text):
        return _from_url(text)
    if _PATH_START.match(text):
        return _from_url(path_to_url(text))
    if is_package(text):
        return _from_url(text)
    name, subdir = _split_subdir(text)
    if name in _MULTICHANNELS:
        return Channel(None, None, name, subdir)
    custom = any(name == known or name.startswith(known + "/") for known in _CUSTOM)
    return Channel("https", _CUSTOM_HOST if custom else _ALIAS, name, subdir)


def has_scheme(text: str) -> bool:
    """Tell whether the text is a URL in conda's eyes: a scheme in small letters and ``://``."""
    return _SCHEME.match(text) is not None


def is_package(text: str) -> bool:
    """Tell whether the text ends like a package file."""
    return text.lower().endswith(PACKAGE_SUFFIXES)


def path_to_url(path: str) -> str:
    """Return the file URL of an absolute path.

    :raises UnsupportedSpec: for a path that is not absolute or holds a variable.
    """
    if not path.startswith("/") or "$" in path:
        raise UnsupportedSpec(path, "a path that depends on where conda runs; write an absolute path")
    return "file://" + posixpath.normpath(path)


def percent_decoded(text: str) -> str:
    """Replace ``%20`` and the like; what is not UTF-8 becomes the replacement character."""
    if "%" not in text:
        return text
    raw = re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes([int(found.group(1), 16)]), text.encode("utf-8", "replace"))
    return raw.decode("utf-8", "replace")


def _split_subdir(text: str) -> t.Tuple[str, t.Optional[str]]:
    found = _SUBDIR_IN_PATH.search(text)
    if not found:
        return text.rstrip("/"), None
    return text.replace("/" + found.group(1), "", 1).rstrip("/"), found.group(1)


def _from_url(url: str) -> Channel:
    token = _TOKEN_IN_PATH.search(url)
    if token:
        url = url.replace(token.group(), "", 1)
    url, subdir = _split_subdir(url.rstrip("/"))
    filename = None
    if "/" in url and (is_package(url) or url.endswith((".json", ".json.zst"))):
        url, _slash, filename = url.rpartition("/")
    scheme, host, path = _split_url(url)
    scheme, location, name = _locate(scheme, host, path.rstrip("/"))
    return Channel(scheme, location, percent_decoded(name), subdir, percent_decoded(filename) if filename else None)


def _split_url(url: str) -> t.Tuple[str, str, str]:
    """Split into scheme, host with port in small letters, and path; user, password, query and fragment are dropped."""
    scheme, rest = url.split("://", 1) if has_scheme(url) else ("", url)
    rest = re.split("[?#]", rest, maxsplit=1)[0]
    host, slash, path = rest.partition("/")
    return scheme, host.rpartition("@")[2].lower().rstrip(":"), slash + path


def _locate(scheme: str, host: str, path: str) -> t.Tuple[str, str, str]:
    """Decide which part of a URL is the location and which is the name."""
    known = scheme or "https"
    if not path:
        return known, host, ""
    place = host + path
    for name in _CUSTOM:
        custom = f"{_CUSTOM_HOST}/{name}"
        if _same_start(place, custom):
            return known, _CUSTOM_HOST, _join(name, place.replace(custom, "", 1).strip("/"))
    if _same_start(place, _ALIAS):
        return known, _ALIAS, place.replace(_ALIAS, "", 1).strip("/")
    if not host:
        location, _slash, name = path.rpartition("/")
        return "file", location or "/", name
    first, _slash, rest = path.strip("/").partition("/")
    if first == "conda":  # a repository server that keeps all its channels below /conda
        return known, f"{host}/conda", rest.strip("/")
    return known, host, path.strip("/")


def _same_start(one: str, other: str) -> bool:
    """Compare path components as far as both texts go; so ``pkgs`` and ``pkgs/main`` have the same start."""
    return all(mine == theirs for mine, theirs in zip(one.split("/"), other.split("/")))


def _join(first: str, second: str) -> str:
    start = "/" if not first or first.startswith("/") else ""
    return start + "/".join(part for part in (first.strip("/"), second.strip("/")) if part)


__all__ = (
    "Channel",
    "PACKAGE_SUFFIXES",
    "has_scheme",
    "is_package",
    "parse_channel",
    "path_to_url",
    "percent_decoded",
)
