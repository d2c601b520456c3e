# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Compares a prefix with the manifest of a snapshot."""

from __future__ import annotations

import stat
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._fate import Found
from ansible_collections.labfleet.conda.plugins.module_utils._change._manifest import Folder, Folders
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import is_record_file
from ansible_collections.labfleet.conda.plugins.module_utils._system._copy import COPIED, LEFT, LINKED, Entry
from ansible_collections.labfleet.conda.plugins.module_utils._system._mend import Mender
from ansible_collections.labfleet.conda.plugins.module_utils._system._walk import Visit, kind_of

SAME, FIX, PUT, LOST = "same", "fix", "put", "lost"

Place = t.Tuple[str, Entry]


class Difference:
    """What must be done to a prefix to make it as it was.

    :ivar puts: the files to be put back, each with the path of the file of which it is another name, if it is one.
    :ivar fixes: the files of which only owner, permissions or time are wrong.
    :ivar makes: the directories that are missing, parents first.
    :ivar folder_fixes: the directories whose owner, permissions or time are wrong.
    :ivar extras: the files that the manifest does not have.
    :ivar extra_folders: the directories that it does not have, parents first.
    :ivar lost: the paths of changed files that were not kept.
    """

    def __init__(self) -> None:
        self.puts: t.List[t.Tuple[str, Entry, t.Optional[str]]] = []
        self.fixes: t.List[Place] = []
        self.makes: t.List[str] = []
        self.folder_fixes: t.List[str] = []
        self.extras: t.List[Found] = []
        self.extra_folders: t.List[str] = []
        self.lost: t.List[str] = []


class Comparison:
    """One comparison.

    :param mender: looks at the prefix.
    :param hidden: paths that could not be looked at, now or when the snapshot was taken: nothing is said of them.
    :param owned: for a late restore, the paths that packages own now: only what packages own, or owned then, counts.
    """

    def __init__(
        self, folders: Folders, mender: Mender, *, hidden: t.Set[str], owned: t.Optional[t.Container[str]]
    ) -> None:
        self.result = Difference()
        self._folders = folders
        self._mender = mender
        self._hidden = hidden
        self._owned = owned
        self._pairs = self._several_names()
        self._pending: t.Dict[t.Tuple[str, str], t.Tuple[Entry, t.Optional[int]]] = {}

    def run(self, visits: t.Iterable[Visit], unseen: t.Sequence[t.Tuple[str, str]]) -> Difference:
        """Compare all; :param unseen: is filled while the visits are made."""
        visited = set()
        for visit in visits:
            visited.add(visit.path)
            folder = self._folders.get(visit.path)
            if folder is None:
                self.result.extra_folders.append(visit.path)
                self._add_extras(visit, {})
                continue
            self._compare_folder(visit, folder)
            self._add_extras(visit, folder.entries)
            self._compare_files(visit, folder)
        self._hidden.update(path for path, _reason in unseen)
        for path in sorted(set(self._folders) - visited):
            if not self._is_hidden(path):
                self._miss(path, self._folders[path])
        self._finish_pairs()
        if self._hidden:
            self._drop_hidden()
        return self.result

    def _miss(self, path: str, folder: Folder) -> None:
        wanted = [entry for entry in folder.entries.values() if self._counts(path, entry)]
        if self._owned is None or wanted:
            self.result.makes += [above for above in _ancestors(path) if above not in self.result.makes[-20:]]
        for entry in wanted:
            self._note(path, entry, None, LOST if entry.how == LEFT else PUT)

    def _compare_folder(self, visit: Visit, folder: Folder) -> None:
        status = visit.status
        wrong = (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) != folder[:3]
        if self._owned is None:
            wrong = wrong or status.st_mtime_ns != folder.mtime
        else:
            wrong = wrong and any(entry.owned for entry in folder.entries.values())
        if wrong:
            self.result.folder_fixes.append(visit.path)

    def _add_extras(self, visit: Visit, entries: t.Mapping[str, Entry]) -> None:
        for name, status in visit.children:
            if name not in entries and not stat.S_ISDIR(status.st_mode):
                fields = (kind_of(status), status.st_ino, status.st_size, status.st_mtime_ns)
                self.result.extras.append(Found(visit.path, name, *fields))

    def _compare_files(self, visit: Visit, folder: Folder) -> None:
        path, linked = visit.path, LINKED
        now = dict(visit.children)
        for name, entry in folder.entries.items():
            status = now.get(name)
            # What is true of nearly all files comes first, for speed.
            if (
                status is not None
                and status.st_ino == entry.inode
                and status.st_mtime_ns == entry.mtime
                and status.st_size == entry.size
                and (entry.how == linked or status.st_ctime_ns == entry.extra)
                and status.st_mode & 0o7777 == entry.mode
                and (status.st_uid, status.st_gid) == (entry.uid, entry.gid)
                and entry.inode not in self._pairs
                and kind_of(status) == entry.kind
            ):
                continue
            if self._counts(path, entry):
                self._note(path, entry, status, self._judge(path, entry, status))

    def _counts(self, path: str, entry: Entry) -> bool:
        if self._owned is None or entry.owned:
            return True
        if path == "conda-meta":
            return entry.name == "history" or is_record_file(entry.name)
        return (path + "/" + entry.name if path else entry.name) in self._owned

    def _note(self, path: str, entry: Entry, status: t.Optional[t.Any], verdict: str) -> None:
        if entry.kind == "f" and entry.inode in self._pairs:
            present = status.st_ino if status is not None and verdict in (SAME, FIX) else None
            self._pending[path, entry.name] = entry, present
            if verdict == FIX:
                self.result.fixes.append((path, entry))
        elif verdict == PUT:
            self.result.puts.append((path, entry, None))
        elif verdict == FIX:
            self.result.fixes.append((path, entry))
        elif verdict == LOST:
            self.result.lost.append(path + "/" + entry.name if path else entry.name)

    def _judge(self, path: str, entry: Entry, status: t.Optional[t.Any]) -> str:
        if status is None or kind_of(status) != entry.kind:
            return LOST if entry.how == LEFT else PUT
        right = (status.st_uid, status.st_gid) == (entry.uid, entry.gid)
        if entry.kind == "l":
            if self._mender.target(path, entry.name) != entry.extra:
                return PUT
            return SAME if right and status.st_mtime_ns == entry.mtime else FIX
        right = right and stat.S_IMODE(status.st_mode) == entry.mode
        verdict = self._judge_content(path, entry, status)
        return verdict if verdict in (PUT, LOST) or right else FIX

    def _judge_content(self, path: str, entry: Entry, status: t.Any) -> str:
        if entry.kind != "f":
            kept = self._mender.kept_status(path, entry)
            return SAME if entry.how == LEFT or (kept and kept.st_ino == status.st_ino) else PUT
        unchanged = (status.st_size, status.st_mtime_ns) == (entry.size, entry.mtime)
        if entry.how == LEFT:
            return SAME if unchanged else LOST
        if entry.how == LINKED and status.st_ino == entry.inode:
            # Written in place: with a package's file something is wrong, with a user's large file nothing.
            return SAME if unchanged or not entry.owned else PUT
        if unchanged and entry.how == COPIED and (status.st_ino, status.st_ctime_ns) == (entry.inode, entry.extra):
            return SAME
        return SAME if unchanged and self._mender.has_kept_content(path, entry) else PUT

    def _several_names(self) -> t.Set[int]:
        """The inode numbers of files with several names in the manifest, of which one at least was copied."""
        seen: t.Set[int] = set()
        several: t.Set[int] = set()
        copied: t.Set[int] = set()
        for folder in self._folders.values():
            for entry in folder.entries.values():
                if entry.kind == "f":
                    (several if entry.inode in seen else seen).add(entry.inode)
                    if entry.how == COPIED:
                        copied.add(entry.inode)
        return several & copied

    def _finish_pairs(self) -> None:
        """Files with several names: if one is wrong, or leads to another file than the rest, all are put back."""
        groups: t.Dict[int, t.List[t.Tuple[str, Entry, t.Optional[int]]]] = {}
        for (path, _name), (entry, present) in self._pending.items():
            groups.setdefault(entry.inode, []).append((path, entry, present))
        for members in groups.values():
            inodes = {present for _path, _entry, present in members}
            if len(inodes) == 1 and None not in inodes:
                continue
            members.sort(key=lambda member: member[1].how == COPIED)  # a linked one first: it is the file itself
            first: t.Optional[str] = None
            for path, entry, _present in members:
                self.result.puts.append((path, entry, first))
                first = first or (path + "/" + entry.name if path else entry.name)

    def _is_hidden(self, path: str) -> bool:
        return any(above in self._hidden for above in _ancestors(path))

    def _drop_hidden(self) -> None:
        """Leave alone what lies where we could not look."""

        def seen(folder: str, name: str) -> bool:
            return not self._is_hidden(folder + "/" + name if folder else name)

        result = self.result
        result.puts = [put for put in result.puts if seen(put[0], put[1].name)]
        result.fixes = [place for place in result.fixes if seen(place[0], place[1].name)]
        result.extras = [found for found in result.extras if not self._is_hidden(found.path)]
        result.extra_folders = [path for path in result.extra_folders if not self._is_hidden(path)]


def _ancestors(path: str) -> t.List[str]:
    """The path and all directories above it, less the top, the highest first."""
    parts = path.split("/")
    return ["/".join(parts[: number + 1]) for number in range(len(parts))]


__all__ = ("Comparison", "Difference")
