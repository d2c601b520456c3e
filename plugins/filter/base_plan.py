# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tells what the role base has to do to one base prefix."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError

from ansible_collections.labfleet.conda.plugins.plugin_utils._base_plan import Wishes
from ansible_collections.labfleet.conda.plugins.plugin_utils._base_plan import base_plan as plan
from ansible_collections.labfleet.conda.plugins.plugin_utils._policy import PolicyError, known_rules, merge_layers

DROPIN = "/etc/conda/condarc.d/labfleet.yml"


def base_plan(found, layers, **wishes):
    """See base_plan.yml."""
    try:
        merged = merge_layers(layers, known_rules())
        asked = Wishes(**wishes)
    except PolicyError as error:
        raise AnsibleFilterError("base_plan: %s" % error) from None
    except TypeError as error:
        raise AnsibleFilterError("base_plan: %s: there is no such option." % error) from None
    locks = [lock for layer in layers.values() for lock in (layer or {}).get("locked") or ()]
    return plan(found, merged, locks, asked, DROPIN)


class FilterModule:
    """The filters of this file."""

    def filters(self):
        return {"base_plan": base_plan}
