# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The data of the HTML report: every text once, everything else columns of numbers that point to the texts.

That is what lets a browser search and sort some hundred thousand findings while somebody types. Texts are sorted, so
that their numbers sort as they do. Findings that are the same on several hosts are one row with its hosts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._report_parts import (
    SEVERITIES,
    advisory_ids,
    fixed_findings,
    natural,
    rule_of,
    visible,
    waiver_text,
)

# Stand for the subject and the item within another text of the same row: "chmod -R o-w \1" is one text for all.
SUBJECT, ITEM = "\x01", "\x02"
STATES = ("new", "open", "fixed")
STATUSES = ("ok", "incomplete", "failed", "unreachable")
TEXT_COLUMNS = (
    "kind",
    "subject",
    "item",
    "path",
    "environment",
    "owner",
    "evidence",
    "remedy",
    "layer",
    "waiver",
    "last_seen",
)
# What a row shows of a finding, beside its waiver and its advisories.
_WORDS = ("severity", "rule", *(key for key in TEXT_COLUMNS if key != "waiver"))

_Map = t.Mapping[str, t.Any]
_Columns = dict[str, list[int]]


class Texts:
    """Gives each text a number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {"": 0}

    def number(self, value: t.Any) -> int:
        """The number of a text, for now; see sort()."""
        if not value:
            return 0
        text = value if isinstance(value, str) and value.isprintable() else visible(value)
        return self._numbers.setdefault(text, len(self._numbers))

    def filled(self, text: str | None, subject: str, item: str | None) -> int:
        """The number of a text in which the subject and the item of its row are left open."""
        if not text:
            return 0
        text = text if text.isprintable() else visible(text)
        if len(subject) > 1:
            text = text.replace(subject, SUBJECT)
        if item and len(item) > 2:
            text = text.replace(item, ITEM)
        return self._numbers.setdefault(text, len(self._numbers))

    def sort(self) -> tuple[list[str], list[int]]:
        """All texts in order, and for each number so far the new one. The empty text stays the first."""
        order = sorted(self._numbers, key=_order)
        places = [0] * len(order)
        for place, text in enumerate(order):
            places[self._numbers[text]] = place
        return order, places


def _order(text: str) -> tuple[str, str]:
    return (text.casefold(), text)


class _Rows:
    """Merges findings; each row is a tuple of numbers, its hosts and their states a list of its own."""

    def __init__(self, document: _Map, texts: Texts, hosts: t.Mapping[str, int]) -> None:
        self._document, self._texts, self._hosts = document, texts, hosts
        self.rules: dict[str, int] = {}
        self.rows: dict[tuple[int, ...], list[int]] = {}
        self.advisories: dict[tuple[str, ...], int] = {(): 0}
        self._ranks = {severity: rank for rank, severity in enumerate(SEVERITIES)}
        self._seen: dict[tuple[t.Any, ...], list[int]] = {}

    def add(self, host: str, finding: _Map, state: int) -> None:
        """Add a finding; most hosts of a fleet have the same, and what was seen before is not looked into again."""
        waiver, details = finding.get("waiver"), finding.get("details")
        words = tuple(map(finding.get, _WORDS))
        known = (words, repr(details.get("advisory")), repr(details.get("advisories"))) if details else (words,)
        members = None if waiver else self._seen.get(known)
        if members is None:
            members = self.rows.setdefault(self._row(finding), [])
            if not waiver:
                self._seen[known] = members
        members.append(self._hosts[host] * len(STATES) + state)

    def _row(self, finding: _Map) -> tuple[int, ...]:
        number, filled = self._texts.number, self._texts.filled
        subject, item, waiver = finding["subject"], finding.get("item"), finding.get("waiver")
        named = tuple(advisory_ids(self._document, finding)) if finding.get("details") or item else ()
        return (
            self._ranks[finding["severity"]],
            self.rules.setdefault(finding["rule"], len(self.rules)),
            self.advisories.setdefault(named, len(self.advisories)) if named else 0,
            number(finding.get("kind")),
            number(subject),
            number(item),
            filled(finding.get("path"), subject, None),
            number(finding.get("environment")),
            number(finding.get("owner")),
            filled(finding.get("evidence"), subject, item),
            filled(finding.get("remedy"), subject, item),
            number(finding.get("layer")),
            number(waiver_text(waiver)) if waiver else 0,
            number(finding.get("last_seen")),
        )


def report_data(document: _Map) -> dict[str, t.Any]:
    """All that the page shows below its head, as plain lists and maps for C(json)."""
    hosts = {name: place for place, name in enumerate(sorted(document["hosts"], key=natural))}
    for finding in fixed_findings(document):  # of a host that is no longer in the inventory
        hosts.setdefault(finding["host"], len(hosts))
    texts = Texts()
    rows = _Rows(document, texts, hosts)
    for name, host in document["hosts"].items():
        for finding in host.get("findings") or ():
            rows.add(name, finding, 0 if finding.get("state") == "new" else 1)
    for finding in fixed_findings(document):
        rows.add(finding["host"], finding, 2)
    parts = {
        "installations": _installations(document, texts, hosts),
        "environments": _environments(document, texts, hosts),
        "unreadable": _listed(document, texts, hosts, "unreadable", ("path", "reason")),
        "unjudged": _listed(document, texts, hosts, "unjudged", ("rule", "subject", "reason")),
    }
    order, places = texts.sort()
    for columns in parts.values():
        for key in columns:
            if key not in ("host", "packages", "pip", "processes"):
                columns[key] = [places[number] for number in columns[key]]
    return {
        "texts": order,
        "hosts": _hosts(document, hosts),
        "rules": [_rule(document, rule) for rule in rows.rules],
        "advisories": [list(names) for names in rows.advisories],
        "advisoryTexts": _advisory_texts(document, rows.advisories),
        "findings": _findings(rows, places),
        **parts,
    }


def _findings(rows: _Rows, places: list[int]) -> dict[str, list[int]]:
    """The columns of the merged findings, the worst and most frequent first; C(member) holds host and state, C(start)
    where the members of a row begin."""
    found = [((row[0], -len(members), row[1], *map(places.__getitem__, row[3:])), row[2], members)
             for row, members in rows.rows.items()]  # fmt: skip
    found.sort(key=lambda entry: entry[0])
    columns: dict[str, list[int]] = {
        "severity": [row[0] for row, _advisories, _members in found],
        "rule": [row[2] for row, _advisories, _members in found],
        "advisories": [advisories for _row, advisories, _members in found],
    }
    for place, key in enumerate(TEXT_COLUMNS, 3):
        columns[key] = [row[place] for row, _advisories, _members in found]
    columns["start"], columns["member"] = [0], []
    for _row, _advisories, members in found:
        columns["member"] += sorted(members)
        columns["start"].append(len(columns["member"]))
    return columns


def _rule(document: _Map, name: str) -> dict[str, str]:
    rule = (document.get("rules") or {}).get(name) or rule_of(document, {"rule": name, "severity": "info"})
    return {
        "id": visible(name),
        **{key: visible(rule.get(key)) for key in ("title", "family", "explanation", "source")},
    }


def _advisory_texts(document: _Map, named: t.Iterable[tuple[str, ...]]) -> dict[str, dict[str, t.Any]]:
    texts = document.get("advisory_texts") or {}
    keys = ("summary", "severity", "cvss", "published", "url")
    return {
        name: {**{key: visible(texts[name].get(key)) for key in keys},
               "aliases": [visible(alias) for alias in texts[name].get("aliases") or ()]}
        for name in sorted({name for names in named for name in names})
    }  # fmt: skip


def _hosts(document: _Map, places: t.Mapping[str, int]) -> list[dict[str, t.Any]]:
    alike = {name: group for group in (document.get("fleet") or {}).get("alike") or () for name in group}
    entries = []
    for name in places:
        host = document["hosts"].get(name) or {"status": "failed", "message": "the host is not in this run"}
        coverage = host.get("coverage") or {}
        entry = {
            "name": visible(name),
            "status": STATUSES.index(host["status"]),
            "message": visible(host.get("message")),
            "lastSeen": visible(host.get("last_seen")),
            "root": visible(host.get("root")),
            "unreadable": host.get("unreadable_count") or 0,
            "coverage": [coverage.get(key) or 0 for key in ("vulnerable", "none_known", "unmapped")],
            "gpu": _gpu(host.get("gpu") or {}),
            "image": visible("%(status)s: %(reason)s" % host["health"]) if host.get("health") else "",
        }
        entries.append({**entry, "alike": [places[other] for other in alike.get(name, ()) if other in places]})
    return entries


def _gpu(gpu: _Map) -> str:
    """The devices and the driver in one line."""
    names: dict[str, int] = {}
    for device in gpu.get("devices") or ():
        name = visible((device.get("name") or device.get("model")) or "a device without a name")
        names[name] = names.get(name, 0) + 1
    parts = ["%d × %s" % (number, name) if number > 1 else name for name, number in names.items()]
    return ", ".join([*parts, *(["driver %s" % visible(gpu["driver"])] if gpu.get("driver") else [])])


def _installations(document: _Map, texts: Texts, hosts: t.Mapping[str, int]) -> _Columns:
    keys = ("kind", "distribution", "prefix", "version", "owner")
    columns: _Columns = {key: [] for key in ("host", *keys, "solver", "frozen")}
    for name, host in document["hosts"].items():
        for item in host.get("installations") or ():
            columns["host"].append(hosts[name])
            for key in keys:
                columns[key].append(texts.number(item.get(key)))
            columns["solver"].append(texts.number((item.get("solver") or {}).get("name")))
            columns["frozen"].append(texts.number("frozen" if item.get("frozen") else ""))
    return columns


def _environments(document: _Map, texts: Texts, hosts: t.Mapping[str, int]) -> _Columns:
    keys = ("prefix", "name", "owner", "installation", "python_version")
    numbers = {"packages": "record_count", "pip": "pip_count", "processes": "processes"}
    columns: _Columns = {key: [] for key in ("host", *keys, *numbers)}
    for name, host in document["hosts"].items():
        for item in host.get("environments") or ():
            columns["host"].append(hosts[name])
            for key in keys:
                columns[key].append(texts.number(item.get(key)))
            for key, source in numbers.items():
                # -1: it could not be counted
                columns[key].append(-1 if item.get(source) is None else item[source])
    return columns


def _listed(document: _Map, texts: Texts, hosts: t.Mapping[str, int], name: str, keys: t.Sequence[str]) -> _Columns:
    columns: _Columns = {key: [] for key in ("host", *keys)}
    for host_name, host in document["hosts"].items():
        for item in host.get(name) or ():
            columns["host"].append(hosts[host_name])
            for key in keys:
                columns[key].append(texts.number(item.get(key)))
    return columns


__all__ = ("ITEM", "STATES", "STATUSES", "SUBJECT", "Texts", "report_data")
