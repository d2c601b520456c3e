# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Puts the digest of a nightly run together; see the documentation of the module of the same name."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail

from ansible_collections.labfleet.conda.plugins.plugin_utils._control_node import ControlNodeAction
from ansible_collections.labfleet.conda.plugins.plugin_utils._gates import SEVERITIES
from ansible_collections.labfleet.conda.plugins.plugin_utils._nightly import DigestError, digest, read_reports
from ansible_collections.labfleet.conda.plugins.plugin_utils._shown import show

ARGUMENT_SPEC = {
    "state": {"type": "path", "required": True},
    "severity": {"type": "str", "choices": list(SEVERITIES), "default": "high"},
    "rows": {"type": "int", "default": 40},
}


class ActionModule(ControlNodeAction):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, options = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)
        try:
            found = digest(read_reports(options["state"]), severity=options["severity"], rows=options["rows"])
        except DigestError as error:
            raise AnsibleActionFail("fleet_digest: %s" % error) from None
        show(found.text)
        result.update(changed=False, **found._asdict())
        return result
