# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The fleet: what all hosts of a run told, as one document and as one table."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._contents import with_contents
from ansible_collections.labfleet.conda.plugins.plugin_utils._host_names import merge_host_names
from ansible_collections.labfleet.conda.plugins.plugin_utils._host_result import host_entry, hosts_summary
from ansible_collections.labfleet.conda.plugins.plugin_utils._table import plain_text

SCHEMA = "labfleet.conda/fleet/1"
HEADS = ("HOST", "INSTALLATION", "VERSION", "SOLVER", "ENVIRONMENTS", "NOTES")


def fleet_document(results: t.Mapping[str, t.Mapping[str, t.Any] | None]) -> dict[str, t.Any]:
    """One document of all hosts.

    :param results: per host what C(conda_info) returned, or what the task's failure left; None for a host
        that gave nothing.
    :returns: C(schema), C(summary) and C(hosts); each host has a C(status): ok, incomplete, failed or unreachable.
    """
    members = sorted(with_contents(results).items())
    hosts = {name: host_entry(result, mark="installations") for name, result in members}
    return {"schema": SCHEMA, "summary": hosts_summary(hosts), "hosts": hosts}


def table_rows(document: t.Mapping[str, t.Any]) -> list[list[str]]:
    """The rows of the table, hosts with equal rows merged into one block."""
    blocks: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for name, host in document["hosts"].items():
        blocks.setdefault(tuple(_host_rows(host)), []).append(name)
    rows = []
    for block, names in sorted(blocks.items(), key=lambda item: min(item[1])):
        for index, row in enumerate(block):
            rows.append([merge_host_names(names) if index == 0 else "", *row])
    return rows


def _host_rows(host: t.Mapping[str, t.Any]) -> list[tuple[str, ...]]:
    if host["status"] in ("failed", "unreachable"):
        return [("", "", "", "", "%s: %s" % (host["status"], host["message"]))]
    rows = [_installation_row(item, host["environments"]) for item in host["installations"]]
    orphans = [item for item in host["environments"] if item["installation"] is None]
    if orphans:
        rows.append(("(no installation)", "", "", str(len(orphans)), _makers(orphans)))
    if not rows:
        rows.append(("none found", "", "", "", ""))
    trouble = []
    if host["status"] == "incomplete":
        trouble.append("INCOMPLETE: the time limit ended the look")
    if host["unreadable_count"]:
        trouble.append("%d unreadable, see below" % host["unreadable_count"])
    if trouble:
        rows[-1] = (*rows[-1][:-1], "; ".join(filter(None, [rows[-1][-1], *trouble])))
    return rows


def _installation_row(item: t.Mapping[str, t.Any], environments: t.Sequence[t.Mapping[str, t.Any]]) -> tuple[str, ...]:
    place = item["prefix"] or item["program"] or ""
    what = item["distribution"] if item["distribution"] not in (None, "custom") else item["kind"]
    own = [one for one in environments if item["prefix"] and one["installation"] == item["prefix"] and not one["base"]]
    solver = (item["solver"] or {}).get("name") or ("" if item["kind"] != "conda" else "unknown")
    return (
        "%s (%s)" % (place, what),
        item["version"] or "unknown",
        solver,
        str(len(own)),
        "; ".join(_notes(item, environments)),
    )


def _notes(item: t.Mapping[str, t.Any], environments: t.Sequence[t.Mapping[str, t.Any]]) -> list[str]:
    notes = []
    if item["kind"] == "conda" and item["versions"].get("mamba"):
        notes.append("mamba %s" % item["versions"]["mamba"])
    if item["owner"] != "root":
        notes.append("owner %s" % item["owner"])
    writers = item["writers"]
    if writers["everybody"]:
        notes.append("WRITABLE BY EVERYBODY")
    elif writers["groups"]:
        notes.append("writable by group %s" % ", ".join(writers["groups"]))
    others = [user for user in writers["users"] if user != item["owner"]]
    if others:
        notes.append("writable by %s" % ", ".join(others))
    if item["frozen"]:
        notes.append("frozen")
    if item["secondary"]:
        notes.append("inside another installation's environment")
    base = next((one for one in environments if one["prefix"] == item["prefix"]), None)
    if base and base["pip_packages"]:
        notes.append("%d pip packages in base" % len(base["pip_packages"]))
    return notes + list(item["notes"])


def _makers(environments: t.Sequence[t.Mapping[str, t.Any]]) -> str:
    makers = sorted({item["made_by"] or "an unknown tool" for item in environments})
    return "made by " + ", ".join(makers)


def unreadable_lines(document: t.Mapping[str, t.Any], *, limit: int = 20) -> list[str]:
    """What could not be read, one line each, hosts with the same trouble merged; only the first lines of many."""
    hosts: dict[tuple[str, str], list[str]] = {}
    for name, host in document["hosts"].items():
        for entry in host.get("unreadable", ()):
            hosts.setdefault((entry["path"], entry["reason"]), []).append(name)
    lines = [
        "%s: %s: %s" % (merge_host_names(names), plain_text(path), reason)
        for (path, reason), names in sorted(hosts.items(), key=lambda item: (min(item[1]), item[0]))
    ]
    if len(lines) > limit:
        lines[limit:] = ["and %d more, in the document that dest writes" % (len(lines) - limit)]
    return ["Could not be read:", *lines] if lines else []


__all__ = ("HEADS", "SCHEMA", "fleet_document", "table_rows", "unreadable_lines")
