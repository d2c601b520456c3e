# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tells where a host looks for packages by a policy, and what is wrong there."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError

from ansible_collections.labfleet.conda.plugins.plugin_utils import _mirrors
from ansible_collections.labfleet.conda.plugins.plugin_utils._policy import PolicyError, merge_layers


def mirrors(layers):
    """See mirrors.yml."""
    try:
        policy = merge_layers(layers or {})["values"]
        return {"settings": _mirrors.mirror_settings(policy), "indexes": _mirrors.mirror_indexes(policy)}
    except PolicyError as error:
        raise AnsibleFilterError("mirrors: %s" % error) from None
    except (AttributeError, TypeError):
        text = "mirrors: settings.required of the policy has a list of channels that is none, or a map that is none."
        raise AnsibleFilterError(text) from None


def mirror_problems(results):
    """See mirror_problems.yml."""
    try:
        return _mirrors.mirror_problems(results)
    except (AttributeError, KeyError, TypeError, ValueError):
        text = "mirror_problems: results of ansible.builtin.uri and ansible.builtin.stat over indexes were expected."
        raise AnsibleFilterError(text) from None


class FilterModule:
    """The filters of this file."""

    def filters(self):
        return {"mirrors": mirrors, "mirror_problems": mirror_problems}
