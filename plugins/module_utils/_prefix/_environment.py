# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Reads one environment: what its conda-meta directory and its site-packages tell, and nothing else."""

from __future__ import annotations

import json
import re
import time
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._prefix._history import EMPTY, History, parse_history
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._pip import (
    Distribution,
    PipPackage,
    distributions,
    normalize,
    not_from_records,
    parse_installer,
)
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import (
    TOO_MUCH,
    BadRecord,
    Record,
    RecordMemory,
    RecordName,
    TooMuch,
    is_record_file,
    parse_record,
    parse_record_name,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import Directory
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import shorten
from ansible_collections.labfleet.conda.plugins.module_utils._system._report import Report

MAX_SMALL_FILE = 1024 * 1024
MAX_PINS = 1000
MAX_TEXT = 4096
_TOOLS = ("conda", "mamba")


class Frozen(t.NamedTuple):
    """The mark of CEP 22 that nothing may be changed here, with the message for who tries."""

    message: t.Optional[str]


class Owners(t.NamedTuple):
    """Whose the files of a directory are.

    :param others: the numbers of the owners other than the owner of the environment, by file name.
    :param unasked: the names of the files that were not asked for their owner.
    """

    others: t.Dict[str, int]
    unasked: t.Collection[str]


class Environment(t.NamedTuple):
    """One prefix with a conda-meta directory.

    :param directory_names: the names in conda-meta, for readers that look for more.
    :param records: its packages, as the names of the record files tell them; None where they could not be listed.
    :param details: the content of the records, where it was asked for.
    :param owners: whose the files of conda-meta are, as far as reading the records has told.
    :param tool_metadata: the versions of conda and mamba that the metadata in site-packages tells, records or not.
    :param modified: when a record or the history was last added or taken away, in seconds since the epoch.
    """

    prefix: str
    identity: t.Tuple[int, int]
    uid: int
    gid: int
    mode: int
    has_history: bool
    directory_names: t.FrozenSet[str]
    records: t.Optional[t.List[RecordName]]
    details: t.Optional[t.List[Record]]
    history: History
    pinned: t.List[str]
    frozen: t.Optional[Frozen]
    created: t.Optional[float]
    modified: float
    python_version: t.Optional[str]
    pip_packages: t.List[PipPackage]
    tool_metadata: t.Dict[str, str]
    owners: Owners

    def version_of(self, name: str) -> t.Optional[str]:
        """The version of an installed package, or None."""
        record = self.record(name)
        return record.version if record else None

    def record(self, name: str) -> t.Optional[RecordName]:
        """An installed package, or None; of several records of one package, the one of the highest version."""
        found = [record for record in self.records or () if record.name == name]
        return max(found, key=lambda record: _numbers(record.version)) if found else None


def read_environment(
    prefix: Directory, *, report: Report, with_details: bool = False, memory: t.Optional[RecordMemory] = None
) -> Environment:
    """Read the environment in an open directory.

    :param prefix: the directory that holds conda-meta.
    :param report: takes what could not be read.
    :param with_details: read the content of each record too.
    :param memory: takes the records, for all environments of a look; decides whether they keep their lists of files.
    :raises Absent: it has no conda-meta directory.
    :raises Unreadable: conda-meta may not be entered.
    """
    with prefix.directory("conda-meta") as meta:
        owner = prefix.status().st_uid
        names, files = _names(meta, owner, report, memory, tell_files=with_details)
        present = frozenset(names or ())
        records = None if names is None else _record_names(meta, names, report)
        details, owned, owners = None, None, Owners({}, present)
        if with_details:
            reading = _Reading(meta, files, owner, report, memory)
            reading.read(records or ())
            details, owned = reading.records, reading.owned
            owners = Owners(reading.others, present - reading.asked)
        history = _history(meta, report) if names is None or "history" in present else None
        python = next((record for record in records or () if record.name == "python"), None)
        found, pip_packages = _python_packages(prefix, python, records or (), owned, report, memory)
        tool_metadata = {normalize(item.name): item.version for item in found if normalize(item.name) in _TOOLS}
        status = prefix.status()
        return Environment(
            prefix=prefix.path,
            identity=(status.st_dev, status.st_ino),
            uid=status.st_uid,
            gid=status.st_gid,
            mode=status.st_mode & 0o7777,
            has_history=history is not None,
            directory_names=present,
            records=records,
            details=details,
            history=history or EMPTY,
            pinned=_pinned(meta, report) if "pinned" in present else [],
            frozen=_frozen(meta, report) if "frozen" in present else None,
            created=_created(meta, report) if "created_at" in present else None,
            modified=meta.status().st_mtime,
            python_version=python.version if python else None,
            pip_packages=pip_packages,
            tool_metadata=tool_metadata,
            owners=owners,
        )


def _names(
    meta: Directory, owner: int, report: Report, memory: t.Optional[RecordMemory], *, tell_files: bool
) -> t.Tuple[t.Optional[t.List[str]], t.Container[str]]:
    """The names in a directory, None where they cannot be told, and those of regular files among them if wanted."""
    try:
        names, files = meta.listing() if tell_files else (meta.names(), ())
        if memory is None:
            return names, files
        shared = [memory.name(owner, name) for name in names]
        if None in shared:
            raise Unreadable(meta.path, TOO_MUCH)
        return t.cast(t.List[str], shared), files
    except (Unreadable, Absent) as error:
        report.add(meta.path, getattr(error, "reason", "it vanished"))
        return None, ()


def _read(meta: Directory, name: str, report: Report, *, limit: int = MAX_SMALL_FILE) -> t.Optional[bytes]:
    try:
        return meta.read(name, limit=limit)
    except Unreadable as error:
        report.add_error(error)
    except Absent:
        report.add(meta.join(name), "it is a link to nothing, or vanished while it was read")
    return None


def _record_names(meta: Directory, names: t.Iterable[str], report: Report) -> t.List[RecordName]:
    records = []
    for name in names:
        if not is_record_file(name):
            continue
        record = parse_record_name(name)
        if record is None:
            report.add(meta.join(name), "its name is not NAME-VERSION-BUILD.json, so conda ignores it")
        else:
            records.append(record)
    records.sort()
    for before, after in zip(records, records[1:]):
        if before.name == after.name:
            report.add(meta.path, "it holds two records of %s, as after an interrupted change" % after.name)
    return records


class _Reading:
    """Reads the records of an environment.

    :ivar records: their content.
    :ivar owned: the metadata directories of site-packages that they own; None where not all were read.
    :ivar others: the owners of those that are not the owner's of the environment, by file name.
    :ivar asked: the names of the files whose owner is known.
    """

    def __init__(
        self, meta: Directory, files: t.Container[str], owner: int, report: Report, memory: t.Optional[RecordMemory]
    ) -> None:
        self._meta = meta
        self._files = files
        self._owner = owner
        self._report = report
        self._memory = memory
        self.records: t.List[Record] = []
        self.owned: t.Optional[t.Set[str]] = set()
        self.others: t.Dict[str, int] = {}
        self.asked: t.Set[str] = set()

    def read(self, names: t.Iterable[RecordName]) -> None:
        """Read these records."""
        owned: t.Set[str] = set()
        for name in names:
            file_name = name.file_name
            try:
                data = self._content(file_name)
                record = parse_record(data, expected=name, memory=self._memory, owner=self._owner)
            except TooMuch:
                self._report.add(self._meta.path, TOO_MUCH)
                self.owned = None
                return
            except (BadRecord, Unreadable, Absent) as error:
                reason = getattr(error, "reason", None) or str(error) or "it vanished"
                self._report.add(self._meta.join(file_name), reason)
                continue
            self.records.append(record)
            if record.metadata_directories:
                owned |= record.metadata_directories
        self.owned = owned

    def _content(self, file_name: str) -> bytes:
        if file_name not in self._files:
            return self._meta.read(file_name)
        data, owner = self._meta.read_listed(file_name)
        if owner is not None:
            self.asked.add(file_name)
            if owner != self._owner:
                self.others[file_name] = owner
        return data


def _history(meta: Directory, report: Report) -> t.Optional[History]:
    try:
        data = meta.read("history")
    except Absent:
        return None
    except Unreadable as error:
        report.add_error(error)
        return EMPTY
    return parse_history(data, warn=lambda text: report.add(meta.join("history"), text))


def _pinned(meta: Directory, report: Report) -> t.List[str]:
    data = _read(meta, "pinned", report)
    lines = (data or b"").decode("utf-8", "surrogateescape").splitlines()
    specs = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    if len(specs) > MAX_PINS or any(len(spec) > MAX_TEXT for spec in specs):
        report.add(meta.join("pinned"), "it has more lines, or longer ones, than a list of pins")
    return [spec for spec in specs[:MAX_PINS] if len(spec) <= MAX_TEXT]


def _frozen(meta: Directory, report: Report) -> Frozen:
    data = _read(meta, "frozen", report)
    if not data:
        return Frozen(None)
    try:
        content = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        report.add(meta.join("frozen"), "it is not valid JSON; the environment is frozen all the same")
        return Frozen(None)
    message = content.get("message") if isinstance(content, dict) else None
    return Frozen(shorten(message, MAX_TEXT) if isinstance(message, str) else None)


def _created(meta: Directory, report: Report) -> t.Optional[float]:
    data = _read(meta, "created_at", report, limit=100)
    if data is None:
        return None
    try:
        seconds = float(data)
        time.gmtime(seconds)
    except (ValueError, OverflowError, OSError):
        report.add(meta.join("created_at"), "it is not a time in seconds")
        return None
    return seconds


def _numbers(version: str) -> t.List[int]:
    """The numbers in a version, good enough to tell the newer of two records of one package."""
    return [int(part) for part in re.findall(r"[0-9]{1,9}", version)]


def site_packages(python: RecordName) -> str:
    """The directory of Python packages below a prefix; free-threaded builds have one of their own (PEP 703)."""
    minor = ".".join(python.version.split(".")[:2])
    free_threaded = re.search(r"_cp\d+t(?:_|$)", python.build) is not None
    return "lib/python%s%s/site-packages" % (minor, "t" if free_threaded else "")


def _python_packages(
    prefix: Directory,
    python: t.Optional[RecordName],
    records: t.Iterable[RecordName],
    owned: t.Optional[t.Set[str]],
    report: Report,
    memory: t.Optional[RecordMemory],
) -> t.Tuple[t.List[Distribution], t.List[PipPackage]]:
    """The metadata in site-packages, and those of the packages there that conda did not install."""
    if python is None:
        return [], []
    found: t.List[Distribution] = []
    try:
        with prefix.directory(site_packages(python)) as packages:
            found = distributions(packages.names())
            if memory is not None and not memory.may_keep(prefix.status().st_uid, 500 * len(found)):
                report.add(prefix.path, TOO_MUCH)
                return [], []
            return found, _pip_packages(packages, found, records, owned, report)
    except Unreadable as error:
        report.add_error(error)
    except Absent:
        pass
    return found, []


def _pip_packages(
    packages: Directory,
    candidates: t.List[Distribution],
    records: t.Iterable[RecordName],
    owned: t.Optional[t.Set[str]],
    report: Report,
) -> t.List[PipPackage]:
    """What an installer other than conda put there.

    With the content of the records at hand, exact: what no record owns. Else by the INSTALLER file of those
    whose name and version no record has: conda's builders write C(conda) there, pip writes C(pip).
    """
    if owned is not None:
        candidates = [item for item in candidates if item.directory not in owned]
    else:
        candidates = not_from_records(candidates, [record[:2] for record in records])
    found: t.List[PipPackage] = []
    for item in candidates:
        installer = _installer(packages, item.directory, report)
        if owned is not None or installer not in ("conda", None):
            found.append(PipPackage(item.name, item.version, installer))
    return found


def _installer(packages: Directory, directory: str, report: Report) -> t.Optional[str]:
    """Who installed: the word in INSTALLER; C(pip) for an egg-info that lists its installed files, as pip's do."""
    try:
        with packages.directory(directory) as info:
            if directory.endswith(".egg-info"):
                return "pip" if info.has("installed-files.txt") else None
            return parse_installer(info.read("INSTALLER", limit=4096))
    except Unreadable as error:
        report.add_error(error)
    except Absent:
        pass
    return None


__all__ = ("Environment", "Frozen", "Owners", "read_environment", "site_packages")
