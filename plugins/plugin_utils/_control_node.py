# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the actions that run on the control node only have in common."""

from __future__ import annotations

from ansible.plugins.action import ActionBase


class ControlNodeAction(ActionBase):
    """An action that looks at no host."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False


__all__ = ("ControlNodeAction",)
