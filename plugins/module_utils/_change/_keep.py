# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Keeps the configuration of a prefix through a replacement of its base: it is put back from the snapshot."""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Failed
from ansible_collections.labfleet.conda.plugins.module_utils._change._manifest import (
    MAX_MANIFEST,
    BadManifest,
    Folders,
    parse_manifest,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import (
    FILES,
    MANIFEST,
    SNAPSHOTS,
    load_all,
    open_state,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import close, read_file
from ansible_collections.labfleet.conda.plugins.module_utils._system._mend import Damaged, Mender
from ansible_collections.labfleet.conda.plugins.module_utils._system._walk import open_folder

# Settings of conda and mamba; pins, variables, the mark of CEP 22 and accepted terms of service.
CONFIGURATION = (
    ".condarc",
    "condarc",
    "condarc.d",
    ".mambarc",
    "mambarc",
    "conda-meta/pinned",
    "conda-meta/state",
    "conda-meta/frozen",
    "conda-meta/tos",
)


class Configuration:
    """The configuration of a prefix, as a snapshot holds it.

    :raises Failed: the snapshot does not hold all that is in the prefix, or cannot be read.
    """

    def __init__(self, prefix: str, snapshot_id: str) -> None:
        self._prefix, self._id = prefix, snapshot_id
        found = [item for item in load_all(prefix) if item.id == snapshot_id and item.complete]
        if not found:
            raise Failed("The snapshot %s of %s is gone or not whole." % (snapshot_id, prefix))
        if found[0].missing:
            path, reason = found[0].missing[0]
            text = "%s is not replaced, since a snapshot cannot keep %s: %s. Move that elsewhere first."
            raise Failed(text % (prefix, path, reason))
        folder = open_state(prefix, SNAPSHOTS, snapshot_id, make=False)
        try:
            data = read_file(folder, MANIFEST, limit=MAX_MANIFEST)
            if hashlib.sha256(data).hexdigest() != found[0].manifest_sum:
                raise BadManifest("its manifest is damaged")
            self._folders: Folders = parse_manifest(data)[0]
        except BadManifest as error:
            raise Failed("The snapshot %s of %s cannot be used: %s." % (snapshot_id, prefix, error)) from error
        finally:
            close(folder)

    @property
    def paths(self) -> t.List[str]:
        """The files of the configuration."""
        return [_join(folder, entry.name) for folder, entry in self._entries()]

    def _entries(self) -> t.Iterator[t.Tuple[str, t.Any]]:
        for path in sorted(self._folders):
            for name, entry in sorted(self._folders[path].entries.items()):
                whole = _join(path, name)
                if any((whole + "/").startswith(kept + "/") for kept in CONFIGURATION):
                    yield path, entry

    def put_back(self) -> None:
        """Put all of it back.

        :raises Failed: a part of it could not be.
        """
        with _Mending(self._prefix, self._id) as mender:
            for folder, entry in self._entries():
                try:
                    for above in _folders_of(folder):
                        if mender.status(above) is None:
                            mender.make_folder(above)
                    mender.put(folder, entry)
                except (OSError, Damaged) as error:
                    why = getattr(error, "strerror", None) or "the snapshot does not hold it as it was"
                    text = "%s/%s could not be put back: %s."
                    raise Failed(text % (self._prefix, _join(folder, entry.name), why.lower())) from error
            for path in sorted(mender.touched, reverse=True):
                was = self._folders.get(path)
                if was is not None:
                    mender.fix_folder(path, *was[:5])

    def changed(self) -> t.List[str]:
        """The files of it that are not as they were."""
        with _Mending(self._prefix, self._id) as mender:
            found = []
            for folder, entry in self._entries():
                is_link = entry.kind == "l"
                try:
                    if is_link:
                        same = mender.target(folder, entry.name) == entry.extra
                    else:
                        same = mender.has_kept_content(folder, entry)
                except OSError:
                    same = False
                if not same:
                    found.append(_join(folder, entry.name))
            return found


class _Mending:
    """The prefix and the files of a snapshot, open."""

    def __init__(self, prefix: str, snapshot_id: str) -> None:
        self._prefix, self._id = prefix, snapshot_id

    def __enter__(self) -> Mender:
        self._top = open_folder(self._prefix)
        self._files = open_state(self._prefix, SNAPSHOTS, self._id, FILES, make=False)
        self._mender = Mender(self._top, self._files)
        return self._mender

    def __exit__(self, *unused: t.Any) -> None:
        self._mender.close()
        close(self._top, self._files)


def _join(folder: str, name: str) -> str:
    return folder + "/" + name if folder else name


def _folders_of(path: str) -> t.List[str]:
    parts = path.split("/") if path else []
    return ["/".join(parts[: number + 1]) for number in range(len(parts))]


__all__ = ("CONFIGURATION", "Configuration")
