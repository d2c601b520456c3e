# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the file that describes an environment on the control node; everything else is the module's."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.labfleet.conda.plugins.plugin_utils._change_action import ChangeAction

MAX_FILE = 64 * 1024 * 1024


class ActionModule(ChangeAction):
    _supports_check_mode = True

    def told(self, given, task_vars):
        src = given.get("src")
        if src is None or boolean(given.get("remote_src", False), strict=False):
            return super().told(given, task_vars)
        if given.get("content") is not None:
            raise AnsibleActionFail("conda_env: src and content both describe the environment: give one of them.")
        told = {"content": self._content(str(src))}
        return {**told, **super().told({**given, **told}, task_vars)}

    def _content(self, src):
        """The text of the file, looked for where ansible.builtin.copy looks, and decrypted where it is a vault."""
        try:
            path = self._loader.get_real_file(self._find_needle("files", src), decrypt=True)
            with open(path, "rb") as stream:
                data = stream.read(MAX_FILE + 1)
        except (AnsibleError, OSError) as error:
            raise AnsibleActionFail(
                "conda_env: src: %s cannot be read on the control node: %s" % (src, error)
            ) from error
        if len(data) > MAX_FILE:
            raise AnsibleActionFail("conda_env: src: %s has more than %d bytes." % (src, MAX_FILE))
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise AnsibleActionFail("conda_env: src: %s is no text in UTF-8." % src) from error
