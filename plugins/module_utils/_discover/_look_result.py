# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""One look at a host, and into its containers and images, as the plain result that module conda_info documents."""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import Look, Options
from ansible_collections.labfleet.conda.plugins.module_utils._discover._wanted import Wanted, check_wanted, look_inside
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import RecordMemory
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import clean
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

_NOTHING = Wanted()


def scan(options: Options, wanted: Wanted = _NOTHING) -> t.Dict[str, t.Any]:
    """Look at a root, and return what module conda_info documents as its result.

    :param wanted: which containers and images of the host to look into, in the time that is left.
    :raises ScanError: the options cannot be met, or this is no Linux or macOS.
    """
    check_wanted(options, wanted)
    memory = RecordMemory(keep_files=False)
    look = Look(options, memory=memory)
    look.run()

    def see(path: str, open_root: t.Callable[..., Root], seconds: float) -> t.Dict[str, t.Any]:
        inside = Look(options._replace(root=path, users=None, time_limit=seconds), open_root=open_root, memory=memory)
        inside.run()
        return dict(inside.as_dict(), **inside.about())

    found = look_inside(look, wanted, look.seconds_left(), see)
    return clean(dict(look.as_dict(), **look.about(), **found))


__all__ = ("scan",)
