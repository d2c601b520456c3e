# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The list of environments that conda keeps for a user: C(.conda/environments.txt) in the home.

We turn off that conda writes it, since as root it would write those of others. So what we make and remove is told here.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import close, write_durably
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import file_mode, make_folder, read_text
from ansible_collections.labfleet.conda.plugins.module_utils._system._walk import open_folder

_FOLDER, _FILE = ".conda", "environments.txt"
_MODE = 0o644


def register(home: t.Optional[str], prefix: str) -> bool:
    """Add an environment to the list of the user that this process is; whether it was not there."""
    return _rewrite(home, prefix, is_wanted=True)


def unregister(home: t.Optional[str], prefix: str) -> bool:
    """Take an environment from the list; whether it was there."""
    return _rewrite(home, prefix, is_wanted=False)


def _rewrite(home: t.Optional[str], prefix: str, *, is_wanted: bool) -> bool:
    """What cannot be written does not hold up anything: conda itself only warns then."""
    if home is None or "\n" in prefix:
        return False
    folder = "%s/%s" % (home.rstrip("/"), _FOLDER)
    lines = (read_text("%s/%s" % (folder, _FILE)) or "").splitlines()
    if (prefix in lines) == is_wanted:
        return False
    left = [line for line in lines if line != prefix] + ([prefix] if is_wanted else [])
    with contextlib.suppress(OSError):
        if is_wanted:
            make_folder(folder)
        descriptor = open_folder(folder)
        try:
            mode = file_mode("%s/%s" % (folder, _FILE), _MODE)
            data = "".join(line + "\n" for line in left).encode("utf-8", "surrogateescape")
            write_durably(descriptor, _FILE, data, mode=mode)
        finally:
            close(descriptor)
        return True
    return False


__all__ = ("register", "unregister")
