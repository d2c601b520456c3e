# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lock of a prefix and the worker that runs as another user."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._system._lock import Locked, PrefixLock
from ansible_collections.labfleet.conda.plugins.module_utils._system._worker import WorkerDied, run_as


@pytest.fixture
def folder(tmp_path):
    descriptor = os.open(str(tmp_path), os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def lock(folder, what="test", wait=0.0):
    return PrefixLock(folder, "/opt/conda/.labfleet-conda", what=what, wait_seconds=wait)


def test_a_second_one_waits_and_is_told_who_holds_it(folder):
    with lock(folder, "an update"), pytest.raises(Locked) as error, lock(folder, wait=0.2):
        pass
    assert error.value.holder["pid"] == os.getpid() and "an update" in str(error.value)
    with lock(folder):
        pass


def test_a_child_that_has_the_descriptor_keeps_the_lock(folder):
    with lock(folder) as held:
        os.set_inheritable(held.descriptor, True)
        child = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False
        )  # as an orphaned conda
    try:
        with pytest.raises(Locked), lock(folder):
            pass
    finally:
        child.communicate(b"\n")
    with lock(folder):
        pass


def test_the_lock_file_is_no_link(folder, tmp_path):
    os.symlink("/tmp/elsewhere", str(tmp_path / "lock"))
    with pytest.raises(OSError), lock(folder):
        pass
    assert not os.path.exists("/tmp/elsewhere")


def test_the_worker_returns_what_the_function_returns():
    result = run_as(os.geteuid(), os.getegid(), None, lambda: {"pid": os.getpid(), "umask": os.umask(0)})
    assert result["pid"] != os.getpid() and result["umask"] == 0o022


def test_the_worker_is_another_user_for_good(as_root):
    def look():
        try:
            os.setuid(0)
            back = True
        except PermissionError:
            back = False
        return [os.getresuid(), os.getresgid(), os.getgroups(), back]

    result = run_as(12345, 12346, None, look)
    assert json.loads(json.dumps(result)) == [[12345] * 3, [12346] * 3, [12346], False]


@pytest.mark.parametrize("end", [lambda: os._exit(3), lambda: os.kill(os.getpid(), 9), lambda: 1 / 0])
def test_a_worker_that_dies_is_no_result(end):
    with pytest.raises(WorkerDied):
        run_as(os.geteuid(), os.getegid(), None, end)
