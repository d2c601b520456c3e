# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All sessions are described in antsibull-nox.toml."""

from __future__ import annotations

import sys

import nox

try:
    import antsibull_nox
except ImportError:
    sys.stderr.write("antsibull-nox is missing: install it with pip, then run nox again\n")
    sys.exit(1)

antsibull_nox.load_antsibull_nox_toml()

if __name__ == "__main__":
    nox.main()
