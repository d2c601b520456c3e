# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The blast radius: whom a range of a package, or an advisory, touches, and what to type on which hosts to mend it."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._spec._pattern import SpecError
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import InvalidVersion, parse_version
from ansible_collections.labfleet.conda.plugins.plugin_utils._audit_document import advisories_by_id, advisory_ids
from ansible_collections.labfleet.conda.plugins.plugin_utils._contents import host_of
from ansible_collections.labfleet.conda.plugins.plugin_utils._fix_lines import (
    fix_lines,
    limit_pattern,
    mending_spec,
    not_for_limit,
)
from ansible_collections.labfleet.conda.plugins.plugin_utils._packages import (
    Found,
    QuestionError,
    environments,
    find_packages,
    hosts_not_covered,
    matches,
    python_package,
    read_spec,
)

_Map = t.Mapping[str, t.Any]
_WRITABLE = ("perm.world_writable", "perm.group_writable")
# CVE-2026-53940, GHSA-9m8m-c4j3-rj2c, PYSEC-2024-48, CVE-2026-47425#pixi
_ADVISORY = re.compile(r"^(?:[A-Z][A-Z0-9]*-\d{4}-|GHSA-)[A-Za-z0-9._:#-]+$")


def blast_radius(
    document: _Map, question: str, *, advisories: _Map | None = None, limit_file: str | None = None
) -> dict[str, t.Any]:
    """Whom a package or an advisory touches.

    :param document: the document of an audit.
    :param question: a match spec such as C(openssl <3.0.13), for which the document must hold packages, or the id or an
        alias of an advisory such as C(CVE-2026-53940).
    :param advisories: the advisories, for what the findings of the document do not tell of one.
    :param limit_file: a file with the names of the hosts, for the C(--limit) of more than fifty.
    :returns: C(question), C(hosts), C(users) (owners of the environments), C(environments) (host, prefix, environment,
        owner, name, version, build, channel, kind), C(limit) (for all hosts), C(fix) (see fix_lines()) and C(unknown),
        sentences on what could not be told.
    :raises QuestionError: it is neither, or the document lacks what it takes to answer.
    """
    question = question.strip()
    if _ADVISORY.match(question):
        found, fixed = _by_advisory(document, question, advisories or {})
    else:
        spec = read_spec(question)
        found = find_packages(document, spec)
        fixed = _Above(spec.version, found.rows)
    hosts = sorted({host_of(row["host"], document["hosts"][row["host"]]) for row in found.rows})
    odd = not_for_limit(hosts)
    told = [{key: value for key, value in row.items() if key != "fixed"} for row in found.rows]
    return {
        "question": question,
        "hosts": hosts,
        "users": sorted({row["owner"] for row in found.rows if row["owner"]}),
        "environments": told,
        "limit": limit_pattern(hosts, limit_file=limit_file) if hosts else None,
        "fix": fix_lines(_to_mend(document, found.rows, fixed), limit_file=limit_file),
        "unknown": [*found.unknown, *("The name %s cannot be used in --limit." % name for name in odd)],
    }


class _Above:
    """Mends a package by what lies above the range that was asked for."""

    def __init__(self, condition: str | None, rows: t.Iterable[_Map]) -> None:
        self._condition = condition
        self._versions: dict[str, set[str]] = {}
        for row in rows:
            self._versions.setdefault(row["name"], set()).add(str(row["version"]).partition("+")[0])

    def __call__(self, row: _Map) -> str | None:
        return mending_spec(row["name"], self._condition, self._versions[row["name"]])


def _fixed_above(row: _Map) -> str | None:
    """Mends a package by the lowest of the fixed versions that is above its own."""
    try:
        own = parse_version(str(row["version"]).partition("+")[0])
        above = sorted(version for version in map(parse_version, row["fixed"]) if version > own)
    except InvalidVersion:
        return None
    return "%s>=%s" % (row["name"], above[0].text) if above else None


def _by_advisory(document: _Map, name: str, advisories: _Map) -> tuple[Found, t.Callable[[_Map], str | None]]:
    names, known = _same_advisory(name, document, advisories)
    rows: dict[t.Any, dict[str, t.Any]] = {}
    for row in _rows_of_findings(document, names):
        row["fixed"] = row["fixed"] or _fixed_versions(known, row)
        rows[_place(row)] = row
    listed = any(environment.get("packages") is not None for _host, environment in environments(document))
    unknown = hosts_not_covered(document)
    if known and listed:
        for row in _rows_of_packages(document, known, unknown):
            rows.setdefault(_place(row), row)
    elif not rows and not known:
        message = "No finding of the document is about %s, and the advisory data do not know it: check the id."
        raise QuestionError(message % name)
    elif not listed:
        unknown.append("The document holds no packages, so the answer is what the audit has found about %s." % name)
    ordered = sorted(rows.values(), key=lambda row: (row["host"], row["prefix"], row["name"] or ""))
    return Found(ordered, unknown), _fixed_above


def _place(row: _Map) -> tuple[str, str, str]:
    return row["host"], row["prefix"], str(row["name"]).lower().replace("_", "-")


def _same_advisory(name: str, document: _Map, advisories: _Map) -> tuple[set[str], list[_Map]]:
    """All names that an advisory goes by, and what the data say of it: CVE-1#pixi is a part of CVE-1."""
    texts = {**(document.get("advisory_texts") or {}), **advisories_by_id(advisories)}
    names = {name}
    for key, advisory in texts.items():
        if name in (key, key.partition("#")[0], *(advisory.get("aliases") or ())):
            names |= {key, *(advisory.get("aliases") or ())}
    return names, [texts[key] for key in sorted(names & set(texts)) if texts[key].get("packages")]


def _rows_of_findings(document: _Map, names: t.Container[str]) -> t.Iterator[dict[str, t.Any]]:
    for host, entry in document["hosts"].items():
        owners = {item["prefix"]: item for item in entry.get("environments") or ()}
        for finding in entry["findings"]:
            if any(name in names or name.partition("#")[0] in names for name in advisory_ids(finding)):
                details = finding.get("details") or {}
                environment = owners.get(finding["subject"], {})
                item = (finding["item"] or "").split(" ")[0]
                yield {
                    "host": host,
                    "prefix": finding["subject"],
                    "environment": environment.get("name") or finding.get("environment"),
                    "owner": environment.get("owner") or finding.get("owner"),
                    "name": details.get("package") or details.get("name") or item or None,
                    "version": details.get("version"),
                    "build": details.get("build"),
                    "channel": details.get("channel"),
                    "kind": "pip" if details.get("ecosystem") == "PyPI" else "conda",
                    "fixed": _versions(details.get("fixed")),
                }


def _versions(given: t.Any) -> list[str]:
    return [str(given)] if isinstance(given, str) else [str(version) for version in given or ()]


def _fixed_versions(known: t.Iterable[_Map], row: _Map) -> list[str]:
    ecosystem = "PyPI" if row["kind"] == "pip" else "conda"
    return [
        found["fixed"]
        for advisory in known
        for package in advisory["packages"]
        if package["name"] == row["name"] and package["ecosystem"] == ecosystem
        for found in package["ranges"]
        if found.get("fixed")
    ]


def _rows_of_packages(document: _Map, known: t.Iterable[_Map], unknown: list[str]) -> t.Iterator[dict[str, t.Any]]:
    """The packages of the document that lie in the ranges of advisories."""
    affected: dict[tuple[str, str], list[_Map]] = {}
    for advisory in known:
        for package in advisory["packages"]:
            kind = "pip" if package["ecosystem"] == "PyPI" else "conda"
            affected.setdefault((kind, package["name"]), []).extend(package["ranges"])
    for host, environment in environments(document):
        where = {"host": host, "prefix": environment["prefix"], "environment": environment.get("name")}
        where["owner"] = environment.get("owner")
        packages = [("conda", package, package) for package in environment.get("packages") or ()]
        packages += [("pip", package, python_package(package)) for package in environment.get("pip_packages") or ()]
        for kind, package, record in packages:
            ranges = affected.get((kind, record["name"]))
            verdict = _is_in(record, ranges) if ranges else False
            told = {key: package.get(key) for key in ("name", "version", "build", "channel")}
            if verdict:
                yield {**where, **told, "kind": kind, "fixed": [item["fixed"] for item in ranges if item.get("fixed")]}
            elif verdict is None:
                text = "%s %s in %s on %s could not be judged."
                unknown.append(text % (package["name"], package["version"], environment["prefix"], host))


def _is_in(record: _Map, ranges: t.Iterable[_Map]) -> bool | None:
    """Whether a version lies in one of the ranges (conda's order); None where it is no version."""
    for item in ranges:
        parts = [] if item["introduced"] == "0" else [">=" + item["introduced"]]
        parts += ["<" + item["fixed"]] if item.get("fixed") else []
        parts += ["<=" + item["last_affected"]] if item.get("last_affected") else []
        verdict = matches(record, read_spec("%s[version='%s']" % (record["name"], ",".join(parts) or "*")))
        if verdict or verdict is None:
            return verdict
    return False


def _to_mend(
    document: _Map, rows: t.Iterable[_Map], fixed: t.Callable[[_Map], str | None]
) -> t.Iterator[dict[str, t.Any]]:
    """The rows with what fix_lines() asks for besides."""
    known: dict[str, _Host] = {}
    for row in rows:
        if row["host"] not in known:
            known[row["host"]] = _Host(document["hosts"][row["host"]])
        host = known[row["host"]]
        environment = host.environments.get(row["prefix"], {})
        try:
            spec = fixed(row)
        except SpecError:
            spec = None
        yield {
            **{key: row[key] for key in ("prefix", "owner", "kind")},
            "host": host_of(row["host"], document["hosts"][row["host"]]),
            "inside": document["hosts"][row["host"]].get("inside"),
            "package": row["name"],
            "spec": spec,
            "root": host.root,
            "processes": environment.get("processes"),
            "installation": host.installations.get(environment.get("installation")),
            "open_to_others": host.open_to_others,
        }


class _Host:
    """What the document tells of a host, by prefix."""

    def __init__(self, entry: _Map) -> None:
        self.root = entry.get("root")
        self.environments = {item["prefix"]: item for item in entry.get("environments") or ()}
        self.installations = {item["prefix"]: item for item in entry.get("installations") or () if item.get("prefix")}
        self.open_to_others = {item["subject"] for item in entry["findings"] if item["rule"].startswith(_WRITABLE)}


__all__ = ("blast_radius",)
