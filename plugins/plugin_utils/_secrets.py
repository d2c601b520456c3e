# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Which parts of the options of a task are secrets."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import MASK, mask_text

# What stands before a secret goes with it (``://`` and ``/t/``): Ansible masks each place where the text is found, and
# a user named conda is no reason to mask every conda.
_BEFORE, _BEHIND = 3, 1


def secrets_in(value: t.Any) -> list[str]:
    """The tokens and passwords of the addresses in a value made of maps, lists and texts, with what is around them."""
    found: dict[str, None] = {}
    for text in _texts(value):
        for secret in _of_text(text):
            found[secret] = None
            found[repr(secret)[1:-1]] = None  # so it stands in a list that is logged
    return list(found)


def _texts(value: t.Any) -> t.Iterator[str]:
    if isinstance(value, str):
        yield from str(value).splitlines()
    elif isinstance(value, t.Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, t.Sequence):
        for item in value:
            yield from _texts(item)


def _of_text(text: str) -> t.Iterator[str]:
    masked = mask_text(text)
    if masked == text:
        return
    pattern = "(.+?)".join(re.escape(part) for part in masked.split(MASK))
    match = re.fullmatch(pattern, text, re.DOTALL)
    for number in range(1, (match.re.groups if match else 0) + 1):
        begin, end = match.span(number)
        yield text[max(0, begin - _BEFORE) : end + _BEHIND]


__all__ = ("secrets_in",)
