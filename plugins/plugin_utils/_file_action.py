# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the actions have in common that make a file on the control node and put it onto a host."""

from __future__ import annotations

import os
import shutil
import tempfile
import typing as t

import ansible.constants as C
from ansible.plugins.action import ActionBase

from ansible_collections.labfleet.conda.plugins.plugin_utils._hosts import refuse_windows


class FileAction(ActionBase):
    """Lets the action of ansible.builtin.copy put a file there, with its check mode, its diff and its idempotency."""

    TRANSFERS_FILES = True
    _supports_check_mode = True
    _supports_async = False

    def options(self, argument_spec: dict[str, t.Any], task_vars: dict[str, t.Any] | None) -> dict[str, t.Any]:
        """The checked options of the task; raises AnsibleActionFail for a Windows host."""
        refuse_windows(self._connection, task_vars or {})
        return self.validate_argument_spec(argument_spec=argument_spec)[1]

    def put(self, name: str, data: bytes, options: t.Mapping[str, t.Any], task_vars: t.Any) -> dict[str, t.Any]:
        """Put a file onto the host; the result is that of ansible.builtin.copy.

        :param name: what it is called where C(dest) is a directory.
        :param options: those of ansible.builtin.copy, C(dest) among them; what is None is left out.
        """
        folder = tempfile.mkdtemp(dir=C.DEFAULT_LOCAL_TMP)
        try:
            source = os.path.join(folder, name)
            with open(source, "wb") as stream:
                stream.write(data)
            task = self._task.copy()
            task.args = {key: value for key, value in options.items() if value is not None}
            task.args["src"] = source
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


__all__ = ("FileAction",)
