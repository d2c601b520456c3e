# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Refuses Windows hosts, which cannot run the module, in one sentence; everything else is the module's."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail
from ansible.plugins.action.normal import ActionModule as NormalActionModule


class ActionModule(NormalActionModule):
    def run(self, tmp=None, task_vars=None):
        if getattr(self._connection._shell, "SHELL_FAMILY", None) == "powershell":
            raise AnsibleActionFail(
                "%s is a Windows host (connection %s), and labfleet.conda reads Linux and macOS hosts only: "
                "leave it out, for example with --limit '!%s'."
                % (
                    (task_vars or {}).get("inventory_hostname"),
                    self._connection.transport,
                    (task_vars or {}).get("inventory_hostname"),
                )
            )
        return super().run(tmp, task_vars)
