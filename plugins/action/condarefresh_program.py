# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Puts the program condarefresh onto a host; see the documentation of the module of the same name."""

from __future__ import annotations

from ansible_collections.labfleet.conda.plugins.plugin_utils._file_action import FileAction
from ansible_collections.labfleet.conda.plugins.plugin_utils._program_file import program

ARGUMENT_SPEC = {
    "dest": {"type": "path", "default": "/usr/local/bin/condarefresh"},
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "mode": {"type": "raw", "default": "0755"},
}


class ActionModule(FileAction):
    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        options = self.options(ARGUMENT_SPEC, task_vars)
        return self.put("condarefresh", program(), options, task_vars)
