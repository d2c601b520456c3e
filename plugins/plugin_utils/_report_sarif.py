# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The report as SARIF 2.1.0 (OASIS, errata 01), for code scanning and other consumers of analysis results.

One run for the fleet: hosts are base addresses of the paths and logical locations. Written by hand, since the library
that models the format (sarif-om) is not on a controller; the tests validate against the schema of OASIS.
"""

from __future__ import annotations

import typing as t
from urllib.parse import quote

from ansible_collections.labfleet.conda.plugins.plugin_utils._report_parts import (
    NOT_SEEN,
    advisory_ids,
    dump,
    findings_of,
    fixed_findings,
    one_line,
    visible,
    waiver_text,
)

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_RESULTS_AT_ONCE = 500
_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}
# GitHub: over 9.0 is critical, from 7.0 high, from 4.0 medium ("SARIF support for code scanning").
_SCORES = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "2.0", "info": "0.0"}
_SECURITY = frozenset(("channels", "permissions", "secrets", "transport", "vulnerabilities", "caches", "tool"))

_Map = t.Mapping[str, t.Any]


def chunks(document: _Map) -> t.Iterator[str]:
    """Yield the text in pieces."""
    rules = document.get("rules") or {}
    ids = sorted({finding["rule"] for _host, finding in _all(document)} | set(rules))
    yield '{"$schema":%s,"version":"2.1.0","runs":[{"tool":{"driver":' % dump(SCHEMA)
    yield dump(
        {
            "name": "labfleet.conda",
            "informationUri": "https://github.com/labfleet/labfleet.conda",
            "rules": [_rule(rule, rules.get(rule) or {}) for rule in ids],
        }
    )
    yield '},"automationDetails":{"id":"labfleet.conda/audit/"},"columnKind":"unicodeCodePoints"'
    yield ',"invocations":[%s]' % dump(_invocation(document))
    bases = {_base_id(name): _base(name) for name in document["hosts"]}
    yield ',"originalUriBaseIds":%s,"results":[' % dump(bases)
    yield from _results(document, {rule: place for place, rule in enumerate(ids)})
    yield "]}]}\n"


def _all(document: _Map) -> t.Iterator[tuple[str, _Map]]:
    yield from findings_of(document)
    for finding in fixed_findings(document):
        yield finding["host"], finding


def _rule(name: str, rule: _Map) -> dict[str, t.Any]:
    title = one_line(rule.get("title") or name)
    explanation, remedy = visible(rule.get("explanation")) or title, visible(rule.get("remedy"))
    severity, family = rule.get("severity") or "info", rule.get("family") or name.partition(".")[0]
    source = visible(rule.get("source"))
    text = "\n\n".join(part for part in (explanation, remedy and "Remedy: " + remedy) if part)
    markdown = "\n\n".join(part for part in (explanation, remedy and "**Remedy**\n\n" + _fenced(remedy)) if part)
    properties: dict[str, t.Any] = {"tags": ["conda", family], "precision": "high"}
    if family in _SECURITY:
        properties["tags"].append("security")
        properties["security-severity"] = _SCORES[severity]
    return {
        "id": name,
        "shortDescription": {"text": title},
        "fullDescription": {"text": explanation},
        "help": {"text": text + ("\n\nSource: " + source if source else ""), "markdown": markdown},
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": properties,
    }


def _fenced(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return "%s\n%s\n%s" % (fence, text, fence)


def _invocation(document: _Map) -> dict[str, t.Any]:
    """How the run went; what was not seen or not judged is told here, since it is no result and not clean either."""
    notices = []
    for name, host in document["hosts"].items():
        if host.get("last_seen"):
            said = "%s: not part of this run; last seen %s" % (name, host["last_seen"])
            notices.append(_notice("note", said, [_host(name)]))
            continue
        if host["status"] in NOT_SEEN:
            said = "%s: %s: %s" % (name, host["status"], host.get("message") or "no reason was given")
            notices.append(_notice("error", said, [_host(name)]))
        elif host["status"] == "incomplete":
            notices.append(_notice("error", "%s: the look at the host did not come to its end" % name, [_host(name)]))
        for entry in host.get("unreadable") or ():
            said = "%s: %s could not be read: %s" % (name, entry["path"], entry["reason"])
            notices.append(_notice("warning", said, [_host(name), _place(name, entry["path"], "directory")]))
        for entry in host.get("unjudged") or ():
            where = [_host(name), _place(name, entry["subject"], "directory")]
            said = "%s: %s was not judged by %s: %s" % (name, entry["subject"], entry["rule"], entry["reason"])
            notices.append({**_notice("warning", said, where), "associatedRule": {"id": entry["rule"]}})
    well = not document["summary"]["hosts_not_seen"] and not document["summary"]["hosts_incomplete"]
    return {
        "executionSuccessful": well,
        "endTimeUtc": document["generated"],
        "toolExecutionNotifications": notices,
        "properties": {"coverage": document["summary"]["coverage"], "advisories": document.get("advisories")},
    }


def _notice(level: str, text: str, where: list[_Map]) -> dict[str, t.Any]:
    return {"level": level, "message": {"text": one_line(text)}, "locations": [{"logicalLocations": where}]}


def _results(document: _Map, indexes: t.Mapping[str, int]) -> t.Iterator[str]:
    previous = document.get("trend") is not None
    batch: list[str] = []
    separator = ""
    for host, finding in findings_of(document):
        state = {"new": "new", "open": "unchanged"}[finding.get("state") or "open"] if previous else None
        batch.append(dump(_result(document, indexes, host, finding, state)))
        if len(batch) == _RESULTS_AT_ONCE:
            yield separator + ",\n".join(batch)
            separator, batch = ",\n", []
    batch += [dump(_result(document, indexes, item["host"], item, "absent")) for item in fixed_findings(document)]
    if batch:
        yield separator + ",\n".join(batch)


def _result(
    document: _Map, indexes: t.Mapping[str, int], host: str, finding: _Map, state: str | None
) -> dict[str, t.Any]:
    remedy = finding.get("remedy")
    message = "%s: %s" % (host, visible(finding["evidence"])) + (" Remedy: " + visible(remedy) if remedy else "")
    message = message.replace("](", "] (")  # data makes no links (3.11.6, messages with embedded links)
    result: dict[str, t.Any] = {
        "ruleId": finding["rule"],
        "ruleIndex": indexes[finding["rule"]],
        "level": _LEVELS[finding["severity"]],
        "message": {"text": message},
        "locations": [_location(host, finding)],
        "partialFingerprints": {"findingKey/v1": finding.get("key") or ""},
    }
    if state:
        result["baselineState"] = state
    properties: dict[str, t.Any] = {"severity": finding["severity"], "layer": finding.get("layer")}
    if finding.get("owner"):
        properties["owner"] = finding["owner"]
    if finding.get("last_seen"):
        properties["lastSeen"] = finding["last_seen"]
    advisories = advisory_ids(document, finding)
    if advisories:
        properties["advisories"] = advisories
        properties["security-severity"] = _score(document, advisories, finding["severity"])
    result["properties"] = properties
    if finding.get("waiver"):
        justification = visible(waiver_text(finding["waiver"]))
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": justification}]
    return result


def _score(document: _Map, advisories: t.Sequence[str], severity: str) -> str:
    known = [document["advisory_texts"][name].get("cvss") for name in advisories]
    numbers = [score for score in known if isinstance(score, (int, float)) and 0 <= score <= 10]
    return "%.1f" % max(numbers) if numbers else _SCORES[severity]


def _location(host: str, finding: _Map) -> dict[str, t.Any]:
    where = finding.get("path") or finding["subject"]
    uri = quote(where.lstrip("/").encode("utf-8", "surrogatepass")) or "."
    places = [_host(host)]
    if finding["subject"] != "/":
        places.append(_place(host, finding["subject"], finding.get("kind") or "environment"))
    if finding.get("item"):
        whole = "%s:%s#%s" % (host, finding["subject"], finding["item"])
        places.append({"name": visible(finding["item"]), "fullyQualifiedName": visible(whole), "kind": "item"})
    return {
        "physicalLocation": {"artifactLocation": {"uri": uri, "uriBaseId": _base_id(host)}},
        "logicalLocations": places,
    }


def _host(name: str) -> dict[str, str]:
    return {"name": name, "fullyQualifiedName": name, "kind": "host"}


def _place(host: str, path: str, kind: str) -> dict[str, str]:
    return {"name": visible(path), "fullyQualifiedName": visible("%s:%s" % (host, path)), "kind": kind}


def _base_id(host: str) -> str:
    return "HOST_" + host


def _base(host: str) -> dict[str, t.Any]:
    # the host stands in the path: a name is not always one that an address may have before its first slash
    return {
        "uri": "file:///%s/" % quote(host, safe=""),
        "description": {"text": "The root that was looked at on %s" % host},
    }


__all__ = ("SCHEMA", "chunks")
