# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules on shared package caches and on the settings of links."""

from __future__ import annotations

import os
import struct
import types

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._audit import _rules_caches
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rules_caches import RULES
from ansible_collections.labfleet.conda.plugins.module_utils._system._mounts import Mount
from ansible_collections.labfleet.conda.plugins.module_utils._system._root import Root

NO_ID = 0xFFFFFFFF
SHARED = "/srv/conda/pkgs"


def rules(*names):
    return [rule for rule in RULES if rule.id in names]


@pytest.fixture
def shared(host):
    """Two users, whose settings both name one cache that only root fills."""
    for name, uid in (("alice", 1000), ("bob", 1001)):
        home = host.user(name, uid)
        host.write(home + "/.condarc", "pkgs_dirs: [%s]\n" % SHARED)
    host.write("/etc/group", "lab:x:2000:alice,bob\n")
    host.environment("/opt/conda", ["conda-26.7.1-py313_0"])
    os.makedirs(host.path(SHARED + "/cache"))
    for path in ("", "/srv", "/srv/conda", SHARED, SHARED + "/cache", "/opt", "/opt/conda"):
        os.chmod(host.path(path), 0o755)
    return SHARED


def test_a_shared_cache_that_only_root_fills_is_sound(host, findings, shared, as_root):
    assert findings(host, RULES) == []


@pytest.mark.parametrize(
    "group, mode, item",
    [(0, 0o777, "everybody"), (2000, 0o2775, "group lab"), (2000, 0o775, "group lab"), (0, 0o2775, None)],
)
def test_several_writers(host, findings, shared, as_root, group, mode, item):
    os.chown(host.path(shared), 0, group)
    os.chmod(host.path(shared), mode)
    found = {found["rule"]: found for found in findings(host, RULES)}
    if item is None:
        assert found == {}
        return
    assert set(found) == {"cache.shared.writable", "cache.shared.contention"}
    writable = found["cache.shared.writable"]
    assert (writable["subject"], writable["severity"]) == (shared, "high")
    assert writable["details"] == {"writers": [item], "users": ["alice", "bob"]}
    assert ("setgid" in writable["evidence"]) == bool(mode & 0o2000)
    assert "2 users" in found["cache.shared.contention"]["evidence"]


def test_the_directory_of_indexes_and_the_one_above_count_too(host, findings, shared, as_root):
    os.chmod(host.path(shared + "/cache"), 0o777)
    assert [item["rule"] for item in findings(host, rules("cache.shared.writable"))] == ["cache.shared.writable"]
    os.chmod(host.path(shared + "/cache"), 0o755)
    os.chmod(host.path("/srv/conda"), 0o777)
    assert [item["rule"] for item in findings(host, rules("cache.shared.writable"))] == ["cache.shared.writable"]


def test_access_control_lists_count(host, findings, shared, as_root):
    entries = [(1, 7, NO_ID), (2, 7, 1001), (4, 5, NO_ID), (16, 7, NO_ID), (32, 5, NO_ID)]
    data = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(host.path(shared), "system.posix_acl_access", data)
    except OSError as error:
        pytest.skip("this file system has no access control lists: %s" % error)
    (found,) = findings(host, rules("cache.shared.writable"))
    assert found["details"]["writers"] == ["user bob"]


def test_a_users_cache_that_another_uses(host, findings, shared, as_root):
    os.chown(host.path(shared), 1000, 1000)
    (found,) = findings(host, RULES)
    assert "its owner, user alice" in found["evidence"]
    assert (found["rule"], found["subject"], found["owner"]) == ("cache.shared.writable", "/home/bob/.condarc", "bob")


def test_nobody_can_have_findings_laid_at_the_door_of_another_by_naming_a_cache(host, findings, as_root):
    host.environment("/opt/conda", ["conda-26.7.1-py313_0"])
    host.write(host.user("mallory", 4711) + "/.condarc", "pkgs_dirs: [/home/alice/.conda/pkgs]\n")
    os.makedirs(host.path(host.user("alice", 1000) + "/.conda/pkgs"))
    for path in ("/home/alice", "/home/alice/.conda", "/home/alice/.conda/pkgs"):
        os.chown(host.path(path), 1000, 1000)
    found = findings(host, RULES, policy={"caches": {"shared": "forbid"}})
    assert {(item["subject"], item["owner"]) for item in found} == {("/home/mallory/.condarc", "mallory")}


def test_what_the_policy_says_of_shared_caches(host, findings, shared, as_root):
    asked = rules("cache.shared.writable", "cache.shared.forbidden")
    (found,) = findings(host, asked, policy={"caches": {"shared": "forbid"}})
    assert (found["rule"], found["subject"]) == ("cache.shared.forbidden", shared)
    os.chmod(host.path(shared), 0o777)
    assert findings(host, asked, policy={"caches": {"shared": "allow"}}) == []


def test_the_settings_of_everybody_are_those_of_several(host, findings, as_root):
    host.environment("/opt/conda", ["conda-26.7.1-py313_0"])
    os.makedirs(host.path("/opt/conda/pkgs"))
    os.chmod(host.path("/opt/conda/pkgs"), 0o777)
    host.user("alice", 1000)
    assert findings(host, rules("cache.shared.contention")) == [], "one person alone cannot be in the way"
    host.user("bob", 1001)
    (found,) = findings(host, rules("cache.shared.contention"))
    assert found["details"]["users"] == ["alice", "bob"]


def test_an_installation_in_a_home_is_for_one_user(host, findings, as_root):
    host.user("alice", 1000)
    host.user("bob", 1001)
    prefix = host.environment("/home/alice/miniforge3", ["conda-26.7.1-py313_0"])
    os.makedirs(host.path(prefix + "/pkgs"))
    for name in ("", "/pkgs"):
        os.chown(host.path(prefix + name), 1000, 1000)
    assert findings(host, RULES) == []


def test_network_file_systems(host, run_audit, shared, monkeypatch):
    mount = Mount("/srv", "nfs4", frozenset())
    monkeypatch.setattr(Root, "mount_of", lambda self, path: mount if path.startswith("/srv") else None)
    found = run_audit(host, rules("cache.shared.contention")).judgement.findings
    assert [(item["item"], item["severity"]) for item in found] == [("network file system", "medium")]


@pytest.mark.parametrize(
    "text, rule, severity",
    [
        ("allow_softlinks: true", "link.softlink", "high"),
        ("softlink: yes", "link.softlink", "high"),
        ("always_copy: true", "link.copy", "info"),
        ("allow_softlinks: false\nalways_copy: no", None, None),
    ],
)
def test_settings_of_links(host, findings, text, rule, severity):
    host.environment("/opt/conda", ["conda-26.7.1-py313_0"])
    host.write("/etc/conda/condarc", text + "\n")
    found = findings(host, rules("link.softlink", "link.copy"))
    assert [(item["rule"], item["severity"], item["subject"]) for item in found] == (
        [(rule, severity, "/etc/conda/condarc")] if rule else []
    )


def test_two_file_systems():
    """With the directories of two real file systems: those of /dev and of /dev/shm, where this machine has them."""
    if not os.path.isdir("/dev/shm") or os.stat("/dev/shm").st_dev == os.stat("/dev").st_dev:
        pytest.skip("this machine has no second file system in /dev")
    here, there = "/", "/shm"
    audit = types.SimpleNamespace(root=Root("/dev"), memo=lambda _key, make: make())

    def check(caches, directories):
        configuration = types.SimpleNamespace(package_caches=caches, environment_directories=directories, settings={})
        return list(_rules_caches._crosses(configuration, audit))

    assert check([here], [here]) == []
    assert check([here, there], [here, there]) == []
    assert check([here], ["/nonexistent"]) == []
    (problem,) = check([here], [here, there])
    assert (problem.subject, problem.item) == (here, there)
