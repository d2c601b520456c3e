# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Empties a base prefix for another base, in a way that can be undone at any instant.

What packages have brought is removed: the snapshot holds it. What nobody owns is moved to C(replaced/ID) of our own
directory. What lies beside the directories of packages stays, as do environments, package caches and configuration.

A mark is written when the prefix is empty: from then on, all that is there and was not named in it is of the new base.
Until then nothing is, so that what is there must be kept. This tells how to undo it, wherever it was cut off.
"""

from __future__ import annotations

import contextlib
import json
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._packages import files_of_record
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import OUTSIDE, SET_ASIDE, STATE
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import is_record_file
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import (
    close,
    names_in,
    private_folder,
    read_file,
    remove_file,
    remove_tree,
    sync_file_system,
    write_durably,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._mend import Mender
from ansible_collections.labfleet.conda.plugins.module_utils._system._move import move
from ansible_collections.labfleet.conda.plugins.module_utils._system._walk import (
    Unseen,
    Visit,
    mounts_below,
    open_folder,
    walk,
)

MARK, REPLACED, KEPT = "emptied.json", "replaced", "kept"
# Tells which file a base came from, so that it is not replaced by the same once more.
ORIGIN = "replaced.json"
_NEW = "new"
PACKAGE_CACHE, META, HISTORY = "pkgs", "conda-meta", "history"
_MODE_OF_HISTORY = 0o644
_LIMIT = 4 * 1024 * 1024
_MAX_RECORD = 64 * 1024 * 1024
# Where packages put their files: these are emptied whatever the records say, which can be damaged.
_OF_PACKAGES = frozenset("bin condabin conda-meta etc include lib libexec man sbin share shell ssl".split())

# What installers put beside them.
_OF_INSTALLERS = frozenset("_conda .condarc .messages.txt .nonadmin LICENSE.txt install.log uninstall.sh".split())


def what_stays(names: t.Iterable[str], owned: t.Iterable[str]) -> t.List[str]:
    """The names at the top of a prefix that are not touched by emptying it.

    :param names: all names there.
    :param owned: the paths that records own.
    """
    tops = {path.partition("/")[0] for path in owned} | _OF_PACKAGES
    return sorted(name for name in names if name not in tops or name in OUTSIDE)


def top_names(prefix: str) -> t.List[str]:
    """The names at the top of a prefix."""
    top = open_folder(prefix)
    try:
        return names_in(top)
    finally:
        close(top)


def empty(prefix: str, folder: int, change: str, *, owned: t.Set[str], moves_cache: bool) -> t.List[str]:
    """Empty a prefix; all that is in it is in a snapshot.

    :param folder: the open directory of our own in the prefix.
    :param owned: the paths that packages own.
    :param moves_cache: whether the package cache has to be out of the way: the installers of constructor remove it.
    :returns: the paths of what nobody owns, which lies in C(replaced) now.
    :raises OSError: it cannot be emptied.
    """
    top = open_folder(prefix)
    mender = Mender(top, top)
    try:
        stays = what_stays(names_in(top), owned)
        if moves_cache and PACKAGE_CACHE in stays:
            stays.remove(PACKAGE_CACHE)
            _move_between(PACKAGE_CACHE, top, folder, (KEPT, change))
        aside = _Later(folder, (REPLACED, change))
        try:
            moved = _clear(prefix, top, mender, frozenset(stays), owned, aside)
        finally:
            aside.close()
        _write_empty_history(top)
        sync_file_system(top)
        mark = {"change": change, "stays": stays}
        write_durably(folder, MARK, json.dumps(mark).encode("utf-8"))
        return moved
    finally:
        mender.close()
        close(top)


def _clear(
    prefix: str, top: int, mender: Mender, stays: t.FrozenSet[str], owned: t.Set[str], aside: _Later
) -> t.List[str]:
    unseen: Unseen = []
    folders: t.List[str] = []
    moved: t.List[str] = []
    for visit in walk(top, unseen=unseen, skip=stays | OUTSIDE, mounts=mounts_below(prefix)):
        if visit.path:
            folders.append(visit.path)
        for name in _files(visit):
            path = visit.path + "/" + name if visit.path else name
            if path == META + "/" + HISTORY:
                continue  # by it, the prefix is known as an environment at any time
            if path in owned or _is_made_again(visit.path, name):
                mender.remove(visit.path, name)
            else:
                mender.set_aside(visit.path, name, aside.descriptor)
                moved.append(path)
    if unseen:
        raise OSError(None, "%s: %s" % unseen[0])
    for path in sorted(folders, key=lambda path: path.count("/"), reverse=True):
        if path != META and not mender.remove_folder(path):
            raise OSError(None, "%s could not be removed, since something is in it" % path)
    return sorted(moved)


def _files(visit: Visit) -> t.List[str]:
    return [name for name, status in visit.children if not _is_folder(status)]


def _is_folder(status: t.Any) -> bool:
    return status.st_mode & 0o170000 == 0o040000


def _is_made_again(folder: str, name: str) -> bool:
    """Whether a file is nobody's work: compiled code, and what conda writes of itself."""
    return folder.endswith("__pycache__") or name.endswith((".pyc", ".pyo")) or (folder + "/").startswith(META + "/")


def _write_empty_history(top: int) -> None:
    meta = open_folder(META, at=top)
    try:
        write_durably(meta, HISTORY, b"", mode=_MODE_OF_HISTORY)
    finally:
        close(meta)


def give_back_cache(prefix: str, folder: int, change: str) -> None:
    """Put the package cache back into its place; what the installer has left in one of its own waits for the end."""
    top = open_folder(prefix)
    try:
        if PACKAGE_CACHE in names_in(top):
            _move_between(PACKAGE_CACHE, top, folder, (KEPT, change, _NEW))
        # From here on, what lies at its place is the old one.
        mark = _mark(folder)
        mark["stays"] = sorted({*mark.get("stays", ()), PACKAGE_CACHE})
        write_durably(folder, MARK, json.dumps(mark).encode("utf-8"))
        _take_back_cache(top, folder, change)
    finally:
        close(top)


def was_emptied(folder: int, change: str) -> bool:
    """Whether a change has emptied the prefix, so that what is there is of the new base."""
    return _mark(folder).get("change") == change


def undo_emptying(prefix: str, folder: int, change: str, *, brought: t.Iterable[str] = ()) -> t.List[str]:
    """Take away what was put into the emptied prefix, so that it can be restored; good to be repeated.

    What was moved to C(replaced) is left there: the snapshot holds it too.

    :param brought: paths below it that the new base may have brought, beside those that its records tell.
    :returns: where that lies now which is of no package: somebody may have put it there meanwhile.
    """
    top = open_folder(prefix)
    aside: t.List[str] = []
    try:
        mark = _mark(folder)
        if mark.get("change") == change:
            aside = _take_out(prefix, top, folder, mark, {*brought, *_files_of_records(top)})
            _clear_meta(top)
            if "envs" not in mark["stays"]:
                mender = Mender(top, top)
                mender.remove_folder("envs")  # only if it is empty
                mender.close()
            sync_file_system(top)
            if _read(folder, ORIGIN).get("change") == change:
                remove_file(folder, ORIGIN)
            remove_file(folder, MARK)
        _take_back_cache(top, folder, change)
        return ["/".join((prefix, STATE, SET_ASIDE, change, path)) for path in aside]
    finally:
        close(top)


def _take_out(prefix: str, top: int, folder: int, mark: t.Dict[str, t.Any], brought: t.Set[str]) -> t.List[str]:
    """Remove what the new base has brought, and set aside all other things; conda-meta is left."""
    stays = {*mark["stays"], STATE, "envs", META}
    packages = {path.partition("/")[0] for path in brought} | _OF_PACKAGES
    aside: t.List[str] = []
    parts = (SET_ASIDE, str(mark["change"]))
    for name in names_in(top):
        if name in stays:
            continue
        if name in _OF_INSTALLERS or name in OUTSIDE:
            remove_tree(top, name)
        elif name not in packages:
            _move_between(name, top, folder, parts)
            aside.append(name)
    mender, place = Mender(top, top), _Later(folder, parts)
    try:
        aside += _clear(prefix, top, mender, frozenset(stays), brought, place)
    finally:
        mender.close()
        place.close()
    return aside


def _files_of_records(top: int) -> t.Set[str]:
    """The paths of which the records that are there tell."""
    found: t.Set[str] = set()
    if META not in names_in(top):
        return found
    meta = open_folder(META, at=top)
    try:
        for name in filter(is_record_file, names_in(meta)):
            with contextlib.suppress(OSError):
                found.update(files_of_record(read_file(meta, name, limit=_MAX_RECORD)))
    finally:
        close(meta)
    return found


def _clear_meta(top: int) -> None:
    if META not in names_in(top):
        return
    meta = open_folder(META, at=top)
    try:
        for name in names_in(meta):
            if name != HISTORY:
                remove_tree(meta, name)
    finally:
        close(meta)


def _take_back_cache(top: int, folder: int, change: str) -> None:
    if KEPT not in names_in(folder):
        return
    kept = _open_below(folder, (KEPT, change))
    try:
        if PACKAGE_CACHE in names_in(kept):
            move(PACKAGE_CACHE, kept, top)
    finally:
        close(kept)


def forget_emptying(folder: int, change: str) -> None:
    """Remove what a change has left that was undone."""
    remove_file(folder, MARK)
    for name in (KEPT, REPLACED):
        if name in names_in(folder):
            below = private_folder(name, at=folder)
            try:
                remove_tree(below, change)
                if names_in(below):
                    continue
            finally:
                close(below)
            remove_tree(folder, name)


def settle_emptying(prefix: str, folder: int, change: str) -> None:
    """Remove what a change has left that is kept; but not what nobody owned, nor new packages in the cache."""
    remove_file(folder, MARK)
    if KEPT in names_in(folder):
        top, source = open_folder(prefix), _open_below(folder, (KEPT, change, _NEW))
        try:
            if PACKAGE_CACHE in names_in(source):
                move(PACKAGE_CACHE, source, top, keep=True)
        finally:
            close(top, source)
        remove_tree(folder, KEPT)
    if REPLACED not in names_in(folder):
        return
    below = private_folder(REPLACED, at=folder)
    try:
        inside = private_folder(change, at=below)
        try:
            is_empty = not names_in(inside)
        finally:
            close(inside)
        if is_empty:
            remove_tree(below, change)
        is_empty = not names_in(below)
    finally:
        close(below)
    if is_empty:
        remove_tree(folder, REPLACED)


def _mark(folder: int) -> t.Dict[str, t.Any]:
    content = _read(folder, MARK)
    return content if isinstance(content.get("stays"), list) else {}


def _read(folder: int, name: str) -> t.Dict[str, t.Any]:
    try:
        content = json.loads(read_file(folder, name, limit=_LIMIT).decode("utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _open_below(folder: int, parts: t.Sequence[str]) -> int:
    """Open a directory of our own some levels down, made where it is not there."""
    descriptor = private_folder(parts[0], at=folder)
    for part in parts[1:]:
        above, descriptor = descriptor, private_folder(part, at=descriptor)
        close(above)
    return descriptor


class _Later:
    """A directory of our own some levels down, which is made when it is needed."""

    def __init__(self, folder: int, parts: t.Sequence[str]) -> None:
        self._folder, self._parts, self._descriptor = folder, parts, -1

    @property
    def descriptor(self) -> int:
        if self._descriptor < 0:
            self._descriptor = _open_below(self._folder, self._parts)
        return self._descriptor

    def close(self) -> None:
        if self._descriptor >= 0:
            close(self._descriptor)


def _move_between(name: str, source: int, folder: int, parts: t.Sequence[str]) -> None:
    target = _open_below(folder, parts)
    try:
        move(name, source, target)
    finally:
        close(target)


__all__ = (
    "MARK",
    "ORIGIN",
    "REPLACED",
    "empty",
    "forget_emptying",
    "give_back_cache",
    "settle_emptying",
    "top_names",
    "undo_emptying",
    "was_emptied",
    "what_stays",
)
