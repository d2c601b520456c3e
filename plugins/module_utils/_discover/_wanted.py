# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What of the containers and images of a host is asked for.

Most looks ask for none of them. Then the code that looks into them is not loaded, since it is compiled anew each time.
"""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import Look, Options, ScanError
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

_Map = t.Dict[str, t.Any]

# Looks at a root: gets its path, how it is opened and the seconds it may take, gives the plain result.
See = t.Callable[[str, t.Callable[..., Root], float], _Map]


class Way(t.NamedTuple):
    """How a root is opened: its path as this process sees it, and what opens that."""

    path: str
    enter: t.Callable[..., Root]


class Wanted(t.NamedTuple):
    """What is asked for: containers C(none), C(running) or C(all); whether images; and whether containers' drift."""

    containers: str = "none"
    images: bool = False
    drift: bool = False

    @property
    def is_anything(self) -> bool:
        return self.images or self.containers != "none"


def check_wanted(options: Options, wanted: Wanted) -> None:
    """Refuse what cannot be told.

    :raises ScanError: containers or images of another root than that of the running system are asked for, or the
        drift of no containers.
    """
    if wanted.is_anything and options.root != "/":
        raise ScanError(
            "containers and images are those of the running system, and root is %s. Leave one of them out."
            % options.root
        )
    if wanted.drift and wanted.containers == "none":
        raise ScanError("drift is that of containers, and containers is none. Ask for those that run, or for all.")


def look_inside(look: Look, wanted: Wanted, seconds: float, see: See) -> _Map:
    """Look into the containers and images of the host that was looked at.

    :param look: the look at the running system; its report takes what could not be looked into.
    :param wanted: which.
    :param seconds: the time for all of them.
    :param see: looks at one.
    :returns: C(containers) and C(images): who they are, and what see() gave for each; C(looked_into): what was wanted.
    """
    found: _Map = {"containers": [], "images": []}
    if wanted.is_anything:
        from ansible_collections.labfleet.conda.plugins.module_utils._discover._inside import look_into

        found = look_into(look, wanted, seconds, see)
    return {**found, "looked_into": {"containers": wanted.containers, "images": wanted.images}}


__all__ = ("See", "Wanted", "Way", "check_wanted", "look_inside")
