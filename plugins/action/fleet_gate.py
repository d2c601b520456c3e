# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tells whether the next hosts of a run may be changed; see the documentation of the module of the same name."""

from __future__ import annotations

import datetime

from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display

from ansible_collections.labfleet.conda.plugins.plugin_utils._control_node import ControlNodeAction
from ansible_collections.labfleet.conda.plugins.plugin_utils._registered import outcomes_of
from ansible_collections.labfleet.conda.plugins.plugin_utils._rollout import progress
from ansible_collections.labfleet.conda.plugins.plugin_utils._window import WindowError, read_calendar

ARGUMENT_SPEC = {
    "variables": {"type": "str"},
    "max_fail_percentage": {"type": "float", "default": 10},
    "window": {"type": "str"},
    "days": {"type": "list", "elements": "str", "default": []},
    "freeze": {"type": "list", "elements": "str", "default": []},
    "timezone": {"type": "str"},
    "now": {"type": "str"},
    "fail": {"type": "bool", "default": False},
}


class ActionModule(ControlNodeAction):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, options = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)
        try:
            calendar = read_calendar(options["window"], options["days"], options["freeze"], options["timezone"])
            reason = calendar.why_closed(_time(options["now"]))
        except WindowError as error:
            raise AnsibleActionFail("fleet_gate: %s" % error) from None
        if reason is None and options["variables"]:
            hosts = task_vars["ansible_play_hosts_all"]  # of all batches
            reason = progress(outcomes_of(task_vars, hosts, options["variables"])).why_stop(
                options["max_fail_percentage"]
            )
        result.update(changed=False, open=reason is None, reason=reason)
        if reason and options["fail"]:
            result.update(failed=True, msg=reason)
        elif reason:
            Display().warning("No further host is changed: %s" % reason)
        return result


def _time(text):
    if text is None:
        return datetime.datetime.now(datetime.UTC)
    try:
        moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise WindowError("now: %r is no time with a zone: write it as 2026-12-24T22:30:00+01:00." % text)
    return moment
