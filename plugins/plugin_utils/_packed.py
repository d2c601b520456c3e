# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The result of an audit whose findings are one text, so that ansible-core does not go through each of them."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._packed import pack, unpack

# Far more than the audit of any host, but a host could send what unfolds without an end.
_MOST = 256 * 1024 * 1024
# What is looked at without unpacking.
_COPIED = ("counts", "complete")

_Map = dict[str, t.Any]


def opened(result: t.Mapping[str, t.Any]) -> _Map:
    """The result with all values in their place, whether or not they are packed.

    :raises ValueError: what the host has sent is nothing that can be read; says so in one sentence.
    """
    rest = {key: value for key, value in result.items() if key != "packed"}
    if "packed" not in result:
        return rest
    try:
        return {**unpack(result["packed"], most=_MOST), **rest}
    except ValueError as error:
        raise ValueError("The findings that the host has sent are %s." % error) from None


def closed(found: t.Mapping[str, t.Any], result: t.Mapping[str, t.Any]) -> _Map:
    """The result of opened() with what was found as one text again.

    :param result: what opened() was given; what stands in it beside the text stays as it is.
    """
    rest = {key: value for key, value in result.items() if key != "packed"}
    packed = {key: value for key, value in found.items() if key not in rest}
    return {**rest, **{key: packed[key] for key in _COPIED if key in packed}, "packed": pack(packed, level=1)}


__all__ = ("closed", "opened")
