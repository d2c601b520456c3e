# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Secrets are masked before anything leaves a host."""

from __future__ import annotations

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
    r"(?P<name>--?[A-Za-z0-9_-]{0,40}(?:token|password|passwd|secret|api-?key)[= ]+)(?P<value>\S{1,4096})", re.IGNORECASE
)
_HINT = re.compile(r"://|t/|--|[?&;]")


def mask_text(text: str) -> str:
    """Mask tokens and passwords of the URLs and options in a text; everything else stays as it is."""
    if not _HINT.search(text):
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
        return mask_text(_printable(value))
    if isinstance(value, dict):
        return {_key(key): _under(key, item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(item) for item in value]
    return value


def _key(key: t.Any) -> str:
    return mask_text(_printable(key)) if isinstance(key, str) else str(key)


def _under(key: t.Any, value: t.Any) -> t.Any:
    if isinstance(value, str) and value and isinstance(key, str) and is_secret_name(key):
        return MASK
    return clean(value)


def _printable(text: str) -> str:
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


__all__ = ("MASK", "clean", "is_secret_name", "mask_text")
