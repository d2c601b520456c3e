# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the hosts of a run that changes prefixes have registered so far."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._rollout import Registered, host_outcome


def outcomes_of(task_vars: t.Mapping[str, t.Any], hosts: t.Iterable[str], variables: str) -> dict[str, t.Any]:
    """What became of each host.

    :param variables: what the names of the three variables start with: NAME_found, NAME_plan and NAME_done.
    """
    hostvars = task_vars["hostvars"]
    outcomes = {}
    for host in hosts:
        # Not templated: results of a large fleet are large.
        values = hostvars.raw_get(host)
        given = [values.get("%s_%s" % (variables, part)) for part in Registered._fields]
        outcomes[host] = host_outcome(Registered(*(value if isinstance(value, dict) else None for value in given)))
    return outcomes


__all__ = ("outcomes_of",)
