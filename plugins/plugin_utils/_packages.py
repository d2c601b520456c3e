# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Which environments of a fleet hold a package, by a match spec, over the document of an audit."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._spec._match_spec import (
    MatchSpec,
    MissingField,
    parse_match_spec,
)
from ansible_collections.labfleet.conda.plugins.module_utils._spec._pattern import SpecError
from ansible_collections.labfleet.conda.plugins.plugin_utils._carried import carried_groups, of_this_run
from ansible_collections.labfleet.conda.plugins.plugin_utils._host_names import merge_host_names
from ansible_collections.labfleet.conda.plugins.plugin_utils._host_result import SEEN

_Map = t.Mapping[str, t.Any]
_SEPARATORS = re.compile(r"[-_.]+")


class QuestionError(ValueError):
    """A question cannot be answered; the text is one sentence that says why and what to do."""


class Found(t.NamedTuple):
    """The packages that were found, and what could not be looked through.

    :param rows: C(host), C(prefix), C(environment), C(owner), C(name), C(version), C(build), C(channel) and C(kind)
        (conda or pip) of each.
    :param unknown: what is not in the answer, one sentence each.
    """

    rows: list[dict[str, t.Any]]
    unknown: list[str]


def read_spec(text: str) -> MatchSpec:
    """Read a match spec.

    :raises QuestionError: it is none.
    """
    try:
        return parse_match_spec(text.strip())
    except SpecError as error:
        raise QuestionError("%s. Write it as for conda, for example 'openssl <3.0.13'." % error) from None


def matches(package: _Map, spec: MatchSpec) -> bool | None:
    """Whether a package meets a spec; None where its data do not tell."""
    try:
        return spec.match(package)
    except (MissingField, SpecError):
        return None


def python_package(package: _Map) -> dict[str, t.Any]:
    """A package that pip installed as a record that a match spec can judge.

    Its name is written as PyPI does. Of its version the local part (as in 2.5.1+cu124) is left out, since conda sorts
    such a version before the one without it.
    """
    version = str(package.get("version") or "").partition("+")[0]
    return {
        "name": python_name(str(package.get("name") or "")),
        "version": version,
        "build": "pypi_0",
        "channel": "pypi",
    }


def python_name(name: str) -> str:
    """The normal form of a Python project's name (PEP 503)."""
    return _SEPARATORS.sub("-", name).lower()


def find_packages(document: _Map, spec: MatchSpec) -> Found:
    """All packages of all environments that meet a spec.

    :param document: the document of an audit that was made with C(packages).
    :param spec: the condition; packages that pip installed are judged by conda's order too.
    :raises QuestionError: no environment of the document has a list of packages.
    """
    rows: list[dict[str, t.Any]] = []
    unclear: dict[str, list[str]] = {}
    without: list[str] = []
    total = 0
    python_spec_name = python_name(spec.name)
    for host, environment in environments(document):
        total += 1
        if environment.get("packages") is None:
            without.append(host)
            continue
        where = {"host": host, "prefix": environment["prefix"], "environment": environment.get("name")}
        where["owner"] = environment.get("owner")
        for kind, package, record in _candidates(environment, spec, python_spec_name):
            verdict = matches(record, spec)
            if verdict:
                told = {key: package.get(key) for key in ("name", "version", "build", "channel")}
                rows.append({**where, **told, "kind": kind})
            elif verdict is None:
                unclear.setdefault("%s %s" % (package.get("name"), package.get("version")), []).append(host)
    if total and len(without) == total:
        message = "The document holds no packages: audit with packages set to true, then ask again."
        raise QuestionError(message)
    return Found(rows, [*_unclear(unclear, without), *hosts_not_covered(document)])


def environments(document: _Map) -> t.Iterator[tuple[str, _Map]]:
    """Each environment, with its host."""
    for host, entry in document["hosts"].items():
        for environment in entry.get("environments") or ():
            yield host, environment


def _candidates(environment: _Map, spec: MatchSpec, python_spec_name: str) -> t.Iterator[tuple[str, _Map, _Map]]:
    """The packages whose name may be meant: most are ruled out without judging them."""
    exact = spec.name if spec.names_one_package else None
    for package in environment["packages"]:
        if exact is None or package.get("name") == exact:
            yield "conda", package, package
    for package in environment.get("pip_packages") or ():
        record = python_package(package)
        if exact is None:
            yield "pip", package, record
        elif record["name"] == python_spec_name:
            yield "pip", package, {**record, "name": exact}


def _unclear(unclear: t.Mapping[str, list[str]], without: list[str]) -> t.Iterator[str]:
    for package, names in sorted(unclear.items()):
        yield "%s on %s could not be judged: its data lack what the condition asks for, or are no valid version." % (
            package,
            merge_host_names(names),
        )
    if without:
        yield "%d environments on %s have no list of packages." % (len(without), merge_host_names(without))


def hosts_not_covered(document: _Map) -> list[str]:
    """What every answer over the document leaves out, one sentence each."""
    sentences = ["Not part of the last run, answered as last seen %s: %s." % (time, names)
                 for names, time, _found in carried_groups(document)]  # fmt: skip
    hosts = of_this_run(document["hosts"])
    not_seen: dict[str, list[str]] = {}
    for name, host in hosts.items():
        if host["status"] not in SEEN:
            not_seen.setdefault(" ".join(str(host.get("message") or host["status"]).split()), []).append(name)
    incomplete = [name for name, host in hosts.items() if host["status"] == "incomplete"]
    unread = [name for name, host in hosts.items() if host.get("unreadable_count")]
    for reason, names in not_seen.items():
        sentences.append("Not seen: %s (%s)." % (merge_host_names(names), reason.rstrip(".")))
    if incomplete:
        sentences.append("Seen in part only, the time limit ended the look: %s." % merge_host_names(incomplete))
    if unread:
        sentences.append("Some things could not be read on %s (question: unreadable)." % merge_host_names(unread))
    return sentences


__all__ = (
    "Found",
    "QuestionError",
    "environments",
    "find_packages",
    "hosts_not_covered",
    "matches",
    "python_name",
    "python_package",
    "read_spec",
)
