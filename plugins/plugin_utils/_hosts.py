# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Which hosts the collection can look at, and what the actions of all modules that do so share."""

from __future__ import annotations

import contextlib
import gc
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action.normal import ActionModule as NormalActionModule

# More than the largest module makes: about 30 MB, which the process gives back when the host's task ends.
_OBJECTS_BETWEEN_COLLECTIONS = 1000000


class HostAction(NormalActionModule):
    """The action of a module that looks at a host or changes it; refuses Windows hosts, which cannot run it."""

    def run(self, tmp: t.Any = None, task_vars: t.Mapping[str, t.Any] | None = None) -> t.Any:
        refuse_windows(self._connection, task_vars or {})
        given: dict[str, t.Any] = self._task.args
        told = self.told(given, task_vars or {})
        self._task.args = {**given, **told}
        try:
            with rare_collections():
                result = super().run(tmp, task_vars)
        finally:
            self._task.args = given
        for name in told:
            result.get("invocation", {}).get("module_args", {}).pop(name, None)
        return result

    def told(self, given: dict[str, t.Any], task_vars: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """Options that the control node adds to those of the task; what is shown of the task leaves them out.

        :param given: the options of the task, and what a more special action adds to them.
        """
        return {}


@contextlib.contextmanager
def rare_collections() -> t.Iterator[None]:
    """Let Python look for garbage less often.

    ansible-core makes syntax trees of all code that it sends. They are hundreds of thousands of objects, among which
    the collector looks for garbage again and again: that is a third of the time that it takes to put the code together.
    """
    before = gc.get_threshold()
    gc.set_threshold(max(before[0], _OBJECTS_BETWEEN_COLLECTIONS) if before[0] else 0, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def refuse_windows(connection: t.Any, task_vars: t.Mapping[str, t.Any]) -> None:
    """Refuse a Windows host, which cannot run the modules, in one sentence.

    :raises AnsibleActionFail: the connection's shell is PowerShell.
    """
    if getattr(connection._shell, "SHELL_FAMILY", None) == "powershell":
        name = task_vars.get("inventory_hostname")
        raise AnsibleActionFail(
            "%s is a Windows host (connection %s), and labfleet.conda reads Linux and macOS hosts only: "
            "leave it out, for example with --limit '!%s'." % (name, connection.transport, name)
        )


__all__ = ("HostAction", "rare_collections", "refuse_windows")
