# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The action of modules that are given addresses, in which there can be tokens and passwords."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._hosts import HostAction
from ansible_collections.labfleet.conda.plugins.plugin_utils._secrets import secrets_in


class AddressAction(HostAction):
    """Tells the module which tokens and passwords are in the addresses that it is given, as its option C(masked).

    So they are kept out of the log of the host and of what is shown with -vvv, and the rest of the options is not.
    """

    def told(self, given: dict[str, t.Any], task_vars: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        found = secrets_in(given)
        return {"masked": found} if found else {}


__all__ = ("AddressAction",)
