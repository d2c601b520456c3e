# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shells that images have as sh, and a prefix for scripts that only read."""

from __future__ import annotations

from lab.fixtures import sh, small

__all__ = ("sh", "small")
