# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role for users has to decide about settings and environments."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError

from ansible_collections.labfleet.conda.plugins.plugin_utils import _user_layer


def missing_settings(found, wanted, *, user, prefix, home):
    """See missing_settings.yml."""
    try:
        return _user_layer.missing_settings(found, wanted, user=user, prefix=prefix, home=home)
    except (KeyError, TypeError) as error:
        raise AnsibleFilterError("missing_settings: this is no result of conda_info (%s)" % error) from None


def own_environments(found, *, user, prefix, home):
    """See own_environments.yml."""
    try:
        return _user_layer.own_environments(found, user=user, prefix=prefix, home=home)
    except (KeyError, TypeError) as error:
        raise AnsibleFilterError("own_environments: this is no result of conda_info (%s)" % error) from None


def unused_environments(found, marks, *, user, now, days, grace_days, keep=()):
    """See unused_environments.yml."""
    rules = _user_layer.Rules(days, grace_days, keep)
    try:
        answer = _user_layer.unused_environments(found["environments"], marks, user=user, now=now, rules=rules)
    except (KeyError, TypeError, ValueError) as error:
        text = "unused_environments: this is no result of conda_info, or a time is none (%s)"
        raise AnsibleFilterError(text % error) from None
    return dict(answer, lines=_user_layer.report_lines(answer["report"]))


class FilterModule:
    """The filters of this file."""

    def filters(self):
        return {
            "missing_settings": missing_settings,
            "own_environments": own_environments,
            "unused_environments": unused_environments,
        }
