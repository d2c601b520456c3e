# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Takes snapshots of a prefix, and prunes them.

A snapshot holds hard links to the files that packages have brought, which nobody is expected to write in place, and
copies of all others, which snapshots share as long as the files do not change; where the file system can share blocks,
clones of everything. What conda and its user do write in place (conda-meta, configuration below etc) is always copied.
Files larger than MAX_COPY that no package has brought are data of the user: they are linked, so what is written into
them later is not undone.
"""

from __future__ import annotations

import hashlib
import time
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._manifest import (
    MAX_MANIFEST,
    BadManifest,
    copied_files,
    end_line,
    folder_line,
    head_line,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._packages import (
    distributions,
    explicit_list,
    pip_list,
    read_packages,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import (
    DESCRIPTION,
    FILES,
    MANIFEST,
    OUTSIDE,
    SNAPSHOTS,
    Snapshot,
    SnapshotError,
    check_id,
    created,
    description,
    load_all,
    next_number,
    open_state,
    remove,
)
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._system._copy import COPIED, LINKED, TOLD, Earlier, Keeper
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import (
    close,
    create,
    private_folder,
    read_file,
    sync_file_system,
    write_durably,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._walk import (
    Unseen,
    Visit,
    keeps_inodes,
    mounts_below,
    open_folder,
    walk,
)

MAX_COPY = 10 * 1024 * 1024
# The times of files are as coarse as a hundredth of a second, those of snapshots as a second.
_SETTLED_SECONDS = 1.0
_TOOLS = ("conda", "mamba", "python")


def new_id(now: float, token: str) -> str:
    """The id of a snapshot taken now.

    :param token: six random hexadecimal digits.
    """
    return check_id(time.strftime("%Y%m%dT%H%M%SZ-", time.gmtime(now)) + token)


def take(
    prefix: str,
    *,
    snapshot_id: str,
    reason: str,
    owned: t.Set[str],
    now: float,
    environment: t.Optional[Environment] = None,
) -> Snapshot:
    """Take a snapshot; the caller holds the lock of the prefix.

    :param prefix: the absolute real path.
    :param owned: the paths below it that records own.
    :param now: the time, in seconds since the epoch.
    :param environment: the environment with the content of its records, if it was read already.
    :raises SnapshotError: it could not be taken; what there is of it is removed by the next one.
    """
    environment = environment or read_packages(prefix)
    clear_incomplete(prefix)
    top = folder = files = -1
    earlier = _earlier_copies(prefix)
    try:
        top = open_folder(prefix)
        folder = open_state(prefix, SNAPSHOTS, check_id(snapshot_id))
        files = private_folder(FILES, at=folder)
        inodes = keeps_inodes(prefix)
        keeper = Keeper(files, limit=MAX_COPY, keeps_inodes=inodes, numbered=True, earlier=earlier)
        unseen: Unseen = []
        folders, names, manifest_sum = _write_manifest(prefix, top, folder, keeper, owned, unseen)
        _write_lists(folder, environment)
        snapshot = _described(
            Snapshot(snapshot_id, created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)), reason=reason),
            environment,
            keeper,
        )._replace(missing=[*unseen, *keeper.troubles], packages=distributions(names), manifest_sum=manifest_sum)
        snapshot = snapshot._replace(number=next_number(prefix))
        snapshot.counts.update(directories=folders, packages=len(snapshot.packages))
        sync_file_system(top)
        write_durably(folder, DESCRIPTION, description(snapshot))
        return snapshot
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        message = "No snapshot of %s could be taken: %s%s. Nothing else was changed."
        raise SnapshotError(message % (prefix, why, " (%s)" % error.filename if error.filename else "")) from error
    finally:
        opened = (top, folder, files, earlier.folder if earlier else -1)
        close(*(descriptor for descriptor in opened if descriptor >= 0))


def _earlier_copies(prefix: str) -> t.Optional[Earlier]:
    """The copies in the newest snapshot, of files that were last changed well before it; None where it has none.

    A file that was changed while it was copied could have been changed again since, with the same time.
    """
    complete = [snapshot for snapshot in load_all(prefix) if snapshot.complete]
    if not complete:
        return None
    folder = open_state(prefix, SNAPSHOTS, complete[-1].id)
    try:
        data = read_file(folder, MANIFEST, limit=MAX_MANIFEST)
        if hashlib.sha256(data).hexdigest() != complete[-1].manifest_sum:
            return None
        before = (created(complete[-1]) - _SETTLED_SECONDS) * 1e9
        found = {
            entry.inode: (entry, entry.kept_at(path))
            for path, entry in copied_files(data)
            if isinstance(entry.extra, int) and entry.extra < before
        }
        return Earlier(open_folder(FILES, at=folder), found)
    except (OSError, BadManifest):
        return None
    finally:
        close(folder)


def _described(snapshot: Snapshot, environment: Environment, keeper: Keeper) -> Snapshot:
    versions = {name: environment.version_of(name) for name in _TOOLS}
    counts = {
        "files": keeper.counts[LINKED] + keeper.counts[COPIED],
        "linked": keeper.counts[LINKED],
        "copied": keeper.counts[COPIED],
        "links": keeper.counts[TOLD],
    }
    return snapshot._replace(
        versions={name: version for name, version in versions.items() if version},
        counts=counts,
        bytes=keeper.copied_bytes,
        complete=True,
    )


def _write_manifest(
    prefix: str, top: int, folder: int, keeper: Keeper, owned: t.Set[str], unseen: Unseen
) -> t.Tuple[int, t.List[str], str]:
    """Keep all files and write the manifest; tells the number of directories, the names in conda-meta and the sum."""
    count, names, digest = 0, [], hashlib.sha256()
    with create(folder, MANIFEST) as stream:

        def write(line: bytes) -> None:
            digest.update(line)
            stream.write(line)

        write(head_line())
        for visit in walk(top, unseen=unseen, skip=OUTSIDE, mounts=mounts_below(prefix)):
            below = visit.path + "/" if visit.path else ""
            theirs = {name for name, _status in visit.children if below + name in owned}
            entries = keeper.keep(visit, linked=_linked(visit, theirs), owned=theirs)
            write(folder_line(visit, entries))
            count += 1
            if visit.path == "conda-meta":
                names = [entry.name for entry in entries]
        write(end_line(count, [*unseen, *keeper.troubles]))
    return count, names, digest.hexdigest()


def _linked(visit: Visit, owned: t.Set[str]) -> t.Set[str]:
    """The names for which a hard link is enough.

    Python never writes a compiled file in place, so those are linked whoever owns them.
    """
    top, _slash, _rest = visit.path.partition("/")
    if top in ("conda-meta", "etc"):
        return {name for name, status in visit.children if status.st_size > MAX_COPY and name not in owned}
    if visit.path.endswith("__pycache__"):
        return {name for name, _status in visit.children}
    large = {name for name, status in visit.children if status.st_size > MAX_COPY}
    return owned | large if large else owned


def _write_lists(folder: int, environment: Environment) -> None:
    for name, text in (("explicit.txt", explicit_list(environment)), ("pip.txt", pip_list(environment))):
        with create(folder, name) as stream:
            stream.write(text.encode("utf-8", "surrogateescape"))


def clear_incomplete(prefix: str) -> t.List[str]:
    """Remove what is left of snapshots that were not finished."""
    return remove(prefix, [snapshot.id for snapshot in load_all(prefix) if not snapshot.complete])


__all__ = ("MAX_COPY", "Snapshot", "SnapshotError", "clear_incomplete", "load_all", "new_id", "take")
