# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The advisories: loaded and verified on the control node, and cut down to what a host needs to judge its records."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import InvalidVersion, parse_version
from ansible_collections.labfleet.conda.plugins.plugin_utils._pip_version import InvalidVersion as InvalidPipVersion
from ansible_collections.labfleet.conda.plugins.plugin_utils._pip_version import Version as PipVersion

if t.TYPE_CHECKING:
    from ansible_collections.labfleet.conda.plugins.plugin_utils._vex import Statement

SCHEMA = "labfleet.conda/advisories/1"
NAMES_SCHEMA = "labfleet.conda/names/1"
CONDA, PYPI = "conda", "PyPI"
SEVERITIES = ("unknown", "low", "medium", "high", "critical")
CONFIDENCES = ("verified", "partial", "uncertain")
# What nobody has verified must not fail a gate by itself, so its findings are never worse than this.
WORST_UNVERIFIED = "medium"
# In files that a refresh has written, where the head ends.
START = b'\n"advisories": [\n'
MAX_BYTES = 256 * 1024 * 1024
SHIPPED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_data")

_HEAD = {"schema", "date", "source", "advisories", "covers"}
_FIELDS = {
    "id", "aliases", "summary", "severity", "cvss", "published", "modified", "sources", "confidence", "packages",
    "platforms", "notes",
}  # fmt: skip
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,99}\Z")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,213}\Z")
_SEPARATORS = re.compile(r"[-_.]+")

_Map = dict[str, t.Any]


class AdvisoryError(ValueError):
    """Data that cannot be used; the text is one sentence that says where and why."""


def normalize(name: str) -> str:
    """The normal form of a Python project's name (PEP 503)."""
    return _SEPARATORS.sub("-", name).lower()


def load(path: str | None = None) -> _Map:
    """Read and verify advisories.

    What the collection ships is verified by its tests, and a file that still is as the collection has written it was
    verified then; this matters since each host's task loads them anew.

    :param path: a file in our form; what the collection ships where None.
    :raises AdvisoryError: it cannot be read or used.
    """
    if not path:
        return read_json(os.path.join(SHIPPED, "advisories.json"), "The advisories")
    content, data = _read(path, "The advisories")
    digest = content.get("digest")
    return verify(content, path, deep=digest is None or digest != digest_of(data.partition(START)[2]))


def digest_of(data: bytes) -> str:
    """What stands in C(digest) for the text of the advisories, from after START to the end of the file."""
    return hashlib.sha256(data).hexdigest()


def load_names() -> dict[str, str]:
    """The map from conda names to names on PyPI, where they differ and this is known."""
    path = os.path.join(SHIPPED, "names.json")
    content = read_json(path, "The names")
    if content.get("schema") != NAMES_SCHEMA:
        raise AdvisoryError("%s: its schema is %r, not %r." % (path, content.get("schema"), NAMES_SCHEMA))
    return content["names"]


def read_json(path: str, what: str) -> _Map:
    """The JSON object in a file, of a size that advisories may have.

    :raises AdvisoryError: it cannot be read, or holds something else.
    """
    return _read(path, what)[0]


def _read(path: str, what: str) -> tuple[_Map, bytes]:
    try:
        with open(path, "rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise AdvisoryError("%s in %s could not be read: %s." % (what, path, reason)) from None
    if len(data) > MAX_BYTES:
        raise AdvisoryError("%s in %s are larger than %d MiB." % (what, path, MAX_BYTES >> 20))
    try:
        content = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise AdvisoryError("%s in %s are not valid JSON in UTF-8." % (what, path)) from None
    if not isinstance(content, dict):
        raise AdvisoryError("%s in %s: the file holds JSON, but no object." % (what, path))
    return content, data


def verify(data: _Map, place: str, *, deep: bool = True) -> _Map:
    """Check that advisories are in our form, and return them.

    :param data: the content.
    :param place: what to call it in an error.
    :param deep: whether to look at each advisory, not at the head alone.
    :raises AdvisoryError: something is missing, unknown or makes no sense; says where.
    """
    if data.get("schema") != SCHEMA:
        raise AdvisoryError(
            "%s: its schema is %r, not %r; make the file with the playbook labfleet.conda.advisories."
            % (place, data.get("schema"), SCHEMA)
        )
    # "conda_date": how old the conda part is, where the rest was refreshed.
    _keys(data, _HEAD, place, optional={"conda_date", "digest"})
    for key in ("date", "conda_date"):
        _date(data.get(key), "%s: %s" % (place, key), nullable=key != "date")
    _text(data["source"], place + ": source")
    covers = _covers(data["covers"], place + ": covers")
    seen: set[str] = set()
    if not isinstance(data["advisories"], list):
        raise AdvisoryError("%s: advisories is no list." % place)
    for index, entry in enumerate(data["advisories"] if deep else ()):
        where = "%s: advisories[%d]" % (place, index)
        if not isinstance(entry, dict):
            raise AdvisoryError("%s is no map." % where)
        _advisory(entry, where)
        if entry["id"] in seen:
            raise AdvisoryError("%s: there is more than one advisory %s." % (where, entry["id"]))
        seen.add(entry["id"])
        for package in entry["packages"]:
            known = covers[package["ecosystem"]]
            if known is not None and package["name"] not in known:
                text = "%s: %s package %s is missing in covers, so that it would count as unmapped."
                raise AdvisoryError(text % (where, package["ecosystem"], package["name"]))
    return data


def _keys(value: t.Any, wanted: set[str], where: str, optional: t.Iterable[str] = ()) -> None:
    if not isinstance(value, dict):
        raise AdvisoryError("%s is no map." % where)
    missing, unknown = wanted - set(value), set(value) - wanted - set(optional)
    if missing:
        raise AdvisoryError("%s has no %s." % (where, " and no ".join(sorted(missing))))
    if unknown:
        raise AdvisoryError("%s has the unknown key %s." % (where, ", ".join(sorted(map(repr, unknown)))))


def _text(value: t.Any, where: str, *, nullable: bool = False) -> None:
    if not (isinstance(value, str) and value) and not (nullable and value is None):
        raise AdvisoryError("%s is no text." % where)


def _texts(value: t.Any, where: str) -> None:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise AdvisoryError("%s is no list of texts." % where)


def _date(value: t.Any, where: str, *, nullable: bool = False) -> None:
    if value is None and nullable:
        return
    try:
        if not isinstance(value, str) or datetime.date.fromisoformat(value).isoformat() != value:
            raise ValueError
    except ValueError:
        raise AdvisoryError("%s is %r, not a date such as 2026-11-22." % (where, value)) from None


def _covers(value: t.Any, where: str) -> dict[str, set[str] | None]:
    """The names of each ecosystem that the data speak about; None where it is all of them."""
    _keys(value, {CONDA, PYPI}, where)
    _texts(value[CONDA], "%s.%s" % (where, CONDA))
    if value[PYPI] == "*":
        return {CONDA: set(value[CONDA]), PYPI: None}
    _texts(value[PYPI], "%s.%s" % (where, PYPI))
    return {CONDA: set(value[CONDA]), PYPI: set(value[PYPI])}


def _advisory(entry: _Map, where: str) -> None:
    _keys(entry, _FIELDS, where)
    if not isinstance(entry["id"], str) or not _ID.match(entry["id"]):
        raise AdvisoryError("%s: id is %r, no identifier." % (where, entry["id"]))
    where += " (%s)" % entry["id"]
    for key in ("aliases", "sources", "platforms"):
        _texts(entry[key], "%s: %s" % (where, key))
    _text(entry["summary"], where + ": summary")
    for key in ("cvss", "notes"):
        _text(entry[key], "%s: %s" % (where, key), nullable=True)
    for key in ("published", "modified"):
        _date(entry[key], "%s: %s" % (where, key), nullable=True)
    for key, words in (("severity", SEVERITIES), ("confidence", CONFIDENCES)):
        if entry[key] not in words:
            raise AdvisoryError("%s: %s is %r, not one of %s." % (where, key, entry[key], ", ".join(words)))
    if not isinstance(entry["packages"], list) or not entry["packages"]:
        raise AdvisoryError("%s: packages is empty." % where)
    for index, package in enumerate(entry["packages"]):
        _package(package, "%s: packages[%d]" % (where, index))


def _package(package: t.Any, where: str) -> None:
    _keys(package, {"ecosystem", "name", "ranges"}, where)
    if package["ecosystem"] not in (CONDA, PYPI):
        raise AdvisoryError("%s: ecosystem is %r, not conda or PyPI." % (where, package["ecosystem"]))
    name = package["name"]
    if not isinstance(name, str) or not _NAME.match(name):
        raise AdvisoryError("%s: name is %r, no name of a package." % (where, name))
    wanted = name.lower() if package["ecosystem"] == CONDA else normalize(name)
    if name != wanted:
        raise AdvisoryError("%s: name is %r; write %r." % (where, name, wanted))
    if not isinstance(package["ranges"], list) or not package["ranges"]:
        raise AdvisoryError("%s: ranges is empty." % where)
    for index, item in enumerate(package["ranges"]):
        check_range(item, package["ecosystem"], "%s: ranges[%d]" % (where, index))


def check_range(item: t.Any, ecosystem: str, where: str) -> None:
    """Check one range: its versions are some, and it is not empty in the order of its ecosystem.

    In conda's order 1.1.1w comes before 1.1.1, so that the range from 1.1.1 to 1.1.1w of openssl is empty.

    :raises AdvisoryError: it is none.
    """
    _keys(item, {"introduced"}, where, optional=("fixed", "last_affected"))
    parse = parse_version if ecosystem == CONDA else PipVersion
    versions = {}
    for key, text in item.items():
        try:
            versions[key] = parse(text if isinstance(text, str) else "")
        except (InvalidVersion, InvalidPipVersion):
            raise AdvisoryError("%s: %s is %r, no version of %s." % (where, key, text, ecosystem)) from None
    start, fixed, last = (versions.get(key) for key in ("introduced", "fixed", "last_affected"))
    if fixed is not None and last is not None:
        raise AdvisoryError("%s has both fixed and last_affected; keep one." % where)
    if (fixed is not None and not start < fixed) or (last is not None and not start <= last):
        end = item.get("fixed") or item.get("last_affected")
        text = "%s is empty: in the order of %s, introduced %s does not come before %s."
        raise AdvisoryError(text % (where, ecosystem, item["introduced"], end))


def effective_severity(entry: t.Mapping[str, t.Any]) -> str:
    """How bad a finding of an advisory is: unknown counts as medium, and unverified never as worse than that."""
    severity = "medium" if entry["severity"] == "unknown" else entry["severity"]
    if entry["confidence"] != "verified":
        severity = min(severity, WORST_UNVERIFIED, key=SEVERITIES.index)
    return severity


def for_host(data: _Map, statements: t.Iterable[Statement] = ()) -> _Map:
    """What a host needs to judge its records, and no more.

    :param data: as load() returns it.
    :param statements: VEX statements in force, from _vex.
    :returns: C(date), C(conda_date), C(conda) and C(pypi) (maps from name to lists of identifier, severity and ranges,
        each of introduced, fixed and last_affected), C(names), C(covers), C(unverified), C(not_affected).
    """
    packages: dict[str, dict[str, list[t.Any]]] = {CONDA: {}, PYPI: {}}
    unverified = []
    for entry in data["advisories"]:
        if entry["platforms"] and not {"linux", "osx"} & set(entry["platforms"]):
            continue  # about hosts that the collection does not look at
        if entry["confidence"] != "verified":
            unverified.append(entry["id"])
        for package in entry["packages"]:
            ranges = [[item["introduced"], item.get("fixed"), item.get("last_affected")] for item in package["ranges"]]
            found = [entry["id"], effective_severity(entry), ranges]
            packages[package["ecosystem"]].setdefault(package["name"], []).append(found)
    covered = data["covers"][PYPI]
    return {
        "date": data["date"],
        "conda_date": data.get("conda_date") or data["date"],
        "conda": packages[CONDA],
        "pypi": packages[PYPI],
        "names": {name: other for name, other in load_names().items() if covered == "*" or other in covered},
        "covers": data["covers"],
        "unverified": unverified,
        "not_affected": silenced(data, statements),
    }


def silenced(data: _Map, statements: t.Iterable[Statement]) -> list[list[t.Any]]:
    """What VEX statements take out of the data.

    :param statements: the latest last; of two on the same advisory and product, the later counts.
    :returns: lists of advisory, ecosystem, name, version (or None), qualifiers, and the word that says why.
    """
    by_alias: dict[str, list[str]] = {}
    for entry in data["advisories"]:
        for alias in [entry["id"], *entry["aliases"]]:
            by_alias.setdefault(alias, []).append(entry["id"])
    last: dict[t.Any, Statement] = {}
    for statement in statements:
        product = statement.product
        what = (product.ecosystem, product.name, product.version, tuple(sorted(product.qualifiers.items())))
        for known in sorted({known for name in statement.vulnerabilities for known in by_alias.get(name, ())}):
            last[(known, *what)] = statement
    return [
        [*what, dict(qualifiers), statement.justification or statement.status]
        for (*what, qualifiers), statement in last.items()
        if statement.silences
    ]


def texts(data: _Map, ids: t.Iterable[str]) -> dict[str, _Map]:
    """What to say of advisories, by identifier: C(summary), C(severity), C(cvss), C(aliases), C(published), C(url)."""
    wanted = set(ids)
    return {
        entry["id"]: {
            **{key: entry[key] for key in ("summary", "severity", "cvss", "aliases", "published", "confidence")},
            "url": next((source for source in entry["sources"] if source.startswith("https://")), None),
        }
        for entry in data["advisories"]
        if entry["id"] in wanted
    }


def age_days(date: str, today: datetime.date) -> int:
    """How many days ago a date was; 0 where it is yet to come."""
    return max(0, (today - datetime.date.fromisoformat(date)).days)


__all__ = (
    "CONDA", "PYPI", "SCHEMA", "SEVERITIES", "SHIPPED", "START", "AdvisoryError", "age_days", "check_range",
    "digest_of", "effective_severity", "for_host", "load", "load_names", "normalize", "read_json",
    "silenced", "texts", "verify",
)  # fmt: skip
