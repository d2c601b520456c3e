# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who else than its owner could change a prefix, at any depth."""

from __future__ import annotations

import os

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change._writers import strangers, writers_inside
from ansible_collections.labfleet.conda.plugins.module_utils._system._access import Writers
from ansible_collections.labfleet.conda.plugins.module_utils._system._users import Group, Identities, User

DEEP = "lib/python3.6/site-packages/numpy/core/tests"


def user(name, uid, gid):
    return User(name, uid, gid, "/home/" + name)


IDENTITIES = Identities(
    [user("root", 0, 0), user("alice", 1000, 1000), user("bob", 1001, 1001)],
    [
        Group("alice", 1000, frozenset()),
        Group("bob", 1001, frozenset(["alice"])),
        Group("lab", 2000, frozenset(["alice", "bob"])),
    ],
)


@pytest.fixture
def prefix(tmp_path):
    for name in (DEEP, "conda-meta", "envs/open", "pkgs/open", ".labfleet-conda/open"):
        os.makedirs(str(tmp_path / name))
    for place, folders, _files in os.walk(str(tmp_path)):
        for name in folders:
            os.chmod(os.path.join(place, name), 0o755)
    os.chmod(str(tmp_path), 0o755)
    return str(tmp_path)


def who(prefix, owner="root", **options):
    return strangers(writers_inside(prefix, IDENTITIES), owner, IDENTITIES, **options)


def test_a_prefix_that_only_its_owner_can_write_to(prefix, as_root):
    assert who(prefix) == []


@pytest.mark.parametrize("path", ["", "lib", DEEP])
def test_a_directory_that_others_can_write_to_counts_at_any_depth(prefix, as_root, path):
    os.chmod(os.path.join(prefix, path), 0o777)
    assert who(prefix) == ["everybody"]
    os.chmod(os.path.join(prefix, path), 0o775)
    os.chown(os.path.join(prefix, path), 1001, 2000)
    assert who(prefix) == ["bob", "group lab"]
    assert who(prefix, trusted=["bob", "lab"]) == []


@pytest.mark.parametrize("path", ["envs/open", "pkgs/open", ".labfleet-conda/open"])
def test_environments_and_the_cache_are_judged_for_themselves(prefix, as_root, path):
    os.chmod(os.path.join(prefix, path), 0o777)
    assert who(prefix) == []


def test_what_a_link_leads_to_is_not_looked_at(prefix, as_root, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    elsewhere.chmod(0o777)
    os.symlink(str(elsewhere), prefix + "/lib/link")
    assert who(prefix) == []


@pytest.mark.parametrize(
    ("groups", "owner", "expected"),
    [
        (["alice"], "alice", []),  # the group that a distribution has made for her
        (["bob"], "bob", ["group bob"]),  # alice is in it
        (["lab"], "alice", ["group lab"]),
        (["alice"], "bob", ["group alice"]),
    ],
)
def test_a_group_of_the_owner_alone_is_no_stranger(groups, owner, expected):
    found = Writers(frozenset([owner]), frozenset(groups), False)
    assert strangers(found, owner, IDENTITIES) == expected
