# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Where the snapshots of a prefix lie, and what is known of each."""

from __future__ import annotations

import calendar
import json
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import (
    NotOurs,
    close,
    names_in,
    private_folder,
    read_file,
    remove_file,
    remove_tree,
)

STATE = ".labfleet-conda"
SNAPSHOTS, SET_ASIDE = "snapshots", "set-aside"
DESCRIPTION, MANIFEST, FILES = "snapshot.json", "manifest", "files"
# These of a prefix are no part of a snapshot.
OUTSIDE = frozenset(("envs", "pkgs", STATE))
MAX_DESCRIPTION = 16 * 1024 * 1024
_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}\Z")


class SnapshotError(Exception):
    """A snapshot could not be taken, read or restored; the text is a sentence."""


class Snapshot(t.NamedTuple):
    """What is known of one snapshot.

    :param created: in UTC, as ISO 8601 has it.
    :param versions: of conda, mamba and python, of those that were there.
    :param counts: files, linked, copied, links, directories, packages.
    :param packages: NAME-VERSION-BUILD of each.
    :param bytes: what its copies took when it was taken.
    :param missing: path and reason of what is not in it.
    :param complete: whether it can be restored; one that is not has no more than an id.
    :param manifest_sum: the SHA-256 sum of its manifest.
    :param number: counts the snapshots of a prefix, whatever the clock of the host does.
    """

    id: str
    created: str = ""
    reason: str = ""
    versions: t.Mapping[str, str] = {}
    counts: t.Dict[str, int] = {}
    packages: t.Sequence[str] = ()
    bytes: int = 0
    missing: t.Sequence[t.Sequence[str]] = ()
    complete: bool = False
    manifest_sum: str = ""
    number: int = 0


def check_id(snapshot_id: str) -> str:
    """The id, if it is one.

    :raises SnapshotError: it is none.
    """
    if not _ID.match(snapshot_id):
        raise SnapshotError("%r is no id of a snapshot, which looks like 20261122T090000Z-1f2e3d." % snapshot_id)
    return snapshot_id


def open_state(prefix: str, *parts: str, make: bool = True) -> int:
    """Open the directory of our own in a prefix, or one below it.

    :raises SnapshotError: it cannot be.
    :raises FileNotFoundError: it is not there and not to be made.
    """
    path, descriptor = prefix + "/" + STATE, -1
    try:
        descriptor = private_folder(path, make=make)
        for part in parts:
            path += "/" + part
            above, descriptor = descriptor, private_folder(part, at=descriptor, make=make)
            close(above)
        return descriptor
    except NotOurs as error:
        raise SnapshotError("%s: %s" % (path, error)) from error
    except FileNotFoundError:
        if not make:
            raise
        raise SnapshotError("%s does not exist." % prefix) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SnapshotError(
            "%s could not be opened: %s. Remove it if it is no directory of ours." % (path, reason)
        ) from error


def description(snapshot: Snapshot) -> bytes:
    """The content of snapshot.json."""
    return json.dumps(snapshot._asdict(), indent=1, sort_keys=True).encode("ascii") + b"\n"


def parse_description(data: bytes, snapshot_id: str) -> Snapshot:
    """Read snapshot.json; a damaged one gives an incomplete snapshot."""
    try:
        content = json.loads(data.decode("ascii"))
        known = {name: content[name] for name in Snapshot._fields if name in content}
        snapshot = Snapshot(**known)
        if snapshot.id == snapshot_id and snapshot.created and snapshot.manifest_sum and _is_sound(snapshot):
            return snapshot
    except (ValueError, TypeError, RecursionError):
        pass
    return Snapshot(snapshot_id)


def _is_sound(snapshot: Snapshot) -> bool:
    """Whether all that was read is of its kind."""
    kinds = [type(value) for value in Snapshot("")]
    right = [isinstance(value, (list, tuple) if kind is tuple else kind) for kind, value in zip(kinds, snapshot)]
    return all(right) and all(len(item) == 2 for item in snapshot.missing)


def load_all(prefix: str) -> t.List[Snapshot]:
    """The snapshots of a prefix, in the order in which they were taken; those that are not complete come first."""
    try:
        folder = open_state(prefix, SNAPSHOTS, make=False)
    except FileNotFoundError:
        return []
    try:
        found = [_load(folder, name) for name in names_in(folder) if _ID.match(name)]
    finally:
        close(folder)
    return sorted(found, key=lambda snapshot: (snapshot.number, snapshot.id))


def created(snapshot: Snapshot) -> float:
    """When a snapshot was taken, in seconds since the epoch, by its id."""
    text = snapshot.id
    parts = (text[:4], text[4:6], text[6:8], text[9:11], text[11:13], text[13:15])
    return float(calendar.timegm((*map(int, parts), 0, 0, 0)))


def next_number(prefix: str) -> int:
    """The number of the snapshot that is taken next."""
    return max([snapshot.number for snapshot in load_all(prefix)], default=0) + 1


def _load(folder: int, snapshot_id: str) -> Snapshot:
    try:
        inside = private_folder(snapshot_id, at=folder, make=False)
    except (OSError, NotOurs):
        return Snapshot(snapshot_id)
    try:
        return parse_description(read_file(inside, DESCRIPTION, limit=MAX_DESCRIPTION), snapshot_id)
    except OSError:
        return Snapshot(snapshot_id)
    finally:
        close(inside)


def remove(prefix: str, snapshot_ids: t.Iterable[str]) -> t.List[str]:
    """Remove snapshots; one whose removal is cut short is incomplete from its first moment."""
    removed: t.List[str] = []
    wanted = list(snapshot_ids)
    if not wanted:
        return removed
    folder = open_state(prefix, SNAPSHOTS)
    try:
        for snapshot_id in wanted:
            inside = private_folder(check_id(snapshot_id), at=folder)
            try:
                remove_file(inside, DESCRIPTION)
            finally:
                close(inside)
            remove_tree(folder, snapshot_id)
            removed.append(snapshot_id)
    except (OSError, NotOurs) as error:
        raise SnapshotError("The snapshot %s of %s could not be removed: %s." % (snapshot_id, prefix, error)) from error
    finally:
        close(folder)
    return removed


__all__ = (
    "DESCRIPTION",
    "FILES",
    "MANIFEST",
    "OUTSIDE",
    "SET_ASIDE",
    "SNAPSHOTS",
    "STATE",
    "Snapshot",
    "SnapshotError",
    "check_id",
    "created",
    "description",
    "load_all",
    "next_number",
    "open_state",
    "parse_description",
    "remove",
)
