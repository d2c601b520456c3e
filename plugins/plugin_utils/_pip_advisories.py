# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Decides on the packages that pip installed, in the order of PEP 440: what hosts cannot do for want of a library."""

from __future__ import annotations

import shlex
import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._advisories import (
    PYPI,
    effective_severity,
    normalize,
    silenced,
)
from ansible_collections.labfleet.conda.plugins.plugin_utils._gates import SEVERITIES
from ansible_collections.labfleet.conda.plugins.plugin_utils._pip_version import InvalidVersion, Version

if t.TYPE_CHECKING:
    from ansible_collections.labfleet.conda.plugins.plugin_utils._vex import Statement

_MAX_STEPS = 100

_Map = dict[str, t.Any]
_Range = tuple[Version | None, Version | None, Version | None]


class Judged(t.NamedTuple):
    """What is known about one candidate: no advisories and no reason means none known; a reason means unmapped."""

    candidate: _Map
    ids: list[str]
    severity: str | None
    fixed: str | None
    vex: dict[str, str]
    unverified: list[str]
    reason: str | None = None


class PipAdvisories:
    """The advisories on packages of PyPI.

    :param data: as _advisories.load() returns it.
    :param statements: VEX statements, the latest last.
    """

    def __init__(self, data: _Map, statements: t.Iterable[Statement] = ()) -> None:
        self._entries: dict[str, list[tuple[_Map, _Map]]] = {}
        for entry in data["advisories"]:
            for package in entry["packages"]:
                if package["ecosystem"] == PYPI:
                    self._entries.setdefault(package["name"], []).append((entry, package))
        self._silent = [item for item in silenced(data, statements) if item[1] == PYPI]

    def judge(self, candidate: _Map) -> Judged:
        """Judge one package; a candidate has C(name) and C(version), and may have more."""
        name = normalize(candidate["name"])
        try:
            version = Version(candidate["version"])
            entries = [(entry, [_range(item) for item in package["ranges"]]) for entry, package in self._of(name)]
        except InvalidVersion:
            reason = "its version %r, or one in an advisory on it, is none of PEP 440" % candidate["version"]
            return Judged(candidate, [], None, None, {}, [], reason)
        silent = {item[0]: item[5] for item in self._silent if item[2] == name and _is(item[3], version)}
        matching = {entry["id"]: entry for entry, ranges in entries if any(_contains(item, version) for item in ranges)}
        found = {advisory: entry for advisory, entry in matching.items() if advisory not in silent}
        severity = max((effective_severity(entry) for entry in found.values()), key=SEVERITIES.index, default=None)
        return Judged(
            candidate,
            sorted(found, key=lambda advisory: (-SEVERITIES.index(effective_severity(found[advisory])), advisory)),
            severity,
            _smallest_fixed(version, [ranges for entry, ranges in entries if entry["id"] not in silent]),
            {advisory: word for advisory, word in silent.items() if advisory in matching},
            sorted(advisory for advisory, entry in found.items() if entry["confidence"] != "verified"),
        )

    def _of(self, name: str) -> list[tuple[_Map, _Map]]:
        return self._entries.get(name, [])


def judge_pip(
    candidates: t.Iterable[_Map], data: _Map, statements: t.Iterable[Statement] = ()
) -> list[tuple[_Map, list[str], str | None, str | None]]:
    """Judge packages that pip installed: each candidate with its advisories, the worst severity and what fixes all."""
    advisories = PipAdvisories(data, statements)
    return [advisories.judge(candidate)[:4] for candidate in candidates]


def settle(
    findings: t.Iterable[_Map],
    coverage: t.Mapping[str, int],
    advisories: PipAdvisories,
    *,
    severity: str | None = None,
    minimum: str = "info",
) -> tuple[list[_Map], dict[str, int]]:
    """Decide the findings that a host has left open, which are those with C(pending) in their details.

    :param findings: all findings of a host.
    :param coverage: what the host has counted; packages that are still to be judged are in C(pending).
    :param severity: what the policy sets for the rule env.vuln, if it does.
    :param minimum: findings of a lower severity are left out.
    :returns: the findings that stand, and the coverage with all packages judged.
    """
    standing, counts, seen = [], dict(coverage), set()
    open_still = counts.pop("pending", 0)
    for finding in findings:
        details = finding.get("details") or {}
        if not details.get("pending"):
            standing.append(finding)
            continue
        candidate = {"name": details["package"], "version": details["version"]}
        judged = advisories.judge(candidate)
        if (candidate["name"], candidate["version"]) not in seen:
            seen.add((candidate["name"], candidate["version"]))
            verdict = "unmapped" if judged.reason else "vulnerable" if judged.ids else "none_known"
            counts[verdict] = counts.get(verdict, 0) + 1
            open_still -= 1
        settled = _settled(finding, judged, severity)
        if settled is not None and SEVERITIES.index(settled["severity"]) >= SEVERITIES.index(minimum):
            standing.append(settled)
    if open_still > 0:  # the host was told to leave out findings as mild as theirs
        counts["unmapped"] = counts.get("unmapped", 0) + open_still
    return standing, counts


def _settled(finding: _Map, judged: Judged, severity: str | None) -> _Map | None:
    reported = finding["details"].get("reported") or ()
    ids = [advisory for advisory in judged.ids if advisory not in reported]
    if not ids:
        return None
    details = {key: value for key, value in finding["details"].items() if key not in ("pending", "reported")}
    details.update(advisories=ids, fixed=judged.fixed)
    details["unverified"] = [advisory for advisory in judged.unverified if advisory in ids]
    if judged.vex:
        details["vex"] = judged.vex
    name, version = details["package"], details["version"]
    if judged.fixed is None:
        remedy = "No version of %s is known that mends it; see the advisories for what to do meanwhile." % name
    else:
        python = shlex.quote(finding["subject"] + "/bin/python")
        requirement = shlex.quote("%s>=%s" % (name, judged.fixed))
        # Never as root: whoever owns the environment can exchange its python.
        remedy = "As %s, run: %s -m pip install %s" % (finding.get("owner") or "its owner", python, requirement)
    return {
        **finding,
        "severity": severity or judged.severity or finding["severity"],
        "evidence": "%s %s, installed by pip: %s." % (name, version, ", ".join(ids)),
        "remedy": remedy,
        "details": details,
    }


def _range(item: _Map) -> _Range:
    introduced, fixed, last = (item.get(key) for key in ("introduced", "fixed", "last_affected"))
    return (
        None if introduced == "0" else Version(introduced),
        Version(fixed) if fixed is not None else None,
        Version(last) if last is not None else None,
    )


def _is(wanted: str | None, version: Version) -> bool:
    try:
        return wanted is None or Version(wanted) == version
    except InvalidVersion:
        return False


def _contains(item: _Range, version: Version) -> bool:
    introduced, fixed, last = item
    return (
        (introduced is None or introduced <= version)
        and (fixed is None or version < fixed)
        and (last is None or version <= last)
    )


def _smallest_fixed(version: Version, entries: t.Sequence[t.Sequence[_Range]]) -> str | None:
    """The first version to go to: what fixes one advisory may lie in the range of another."""
    found = version
    for _step in range(_MAX_STEPS):
        fixes = [item[1] for ranges in entries for item in ranges if item[1] is not None and _contains(item, found)]
        if not fixes:
            break
        found = max(fixes)
    return None if found is version else str(found)


__all__ = ("Judged", "PipAdvisories", "judge_pip", "settle")
