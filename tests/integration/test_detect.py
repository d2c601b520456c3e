# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook detect on real hosts, compared with what the real conda of each host says of itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from gates import toolbox
from integration.ansible_run import Ansible
from lab import hosts

CONDA_HOSTS = ["conda427", "conda4313", "conda4316", "condapython", "shared"]


def environment(run, host, prefix):
    return next(item for item in run.document["hosts"][host]["environments"] if item["prefix"] == prefix)


def listed(host, prefix, user="root"):
    """(name, version, build) of the conda packages, and the names of pip's, as the real conda lists them."""
    conda, pip = set(), set()
    for item in hosts.conda_json(host, "list", "-p", prefix, user=user):
        if isinstance(item, str):  # conda 4.2: NAME-VERSION-BUILD, pip's with <pip> as build
            name, version, build = item.rsplit("-", 2)
            item = {"name": name, "version": version, "build_string": build}
        if item["build_string"] == "<pip>" or item.get("channel") == "pypi":
            pip.add(item["name"].lower())
        else:
            conda.add((item["name"], item["version"], item["build_string"]))
    return conda, pip


def test_the_run_succeeds_changes_nothing_and_prints_a_table(lab_run):
    assert lab_run.code == 0, lab_run.output
    for host in [*CONDA_HOSTS, "noconda"]:
        assert lab_run.recap(host)["failed"] == lab_run.recap(host)["unreachable"] == 0
        assert host == "conda427" or lab_run.recap(host)["changed"] == 0  # the document counts for the first host
    lines = lab_run.output.splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("HOST "))
    table = "\n".join(lines[head:])
    assert "4.2.7" in table and "4.3.13" in table and "none found" in table


@pytest.mark.parametrize("host", CONDA_HOSTS)
def test_installations_are_those_the_real_conda_reports(lab_run, host):
    real = hosts.conda_json(host, "info")
    found = lab_run.document["hosts"][host]
    assert found["status"] == "ok"
    mine = next(item for item in found["installations"] if item["prefix"] == real["root_prefix"])
    assert mine["version"] == real["conda_version"]
    assert mine["versions"]["python"] == real["python_version"].rsplit(".final", 1)[0]
    assert mine["kind"] == "conda" and mine["owner"] == "root" and mine["writers"]["everybody"] is False
    shared = next(
        item for item in found["configurations"] if item["installation"] == mine["prefix"] and not item["user"]
    )
    assert shared["package_caches"][0] == real["pkgs_dirs"][0]
    assert shared["environment_directories"][0] == real["envs_dirs"][0]


@pytest.mark.parametrize("host", CONDA_HOSTS)
def test_environments_and_records_are_those_the_real_conda_lists(lab_run, host):
    real = hosts.conda_json(host, "info")
    for prefix in {real["root_prefix"], *real["envs"]}:
        mine = environment(lab_run, host, prefix)
        conda, pip = listed(host, prefix)
        assert {(item["name"], item["version"], item["build"]) for item in mine["records"]} == conda, prefix
        assert mine["record_count"] == len(conda)
        assert {item["name"].lower() for item in mine["pip_packages"]} == pip, prefix
        assert mine["suspect"] is None and mine["size"]["complete"] and mine["size"]["bytes"] > 100000


@pytest.mark.parametrize(
    "user, base", [("alice", "/opt/conda"), ("bob", "/home/bob/miniconda3"), ("carol", "/opt/conda")]
)
def test_each_users_environments_are_found_without_that_user(lab_run, user, base):
    program = f"{base}/bin/conda"
    real = json.loads(hosts.run_on("shared", program, "env", "list", "--json", user=user).stdout)["envs"]
    found = {item["prefix"]: item for item in lab_run.document["hosts"]["shared"]["environments"]}
    assert set(real) <= set(found)
    for prefix in real:
        if prefix.startswith(("/home/" + user, "/data/projects/" + user)):
            assert (found[prefix]["owner"], found[prefix]["installation"]) == (user, base)


def test_prefix_environments_outside_of_any_envs_directory_are_found(lab_run):
    found = environment(lab_run, "shared", "/data/projects/alice/report")
    assert found["registered_by"] == ["alice"] and found["name"] is None
    assert found["made_by"] == "conda" and "create" in found["last_change"]["command"]


def test_pins_requests_and_pip_packages_of_a_users_environment(lab_run):
    found = environment(lab_run, "shared", "/home/alice/.conda/envs/analysis")
    assert found["pinned"] == ["six 1.10.*"]
    assert [item["name"] for item in found["pip_packages"]] == ["colorama"]
    assert {spec.split()[0].split("=")[0] for spec in found["requested"]} == {"python", "six", "click", "pip"}


def test_revisions_are_those_of_the_real_history(lab_run):
    real = json.loads(
        hosts.run_on(
            "shared", "/home/bob/miniconda3/bin/conda", "list", "-n", "web", "--revisions", "--json", user="bob"
        ).stdout
    )
    found = environment(lab_run, "shared", "/home/bob/miniconda3/envs/web")
    assert found["revisions"] == len(real)
    assert found["last_change"]["time"] == real[-1]["date"]


@pytest.mark.parametrize(
    "user, base", [("alice", "/opt/conda"), ("bob", "/home/bob/miniconda3"), ("carol", "/opt/conda")]
)
def test_settings_are_those_the_real_conda_shows(lab_run, user, base):
    shown = json.loads(hosts.run_on("shared", f"{base}/bin/conda", "config", "--show", "--json", user=user).stdout)
    mine = next(
        item
        for item in lab_run.document["hosts"]["shared"]["configurations"]
        if item["user"] == user and item["installation"] == base
    )
    assert mine["settings"], "the user has files of their own"
    for key, setting in mine["settings"].items():
        real = shown.get(key)
        if key in ("default_channels", "channel_alias"):  # conda shows these as objects of its own
            continue
        value = mine["environment_directories"] if key == "envs_dirs" else setting["value"]
        assert value == real, key
    assert mine["settings"]["auto_update_conda"]["final"] is True
    assert mine["settings"]["auto_update_conda"]["source"] == "/etc/conda/condarc"


def test_a_host_without_conda_has_nothing_and_one_with_only_condas_python_works(lab_run):
    assert lab_run.document["hosts"]["noconda"]["installations"] == []
    assert lab_run.document["hosts"]["condapython"]["installations"][0]["version"] == "4.3.16"


def test_looking_changes_nothing_on_the_host_and_starts_nothing(ansible, lab_inventory):
    """Every file of the places of conda is the same before and after, and no program below a prefix was read."""
    state = "find /opt /home /data /etc/conda /root -xdev -printf '%p %T@ %C@ %s %m %u\\n' | grep -v '/.ansible' | sort"
    started = "find /opt /home -xdev -type f -path '*/bin/*' -printf '%p %A@\\n' | sort"
    before = [hosts.run_on("shared", "sh", "-c", command).stdout for command in (state, started)]
    assert before[0].count("conda-meta") > 100
    run = ansible.playbook("detect", lab_inventory, "--limit", "shared")
    assert run.code == 0, run.output
    after = [hosts.run_on("shared", "sh", "-c", command).stdout for command in (state, started)]
    ours = [line for line in after[0].splitlines() if line.split()[0] != "/root"]
    assert ours == [line for line in before[0].splitlines() if line.split()[0] != "/root"]
    assert after[1] == before[1]


def test_a_second_run_changes_nothing_and_check_mode_writes_nothing(ansible, lab_inventory):
    checked = ansible.playbook("detect", lab_inventory, "--check", "--diff")
    assert checked.code == 0 and checked.document is None, checked.output
    first = ansible.playbook("detect", lab_inventory)
    assert first.recap("conda427")["changed"] == 1
    dest = ansible.scratch / "fleet.json"
    assert dest.stat().st_mode & 0o777 == 0o600
    written = dest.stat().st_mtime_ns
    second = ansible.playbook("detect", lab_inventory)
    assert second.recap("conda427")["changed"] == 0, "the same fleet must give the same document"
    assert dest.stat().st_mtime_ns == written


def test_a_user_without_rights_sees_less_and_is_told_so(ansible, lab_inventory):
    run = ansible.playbook(
        "detect", lab_inventory, "--limit", "shared", "-e", "ansible_user=ops", "-e", "detect_become=false"
    )
    host = run.document["hosts"]["shared"]
    assert run.code == 0 and host["status"] == "ok"
    assert "/opt/conda" in [item["prefix"] for item in host["installations"]]
    denied = [entry["path"] for entry in host["unreadable"] if entry["reason"] == "permission denied"]
    assert "/home/bob" in denied
    assert "/home/bob/miniconda3" not in [item["prefix"] for item in host["installations"]]


def test_as_another_user_with_become_all_is_seen(ansible, lab_inventory):
    run = ansible.playbook("detect", lab_inventory, "--limit", "shared", "-e", "ansible_user=ops")
    assert run.code == 0, run.output
    assert len(run.document["hosts"]["shared"]["installations"]) == 2


def test_hosts_that_cannot_be_reached_are_in_the_table_and_the_run_fails(ansible, lab_inventory, tmp_path):
    inventory = json.loads(lab_inventory.read_text())
    inventory["lab"]["hosts"]["dead1"] = {"ansible_host": "127.0.0.1", "ansible_port": 9}
    inventory["lab"]["hosts"]["dead2"] = {"ansible_host": "127.0.0.1", "ansible_port": 9}
    path = tmp_path / "inventory.json"
    path.write_text(json.dumps(inventory))
    run = ansible.playbook("detect", path, "--limit", "noconda,dead1,dead2")
    assert run.code == 2, run.output
    assert run.document["summary"]["hosts_not_seen"] == ["dead1", "dead2"]
    assert any(line.startswith("dead[1-2]") and "unreachable: " in line for line in run.output.splitlines())
    assert run.recap("noconda")["failed"] == 0 and run.recap("dead1")["failed"] == 1


@pytest.mark.parametrize("core", toolbox.CORES, ids=lambda core: core.series)
def test_every_supported_ansible_core_detects(core, lab_inventory, tmp_path):
    if toolbox.core_python(core) is None:
        pytest.skip(f"ansible-core {core.series} needs Python {' or '.join(core.pythons)}, none is on this machine")
    run = Ansible(tmp_path, toolbox.core_venv(core)).playbook("detect", lab_inventory)
    assert run.code == 0, run.output
    assert run.document["summary"]["installations"] == 6
    assert "[WARNING]" not in run.output and "[DEPRECATION" not in run.output, run.output


def test_a_windows_host_is_refused_in_one_sentence(ansible, tmp_path):
    inventory = tmp_path / "hosts.ini"
    inventory.write_text("win1 ansible_connection=winrm ansible_host=127.0.0.1 ansible_port=9\n")
    run = ansible.playbook("detect", inventory)
    assert run.code == 2
    assert "win1 is a Windows host (connection winrm)" in run.output
    assert "--limit '!win1'" in run.output


def test_this_machine_is_the_default(ansible):
    run = ansible.playbook("detect", Path("inventories/local"), "-e", "detect_become=false")
    assert run.code == 0, run.output
    assert run.document["hosts"]["localhost"]["status"] == "ok"
    assert run.document["hosts"]["localhost"]["root"] == "/"


def test_a_wrong_root_is_one_clear_sentence(ansible):
    run = ansible.playbook(
        "detect", Path("inventories/local"), "-e", "detect_become=false", "-e", "conda_root=/nowhere"
    )
    assert run.code == 2
    assert "The root /nowhere cannot be looked at: no such file or directory. Name an existing directory." in run.output
    assert "Traceback" not in run.output
