# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""What is wanted of the packages of an environment, against what its records show: nothing is run for it."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import Record, RecordName
from ansible_collections.labfleet.conda.plugins.module_utils._spec._match_spec import (
    MatchSpec,
    MissingField,
    parse_match_spec,
)
from ansible_collections.labfleet.conda.plugins.module_utils._spec._pattern import SpecError
from ansible_collections.labfleet.conda.plugins.module_utils._spec._version import InvalidVersion

PRESENT, LATEST, ABSENT = "present", "latest", "absent"
# Gives the content of a record; None where it cannot be read.
Content = t.Callable[[RecordName], t.Optional[Record]]
_TOLD_BY_NAMES = frozenset(("name", "version", "build"))
# What a spec can ask for that our reader of records keeps.
_SOMETIMES_TOLD = frozenset(("url", "md5", "sha256", "license"))
_TOLD_BY_CONTENT = _TOLD_BY_NAMES | frozenset("build_number channel subdir url md5 sha256 license fn".split())


class Desired(t.NamedTuple):
    """What is wanted of the packages of one environment.

    :param specs: see parse_wanted().
    :param state: PRESENT, LATEST or ABSENT.
    :param with_dependents: with ABSENT, whether what needs them may go too.
    """

    specs: t.Tuple[MatchSpec, ...]
    state: str = PRESENT
    with_dependents: bool = False


class Standing(t.NamedTuple):
    """How an environment stands to what is wanted of it.

    :ivar met: the specs that hold; with ABSENT, those that no package meets.
    :ivar unmet: the specs that do not hold. With LATEST all of them, since no file tells what is the newest.
    :ivar unknown: the specs on which the files do not decide: the tool has to be asked.
    :ivar going: with ABSENT, the packages that meet a spec.
    """

    met: t.Tuple[MatchSpec, ...] = ()
    unmet: t.Tuple[MatchSpec, ...] = ()
    unknown: t.Tuple[MatchSpec, ...] = ()
    going: t.Tuple[RecordName, ...] = ()

    @property
    def is_met(self) -> bool:
        """Whether nothing is to be done."""
        return not (self.unmet or self.unknown)


def parse_wanted(texts: t.Iterable[str], state: str, *, option: str = "name") -> t.Tuple[MatchSpec, ...]:
    """The match specs of an option.

    :raises Refused: one of them is none, or cannot be met by one package, or two are about the same.
    """
    specs = [_spec(text, state, option) for text in texts]
    names = [spec.name for spec in specs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice and state != ABSENT:
        raise Refused("%s: %s is asked for twice: write one spec for it, as in %s>=1,<2." % (option, *twice[:1] * 2))
    return tuple(specs)


def _spec(text: str, state: str, option: str) -> MatchSpec:
    try:
        spec = parse_match_spec(text.strip())
    except SpecError as error:
        told = "%s: %r is no match spec: %s. Write it as in numpy>=1.26."
        raise Refused(told % (option, text, getattr(error, "reason", error))) from error
    if state != ABSENT and not spec.names_one_package:
        raise Refused("%s: %r does not name one package." % (option, text))
    if state == ABSENT and not spec.name.strip("*"):
        raise Refused("%s: %r would take every package away: name packages." % (option, text))
    if state == LATEST and spec.fields != ("name",):
        told = "%s: with state latest a package has just a name, not %r; for a bound use state present."
        raise Refused(told % (option, text))
    return spec


def standing(wanted: t.Iterable[MatchSpec], state: str, records: t.Sequence[RecordName], content: Content) -> Standing:
    """Judge an environment.

    :param records: the names of its records.
    :param content: reads one of them; it is asked only where the name of a record does not tell enough.
    """
    met: t.List[MatchSpec] = []
    open_: t.List[MatchSpec] = []
    unknown: t.List[MatchSpec] = []
    going: t.Dict[RecordName, None] = {}
    for spec in wanted:
        if state == LATEST:
            open_.append(spec)
            continue
        answers = {record: meets(spec, record, content) for record in _candidates(spec, records)}
        hits = [record for record, answer in answers.items() if answer]
        doubtful = None in answers.values() and (state == ABSENT or not hits)
        if doubtful:
            unknown.append(spec)
        elif bool(hits) == (state == ABSENT):
            open_.append(spec)
            going.update(dict.fromkeys(hits) if state == ABSENT else {})
        else:
            met.append(spec)
    return Standing(tuple(met), tuple(open_), tuple(unknown), tuple(going))


def _candidates(spec: MatchSpec, records: t.Sequence[RecordName]) -> t.List[RecordName]:
    if not spec.names_one_package:
        return list(records)
    return [record for record in records if record.name == spec.name]


def meets(spec: MatchSpec, record: RecordName, content: Content) -> t.Optional[bool]:
    """Whether an installed package meets a spec; None where the files do not tell."""
    fields = frozenset(spec.fields)
    try:
        if fields <= _TOLD_BY_NAMES:
            return spec.match(record._asdict())
        short = _by_name_only(spec)
        if short is not None and not short.match(record._asdict()):
            return False
        found = content(record)
        if found is None or not fields <= _TOLD_BY_CONTENT:
            return None
        if any(getattr(found, field) is None for field in _SOMETIMES_TOLD & fields):
            return None
        told = {key: value for key, value in found._asdict().items() if value is not None}
        told["fn"] = found.file_name or "%s-%s-%s" % record
        if not spec.match(told):
            return None if _only_the_channel_differs(spec, told) else False
        return True
    except (MissingField, SpecError, InvalidVersion):
        return None


def _by_name_only(spec: MatchSpec) -> t.Optional[MatchSpec]:
    """The spec less what the name of a record does not tell; None where nothing is left to judge by."""
    conditions = [("version", spec.version), ("build", spec.build)]
    inside = ",".join("%s='%s'" % (field, value) for field, value in conditions if value)
    try:
        return parse_match_spec("%s[%s]" % (spec.name, inside) if inside else spec.name)
    except SpecError:
        return None


def _only_the_channel_differs(spec: MatchSpec, told: t.Mapping[str, t.Any]) -> bool:
    """Whether a package meets all of a spec but the plain name of its channel, which a condarc can give to any URL."""
    if spec.channel is None or "://" in spec.channel or "*" in spec.channel:
        return False
    source = str(told.get("url") or told.get("channel") or "")
    is_elsewhere = "://" in source and not any(host in source for host in _NAMED_HOSTS)
    return is_elsewhere and spec.match(dict(told, channel=spec.channel))


_NAMED_HOSTS = ("//conda.anaconda.org/", "//repo.anaconda.com/")


def needed_by(records: t.Iterable[Record], names: t.Iterable[str]) -> t.Dict[str, t.Set[str]]:
    """The packages that cannot stay when others go, each with those of the going packages that it needs.

    :param records: all packages of the environment, with what they depend on.
    :param names: the packages that go.
    """
    going = set(names)
    depends = {record.name: {_name_in(text) for text in record.depends} for record in records}
    found: t.Dict[str, t.Set[str]] = {}
    more = True
    while more:
        more = False
        for name, needs in depends.items():
            if name not in going and needs & going:
                found[name] = needs & going
                going.add(name)
                more = True
    return found


def _name_in(depend: str) -> str:
    """The name of the package in one of the depends of a record."""
    try:
        return parse_match_spec(depend).name
    except SpecError:
        return depend.split(" ", 1)[0].lower()


__all__ = (
    "ABSENT",
    "Content",
    "Desired",
    "LATEST",
    "PRESENT",
    "Standing",
    "meets",
    "needed_by",
    "parse_wanted",
    "standing",
)
