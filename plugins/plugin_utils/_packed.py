# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The result of an audit whose findings are one text, so that ansible-core does not go through each of them."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._packed import pack, unpack
from ansible_collections.labfleet.conda.plugins.plugin_utils._gates import SEVERITIES

# Far more than the audit of any host, but a host could send what unfolds without an end.
_MOST = 256 * 1024 * 1024
# What is looked at without unpacking.
_COPIED = ("counts", "complete")
# The values that hold others; what stands in a later one counts.
_TEXTS = ("packed", "added")

_Map = dict[str, t.Any]


def opened(result: t.Mapping[str, t.Any]) -> _Map:
    """The result with all values in their place, whether or not they are packed.

    :raises ValueError: what the host has sent is nothing that can be read; says so in one sentence.
    """
    found = {key: value for key, value in result.items() if key not in _TEXTS}
    try:
        for key in reversed(_TEXTS):
            if key in result:
                found = {**unpack(result[key], most=_MOST), **found}
    except ValueError as error:
        raise ValueError("The findings that the host has sent are %s." % error) from None
    return found


def is_settled(result: t.Mapping[str, t.Any]) -> bool:
    """Whether the host says that nothing is left open in its text, see _audit._packed.packed()."""
    counts = result.get("counts")
    if "packed" not in result or result.get("complete") not in (True, False) or not isinstance(counts, dict):
        return False
    return set(counts) == set(SEVERITIES) and all(isinstance(count, int) for count in counts.values())


def closed(found: t.Mapping[str, t.Any], before: t.Mapping[str, t.Any], result: t.Mapping[str, t.Any]) -> _Map:
    """The result of opened() as text again, after some of it has changed.

    What is in containers and images may have changed, too; with any of them, or with other findings, all is packed
    anew, and else what was added is a text of its own, since it takes long to pack all the rest once more.

    :param before: what opened() returned.
    :param result: what opened() was given; what stands in it beside the text stays as it is.
    """
    rest = {key: value for key, value in result.items() if key not in (*_TEXTS, *_COPIED)}
    packed = {key: value for key, value in found.items() if key not in rest}
    copied = {key: packed[key] for key in _COPIED if key in packed}
    if found.get("containers") or found.get("images") or found.get("findings") != before.get("findings"):
        return {**rest, **copied, "packed": pack(packed, level=1)}
    added = {key: value for key, value in packed.items() if key not in before or before[key] != value}
    return {**rest, **copied, "packed": result["packed"], "added": pack(added, level=1)}


def added_to(result: t.Mapping[str, t.Any], more: t.Mapping[str, t.Any]) -> _Map:
    """A result that is_settled(), with more that opened() then finds in it."""
    return {**result, "added": pack(more, level=1)}


__all__ = ("added_to", "closed", "is_settled", "opened")
