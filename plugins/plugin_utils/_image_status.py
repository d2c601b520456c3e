# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What an image may still be used for, by its age and its findings: current, supported, to be archived, or blocked."""

from __future__ import annotations

import datetime
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._gates import SEVERITIES

CURRENT, SUPPORTED, TO_BE_ARCHIVED, BLOCKED, UNKNOWN = "current", "supported", "to be archived", "blocked", "unknown"
# The worst first.
WORDS = (BLOCKED, UNKNOWN, TO_BE_ARCHIVED, SUPPORTED, CURRENT)
NEVER = "never"
# Builds that can be repeated byte by byte give a time of long ago, such as 1970 or 1980.
_FIRST_YEAR = 2000
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:Z|\+00:00| \+0000 UTC)\Z")
_SECONDS_OF_A_DAY = 86400

_Map = t.Mapping[str, t.Any]


def image_status(image: _Map, thresholds: _Map, *, now: float, judged: bool = True) -> dict[str, t.Any]:
    """The status of one image.

    :param image: with C(created), C(findings), C(complete) and C(unreadable_count), as conda_audit returns it.
    :param thresholds: C(current_days), C(supported_days) and C(blocked_on), the values of C(images) of a policy.
    :param now: the time, in seconds since the epoch.
    :param judged: whether findings as severe as C(blocked_on) were asked for at all.
    :returns: C(status), C(reason) in one sentence, and C(age_days), None where that is unknown.
    """
    age = age_in_days(image.get("created"), now)
    known = {"age_days": age}
    blocked_on = thresholds["blocked_on"]
    found = _blocking(image.get("findings") or (), blocked_on)
    if found:
        worst = max(found, key=lambda finding: SEVERITIES.index(finding["severity"]))
        text = "Findings of severity %s or worse: %d, such as %s (%s)."
        return {"status": BLOCKED, "reason": text % (blocked_on, len(found), worst["rule"], worst["severity"]), **known}
    if blocked_on != NEVER and not (judged and image.get("complete") and not image.get("unjudged")):
        return {"status": UNKNOWN, "reason": "Not all of it was judged.", **known}
    if age is None:
        return {"status": UNKNOWN, "reason": "It does not tell when it was built.", **known}
    for status, key in ((CURRENT, "current_days"), (SUPPORTED, "supported_days")):
        if age <= thresholds[key]:
            return {
                "status": status,
                "reason": "It was built %d days ago, and %d count." % (age, thresholds[key]),
                **known,
            }
    text = "It was built %d days ago, and is supported for %d."
    return {"status": TO_BE_ARCHIVED, "reason": text % (age, thresholds["supported_days"]), **known}


def age_in_days(created: t.Any, now: float) -> int | None:
    """How many whole days ago a time was, as engines write it; None where that cannot be."""
    match = _TIME.match(created) if isinstance(created, str) else None
    try:
        then = datetime.datetime(*map(int, match.groups()), tzinfo=datetime.UTC) if match else None
    except ValueError:
        return None
    if then is None or then.year < _FIRST_YEAR:
        return None
    days = (now - then.timestamp()) / _SECONDS_OF_A_DAY
    return int(max(days, 0)) if days > -1 else None


def is_judged(blocked_on: str, minimum_severity: str) -> bool:
    """Whether an audit from a severity on tells all that could block an image."""
    return blocked_on == NEVER or SEVERITIES.index(minimum_severity) <= SEVERITIES.index(blocked_on)


def image_rows(hosts: t.Mapping[str, _Map]) -> list[tuple[str, _Map]]:
    """The images among the members of a fleet that were judged, by name, each with its status; the worst first."""
    rows = [(name, host["health"]) for name, host in hosts.items() if host.get("health")]
    return sorted(rows, key=lambda row: (WORDS.index(row[1]["status"]), row[0]))


def status_counts(hosts: t.Mapping[str, _Map]) -> dict[str, int]:
    """How many images have which status; words that no image has are left out."""
    found = [health["status"] for _name, health in image_rows(hosts)]
    return {word: found.count(word) for word in WORDS if word in found}


def _blocking(findings: t.Iterable[_Map], blocked_on: str) -> list[_Map]:
    if blocked_on == NEVER:
        return []
    least = SEVERITIES.index(blocked_on)
    return [item for item in findings if not item.get("waiver") and SEVERITIES.index(item["severity"]) >= least]


__all__ = (
    "BLOCKED",
    "CURRENT",
    "SUPPORTED",
    "TO_BE_ARCHIVED",
    "UNKNOWN",
    "WORDS",
    "age_in_days",
    "image_rows",
    "image_status",
    "is_judged",
    "status_counts",
)
