# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Tells for one package whether an advisory speaks about its version: vulnerable, none known, or unmapped."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit import _packed
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rule import SEVERITIES
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._pip import distributions, normalize
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import (
    InvalidVersion,
    Version,
    parse_version,
)

VULNERABLE, NONE_KNOWN, UNMAPPED = "vulnerable", "none_known", "unmapped"
_MAX_UNPACKED = 64 * 1024 * 1024
_MAX_STEPS = 100
# Between these two kinds of versions the orders of conda and of PEP 440 agree. Not so for others: for PEP 440
# 1.1.dev1 comes before 1.1a1, 1.0+local after 1.0, and 1.post1 before 1.0.1; conda says the opposite each time.
_PLAIN = r"[0-9]+(\.[0-9]+)*"
_BOUND = _PLAIN + r"((a|b|rc)[0-9]+)?(\.dev[0-9]+)?"

_Range = t.Tuple[t.Optional[Version], t.Optional[Version], t.Optional[Version]]


class Match(t.NamedTuple):
    """One advisory that speaks about a version; fixed is the version that mends it on the same line, if any does."""

    id: str
    severity: str
    fixed: t.Optional[str]


class Verdict(t.NamedTuple):
    """What is known about one package.

    :param verdict: VULNERABLE, NONE_KNOWN or UNMAPPED, which is not clean but unknown.
    :param matches: the advisories, the worst first.
    :param fixed: the smallest version that no advisory which can be fixed speaks about any more.
    :param silenced: advisories that match but do not count, each with what a VEX statement gives as the reason.
    :param reason: why it is unmapped.
    """

    verdict: str
    matches: t.Tuple[Match, ...] = ()
    fixed: t.Optional[str] = None
    silenced: t.Tuple[t.Tuple[str, str], ...] = ()
    reason: t.Optional[str] = None

    @property
    def severity(self) -> t.Optional[str]:
        """The highest severity of the matches."""
        return max((match.severity for match in self.matches), key=SEVERITIES.index) if self.matches else None


class _Entry(t.NamedTuple):
    id: str
    severity: str
    ranges: t.Tuple[_Range, ...]
    decidable: bool


_Package = t.Tuple[str, str, t.Optional[str], t.Optional[str], t.Optional[str]]


def unpack(text: str) -> t.Dict[str, t.Any]:
    """The data that plugin_utils._advisories.pack() made one text of.

    :raises ValueError: it is no such text.
    """
    try:
        return _packed.unpack(text, most=_MAX_UNPACKED)
    except ValueError as error:
        raise ValueError("the advisories are %s" % error) from None


def pypi_names(version: str, directories: t.Iterable[str]) -> t.List[str]:
    """The names on PyPI that a record's own metadata directories tell, in normal form.

    Only those of the record's own version count: setuptools also holds the directories of what it vendors.

    :param version: the version of the record.
    :param directories: such as C(urllib3-2.8.0.dist-info).
    """
    found = []
    for item in distributions(directories):
        if item.version == version or _same(item.version, version):
            found.append(normalize(item.name))
    return found


def _same(first: str, second: str) -> bool:
    try:
        return parse_version(first) == parse_version(second)
    except InvalidVersion:
        return False


class Advisories:
    """The advisories that the control node handed over.

    :param data: what plugin_utils._advisories.for_host() returns, or the text that pack() made of it.
    """

    def __init__(self, data: t.Union[str, t.Mapping[str, t.Any]]) -> None:
        content = unpack(data) if isinstance(data, str) else data
        self.date: str = content["date"]
        self.conda_date: str = content.get("conda_date") or content["date"]
        self.unverified = frozenset(content.get("unverified") or ())
        self._data = {"conda": content["conda"], "pypi": content["pypi"]}
        self._names: t.Mapping[str, str] = content["names"]
        covers = content["covers"]
        self._conda_covered = frozenset(covers["conda"])
        self._pypi_covered = None if covers["PyPI"] == "*" else frozenset(covers["PyPI"])
        self._statements: t.Dict[t.Tuple[str, str], t.List[t.Any]] = {}
        for advisory, ecosystem, name, version, qualifiers, word in content.get("not_affected") or ():
            key = ("conda" if ecosystem == "conda" else "pypi", name)
            self._statements.setdefault(key, []).append((advisory, version, qualifiers, word))
        self._parsed: t.Dict[t.Tuple[str, str], t.List[_Entry]] = {}
        self._plain = re.compile(_PLAIN + r"\Z")
        self._bound = re.compile(_BOUND + r"\Z")

    def judge_record(
        self,
        name: str,
        version: str,
        build: t.Optional[str] = None,
        channel: t.Optional[str] = None,
        subdir: t.Optional[str] = None,
        pypi: t.Sequence[str] = (),
    ) -> Verdict:
        """Judge one conda package, by what is known of its name and of its names on PyPI.

        What is known of PyPI holds for the same release numbers only, so it is used on plain numbers alone.

        :param channel: its channel by its short name, such as conda-forge; only VEX statements ask for it.
        :param pypi: its names on PyPI in normal form, from pypi_names(); the known ones where empty.
        """
        name = name.lower()
        others = list(pypi) or [self._names[name]] if pypi or name in self._names else []
        covered = name in self._conda_covered or any(self.covers_pypi(other) for other in others)
        try:
            parsed = parse_version(version)
        except InvalidVersion:
            return Verdict(UNMAPPED, reason="its version %r is none that conda could order" % version)
        own = self._entries("conda", name)
        known = {entry.id for entry in own}
        foreign = [entry for other in others for entry in self._entries("pypi", other) if entry.id not in known]
        silent = self._silent("conda", (name, version, build, channel, subdir))
        verdict = self._verdict(parsed, own, foreign, silent)
        if verdict.verdict == NONE_KNOWN and not covered:
            return Verdict(UNMAPPED, reason="the advisories do not cover this package")
        return verdict

    def judge_pip(self, name: str, version: str) -> t.Optional[Verdict]:
        """Judge one package that pip installed as far as a host can; None where the control node must decide.

        The order of PEP 440 needs the library packaging, which hosts lack. Where conda's order says for sure that
        nothing matches, nobody else needs to be asked.
        """
        name = normalize(name)
        if not self.covers_pypi(name):
            return Verdict(UNMAPPED, reason="the advisories do not cover this package")
        entries = self._entries("pypi", name)
        if not entries:
            return Verdict(NONE_KNOWN)
        if not self._plain.match(version) or not all(entry.decidable for entry in entries):
            return None
        return Verdict(NONE_KNOWN) if not _matching(parse_version(version), entries) else None

    def worst_of_pypi(self, name: str) -> str:
        """The highest severity of what is known of a package on PyPI."""
        return max((entry.severity for entry in self._entries("pypi", normalize(name))), key=SEVERITIES.index)

    def covers_pypi(self, name: str) -> bool:
        """Whether the data speak about a package of PyPI, given its normal name."""
        return self._pypi_covered is None or name in self._pypi_covered

    def _verdict(
        self, version: Version, own: t.List[_Entry], foreign: t.List[_Entry], silent: t.Mapping[str, str]
    ) -> Verdict:
        usable, left_out = [], []
        plain = foreign and self._plain.match(version.text)
        for entry in foreign:
            (usable if plain and entry.decidable else left_out).append(entry)
        found = _matching(version, own + usable)
        silenced = tuple((entry.id, silent[entry.id]) for entry in found if entry.id in silent)
        counting = [entry for entry in own + usable if entry.id not in silent]
        matches = [Match(entry.id, entry.severity, _fix(version, entry)) for entry in found if entry.id not in silent]
        matches.sort(key=lambda match: (-SEVERITIES.index(match.severity), match.id))
        if matches:
            return Verdict(VULNERABLE, tuple(matches), _smallest_fixed(version, counting), silenced)
        if any(entry.id not in silent for entry in left_out):
            reason = "whether advisories on its releases on PyPI apply to version %s cannot be told" % version.text
            return Verdict(UNMAPPED, silenced=silenced, reason=reason)
        return Verdict(NONE_KNOWN, silenced=silenced)

    def _entries(self, ecosystem: str, name: str) -> t.List[_Entry]:
        """What is known of a package, its versions parsed once."""
        key = (ecosystem, name)
        if key not in self._parsed:
            self._parsed[key] = [self._entry(ecosystem, *item) for item in self._data[ecosystem].get(name, ())]
        return self._parsed[key]

    def _entry(self, ecosystem: str, advisory: str, severity: str, ranges: t.Sequence[t.Any]) -> _Entry:
        texts = [text for item in ranges for text in item if text is not None]
        if ecosystem == "pypi" and not all(self._bound.match(text) for text in texts):
            return _Entry(advisory, severity, (), False)
        return _Entry(advisory, severity, tuple(_range(*item) for item in ranges), True)

    def _silent(self, ecosystem: str, package: _Package) -> t.Dict[str, str]:
        """The advisories that VEX statements take away from a package, with the word that says why."""
        found = {}
        name, version, build, channel, subdir = package
        # Package URLs name the channel of pkgs/main as main.
        has = {"build": (build,), "channel": (channel, (channel or "").rpartition("/")[2]), "subdir": (subdir,)}
        for advisory, wanted, qualifiers, word in self._statements.get((ecosystem, name), ()):
            if wanted is not None and not _same(wanted, version):
                continue
            if all(value in has[key] for key, value in (qualifiers or {}).items()):
                found[advisory] = word
        return found


def _range(introduced: str, fixed: t.Optional[str] = None, last: t.Optional[str] = None) -> _Range:
    """A range with its versions parsed; without a lower bound where it is 0, before which some versions come."""
    return (
        None if introduced == "0" else parse_version(introduced),
        parse_version(fixed) if fixed is not None else None,
        parse_version(last) if last is not None else None,
    )


def _contains(item: _Range, version: Version) -> bool:
    introduced, fixed, last = item
    return (
        (introduced is None or introduced <= version)
        and (fixed is None or version < fixed)
        and (last is None or version <= last)
    )


def _matching(version: Version, entries: t.Iterable[_Entry]) -> t.List[_Entry]:
    """The advisories that speak about a version, each once."""
    found: t.Dict[str, _Entry] = {}
    for entry in entries:
        if entry.id not in found and any(_contains(item, version) for item in entry.ranges):
            found[entry.id] = entry
    return list(found.values())


def _fix(version: Version, entry: _Entry) -> t.Optional[str]:
    for item in entry.ranges:
        if _contains(item, version):
            return item[1].text if item[1] is not None else None
    return None


def _smallest_fixed(version: Version, entries: t.Sequence[_Entry]) -> t.Optional[str]:
    """The first version to go to: what fixes one advisory may lie in the range of another."""
    found = version
    for _step in range(_MAX_STEPS):
        fixes = [
            item[1] for entry in entries for item in entry.ranges if item[1] is not None and _contains(item, found)
        ]
        if not fixes:
            break
        found = max(fixes)
    return None if found is version else found.text


__all__ = ("NONE_KNOWN", "UNMAPPED", "VULNERABLE", "Advisories", "Match", "Verdict", "pypi_names", "unpack")
