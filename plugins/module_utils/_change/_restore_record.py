# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The record of a restore in the ledger."""

from __future__ import annotations

import typing as t


def restore_record(result: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    """The record, without what the ledger adds."""
    came, went = _sides(result["packages"]["added"]), _sides(result["packages"]["removed"])
    snapshot, problems = result["snapshot"], result.get("problems") or ()
    tools = sorted({"conda", "mamba", "micromamba"} & {*came, *went})
    return {
        "action": "restore",
        "prefix": result["prefix"],
        "outcome": "failed" if problems else "committed",
        "message": "%d paths could not be made as they were" % len(problems) if problems else None,
        "before": {name: (went.get(name) or {}).get("version") for name in tools} or None,
        "after": {name: (came.get(name) or {}).get("version") for name in tools} or None,
        "packages": [_change(name, went.get(name), came.get(name)) for name in sorted({*came, *went})],
        "snapshot": snapshot["id"],
    }


def _sides(distributions: t.Iterable[str]) -> t.Dict[str, t.Dict[str, str]]:
    """Version and build by name, from NAME-VERSION-BUILD."""
    parts = [text.rsplit("-", 2) for text in distributions]
    return {part[0]: {"version": part[1], "build": part[2]} for part in parts if len(part) == 3}


def _change(name: str, before: t.Any, after: t.Any) -> t.Dict[str, t.Any]:
    kind = "installed" if before is None else "removed" if after is None else "restored"
    return {"name": name, "kind": kind, "from": before, "to": after}


__all__ = ("restore_record",)
