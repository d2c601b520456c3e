# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The time, and what is different each time."""

from __future__ import annotations

import os
import time


def seconds_now() -> float:
    """Seconds since the epoch."""
    return time.time()


def utc_text(seconds: float) -> str:
    """A time in seconds since the epoch, as ISO 8601 has it, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def random_token() -> str:
    """Six random hexadecimal digits."""
    return os.urandom(3).hex()


__all__ = ("random_token", "seconds_now", "utc_text")
