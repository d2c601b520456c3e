# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Masking, permissions, users, mounts and process environments."""

from __future__ import annotations

import json
import os
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.labfleet.conda.plugins.module_utils._system._access import (
    Writers,
    parse_access_control,
    writers,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._mounts import parse_mount_table
from ansible_collections.labfleet.conda.plugins.module_utils._system._processes import list_processes, parse_environment
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import MASK, clean, mask_text
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root
from ansible_collections.labfleet.conda.plugins.module_utils._system._users import (
    Group,
    Identities,
    User,
    parse_group,
    parse_passwd,
)


@pytest.mark.parametrize(
    "text, masked",
    [
        ("https://conda.anaconda.org/t/ab-1234-secret/private", "https://conda.anaconda.org/t/%s/private" % MASK),
        ("https://host/t/tk-123", "https://host/t/%s" % MASK),
        ("https://alice:pw@host/channel", "https://%s@host/channel" % MASK),
        ("https://alice:p@ss:w@rd@host/channel/noarch", "https://%s@host/channel/noarch" % MASK),
        ("https://token@host/x", "https://%s@host/x" % MASK),
        ("https://host/x?token=abc&y=1", "https://host/x?token=%s&y=1" % MASK),
        ("https://host/x?X-Amz-Signature=abc", "https://host/x?X-Amz-Signature=%s" % MASK),
        ("conda install -c https://u:p@h/c numpy", "conda install -c https://%s@h/c numpy" % MASK),
        ("anaconda --token abc upload", "anaconda --token %s upload" % MASK),
        ("anaconda --api-key=abc upload", "anaconda --api-key=%s upload" % MASK),
        ("['https://host/t/tk-1/c', 'b']", "['https://host/t/%s/c', 'b']" % MASK),
        ("HTTPS://User:Pw@Host/", "HTTPS://%s@Host/" % MASK),
    ],
)
def test_secrets_in_texts_are_masked(text, masked):
    assert mask_text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "https://conda.anaconda.org/conda-forge/linux-64/numpy-2.3.0-py313_0.conda",
        "https://repo.anaconda.com/pkgs/main",
        "/opt/test/bin/python",
        "/home/alice/at/tokens",
        "numpy >=1.5,<2|==1.4",
        "mail@host",
        "defaults::conda-4.3.16-py36_0",
        "/opt/conda/bin/conda create -n x --yes",
    ],
)
def test_what_is_no_secret_stays(text):
    assert mask_text(text) == text


@given(
    st.text(alphabet="abcXYZ019-_.~%!$&'()*+,;=:@", min_size=1, max_size=30).filter(
        lambda text: "'" not in text and text not in MASK
    ),
    st.sampled_from(["https://user:{}@host/ch", "http://{}@host:80/ch/linux-64/x-1-0.conda"]),
)
@settings(deadline=None, derandomize=True, max_examples=300)
def test_no_password_in_a_url_survives(secret, form):
    # A mark on both ends tells the secret apart from the rest of the URL.
    secret = "Q7" + secret + "Z9"
    assert secret not in mask_text(form.format(secret))


@given(st.text(alphabet="abc019-", min_size=1, max_size=40))
@settings(deadline=None, derandomize=True, max_examples=200)
def test_no_token_in_a_url_survives(secret):
    secret = "tk" + secret
    for form in ("https://host/t/{}/channel", "https://host/t/{}", "x https://host:8080/a/t/{}/c/noarch"):
        assert secret not in mask_text(form.format(secret))


def test_a_value_is_masked_all_through_and_is_json_whatever_bytes_it_holds():
    value = {
        "url": "https://u:p@h/",
        "db_password": "x",
        "list": [("https://h/t/tk-1/c",), 1, None, True],
        "odd": os.fsdecode(b"/home/\xff\xfe"),
    }
    cleaned = clean(value)
    assert cleaned["db_password"] == MASK
    assert cleaned["list"] == [["https://h/t/%s/c" % MASK], 1, None, True]
    assert cleaned["odd"] == "/home/\\xff\\xfe"
    assert "p@h" not in json.dumps(cleaned)
    json.dumps(cleaned, ensure_ascii=False).encode("utf-8")


@given(st.text(max_size=2000))
@settings(deadline=None, derandomize=True, max_examples=200)
def test_masking_never_fails_and_is_stable(text):
    once = mask_text(text)
    assert mask_text(once) == once


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
