# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Joins the audits of all hosts into one report; see the documentation of the module of the same name."""

from __future__ import annotations

import json
import os

from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display

from ansible_collections.labfleet.conda.plugins.plugin_utils._audit_report import (
    FORMATS,
    SEVERITIES,
    Report,
)
from ansible_collections.labfleet.conda.plugins.plugin_utils._control_node import ControlNodeAction
from ansible_collections.labfleet.conda.plugins.plugin_utils._host_result import registered
from ansible_collections.labfleet.conda.plugins.plugin_utils._output import permissions

ARGUMENT_SPEC = {
    "variable": {"type": "str"},
    "src": {"type": "path"},
    "hosts": {"type": "list", "elements": "str"},
    "dest": {"type": "path"},
    "formats": {"type": "list", "elements": "str", "choices": list(FORMATS), "default": ["json", "html", "markdown"]},
    "previous": {"type": "path"},
    "advisories": {"type": "path"},
    "fail_on": {"type": "str", "choices": ["never", *SEVERITIES]},
    "new_only": {"type": "bool"},
    "rows": {"type": "int", "default": 30},
    "view": {"type": "str", "choices": ["findings", "gpu"], "default": "findings"},
    "mode": {"type": "raw", "default": "0600"},
}


class ActionModule(ControlNodeAction):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, options = self.validate_argument_spec(
            argument_spec=ARGUMENT_SPEC,
            mutually_exclusive=[["variable", "src"], ["src", "hosts"], ["src", "previous"]],
            required_one_of=[["variable", "src"]],
        )
        try:
            report = self._report(options, task_vars)
        except ValueError as error:
            raise AnsibleActionFail("fleet_audit: %s" % error) from None
        lines = report.lines(options["view"], rows=options["rows"])
        Display().display("\n".join([*lines, ""]))
        result.update(changed=False, **report.as_result(lines))
        for warning in report.warnings:
            Display().warning(warning)
        if options["dest"]:
            result.update(self._write(report, options))
        if not report.gate["passed"]:
            result.update(failed=True, msg=report.gate_sentence())
        return result

    def _report(self, options, task_vars):
        gates = {"fail_on": options["fail_on"], "new_only": options["new_only"]}
        if options["src"]:
            return Report.from_file(options["src"], **gates)
        hosts = options["hosts"] if options["hosts"] is not None else task_vars["ansible_play_hosts_all"]
        previous = options["previous"]
        if previous is None and options["dest"]:
            previous = os.path.join(options["dest"], FORMATS["json"].file)
            previous = previous if os.path.exists(previous) else None
        found = registered(task_vars, hosts, options["variable"])
        return Report.from_results(
            found,
            previous=previous,
            must_compare=options["previous"] is not None,
            advisories=options["advisories"],
            **gates,
        )

    def _write(self, report, options):
        mode = permissions(options["mode"])
        try:
            files, changed = report.write(
                options["dest"], options["formats"], mode=mode, write=not self._task.check_mode
            )
        except OSError as error:
            message = "fleet_audit: the report could not be written to %s: %s. Name a directory that you may write to."
            reason = (error.strerror or str(error)).lower()
            raise AnsibleActionFail(message % (error.filename or options["dest"], reason)) from None
        answer = {"files": files, "changed": changed}
        if self._task.diff:
            heads = {"before_header": options["dest"], "after_header": options["dest"]}
            texts = {"before": _text(report.summary_before), "after": _text(report.document["summary"])}
            answer["diff"] = {**texts, **heads}
        return answer


def _text(summary):
    return json.dumps(summary or {}, indent=2, sort_keys=True) + "\n"
