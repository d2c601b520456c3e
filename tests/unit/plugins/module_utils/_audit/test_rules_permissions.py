# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules on permissions, with real modes, owners and access control lists."""

from __future__ import annotations

import os
import struct

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._audit import _catalogue
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rules_permissions import RULES
from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import Directory

NO_ID = 0xFFFFFFFF


def rules(*names):
    return [rule for rule in RULES if rule.id in names]


def brief(findings):
    return sorted((item["rule"], item["subject"], item["item"], item["severity"]) for item in findings)


def let_user_write(path, uid):
    """What setfacl -m u:UID:rwx does to a directory of mode 0755."""
    entries = [(1, 7, NO_ID), (2, 7, uid), (4, 5, NO_ID), (16, 7, NO_ID), (32, 5, NO_ID)]
    data = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(path, "system.posix_acl_access", data)
    except OSError as error:
        pytest.skip("this file system has no access control lists: %s" % error)


@pytest.fixture
def base(host):
    """A base environment that nobody but its owner can change."""
    for name in ("", "/opt", "/home"):
        os.makedirs(host.path(name), exist_ok=True)
        os.chmod(host.path(name), 0o755)
    host.user("alice", 1000)
    host.user("bob", 1001)
    host.write("/etc/group", "root:x:0:\nstaff:x:50:\nalice:x:1000:\nbob:x:1001:\nlab:x:2000:alice,bob\n")
    prefix = host.environment(
        "/opt/conda",
        ["conda-26.7.1-py313_0", "python-3.13.1-h1_0", "gdal-3.9-0"],
        files={"gdal": ["bin/gdalinfo", "etc/conda/activate.d/gdal-activate.sh"]},
    )
    for name in ("bin/python", "bin/gdalinfo", "lib/python3.13/site-packages/x.py", "pkgs/urls.txt"):
        host.write(prefix + "/" + name, mode=0o644)
    host.write(prefix + "/etc/conda/activate.d/gdal-activate.sh", mode=0o644)
    host.write(prefix + "/etc/profile.d/conda.sh", mode=0o644)
    for top, names, _files in os.walk(host.path(prefix)):
        for name in [top] + [os.path.join(top, item) for item in names]:
            os.chmod(name, 0o755)
    return prefix


def test_a_sound_prefix_has_no_finding(host, findings, base, as_root):
    host.write("/root/.bashrc", 'eval "$(/opt/conda/bin/conda shell.bash hook)"\nexport PATH=/opt/conda/bin:$PATH\n')
    assert findings(host, RULES) == []


def test_what_everybody_can_write_to(host, findings, base):
    os.chmod(host.path(base + "/bin"), 0o777)
    os.chmod(host.path(base + "/pkgs"), 0o1777)
    os.chmod(host.path(base + "/bin/python"), 0o666)
    host.link(base + "/bin/link", "python")
    found = findings(host, rules("perm.world_writable", "perm.world_writable_files"))
    assert brief(found) == [
        ("perm.world_writable", base, "bin", "high"),
        ("perm.world_writable", base, "pkgs", "medium"),
        ("perm.world_writable_files", base, None, "high"),
    ]
    assert found[2]["evidence"].startswith("Everybody can write to 1 files") and "bin/python" in found[2]["evidence"]
    assert found[0]["remedy"].endswith(" chmod o-w -- /opt/conda/bin")
    os.chmod(host.path("/opt"), 0o700)
    closed = findings(host, rules("perm.world_writable", "perm.world_writable_files"))
    assert {item["severity"] for item in closed} == {"low"}


def test_a_directory_above_counts_once_unless_it_is_sticky(host, findings, base):
    host.environment("/opt/envs/a")
    host.environment("/opt/envs/b")
    os.chmod(host.path("/opt"), 0o777)
    found = findings(host, rules("perm.world_writable"), search_paths=("/opt/envs",))
    assert brief(found) == [("perm.world_writable", "/opt", None, "high")]
    os.chmod(host.path("/opt"), 0o1777)
    assert findings(host, rules("perm.world_writable"), search_paths=("/opt/envs",)) == []


def test_groups_that_may_write(host, findings, base, as_root):
    for name in ("", "/conda-meta"):
        os.chown(host.path(base + name), 0, 2000)
        os.chmod(host.path(base + name), 0o2775)
    (found,) = findings(host, rules("perm.group_writable"))
    assert (found["item"], found["details"]["directories"]) == ("group lab", ["the prefix", "conda-meta"])
    assert "setgid" in found["evidence"]
    policy = {"permissions": {"writer_groups": ["lab"]}}
    assert findings(host, rules("perm.group_writable"), policy=policy) == []


def test_a_private_group_is_none(host, findings, base, as_root):
    prefix = host.environment("/home/alice/.conda/envs/own")
    for name in ("", "/conda-meta"):
        os.chown(host.path(prefix + name), 1000, 1000)
        os.chmod(host.path(prefix + name), 0o775)
    assert findings(host, rules("perm.group_writable")) == []
    host.write("/etc/group", "alice:x:1000:bob\n")
    assert [item["item"] for item in findings(host, rules("perm.group_writable"))] == ["group alice"]


def test_an_access_control_list_counts(host, findings, base, as_root):
    let_user_write(host.path(base + "/bin"), 1001)
    found = findings(host, rules("perm.group_writable"))
    assert brief(found) == [("perm.group_writable", base, "user bob", "medium")]


def test_owners(host, findings, base, as_root):
    assert findings(host, rules("perm.owner")) == []
    os.chown(host.path(base + "/bin/python"), 1001, 0)
    os.chown(host.path(base + "/lib/python3.13/site-packages"), 1001, 0)
    (found,) = findings(host, rules("perm.owner"))
    assert (found["item"], found["severity"], found["details"]["count"]) == ("entries of bob", "high", 2)
    assert findings(host, rules("perm.owner"), integrity="none") == []
    os.chown(host.path(base), 1001, 0)
    assert "owner" in [item["item"] for item in findings(host, rules("perm.owner"))]
    policy = {"permissions": {"base_owner": "bob"}}
    assert "owner" not in [item["item"] for item in findings(host, rules("perm.owner"), policy=policy)]


def test_records_of_another_user(host, findings, base, as_root):
    meta = host.path(base + "/conda-meta")
    os.chown(meta + "/gdal-3.9-0.json", 1001, 0)  # read, and asked for its owner then
    os.chown(meta + "/history", 1001, 0)  # not read as a record
    os.rename(meta + "/python-3.13.1-h1_0.json", meta + "/aside")
    os.symlink("aside", meta + "/python-3.13.1-h1_0.json")
    os.lchown(meta + "/python-3.13.1-h1_0.json", 1001, 0)  # a link is its maker's
    (found,) = findings(host, rules("perm.owner"))
    names = ["conda-meta/gdal-3.9-0.json", "conda-meta/history", "conda-meta/python-3.13.1-h1_0.json"]
    assert found["item"] == "entries of bob" and found["details"] == {"count": 3, "entries": names}


def test_directories_of_an_environment_are_listed_once_for_all_rules(host, run_audit, base, monkeypatch):
    listed = []
    original = Directory._list

    def spy(self, *arguments):
        listed.append(self.path)
        return original(self, *arguments)

    monkeypatch.setattr(Directory, "_list", spy)
    run_audit(host, _catalogue.RULES, users=())
    for name in ("bin", "conda-meta", "etc/conda/activate.d"):
        assert listed.count(base + "/" + name) == 1, name


def test_root_is_root_without_a_passwd_file(host, findings, base, as_root):
    os.unlink(host.path("/etc/passwd"))
    assert findings(host, rules("perm.owner")) == []


def test_root_in_a_users_environment(host, findings, base, as_root):
    prefix = host.environment("/home/alice/.conda/envs/own")
    for name in ("", "/conda-meta", "/conda-meta/history"):
        os.chown(host.path(prefix + name), 1000, 1000)
    (found,) = findings(host, rules("perm.owner"))
    assert (found["subject"], found["item"], found["severity"]) == (prefix, "entries of root", "medium")


def test_the_owner_in_a_shared_root(host, findings, base, as_root):
    prefix = host.environment("/data/envs/shared")
    for top, names, files in os.walk(host.path(prefix)):
        for name in [""] + names + files:
            os.chown(os.path.join(top, name), 1000, 1000)
    policy = {"permissions": {"shared_roots": ["/data/envs/"]}}
    for asked, count in ((policy, 1), ({}, 0)):
        found = findings(host, rules("perm.owner"), policy=asked, search_paths=("/data/envs",))
        assert [item["item"] for item in found] == ["owner"] * count


def test_what_root_left_in_a_home(host, findings, base, as_root):
    home = "/home/alice"
    os.makedirs(host.path(home + "/.conda/pkgs"))
    os.makedirs(host.path(home + "/.cache/conda"))
    for name in ("", "/.conda", "/.cache", "/.cache/conda"):
        os.chown(host.path(home + name), 1000, 1000)
    (found,) = findings(host, rules("perm.root_owned_user_dir"))
    assert (found["subject"], found["item"], found["owner"]) == (home, ".conda/pkgs", "alice")
    assert found["remedy"].endswith("sudo -u alice mv -- /home/alice/.conda/pkgs /home/alice/.conda/pkgs.not-mine")
    os.chown(host.path(home + "/.conda/pkgs"), 1000, 1000)
    assert findings(host, rules("perm.root_owned_user_dir")) == []


def test_activation_scripts_that_no_package_has_brought(host, findings, base):
    assert findings(host, rules("perm.activate_d")) == []
    host.write(base + "/etc/conda/activate.d/evil.sh", "true\n")
    host.write(base + "/etc/conda/deactivate.d/evil.sh", "true\n")
    (found,) = findings(host, rules("perm.activate_d"))
    assert found["details"]["scripts"] == ["etc/conda/activate.d/evil.sh", "etc/conda/deactivate.d/evil.sh"]
    assert "gdal" not in found["evidence"]


@pytest.mark.parametrize(
    "path, text, severity",
    [
        ("/root/.bashrc", "export PATH=/home/alice/conda/bin:$PATH\n", "high"),
        ("/root/.bashrc", "export PATH=$PATH:/home/alice/conda/bin\n", "medium"),
        ("/root/.bashrc", ". /home/alice/conda/etc/profile.d/conda.sh\n", "high"),
        ("/etc/environment", 'PATH="/usr/bin:/bin:/home/alice/conda/bin"\n', "medium"),
        ("/etc/environment", 'PATH="/home/alice/conda/bin:/usr/bin:/bin"\n', "high"),
        ("/etc/profile.d/lab.sh", "pathmunge /home/alice/conda/bin\n", "high"),
        ("/etc/sudoers", 'Defaults secure_path="/home/alice/conda/bin:/usr/bin"\n', "high"),
        ("/root/.config/fish/config.fish", "set -gx PATH /home/alice/conda/bin $PATH\n", "high"),
        ("/root/.bashrc", "# export PATH=/home/alice/conda/bin:$PATH\n", None),
        ("/root/.bashrc", "export MANPATH=/home/alice/conda/bin:$MANPATH\n", None),
        ("/home/alice/.bashrc", "export PATH=/home/alice/conda/bin:$PATH\n", None),
        ("/etc/crontab", "0 3 * * * alice /home/alice/conda/bin/conda clean -y\n", None),
        ("/root/.bashrc", "export PATH=/usr/local/bin:$PATH\n", None),
    ],
)
def test_directories_in_roots_path(host, findings, base, as_root, path, text, severity):
    for name in ("bin", "etc/profile.d"):
        os.makedirs(host.path("/home/alice/conda/" + name))
    os.chown(host.path("/home/alice"), 1000, 1000)  # who owns a directory above can exchange what is below
    os.makedirs(host.path("/usr/local/bin"))
    os.chown(host.path("/usr/local/bin"), 0, 50)  # Debian's staff, which has no members
    os.chmod(host.path("/usr/local/bin"), 0o2775)
    host.write(path, text)
    found = findings(host, rules("perm.path"))
    assert {item["severity"] for item in found} == ({severity} if severity else set())
    assert all(item["path"] == path and "user alice" in item["evidence"] for item in found)


def test_hostile_directories(host, run_audit, base):
    """A directory that is a link out of the prefix, a loop, a FIFO among scripts, and names of any bytes."""
    os.rename(host.path(base + "/bin"), host.path(base + "/bin.old"))
    host.link(base + "/bin", "/etc")
    host.link(base + "/condabin", base + "/condabin")
    os.chmod(host.path("/etc"), 0o777)
    os.mkfifo(host.path(base + "/etc/conda/activate.d/fifo"))
    host.write(os.fsdecode(os.fsencode(base) + b"/etc/conda/activate.d/\xff\n.sh"), mode=0o666)
    auditing = run_audit(host, RULES)
    assert not auditing.judgement.unjudged
    found = {item["rule"]: item for item in auditing.judgement.findings}
    assert found["perm.activate_d"]["details"]["count"] == 2
    assert found["perm.world_writable_files"]["details"]["count"] == 1
    assert "perm.world_writable" not in found, "what a link leads to is no part of the prefix"
    assert any(entry["path"] == base + "/condabin" for entry in auditing.look.report.entries)
