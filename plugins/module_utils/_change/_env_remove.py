# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Removes an environment: one that is none, that others use or that holds a tool is refused, whatever is asked."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Failed, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_changes import REMOVED, PackageChange
from ansible_collections.labfleet.conda.plugins.module_utils._change._packages import (
    explicit_list,
    pip_list,
    read_packages,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import Place
from ansible_collections.labfleet.conda.plugins.module_utils._change._registry import unregister
from ansible_collections.labfleet.conda.plugins.module_utils._change._session import Session
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_change import plain_change
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import Environment
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import is_there, may_write, names_below
from ansible_collections.labfleet.conda.plugins.module_utils._system._new_prefix import is_mount, take_away

_Map = t.Dict[str, t.Any]
REMOVE = "remove"
_TOOLS = ("conda", "mamba", "micromamba")


def refuse_removal(environment: Environment) -> None:
    """Refuse what must not be removed.

    :raises Refused: it holds a tool, or other environments, or a file system is mounted there.
    """
    prefix = environment.prefix
    held = [name for name in _TOOLS if environment.version_of(name)]
    if held or is_there(prefix + "/condabin"):
        what = held[0] if held else "conda"
        text = "%s holds a %s, by which other environments may be managed: it is not removed by this module."
        raise Refused(text % (prefix, what))
    below = [name for name in names_below(prefix + "/envs") if is_there("%s/envs/%s/conda-meta" % (prefix, name))]
    if below:
        text = "%s has environments of its own below envs, such as %s: remove these first."
        raise Refused(text % (prefix, below[0]))
    if not environment.has_history:
        text = "%s has a conda-meta, but no history in it, so that it may be something else: it is not removed."
        raise Refused(text % prefix)
    if is_mount(prefix):
        raise Refused("A file system is mounted at %s: unmount it first." % prefix)


class RemoveWork:
    """What the owner does under the lock."""

    def __init__(self, place: Place, note: t.Callable[[str], None]) -> None:
        self._place, self._note = place, note

    def __call__(self, session: Session) -> _Map:
        prefix = session.prefix
        environment = read_packages(prefix)
        refuse_removal(environment)
        parent = prefix.rpartition("/")[0] or "/"
        if not may_write(parent):
            text = "%s may not write to %s, so that %s cannot be removed: give them that right, or remove it by hand."
            raise Refused(text % (self._place.owner, parent, prefix))
        told = removed_packages(environment)
        self._note("removes %s" % prefix)
        try:
            take_away(prefix)
        except OSError as error:
            text = "%s could not be removed whole: %s (%s). What is left beside it has a name that ends in -gone."
            raise Failed(text % (prefix, error.strerror or error, error.filename)) from error
        unregister(self._place.home, prefix)
        session.records.append(
            {"action": REMOVE, "prefix": prefix, "outcome": "committed", "message": None, "packages": told}
        )
        return {"changed": True, "outcome": "committed", "packages": told}


def removed_packages(environment: Environment) -> t.List[_Map]:
    """The packages of an environment as changes that remove them."""
    return [plain_change(PackageChange(item.name, item, None, REMOVED)) for item in sorted(environment.details or ())]


def way_back(environment: Environment) -> _Map:
    """By what an environment could be made again."""
    return {"explicit": explicit_list(environment), "pip": pip_list(environment).split()}


__all__ = ("REMOVE", "RemoveWork", "refuse_removal", "removed_packages", "way_back")
