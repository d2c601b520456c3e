# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The document of an audit: what all hosts of a run told, judged as one fleet and against the run before."""

from __future__ import annotations

import hashlib
import json
import re
import typing as t
from collections.abc import Mapping

from ansible_collections.labfleet.conda.plugins.plugin_utils._carried import (
    Carried,
    carried_summary,
    carry_over,
    of_this_run,
)
from ansible_collections.labfleet.conda.plugins.plugin_utils._contents import host_of, with_contents
from ansible_collections.labfleet.conda.plugins.plugin_utils._fleet_view import fleet_view
from ansible_collections.labfleet.conda.plugins.plugin_utils._gates import SEVERITIES
from ansible_collections.labfleet.conda.plugins.plugin_utils._host_result import SEEN, host_entry, hosts_summary
from ansible_collections.labfleet.conda.plugins.plugin_utils._image_status import status_counts
from ansible_collections.labfleet.conda.plugins.plugin_utils._trend import Asked, compare

SCHEMA = "labfleet.conda/audit/1"
STATES = (*SEEN, "failed", "unreachable")
COVERAGE = ("packages", "vulnerable", "none_known", "unmapped")
RULE_TEXTS = ("title", "family", "severity", "explanation", "remedy", "source")
ADVISORY_TEXTS = ("summary", "severity", "cvss", "aliases", "published", "confidence")
_TIME = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$")
_MAIN_LISTS = ("findings", "installations", "environments")
_LISTS = (*_MAIN_LISTS, "unreadable", "unjudged")

_Map = t.Mapping[str, t.Any]


class DocumentError(ValueError):
    """A file holds no report that can be used; the text is one sentence that says where and why."""


def audit_document(
    results: t.Mapping[str, _Map | None],
    *,
    generated: str,
    advisories: _Map,
    rules: t.Mapping[str, _Map],
    policy: _Map | None = None,
    previous: _Map | None = None,
    inventory: t.Container[str] = (),
) -> dict[str, t.Any]:
    """One document of all hosts.

    :param results: per host what C(conda_audit) returned, or what the task's failure left; None for a host that gave
        nothing.
    :param generated: the time, as C(2026-11-22T10:00:00Z).
    :param advisories: C(date) and C(source) of the advisories, and C(advisories), a list of them or a map from id to
        advisory; empty where they are not known.
    :param rules: the texts of all rules by id; empty where they are not known.
    :param policy: the merged policy, with C(values), where all hosts have the same.
    :param previous: the document of the run before.
    :param inventory: the names of all hosts that there are. Those of them that are in the document before and not in
        this run are carried over from it, with C(last_seen); they count in no number but those of their own.
    :returns: the document, see the documentation of its schema. The hosts that were not seen hold the findings of the
        run before, as open ones.
    """
    hosts = {name: _entry(result) for name, result in sorted(with_contents(results).items())}
    return _document(
        hosts, generated=generated, advisories=advisories, rules=rules, policy=policy, previous=previous,
        inventory=inventory,
    )  # fmt: skip


def joined_document(
    documents: t.Sequence[_Map],
    *,
    rules: t.Mapping[str, _Map],
    hosts: t.Iterable[str] = (),
    previous: _Map | None = None,
    inventory: t.Container[str] = (),
) -> dict[str, t.Any]:
    """One document of several runs, such as those of the slices of a job; of a host, the newest one tells.

    :param documents: those of the runs. What they have carried over from runs before them is left out.
    :param rules: as for audit_document(), and so are C(previous) and C(inventory).
    :param hosts: the names of hosts that must be in it, as failed ones where no document tells of them.
    """
    newest_first = sorted(documents, key=lambda document: document["generated"], reverse=True)
    found: dict[str, t.Any] = {}
    seen: set[str] = set()
    for document in newest_first:
        now = {name: host for name, host in of_this_run(document["hosts"]).items() if host_of(name, host) not in seen}
        found.update(now)
        seen.update(host_of(name, host) for name, host in now.items())
    for name in hosts:
        if name not in found:
            found[name] = _entry({"msg": "no report tells of the host: its slice ended before it wrote one"})
    oldest = min((document["advisories"] for document in documents), key=lambda about: about.get("date") or "")
    texts = {key: text for document in documents for key, text in document["advisory_texts"].items()}
    return _document(
        dict(sorted(found.items())),
        generated=newest_first[0]["generated"],
        advisories={**oldest, "advisories": texts},
        rules=rules,
        policy=None,
        previous=previous,
        inventory=inventory,
    )


def _document(
    hosts: dict[str, t.Any],
    *,
    generated: str,
    advisories: _Map,
    rules: t.Mapping[str, _Map],
    policy: _Map | None,
    previous: _Map | None,
    inventory: t.Container[str],
) -> dict[str, t.Any]:
    carried = carry_over(previous, hosts, inventory)
    trend = _compare_all(hosts, previous, Asked(rules, _rules_off(policy)), carried)
    found = [finding for host in hosts.values() for finding in host["findings"]]
    every = [*found, *(finding for host in carried.hosts.values() for finding in host["findings"])]
    return {
        "schema": SCHEMA,
        "generated": generated,
        "advisories": _about_advisories(advisories),
        "policy": _about_policy(policy, hosts),
        "summary": {**_summary(hosts, found), **carried_summary(carried.hosts)},
        "fleet": fleet_view(hosts),
        "trend": trend,
        "rules": _rule_texts(rules, every),
        "advisory_texts": _advisory_texts(advisories, every, (previous or {}).get("advisory_texts") or {}),
        "hosts": dict(sorted({**hosts, **carried.hosts}.items())),
    }


def _entry(result: _Map | None) -> dict[str, t.Any]:
    """The entry of a host, with every list that its readers go through."""
    entry = host_entry(result, mark="findings")
    for key in _LISTS:
        entry[key] = list(entry.get(key) or ())
    for key in ("coverage", "gpu"):
        entry[key] = entry.get(key)
    entry["unreadable_count"] = entry.get("unreadable_count") or len(entry["unreadable"])
    entry["complete"] = entry["status"] == "ok"
    return entry


def _rules_off(policy: _Map | None) -> frozenset[str]:
    said = ((policy or {}).get("values") or {}).get("rules") or {}
    # YAML reads a bare "off" as false
    return frozenset(rule for rule, severity in said.items() if severity in ("off", False))


def _compare_all(
    hosts: dict[str, t.Any], previous: _Map | None, asked: Asked, carried: Carried
) -> dict[str, t.Any] | None:
    """Set key and state of every finding; tell what has changed since the document before."""
    before = (previous or {}).get("hosts", {})
    fixed, dropped = [], 0
    for name, host in hosts.items():
        compared = compare(
            name, host, before.get(name), generated=previous["generated"] if previous else None, asked=asked
        )
        host["findings"] = compared.findings
        dropped += compared.dropped
        fixed += [{"host": name, **finding} for finding in compared.fixed if not finding.get("waiver")]
    if previous is None:
        return None
    states = [finding["state"] for host in hosts.values() for finding in host["findings"] if not finding.get("waiver")]
    return {
        "previous": previous["generated"],
        "new": states.count("new"),
        "open": states.count("open"),
        "fixed": len(fixed),
        "no_longer_asked": dropped,
        "hosts_added": sorted(set(hosts) - set(before)),
        "hosts_left_out": sorted(carried.hosts),
        "hosts_gone": carried.gone,
        "contents_gone": carried.contents_gone,
        "fixed_findings": fixed,
    }


def _summary(hosts: _Map, found: t.Sequence[_Map]) -> dict[str, t.Any]:
    severities = dict.fromkeys(reversed(SEVERITIES), 0)
    for finding in found:
        if not finding.get("waiver"):
            severities[finding["severity"]] += 1
    coverages = [host["coverage"] or {} for host in hosts.values()]
    return {
        **hosts_summary(hosts),
        "image_statuses": status_counts(hosts),
        "unjudged": sum(len(host["unjudged"]) for host in hosts.values()),
        "findings": severities,
        "waived": sum(bool(finding.get("waiver")) for finding in found),
        "not_seen_again": sum("last_seen" in finding for finding in found),
        "coverage": {key: sum(coverage.get(key) or 0 for coverage in coverages) for key in COVERAGE},
    }


def _about_advisories(advisories: _Map) -> dict[str, t.Any]:
    count = advisories.get("count")
    if count is None:
        count = len(advisories.get("advisories") or ())
    return {"date": advisories.get("date"), "source": advisories.get("source"), "count": count}


def _about_policy(policy: _Map | None, hosts: _Map) -> dict[str, t.Any]:
    """The gates, and what tells one policy from another; null where hosts differ or nothing tells."""
    if policy:
        text = json.dumps(policy, sort_keys=True, separators=(",", ":"), default=str)
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        return {"gates": dict((policy.get("values") or {}).get("gates") or {}), "digest": digest}
    seen = [host.get("gates") for host in hosts.values() if host["status"] in SEEN]
    same = seen and seen[0] and all(gates == seen[0] for gates in seen)
    return {"gates": dict(seen[0]) if same else None, "digest": None}


def _rule_texts(rules: t.Mapping[str, _Map], found: t.Iterable[_Map]) -> dict[str, t.Any]:
    fired = sorted({finding["rule"] for finding in found})
    return {name: {field: rules[name].get(field) for field in RULE_TEXTS} for name in fired if name in rules}


def _advisory_texts(advisories: _Map, found: t.Iterable[_Map], before: _Map) -> dict[str, t.Any]:
    """The texts of the advisories that fired; those that the data of now lack are those of the report before."""
    known = advisories_by_id(advisories)
    fired = {name for finding in found if finding.get("details") for name in advisory_ids(finding)}
    return {
        name: {**{field: known[name].get(field) for field in ADVISORY_TEXTS}, "url": _url(known[name])}
        if name in known
        else before[name]
        for name in sorted(fired)
        if name in known or name in before
    }


def _url(advisory: _Map) -> str | None:
    sources = [advisory.get("url"), *(advisory.get("sources") or ())]
    return next((source for source in sources if source and source.startswith("https://")), None)


def advisories_by_id(advisories: _Map) -> dict[str, _Map]:
    """The advisories as a map from id to advisory, from either form that C(advisories) may have."""
    given = advisories.get("advisories") or ()
    return dict(given) if isinstance(given, t.Mapping) else {item["id"]: item for item in given}


def advisory_ids(finding: _Map) -> list[str]:
    """The ids of the advisories that a finding is about."""
    given = (finding.get("details") or {}).get("advisories") or ()
    return [item["id"] if isinstance(item, dict) else str(item) for item in given]


def read_document(text: str, path: str) -> dict[str, t.Any]:
    """Read a saved document.

    :param text: the content of the file.
    :param path: where it is, for the sentence.
    :raises DocumentError: it is no document of this schema.
    """
    try:
        document = json.loads(text)
    except RecursionError:
        raise DocumentError("%s: it is nested too deeply for a report of labfleet.conda." % path) from None
    except ValueError as error:
        message = "%s: it is not JSON (%s): name the file that the playbook audit has written."
        raise DocumentError(message % (path, error)) from None
    check_document(document, path)
    return document


def check_document(document: t.Any, path: str) -> None:
    """Refuse what is no document of this schema; raises DocumentError."""
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise DocumentError("%s: %s" % (path, _wrong_schema(document, schema)))
    for place, kind in _wrong_types(document):
        raise DocumentError("%s: %s must be %s: the file is damaged or was changed by hand." % (path, place, kind))


def completed(host: t.Any) -> t.Any:
    """The entry of a host with the lists that a saved one may lack."""
    if isinstance(host, dict):
        for key in _LISTS:
            if host.get("status") not in SEEN or key not in _MAIN_LISTS:
                host.setdefault(key, [])
    return host


def _wrong_schema(document: t.Any, schema: t.Any) -> str:
    if isinstance(schema, str) and schema.startswith("labfleet.conda/audit/"):
        return "its schema is %s and this version reads %s: write it again with this version." % (schema, SCHEMA)
    if isinstance(schema, str) and schema.startswith("labfleet.conda/"):
        return (
            "its schema is %s, which is no report of an audit: name the file that the playbook audit has written."
            % (schema)
        )
    what = "it has no schema %s" % SCHEMA if isinstance(document, dict) else "it is not a map"
    return "%s, so it is no report of an audit: name the file that the playbook audit has written." % what


_TYPES: dict[str, tuple[type | tuple[type, ...], str]] = {
    "advisories": (dict, "a map"),
    "policy": (dict, "a map"),
    "summary": (dict, "a map"),
    "fleet": (dict, "a map"),
    "trend": ((dict, type(None)), "a map or null"),
    "rules": (dict, "a map"),
    "advisory_texts": (dict, "a map"),
    "hosts": (Mapping, "a map"),
}


def _wrong_types(document: _Map) -> t.Iterator[tuple[str, str]]:
    """Where something is not what this schema says, and what it should be."""
    if not _is_time(document.get("generated")):
        yield "generated", "a time such as 2026-11-22T10:00:00Z"
    for key, (kind, words) in _TYPES.items():
        if key not in document or not isinstance(document[key], kind):
            yield key, words
            return
    for name, host in document["hosts"].items():
        place = "hosts.%s" % name
        if not isinstance(host, dict) or host.get("status") not in STATES:
            yield place, "a map with a status, one of %s" % ", ".join(STATES)
            return
        if not _is_time(host.get("last_seen", document["generated"])):
            yield "%s.last_seen" % place, "a time such as 2026-11-22T10:00:00Z"
        completed(host)
        for key in _LISTS:
            if not isinstance(host.get(key), list) or not all(isinstance(item, dict) for item in host[key]):
                yield "%s.%s" % (place, key), "a list of maps"
                return
        for index, finding in enumerate(host["findings"]):
            if not _is_finding(finding):
                yield "%s.findings[%d]" % (place, index), "a finding with key, rule, severity, subject and item"


def _is_time(value: t.Any) -> bool:
    return isinstance(value, str) and bool(_TIME.match(value))


def _is_finding(finding: _Map) -> bool:
    texts = all(isinstance(finding.get(key), str) for key in ("key", "rule", "subject"))
    item = finding.get("item")
    return texts and finding.get("severity") in SEVERITIES and (item is None or isinstance(item, str))


__all__ = (
    "ADVISORY_TEXTS",
    "COVERAGE",
    "RULE_TEXTS",
    "SCHEMA",
    "STATES",
    "DocumentError",
    "advisories_by_id",
    "advisory_ids",
    "audit_document",
    "check_document",
    "completed",
    "joined_document",
    "read_document",
)
