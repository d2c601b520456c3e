# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tells which host of the inventory an alert is about."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError

from ansible_collections.labfleet.conda.plugins.plugin_utils import _alert_host


def alert_host(instance, groups):
    """See alert_host.yml."""
    try:
        return _alert_host.alert_host(instance, groups)
    except _alert_host.UnknownHostError as error:
        raise AnsibleFilterError("alert_host: %s" % error) from None
    except (AttributeError, TypeError):
        text = "alert_host: the label instance of an alert was expected, and the variable groups."
        raise AnsibleFilterError(text) from None


class FilterModule:
    """The filters of this file."""

    def filters(self):
        return {"alert_host": alert_host}
