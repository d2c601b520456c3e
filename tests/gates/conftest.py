# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A clean copy of the collection for the gates, and the list of what they could not check here."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from gates import toolbox
from lab.variants import some


@pytest.fixture(scope="session")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the collection at .../ansible_collections/labfleet/conda, for tools that only read it."""
    return toolbox.copy_collection(tmp_path_factory.mktemp("collections"))


@pytest.fixture
def core(request: pytest.FixtureRequest) -> toolbox.Core:
    """Return the ansible-core of this run, with a Python at hand that can run it."""
    if toolbox.core_python(request.param) is None:
        wanted = " or ".join(request.param.pythons)
        pytest.skip(f"ansible-core {request.param.series} needs Python {wanted}, and none is on this machine")
    return request.param


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that takes a core with all of them."""
    if "core" in metafunc.fixturenames:
        # Sanity takes minutes: the newest each time, the oldest in the soak; antsibull-nox runs all. Elsewhere the
        # oldest and the newest find what those in between do.
        oldest, newest = toolbox.CORES[0], toolbox.CORES[-1]
        sanity = metafunc.module.__name__.endswith("test_sanity")
        cores = some((newest, oldest), 1) if sanity else some((oldest, newest, *toolbox.CORES[1:-1]), 2)
        metafunc.parametrize("core", cores, ids=lambda core: core.series, indirect=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand over what could not be checked here, when this is one of several processes that share the tests."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["not_checked"] = toolbox.REPORT


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: t.Any) -> None:
    """Take it from each of these processes; one that crashed hands over nothing."""
    toolbox.REPORT.extend(getattr(node, "workeroutput", {}).get("not_checked", ()))


def pytest_terminal_summary(terminalreporter: t.Any) -> None:
    """Say at the end, one line each, what a gate left out on this machine although it passed."""
    if toolbox.REPORT:
        terminalreporter.section("not checked on this machine")
        for line in sorted(set(toolbox.REPORT)):
            terminalreporter.write_line(line)
