# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prints what became of all hosts of a run, and writes it; see the documentation of the module of the same name."""

from __future__ import annotations

import json
import time

from ansible.errors import AnsibleActionFail

from ansible_collections.labfleet.conda.plugins.plugin_utils._change_report import (
    change_document,
    change_lines,
    failing_hosts,
)
from ansible_collections.labfleet.conda.plugins.plugin_utils._control_node import ControlNodeAction
from ansible_collections.labfleet.conda.plugins.plugin_utils._output import permissions, write_if_changed
from ansible_collections.labfleet.conda.plugins.plugin_utils._registered import outcomes_of
from ansible_collections.labfleet.conda.plugins.plugin_utils._shown import show

ARGUMENT_SPEC = {
    "variables": {"type": "str", "required": True},
    "hosts": {"type": "list", "elements": "str"},
    "action": {"type": "str", "choices": ["update", "lift", "rollback"], "default": "update"},
    "forecast": {"type": "bool", "default": False},
    "fail_deferred": {"type": "bool", "default": False},
    "rows": {"type": "int", "default": 60},
    "dest": {"type": "path"},
    "mode": {"type": "raw", "default": "0600"},
}


class ActionModule(ControlNodeAction):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, options = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)
        hosts = options["hosts"] if options["hosts"] is not None else task_vars["ansible_play_hosts_all"]
        try:
            mode = permissions(options["mode"])
        except ValueError as error:
            raise AnsibleActionFail("fleet_changes: %s." % error) from None
        stopped = _why_stopped(task_vars, hosts, options["variables"])
        document = change_document(
            outcomes_of(task_vars, hosts, options["variables"]),
            action=options["action"],
            forecast=options["forecast"],
            stopped=stopped,
            generated=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        )
        lines = change_lines(document, rows=options["rows"])
        show("\n".join([*lines, ""]))
        failing = failing_hosts(document, fail_deferred=options["fail_deferred"])
        result.update(changed=False, table=lines, summary=document["summary"], failing=failing, stopped=stopped)
        if options["dest"]:
            result.update(dest=options["dest"], changed=self._write(document, options["dest"], mode))
        return result

    def _write(self, document, dest, mode):
        # ansible-core marks texts with types of its own; a forecast is a report like any other, so check mode writes it
        text = json.dumps(document, indent=2, sort_keys=True) + "\n"
        try:
            return write_if_changed(dest, text, mode=mode)[1]
        except OSError as error:
            message = (
                "fleet_changes: dest: %s could not be written: %s. Name a file in a directory that you may write to."
            )
            raise AnsibleActionFail(message % (dest, (error.strerror or str(error)).lower())) from None


def _why_stopped(task_vars, hosts, variables):
    """The reason of the first gate that was closed; the hosts of one batch have the same."""
    for host in hosts:
        gate = task_vars["hostvars"].raw_get(host).get("%s_gate" % variables)
        if isinstance(gate, dict) and gate.get("open") is False:
            return gate["reason"]
    return None
