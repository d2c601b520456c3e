# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The report as a digest for a chat: what changed and what is worst, in a few lines of Markdown."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._carried import carried_groups, of_this_run
from ansible_collections.labfleet.conda.plugins.plugin_utils._host_names import merge_host_names
from ansible_collections.labfleet.conda.plugins.plugin_utils._image_status import (
    CURRENT,
    SUPPORTED,
    image_rows,
)
from ansible_collections.labfleet.conda.plugins.plugin_utils._report_parts import (
    NOT_SEEN,
    SEVERITIES,
    counted,
    findings_of,
    headline,
    one_line,
    rule_of,
)

MAX_LINES = 60
MAX_CHARACTERS = 4000
_TOP = 10
_NEW = 5
_HOSTS = 8
_UNSURE = (
    ("unreadable", "places unreadable"),
    ("unjudged", "checks not done"),
    ("not_seen_again", "findings from before that were not looked for"),
)
_SPECIAL = "\\`*_{}[]()#+!|~$-"

_Map = t.Mapping[str, t.Any]


def chunks(document: _Map) -> t.Iterator[str]:
    """Yield the text: at most 60 lines and 4,000 characters, whatever the size of the fleet."""
    lines = ["## conda audit: " + headline(document), "", *_facts(document)]
    for title, section, more in _sections(document):
        lines += _fitting(lines, ["", "**%s**" % title, ""], section, more)
    yield "\n".join(lines) + "\n"


def _fitting(before: list[str], head: list[str], section: list[str], more: int) -> list[str]:
    """As much of a section as there is room for, with the number of what had to be left out; nothing if too little."""
    for kept in range(len(section), 0, -1):
        left_out = len(section) - kept + more
        block = [*head, *section[:kept], *(["- … and %s more" % format(left_out, ",")] if left_out else [])]
        if len(before) + len(block) <= MAX_LINES and _length(before) + _length(block) <= MAX_CHARACTERS:
            return block
    return []


def _length(lines: t.Iterable[str]) -> int:
    return sum(len(line) + 1 for line in lines)


def _facts(document: _Map) -> list[str]:
    summary, trend = document["summary"], document.get("trend")
    seen = summary["hosts"] - len(summary["hosts_not_seen"])
    facts = [
        escape(document["generated"], 40),
        "%s of %s seen" % (format(seen, ","), counted(summary["hosts"], "host")),
        counted(summary["environments"], "environment"),
    ]
    counts = ", ".join("%s **%s**" % (name, format(summary["findings"].get(name, 0), ",")) for name in SEVERITIES)
    waived = "; %s waived" % format(summary["waived"], ",") if summary["waived"] else ""
    lines = ["- " + " · ".join(facts), "- Findings: " + counts + waived]
    if trend:
        values = tuple(format(trend[key], ",") for key in ("new", "open", "fixed"))
        lines.append("- Since %s: **%s** new, %s still open, **%s** fixed" % (escape(trend["previous"], 40), *values))
    coverage = summary["coverage"]
    values = tuple(format(coverage[key], ",") for key in ("vulnerable", "none_known", "unmapped"))
    lines.append("- Packages: %s vulnerable, %s none known, %s unmapped (unknown is not clean)" % values)
    advisories = document.get("advisories") or {}
    lines.append("- Advisories of %s" % escape(advisories.get("date") or "an unknown date", 40))
    unsure = ["%s %s" % (format(summary[key], ","), text) for key, text in _UNSURE if summary.get(key)]
    return [*lines, *(["- Not known: " + ", ".join(unsure)] if unsure else [])]


def _sections(document: _Map) -> t.Iterator[tuple[str, list[str], int]]:
    """Yield title, lines, and how many more lines there would be."""
    hosts = of_this_run(document["hosts"])
    silent = [
        (host.get("message") or host["status"], name) for name, host in hosts.items() if host["status"] in NOT_SEEN
    ]
    yield "Not seen", ["- %s: %s" % (_names(names), escape(said, 160)) for said, names in _by_message(silent)], 0
    incomplete = [name for name, host in hosts.items() if host["status"] == "incomplete"]
    yield "Not seen to the end", ["- " + _names(incomplete)] if incomplete else [], 0
    carried = [tuple(escape(part, 160) for part in group) for group in carried_groups(document)]
    yield "Not part of this run", ["- %s, last seen %s: %s" % group for group in carried], 0
    worst = _merged(document)
    yield "Worst", [_line(document, *item) for item in worst[:_TOP]], max(0, len(worst) - _TOP)
    images = [row for row in image_rows(hosts) if row[1]["status"] not in (CURRENT, SUPPORTED)]
    lines = [
        "- **%s** %s: %s" % (health["status"], escape(name, 160), escape(health["reason"], 160))
        for name, health in images
    ]
    yield "Images not to start from", lines[:_NEW], max(0, len(lines) - _NEW)
    if document.get("trend"):
        new = _merged(document, state="new")
        yield "New", [_line(document, *item) for item in new[:_NEW]], max(0, len(new) - _NEW)


def _by_message(pairs: t.Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    groups: dict[str, list[str]] = {}
    for key, value in pairs:
        # "connect to host gpu01 port 22" is the same trouble for each host
        groups.setdefault(key.replace(value, "it"), []).append(value)
    return sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))


def _merged(document: _Map, state: str | None = None) -> list[tuple[_Map, list[str], int]]:
    """What one rule found, (an example, the hosts, how many findings), the worst and most frequent first."""
    groups: dict[tuple[str, str], tuple[_Map, dict[str, None], list[int]]] = {}
    left_out = set(document["hosts"]) - set(of_this_run(document["hosts"]))
    for host, finding in findings_of(document):
        if host in left_out or finding.get("waiver") or (state and finding.get("state") != state):
            continue
        found = groups.setdefault((finding["severity"], finding["rule"]), (finding, {}, [0]))
        found[1][host] = None
        found[2][0] += 1
    merged = [(finding, list(names), number[0]) for finding, names, number in groups.values()]
    order = {severity: place for place, severity in enumerate(SEVERITIES)}
    return sorted(merged, key=lambda item: (order[item[0]["severity"]], -len(item[1]), -item[2], item[0]["rule"]))


def _line(document: _Map, finding: _Map, hosts: list[str], number: int) -> str:
    title = escape(rule_of(document, finding)["title"], 80)
    times = "%s on %s" % (counted(number, "time"), _names(hosts))
    example = "" if number > 1 else " in %s" % escape(finding["subject"], 80)
    return "- **%s** %s (%s): %s%s" % (finding["severity"], title, escape(finding["rule"], 40), times, example)


def _names(names: list[str]) -> str:
    text = merge_host_names(names)
    if len(names) > 1 and len(text) > 80:
        text = merge_host_names(names[:_HOSTS])
        rest = len(names) - len(names[:_HOSTS])
        return "%s: %s%s" % (counted(len(names), "host"), escape(text, 160), " …" if rest else "")
    return escape(text, 160)


def escape(text: t.Any, width: int) -> str:
    """Data as Markdown that shows it as it is: no mark-up, no link, and nobody is notified.

    :param width: what is longer is cut.
    """
    text = one_line(text)
    text = text if len(text) <= width else text[: width - 1] + "…"
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = "".join("\\" + char if char in _SPECIAL else char for char in text)
    # Chats look for names and addresses after the mark-up is gone; a character without width keeps them apart.
    return text.replace("@", "@\u200b").replace("://", ":\u200b//").replace("www.", "www\u200b.")


__all__ = ("MAX_CHARACTERS", "MAX_LINES", "chunks", "escape")
