# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The nightly audit of many hosts, some of them dead, hanging or broken: it ends, and names all of them."""

from __future__ import annotations

import json
import sys
import time
import typing as t
from pathlib import Path

import pytest
from benchmark.crowd import Crowd, closed_port, crowd, small_root
from integration.ansible_run import Ansible

GIVE_UP = 15


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Crowd]:
    """30 hosts: one refuses connections, one has a Python that never ends, one has a broken Python."""
    folder = tmp_path_factory.mktemp("many")
    with crowd(folder, {"small": small_root(folder / "root")}, 30) as found:
        yield found


def test_an_audit_with_dead_hosts_ends_in_time_and_names_them(many, tmp_path):
    assert set(many.lost.values()) == {"refuses", "hangs", "broken"}
    dest = tmp_path / "report"
    started = time.monotonic()
    run = Ansible(tmp_path).playbook(
        "audit", many.inventory, "-f", "10", "-e", f"audit_dest={dest}", "-e", f"audit_timeout={GIVE_UP}",
        document=False,
    )  # fmt: skip
    seconds = time.monotonic() - started
    assert run.code == 2, run.output
    assert seconds < 180, f"{seconds:.0f} s"  # the hanging host would never end by itself
    report = json.loads((dest / "audit.json").read_text())
    assert set(report["hosts"]) == set(many.hosts)
    assert report["summary"]["hosts_not_seen"] == sorted(many.lost)
    for name, trouble in many.lost.items():
        host = report["hosts"][name]
        assert host["status"] == ("unreachable" if trouble == "refuses" else "failed")
        assert {
            "refuses": "Connection refused",
            "hangs": "Given up: the host did not answer within",
            "broken": "libpython3.so",
        }[trouble] in host["message"]
        assert run.recap(name)["failed"] == 1
    seen = [host for name, host in report["hosts"].items() if name not in many.lost]
    assert all(any(item["rule"] == "tool.conda.vulnerable" for item in host["findings"]) for host in seen)
    # no task but the audit itself runs on a host that has nothing more to tell
    assert run.recap(many.hosts[-1])["ok"] == 1


def test_a_gate_is_told_where_the_first_host_is_dead(tmp_path):
    with closed_port() as port:
        gone = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": port}
        there = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        root = small_root(tmp_path / "root")
        hosts = {"dead": gone, "one": {**there, "conda_root": str(root)}, "two": {**there, "conda_root": str(root)}}
        inventory = tmp_path / "hosts.json"
        inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": {"audit_become": False}}}))
        run = Ansible(tmp_path).playbook("audit", inventory, "-e", "audit_fail_on=high", document=False)
    assert run.code == 2, run.output
    assert [run.recap(name)["failed"] for name in hosts] == [1, 1, 0]
    assert "The gate is not passed: 2 findings on one,two are as severe as the gate forbids" in run.output
    assert "[WARNING]" not in run.output and "DEPRECATION" not in run.output, run.output


def test_a_packed_result_tells_the_same(many, tmp_path):
    common = {"labfleet.conda.conda_audit": {"root": "{{ conda_root }}", "packages": True}}
    packed = {"labfleet.conda.conda_audit": {**common["labfleet.conda.conda_audit"], "packed": True}}
    tasks: list[dict[str, t.Any]] = []
    for name, task in (("plain", common), ("packed", packed)):
        report = {"variable": name, "dest": str(tmp_path / name), "formats": ["json"]}
        tasks += [{**task, "register": name}, {"labfleet.conda.fleet_audit": report}]
    plain = "plain.findings | length > 0 and packed.findings is not defined and packed.packed | length > 100"
    tasks.append({"ansible.builtin.assert": {"that": [plain, "packed.counts == plain.counts"]}})
    book = tmp_path / "book.yml"
    book.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    ansible = Ansible(tmp_path)
    command = [str(ansible.bins / "ansible-playbook"), "-i", str(many.inventory), "--limit", many.hosts[0], str(book)]
    done = ansible.run(command)
    assert done.returncode == 0, done.stdout
    one, other = (read(tmp_path / name / "audit.json") for name in ("plain", "packed"))
    assert one == other


def test_options_come_from_variables_where_the_task_leaves_them_out(many, tmp_path):
    task = {"labfleet.conda.conda_audit": {"variables": "night", "root": "{{ conda_root }}", "integrity": "none"}}
    check = {
        "ansible.builtin.assert": {
            "that": ["found.findings | selectattr('severity', 'ne', 'critical') | length == 0", "found.complete"]
        }
    }
    play = {
        "hosts": "all", "gather_facts": False, "tasks": [{**task, "register": "found"}, check],
        "vars": {"night_minimum_severity": "{{ 'crit' + 'ical' }}", "night_integrity": "no such integrity"},
    }  # fmt: skip
    book = tmp_path / "book.yml"
    book.write_text(json.dumps([play]))
    ansible = Ansible(tmp_path)
    command = [str(ansible.bins / "ansible-playbook"), "-i", str(many.inventory), "--limit", many.hosts[0], str(book)]
    done = ansible.run(command)
    assert done.returncode == 0, done.stdout


def read(path: Path) -> dict[str, t.Any]:
    """A report without what differs from one moment to the next."""
    document = json.loads(path.read_text())
    return {key: value for key, value in document.items() if key not in ("generated",)}
