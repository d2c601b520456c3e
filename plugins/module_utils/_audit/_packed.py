# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Data as one short text: ansible-core goes several times through each part of what it carries, but not into a text."""

from __future__ import annotations

import base64
import json
import typing as t
import zlib

from ansible_collections.labfleet.conda.plugins.module_utils._audit._rule import SEVERITIES


def pack(value: t.Mapping[str, t.Any], *, level: int = 6) -> str:
    """What JSON can say, as one text of ASCII.

    :param level: how hard zlib tries; 1 takes a third of the time, and the text is a fifth longer.
    """
    text = json.dumps(value, separators=(",", ":"), sort_keys=True)
    return base64.b64encode(zlib.compress(text.encode("utf-8"), level)).decode("ascii")


def unpack(text: str, *, most: int) -> t.Dict[str, t.Any]:
    """What pack() made one text of.

    :param most: how many bytes it may unfold to.
    :raises ValueError: it is no such text, or more than that.
    """
    inflate = zlib.decompressobj()
    try:
        data = inflate.decompress(base64.b64decode(text), most)
    except (zlib.error, ValueError, TypeError):
        raise ValueError("not in the form in which they are sent") from None
    if not inflate.eof:
        raise ValueError("larger than %d MiB, or cut short" % (most >> 20))
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ValueError("not in the form in which they are sent")
    return value


def packed(result: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    """The result of an audit as one text, and beside it C(counts) and C(complete) where nothing is left open in it.

    The control node then need not look into it. What pip installed is judged there, as are images and containers.
    """
    coverage, findings = result["coverage"], result["findings"]
    if result.get("containers") or result.get("images") or coverage.get("pending"):
        return {"packed": pack(result)}
    if any((finding.get("details") or {}).get("pending") for finding in findings):
        return {"packed": pack(result)}
    whole = {**result, "coverage": {key: count for key, count in coverage.items() if key != "pending"}}
    return {"packed": pack(whole), "counts": counts_of(findings), "complete": result["complete"]}


def counts_of(findings: t.Iterable[t.Mapping[str, t.Any]]) -> t.Dict[str, int]:
    """How many findings of each severity nobody has waived."""
    counts = dict.fromkeys(SEVERITIES, 0)
    for finding in findings:
        if not finding["waiver"]:
            counts[finding["severity"]] += 1
    return counts


__all__ = ("counts_of", "pack", "packed", "unpack")
