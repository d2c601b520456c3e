# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role entrypoint: on a host, in a tree and in a build context, forecast, made, repeated and undone."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from lab import entrypoint, hosts
from lab.entrypoint import fields
from lab.fixtures import sh, small
from lab.variants import some

SETTINGS = "etc/labfleet-conda/entrypoint.conf"
SCRIPTS = tuple(f"usr/local/bin/{part.name}" for part in entrypoint.PARTS)


class Role:
    """Runs the role on this machine."""

    def __init__(self, ansible, tmp_path):
        self.ansible = ansible
        self.top = tmp_path / "tree"
        self.top.mkdir(mode=0o755)

    def run(self, *options, tasks_from="main", hosts="localhost", inventory="localhost,", **variables):
        """One run: the exit code, the number of changed tasks and the output."""
        given = {"entrypoint_target": "context", "entrypoint_root": str(self.top), **variables}
        if hosts == "localhost":
            given.update(ansible_connection="local", ansible_python_interpreter=sys.executable)
        return self.ansible.role(
            "entrypoint", inventory, *options, tasks_from=tasks_from, hosts=hosts, variables=given
        ).of_one

    def files(self):
        return sorted(str(path.relative_to(self.top)) for path in self.top.rglob("*") if not path.is_dir())

    def settings(self):
        lines = (self.top / SETTINGS).read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.fixture
def role(ansible, tmp_path):
    return Role(ansible, tmp_path)


def test_the_ladder_in_a_build_context(role):
    code, changed, said = role.run("--check", "--diff")
    assert (code, role.files()) == (0, []) and changed > 0 and "LABFLEET_CONDA_FLOOR" in said, said
    code, changed, said = role.run()
    assert (code, role.files()) == (0, sorted([SETTINGS, *SCRIPTS])) and changed > 0, said
    assert role.run()[:2] == (0, 0) and role.run("--check")[:2] == (0, 0)
    modes = {path: (role.top / path).stat().st_mode & 0o777 for path in role.files()}
    assert modes == {path: 0o755 if path.endswith("entrypoint.sh") else 0o644 for path in modes}
    assert role.run("--check", entrypoint_floor="26.9.4")[1] == 1
    assert role.run("--check", tasks_from="undo")[1] == 2 and len(role.files()) == 4
    assert role.run(tasks_from="undo")[:2] == (0, 2) and role.files() == []
    assert not (role.top / "etc" / "labfleet-conda").exists() and (role.top / "usr/local/bin").is_dir()
    assert role.run(tasks_from="undo")[:2] == (0, 0)


@pytest.mark.long
def test_undo_leaves_what_is_not_ours(role):
    role.run()
    for name in ("etc/labfleet-conda/other.conf", "usr/local/bin/other"):
        (role.top / name).write_text("mine")
    assert role.run(tasks_from="undo")[:2] == (0, 2)
    assert role.files() == ["etc/labfleet-conda/other.conf", "usr/local/bin/other"]


@pytest.mark.long
def test_the_settings_come_from_variables_and_the_policy(role, small):
    policy = {
        "base": {"versions": {"minimum": {"conda": "26.5.2", "mamba": "2.8.0"}}, "solver": {"wanted": "libmamba"}}
    }
    user = {"versions": {"minimum": {"conda": "26.7.0"}}}
    given = {"entrypoint_mamba_floor": "policy", "entrypoint_strict": True, "entrypoint_ledger": "/var/log/l.jsonl"}
    assert role.run(conda_policy_base=policy["base"], conda_policy_user=user, **given)[0] == 0
    found = role.settings()
    assert found["LABFLEET_CONDA_FLOOR"] == "26.7.0" and found["LABFLEET_CONDA_MAMBA_FLOOR"] == "2.8.0"
    assert found["LABFLEET_CONDA_SOLVER"] == "libmamba" and found["LABFLEET_CONDA_STRICT"] == "yes"
    text = entrypoint.SCRIPT.read_text()
    assert set(found) == {"LABFLEET_CONDA_" + name for name in re.findall(r"^    choose ([A-Z_]+)", text, re.MULTILINE)}
    role.run(entrypoint_floor="none", entrypoint_prefix=str(small), entrypoint_log="none")
    assert role.settings()["LABFLEET_CONDA_FLOOR"] == "" and role.settings()["LABFLEET_CONDA_SOLVER"] == "any"


def test_what_the_role_writes_is_what_the_script_reads(role, sh, small):
    role.run(entrypoint_prefix=str(small), entrypoint_floor="26.1")
    if os.geteuid() != 0:
        pytest.skip("the script reads a file of root's only")
    done = sh.run("true", config=role.top / SETTINGS)
    line = fields(done.stderr.strip())
    assert (line["level"], line["prefix"], line["floor"]) == ("info", str(small), "26.1")


@pytest.mark.parametrize("variables", some([
    {"entrypoint_root": "/"}, {"entrypoint_directory": "/usr/../../bin"}, {"entrypoint_target": "host"},
    {"entrypoint_root": "tree"}, {"entrypoint_root": "/nosuch/tree"}, {"entrypoint_strict": "perhaps"},
    {"entrypoint_target": "image"},
], 2))  # fmt: skip
def test_what_cannot_be_meant_is_refused(role, variables):
    code, changed, _said = role.run(**variables)
    assert code == 2 and changed == 0 and role.files() == []


def test_no_link_leads_out_of_a_tree(role, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (role.top / "etc").symlink_to(outside)
    for options in ({}, {"tasks_from": "undo"}):
        code, _changed, said = role.run(**options)
        assert code == 2 and "may be a link" in said
    assert list(outside.iterdir()) == []


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to root")
def test_in_a_tree_the_files_belong_to_root(role):
    os.chown(role.top, 65534, 65534)
    assert role.run(entrypoint_target="chroot")[0] == 0
    assert {(role.top / path).stat().st_uid for path in role.files()} == {0}


def test_on_a_host_the_entrypoint_works_and_goes(role, lab_inventory):
    host = {"hosts": "noconda", "inventory": lab_inventory, "entrypoint_target": "host", "entrypoint_root": "/"}
    command = hosts.ssh_args("noconda")
    try:
        code, changed, said = role.run(**host)
        assert code == 0 and changed > 0, said
        assert role.run(**host)[:2] == (0, 0)
        ran = [*command, "/usr/local/bin/labfleet-conda-entrypoint.sh echo started"]
        done = subprocess.run(ran, capture_output=True, text=True, check=True)
        assert done.stdout == "started\n" and "There is no conda at /opt/conda" in done.stderr
    finally:
        assert role.run(tasks_from="undo", **host)[0] == 0
    left = subprocess.run(
        [*command, "ls /usr/local/bin /etc/labfleet-conda"], capture_output=True, text=True, check=False
    )
    assert "labfleet" not in left.stdout


__all__ = ("sh", "small")
