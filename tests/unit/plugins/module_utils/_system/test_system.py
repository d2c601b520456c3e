# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Permissions, users, mounts and process environments."""

from __future__ import annotations

import os
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.labfleet.conda.plugins.module_utils._system import _walk
from ansible_collections.labfleet.conda.plugins.module_utils._system._access import (
    Writers,
    parse_access_control,
    writers,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import remove_tree
from ansible_collections.labfleet.conda.plugins.module_utils._system._files import tree_files
from ansible_collections.labfleet.conda.plugins.module_utils._system._mounts import parse_mount_table
from ansible_collections.labfleet.conda.plugins.module_utils._system._processes import list_processes, parse_environment
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root
from ansible_collections.labfleet.conda.plugins.module_utils._system._users import (
    Group,
    Identities,
    User,
    parse_group,
    parse_passwd,
)

IDENTITIES = Identities(
    [User("root", 0, 0, "/root"), User("alice", 1001, 1001, "/home/alice")],
    [Group("lab", 500, frozenset(["alice"])), Group("root", 0, frozenset())],
)


def _status(mode, uid=0, gid=0):
    return os.stat_result((mode, 1, 1, 1, uid, gid, 0, 0, 0, 0))


@pytest.mark.parametrize(
    "status, expected",
    [
        (_status(0o40755), Writers(frozenset(), frozenset(), False)),
        (_status(0o40777), Writers(frozenset(), frozenset(), True)),
        (_status(0o40775, gid=500), Writers(frozenset(), frozenset(["lab"]), False)),
        (_status(0o40755, uid=1001), Writers(frozenset(["alice"]), frozenset(), False)),
        (_status(0o40555, uid=1001), Writers(frozenset(["alice"]), frozenset(), False)),
        (_status(0o40775, uid=777, gid=888), Writers(frozenset(["777"]), frozenset(["888"]), False)),
    ],
)
def test_who_may_write_by_the_mode(status, expected):
    assert writers(status, IDENTITIES) == expected


def _access_control(*entries):
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def test_who_may_write_by_the_access_control_list():
    # user:alice:rwx, group:lab:rw-, mask::rwx
    data = _access_control((1, 7, 0), (2, 7, 1001), (4, 5, 0), (8, 6, 500), (16, 7, 0), (32, 5, 0))
    found = writers(_status(0o40775), IDENTITIES, data)
    assert found == Writers(frozenset(["alice"]), frozenset(["lab"]), False)
    # the mask takes the right to write away again
    data = _access_control((1, 7, 0), (2, 7, 1001), (4, 5, 0), (8, 6, 500), (16, 5, 0), (32, 5, 0))
    assert writers(_status(0o40755), IDENTITIES, data) == Writers(frozenset(), frozenset(), False)


@given(st.binary(max_size=100))
@settings(deadline=None, derandomize=True)
def test_any_access_control_list_is_read_without_an_error(data):
    parse_access_control(data)


def test_users_and_groups_are_read_and_bad_lines_passed_over():
    users = parse_passwd(b"root:x:0:0:root:/root:/bin/sh\n# no\n\n+::::::\nx:y\n\xff:x:9:9::/h:/s\nbad:x:a:b::/:/\n")
    assert [user.uid for user in users] == [0, 9]
    assert parse_group(b"lab:x:500:a,b\nempty:x:1:\nx\n") == [
        Group("lab", 500, frozenset("ab")),
        Group("empty", 1, frozenset()),
    ]


def test_the_name_service_is_not_asked_for_another_root():
    assert Identities([], []).user_name(0) is None
    assert Identities([], [], ask_name_service=True).user_name(0) == "root"


def test_the_mount_table_is_read_from_inside_a_root():
    data = (
        b"22 1 0:20 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        b"23 22 0:21 / /srv/c/home rw,noatime shared:2 - nfs4 server:/home rw\n"
        b"24 22 0:22 / /srv/c/with\\040space rw - fuse.sshfs host: rw\n"
        b"25 22 0:23 / /srv/c/proc rw - proc proc rw\n"
        b"garbage\n"
    )
    mounts = parse_mount_table(data, below="/srv/c")
    assert sorted(mounts) == ["/home", "/proc", "/with space"]
    assert mounts["/home"].is_remote and "noatime" in mounts["/home"].options
    assert mounts["/with space"].is_remote
    assert mounts["/proc"].is_pseudo


def test_the_variables_of_conda_are_picked_from_an_environment():
    data = b"PATH=/bin\0CONDA_PREFIX=/opt/conda/envs/x\0MAMBA_ROOT_PREFIX=/m\0SECRET=s\0XCONDA_PREFIX=no\0"
    assert parse_environment(data) == {"CONDA_PREFIX": "/opt/conda/envs/x", "MAMBA_ROOT_PREFIX": "/m"}


def test_this_very_process_is_seen():
    root = Root("/")
    if not os.path.exists("/proc/self/ns/mnt"):
        pytest.skip("no /proc here")
    mine = [process for process in list_processes(root) if process.pid == os.getpid()]
    assert mine and mine[0].uid == os.geteuid() and os.path.samefile(mine[0].program, "/proc/self/exe")


def test_the_files_of_a_tree_are_told_from_its_top_on_and_links_are_files(tmp_path):
    (tmp_path / "lib" / "python").mkdir(parents=True)
    (tmp_path / "lib" / "python" / "x.py.c~").write_text("")
    (tmp_path / "lib" / "lib64").symlink_to("python")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "y").write_text("")
    found = tree_files(str(tmp_path), ["lib", "not-there"])
    assert found == {"lib/python", "lib/lib64", "lib/python/x.py.c~"}


@pytest.mark.parametrize(("kind", "keeps"), [("ext4", True), ("overlay", False), ("nfs4", False)])
def test_only_known_file_systems_are_taken_to_keep_inode_numbers(tmp_path, monkeypatch, kind, keeps):
    mount = parse_mount_table(b"30 1 8:1 / / rw - %s /dev/x rw" % kind.encode())
    monkeypatch.setattr(_walk, "parse_mount_table", lambda data: mount)
    assert _walk.keeps_inodes(str(tmp_path)) == keeps


def test_a_tree_is_not_removed_beyond_what_is_mounted_in_it(tmp_path, monkeypatch):
    (tmp_path / "old" / "mounted").mkdir(parents=True)
    (tmp_path / "old" / "mounted" / "precious").write_text("data of a server")
    really = os.fstat

    def fstat(descriptor):
        status = really(descriptor)
        if not os.readlink("/proc/self/fd/%d" % descriptor).endswith("/mounted"):
            return status
        return os.stat_result([*status[:2], status.st_dev + 1, *status[3:]])

    monkeypatch.setattr(os, "fstat", fstat)
    folder = os.open(str(tmp_path), os.O_RDONLY)
    try:
        with pytest.raises(OSError, match="something else is mounted there"):
            remove_tree(folder, "old")
    finally:
        os.close(folder)
    assert (tmp_path / "old" / "mounted" / "precious").exists()
