# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""When an environment was last used, as far as the file system and the running processes tell."""

from __future__ import annotations

import stat
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import Directory
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent, Unreadable


class LastUse(t.NamedTuple):
    """The latest sign of use, in seconds since the epoch, and which sign it is.

    :param known: whether a later use would have left a sign: a program of the environment tells when it was read.
    """

    time: float
    evidence: str
    known: bool = False


def last_use(prefix: Directory, *, python_version: t.Optional[str], modified: float) -> LastUse:
    """The latest of the times at which programs of an environment were read, or its packages changed.

    Access times count only where they mean something: not on a mount with C(noatime), and not for a file with
    several hard links, whose access time is that of all environments that share it. With C(relatime), the
    usual option, they are exact to a day.

    :param prefix: the environment.
    :param python_version: the version of its Python, if it has one.
    :param modified: when its packages were last changed; it has been used at least then.
    """
    best = LastUse(modified, "its packages were changed")
    mount = prefix.root.mount_of(prefix.path)
    if mount is not None and "noatime" in mount.options:
        return best._replace(evidence=best.evidence + "; its file system keeps no access times")
    minor = ".".join((python_version or "").split(".")[:2])
    for name in ("bin/python" + minor, "bin/Rscript", "lib/R/bin/exec/R", "bin/julia", "bin/perl"):
        if name == "bin/python":
            continue
        seconds = _access_time(prefix, name)
        if seconds is not None:
            best = best._replace(known=True)
        if seconds is not None and seconds > best.time:
            best = LastUse(seconds, "%s was read" % prefix.join(name), True)
    return best


def _access_time(prefix: Directory, path: str) -> t.Optional[float]:
    parent, _slash, name = path.rpartition("/")
    try:
        with prefix.directory(parent) as directory:
            status = directory.child_status(name)
    except (Absent, Unreadable):
        return None
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        return None
    return status.st_atime


__all__ = ("LastUse", "last_use")
