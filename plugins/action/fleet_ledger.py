# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps the heads and the history of all ledgers; see the documentation of the module of the same name."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail

from ansible_collections.labfleet.conda.plugins.plugin_utils._control_node import ControlNodeAction
from ansible_collections.labfleet.conda.plugins.plugin_utils._host_names import merge_host_names
from ansible_collections.labfleet.conda.plugins.plugin_utils._host_result import registered
from ansible_collections.labfleet.conda.plugins.plugin_utils._ledger_store import Store
from ansible_collections.labfleet.conda.plugins.plugin_utils._ledgers import HEADS, judge, summary, table_rows
from ansible_collections.labfleet.conda.plugins.plugin_utils._output import permissions
from ansible_collections.labfleet.conda.plugins.plugin_utils._shown import show
from ansible_collections.labfleet.conda.plugins.plugin_utils._table import render_table

ARGUMENT_SPEC = {
    "dest": {"type": "path", "required": True},
    "variable": {"type": "str"},
    "hosts": {"type": "list", "elements": "str"},
    "accept": {"type": "list", "elements": "str", "default": []},
    "mode": {"type": "raw", "default": "0600"},
}


class ActionModule(ControlNodeAction):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, options = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)
        store = Store(options["dest"])
        result.update(changed=False)
        try:
            known = {name: head for name, head in store.known().items() if name not in options["accept"]}
            if options["variable"] is None:
                result["heads"] = {name: dict(head.head._asdict()) for name, head in known.items()}
                return result
            result.update(self._collect(store, known, options, task_vars))
        except ValueError as error:
            raise AnsibleActionFail("fleet_ledger: %s" % error) from None
        except OSError as error:
            message = "fleet_ledger: %s: %s. Name a directory in one that you may write to."
            reason = (error.strerror or str(error)).lower()
            raise AnsibleActionFail(message % (error.filename or options["dest"], reason)) from None
        return result

    def _collect(self, store, known, options, task_vars):
        hosts = options["hosts"] if options["hosts"] is not None else task_vars["ansible_play_hosts_all"]
        mode = permissions(options["mode"])
        found = registered(task_vars, hosts, options["variable"])
        judged = {name: judge(value, known.get(name)) for name, value in sorted(found.items())}
        heads = {**known, **{name: host.known for name, host in judged.items()}}
        heads = {name: head for name, head in heads.items() if head is not None}
        changed, before, after = store.write(judged, heads, mode=mode, write=not self._task.check_mode)
        table = render_table(HEADS, table_rows(judged))
        show("\n".join(["", *table, ""]))
        answer = {
            "changed": changed,
            "table": table,
            "summary": summary(judged),
            "hosts": {name: {"status": host.status, "message": host.message} for name, host in judged.items()},
            "heads": {name: dict(head.head._asdict()) for name, head in heads.items()},
            "files": store.files,
        }
        if self._task.diff:
            names = {"before_header": store.files["heads"], "after_header": store.files["heads"]}
            answer["diff"] = {"before": before or "", "after": after, **names}
        bad = answer["summary"]["hosts_with_problems"]
        if bad:
            first = judged[bad[0]].message
            text = "The ledgers of %s do not bear out what is known of them. %s: %s"
            answer.update(failed=True, msg=text % (merge_host_names(bad), bad[0], first))
        return answer
