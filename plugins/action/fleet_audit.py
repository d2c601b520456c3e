# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Joins the audits of all hosts into one report; see the documentation of the module of the same name."""

from __future__ import annotations

import json
import os

from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display

from ansible_collections.labfleet.conda.plugins.plugin_utils._advisories import load
from ansible_collections.labfleet.conda.plugins.plugin_utils._audit_report import (
    FORMATS,
    SEVERITIES,
    Report,
    check_dest,
    check_previous,
)
from ansible_collections.labfleet.conda.plugins.plugin_utils._control_node import ControlNodeAction
from ansible_collections.labfleet.conda.plugins.plugin_utils._host_result import registered
from ansible_collections.labfleet.conda.plugins.plugin_utils._hosts import rare_collections
from ansible_collections.labfleet.conda.plugins.plugin_utils._output import permissions
from ansible_collections.labfleet.conda.plugins.plugin_utils._shown import show

ARGUMENT_SPEC = {
    "variable": {"type": "str"},
    "src": {"type": "list", "elements": "path"},
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
    "validate_only": {"type": "bool", "default": False},
}


class ActionModule(ControlNodeAction):
    def run(self, tmp=None, task_vars=None):
        with rare_collections():
            return self._run(tmp, task_vars)

    def _run(self, tmp, task_vars):
        result = super().run(tmp, task_vars)
        _unused, options = self.validate_argument_spec(
            argument_spec=ARGUMENT_SPEC,
            mutually_exclusive=[["variable", "src"]],
            required_one_of=[["variable", "src"]],
        )
        try:
            _check(options)
            if options["validate_only"]:
                return {**result, "changed": False}
            report = self._report(options, task_vars)
        except ValueError as error:
            raise AnsibleActionFail("fleet_audit: %s" % str(error).rstrip(".") + ".") from None
        lines = report.lines(options["view"], rows=options["rows"])
        show("\n".join([*lines, ""]))
        result.update(changed=False, **report.as_result(lines))
        for warning in report.warnings:
            Display().warning(warning)
        if options["dest"]:
            result.update(self._write(report, options))
        reasons = [] if report.gate["passed"] else [report.gate_sentence()]
        reasons += result.get("not_written", {}).values()
        if reasons:
            result.update(failed=True, msg=" ".join(reasons))
        return result

    def _report(self, options, task_vars):
        gates = {"fail_on": options["fail_on"], "new_only": options["new_only"]}
        paths, hosts, previous = options["src"], options["hosts"], options["previous"]
        if paths and len(paths) == 1 and hosts is None and previous is None:
            return Report.from_file(paths[0], **gates)
        if previous is None and options["dest"]:
            previous = os.path.join(options["dest"], FORMATS["json"].file)
            previous = previous if os.path.exists(previous) and previous not in (paths or ()) else None
        if paths is not None:
            return Report.from_files(
                paths,
                hosts=hosts or (),
                previous=previous,
                must_compare=options["previous"] is not None,
                inventory=frozenset(task_vars["groups"]["all"]),
                **gates,
            )
        hosts = hosts if hosts is not None else task_vars["ansible_play_hosts_all"]
        found = registered(task_vars, hosts, options["variable"])
        return Report.from_results(
            found,
            previous=previous,
            must_compare=options["previous"] is not None,
            advisories=options["advisories"],
            inventory=frozenset(task_vars["groups"]["all"]),
            **gates,
        )

    def _write(self, report, options):
        mode = permissions(options["mode"])
        try:
            written = report.write(options["dest"], options["formats"], mode=mode, write=not self._task.check_mode)
        except (OSError, ValueError) as error:
            raise AnsibleActionFail("fleet_audit: %s" % error) from None
        answer = {"files": written.files, "not_written": written.failed, "changed": written.changed}
        if self._task.diff:
            heads = {"before_header": options["dest"], "after_header": options["dest"]}
            texts = {"before": _text(report.summary_before), "after": _text(report.document["summary"])}
            answer["diff"] = {**texts, **heads}
        return answer


def _check(options):
    """Refuse what could not be used, so that nobody learns it only after all hosts were audited.

    :raises ValueError: with a sentence that names the option.
    """
    permissions(options["mode"])
    if options["src"] is not None and not options["src"]:
        raise ValueError("src: no report is named: name at least one that the playbook audit has written.")
    if options["rows"] < 0:
        raise ValueError("rows: %d is no number of rows: write 0 or more." % options["rows"])
    if not options["validate_only"]:
        return
    if options["dest"]:
        check_dest(options["dest"])
    if options["previous"]:
        check_previous(options["previous"])
    load(options["advisories"])


def _text(summary):
    return json.dumps(summary or {}, indent=2, sort_keys=True) + "\n"
