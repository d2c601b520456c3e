# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Puts the program condarefresh onto a host; see the documentation of the module of the same name."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import ansible.constants as C
from ansible.plugins.action import ActionBase

from ansible_collections.labfleet.conda.plugins.plugin_utils._hosts import refuse_windows
from ansible_collections.labfleet.conda.plugins.plugin_utils._program_file import program


class ActionModule(ActionBase):
    """Makes the file on the control node, and lets the action of ansible.builtin.copy do the rest."""

    TRANSFERS_FILES = True
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        refuse_windows(self._connection, task_vars or {})
        _unused, options = self.validate_argument_spec(
            argument_spec={
                "dest": {"type": "path", "default": "/usr/local/bin/condarefresh"},
                "owner": {"type": "str"},
                "group": {"type": "str"},
                "mode": {"type": "raw", "default": "0755"},
            }
        )
        folder = tempfile.mkdtemp(dir=C.DEFAULT_LOCAL_TMP)
        try:
            source = Path(folder) / "condarefresh"
            source.write_bytes(program())
            task = self._task.copy()
            task.args = {key: value for key, value in options.items() if value is not None}
            task.args["src"] = str(source)
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
