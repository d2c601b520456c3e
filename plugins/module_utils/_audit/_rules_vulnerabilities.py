# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on known vulnerabilities of what is installed, and on how old the knowledge about them is."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._advisories import (
    UNMAPPED,
    VULNERABLE,
    Advisories,
    Verdict,
    pypi_names,
)
from ansible_collections.labfleet.conda.plugins.module_utils._audit._context import Audit
from ansible_collections.labfleet.conda.plugins.module_utils._audit._remedies import as_user, quoted
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rule import Problem, Rule
from ansible_collections.labfleet.conda.plugins.module_utils._discover._installations import Installation
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._pip import normalize
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import Record, channel_name
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import InvalidVersion, parse_version

MAX_AGE_DAYS = 30
_DAY = 86400.0
# In a base prefix these are the tool chain, which tool.conda.vulnerable tells of.
_TOOL_CHAIN = (
    "conda conda-build conda-smithy constructor libmamba mamba micromamba pixi py-rattler rattler-build"
).split()
# The first releases without the certificate authorities whose keys leaked in October 2026.
_TRUST = {"ca-certificates": "2026.10.19", "certifi": "2026.10.19", "pip": "26.2.2"}
_TRUST_ADVISORIES = ("GHSA-6q48-6c7w-9gw2", "CVE-2026-111943", "CVE-2026-133949")


class _Package(t.NamedTuple):
    """One record of an environment; what only its content tells is None or empty without that."""

    name: str
    version: str
    build: str
    record: t.Optional[Record]


# Names on PyPI, with the version.
_Names = t.FrozenSet[t.Tuple[str, str]]


def _advisories(audit: Audit) -> t.Optional[Advisories]:
    """The data of the control node, taken apart once; None where there is none."""

    def make() -> t.Optional[Advisories]:
        data = audit.data.get("advisories")
        if not data:
            audit.unknown("/", "no advisories were handed over, so no package was judged for vulnerabilities")
        return Advisories(data) if data else None

    return audit.memo("vulnerabilities.advisories", make)


def _packages(environment: Environment, audit: Audit) -> t.List[_Package]:
    known: t.Dict[t.Tuple[str, ...], Record] = {item[:3]: item for item in audit.records(environment)}
    return [_Package(*item, known.get(item)) for item in environment.records or ()]


def _judged(
    packages: t.Iterable[_Package], advisories: Advisories, audit: Audit
) -> t.Iterator[t.Tuple[_Package, Verdict, _Names]]:
    """The verdict on each package, and what it is called; the same package of other environments is judged once."""
    memo: t.Dict[t.Any, t.Tuple[Verdict, _Names]] = audit.memo("vulnerabilities.records", dict)
    for package in packages:
        name, version, build, record = package
        key = (name, version, build, record.url, record.channel) if record else (name, version, build)
        known = memo.get(key)
        if known is None:
            verdict, names = _judge(package, advisories)
            known = memo[key] = verdict, frozenset((other, version) for other in (normalize(name), *names))
            _count(audit, verdict.verdict)
        yield (package, *known)


def _judge(package: _Package, advisories: Advisories) -> t.Tuple[Verdict, t.List[str]]:
    name, version, build, record = package
    if record is None:
        return advisories.judge_record(name, version, build, None, None, []), []
    names = pypi_names(version, record.metadata_directories)
    return advisories.judge_record(name, version, build, channel_name(record), record.subdir, names), names


def _count(audit: Audit, verdict: str) -> None:
    """Note one more package; each distinct one of the host counts once."""
    for key in ("packages", verdict):
        audit.coverage[key] = audit.coverage.get(key, 0) + 1


def _vulnerable_packages(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    advisories = _advisories(audit)
    if advisories is None:
        return
    is_base = audit.is_base(environment)
    present: t.Set[t.Tuple[str, str]] = set()
    for package, verdict, names in _judged(_packages(environment, audit), advisories, audit):
        present.update(names)
        if verdict.verdict == UNMAPPED and verdict.reason and verdict.reason.startswith("its version"):
            audit.unknown(environment.prefix, "%s: %s" % (package.name, verdict.reason))
        if verdict.verdict == VULNERABLE and not (is_base and package.name in _TOOL_CHAIN):
            ids = [match.id for match in verdict.matches if match.id not in _TRUST_ADVISORIES]
            if ids:
                remedy = _conda_remedy(audit.user(environment.uid), environment.prefix, package.name, verdict.fixed)
                yield _problem(package, verdict, ids, advisories, remedy)
    yield from _pip_packages(environment, audit, advisories, present)


def _pip_packages(
    environment: Environment, audit: Audit, advisories: Advisories, present: t.Set[t.Tuple[str, str]]
) -> t.Iterator[Problem]:
    """What pip installed and may be vulnerable: left open, for the control node to decide in the order of PEP 440.

    A copy of the same version as a record is the record's own.
    """
    memo: t.Dict[t.Tuple[str, str], t.Optional[Verdict]] = audit.memo("vulnerabilities.pip", dict)
    for item in environment.pip_packages:
        name = normalize(item.name)
        if (name, item.version) in present:
            continue
        key = (name, item.version)
        if key not in memo:
            memo[key] = verdict = advisories.judge_pip(name, item.version)
            _count(audit, verdict.verdict if verdict else "pending")
        if memo[key] is None:
            reported = _TRUST_ADVISORIES if _is_untrusted(name, item.version) else ()
            yield Problem(
                "%s %s was installed by pip, and there are advisories on %s." % (item.name, item.version, item.name),
                item=name + " (pip)",
                severity=advisories.worst_of_pypi(name),
                details={
                    "package": name, "version": item.version, "build": None, "ecosystem": "PyPI", "advisories": [],
                    "fixed": None, "pending": True, "reported": list(reported),
                },
            )  # fmt: skip


def _problem(package: _Package, verdict: Verdict, ids: t.List[str], advisories: Advisories, remedy: str) -> Problem:
    matches = [match for match in verdict.matches if match.id in ids]
    details: t.Dict[str, t.Any] = {
        "package": package.name,
        "version": package.version,
        "build": package.build or None,
        "ecosystem": "conda",
        "advisories": ids,
        "fixed": verdict.fixed,
        "unfixed": [match.id for match in matches if match.fixed is None],
        "unverified": [identifier for identifier in ids if identifier in advisories.unverified],
    }
    if verdict.silenced:
        details["vex"] = dict(verdict.silenced)
    named = ", ".join(ids[:5]) + (" and %d more" % (len(ids) - 5) if len(ids) > 5 else "")
    return Problem(
        "%s %s: %s." % (package.name, "%s (%s)" % package[1:3] if package.build else package.version, named),
        item=package.name,
        severity=matches[0].severity,
        remedy=remedy,
        details=details,
    )


def _conda_remedy(owner: str, prefix: str, name: str, fixed: t.Optional[str]) -> str:
    """What mends a package, by whom the environment belongs to: never by root in what a user can write."""
    if fixed is None:
        return "No version of %s is known that mends it; see the advisories for what to do meanwhile." % quoted(name)
    return "Type: " + as_user(owner, "conda", "install", "--prefix", prefix, "%s>=%s" % (name, fixed))


def _vulnerable_tools(installation: Installation, audit: Audit) -> t.Iterator[Problem]:
    advisories = _advisories(audit)
    if advisories is None:
        return
    environment = installation.environment
    packages = [item for item in _packages(environment, audit) if item.name in _TOOL_CHAIN] if environment else []
    names = {item.name for item in packages}
    versions = sorted(installation.versions.items())
    packages += [_Package(*item, "", None) for item in versions if item[0] in _TOOL_CHAIN and item[0] not in names]
    for package, verdict, _unused in _judged(packages, advisories, audit):
        if verdict.verdict == VULNERABLE:
            ids = [match.id for match in verdict.matches]
            remedy = _tool_remedy(audit.user(installation.uid), installation, package.name, verdict.fixed)
            yield _problem(package, verdict, ids, advisories, remedy)


def _tool_remedy(owner: str, installation: Installation, name: str, fixed: t.Optional[str]) -> str:
    if fixed is None or installation.environment is not None:
        return _conda_remedy(owner, installation.prefix or "/", name, fixed)
    return "Replace %s by version %s or newer." % (quoted(installation.program or name), fixed)


def _compromised_trust(environment: Environment, audit: Audit) -> t.Iterator[Problem]:
    found = [(item.name, item.version, item.build, "conda") for item in environment.records or ()]
    records = {(normalize(name), version) for name, version, _build, _kind in found}
    found += [
        (normalize(item.name), item.version, "", "PyPI")
        for item in environment.pip_packages
        if (normalize(item.name), item.version) not in records
    ]
    for name, version, build, ecosystem in found:
        if not _is_untrusted(name, version) or (ecosystem == "PyPI" and name == "ca-certificates"):
            continue
        first = _TRUST[name]
        remedy = _conda_remedy(audit.user(environment.uid), environment.prefix, name, first)
        if ecosystem == "PyPI":
            words = ("-m", "pip", "install", "%s>=%s" % (name, first))
            remedy = "Type: " + as_user(audit.user(environment.uid), environment.prefix + "/bin/python", *words)
        yield Problem(
            "%s %s still trusts authorities whose keys leaked; %s is the first that does not." % (name, version, first),
            item=name if ecosystem == "conda" else name + " (pip)",
            remedy=remedy,
            details={
                "package": name, "version": version, "build": build or None, "ecosystem": ecosystem, "fixed": first,
                "advisories": ["CVE-2026-133949" if name == "pip" else "GHSA-6q48-6c7w-9gw2"],
            },
        )  # fmt: skip


def _is_untrusted(name: str, version: str) -> bool:
    try:
        return name in _TRUST and parse_version(version) < parse_version(_TRUST[name])
    except InvalidVersion:
        return False


def _stale(_subject: Audit, audit: Audit) -> t.Iterator[Problem]:
    advisories = _advisories(audit)
    if advisories is None:
        return
    parts = [("all", advisories.date, "Refresh them: ansible-playbook labfleet.conda.advisories")]
    if advisories.conda_date != advisories.date:
        remedy = "Upgrade the collection, which ships them: ansible-galaxy collection install --upgrade labfleet.conda"
        parts.append(("conda", advisories.conda_date, remedy))
    oldest = time.strftime("%Y-%m-%d", time.gmtime(audit.now - MAX_AGE_DAYS * _DAY))
    for part, date, remedy in parts:
        if date < oldest:
            what = "advisories" if part == "all" else "advisories on conda packages"
            text = "The %s are of %s, more than %d days old: what became known since is not looked for."
            yield Problem(text % (what, date, MAX_AGE_DAYS), item=part, remedy=remedy, details={"date": date})


RULES = (
    Rule(
        id="env.vuln",
        family="vulnerabilities",
        severity="medium",
        scope="environment",
        title="A package has known vulnerabilities",
        explanation="An advisory names this version. The severity is the highest of its advisories, and at most medium"
        " where nobody has verified them. Channels backport fixes into later builds of a version, which no version"
        " tells: a VEX statement says so.",
        remedy="Update {item} in {subject} to a version that no advisory names.",
        check=_vulnerable_packages,
        source="docs/docsite/rst/advisories.rst",
    ),
    Rule(
        id="tool.conda.vulnerable",
        family="vulnerabilities",
        severity="high",
        scope="installation",
        title="The tool chain has known vulnerabilities",
        explanation="conda, mamba and their libraries unpack and link packages from the network, often as root; only"
        " their newest releases get fixes.",
        remedy="Update {item} in {subject} to a version that no advisory names.",
        check=_vulnerable_tools,
        source="CEP 10; docs/docsite/rst/advisories.rst",
    ),
    Rule(
        id="tls.ca.compromised",
        family="vulnerabilities",
        severity="high",
        scope="environment",
        title="Certificate authorities whose keys leaked are trusted",
        explanation="The keys of eight intermediate authorities of eMudhra leaked in October 2026: who has them can"
        " pass for any site. Each environment has its own list of authorities, and pip another one; updating that of"
        " the system does not change them.",
        remedy="Update {item} in {subject}.",
        check=_compromised_trust,
        source="GHSA-6q48-6c7w-9gw2; CVE-2026-133949; conda issue 16880",
    ),
    Rule(
        id="advisories.stale",
        family="vulnerabilities",
        severity="low",
        scope="host",
        title="The advisories are old",
        explanation="A package without a known vulnerability is only as clean as the advisories are new.",
        remedy="Refresh them with the playbook labfleet.conda.advisories.",
        check=_stale,
        source="docs/docsite/rst/advisories.rst",
    ),
)


__all__ = ("RULES",)
