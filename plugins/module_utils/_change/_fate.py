# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What becomes of a file that a snapshot does not know: it is deleted, set aside for its owner, or left where it is."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._manifest import Folders
from ansible_collections.labfleet.conda.plugins.module_utils._system._mend import TEMPORARY

DELETE, SET_ASIDE, LEAVE = "delete", "set aside", "leave"
# conda renames what it is about to remove (conda/base/constants.py, conda/gateways/disk/delete.py).
_LEFTOVER = re.compile(r"(?P<name>.+?)(?:\.c~|\.trash|\.conda_trash(?:_\d+)?)\Z")
_COMPILED = re.compile(r"(?P<stem>[^.]+)\.[^/]*py[co](?:\.\d+)?\Z")
CONDA_TEMPORARY = ".condatmp"


class Found(t.NamedTuple):
    """A file that is there and not in the manifest."""

    folder: str
    name: str
    kind: str
    inode: int
    size: int
    mtime: int

    @property
    def path(self) -> str:
        return self.folder + "/" + self.name if self.folder else self.name


def decide(
    extras: t.Sequence[Found], folders: Folders, *, brought: t.Container[str], late: bool
) -> t.List[t.Tuple[Found, str]]:
    """Decide on all files that the manifest does not have.

    :param brought: paths that a failed change may have brought, or that packages own which the snapshot has not.
    :param late: whether others may have worked in the prefix since the snapshot: then what is nobody's is left.
    """
    decided = []
    compiled = []
    for found in extras:
        if _is_compiled(found) and found.path not in brought:
            compiled.append(found)
        else:
            decided.append((found, _fate(found, folders, brought, late)))
    kept = {found.path for found, fate in decided if fate == LEAVE}
    for found in compiled:
        sources = _sources(found)
        stays = late and any(_in(folders, source) or source in kept for source in sources)
        decided.append((found, LEAVE if stays else DELETE))
    return decided


def _fate(found: Found, folders: Folders, brought: t.Container[str], late: bool) -> str:
    top = found.folder.partition("/")[0]
    if found.path in brought or found.name == TEMPORARY or top == CONDA_TEMPORARY:
        return DELETE
    leftover = _LEFTOVER.match(found.name)
    if leftover and _is_leftover(found, leftover.group("name"), folders, brought):
        return DELETE
    return LEAVE if late else SET_ASIDE


def _is_leftover(found: Found, name: str, folders: Folders, brought: t.Container[str]) -> bool:
    """Whether conda renamed a file to this: the name alone does not tell, since Emacs too writes names like a.c~."""
    if found._replace(name=name).path in brought:
        return True
    folder = folders.get(found.folder)
    entry = folder.entries.get(name) if folder else None
    if entry is None or entry.kind != found.kind:
        return False
    return entry.inode == found.inode or (entry.size, entry.mtime) == (found.size, found.mtime)


def _is_compiled(found: Found) -> bool:
    return found.kind == "f" and found.folder.endswith("__pycache__") and _COMPILED.match(found.name) is not None


def _sources(found: Found) -> t.List[str]:
    """The file that a compiled one was made from (PEP 3147)."""
    match = _COMPILED.match(found.name)
    parent = found.folder[: -len("__pycache__")]
    return [parent + match.group("stem") + ".py"] if match else []


def _in(folders: Folders, path: str) -> bool:
    folder, _slash, name = path.rpartition("/")
    return folder in folders and name in folders[folder].entries


__all__ = ("CONDA_TEMPORARY", "DELETE", "LEAVE", "SET_ASIDE", "Found", "decide")
