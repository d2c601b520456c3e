# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SIGKILL while a snapshot is taken or restored: what comes after makes it good.

A process cannot tell when it will be killed, but it can be killed at its Nth call that changes something, for each N:
that is every instant that there is.
"""

from __future__ import annotations

import functools
import os
import signal

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change import _snapshot as snapshots
from ansible_collections.labfleet.conda.plugins.module_utils._change._packages import read_packages
from ansible_collections.labfleet.conda.plugins.module_utils._change._restore import restore
from ansible_collections.labfleet.conda.plugins.module_utils._system import _durable

from .trees import base, listing, package, write

NOW = 1795000000.0
CALLS = ("link", "rename", "unlink", "rmdir", "mkdir", "symlink", "chmod", "fchmod", "utime", "open", "write")


def killed_at(number, function):
    """Run a function in a process that is killed before its Nth changing call; whether it got that far."""
    pid = os.fork()
    if pid == 0:
        left = [number]

        def deadly(call):
            def wrapper(*args, **kwargs):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return call(*args, **kwargs)

            return wrapper

        for name in CALLS:
            setattr(os, name, deadly(getattr(os, name)))
        try:
            function()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


@pytest.fixture
def quick(monkeypatch):
    """Nothing is flushed to disk: a killed process loses nothing that the kernel has."""
    monkeypatch.setattr(snapshots, "sync_file_system", lambda descriptor: None)
    monkeypatch.setattr(_durable.os, "fsync", lambda descriptor: None)


def test_a_killed_take_leaves_the_prefix_as_it_was_and_the_next_one_works(tmp_path, quick):
    prefix, owned = base(tmp_path / "conda")
    before = listing(prefix)
    environment = read_packages(prefix)

    def take(number):
        identifier = snapshots.new_id(NOW + number, "0000ab")
        return snapshots.take(prefix, snapshot_id=identifier, reason="", owned=owned, now=NOW, environment=environment)

    number = 1
    while killed_at(number, functools.partial(take, number)):
        assert listing(prefix) == before
        assert [item for item in snapshots.load_all(prefix) if item.complete] == []
        number += 3
    assert number > 60
    assert [item.complete for item in snapshots.load_all(prefix)] == [True]


def test_a_killed_restore_is_finished_by_the_next_one(tmp_path, quick, monkeypatch):
    monkeypatch.setattr("%s.sync_file_system" % restore.__module__, lambda descriptor: None)
    prefix, owned = base(tmp_path / "conda")
    before = listing(prefix)
    taken = snapshots.take(prefix, snapshot_id=snapshots.new_id(NOW, "0000ab"), reason="", owned=owned, now=NOW)

    def damage():
        package(prefix, "conda-2.0-0", {"bin/conda": "2.0", "lib/conda/a.py": "a = 2", "lib/new/n.py": "n"})
        for path in ("conda-meta/conda-1.0-0.json", "share/notes.txt", "lib/libpython.so"):
            os.rename(prefix + "/" + path, prefix + "/" + path + ".c~")
        write(prefix, "share/user.txt", "user's")
        write(prefix, ".condatmp/x", "x")
        os.unlink(prefix + "/bin/python")
        os.rmdir(prefix + "/share/empty")
        os.unlink(prefix + "/lib/conda/sub/b.py")
        os.rmdir(prefix + "/lib/conda/sub")

    damage()
    number = 1
    while killed_at(number, lambda: restore(prefix, taken)):
        restored = restore(prefix, taken)
        assert restored.problems == []
        assert listing(prefix) == before, number
        damage()
        number += 2
    assert number > 40
    assert listing(prefix) == before
    aside = prefix + "/.labfleet-conda/set-aside/" + taken.id + "/share"
    assert len(os.listdir(aside)) > 10  # each of the user's files is still there
