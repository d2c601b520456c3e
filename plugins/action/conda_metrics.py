# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the metrics of a host; see the documentation of the module of the same name."""

from __future__ import annotations

import os
import time

from ansible.errors import AnsibleActionFail

from ansible_collections.labfleet.conda.plugins.plugin_utils._file_action import FileAction
from ansible_collections.labfleet.conda.plugins.plugin_utils._metrics import render

ARGUMENT_SPEC = {
    "audit": {"type": "dict", "required": True},
    "info": {"type": "dict"},
    "ledger": {"type": "dict"},
    "floors": {"type": "dict", "default": {}},
    "instance": {"type": "str"},
    "dest": {"type": "path", "default": "/var/lib/prometheus/node-exporter/labfleet_conda.prom"},
    "mode": {"type": "raw", "default": "0644"},
}


class ActionModule(FileAction):
    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        options = self.options(ARGUMENT_SPEC, task_vars)
        if not isinstance(options["audit"].get("counts"), dict):
            said = options["audit"].get("msg") or "it has no counts"
            raise AnsibleActionFail("audit: this is no result of conda_audit (%s), so nothing was written." % said)
        now = time.time()
        text = render(
            options["audit"], written=now, audited=now, floors=options["floors"] or {}, ledger=options["ledger"],
            info=options["info"], instance=options["instance"],
        )  # fmt: skip
        written = {"dest": options["dest"], "mode": options["mode"]}
        result = self.put(os.path.basename(options["dest"]), text.encode("utf-8"), written, task_vars)
        series = sum(not line.startswith("#") for line in text.splitlines())
        return dict(result, dest=options["dest"], series=series)
