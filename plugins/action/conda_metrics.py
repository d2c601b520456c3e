# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the metrics of a host; see the documentation of the module of the same name."""

from __future__ import annotations

import os
import shutil
import tempfile
import time

import ansible.constants as C
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.labfleet.conda.plugins.plugin_utils._hosts import refuse_windows
from ansible_collections.labfleet.conda.plugins.plugin_utils._metrics import render

ARGUMENT_SPEC = {
    "audit": {"type": "dict", "required": True},
    "info": {"type": "dict"},
    "ledger": {"type": "dict"},
    "floors": {"type": "dict", "default": {}},
    "dest": {"type": "path", "default": "/var/lib/prometheus/node-exporter/labfleet_conda.prom"},
    "mode": {"type": "raw", "default": "0644"},
}


class ActionModule(ActionBase):
    """Makes the text on the control node, and lets the action of ansible.builtin.copy do the rest."""

    TRANSFERS_FILES = True
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        refuse_windows(self._connection, task_vars or {})
        _unused, options = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)
        if not isinstance(options["audit"].get("counts"), dict):
            said = options["audit"].get("msg") or "it has no counts"
            raise AnsibleActionFail("audit: this is no result of conda_audit (%s), so nothing was written." % said)
        now = time.time()
        text = render(
            options["audit"], written=now, audited=now, floors=options["floors"] or {}, ledger=options["ledger"],
            info=options["info"],
        )  # fmt: skip
        result = self._copy(text, options, task_vars)
        series = sum(not line.startswith("#") for line in text.splitlines())
        return dict(result, dest=options["dest"], series=series)

    def _copy(self, text, options, task_vars):
        folder = tempfile.mkdtemp(dir=C.DEFAULT_LOCAL_TMP)
        try:
            source = os.path.join(folder, os.path.basename(options["dest"]))
            with open(source, "w", encoding="utf-8") as stream:
                stream.write(text)
            task = self._task.copy()
            task.args = {"src": source, "dest": options["dest"], "mode": options["mode"]}
            copy = self._shared_loader_obj.action_loader.get(
                "ansible.legacy.copy",
                task=task,
                connection=self._connection,
                play_context=self._play_context,
                loader=self._loader,
                templar=self._templar,
                shared_loader_obj=self._shared_loader_obj,
            )
            return copy.run(task_vars=task_vars)
        finally:
            shutil.rmtree(folder)
            self._remove_tmp_path(self._connection._shell.tmpdir)
