# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lock of a prefix and the worker that runs as another user."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._system import _worker
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


@pytest.mark.parametrize("sent", [b"[" * 100000, b"[]", b"7", b'{"result": ' + b"[" * 300 + b"]" * 300 + b"}"])
def test_what_is_no_answer_is_no_result(monkeypatch, sent):
    monkeypatch.setattr(_worker, "_write", lambda descriptor, _value: os.write(descriptor, sent[:65536]))
    with pytest.raises(WorkerDied):
        run_as(os.geteuid(), os.getegid(), None, dict)


def test_a_worker_that_never_stops_to_send_does_not_fill_the_memory(monkeypatch):
    def flood(descriptor, _value):
        while True:
            os.write(descriptor, b" " * 65536)

    monkeypatch.setattr(_worker, "MAX_ANSWER", 1024 * 1024)
    monkeypatch.setattr(_worker, "_write", flood)
    with pytest.raises(WorkerDied, match="more than the 1048576 bytes"):
        run_as(os.geteuid(), os.getegid(), None, dict)


def test_a_worker_that_somebody_stops_goes_on():
    def stop():
        os.kill(os.getpid(), signal.SIGSTOP)
        return "went on"

    assert run_as(os.geteuid(), os.getegid(), None, stop, seconds=60) == "went on"


@pytest.mark.parametrize("ends", [True, False], ids=["told to end", "killed"])
def test_a_worker_that_takes_too_long_is_ended(ends):
    def work():
        signal.signal(signal.SIGTERM, (lambda *_unused: os._exit(9)) if ends else signal.SIG_IGN)
        while True:
            os.kill(os.getpid(), signal.SIGSTOP)  # and stops itself as often as it is woken

    with pytest.raises(WorkerDied, match="longer than 0.2 s") as died:
        run_as(os.geteuid(), os.getegid(), None, work, seconds=0.2, grace=60 if ends else 0.2)
    assert died.value.code == (9 if ends else -signal.SIGKILL)


def test_a_worker_that_dies_says_so_in_one_line_without_a_traceback():
    def fail():
        raise MemoryError("no room \x1b[31m for\nthat")

    with pytest.raises(WorkerDied) as error:
        run_as(os.geteuid(), os.getegid(), None, fail)
    text = str(error.value)
    assert "MemoryError: no room \\u001b[31m for\\u000athat (test_lock.py, line" in text
    assert text.isprintable() and "Traceback" not in text
