# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prints the table of the fleet and writes its document; see the documentation of the module of the same name."""

from __future__ import annotations

import json

from ansible.errors import AnsibleActionFail

from ansible_collections.labfleet.conda.plugins.plugin_utils._control_node import ControlNodeAction
from ansible_collections.labfleet.conda.plugins.plugin_utils._fleet import (
    HEADS,
    fleet_document,
    table_rows,
    unreadable_lines,
)
from ansible_collections.labfleet.conda.plugins.plugin_utils._host_result import registered
from ansible_collections.labfleet.conda.plugins.plugin_utils._output import permissions, write_if_changed
from ansible_collections.labfleet.conda.plugins.plugin_utils._shown import show
from ansible_collections.labfleet.conda.plugins.plugin_utils._table import render_table


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
        except ValueError as error:
            raise AnsibleActionFail("fleet_report: %s." % error) from None
        try:
            found = registered(task_vars, hosts, options["variable"])
        except ValueError as error:
            raise AnsibleActionFail(str(error)) from None
        document = fleet_document(found)
        table = render_table(HEADS, table_rows(document))
        trouble = unreadable_lines(document)
        show("\n".join(["", *table, *([""] if trouble else []), *trouble, ""]))
        result.update(changed=False, table=table, summary=document["summary"])
        if options["dest"]:
            result.update(self._write(document, options["dest"], mode))
        return result

    def _write(self, document, dest, mode):
        text = json.dumps(document, indent=2, sort_keys=True) + "\n"
        try:
            before, changed = write_if_changed(dest, text, mode=mode, write=not self._task.check_mode)
        except OSError as error:
            message = (
                "The fleet's document could not be written to %s: %s. Name a file in a directory that you may write to."
            )
            raise AnsibleActionFail(message % (dest, (error.strerror or str(error)).lower())) from None
        answer = {"dest": dest, "changed": changed}
        if self._task.diff:
            heads = {"before_header": dest, "after_header": dest}
            answer["diff"] = {"before": _summary_text(before), "after": _summary_text(text), **heads}
        return answer


def _summary_text(text):
    try:
        summary = json.loads(text)["summary"] if text else {}
    except (ValueError, KeyError, TypeError):
        summary = {"summary": "not a document of this module"}
    return json.dumps(summary, indent=2, sort_keys=True) + "\n"
