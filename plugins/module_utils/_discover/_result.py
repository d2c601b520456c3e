# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The plain result of a look: maps, lists and texts, as module conda_info documents them."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._discover._configuration import Configurations
from ansible_collections.labfleet.conda.plugins.module_utils._discover._installations import Installation
from ansible_collections.labfleet.conda.plugins.module_utils._discover._parents import (
    Parents,
    made_by,
)
from ansible_collections.labfleet.conda.plugins.module_utils._discover._survey import Survey
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment, Frozen
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._history import Change
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import Record, channel_name
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._usage import last_use
from ansible_collections.labfleet.conda.plugins.module_utils._system._access import Writers, directory_writers
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._measure import Size, measure

_Map = t.Dict[str, t.Any]


class Cache(t.NamedTuple):
    """One package cache.

    :param path: where it is, links resolved.
    :param file_system: the type of its file system, such as C(nfs4); None where the mount table does not tell.
    :param used_by: who names it: maps of C(installation) and C(user), None for all without settings of their own.
    """

    path: str
    uid: int
    gid: int
    mode: int
    writers: Writers
    file_system: t.Optional[str]
    used_by: t.List[t.Dict[str, t.Optional[str]]]
    size: t.Optional[Size]


class Result:
    """Puts together what was found; gather() looks at what costs time, as_dict() looks at nothing.

    :param survey: what was found.
    :param configurations: the settings in force.
    :param gather: the subsets asked for.
    """

    def __init__(self, survey: Survey, configurations: Configurations, gather: t.Sequence[str]) -> None:
        self.survey = survey
        self.configurations = configurations
        self.installations: t.List[Installation] = []
        self.parents: t.Optional[Parents] = None
        self._gather = frozenset(gather)
        self.caches: t.Dict[str, Cache] = {}
        self._extra: t.Dict[str, _Map] = {}
        self._registry: t.Optional[t.Dict[t.Any, t.List[t.List[str]]]] = None
        self._processes: t.Optional[t.Dict[str, int]] = None

    def gather(self) -> None:
        """Look at the package caches, and at sizes and last use where asked for."""
        for path in sorted(self.configurations.cache_paths() | self.survey.caches):
            self._add_cache(path)
        for environment in list(self.survey.environments.values()):
            self._add_extra(environment)

    def as_dict(self) -> _Map:
        """The result so far."""
        return {
            "installations": [self._installation(item) for item in self.installations],
            "environments": [
                self._environment(item)
                for item in sorted(self.survey.environments.values(), key=lambda item: item.prefix)
            ],
            "configurations": self.configurations.as_list(),
            "package_caches": [self._cache(entry) for _path, entry in sorted(self.caches.items())],
        }

    def _installation(self, item: Installation) -> _Map:
        environment = item.environment
        found_by = self.survey.found_by.get(environment.identity, []) if environment else []
        found_by = found_by or self.survey.mamba_root_found_by.get(item.prefix or "", [])
        return {
            "kind": item.kind,
            "distribution": item.distribution,
            "distribution_evidence": item.distribution_evidence,
            "prefix": item.prefix,
            "program": item.program,
            "version": item.version,
            "version_source": item.version_source,
            "versions": item.versions,
            "solver": self.configurations.solver_of(item),
            "owner": self._user(item.uid),
            "group": self._group(item.gid),
            "mode": _mode(item.mode),
            "writers": _writers(item.writers),
            "frozen": _frozen(environment.frozen) if environment else None,
            "installer": item.installer,
            "last_change": _change(environment.history.last) if environment else None,
            "secondary": item.is_secondary,
            "found_by": sorted(set(found_by)) or (["program " + item.program] if item.program else []),
            "notes": item.notes,
        }

    def _environment(self, item: Environment) -> _Map:
        parent = self.parents.of(item) if self.parents else None
        history = item.history
        names = {record.name for record in item.records or ()}
        result: _Map = {
            "prefix": item.prefix,
            "name": self.parents.name_of(item) if self.parents else None,
            "base": parent is not None and parent.prefix == item.prefix,
            "owner": self._user(item.uid),
            "group": self._group(item.gid),
            "mode": _mode(item.mode),
            "installation": parent.prefix if parent else None,
            "installation_evidence": parent.evidence if parent else None,
            "made_by": made_by(item),
            "python_version": item.python_version,
            "record_count": None if item.records is None else len(item.records),
            "requested": [spec for name, spec in sorted(history.requested.items()) if name in names],
            "pinned": item.pinned,
            "pip_packages": [package._asdict() for package in item.pip_packages],
            "frozen": _frozen(item.frozen),
            "created": _utc(item.created) if item.created is not None else None,
            "modified": _utc(item.modified),
            "last_change": _change(history.last),
            "revisions": history.revisions,
            "registered_by": self._registered_by(item),
            "processes": self.processes_in(item),
            "suspect": None if item.has_history else "conda-meta holds no history",
            "found_by": sorted(self.survey.found_by.get(item.identity, [])),
        }
        if item.details is not None:
            result["records"] = [plain_record(record) for record in item.details]
        result.update(self._extra.get(item.prefix, {}))
        return result

    def _registered_by(self, item: Environment) -> t.List[str]:
        users: t.Set[str] = set()
        for names in self._registrations().get(item.identity, ()):
            users.update(names)
        return sorted(users)

    def _registrations(self) -> t.Dict[t.Any, t.List[t.List[str]]]:
        if self._registry is None:
            self._registry = {}
            for path, names in self.survey.registered.items():
                self._registry.setdefault(self.survey.identity(path), []).append(names)
        return self._registry

    def processes_in(self, item: Environment) -> int:
        """The number of running processes, of those that could be seen, whose program lies in an environment."""
        return self._process_counts().get(item.prefix, 0)

    def _process_counts(self) -> t.Dict[str, int]:
        if self._processes is None:
            self._processes = {}
            prefixes = {item.prefix for item in self.survey.environments.values()}
            for process in self.survey.processes:
                place = process.program
                while place and place not in prefixes:
                    place = place.rpartition("/")[0]
                self._processes[place] = self._processes.get(place, 0) + 1
        return self._processes

    def _add_cache(self, path: str) -> None:
        try:
            with self.survey.root.directory(path) as directory:
                users = self.configurations.users_of_cache(path)
                if directory.path in self.caches:
                    known = self.caches[directory.path].used_by
                    known += [user for user in users if user not in known]
                    return
                status = directory.status()
                mount = self.survey.root.mount_of(directory.path)
                self.caches[directory.path] = Cache(
                    path=directory.path,
                    uid=status.st_uid,
                    gid=status.st_gid,
                    mode=status.st_mode & 0o7777,
                    writers=directory_writers(directory),
                    file_system=mount.type if mount else None,
                    used_by=users,
                    size=measure(directory, self.survey.report) if "sizes" in self._gather else None,
                )
        except Absent:
            pass
        except Unreadable as error:
            self.survey.report.add_error(error)

    def _add_extra(self, item: Environment) -> None:
        if not self._gather & {"sizes", "last_use"}:
            return
        extra = self._extra.setdefault(item.prefix, {})
        try:
            with self.survey.root.directory(item.prefix) as prefix:
                if "last_use" in self._gather:
                    use = last_use(prefix, python_version=item.python_version, modified=item.modified)
                    extra["last_use"] = {"time": _utc(use.time), "evidence": use.evidence, "known": use.known}
                    extra["last_use"]["running"] = bool(self.processes_in(item))
                if "sizes" in self._gather:
                    extra["size"] = _size(measure(prefix, self.survey.report))
        except (Absent, Unreadable) as error:
            self.survey.report.add(item.prefix, getattr(error, "reason", "it vanished while it was looked at"))

    def _cache(self, item: Cache) -> _Map:
        entry: _Map = {
            "path": item.path,
            "owner": self._user(item.uid),
            "group": self._group(item.gid),
            "mode": _mode(item.mode),
            "writers": _writers(item.writers),
            "file_system": item.file_system,
            "used_by": item.used_by,
        }
        if item.size is not None:
            entry["size"] = _size(item.size)
        return entry

    def _user(self, uid: int) -> str:
        return self.survey.root.identities.user_name(uid) or str(uid)

    def _group(self, gid: int) -> str:
        return self.survey.root.identities.group_name(gid) or str(gid)


def _mode(mode: int) -> str:
    return "%04o" % (mode & 0o7777)


def _utc(seconds: float) -> t.Optional[str]:
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
    except (OverflowError, OSError, ValueError):
        return None


def _frozen(frozen: t.Optional[Frozen]) -> t.Optional[_Map]:
    return None if frozen is None else {"message": frozen.message}


def _change(change: t.Optional[Change]) -> t.Optional[_Map]:
    return None if change is None else dict(change._asdict())


def _writers(writers: Writers) -> _Map:
    return {"users": sorted(writers.users), "groups": sorted(writers.groups), "everybody": writers.everybody}


def _size(size: Size) -> _Map:
    return dict(size._asdict())


def plain_record(record: Record) -> _Map:
    """A record as the modules return it."""
    return {
        "name": record.name,
        "version": record.version,
        "build": record.build,
        "build_number": record.build_number,
        "channel": channel_name(record),
        "subdir": record.subdir,
        "url": record.url,
    }


__all__ = ("Cache", "Result", "plain_record")
