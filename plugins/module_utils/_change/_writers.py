# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Who else than its owner could change a prefix: the one judgement of all modules that change something."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._store import OUTSIDE
from ansible_collections.labfleet.conda.plugins.module_utils._system._access import NOBODY, Writers
from ansible_collections.labfleet.conda.plugins.module_utils._system._users import Identities
from ansible_collections.labfleet.conda.plugins.module_utils._system._writers_below import writers_below


def writers_inside(prefix: str, identities: Identities) -> Writers:
    """Who may write to a prefix or to any directory in it, but for its environments, its cache and what is ours."""
    try:
        return writers_below(prefix, identities, apart=OUTSIDE)
    except OSError:
        return NOBODY


def strangers(who: Writers, owner: str, identities: Identities, *, trusted: t.Iterable[str] = ()) -> t.List[str]:
    """The names of those who are neither the owner, nor root, nor trusted.

    :param owner: the name of the owner, or their number where nobody has it.
    :param trusted: names of users and groups.
    """
    trusted = {*trusted, owner, "root"}
    users = {name for name in who.users if name not in trusted}
    groups = {name for name in who.groups if name not in trusted - {owner} and not _is_private(name, owner, identities)}
    return [*sorted(users), *("group " + name for name in sorted(groups)), *["everybody"] * who.everybody]


def _is_private(group: str, owner: str, identities: Identities) -> bool:
    """Whether a group has the owner as its one member, as many distributions make one for each user."""
    if group != owner:
        return False
    members = {user.name for user in identities.users if group in _group_names(user.uid, identities)}
    return members <= {owner}


def _group_names(uid: int, identities: Identities) -> t.Set[t.Optional[str]]:
    return {identities.group_name(gid) for gid in identities.groups_of(uid)}


__all__ = ("strangers", "writers_inside")
