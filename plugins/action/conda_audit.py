# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Merges the policy and loads the advisories on the control node, has the host judged, and judges what pip installed.

See the documentation of the module of the same name.
"""

from __future__ import annotations

import time

from ansible.errors import AnsibleActionFail

from ansible_collections.labfleet.conda.plugins.plugin_utils._advisories import AdvisoryError
from ansible_collections.labfleet.conda.plugins.plugin_utils._hosts import HostAction, refuse_windows
from ansible_collections.labfleet.conda.plugins.plugin_utils._packed import closed, opened
from ansible_collections.labfleet.conda.plugins.plugin_utils._policy import PolicyError
from ansible_collections.labfleet.conda.plugins.plugin_utils._policy_keys import LAYERS
from ansible_collections.labfleet.conda.plugins.plugin_utils._prepare import finish, prepare

# The options that are for the control node only.
_OPTIONS = ("policy", "advisories", "vex")
# The options that can come from variables of the host, see the option variables.
_FROM_VARIABLES = (
    "advisories", "containers", "depth", "exclude", "gpu_devices", "gpu_driver", "images", "integrity",
    "minimum_severity", "one_file_system", "packages", "search_paths", "storage", "time_limit", "users", "vex",
)  # fmt: skip


class ActionModule(HostAction):
    _supports_check_mode = True

    def _with_variables(self, task_vars):
        given = dict(self._task.args)
        start = given.pop("variables", None)
        if not start:
            return given
        names = {"root": "conda_root", **{name: "%s_%s" % (start, name) for name in _FROM_VARIABLES}}
        for name, variable in names.items():
            value = task_vars.get(variable)
            if name not in given and value is not None:
                given[name] = self._templar.template(value)
        if "policy" not in given:
            layers = {name: task_vars.get("conda_policy_%s" % name) for name in LAYERS}
            given["policy"] = {name: self._templar.template(layer) for name, layer in layers.items() if layer}
        return given

    def run(self, tmp=None, task_vars=None):
        task_vars = task_vars or {}
        refuse_windows(self._connection, task_vars)
        given = self._with_variables(task_vars)
        if "prepared" in given:
            raise AnsibleActionFail("conda_audit: prepared is set by the action plugin: leave it out.")
        options = {name: given.pop(name, None) for name in _OPTIONS}
        try:
            preparation = prepare(
                options, host=task_vars.get("inventory_hostname", ""), groups=task_vars.get("group_names", ())
            )
        except (PolicyError, AdvisoryError, OSError, ValueError) as error:
            raise AnsibleActionFail("conda_audit: %s" % error) from None
        now = time.time()
        self._task.args = {**given, "prepared": {**preparation.for_host, "now": now}}
        try:
            # The policy is nothing for the system log of the host.
            result = super().run(tmp, {**task_vars, "ansible_no_target_syslog": True})
        finally:
            self._task.args = {**given, **{name: value for name, value in options.items() if value is not None}}
        result.get("invocation", {}).get("module_args", {}).pop("prepared", None)
        try:
            found = opened(result)
        except ValueError as error:
            raise AnsibleActionFail("conda_audit: %s" % error) from None
        if isinstance(found.get("findings"), list):
            least, whole = given.get("minimum_severity", "info"), not given.get("families")
            finish(found, preparation, minimum_severity=least, now=now, whole=whole)
        return closed(found, result) if "packed" in result else found
