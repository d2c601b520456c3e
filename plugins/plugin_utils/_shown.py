# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the actions on the control node print: lines for people, or one line of JSON where the callback was asked so."""

from __future__ import annotations

import json

from ansible.utils.display import Display

# The processes of the actions are copies of the one in which the callback sets this.
_shown = {"json": False}


def use_json_lines() -> None:
    """From now on print JSON, in this process and in those it starts."""
    _shown["json"] = True


def show(text: str) -> None:
    """Print a text of several lines."""
    if _shown["json"]:
        text = json.dumps({"event": "report", "lines": text.strip("\n").split("\n")})
    Display().display(text)


__all__ = ("show", "use_json_lines")
