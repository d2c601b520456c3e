# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Whether this process runs in a container, by the marks that engines leave in it."""

from __future__ import annotations

import os
import re
import typing as t

_DOCKER, _PODMAN = "/.dockerenv", "/run/.containerenv"
_MAX_BYTES = 64 * 1024
_LINE = re.compile(r'^(engine|name|image)="([^"]{0,500})"$', re.MULTILINE)


def container_marks(root: str = "/") -> t.Optional[t.Dict[str, t.Optional[str]]]:
    """The engine of the container that this process runs in, its name and its image, as far as marks tell.

    :param root: the directory that stands for C(/).
    :returns: None where there is no mark.
    """
    try:
        with open(os.path.join(root, _PODMAN[1:]), "rb") as stream:
            told = dict(_LINE.findall(stream.read(_MAX_BYTES).decode("utf-8", "replace")))
    except OSError:
        if not os.path.exists(os.path.join(root, _DOCKER[1:])):
            return None
        return {"engine": "docker", "name": None, "image": None}
    return {"engine": "podman", "name": told.get("name") or None, "image": told.get("image") or None}


__all__ = ("container_marks",)
