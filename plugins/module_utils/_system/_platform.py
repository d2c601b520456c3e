# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The platform of this host, as conda names it."""

from __future__ import annotations

import os
import sys

_MACHINES = {"x86_64": "64", "amd64": "64", "i686": "32", "i386": "32", "arm64": "aarch64"}


def conda_platform() -> str:
    """Such as C(linux-64) or C(osx-arm64)."""
    machine = os.uname().machine.lower()
    if sys.platform == "darwin":
        return "osx-64" if machine == "x86_64" else "osx-%s" % machine
    return "linux-%s" % _MACHINES.get(machine, machine)


__all__ = ("conda_platform",)
