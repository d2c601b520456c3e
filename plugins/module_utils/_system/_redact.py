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

# conda's token in a channel URL: /t/TOKEN/ after the host (conda/common/url.py, split_conda_url_easy_parts).
_TOKEN = re.compile(r"(?<![A-Za-z0-9_.-])t/([A-Za-z0-9][A-Za-z0-9_.~-]{1,511})(?=[/\s'\"\]|,;]|$)")
# The user information of a URL: everything between the scheme and the last @ of the authority.
_USER_INFORMATION = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{1,30}://)[^/\s'\"<>]{1,2048}@")
_SECRET_PARAMETER = re.compile(
    r"(?P<name>[?&;](?:[A-Za-z0-9_.-]{0,40}[_-])?(?:token|password|passwd|secret|signature|sig|key|credential)=)"
    r"[^&;\s'\"#]{1,4096}",
    re.IGNORECASE,
)
_SECRET_NAME = re.compile(
    r"(?:^|[_.-])(?:token|password|passwd|passphrase|secret|api_?key|access_?key|private_?key|credentials?)(?:$|[_.-])",
    re.IGNORECASE,
)
_SECRET_OPTION = re.compile(
    r"(?P<name>--?[A-Za-z0-9_-]{0,40}(?:token|password|passwd|secret|api-?key)[= ]+)(?P<value>\S{1,4096})",
    re.IGNORECASE,
)


def _may_hold_secret(text: str) -> bool:
    """Whether any of the patterns could match: most texts hold none of their signs, and are left at once."""
    if "@" in text or "t/" in text or "?" in text or "&" in text or ";" in text:
        return True
    lower = text.lower()
    return "token" in lower or "passw" in lower or "secret" in lower or "key" in lower


def mask_text(text: str) -> str:
    """Mask tokens and passwords of the URLs and options in a text; everything else stays as it is."""
    if not _may_hold_secret(text):
        return text
    text = _USER_INFORMATION.sub(lambda match: match.group("scheme") + MASK + "@", text)
    text = _TOKEN.sub("t/" + MASK, text)
    text = _SECRET_PARAMETER.sub(lambda match: match.group("name") + MASK, text)
    return _SECRET_OPTION.sub(lambda match: match.group("name") + MASK, text)


def is_secret_name(name: str) -> bool:
    """Whether a variable or key of this name is likely to hold a secret."""
    return _SECRET_NAME.search(name) is not None


def clean(value: t.Any) -> t.Any:
    """A copy of a value made of maps, lists and scalars that may leave the host.

    Secrets are masked, the value under a secret's name whole, and bytes that are no UTF-8 are written as C(\\xNN),
    so that every JSON reader takes it.
    """
    if isinstance(value, str):
        return _clean_text(value)
    if isinstance(value, dict):
        cleaned = {}
        for key, item in value.items():
            text, is_secret = _key(key)
            if is_secret and isinstance(item, str) and item:
                cleaned[text] = MASK
            else:
                cleaned[text] = item if item is None or isinstance(item, (int, float)) else clean(item)
        return cleaned
    if isinstance(value, (list, tuple)):
        return [clean(item) for item in value]
    return value


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
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


__all__ = ("MASK", "clean", "is_secret_name", "mask_text")
