# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pytest fixtures over the lab: where it cannot run, the tests that need it are skipped with its one-line reason."""

from __future__ import annotations

import typing as t

import pytest

from . import LabUnavailable, hosts, shapes


@pytest.fixture(scope="session")
def lab_hosts() -> dict[str, hosts.Host]:
    """The lab's running hosts by name. They stay up after the tests, until ``python -m lab down``."""
    try:
        hosts.up()
        return {host.name: host for host in hosts.all_hosts()}
    except LabUnavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def shape() -> t.Callable[[str], shapes.Shape]:
    """A function that returns the shape S, M or L."""

    def build(name: str) -> shapes.Shape:
        try:
            return shapes.build(name)
        except LabUnavailable as reason:
            pytest.skip(str(reason))

    return build


__all__ = ("lab_hosts", "shape")
