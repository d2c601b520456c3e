# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The digest of an audit on the terminal: one table, the worst first, equal findings of several hosts merged."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._carried import carried_lines, of_this_run
from ansible_collections.labfleet.conda.plugins.plugin_utils._gates import SEVERITIES
from ansible_collections.labfleet.conda.plugins.plugin_utils._host_names import brief_host_names, merge_host_names
from ansible_collections.labfleet.conda.plugins.plugin_utils._image_status import (
    CURRENT,
    SUPPORTED,
    image_rows,
    status_counts,
)
from ansible_collections.labfleet.conda.plugins.plugin_utils._table import MAX_LINE, fold, plain_text, render_table

_Map = t.Mapping[str, t.Any]
_HEADS = ("SEVERITY", "RULE", "HOSTS", "WHERE", "WHAT")
_MAX_EVIDENCE = 160
# A rule that speaks of more than so many different things is one row.
_MANY_PLACES = 3
_MOST_IMAGES = 10


def digest_lines(document: _Map, *, rows: int) -> list[str]:
    """The lines to print, none of them wider than a terminal.

    :param document: the fleet's audit document.
    :param rows: at most so many rows of findings.
    """
    found = _rows(document)
    lines = ["", *fold(_headline(document)), ""]
    if found:
        lines += render_table(_HEADS, [row for row, _count in found[:rows]], width=MAX_LINE, whole=2)
        if len(found) > rows:
            left = sum(count for _row, count in found[rows:])
            lines.append("and %d more rows with %d findings, in the report" % (len(found) - rows, left))
    else:
        seen = document["summary"]["hosts"] - len(document["summary"]["hosts_not_seen"])
        lines.append("Nothing was found on %d hosts." % seen if seen else "Nothing is known: no host could be audited.")
    return lines + fold([*_lag(document), *_images(document), *_trouble(document), *carried_lines(document)])


def _headline(document: _Map) -> list[str]:
    summary = document["summary"]
    counts = ["%d %s" % (summary["findings"][name], name) for name in reversed(SEVERITIES) if summary["findings"][name]]
    seen = summary["hosts"] > len(summary["hosts_not_seen"])
    text = "AUDIT of %d hosts, %d installations, %d environments: %s" % (
        summary["hosts"],
        summary["installations"],
        summary["environments"],
        ", ".join(counts) or ("no findings" if seen else "no host was seen"),
    )
    if summary["waived"]:
        text += " (%d waived)" % summary["waived"]
    lines = [text]
    coverage = summary["coverage"]
    if coverage.get("packages"):
        lines.append(
            "Advisories of %s: of %d packages %d are vulnerable, for %d none is known, %d are unmapped."
            % (
                document["advisories"].get("date"),
                coverage["packages"],
                coverage["vulnerable"],
                coverage["none_known"],
                coverage["unmapped"],
            )
        )
    trend = document.get("trend")
    if trend:
        parts = (trend["previous"], trend["new"], trend["open"], trend["fixed"])
        lines.append("Since %s: %d new, %d still open, %d fixed." % parts)
    return lines


def _rows(document: _Map) -> list[tuple[list[str], int]]:
    """The rows, worst first, each with the number of findings in it."""
    merged: dict[tuple[str, str, str, str], dict[str, None]] = {}
    for name, host in of_this_run(document["hosts"]).items():
        for finding in host.get("findings", ()):
            if not finding.get("waiver"):
                key = (finding["severity"], finding["rule"], finding["subject"], finding["evidence"])
                merged.setdefault(key, {})[name] = None
    groups: dict[tuple[str, str], list[tuple[str, str, list[str]]]] = {}
    for (severity, rule, subject, evidence), hosts in merged.items():
        groups.setdefault((severity, rule), []).append((subject, evidence, list(hosts)))
    rows = []
    for (severity, rule), places in groups.items():
        if len(places) > _MANY_PLACES:
            rows.append((_summed(severity, rule, places, document), len(places)))
            continue
        for subject, evidence, hosts in places:
            what = evidence if len(evidence) <= _MAX_EVIDENCE else evidence[: _MAX_EVIDENCE - 1] + "…"
            rows.append(([severity, rule, brief_host_names(hosts), plain_text(subject), plain_text(what)], 1))
    return sorted(rows, key=lambda item: (-SEVERITIES.index(item[0][0]), item[0][1:]))


def _summed(severity: str, rule: str, places: list[tuple[str, str, list[str]]], document: _Map) -> list[str]:
    """One row for a rule that speaks in many places."""
    title = document["rules"].get(rule, {}).get("title", "")
    subjects = sorted({subject for subject, _evidence, _hosts in places})
    hosts = sorted({name for _subject, _evidence, names in places for name in names})
    times = sum(len(names) for _subject, _evidence, names in places)
    where = subjects[0] if len(subjects) == 1 else "%d paths, %s first" % (len(subjects), subjects[0])
    return [severity, rule, brief_host_names(hosts), plain_text(where), "%s (%d times)" % (title, times)]


def _lag(document: _Map) -> list[str]:
    """The hosts that are more than two releases behind the median of the fleet."""
    fleet = document["fleet"]
    lines = [
        "%s: %s %s, %d releases behind the fleet's median %s"
        % (
            merge_host_names(entry["hosts"]),
            entry["tool"],
            entry["version"],
            entry["behind"],
            fleet["median"][entry["tool"]],
        )
        for entry in fleet["lag"]
    ]
    return ["", "Lagging behind:", *lines] if lines else []


def _images(document: _Map) -> list[str]:
    """How many images may still be used, and the first of those that may not."""
    rows = image_rows(of_this_run(document["hosts"]))
    if not rows:
        return []
    counts = ["%d %s" % (number, word) for word, number in status_counts(of_this_run(document["hosts"])).items()]
    doubtful = [row for row in rows if row[1]["status"] not in (CURRENT, SUPPORTED)]
    lines = ["%s: %s: %s" % (plain_text(name), health["status"], health["reason"]) for name, health in doubtful]
    more = ["and %d more images, in the report" % (len(lines) - _MOST_IMAGES)] if len(lines) > _MOST_IMAGES else []
    return ["", "Images: %s." % ", ".join(counts), *lines[:_MOST_IMAGES], *more]


def _trouble(document: _Map) -> list[str]:
    """Hosts not seen, and how much could not be read or judged: unknown is never clean."""
    lines = []
    for name, host in of_this_run(document["hosts"]).items():
        if host["status"] in ("failed", "unreachable"):
            lines.append("%s: %s: %s" % (name, host["status"], plain_text(host["message"])))
        elif host["status"] == "incomplete":
            lines.append("%s: incomplete: the time limit ended the audit" % name)
    summary = document["summary"]
    if summary["unreadable"] or summary["unjudged"]:
        lines.append(
            "%d things could not be read, %d could not be judged: see the report."
            % (summary["unreadable"], summary["unjudged"])
        )
    return ["", "Not known:", *lines] if lines else []


__all__ = ("digest_lines",)
