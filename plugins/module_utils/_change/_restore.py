# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Restores a prefix from a snapshot: without network or solver, file by file, good to be killed and repeated."""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._difference import Comparison, Difference
from ansible_collections.labfleet.conda.plugins.module_utils._change._fate import DELETE, SET_ASIDE, Found, decide
from ansible_collections.labfleet.conda.plugins.module_utils._change._heal import Healer
from ansible_collections.labfleet.conda.plugins.module_utils._change._manifest import (
    MAX_MANIFEST,
    BadManifest,
    Folders,
    parse_manifest,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._packages import files_of_record
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import (
    FILES,
    MANIFEST,
    OUTSIDE,
    SNAPSHOTS,
    STATE,
    Snapshot,
    SnapshotError,
    open_state,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import SET_ASIDE as ASIDE
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import is_record_file, parse_record_name
from ansible_collections.labfleet.conda.plugins.module_utils._system._copy import LEFT, Entry
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import (
    close,
    names_in,
    read_file,
    sync_file_system,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._mend import Damaged, Mender
from ansible_collections.labfleet.conda.plugins.module_utils._system._walk import (
    Unseen,
    kind_of,
    mounts_below,
    open_folder,
    walk,
)

MAX_RECORD = 64 * 1024 * 1024


class Restored(t.NamedTuple):
    """What a restore did, or in check mode would do.

    :param changed: the number of paths that were put back, made right or removed.
    :param set_aside: where the files lie now that neither the snapshot nor a package knows.
    :param problems: path and reason of what is not as it was.
    :param notes: path and remark, such as of files that came from the package cache.
    """

    changed: int
    set_aside: t.List[str]
    problems: t.List[t.Tuple[str, str]]
    notes: t.List[t.Tuple[str, str]]


def restore(
    prefix: str, snapshot: Snapshot, *, planned: t.Container[str] = (), late: bool = False, dry: bool = False
) -> Restored:
    """Restore a prefix; the caller holds its lock.

    :param prefix: the absolute real path.
    :param planned: paths below it that the failed change may have brought, the records of its packages too.
    :param late: others may have worked in the prefix since: leave what no package owned then or owns now.
    :param dry: only tell what would be done.
    :raises SnapshotError: the snapshot cannot be used, nothing was changed then.
    """
    with _Restore(prefix, snapshot) as work:
        difference, fates = work.compare(planned, late)
        return work.told(difference, fates) if dry else work.apply(difference, fates)


Fates = t.List[t.Tuple[Found, str]]


class _Restore:
    def __init__(self, prefix: str, snapshot: Snapshot) -> None:
        self.prefix, self.snapshot = prefix, snapshot
        self.problems: t.List[t.Tuple[str, str]] = []
        self.set_aside: t.List[str] = []
        self.changed = 0
        self.aside = -1
        self.late = False
        self.brought: t.Container[str] = ()
        self.folders: Folders = {}
        self.hidden: t.Set[str] = set()

    def __enter__(self) -> _Restore:
        if not self.snapshot.complete:
            raise SnapshotError(
                "The snapshot %s of %s is not complete; take another one." % (self.snapshot.id, self.prefix)
            )
        try:
            self.folder = open_state(self.prefix, SNAPSHOTS, self.snapshot.id, make=False)
        except FileNotFoundError as error:
            raise SnapshotError("There is no snapshot %s of %s." % (self.snapshot.id, self.prefix)) from error
        try:
            self._read_manifest()
            self.files = open_folder(FILES, at=self.folder)
            self.top = open_folder(self.prefix)
        except OSError as error:
            close(self.folder)
            message = "The snapshot %s of %s cannot be used: %s."
            raise SnapshotError(message % (self.snapshot.id, self.prefix, error.strerror or error)) from error
        self.mender = Mender(self.top, self.files)
        self.healer = Healer(self.prefix, self.files, self.folders, self.mender)
        return self

    def __exit__(self, *unused: t.Any) -> None:
        self.mender.close()
        close(self.folder, self.files, self.top)
        if self.aside >= 0:
            close(self.aside)

    def _read_manifest(self) -> None:
        data = read_file(self.folder, MANIFEST, limit=MAX_MANIFEST)
        try:
            if hashlib.sha256(data).hexdigest() != self.snapshot.manifest_sum:
                raise BadManifest("its manifest is damaged")
            self.folders, unseen = parse_manifest(data)
        except BadManifest as error:
            close(self.folder)
            raise SnapshotError(
                "The snapshot %s of %s cannot be used: %s." % (self.snapshot.id, self.prefix, error)
            ) from error
        self.hidden = {path for path, _reason in unseen}
        # What could be seen and not kept is compared: if it has changed, somebody should know.
        self.hidden -= {
            path + "/" + entry.name if path else entry.name
            for path, folder in self.folders.items()
            for entry in folder.entries.values()
            if entry.how == LEFT
        }

    def compare(self, planned: t.Container[str], late: bool) -> t.Tuple[Difference, Fates]:
        """Compare, and decide on what the snapshot does not know."""
        self.late = late
        brought = self._owned(every=late)
        unseen: Unseen = []
        visits = walk(self.top, unseen=unseen, skip=OUTSIDE, mounts=mounts_below(self.prefix))
        comparison = Comparison(self.folders, self.mender, hidden=set(self.hidden), owned=brought if late else None)
        difference = comparison.run(visits, unseen)
        self.problems += [
            (path, "it could not be looked at: " + why) for path, why in unseen if path not in self.hidden
        ]
        self.problems += [(path, "it has changed, and the snapshot could not keep it") for path in difference.lost]
        self.brought = _Either(brought, planned)
        return difference, decide(difference.extras, self.folders, brought=self.brought, late=late)

    def _owned(self, *, every: bool) -> t.Set[str]:
        """The files of the records that the snapshot has not (or of all), and those records themselves."""
        known = self.folders["conda-meta"].entries if "conda-meta" in self.folders else {}
        owned: t.Set[str] = set()
        try:
            meta = open_folder("conda-meta", at=self.top)
        except OSError:
            return owned
        try:
            for name in names_in(meta):
                new = name not in known
                if is_record_file(name) and parse_record_name(name) and (every or new):
                    files = files_of_record(_read(meta, name))
                    owned.update(files)
                    if new and files:
                        owned.add("conda-meta/" + name)
        finally:
            close(meta)
        return owned

    def told(self, difference: Difference, fates: Fates) -> Restored:
        """What would be done."""
        moved = [self._aside_path(found.path) for found, fate in fates if fate == SET_ASIDE]
        deleted = [found for found, fate in fates if fate == DELETE]
        folders = [] if self.late else difference.extra_folders
        count = len(difference.puts) + len(difference.fixes) + len(difference.makes) + len(difference.folder_fixes)
        return Restored(count + len(moved) + len(deleted) + len(folders), moved, self.problems, [])

    def apply(self, difference: Difference, fates: Fates) -> Restored:
        """Do it."""
        if difference.folder_fixes or difference.makes or difference.puts or difference.fixes or fates:
            self._remove_extras(difference, fates)
            for path in difference.makes:
                self._try(path, lambda path=path: self.mender.make_folder(path))
            for folder, entry, twin in difference.puts:
                self._try(_join(folder, entry.name), lambda f=folder, e=entry, w=twin: self._put(f, e, w))
            for folder, entry in difference.fixes:
                self._try(_join(folder, entry.name), lambda f=folder, e=entry: self.mender.fix(f, e))
            self._fix_folders(difference)
            if self.changed:
                sync_file_system(self.top)
        return Restored(self.changed, self.set_aside, self.problems, self.healer.notes)

    def _put(self, folder: str, entry: Entry, twin: t.Optional[str]) -> None:
        if self._is_somebodys(folder, entry):
            self._open_aside()
            moved = self.mender.set_aside(folder, entry.name, self.aside, stays=True)
            self.set_aside.append(self._aside_path(moved))
        try:
            self.mender.put(folder, entry, twin=twin)
        except Damaged:
            reason = self.healer.heal(folder, entry)
            if reason:
                self.problems.append((_join(folder, entry.name), reason))

    def _try(self, path: str, action: t.Callable[[], t.Any]) -> bool:
        try:
            action()
        except OSError as error:
            self.problems.append((path, (error.strerror or str(error)).lower()))
            return False
        self.changed += 1
        return True

    def _remove_extras(self, difference: Difference, fates: Fates) -> None:
        emptied: t.Set[str] = set() if self.late else set(difference.extra_folders)
        for found, fate in fates:
            if fate == DELETE:
                if self._try(found.path, lambda found=found: self.mender.remove(found.folder, found.name)):
                    emptied.update(_above(found.folder))
            elif fate == SET_ASIDE:
                self._try(found.path, lambda found=found: self._move(found))
        emptied.intersection_update(difference.extra_folders)
        for path in sorted(emptied, key=lambda path: path.count("/"), reverse=True):
            gone: t.List[bool] = []
            done = self._try(path, lambda path=path, gone=gone: gone.append(self.mender.remove_folder(path)))
            if done and not gone[0]:
                self.changed -= 1
                if not self.late:
                    self.problems.append((path, "it could not be removed, since something in it was left"))

    def _is_somebodys(self, folder: str, entry: Entry) -> bool:
        """Whether what is there now is the work of somebody who went on while the prefix was changed."""
        path = _join(folder, entry.name)
        if entry.owned or entry.kind != "f" or path in self.brought or _is_made_by_tools(folder, entry.name):
            return False
        status = self.mender.status(path)
        if status is None or kind_of(status) != "f":
            return False
        return not self.mender.has_kept_content(folder, entry)

    def _open_aside(self) -> None:
        if self.aside < 0:
            self.aside = open_state(self.prefix, ASIDE, self.snapshot.id)

    def _move(self, found: Found) -> None:
        self._open_aside()
        self.set_aside.append(self._aside_path(self.mender.set_aside(found.folder, found.name, self.aside)))

    def _aside_path(self, path: str) -> str:
        return "/".join((self.prefix, STATE, ASIDE, self.snapshot.id, path))

    def _fix_folders(self, difference: Difference) -> None:
        """Last, since every change in a directory changes its time."""
        self.mender.close()
        wanted = set(difference.folder_fixes)
        for path in sorted(wanted | self.mender.touched, reverse=True):
            folder = self.folders.get(path)
            if folder is None:
                continue
            fields = (folder.mode, folder.uid, folder.gid, folder.mtime, folder.attributes)
            done = self._try(path, lambda path=path, fields=fields: self.mender.fix_folder(path, *fields))
            self.changed -= int(done and path not in wanted)


class _Either:
    """Paths that are in one of two collections."""

    def __init__(self, one: t.Container[str], other: t.Container[str]) -> None:
        self._one, self._other = one, other

    def __contains__(self, path: object) -> bool:
        return path in self._one or path in self._other


def _is_made_by_tools(folder: str, name: str) -> bool:
    return folder == "conda-meta" or folder.endswith("__pycache__") or (folder, name) == ("", ".condarc")


def _read(folder: int, name: str) -> bytes:
    try:
        return read_file(folder, name, limit=MAX_RECORD)
    except OSError:
        return b""


def _join(folder: str, name: str) -> str:
    return folder + "/" + name if folder else name


def _above(path: str) -> t.List[str]:
    parts = path.split("/")
    return ["/".join(parts[: number + 1]) for number in range(len(parts))]


__all__ = ("Restored", "restore")
