# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pytest fixtures over the lab: where it cannot run, the tests that need it are skipped with its one-line reason."""

from __future__ import annotations

import os
import tempfile
import typing as t
from pathlib import Path

import pytest

from . import LabUnavailable, entrypoint, hosts, shapes


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


@pytest.fixture(scope="session", params=entrypoint.SHELLS)
def sh(request: pytest.FixtureRequest) -> t.Iterator[entrypoint.Shell]:
    """Each shell that runs the entrypoint script."""
    yield from found_shell(request.param)


@pytest.fixture(scope="session", params=entrypoint.SHELLS if "LABFLEET_SHELLS" in os.environ else ["dash"])
def sh_with_conda(request: pytest.FixtureRequest) -> t.Iterator[entrypoint.Shell]:
    """The shell under which a real conda is refreshed: that of Debian, or each one in a soak."""
    yield from found_shell(request.param)


def found_shell(name: str) -> t.Iterator[entrypoint.Shell]:
    """A shell with the scripts in a place that other users than root can read too."""
    with tempfile.TemporaryDirectory(prefix="labfleet-shell-") as folder:  # pytest closes its own to other users
        Path(folder).chmod(0o755)
        found = entrypoint.shell(name, Path(folder))
        if found is None:
            pytest.skip(f"this machine has no {name}: install the Debian package {name}")
        yield found


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A base prefix that looks healthy and cannot start conda."""
    return entrypoint.small_prefix(tmp_path / "conda")


__all__ = ("lab_hosts", "shape", "sh", "sh_with_conda", "small")
