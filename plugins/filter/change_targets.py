# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tells which prefixes of a host are to be changed, and to what."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError

from ansible_collections.labfleet.conda.plugins.plugin_utils._change_targets import lift_targets as lift
from ansible_collections.labfleet.conda.plugins.plugin_utils._change_targets import update_targets as update
from ansible_collections.labfleet.conda.plugins.plugin_utils._packages import QuestionError
from ansible_collections.labfleet.conda.plugins.plugin_utils._policy import PolicyError, known_rules, merge_layers


def update_targets(found, layers, *, prefixes=(), homes=False, version=None, python=None):
    """See update_targets.yml."""
    policy = _policy("update_targets", layers)
    options = {"prefixes": prefixes, "homes": homes, "version": version, "python": python}
    return update(found, policy, **options)._asdict()


def lift_targets(found, layers, *, spec, to=None, prefixes=(), users=()):
    """See lift_targets.yml."""
    policy = _policy("lift_targets", layers)
    try:
        return lift(found, policy, spec=spec, to=to, prefixes=prefixes, users=users)._asdict()
    except QuestionError as error:
        raise AnsibleFilterError("lift_targets: %s" % error) from None


def _policy(name, layers):
    try:
        return merge_layers(layers, known_rules())["values"]
    except PolicyError as error:
        raise AnsibleFilterError("%s: %s" % (name, error)) from None


class FilterModule:
    """The filters of this file."""

    def filters(self):
        return {"lift_targets": lift_targets, "update_targets": update_targets}
