# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Who uses what lies in a package cache: all environments of the host, by their records and by what they link to."""

from __future__ import annotations

import json
import os
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._discover._cache_contents import ARCHIVES
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import Look
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._history_replay import last_named
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, TimeIsUp, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._soft_links import soft_links

_APART = ("pkgs", "envs", ".labfleet-conda")
_JOURNAL = ".labfleet-conda/journal.json"
_ROOT = 0


class CacheUses:
    """The uses of one cache.

    :param look: a look at the whole host that has come to its end, with the content of the records.
    :param path: the real path of the cache.
    :param closed_to: the number of the owner of a cache that nobody else can reach, root excepted; else None.
    :ivar unseen: path and reason of what could not be looked at, and could hold a user of anything.
    """

    def __init__(self, look: Look, path: str, *, closed_to: t.Optional[int]) -> None:
        self._look, self._path, self._closed_to = look, path, closed_to
        self._root = look.survey.root
        self._relations: t.Dict[str, t.Optional[str]] = {}
        self._used: t.Dict[str, str] = {}
        self._named: t.Dict[str, str] = {}
        self._strangers: t.Set[str] = set()
        self.unseen: t.Dict[str, str] = {}
        if closed_to is None:
            self.unseen.update(look.report.unseen)
        if not look.complete:
            self.unseen["/"] = "not all of the host could be looked at in time"
        self.environments = [item for item in look.survey.environments.values() if self._may_use(item)]
        for environment in self.environments:
            self._read(environment)

    def _may_use(self, environment: Environment) -> bool:
        return self._closed_to is None or environment.uid in (_ROOT, self._closed_to)

    def user_of(self, item: str) -> t.Optional[str]:
        """An environment whose records say that it was made from something in the cache, by its path there.

        A record that does not say from which cache counts for every cache that has such a package.
        """
        return self._used.get(item) or self._named.get(item.rpartition("/")[2])

    def _read(self, environment: Environment) -> None:
        if environment.records is None:
            self.unseen[environment.prefix] = "its records could not be listed"
            return
        places: t.Set[t.Optional[str]] = set()
        unread = {record.file_name[: -len(".json")] for record in environment.records}
        for record in environment.details or ():
            name = "%s-%s-%s" % record[:3]
            unread.discard(name)
            told = False
            for path in record.cached:
                parent, _slash, last = path.rstrip("/").rpartition("/")
                place = self._relation(parent)
                places.add(place)
                told = told or place is not None
                if place is None:
                    self._named.setdefault(_bare(last), environment.prefix)
                elif place != ".." and last:
                    self._used.setdefault(place + _bare(last), environment.prefix)
            if not told:
                self._named.setdefault(name, environment.prefix)
        for name in unread:
            self._named.setdefault(name, environment.prefix)
        if places == {".."}:
            self._strangers.add(environment.prefix)

    def _relation(self, path: str) -> t.Optional[str]:
        """Where a directory lies: below the cache, C(..) for elsewhere; None where nobody knows, as it is gone."""
        if path not in self._relations:
            try:
                with self._root.directory(path or "/") as directory:
                    real = directory.path
            except (Absent, Unreadable):
                self._relations[path] = None
            else:
                inside = (real + "/").startswith(self._path + "/")
                self._relations[path] = (real + "/")[len(self._path) + 1 :] if inside else ".."
        return self._relations[path]

    def linked_to(self, items: t.Iterable[str]) -> t.Dict[str, str]:
        """Those of some packages, by their paths in the cache, to which an environment has symbolic links, and which.

        All files of the environments are gone through for that.
        """
        wanted, found = set(items), {}  # type: t.Set[str], t.Dict[str, str]
        for environment in self.environments if wanted else ():
            for folder, target in self._links(environment):
                full = os.path.normpath(os.path.join(folder, target))
                if full.startswith(environment.prefix + "/"):
                    continue
                place = self._below(full)
                for item in wanted if place is not None else ():
                    if (str(place) + "/").startswith(item + "/"):
                        found.setdefault(item, environment.prefix)
        return found

    def _below(self, path: str) -> t.Optional[str]:
        """The path below the cache of what is at a path; None for what is elsewhere."""
        parent = path
        while parent != "/":
            parent = os.path.dirname(parent)
            place = self._relation(parent)
            if place is not None:
                return None if place == ".." else place + path[len(parent.rstrip("/")) + 1 :]
        return None

    def _links(self, environment: Environment) -> t.Iterator[t.Tuple[str, str]]:
        try:
            with self._root.directory(environment.prefix) as top:
                yield from soft_links(top, apart=_APART, note=self.unseen.setdefault)
        except Absent:
            return
        except Unreadable as error:
            self.unseen[error.path] = error.reason
        except TimeIsUp:
            self.unseen[environment.prefix] = "its files could not all be looked at in time"

    def last_named(self, packages: t.Container[str]) -> t.Dict[str, float]:
        """When the histories of environments last name some packages (as NAME-VERSION-BUILD).

        Those do not count of which all packages come from other caches.
        """
        found: t.Dict[str, float] = {}
        for environment in self.environments:
            if environment.prefix in self._strangers:
                continue
            for name, seconds in last_named(self._file(environment, "conda-meta/history"), packages).items():
                found[name] = max(seconds, found.get(name, 0.0))
        return found

    def under_change(self) -> t.Set[str]:
        """The packages (as NAME-VERSION-BUILD) of interrupted changes whose recovery asks the cache for them."""
        found: t.Set[str] = set()
        for environment in self.environments:
            try:
                journal = json.loads(self._file(environment, _JOURNAL).decode("utf-8") or "{}")
                caches = [str(path) for path in journal.get("caches", ())]
                if not caches or any(self._relation(path) != ".." for path in caches):
                    found.update(str(name) for name in journal.get("packages", ()))
            except (ValueError, AttributeError, TypeError, RecursionError):
                self.unseen[environment.prefix + "/" + _JOURNAL] = "it is no journal"
        return found

    def _file(self, environment: Environment, name: str) -> bytes:
        try:
            return self._root.read(environment.prefix + "/" + name)
        except Absent:
            return b""
        except Unreadable as error:
            self.unseen[error.path] = error.reason
            return b""


def _bare(name: str) -> str:
    """The name of a package, without the ending of its archive."""
    return next((name[: -len(ending)] for ending in ARCHIVES if name.endswith(ending)), name)


__all__ = ("CacheUses",)
