# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Whether other files of settings leave the settings of one without effect."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._config_place import Place
from ansible_collections.labfleet.conda.plugins.module_utils._change._config_wish import Target
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc import (
    MAX_CONDARC,
    CondarcFile,
    drop_ins,
    parse_condarc,
    search_path,
)
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._condarc_merge import (
    Setting,
    Source,
    merge_settings,
)
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._yaml_write import identity
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

# conda looks into these since 4.12 (CHANGELOG 4.12.0).
_NEWER_TIERS = ("xdg", "user_config")


class Overridden(t.NamedTuple):
    """A setting that has no effect, and where the one stands that has."""

    setting: str
    path: str
    line: t.Optional[int]
    final: bool

    def __str__(self) -> str:
        why = "which marks it as final" if self.final else "which is read later"
        where = self.path if self.line is None else "%s, line %d" % (self.path, self.line)
        return "%s has no effect where this file sets it: %s, %s, decides." % (self.setting, where, why)


def overridden(root: Root, place: Place, text: str, targets: t.Iterable[Target]) -> t.List[Overridden]:
    """Which settings of a file have no effect, because of other files that the same programs read.

    :param text: what the file says, or is to say.
    """
    files = _files(root, place, text)
    mine = next((file for file in files if file.path == place.path), None)
    if mine is None or not mine.readable:  # nobody finds it in the usual places, as with a file for CONDARC
        return []
    merged, own = merge_settings(files), merge_settings([mine])
    found = []
    for target in targets:
        setting = merged.get(target.key)
        if setting is None or target.key not in own:
            continue
        by = _decides(setting, own[target.key], target, place.path)
        if by is not None:
            found.append(Overridden(target.name, by.origin, by.line, setting.locked_by == by))
    return found


def _decides(setting: Setting, own: Setting, target: Target, path: str) -> t.Optional[Source]:
    """The other source that decides a setting; None where ours does, or both count."""
    others = [source for source in setting.sources if source.origin != path]
    if setting.problem is not None or not others:
        return None
    if all(source.origin != path for source in setting.sources):
        return setting.locked_by or others[0]
    if isinstance(setting.value, dict) and isinstance(own.value, dict):
        names = [target.child] if target.child is not None else list(own.value)
        if any(name in own.value and identity(setting.value[name]) != identity(own.value[name]) for name in names):
            return others[0]
    return None


def _files(root: Root, place: Place, text: str) -> t.List[CondarcFile]:
    """All files that are read with ours, lowest precedence first."""
    found = []
    readers = place.readers
    for entry in search_path(
        root_prefix=place.base,
        home=place.home,
        prefix=place.prefix if place.prefix != place.base else None,
        mamba=readers.mamba is not None and readers.conda is None,
    ):
        if entry.tier in _NEWER_TIERS and _is_before_xdg(readers.conda):
            continue
        for path in _paths(root, entry.path, entry.directory, place):
            try:
                data = text.encode("utf-8") if path == place.path else root.read(path, limit=MAX_CONDARC)
            except (Absent, Unreadable):
                continue
            found.append(parse_condarc(data, path=path, tier=entry.tier))
    return found


def _paths(root: Root, path: str, is_directory: bool, place: Place) -> t.List[str]:
    if not is_directory:
        return [path]
    names: t.Set[str] = set()
    try:
        with root.directory(path) as directory:
            names.update(directory.names(limit=1000))
    except (Absent, Unreadable):
        pass
    if place.path.rpartition("/")[0] == path:
        names.add(place.name)
    return [path + "/" + name for name in drop_ins(names)]


def _is_before_xdg(version: t.Optional[str]) -> bool:
    numbers = tuple(map(int, re.findall("[0-9]+", version or "")[:2]))
    return bool(numbers) and numbers < (4, 12)


__all__ = ("Overridden", "overridden")
