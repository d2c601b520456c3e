# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Writes a text to a file of an operator, in one step."""

from __future__ import annotations

import os

from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import write_durably
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import file_mode
from ansible_collections.labfleet.conda.plugins.module_utils._system._walk import open_folder

_MODE = 0o644


def write_text(path: str, text: str) -> None:
    """Replace a file, or make it; what was a link is a file then.

    :raises OSError: the directory is not there, or may not be written to.
    """
    parent, name = os.path.split(path)
    folder = open_folder(parent or "/")
    try:
        mode = _MODE if os.path.islink(path) else file_mode(path, _MODE)
        write_durably(folder, name, text.encode("utf-8"), mode=mode)
    finally:
        os.close(folder)


__all__ = ("write_text",)
