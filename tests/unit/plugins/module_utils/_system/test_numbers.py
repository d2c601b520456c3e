# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Owners of files are the users of the container, whatever their numbers are outside."""

from __future__ import annotations

import os
import subprocess

from ansible_collections.labfleet.conda.plugins.module_utils._system._numbers import (
    OVERFLOW,
    Numbers,
    Range,
    numbers_of_process,
    parse_map,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

ROOTLESS = [Range(0, 1000, 1), Range(1, 100000, 65536)]


def test_a_map_of_the_kernel_is_read():
    assert parse_map(b"         0       1000          1\n         1     100000      65536\nnonsense\n") == ROOTLESS


def test_owner_and_group_are_translated_and_nothing_else(tmp_path):
    (tmp_path / "x").write_text("text")
    before = os.stat(tmp_path / "x")
    for outside, inside in ((1000, 0), (100000, 1), (100999, 1000), (0, OVERFLOW), (5, OVERFLOW)):
        fields = list(before)
        fields[4] = fields[5] = outside
        status = Numbers(ROOTLESS, ROOTLESS).seen(os.stat_result(fields, {"st_blocks": 8, "st_mtime_ns": 123456789}))
        assert (status.st_uid, status.st_gid) == (inside, inside)
        assert (status.st_blocks, status.st_mtime_ns) == (8, 123456789)
        assert (status.st_ino, status.st_dev, status.st_mode, status.st_size) == (
            before.st_ino,
            before.st_dev,
            before.st_mode,
            before.st_size,
        )


def test_the_root_of_a_process_in_a_user_namespace_is_seen_as_it_sees_it(tmp_path, as_root):
    (tmp_path / "x").write_text("text")
    os.chown(tmp_path / "x", 100005, 100006)
    (tmp_path / "y").write_text("text")
    with subprocess.Popen(["unshare", "--user", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(b"ready\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"ready\n"  # so it is in its namespace by now
        for name in ("uid_map", "gid_map"):
            with open("/proc/%d/%s" % (process.pid, name), "wb") as stream:
                stream.write(b"0 100000 1000\n")
        assert numbers_of_process(process.pid).users == (Range(0, 100000, 1000),)
        with Root("/proc/%d/root" % process.pid).directory(str(tmp_path)) as directory:
            seen = [directory.child_status(name) for name in "xy"]
            listed = dict(directory.statuses())
        process.stdin.close()
    assert [(status.st_uid, status.st_gid) for status in seen] == [(5, 6), (OVERFLOW, OVERFLOW)]
    assert listed["x"].st_uid == 5


def test_a_process_in_our_own_user_namespace_needs_no_translation():
    assert numbers_of_process(os.getpid()) is None
