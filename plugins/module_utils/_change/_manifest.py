# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The manifest of a snapshot: one line of JSON for each directory, with all that is in it."""

from __future__ import annotations

import json
import stat
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._copy import COPIED, Entry, attributes_of
from ansible_collections.labfleet.conda.plugins.module_utils._system._walk import Unseen, Visit

FORMAT = 2
MAX_MANIFEST = 1024 * 1024 * 1024
# In the first format, each file was kept under its own path.
_HEADS = frozenset(b'{"labfleet.conda manifest": %d}' % number for number in (1, FORMAT))


class Folder(t.NamedTuple):
    """One directory and the files in it, by name; the directories in it are folders of their own."""

    mode: int
    uid: int
    gid: int
    mtime: int
    attributes: t.Dict[str, bytes]
    entries: t.Dict[str, Entry]


_COPIED = b',"%s",' % COPIED.encode("ascii")


class BadManifest(Exception):
    """The manifest cannot be used; the text says why, to stand after a colon."""


Folders = t.Dict[str, Folder]


def head_line() -> bytes:
    """The first line."""
    return b'{"labfleet.conda manifest": %d}\n' % FORMAT


def folder_line(visit: Visit, entries: t.List[Entry]) -> bytes:
    """The line of one directory."""
    status = visit.status
    attributes = {name: value.hex() for name, value in attributes_of(visit.descriptor).items()}
    fields = [stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns, attributes]
    return json.dumps([visit.path, fields, entries], separators=(",", ":")).encode("ascii") + b"\n"


def end_line(folders: int, unseen: Unseen) -> bytes:
    """The last line, without which a manifest is not whole, tells what is not in it and why."""
    return json.dumps({"end": folders, "unseen": unseen}, separators=(",", ":")).encode("ascii") + b"\n"


def parse_manifest(data: bytes) -> t.Tuple[Folders, Unseen]:
    """The directories by path, and path and reason of what is not in the manifest.

    :raises BadManifest: it is not whole, or not one of this format.
    """
    lines = data.split(b"\n")
    if lines[0] not in _HEADS:
        raise BadManifest("its manifest has another format than this version of labfleet.conda knows")
    folders: Folders = {}
    try:
        for line in lines[1:-2]:
            path, (mode, uid, gid, mtime, attributes), entries = json.loads(line.decode("ascii"))
            decoded = {name: bytes.fromhex(value) for name, value in attributes.items()} if attributes else {}
            folders[path] = Folder(mode, uid, gid, mtime, decoded, {row[0]: Entry(*row) for row in entries})
        end = json.loads(lines[-2].decode("ascii"))
        if lines[-1] or end["end"] != len(folders):
            raise BadManifest("its manifest is not whole")
        return folders, [tuple(item) for item in end["unseen"]]
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise BadManifest("its manifest is damaged") from error


def copied_files(data: bytes) -> t.Iterator[t.Tuple[str, Entry]]:
    """The files that were copied, each with its directory; only the lines that tell of such are read.

    :raises BadManifest: a line cannot be.
    """
    try:
        for line in data.split(b"\n")[1:-2]:
            if _COPIED in line:
                path, _fields, entries = json.loads(line.decode("ascii"))
                for row in entries:
                    entry = Entry(*row)
                    if entry.how == COPIED:
                        yield path, entry
    except (ValueError, TypeError, RecursionError) as error:
        raise BadManifest("its manifest is damaged") from error


__all__ = (
    "BadManifest",
    "Folder",
    "Folders",
    "MAX_MANIFEST",
    "copied_files",
    "end_line",
    "folder_line",
    "head_line",
    "parse_manifest",
)
