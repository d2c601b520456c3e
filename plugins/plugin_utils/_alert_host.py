# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Which host of the inventory an alert is about; what an alert says comes from outside and is not trusted."""

from __future__ import annotations

import re
import typing as t

# What can be the name of one host only: no pattern of hosts and nothing that Jinja evaluates.
_INSTANCE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?::[0-9]{1,5})?", re.ASCII)


class UnknownHostError(ValueError):
    """An alert names no host of the inventory; the message is one sentence."""


def alert_host(instance: object, groups: t.Mapping[str, t.Sequence[str]]) -> str:
    """The one host that an alert is about.

    :param instance: the label of that name, such as C(gpu03:9100).
    :param groups: the groups of the inventory and the names of their hosts, C(all) among them.
    :raises UnknownHostError: it is no name of a host, that of a group too, or that of none of the hosts.
    """
    match = _INSTANCE.fullmatch(instance) if isinstance(instance, str) else None
    if match is None:
        raise UnknownHostError("The alert names %r, which is no name of a host, so nothing was done." % (instance,))
    name = match[1]
    if name in groups:
        raise UnknownHostError("The alert names %s, which is a group of the inventory, so nothing was done." % name)
    if name not in groups.get("all", ()):
        text = "The alert names %s, which is no host of the inventory: give the label instance the name in Ansible."
        raise UnknownHostError(text % name)
    return name


__all__ = ("UnknownHostError", "alert_host")
