# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The report of a run that changes prefixes: its document, its digest on the terminal, and which hosts fail the run."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._host_names import merge_host_names
from ansible_collections.labfleet.conda.plugins.plugin_utils._rollout import (
    CHANGED,
    DEFERRED,
    FAILED,
    HELD,
    NOT_TRIED,
    PLANNED,
    UNCHANGED,
    UNREACHABLE,
)
from ansible_collections.labfleet.conda.plugins.plugin_utils._table import plain_text, render_table

_Map = t.Mapping[str, t.Any]
SCHEMA = {"name": "labfleet.conda.changes", "version": 1}
_HEADS = ("OUTCOME", "HOSTS", "PREFIX", "WHAT")
# The rows that ask for something to be done come last, next to the prompt.
_ORDER = (UNCHANGED, NOT_TRIED, PLANNED, CHANGED, DEFERRED, HELD, UNREACHABLE, FAILED)
_WORDS = {
    UNCHANGED: "unchanged",
    NOT_TRIED: "not tried",
    PLANNED: "would change",
    CHANGED: "changed",
    DEFERRED: "deferred",
    HELD: "held back",
    UNREACHABLE: "unreachable",
    FAILED: "failed",
}
_MAX_WHAT = 300


def change_document(
    outcomes: t.Mapping[str, _Map], *, action: str, forecast: bool, stopped: str | None, generated: str
) -> dict[str, t.Any]:
    """The document of a run.

    :param outcomes: per host what host_outcome() gives.
    :param action: C(update), C(lift) or C(rollback).
    :param forecast: whether nothing was to be changed.
    :param stopped: why the run ended before its end; None where it did not.
    :param generated: the time, as text.
    """
    statuses = [outcome["status"] for outcome in outcomes.values()]
    prefixes = [entry for outcome in outcomes.values() for entry in outcome["prefixes"]]
    summary: dict[str, t.Any] = {"hosts": len(outcomes)}
    summary.update({"hosts_" + status: statuses.count(status) for status in _ORDER})
    summary["prefixes"] = {status: sum(entry["outcome"] == status for entry in prefixes) for status in _ORDER}
    summary["recovered"] = sum(bool(entry.get("recovered")) for entry in prefixes)
    summary["download_bytes"] = sum(entry.get("download") or 0 for entry in prefixes)
    return {
        "schema": SCHEMA,
        "generated": generated,
        "action": action,
        "forecast": forecast,
        "stopped": stopped,
        "summary": summary,
        "hosts": dict(sorted(outcomes.items())),
    }


def failing_hosts(document: _Map, *, fail_deferred: bool) -> dict[str, str]:
    """The hosts that fail the run, each with the reason. Those not tried do not: that the run was stopped does."""
    failing = {}
    for name, host in document["hosts"].items():
        bad = {FAILED, UNREACHABLE} | ({DEFERRED} if fail_deferred else set())
        entries = [entry for entry in host["prefixes"] if entry["outcome"] in bad]
        if entries:
            failing[name] = " ".join("%s: %s" % (entry["prefix"], entry["message"]) for entry in entries)
        elif host["status"] in bad:
            failing[name] = str(host["message"] or host["status"])
    return failing


def change_lines(document: _Map, *, rows: int) -> list[str]:
    """The digest.

    :param rows: at most so many rows; the least interesting are left out.
    """
    found = _rows(document)
    lines = ["", _headline(document)]
    if document["stopped"]:
        lines.append("The run was stopped: %s" % plain_text(document["stopped"]))
    if found:
        left = max(0, len(found) - rows)
        lines += ["", *render_table(_HEADS, found[left:])]
        lines += ["and %d more rows, in the report" % left] if left else []
    return lines + _recovered(document) + _held_by(document) + _left_out(document) + _snapshots(document)


def _headline(document: _Map) -> str:
    summary, action = document["summary"], str(document["action"]).upper()
    counts = {status: summary["hosts_" + status] for status in _ORDER if summary["hosts_" + status]}
    if document["forecast"]:
        cannot = sum(counts.get(status, 0) for status in (FAILED, HELD, DEFERRED, UNREACHABLE, NOT_TRIED))
        return "FORECAST OF THE %s of %d hosts: %d will change, %d stay as they are, %d cannot; %s to download" % (
            action, summary["hosts"], counts.get(PLANNED, 0), counts.get(UNCHANGED, 0), cannot,
            _size(summary["download_bytes"]),
        )  # fmt: skip
    told = ", ".join("%d %s" % (counts[status], _WORDS[status]) for status in reversed(_ORDER) if status in counts)
    return "%s of %d hosts: %s" % (action, summary["hosts"], told or "none")


def _size(size: int) -> str:
    return "%.1f GB" % (size / 1e9) if size >= 1e9 else "%.1f MB" % (size / 1e6)


def _rows(document: _Map) -> list[list[str]]:
    """The rows, equal ones of several hosts merged."""
    merged: dict[tuple[str, str, str], list[str]] = {}
    for name, host in document["hosts"].items():
        for entry in host["prefixes"]:
            key = (entry["outcome"], entry["prefix"], _what(entry))
            merged.setdefault(key, []).append(name)
        if not host["prefixes"]:
            key = (host["status"], "", str(host["message"] or ""))
            merged.setdefault(key, []).append(name)
    ordered = sorted(merged.items(), key=lambda item: (_ORDER.index(item[0][0]), item[0][1:], item[1]))
    return [
        [_WORDS[outcome], merge_host_names(names), plain_text(prefix), plain_text(_short(what))]
        for (outcome, prefix, what), names in ordered
    ]


def _what(entry: _Map) -> str:
    if entry["message"]:
        return str(entry["message"])
    if entry["versions"]:
        others = len(entry["packages"] or ()) - entry["versions"].count(" -> ")
        return entry["versions"] + (", and %d packages" % others if others > 0 else "")
    if entry["outcome"] == UNCHANGED:
        stands = [cause["cause"] for cause in entry.get("diagnoses") or () if cause.get("cause")]
        kept = entry["before"].get(entry["kind"])
        return ("%s %s. " % (entry["kind"], kept) if kept else "") + " ".join(stands[:1])
    return "%d packages" % len(entry["packages"] or ())


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MAX_WHAT else text[: _MAX_WHAT - 1] + "…"


def _recovered(document: _Map) -> list[str]:
    lines = [
        "%s: %s: %s" % (name, entry["prefix"], entry["recovered"])
        for name, host in document["hosts"].items()
        for entry in host["prefixes"]
        if entry.get("recovered")
    ]
    return ["", "Recovered from an earlier run:", *map(plain_text, lines)] if lines else []


def _held_by(document: _Map) -> list[str]:
    """For what hosts were deferred."""
    lines = []
    for name, host in document["hosts"].items():
        for entry in host["prefixes"]:
            if entry["outcome"] == DEFERRED:
                users = sorted({"user %s: %s" % (use["uid"], use["program"]) for use in entry.get("processes") or ()})
                why = "; ".join(users) or entry.get("message") or "in use"
                lines.append("%s: %s: %s" % (name, entry["prefix"], why))
    return ["", "Deferred, because the prefix was in use:", *map(plain_text, lines)] if lines else []


def _snapshots(document: _Map) -> list[str]:
    """Which snapshots there were to choose from, of the hosts that had several."""
    lines = [
        "%s: %s  %s" % (name, item["id"], item["reason"] or item["created"] or "not complete")
        for name, host in document["hosts"].items()
        if len(host.get("snapshots") or ()) > 1
        for item in host["snapshots"]
    ]
    return ["", "Snapshots to choose from, oldest first:", *map(plain_text, lines)] if lines else []


def _left_out(document: _Map) -> list[str]:
    merged: dict[tuple[str, str], list[str]] = {}
    for name, host in document["hosts"].items():
        for item in host["left_out"]:
            merged.setdefault((item["prefix"], item["reason"]), []).append(name)
    lines = ["%s: %s: %s" % (merge_host_names(names), *key) for key, names in sorted(merged.items())]
    return ["", "Left out:", *map(plain_text, lines)] if lines else []


__all__ = ("SCHEMA", "change_document", "change_lines", "failing_hosts")
