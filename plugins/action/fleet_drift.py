# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prints what was changed in containers, and writes files of it; see the documentation of the module fleet_drift."""

from __future__ import annotations

import json
import os

from ansible.errors import AnsibleActionFail

from ansible_collections.labfleet.conda.plugins.plugin_utils._control_node import ControlNodeAction
from ansible_collections.labfleet.conda.plugins.plugin_utils._drift_report import (
    HEADS,
    drift_document,
    drifted,
    summary,
    table_rows,
)
from ansible_collections.labfleet.conda.plugins.plugin_utils._host_result import registered
from ansible_collections.labfleet.conda.plugins.plugin_utils._output import permissions, write_if_changed
from ansible_collections.labfleet.conda.plugins.plugin_utils._shown import show
from ansible_collections.labfleet.conda.plugins.plugin_utils._table import MAX_LINE, render_table


class ActionModule(ControlNodeAction):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, options = self.validate_argument_spec(
            argument_spec={
                "variable": {"type": "str", "required": True},
                "hosts": {"type": "list", "elements": "str"},
                "dest": {"type": "path"},
                "mode": {"type": "raw", "default": "0600"},
            }
        )
        hosts = options["hosts"] if options["hosts"] is not None else task_vars["ansible_play_hosts_all"]
        try:
            mode = permissions(options["mode"])
            results = registered(task_vars, hosts, options["variable"])
        except ValueError as error:
            raise AnsibleActionFail("fleet_drift: %s." % str(error).rstrip(".")) from None
        found = drifted(results)
        table = render_table(HEADS, table_rows(results, found), width=MAX_LINE)
        show("\n".join(["", *table, ""]))
        result.update(changed=False, table=table, summary=summary(results, found))
        if options["dest"]:
            result.update(self._write(results, found, table, options["dest"], mode))
        return result

    def _write(self, results, found, table, dest, mode):
        document = json.dumps(drift_document(results, found), indent=2, sort_keys=True) + "\n"
        texts = {"drift.json": document, "drift.txt": "\n".join(table) + "\n"}
        for item in found:
            texts.update(("%s/%s" % (item.folder, name), text) for name, text in item.export.files.items())
        changed, write = [], not self._task.check_mode
        try:
            for name, text in texts.items():
                path = os.path.join(dest, name)
                if write:
                    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
                if write_if_changed(path, text, mode=mode, write=write)[1]:
                    changed.append(path)
        except OSError as error:
            message = "fleet_drift: %s could not be written: %s. Name a directory that you may write to."
            raise AnsibleActionFail(message % (dest, (error.strerror or str(error)).lower())) from None
        return {"dest": dest, "changed": bool(changed), "files": sorted(os.path.join(dest, name) for name in texts)}
