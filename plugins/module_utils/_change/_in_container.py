# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a change has to do with the container that it happens in: it is refused by policy, or told to the ledger."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._told import one_line
from ansible_collections.labfleet.conda.plugins.module_utils._system._container import container_marks

REBUILD = "rebuild"
_KEYS = ("engine", "name", "image")
_Map = t.Dict[str, t.Any]


def container_here(options: t.Mapping[str, t.Any]) -> t.Optional[_Map]:
    """Engine, name and image of the container that this runs in; None where it is none.

    :param options: those of a module; C(container) has what the inventory tells.
    """
    told = options.get("container") or {}
    found = {key: one_line(told[key]) for key in _KEYS if isinstance(told.get(key), str)}
    marks = container_marks()
    if not found and marks is None:
        return None
    return {key: found.get(key) or (marks or {}).get(key) for key in _KEYS}


def host_of(options: t.Mapping[str, t.Any]) -> _Map:
    """What a record of the ledger tells of the host beside its name: the container that the change happened in."""
    here = container_here(options)
    return {} if here is None else {"container": here}


def refuse_in_container(subject: str, options: t.Mapping[str, t.Any], result: t.Optional[_Map] = None) -> None:
    """Refuse a change in a container, where the policy wants its image to be built anew.

    :param subject: the path of what was to be changed.
    :raises Refused: it is so.
    """
    if (options.get("container") or {}).get("change") != REBUILD:
        return
    here = container_here(options)
    if here is None:
        return
    which = " ".join(filter(None, (here["engine"], "container", here["name"])))
    image = " %s" % here["image"] if here["image"] else ""
    text = (
        "%s is in the %s, which the policy lets nobody change (containers.change: rebuild): change its image%s and"
        " start it anew; the playbook drift makes a Containerfile of what was changed in it already."
    )
    raise Refused(text % (subject, which, image), dict(result or {}, held="container"))


__all__ = ("REBUILD", "container_here", "host_of", "refuse_in_container")
