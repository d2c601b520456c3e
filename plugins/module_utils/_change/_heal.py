# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Kept files that were written in place after the snapshot: recognised, and replaced from the package cache."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._manifest import Folders
from ansible_collections.labfleet.conda.plugins.module_utils._change._packages import (
    FileSource,
    file_source,
    files_of_record,
)
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import is_record_file
from ansible_collections.labfleet.conda.plugins.module_utils._system._copy import LINKED, Entry
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import read_file
from ansible_collections.labfleet.conda.plugins.module_utils._system._mend import Mender

MAX_RECORD = 64 * 1024 * 1024


class Healer:
    """Puts back files of which what was kept is damaged.

    :param files: the open directory that holds what was kept of the prefix.
    :param folders: what the manifest says of it.
    :ivar notes: path and remark of files that came from elsewhere.
    """

    def __init__(self, prefix: str, files: int, folders: Folders, mender: Mender) -> None:
        self.notes: t.List[t.Tuple[str, str]] = []
        self._prefix, self._files, self._mender = prefix, files, mender
        self._meta = folders["conda-meta"].entries if "conda-meta" in folders else {}
        self._owners: t.Optional[t.Dict[str, str]] = None

    def heal(self, folder: str, entry: Entry) -> t.Optional[str]:
        """Put a file back as well as can be; tells what is wrong with it all the same, if something is."""
        path = folder + "/" + entry.name if folder else entry.name
        kept = self._mender.kept_status(folder, entry)
        if entry.how == LINKED and not entry.owned and kept is not None:
            # A user's large file: only linked, and what was written into it since is not undone.
            self._mender.put(folder, entry._replace(size=kept.st_size, mtime=kept.st_mtime_ns), checked=True)
            return None
        source = self._source(path) if entry.owned else None
        if kept is not None and source is not None and self._mender.sum_of(folder, entry) == source.sha256:
            self._mender.accept_kept(folder, entry)
            self._mender.put(folder, entry, checked=True)
            return None
        for place in source.places if source is not None and kept is not None else ():
            if source is not None and self._mender.replace_kept(folder, entry, place, source.sha256):
                self._mender.put(folder, entry, checked=True)
                self.notes.append((path, "it was written in place after the snapshot; restored from " + place))
                return None
        if kept is None:
            return "it is gone from the snapshot, so it could not be restored"
        if self._mender.status(path) is None:
            self._mender.put(folder, entry._replace(mtime=kept.st_mtime_ns), checked=True)
        return "it was written in place after the snapshot, and the package cache has not its old content"

    def _source(self, path: str) -> t.Optional[FileSource]:
        record = self._index().get(path)
        if record is None:
            return None
        try:
            return file_source(self._record(record), path, self._prefix, record[:-5])
        except OSError:
            return None

    def _record(self, name: str) -> bytes:
        return read_file(self._files, self._meta[name].kept_at("conda-meta"), limit=MAX_RECORD)

    def _index(self) -> t.Dict[str, str]:
        """Which record of the snapshot owns a file."""
        if self._owners is None:
            self._owners = {}
            with contextlib.suppress(OSError):
                for name in filter(is_record_file, sorted(self._meta)):
                    for path in files_of_record(self._record(name)):
                        self._owners[path] = name
        return self._owners


__all__ = ("Healer",)
