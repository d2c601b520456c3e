# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the role for users decides: which settings a user has not made, and which environments nobody uses."""

from __future__ import annotations

import datetime
import fnmatch
import typing as t

_Map = t.Mapping[str, t.Any]
_TIME = "%Y-%m-%dT%H:%M:%SZ"
# The states of an environment in the report.
IN_USE, UNUSED, DUE, UNKNOWN, KEPT = "in use", "unused", "due", "unknown", "kept"


def missing_settings(found: _Map, wanted: _Map, *, user: str, prefix: str, home: str) -> dict[str, t.Any]:
    """The settings that no file of a user makes.

    :param found: the result of conda_info.
    :param wanted: names of settings, and their values.
    :param prefix: the base prefix whose settings count.
    :param home: the home of the user; what is set below it is the user's own.
    """
    own: set[str] = set()
    for item in found["configurations"]:
        if item["installation"] == prefix and item["user"] == user:
            own = {key for key, setting in item["settings"].items() if _is_below(setting, home)}
    return {key: value for key, value in wanted.items() if key.split(".", 1)[0] not in own}


def _is_below(setting: _Map, home: str) -> bool:
    files = [setting.get("source"), *(setting.get("sources") or ()), *(setting.get("ignored") or ())]
    return any(str(path).startswith(home.rstrip("/") + "/") for path in files)


def own_environments(found: _Map, *, user: str, prefix: str, home: str) -> str:
    """The directory in which a user makes environments: the first one in force that is not the base prefix's.

    :param found: the result of conda_info; the rest is as for missing_settings().
    """
    for item in found["configurations"]:
        if item["installation"] == prefix and item["user"] == user:
            for folder in item["environment_directories"]:
                if not (folder + "/").startswith(prefix.rstrip("/") + "/"):
                    return folder
    return home.rstrip("/") + "/.conda/envs"


class Rules(t.NamedTuple):
    """When an environment is unused, and when it may go.

    :param days: so many without a sign of use.
    :param grace_days: so many since an earlier run has marked it.
    :param keep: patterns for names and paths that stay.
    """

    days: float
    grace_days: float
    keep: t.Sequence[str] = ()


def unused_environments(
    environments: t.Iterable[_Map], marks: t.Mapping[str, str], *, user: str, now: str, rules: Rules
) -> dict[str, t.Any]:
    """The report on the environments of a user, and what follows from it.

    Base prefixes are left out. Of what leaves no sign of its use it is unknown whether it is used, and it stays.

    :param environments: those of the result of conda_info, with their last use and, where it is there, their size.
    :param marks: since when each unused environment is known to be so, by prefix, from earlier runs.
    :param now: the time, as in C(2026-11-26T12:00:00Z).
    :returns: C(report), the largest first; C(marks), to be kept for the next run; C(due), the entries of the report
        that may go now.
    """
    report, kept = [], {}
    for item in environments:
        if item["owner"] == user and not item["base"]:
            entry = _entry(item, marks.get(item["prefix"]), _time(now), rules)
            report.append(entry)
            if entry["since"] is not None:
                kept[item["prefix"]] = entry["since"]
    report.sort(key=lambda entry: (-(entry["bytes"] or 0), entry["prefix"]))
    return {"report": report, "marks": kept, "due": [entry for entry in report if entry["state"] == DUE]}


def _entry(item: _Map, mark: str | None, now: datetime.datetime, rules: Rules) -> dict[str, t.Any]:
    use = item.get("last_use") or {}
    last = _time(use["time"]) if use else None
    days = (now - last).days if last else None
    state, since, goes = _state(item, use, days, rules), None, None
    if state == UNUSED and last is not None:
        is_marked = mark is not None and _time(mark) >= last
        since = mark if is_marked and mark else now.strftime(_TIME)
        end = _time(since) + datetime.timedelta(days=rules.grace_days)
        goes = end.strftime(_TIME)
        # Never in the run that has marked it: its owner is to see the report first.
        state = DUE if is_marked and end <= now else UNUSED
    return {
        "prefix": item["prefix"],
        "name": item.get("name") or item["prefix"].rpartition("/")[2],
        "bytes": (item.get("size") or {}).get("bytes"),
        "own_bytes": (item.get("size") or {}).get("own_bytes"),
        "last_use": use.get("time"),
        "evidence": use.get("evidence"),
        "days": days,
        "state": state,
        "since": since,
        "archive_after": goes,
    }


def _state(item: _Map, use: _Map, days: int | None, rules: Rules) -> str:
    names = (item.get("name") or "", item["prefix"])
    if item.get("frozen") or any(fnmatch.fnmatchcase(name, pattern) for name in names for pattern in rules.keep):
        return KEPT
    if use.get("running"):
        return IN_USE
    if days is None:
        return UNKNOWN
    if days < rules.days:
        return IN_USE
    return UNUSED if use.get("known") else UNKNOWN


def _time(text: str) -> datetime.datetime:
    """A time in UTC; raises ValueError where it is none."""
    return datetime.datetime.strptime(text, _TIME).replace(tzinfo=datetime.UTC)


def report_lines(report: t.Iterable[_Map]) -> list[str]:
    """The report, a line for each environment."""
    lines = []
    for entry in report:
        size = "size not known" if entry["bytes"] is None else "%.1f MB" % (entry["bytes"] / 1e6)
        text = "%s: %s, %s" % (entry["prefix"], entry["state"], size)
        if entry["last_use"]:
            text += ", last sign of use %s (%s)" % (entry["last_use"][:10], entry["evidence"])
        if entry["since"]:
            text += ", known as unused since %s" % entry["since"][:10]
            text += ", may be archived from %s on" % entry["archive_after"][:10]
        lines.append(text)
    return lines


__all__ = (
    "DUE",
    "IN_USE",
    "KEPT",
    "Rules",
    "UNKNOWN",
    "UNUSED",
    "missing_settings",
    "own_environments",
    "report_lines",
    "unused_environments",
)
