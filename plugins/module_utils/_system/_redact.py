# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Secrets are masked before anything leaves a host."""

from __future__ import annotations

import functools
import re
import typing as t

MASK = "********"

# All patterns take linear time: a lookbehind lets each start only once within a run of the characters it repeats.
# What is looked at as one for a password: up to white space, or to the next URL of a list.
_WORD = re.compile(r"\S(?:(?![,;|'\"](?:https?|ftp|file)://)\S)*", re.ASCII)
# Where user information can start: an authority, or a name and a colon. A name below / is a part of a path, a colon
# before / separates paths, and two colons stand between the channel and the package of a match spec.
_USER_START = re.compile(
    r"(?P<slashes>:?/{2,})(?P<authority>[^/]*)"
    r"|(?<![^:@=,;|'\"()\[\]{}<>])[^/:@=,;|'\"()\[\]{}<>]+(?::(?![:/])|%3A(?!%2F))",
    re.IGNORECASE,
)
_ENCODED_USER_START = re.compile(r"%2F%2F|%3A(?!%2F%2F)", re.IGNORECASE)
_DOTTED_HOST = r"(?:localhost|(?:[\w-]+\.)+[A-Za-z][\w-]*|[0-9]+(?:\.[0-9]+){3}|\[[\w:.%-]*\])(?::[0-9]*)?"
_HOST = re.compile(_DOTTED_HOST)
# The one user whose name is known to be no secret: git+ssh://git@host/project@revision.
_GIT_USER = re.compile(r"git@" + _DOTTED_HOST + r"(?=[/?#]|$)")
# A token stands as /t/TOKEN/ anywhere below the host (conda/common/url.py, split_anaconda_token). Below a path on
# disk, t is a directory like any other: only what starts with an authority or with the name of a host is a URL.
_URL = re.compile(
    r"(?:://[^/\s\"]|(?<!/)/{2,}(?=" + _DOTTED_HOST + r"/)"
    r"|(?<![^\s\"'=,;|()\[\]{}<>])(?:[^/\s\"'=,;|()\[\]{}<>]*[@:])?(?=" + _DOTTED_HOST + r"/))[^\s\"]*"
)
_TOKEN = re.compile(r"(/t/+)[^/?#)}\],;:'\"\s]+")
_ENCODED_TOKEN = re.compile(r"(%2Ft(?:%2F|/)+)(?:(?!%2F)[^/?#)}\],;:'\"\s])+", re.IGNORECASE)

# Words that tell a secret at the end of any name, and those that do so only as a word of their own.
_LONG = r"(?:token|password|passwd|passphrase|secret|credentials?|signature|(?:api|access|private)[_-]?key)"
_SHORT = r"(?:auth|bearer|key|pass|pwd|sig)"
# A value: a quoted one with what is joined to it, as a shell does, or up to white space or to the quote around it all.
_QUOTED = r"(?:'[^']*(?:'|\Z)|\"(?:\\[\s\S]|[^\"\\])*(?:\"|\\?\Z))"
_JOINED = _QUOTED + r"(?:" + _QUOTED + r"|[^\s'\",;:)\]}])*"
_INNER_QUOTE = r"['\"](?![\s'\",;:)\]}]|\Z)"
_PARAMETER = re.compile(
    r"([?&;#](?:[\w.%-]*" + _LONG + r"|(?:[\w.%-]*[_.-])?" + _SHORT + r")=)"
    r"(" + _JOINED + r"|(?:[^\s&'\"#]|" + _INNER_QUOTE + r")+)",
    re.IGNORECASE,
)
# conda config --remove-key is followed by the name of a setting.
_OPTION = re.compile(
    r"((?<![\w.-])(?!--remove-key[ \t])--?(?:[\w.-]*" + _LONG + r"|(?:[\w.-]*[_.-])?" + _SHORT + r")"
    r"(?:[ \t\r\n]*=[ \t\r\n]*|[ \t\r\n]+|['\"],[ \t]*)"
    r"|(?<![\w.%?&;#-])[\w.]*(?:" + _LONG + r"|_" + _SHORT + r")="
    r"|authorization['\"]?[ \t]*[:=][ \t]*['\"]?(?:(?:basic|bearer|digest|token)[ \t]+)*"
    r"|(?<![\w.-])(?:bearer[ \t]+)+)"
    r"(" + _JOINED + r"|(?:\\.|[^\s'\"]|" + _INNER_QUOTE + r")+)",
    re.IGNORECASE,
)
_SECRET_NAME = re.compile(
    r"(?:^|[_.-])(?:(?:auth)?tokens?|passwords?|passwd|passphrase|pass|pwd|secrets?|auth|authorization|bearer"
    r"|credentials?|(?:api|access|private)[_-]?key)[0-9]*(?:$|[_.-])|password$",
    re.IGNORECASE,
)
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
# What our own map of a setting tells beside its value: where it comes from, and what became of it.
_ABOUT_A_SETTING = frozenset("source sources line final known ignored problem".split())
_LONE_SURROGATE = re.compile("[\ud800-\udc7f\udd00-\udfff]")


def mask_text(text: str) -> str:
    """Mask tokens and passwords of the URLs, options and headers in a text; everything else stays as it is."""
    if "@" in text or "%" in text:
        text = _WORD.sub(_mask_user, text)
    if "/t/" in text:
        text = _URL.sub(lambda match: _TOKEN.sub(r"\1" + MASK, match.group()), text)
    if "%" in text:
        text = _ENCODED_TOKEN.sub(r"\1" + MASK, text)
    if _may_name_secret(text):
        text = _OPTION.sub(_mask_value, _PARAMETER.sub(_mask_value, text))
    return text


def shorten(text: str, most: int) -> str:
    """The beginning of a text, masked before it is cut: half a URL does not show what of it is a password.

    A text that needs no cut is given as it is, to be masked with all others by clean().
    """
    return text if len(text) <= most else mask_text(_printable(text))[:most]


def on_one_line(text: str) -> str:
    """A text with what is not printable, such as a line break or a terminal's escape, written as C(\\uNNNN)."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else "\\u%04x" % ord(sign) for sign in _printable(text))


def _may_name_secret(text: str) -> bool:
    # Most texts do not, and need no pattern.
    if not ("=" in text or " " in text or ":" in text or "," in text or "\t" in text or "\n" in text or "\r" in text):
        return False
    low = text.lower()
    if "token" in low or "pass" in low or "secret" in low or "key" in low or "auth" in low or "sig" in low:
        return True
    return "pwd" in low or "credential" in low or "bearer" in low


def _mask_user(match: t.Match[str]) -> str:
    """A word without the user information before its last @; a password may hold any character."""
    word = match.group()
    end = word.rfind("%40")
    encoded = _ENCODED_USER_START.search(word, 0, end) if end > 0 else None
    if encoded:
        word = word[: encoded.end()] + MASK + word[end:]
    end = word.rfind("@")
    for start in _USER_START.finditer(word, 0, max(end, 0)):
        if start.group("slashes") is None:
            return _cut(word, start.start(), end)
        if _is_user(word, start, end):
            return _cut(word, start.start("authority"), end)
    return word


def _cut(word: str, begin: int, end: int) -> str:
    """A word with what is between masked; if the @ at the end may be one within a token, what follows it as well."""
    rest = word[end:]
    if word.find("/t/", begin, end) >= 0 or word.find("=", begin, end) >= 0:
        rest = re.sub(r"@[^'\"]*", "@" + MASK, rest, count=1)
    return word[:begin] + MASK + rest


def _is_user(word: str, start: t.Match[str], end: int) -> bool:
    """Whether what looks like an authority before the last @ is the start of user information."""
    authority = start.group("authority")
    if start.end() == end or "@" in authority:
        if _GIT_USER.match(word, start.start("authority")):
            return False
        return start.group("slashes") == "://" or ":" in authority
    # The @ stands behind a /: a path may hold it, and so may a password. A host and its port tell a path.
    return ":" in authority and not _HOST.fullmatch(authority)


def _mask_value(match: t.Match[str]) -> str:
    name, value = match.groups()
    quote = value[0] if value[0] in "'\"" else ""
    return name + quote + MASK + quote


def is_secret_name(name: str) -> bool:
    """Whether a variable or key of this name is likely to hold a secret: one of its words says so."""
    return _SECRET_NAME.search(_HUMP.sub("_", name)) is not None


def clean(value: t.Any) -> t.Any:
    """A copy of a value made of maps, lists and scalars that may leave the host; each text is valid UTF-8.

    Secrets are masked in texts, and each text and number under a secret's name whole; true, false and null tell
    nothing and stay. In our own map of a setting, which holds C(value), what is told about the value stays too.
    Bytes that are no UTF-8 are written as C(\\xNN), other lone surrogates as C(\\udNNN).
    """
    if isinstance(value, str):
        return _clean_text(value)
    if isinstance(value, dict):
        cleaned = {}
        for key, item in value.items():
            text, is_secret = _key(key)
            if is_secret:
                cleaned[text] = _mask_whole(item, isinstance(item, dict) and "value" in item)
            else:
                cleaned[text] = item if item is None or isinstance(item, (int, float)) else clean(item)
        return cleaned
    if isinstance(value, (list, tuple)):
        return [clean(item) for item in value]
    return value


def _mask_whole(value: t.Any, is_setting: bool = False) -> t.Any:
    """A value with nothing left but its shape, its keys, and, if it is the map of a setting, what is told about it."""
    if isinstance(value, dict):
        return {
            _key(key)[0]: clean(item) if is_setting and key in _ABOUT_A_SETTING else _mask_whole(item)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_mask_whole(item) for item in value]
    return value if value is None or isinstance(value, bool) or value == "" else MASK


# The same few keys, channels and platforms come again and again.
@functools.lru_cache(maxsize=1024)
def _key(key: t.Any) -> t.Tuple[str, bool]:
    """A key as it may leave the host, and whether a secret stands under it."""
    text = key if isinstance(key, str) else str(key)
    return mask_text(_printable(text)), is_secret_name(text)


@functools.lru_cache(maxsize=4096)
def _clean_text(text: str) -> str:
    return mask_text(_printable(text))


def _printable(text: str) -> str:
    if text.isascii():
        return text
    text = _LONE_SURROGATE.sub(lambda match: "\\u%04x" % ord(match.group()), text)
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


__all__ = ("MASK", "clean", "is_secret_name", "mask_text", "on_one_line", "shorten")
