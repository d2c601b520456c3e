# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab: real conda in real prefixes on real hosts, for tests, benchmarks and the demo.

Run it as ``python -m lab`` with ``tests`` on PYTHONPATH. It runs on the controller, needs Python >= 3.11 and
py-rattler, and keeps everything it builds in the cache (see ``lab.cache``), never in the checkout.
"""

from __future__ import annotations


class LabUnavailable(Exception):
    """The lab, or a part of it, cannot be built on this machine; one sentence says why and what to do."""


__all__ = ("LabUnavailable",)
