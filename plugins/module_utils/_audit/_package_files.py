# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Whether the files of the packages of an environment are there, and are what was installed."""

from __future__ import annotations

import collections
import itertools
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._audit._context import Audit
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import (
    BadRecord,
    Record,
    load_json,
    parse_files,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import Directory
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._tree import compare_sums, look_for

# conda's own checks leave them out: they are made anew by whoever runs Python
# (conda/plugins/subcommands/doctor/health_checks, since 24.7).
_COMPILED = (".pyc", ".pyo")
MAX_UNKNOWN = 20
# More than any environment has; what somebody else has put into records must not take all memory.
MAX_NAMES = 500000
MAX_REMEMBERED = 300000
BATCH = 50000
_TOO_MANY = "its records name more than %d files; the rest was not looked at"

_ByDirectory = t.Dict[str, t.List[str]]
_Grouped = t.List[t.Tuple[str, t.List[str]]]
_Lists = t.List[t.List[str]]


def missing_files(environment: Environment, audit: Audit) -> t.Dict[str, t.List[str]]:
    """The files that are not there, by the package that brought them.

    Raises Absent or Unreadable where the environment cannot be entered.
    """
    wanted: _ByDirectory = {}
    with audit.root.directory(environment.prefix) as prefix:
        records = list(_files_of_all(environment, prefix, audit))
        others: t.Dict[str, _Lists] = {}
        for _record, by_directory in records:
            for directory, names in by_directory:
                if wanted.setdefault(directory, names) is not names:
                    others.setdefault(directory, []).append(names)
        for directory, lists in others.items():
            wanted[directory] = list(itertools.chain(wanted[directory], *lists))
        found = look_for(prefix, wanted)
    _note_unknown(found.unknown, environment, audit)
    if not found.absent:
        return {}
    missing: t.Dict[str, t.List[str]] = {}
    for record, by_directory in records:
        for directory, names in by_directory:
            absent = set(found.absent.get(directory, ())).intersection(names)
            missing.setdefault(record.name, []).extend(_joined(directory, name) for name in absent)
    return {package: sorted(names) for package, names in missing.items() if names}


def altered_files(environment: Environment, audit: Audit) -> t.List[str]:
    """The files whose SHA-256 sum is not that in their record, of records that hold sums (C(paths_version) 1)."""
    wanted: t.Dict[str, t.List[t.Tuple[str, str, t.Optional[int]]]] = {}
    altered: t.List[str] = []
    unknown: t.List[t.Tuple[str, str]] = []

    def compare() -> None:
        found = compare_sums(prefix, wanted)
        altered.extend(found.altered)
        unknown.extend(found.unknown[: MAX_UNKNOWN + 1])
        wanted.clear()

    count, without, compared = 0, 0, 0
    with audit.root.directory(environment.prefix) as prefix:
        with prefix.directory("conda-meta") as meta:
            for record in audit.records(environment):
                before = count
                for name, checksum, size in _sums(record, meta, audit):
                    directory, _slash, last = name.rpartition("/")
                    wanted.setdefault(directory, []).append((last, checksum, size))
                    count += 1
                without += before == count and _has_files(record, meta)
                if count > MAX_NAMES:
                    audit.unknown(prefix.path, _TOO_MANY % MAX_NAMES)
                    break
                if count - compared > BATCH:
                    compare()
                    compared = count
        compare()
    if without:
        text = "the records of %d packages hold no sums of their files, so these could not be compared"
        audit.unknown(environment.prefix, text % without)
    _note_unknown(unknown, environment, audit)
    return sorted(altered)


def _has_files(record: Record, meta: Directory) -> bool:
    """Whether a record names files that count."""
    try:
        names = parse_files(meta.read(_record_file(record)) if record.files is None else record.files)
    except (BadRecord, Unreadable, Absent):
        return False  # told as unknown by who reads it
    return any(not name.endswith(_COMPILED) for name in names)


def _files_of_all(environment: Environment, prefix: Directory, audit: Audit) -> t.Iterator[t.Tuple[Record, _Grouped]]:
    """The files of each record, by directory."""
    known: t.Dict[int, t.Tuple[int, _Grouped]] = audit.memo("files of records", dict)
    count = 0
    with prefix.directory("conda-meta") as meta:
        for record in audit.records(environment):
            if count > MAX_NAMES:
                audit.unknown(prefix.path, _TOO_MANY % MAX_NAMES)
                return
            try:
                if record.files is None:
                    names = parse_files(meta.read(_record_file(record)))
                    count += len(names)
                    yield record, _grouped(names)
                    continue
                # Environments share their records, see RecordMemory, and these live as long as the audit does.
                found = known.get(id(record))
                if found is None:
                    grouped = _grouped(parse_files(record.files))
                    found = sum(len(names) for _directory, names in grouped), grouped
                    if _remember(found[0], audit):
                        known[id(record)] = found
                count += found[0]
                yield record, found[1]
            except (BadRecord, Unreadable, Absent) as error:
                reason = getattr(error, "reason", None) or str(error) or "it vanished"
                audit.unknown(meta.join(_record_file(record)), reason)


def _remember(count: int, audit: Audit) -> bool:
    """Whether there is room to keep so many files of one more record for other environments."""
    total: t.List[int] = audit.memo("number of files of records", lambda: [0])
    total[0] += count
    return total[0] <= MAX_REMEMBERED


def _grouped(names: t.Iterable[str]) -> _Grouped:
    found: t.DefaultDict[str, t.List[str]] = collections.defaultdict(list)
    for name in names:
        if not name.endswith(_COMPILED):
            directory, _slash, last = name.rpartition("/")
            found[directory].append(last)
    return list(found.items())


def _sums(record: Record, meta: Directory, audit: Audit) -> t.Iterator[t.Tuple[str, str, t.Optional[int]]]:
    name = _record_file(record)
    try:
        paths_data = load_json(meta.read(name)).get("paths_data") or {}
        paths = paths_data.get("paths") if paths_data.get("paths_version") == 1 else None
    except (Unreadable, Absent) as error:
        audit.unknown(meta.join(name), getattr(error, "reason", "it vanished while it was read"))
        return
    except (ValueError, RecursionError, AttributeError):
        audit.unknown(meta.join(name), "its list of files is not valid JSON, or no list")
        return
    for path in paths if isinstance(paths, list) else ():
        found = _sum_of(path)
        if found is not None:
            yield found


def _sum_of(path: t.Any) -> t.Optional[t.Tuple[str, str, t.Optional[int]]]:
    """Path, sum and size of an entry; None where it has no sum, or is one of those that conda leaves out."""
    if not isinstance(path, dict):
        return None
    name, size = path.get("_path"), path.get("size_in_bytes")
    checksum = path.get("sha256_in_prefix")
    if checksum is None and not path.get("prefix_placeholder"):
        checksum = path.get("sha256")  # the file is as it was in the package
    if path.get("path_type") in ("softlink", "directory"):
        return None
    if not isinstance(name, str) or not isinstance(checksum, str) or name.endswith(_COMPILED):
        return None
    return name, checksum, size if isinstance(size, int) and not path.get("prefix_placeholder") else None


def _record_file(record: Record) -> str:
    return "%s-%s-%s.json" % record[:3]


def _joined(directory: str, name: str) -> str:
    return directory + "/" + name if directory else name


def _note_unknown(unknown: t.Sequence[t.Tuple[str, str]], environment: Environment, audit: Audit) -> None:
    for path, reason in unknown[:MAX_UNKNOWN]:
        audit.unknown(path, reason)
    if len(unknown) > MAX_UNKNOWN:
        audit.unknown(environment.prefix, "%d more of its files could not be looked at" % (len(unknown) - MAX_UNKNOWN))


__all__ = ("altered_files", "missing_files")
