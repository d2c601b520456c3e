# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Merges the policy and loads the advisories on the control node, has the host judged, and judges what pip installed.

See the documentation of the module of the same name.
"""

from __future__ import annotations

import contextlib
import time

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.labfleet.conda.plugins.plugin_utils._advisories import AdvisoryError
from ansible_collections.labfleet.conda.plugins.plugin_utils._hosts import HostAction, rare_collections, refuse_windows
from ansible_collections.labfleet.conda.plugins.plugin_utils._packed import added_to, closed, is_settled, opened
from ansible_collections.labfleet.conda.plugins.plugin_utils._patience import GivenUp, patience
from ansible_collections.labfleet.conda.plugins.plugin_utils._policy import PolicyError
from ansible_collections.labfleet.conda.plugins.plugin_utils._policy_keys import LAYERS
from ansible_collections.labfleet.conda.plugins.plugin_utils._prepare import finish, prepare, told

# The options that are for the control node only.
_OPTIONS = ("policy", "advisories", "vex")
# The options that can come from variables of the host, see the option variables.
_FROM_VARIABLES = (
    "advisories", "containers", "depth", "exclude", "gpu_devices", "gpu_driver", "images", "integrity",
    "minimum_severity", "one_file_system", "packages", "search_paths", "storage", "time_limit", "users", "vex",
)  # fmt: skip
# How much longer than its own limit a host's audit may take, in seconds.
_SECONDS_MORE = 60

# Ansible loads this file before it makes the processes of the hosts, and they find there what all of them need. What is
# wrong with it is told where it is used.
with contextlib.suppress(OSError, ValueError):
    prepare({}, host="", groups=())


class ActionModule(HostAction):
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        task_vars = task_vars or {}
        refuse_windows(self._connection, task_vars)
        with rare_collections():
            given = self._with_variables(task_vars)
            seconds = self._seconds(given, task_vars)
            try:
                with patience(seconds):
                    return self._audit(tmp, task_vars, given)
            except GivenUp:
                limit = "the host did not answer within %g s" % seconds
                raise AnsibleActionFail("Given up: %s (%s_timeout)." % (limit, self._start)) from None

    @property
    def _start(self):
        return self._task.args.get("variables")

    def _variable(self, task_vars, name):
        """The value of a variable whose name begins as the option variables says."""
        value = task_vars.get("%s_%s" % (self._start, name))
        return None if value is None else self._templar.template(value)

    def _with_variables(self, task_vars):
        given = dict(self._task.args)
        if not given.pop("variables", None):
            return given
        for name in _FROM_VARIABLES:
            if name not in given and (value := self._variable(task_vars, name)) is not None:
                given[name] = value
        if "root" not in given and task_vars.get("conda_root") is not None:
            given["root"] = self._templar.template(task_vars["conda_root"])
        if "families" not in given:
            given["families"] = self._families(task_vars)
        if "policy" not in given:
            layers = {name: task_vars.get("conda_policy_%s" % name) for name in LAYERS}
            given["policy"] = {name: self._templar.template(layer) for name, layer in layers.items() if layer}
        if environment := self._variable(task_vars, "engine_environment"):
            self._task.environment = [*(self._task.environment or []), environment]
        if not self._becomes(task_vars):
            self._connection.set_become_plugin(None)
        return given

    def _becomes(self, task_vars):
        become = self._variable(task_vars, "become")
        try:
            return become is None or boolean(become)
        except TypeError:
            text = "conda_audit: %s_become is %r, and true or false was expected."
            raise AnsibleActionFail(text % (self._start, become)) from None

    def _families(self, task_vars):
        """The families of rules that a variable names, or else the tags of the run, of which each family is one."""
        if families := self._variable(task_vars, "families"):
            return families
        every = self._variable(task_vars, "all_families") or []
        tagged, skipped = (task_vars.get("ansible_%s_tags" % what) or () for what in ("run", "skip"))
        left = [family for family in every if family not in skipped] if skipped else []
        return [family for family in every if family in tagged] or left

    def _seconds(self, given, task_vars):
        """After how many seconds a host that does nothing is given up, if the task itself does not say so; or 0."""
        if not self._start or self._task.timeout:
            return 0
        seconds = self._variable(task_vars, "timeout")
        name, value = ("timeout", seconds) if seconds is not None else ("time_limit", given.get("time_limit", 120))
        try:
            return max(0, int(float(value))) + (0 if name == "timeout" else _SECONDS_MORE)
        except (TypeError, ValueError, OverflowError):
            text = "conda_audit: %s_%s is %r, and a number of seconds was expected."
            raise AnsibleActionFail(text % (self._start, name, value)) from None

    def _audit(self, tmp, task_vars, given):
        if "prepared" in given:
            raise AnsibleActionFail("conda_audit: prepared is set by the action plugin: leave it out.")
        args = self._task.args
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
            self._task.args = args
        result.get("invocation", {}).get("module_args", {}).pop("prepared", None)
        least, whole = given.get("minimum_severity", "info"), not given.get("families")
        if is_settled(result):
            return added_to(result, told(preparation, minimum_severity=least))
        try:
            found = opened(result)
        except ValueError as error:
            raise AnsibleActionFail("conda_audit: %s" % error) from None
        before = dict(found)
        if isinstance(found.get("findings"), list):
            finish(found, preparation, minimum_severity=least, now=now, whole=whole)
        return closed(found, before, result) if "packed" in result else found
