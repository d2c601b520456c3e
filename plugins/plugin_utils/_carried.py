# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Hosts that a run left out, as one with C(--limit) does: the report keeps what the run before knew of them."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._contents import host_of, is_gone
from ansible_collections.labfleet.conda.plugins.plugin_utils._gates import SEVERITIES
from ansible_collections.labfleet.conda.plugins.plugin_utils._host_names import merge_host_names

_Map = t.Mapping[str, t.Any]


class Carried(t.NamedTuple):
    """The hosts of the report before that are not part of this run.

    :param hosts: the entries of those that the inventory still has, each with C(last_seen).
    :param gone: the names of the others.
    :param contents_gone: the names of containers and images that their hosts no longer have.
    """

    hosts: dict[str, t.Any]
    gone: list[str]
    contents_gone: list[str]


def carry_over(previous: _Map | None, this_run: t.Mapping[str, _Map], inventory: t.Container[str]) -> Carried:
    """Take over the hosts that this run has not looked at.

    :param previous: the document of the run before.
    :param this_run: the hosts of this run.
    :param inventory: the names of all hosts that there are.
    """
    hosts, gone, contents_gone = {}, [], []
    for name, entry in ((previous or {}).get("hosts") or {}).items():
        if name in this_run:
            continue
        if host_of(name, entry) not in inventory and host_of(name, entry) not in this_run:
            gone.append(name)
            continue
        if is_gone(name, entry, this_run):
            contents_gone.append(name)
            continue
        last_seen = entry.get("last_seen") or previous["generated"]
        findings = [{"last_seen": last_seen, **finding, "state": "open"} for finding in entry["findings"]]
        hosts[name] = {**entry, "last_seen": last_seen, "findings": findings}
    return Carried(hosts, sorted(gone), sorted(contents_gone))


def of_this_run(hosts: _Map) -> dict[str, t.Any]:
    """The hosts without those that were carried over."""
    return {name: host for name, host in hosts.items() if not host.get("last_seen")}


def carried_summary(hosts: _Map) -> dict[str, t.Any]:
    """What the summary of a document tells of its hosts that were carried over."""
    carried = {name: host for name, host in hosts.items() if host.get("last_seen")}
    return {"hosts_carried_over": sorted(carried), "findings_carried_over": _counts(carried.values())}


def carried_lines(document: _Map) -> list[str]:
    """What a digest tells of them: which hosts, since when, and with how much."""
    lines = ["%s: last seen %s: %s" % group for group in carried_groups(document)]
    gone = (document.get("trend") or {}).get("hosts_gone")
    if gone:
        text = "No longer in the inventory, and therefore no longer in the report: %s"
        lines.append(text % merge_host_names(gone))
    return ["", "Not part of this run, and not counted above:", *lines] if lines else []


def carried_groups(document: _Map) -> list[tuple[str, str, str]]:
    """Those last seen at the same time as one group: their names, when it was, and how much was found on them."""
    groups: dict[str, dict[str, t.Any]] = {}
    for name, host in document["hosts"].items():
        if host.get("last_seen"):
            groups.setdefault(host["last_seen"], {})[name] = host
    return [(merge_host_names(hosts), time, _said(hosts.values())) for time, hosts in sorted(groups.items())]


def _counts(hosts: t.Iterable[_Map]) -> dict[str, int]:
    counts = dict.fromkeys(reversed(SEVERITIES), 0)
    for host in hosts:
        for finding in host.get("findings") or ():
            if not finding.get("waiver"):
                counts[finding["severity"]] += 1
    return counts


def _said(hosts: t.Collection[_Map]) -> str:
    counts = ["%d %s" % (count, severity) for severity, count in _counts(hosts).items() if count]
    return ", ".join(counts) or "no findings"


__all__ = ("Carried", "carried_groups", "carried_lines", "carried_summary", "carry_over", "of_this_run")
