# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of several tests that are alike run each time, and which are left to the soak."""

from __future__ import annotations

import typing as t

import pytest


def some(values: t.Iterable[t.Any], kept: int) -> list[t.Any]:
    """The values of one parameter of a test, of which the first few run each time, the others in the soak."""
    return [
        value if number < kept else pytest.param(value, marks=pytest.mark.long) for number, value in enumerate(values)
    ]


__all__ = ("some",)
