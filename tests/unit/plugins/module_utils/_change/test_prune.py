# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which snapshots go: too many, too old, too large; never a protected one."""

from __future__ import annotations

import os

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change import _prune
from ansible_collections.labfleet.conda.plugins.module_utils._change import _snapshot as snapshots
from ansible_collections.labfleet.conda.plugins.module_utils._change._prune import (
    measure,
    own_bytes,
    prune,
    too_large,
    too_many,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import Snapshot
from ansible_collections.labfleet.conda.plugins.module_utils._system._measure_links import last_change

from .trees import base, write

DAY = 86400.0
NOW = 1795000000.0


def snapshot(days, complete=True):
    return Snapshot(snapshots.new_id(NOW - days * DAY, "0000ab"), complete=complete)


SEVERAL = [snapshot(days) for days in (40, 20, 10, 1)]


@pytest.mark.parametrize(
    "keep, max_age_days, gone",
    [(4, None, 0), (9, None, 0), (2, None, 2), (0, None, 4), (4, 15, 2), (4, 30, 1), (1, 30, 3)],
)
def test_the_oldest_go(keep, max_age_days, gone):
    found = too_many(SEVERAL, keep=keep, max_age_days=max_age_days, now=NOW)
    assert found == {item.id for item in SEVERAL[:gone]}


def test_an_incomplete_one_goes_and_does_not_count():
    broken = snapshot(0.5, complete=False)
    assert too_many([*SEVERAL, broken], keep=4, max_age_days=None, now=NOW) == {broken.id}


def test_a_file_counts_once_and_only_if_it_would_be_freed():
    # inode: names in this snapshot, names in all, bytes
    sizes = [
        ("old", {1: (1, 2, 100), 2: (1, 1, 50), 9: (1, 2, 10000)}),
        ("new", {1: (1, 2, 100), 3: (1, 1, 10)}),
    ]
    assert too_large(sizes, 160) == set()
    assert too_large(sizes, 159) == {"old"}
    assert too_large(sizes, 110) == {"old"}
    assert too_large(sizes, 109) == {"old", "new"}


def test_prune_removes_them_and_spares_the_protected(tmp_path):
    prefix, owned = base(tmp_path / "conda")
    taken = [
        snapshots.take(
            prefix, snapshot_id=snapshots.new_id(NOW + number, "0000ab"), reason="", owned=owned, now=NOW + number
        )
        for number in range(4)
    ]
    ids = [item.id for item in taken]
    assert prune(prefix, keep=2, now=NOW, protect={ids[0]}, dry=True) == [ids[1]]
    assert [item.id for item in snapshots.load_all(prefix)] == ids
    assert prune(prefix, keep=2, now=NOW, protect={ids[0]}) == [ids[1]]
    assert [item.id for item in snapshots.load_all(prefix)] == [ids[0], ids[2], ids[3]]
    assert sorted(os.listdir(prefix + "/.labfleet-conda/snapshots")) == [ids[0], ids[2], ids[3]]
    assert prune(prefix, keep=2, now=NOW, protect={ids[0]}) == []
    before = own_bytes(measure(prefix, taken[3]))
    os.unlink(prefix + "/lib/libpython.so")
    write(prefix, "lib/libpython.so", "new")
    assert own_bytes(measure(prefix, taken[3])) == before  # three snapshots share it
    assert prune(prefix, keep=9, max_bytes=0, now=NOW, protect={ids[3]}) == [ids[0], ids[2]]
    if taken[3].counts["linked"] > 1:  # not where the file system clones everything
        assert own_bytes(measure(prefix, taken[3])) >= before + 10000


@pytest.mark.parametrize(
    ("limits", "gone"),
    [
        ({"keep": 3}, []),
        ({"keep": 1}, ["c", "a"]),
        ({"keep": 0}, ["c", "a"]),  # b is protected
        ({"keep": 9, "max_age_days": 1.5}, ["c"]),
        ({"keep": 9, "max_bytes": 9000}, ["c", "a"]),
        ({"keep": 9, "max_bytes": 9000, "dry": True}, ["c", "a"]),
    ],
)
def test_files_set_aside_go_by_the_same_limits(tmp_path, monkeypatch, limits, gone):
    """They are as old as what was last put there, whatever snapshot they are named by."""
    (tmp_path / ".labfleet-conda").mkdir(mode=0o700)
    for name in "abc":
        write(str(tmp_path), ".labfleet-conda/set-aside/%s/lib/file" % name, name * 5000)
    ages = dict(zip("cab", (2, 1, 0)))
    monkeypatch.setattr(
        _prune,
        "last_change",
        lambda folder: NOW - DAY * ages[os.path.basename(os.readlink("/proc/self/fd/%d" % folder))],
    )
    above = str(tmp_path / ".labfleet-conda/set-aside")
    assert _prune.prune_set_aside(str(tmp_path), protect=["b"], now=NOW, **limits) == [
        above + "/" + name for name in gone
    ]
    assert set(os.listdir(above)) == set("abc") - (set() if limits.get("dry") else set(gone))


def test_when_something_was_put_there_is_known(tmp_path):
    write(str(tmp_path), "lib/old", "")
    os.utime(str(tmp_path / "lib/old"), (0, 0))
    folder = os.open(str(tmp_path), os.O_RDONLY)
    try:
        assert abs(last_change(folder) - os.stat(str(tmp_path / "lib/old")).st_ctime) < 1
    finally:
        os.close(folder)
