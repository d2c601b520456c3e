# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tells the module what is known of the container that the host may be; everything else is the module's."""

from __future__ import annotations

from ansible_collections.labfleet.conda.plugins.plugin_utils._change_action import ChangeAction


class ActionModule(ChangeAction):
    """What it does is in ChangeAction."""
