# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The processes of many roots are asked for once, and each root is shown its own."""

from __future__ import annotations

import os
import sys

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._system import _processes
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it is about /proc of Linux")


@pytest.fixture
def links(monkeypatch):
    """Counts the links of /proc that are read."""
    read, real = [], _processes._link
    monkeypatch.setattr(_processes, "_link", lambda path: read.append(path) or real(path))
    return read


def own(root):
    return [process for process in _processes.list_processes(root) if process.pid == os.getpid()]


def test_a_table_tells_of_a_root_what_asking_anew_tells():
    with_table = Root("/")
    with_table.process_table = _processes.ProcessTable()
    assert own(with_table) == own(Root("/")) and len(own(with_table)) == 1


def test_each_process_is_asked_once_for_its_namespace(links):
    table = _processes.ProcessTable()
    table.numbers("mnt:[1]")
    first = len(links)
    assert first > 0 and table.numbers("mnt:[2]") == [] and len(links) == first


def test_a_number_that_is_another_process_by_now_is_not_shown(monkeypatch):
    root = Root("/")
    root.process_table = _processes.ProcessTable()
    assert own(root)
    real = _processes._link
    mine = "/proc/%d/ns/mnt" % os.getpid()
    monkeypatch.setattr(_processes, "_link", lambda path: "mnt:[1]" if path == mine else real(path))
    assert own(root) == []
