# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What became of each host of a run that changes prefixes, and whether the next batch of hosts may begin."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._host_result import message_of

_Map = t.Mapping[str, t.Any]

CHANGED, PLANNED, UNCHANGED, DEFERRED, HELD, FAILED = "changed", "planned", "unchanged", "deferred", "held", "failed"
UNREACHABLE, NOT_TRIED = "unreachable", "not_tried"
# What a host is when its prefixes differ: the first of these that one of them is.
STATES = (UNREACHABLE, FAILED, DEFERRED, HELD, CHANGED, PLANNED, UNCHANGED)
_OUTCOMES = {
    "committed": CHANGED,
    "planned": PLANNED,
    "unchanged": UNCHANGED,
    "deferred": DEFERRED,
    "restored": CHANGED,
}


class Registered(t.NamedTuple):
    """What a host has registered.

    :param found: the result of conda_info; None where the host's turn never came.
    :param plan: C(targets), what is to be changed, and C(left_out), what is not and why.
    :param done: the result of the loop over the targets.
    """

    found: _Map | None
    plan: _Map | None
    done: _Map | None


def host_outcome(registered: Registered) -> dict[str, t.Any]:
    """What became of one host.

    :returns: C(status), C(message) (None where the entries say all), C(prefixes), one entry per prefix, and
        C(left_out).
    """
    found = registered.found
    outcome: dict[str, t.Any] = {"status": NOT_TRIED, "message": None, "prefixes": [], "left_out": []}
    if found is None or found.get("skipped"):
        return outcome
    if "installations" not in found and "snapshots" not in found:
        status = UNREACHABLE if found.get("unreachable") else FAILED
        return {**outcome, "status": status, "message": message_of(found)}
    if registered.plan is None:
        return {
            **outcome,
            "status": FAILED,
            "message": "What is to be changed could not be told: see the output above.",
        }
    targets = list(registered.plan["targets"])
    entries = [_entry(target, result) for target, result in _pairs(targets, registered.done)]
    outcome.update(prefixes=entries, left_out=list(registered.plan["left_out"]))
    if "snapshots" in found:
        outcome["snapshots"] = [dict(item) for item in found["snapshots"]]
    outcome["status"] = _worst(entry["outcome"] for entry in entries)
    if not targets:
        outcome["message"] = "there is nothing to change"
    return outcome


def _worst(outcomes: t.Iterable[str]) -> str:
    there = set(outcomes)
    return next((state for state in STATES if state in there), UNCHANGED)


def _pairs(targets: t.Sequence[_Map], done: _Map | None) -> t.Iterator[tuple[_Map, _Map]]:
    """Each target with its result; one that has none was cut off, or its task failed as a whole."""
    results = {}
    for result in (done or {}).get("results") or ():
        if isinstance(result, dict) and isinstance(result.get("item"), dict):
            results[_key(result["item"])] = result
    for target in targets:
        yield target, results.get(_key(target)) or done or {}


def _key(target: _Map) -> tuple[str, str | None]:
    return str(target["prefix"]), target.get("environment")


def _as_change(result: _Map) -> _Map:
    """The result of a restore as that of a change."""
    packages = result["packages"]
    sides = []
    for names in (packages["removed"], packages["added"]):
        sides.append({part[0]: part[1] for part in (name.rsplit("-", 2) for name in names) if len(part) == 3})
    outcome = "unchanged" if not result.get("changed") else "restored"
    names = sorted({*sides[0], *sides[1]})
    message = None if names else "%d files of the snapshot" % result["changed_paths"]
    return {**result, "outcome": outcome, "before": sides[0], "after": sides[1], "packages": names, "message": message}


def _entry(target: _Map, result: _Map) -> dict[str, t.Any]:
    if "changed_paths" in result:
        result = _as_change(result)
    before, after = result.get("before") or {}, result.get("after") or {}
    entry = {
        "prefix": target.get("environment") or target["prefix"],
        "installation": target["prefix"],
        "kind": target.get("kind"),
        "owner": target.get("owner"),
        "wanted": target.get("wanted"),
        "outcome": _outcome(result),
        "before": before,
        "after": after,
        "versions": versions_text(before, after),
        "message": None,
    }
    for key in ("packages", "recovered", "snapshot", "diagnoses", "newest", "processes", "ledger"):
        entry[key] = result.get(key)
    entry["download"] = (result.get("space") or {}).get("download") or 0
    if entry["outcome"] in (FAILED, HELD, UNREACHABLE):
        entry["message"] = message_of(result)
    elif entry["outcome"] == DEFERRED:
        entry["message"] = str(result.get("message") or "it is in use")
    elif entry["outcome"] in (PLANNED, CHANGED) and not entry["packages"]:
        entry["message"] = result.get("message")
    return entry


def _outcome(result: _Map) -> str:
    if result.get("unreachable"):
        return UNREACHABLE
    if result.get("failed") or "outcome" not in result:
        return HELD if result.get("held") else FAILED
    outcome = _OUTCOMES.get(str(result["outcome"]), FAILED)
    return PLANNED if outcome == UNCHANGED and result.get("changed") and result.get("message") else outcome


def versions_text(before: _Map, after: _Map) -> str:
    """The versions that differ, as NAME FROM -> TO."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return ", ".join("%s %s -> %s" % (name, before.get(name) or "none", after.get(name) or "none") for name in names)


class Progress(t.NamedTuple):
    """How far a run has come, in hosts."""

    tried: int
    failed: tuple[str, ...]

    def why_stop(self, maximum: float) -> str | None:
        """Why no further host is to be changed; None where the run may go on.

        :param maximum: the percentage of the hosts so far that may have failed. Unreachable ones do not count.
        """
        if not self.tried or 100.0 * len(self.failed) / self.tried <= maximum:
            return None
        return "%d of %d hosts failed, which is more than %g percent: %s." % (
            len(self.failed),
            self.tried,
            maximum,
            ", ".join(self.failed[:10]) + (", ..." if len(self.failed) > 10 else ""),
        )


def progress(outcomes: t.Mapping[str, _Map]) -> Progress:
    """How far a run has come."""
    tried = [name for name, outcome in outcomes.items() if outcome["status"] not in (NOT_TRIED, UNREACHABLE)]
    failed = tuple(sorted(name for name in tried if outcomes[name]["status"] == FAILED))
    return Progress(len(tried), failed)


__all__ = (
    "CHANGED",
    "DEFERRED",
    "FAILED",
    "HELD",
    "NOT_TRIED",
    "PLANNED",
    "Progress",
    "Registered",
    "STATES",
    "UNCHANGED",
    "UNREACHABLE",
    "host_outcome",
    "progress",
    "versions_text",
)
