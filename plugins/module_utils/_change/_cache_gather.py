# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Which things in a package cache may go, and why the others stay: asked from the cheapest question to the dearest."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._cache_place import CachePlace
from ansible_collections.labfleet.conda.plugins.module_utils._change._cache_plan import (
    CHANGING,
    HARD_LINKED,
    IN_ENVIRONMENT,
    ONLY_COPY,
    RECENT,
    SOFT_LINKED,
    UNSEEN,
    Candidate,
)
from ansible_collections.labfleet.conda.plugins.module_utils._discover._cache_contents import (
    ARCHIVE,
    INDEX,
    PACKAGE,
    Count,
    Item,
    count_item,
    items_of,
)
from ansible_collections.labfleet.conda.plugins.module_utils._discover._cache_uses import CacheUses
from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import Directory
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

_DAY = 86400.0
# conda reads the first of these that is there when it links a package, and only then.
_READ_TO_LINK = ("info/paths.json", "info/files")
# How far each answer got; a later one is not asked where an earlier one has settled the matter.
_Candidates = t.Dict[str, Candidate]


class Question(t.NamedTuple):
    """What is asked of a cache.

    :param kinds: the kinds of things that may go at all.
    :param keep_days: what was used within so many days stays.
    :param ordered: whether the age of each counts, to begin with the oldest.
    :param now: the time, in seconds since the epoch.
    """

    kinds: t.FrozenSet[str]
    keep_days: t.Optional[float]
    ordered: bool
    now: float


class Gathering:
    """Asks for each thing in a cache whether it may go.

    :param uses: tells who uses the cache, by a look at the host, which is made when it is first asked for.
    :param counted: things of the cache that were counted already, which is the dearest question.
    :ivar unseen: path and reason of what could not be looked at.
    """

    def __init__(
        self,
        root: Root,
        place: CachePlace,
        question: Question,
        uses: t.Callable[[], CacheUses],
        counted: t.Iterable[t.Tuple[Item, Count]] = (),
    ) -> None:
        self.unseen: t.Dict[str, str] = {}
        self._counted = {item.name: (item, count) for item, count in counted if count.complete}
        self._root, self._place, self._question, self._uses = root, place, question, uses
        self._found: _Candidates = {}
        self._packages: t.Set[str] = set()

    def run(self) -> t.List[Candidate]:
        """All things of the kinds that are asked for, in the order of their names."""
        with self._root.directory(self._place.path) as top:
            items = items_of(top, self._note)
            self._packages = {item.name for item in items if item.kind == PACKAGE}
            wanted = [item for item in items if item.kind in self._question.kinds]
            self._found = {item.name: Candidate(item, item.status.st_mtime, "it was written", None) for item in wanted}
            self._ask_records()
            self._ask_ages(top, {item.name: item for item in items})
            self._ask_hard_links(top)
        self._ask_soft_links()
        return list(self._found.values())

    def _note(self, path: str, reason: str) -> None:
        self.unseen.setdefault(path, reason)

    def _open(self, *kinds: str) -> t.List[Candidate]:
        return [item for item in self._found.values() if item.kept is None and (not kinds or item.item.kind in kinds)]

    def _keep(self, name: str, reason: str, user: t.Optional[str] = None) -> None:
        self._found[name] = self._found[name]._replace(kept=reason, user=user)

    def _ask_records(self) -> None:
        for candidate in self._open(PACKAGE, ARCHIVE):
            item = candidate.item
            if item.kind == ARCHIVE and item.package in self._packages:
                continue  # what an environment needs of it is unpacked
            user = self._uses().user_of(item.package)
            if user is not None:
                self._keep(item.name, IN_ENVIRONMENT if item.kind == PACKAGE else ONLY_COPY, user)

    def _ask_ages(self, top: Directory, items: t.Mapping[str, Item]) -> None:
        question = self._question
        if question.keep_days is None and not question.ordered:
            return
        mount = self._root.mount_of(self._place.path)
        reads = mount is None or "noatime" not in mount.options
        candidates = self._open()
        archives = {item.package: item for item in items.values() if item.kind == ARCHIVE}
        named = {candidate.item.package.rpartition("/")[2] for candidate in candidates}
        histories = self._uses().last_named(named) if self._open(PACKAGE, ARCHIVE) else {}
        for candidate in candidates:
            times = [(candidate.last_used, candidate.evidence)]
            archive = archives.get(candidate.item.package)
            if archive is not None:
                times.append((archive.status.st_mtime, "its archive was written"))
                times += [(archive.status.st_atime, "its archive was read")] if reads else []
            if candidate.item.kind == PACKAGE and reads:
                times += _last_linked(top, candidate.item.name)
            if candidate.item.kind in (PACKAGE, ARCHIVE):
                history = histories.get(candidate.item.package.rpartition("/")[2], 0.0)
                times.append((history, "the history of an environment names it"))
            seconds, evidence = max(times)
            found = candidate._replace(last_used=seconds, evidence=evidence)
            is_recent = question.keep_days is not None and question.now - seconds < question.keep_days * _DAY
            self._found[candidate.item.name] = found._replace(kept=RECENT if is_recent else None)

    def _ask_hard_links(self, top: Directory) -> None:
        for candidate in self._open():
            count = self._count(top, candidate.item)
            if candidate.item.kind == INDEX:  # its files go, the directory stays
                taken = candidate.item.status.st_blocks * 512
                count = count._replace(alone_bytes=count.alone_bytes - taken, alone_inodes=count.alone_inodes - 1)
                if count.alone_inodes == 0 and not count.links:
                    del self._found[candidate.item.name]
                    continue
            self._found[candidate.item.name] = candidate._replace(count=count)
            if not count.complete:
                self._keep(candidate.item.name, UNSEEN)
            elif candidate.item.kind == PACKAGE and count.has_links_elsewhere:
                self._keep(candidate.item.name, HARD_LINKED)

    def _count(self, top: Directory, item: Item) -> Count:
        known = self._counted.get(item.name)
        if known is not None and _is_same(known[0], item):
            return known[1]
        return count_item(top, item, self._note)

    def _ask_soft_links(self) -> None:
        """What is left is unused, unless an environment links to it softly, or one that could not be looked at may."""
        packages = [item.item.name for item in self._open(PACKAGE)]
        alone = [item.item.name for item in self._open(ARCHIVE) if item.item.package not in self._packages]
        if not packages and not alone:
            return
        uses = self._uses()
        changing = uses.under_change()
        for candidate in self._open(PACKAGE):
            if candidate.item.package.rpartition("/")[2] in changing:
                self._keep(candidate.item.name, CHANGING)
        linked = {} if uses.unseen else uses.linked_to(packages)
        for name in [*packages, *alone]:
            if name in linked:
                self._keep(name, SOFT_LINKED, linked[name])
            elif uses.unseen and self._found[name].kept is None:
                self._keep(name, UNSEEN)
        self.unseen.update(uses.unseen)


def _is_same(one: Item, other: Item) -> bool:
    """Whether it is the same thing still, for all that is seen from outside."""
    old, new = one.status, other.status
    return (old.st_dev, old.st_ino, old.st_mtime_ns) == (new.st_dev, new.st_ino, new.st_mtime_ns)


def _last_linked(top: Directory, name: str) -> t.List[t.Tuple[float, str]]:
    """When the list of the files of a package was last read, which is done to link it."""
    try:
        with top.directory(name) as package:
            for path in _READ_TO_LINK:
                if package.has(path):
                    with package.directory("info") as info:
                        return [(info.child_status(path[len("info/") :]).st_atime, "it was linked")]
    except (Absent, Unreadable):
        pass
    return []


__all__ = ("Gathering", "Question")
