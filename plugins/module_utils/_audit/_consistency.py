# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Whether what each package of an environment depends on is there (conda's health check of consistency)."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._prefix._history import spec_name
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import Record
from ansible_collections.labfleet.conda.plugins.module_utils._spec._match_spec import MatchSpec, MissingField
from ansible_collections.labfleet.conda.plugins.module_utils._spec._pattern import SpecError

# What the platform of the installed packages tells of the virtual packages; all others depend on the running system.
_PLATFORMS = {"linux": ("__linux", "__unix"), "osx": ("__osx", "__unix"), "win": ("__win",)}
_KNOWN_VIRTUAL = frozenset(("__linux", "__osx", "__unix", "__win"))


MAX_REMEMBERED = 50000


class Lack(t.NamedTuple):
    """Something that does not fit.

    :param package: whose dependency it is, as name and version.
    :param spec: what it asks for.
    :param installed: what is there in its place; None where it is not there at all.
    """

    package: str
    spec: str
    installed: t.Optional[str]


# What the dependencies of one record come to in an environment: what does not fit, and what could not be judged.
_Judged = t.Tuple[t.Sequence[Lack], t.Sequence[str]]
_NOTHING: _Judged = ((), ())


class Consistency:
    """Judges environments, and remembers: the same packages come again and again.

    :param check: called again and again, to raise what ends the judgement when it takes too long.
    """

    def __init__(self, check: t.Callable[[], None] = lambda: None) -> None:
        self._check = check
        self._specs: t.Dict[str, t.Optional[MatchSpec]] = {}
        self._answers: t.Dict[t.Tuple[str, str, str, str], t.Optional[bool]] = {}
        self._names: t.Dict[int, t.Tuple[Record, t.List[t.Optional[str]]]] = {}
        self._judged: t.Dict[t.Tuple[t.Any, ...], _Judged] = {}

    def lacks(self, records: t.Sequence[Record], names: t.Iterable[str] = ()) -> t.Tuple[t.List[Lack], t.List[str]]:
        """What does not fit together in an environment.

        :param records: the records that could be read.
        :param names: the packages that are there by the names of their records, read or not.
        :returns: what is missing or does not fit, and the specs that could not be judged.
        """
        installed: t.Dict[t.Optional[str], t.Optional[Record]] = dict.fromkeys(names)
        installed.update((record.name, record) for record in records)
        numbers = {name: id(record) for name, record in installed.items()}
        virtual = _virtual(records)
        number_of = numbers.get
        found: t.List[Lack] = []
        unjudged: t.Dict[str, None] = {}
        for record in records:
            # Environments share the records that are the same; numbers stand for them, and for None.
            key = (id(record), virtual, *map(number_of, self._names_in(record)))
            judged = self._judged.get(key)
            if judged is None:
                self._check()
                judged = self._judge(record, installed, virtual)
                if len(self._judged) < MAX_REMEMBERED:
                    self._judged[key] = judged
            if judged is not _NOTHING:
                found += judged[0]
                unjudged.update(dict.fromkeys(judged[1]))
        return found, list(unjudged)

    def _names_in(self, record: Record) -> t.List[t.Optional[str]]:
        """The names of the packages that a record speaks of; the record is kept, since its number stands for it."""
        known = self._names.get(id(record))
        if known is None:
            names = [spec_name(spec) for spec in record.depends + record.constrains]
            known = self._names[id(record)] = record, names
        return known[1]

    def _judge(
        self,
        record: Record,
        installed: t.Mapping[t.Optional[str], t.Optional[Record]],
        virtual: t.Container[str],
    ) -> _Judged:
        found: t.List[Lack] = []
        unjudged: t.List[str] = []
        package, wanted = "%s %s" % record[:2], len(record.depends)
        for number, (spec, name) in enumerate(zip(record.depends + record.constrains, self._names_in(record))):
            is_wanted, other = number < wanted, installed.get(name)
            if name is None:
                unjudged.append(spec)
            elif name.startswith("__"):
                if is_wanted and virtual and name in _KNOWN_VIRTUAL and name not in virtual:
                    found.append(Lack(package, spec, None))
            elif other is None:
                if name in installed:
                    unjudged.append(spec)
                elif is_wanted:
                    found.append(Lack(package, spec, None))
            elif " " in spec or spec != name:
                answer = self._matches(spec, other)
                if answer is None:
                    unjudged.append(spec)
                elif not answer:
                    found.append(Lack(package, spec, "%s %s %s" % other[:3]))
        return (found, unjudged) if found or unjudged else _NOTHING

    def _matches(self, text: str, record: Record) -> t.Optional[bool]:
        key = (text, record.name, record.version, record.build)
        if key in self._answers:
            return self._answers[key]
        self._check()
        if len(self._answers) > MAX_REMEMBERED:
            self._answers.clear()
            self._specs.clear()
        if text not in self._specs:
            try:
                self._specs[text] = MatchSpec(text)
            except SpecError:
                self._specs[text] = None
        spec, answer = self._specs[text], None
        if spec is not None:
            try:
                answer = spec.match(_as_map(record))
            except (SpecError, MissingField):
                answer = None
        self._answers[key] = answer
        return answer


def _as_map(record: Record) -> t.Dict[str, t.Any]:
    return {
        "name": record.name,
        "version": record.version,
        "build": record.build,
        "build_number": record.build_number,
        "channel": record.channel,
        "subdir": record.subdir,
        "url": record.url,
        "md5": record.md5,
        "sha256": record.sha256,
        "license": record.license,
    }


def _virtual(records: t.Iterable[Record]) -> t.Tuple[str, ...]:
    """The virtual packages of the platform that most packages are for; none where nothing tells."""
    for record in records:
        platform = (record.subdir or "").partition("-")[0]
        if platform in _PLATFORMS:
            return _PLATFORMS[platform]
    return ()


__all__ = ("Consistency", "Lack")
