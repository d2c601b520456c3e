# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What became of a task on a host, in the few words that are worth a line."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import mask_text
from ansible_collections.labfleet.conda.plugins.plugin_utils._gates import SEVERITIES
from ansible_collections.labfleet.conda.plugins.plugin_utils._host_result import message_of
from ansible_collections.labfleet.conda.plugins.plugin_utils._table import plain_text

OK, SKIPPED, CHANGED, FAILED, UNREACHABLE = "ok", "skipped", "changed", "failed", "unreachable"
_MOST_TEXT = 300

_Map = t.Mapping[str, t.Any]


class Outcome(t.NamedTuple):
    """What became of a task on a host.

    :param status: one of the words above.
    :param text: why it failed or was not reached.
    :param counts: how many findings of each severity an audit has, None where it was none.
    """

    status: str
    text: str = ""
    counts: dict[str, int] | None = None


def outcome(result: _Map, *, failed: bool = False, unreachable: bool = False, skipped: bool = False) -> Outcome:
    """What a result says.

    :param result: as callbacks are given it.
    """
    if failed or unreachable:
        return Outcome(UNREACHABLE if unreachable else FAILED, line(_reason(result)))
    if skipped:
        return Outcome(SKIPPED)
    return Outcome(CHANGED if result.get("changed") else OK, counts=_counts(result))


def _reason(result: _Map) -> str:
    if result.get("censored"):
        return "its result is not shown, since the task has no_log"
    parts = result.get("results")
    if isinstance(parts, list):
        wrong = [part for part in parts if isinstance(part, dict) and (part.get("failed") or part.get("unreachable"))]
        if wrong:
            return _reason(wrong[0])
    return message_of(result)


def _counts(result: _Map) -> dict[str, int] | None:
    """The counts of an audit; other modules have other values of that name, or none."""
    counts = result.get("counts")
    if not isinstance(counts, dict) or set(counts) != set(SEVERITIES):
        return None
    return {name: counts[name] for name in reversed(SEVERITIES) if isinstance(counts[name], int)}


def findings_text(counts: t.Mapping[str, int], least: str) -> str:
    """How many findings there are, C(2 critical, 5 high and 30 less severe); empty where none is severe enough.

    :param least: the least severity that is worth telling.
    """
    telling = SEVERITIES[SEVERITIES.index(least) :]
    told = ["%d %s" % (count, name) for name, count in counts.items() if count and name in telling]
    rest = sum(count for name, count in counts.items() if name not in telling)
    if not told:
        return ""
    return ", ".join(told) + (" and %d less severe" % rest if rest else "")


def line(text: str) -> str:
    """A text as one line: secrets masked, nothing in it that moves the cursor, and not longer than a person reads."""
    text = plain_text(mask_text(" ".join(text.split())))
    return text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 1] + "…"


__all__ = ("CHANGED", "FAILED", "OK", "SKIPPED", "UNREACHABLE", "Outcome", "findings_text", "line", "outcome")
