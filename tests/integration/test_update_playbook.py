# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks update and update_environments on hosts of the lab where something stands in the way."""

from __future__ import annotations

import json
import typing as t

import pytest
from integration.ansible_run import Ansible
from integration.site import Site, as_found
from lab import hosts

SITE = Site("conda4313", "root", False, "/opt/miniconda3", "/var/log/labfleet-test-update")
HOST, PREFIX = SITE.host, SITE.prefix
POLICY = {"conda_policy_base": {"versions": {"minimum": {"conda": "4.3.16"}}}}


class Result(t.NamedTuple):
    """One run: its exit code, what it printed, and the report."""

    code: int
    output: str
    report: dict[str, t.Any] | None

    def status(self, host: str) -> str:
        return self.report["hosts"][host]["status"]


@pytest.fixture
def play(ansible: Ansible, lab_inventory):
    """Runs a playbook on some hosts of the lab, and one that is not there."""
    inventory = json.loads(lab_inventory.read_text())
    gone = {"ansible_host": "192.0.2.1", "ansible_ssh_common_args": "-o ConnectTimeout=1", "ansible_timeout": 2}
    path = ansible.scratch / "inventory.json"
    (group,) = [name for name, value in inventory.items() if "hosts" in value]
    inventory[group]["hosts"]["gone"] = gone
    path.write_text(json.dumps(inventory))

    def run(playbook: str, limit: str, kind: str = "update", **variables: t.Any) -> Result:
        dest = ansible.scratch / (kind + ".json")
        dest.unlink(missing_ok=True)
        given = {f"{kind}_dest": str(dest), f"{kind}_ledger": SITE.ledger, **variables}
        done = ansible.playbook(playbook, path, "--limit", limit, "-e", json.dumps(given), document=False)
        return Result(done.code, done.output, json.loads(dest.read_text()) if dest.exists() else None)

    return run


@pytest.fixture
def found(lab_hosts):
    """The host, which has to be as it was at the end."""
    with as_found(SITE):
        yield SITE


def test_a_failing_canary_stops_the_run_and_the_rest_is_not_tried(play, found):
    before = found.state()
    done = play(
        "update",
        f"{HOST},conda4316,noconda",
        update_version="4.3.16",
        update_verify_commands=["test -e /nowhere"],
        update_batches=[1, "100%"],
    )
    assert done.code != 0 and found.state() == before and found.version() == "4.3.13"
    order = [name for name in ("conda4313", "conda4316", "noconda") if done.status(name) == "failed"]
    assert order == [HOST]
    assert [done.status(name) for name in ("conda4316", "noconda")] == ["not_tried", "not_tried"]
    assert "1 of 1 hosts failed" in done.report["stopped"] and "The run was stopped" in done.output
    assert "The old state is back." in done.output


def test_a_host_where_programs_run_is_deferred(play, found):
    start = f"nohup {PREFIX}/bin/python -c 'import time; time.sleep(300)' >/dev/null 2>&1 & echo $!"
    process = hosts.run_on(HOST, "sh", "-c", start).stdout.strip()
    try:
        done = play("update", HOST, **POLICY)
        strict = play("update", HOST, update_fail_deferred=True, **POLICY)
    finally:
        hosts.run_on(HOST, "kill", process)
    assert (done.code, done.status(HOST)) == (0, "deferred") and found.version() == "4.3.13"
    assert "Deferred, because the prefix was in use:" in done.output and "python3.6" in done.output
    assert strict.code != 0


def test_outside_of_its_window_the_update_does_not_begin(play, lab_hosts):
    done = play("update", HOST, update_freeze=["2020-01-01..2199-12-31"], **POLICY)
    assert done.code != 0 and done.report is None
    assert "Changes are frozen from 2020-01-01 to 2199-12-31" in done.output
    assert "Find what is installed" not in done.output


def test_a_package_is_lifted_in_every_environment_but_those_that_pin_it(play, found):
    for name in ("lift", "lift_pinned"):
        made = hosts.run_on(HOST, PREFIX + "/bin/conda", "create", "-y", "-q", "-n", name, "python=3.6", "six=1.10")
        assert made.returncode == 0, made.stderr
    hosts.run_on(HOST, "sh", "-c", f"echo 'six 1.10.*' > {PREFIX}/envs/lift_pinned/conda-meta/pinned")
    chosen = [PREFIX + "/envs/lift", PREFIX + "/envs/lift_pinned"]
    done = play("update_environments", HOST, kind="lift", lift_spec="six<1.11", lift_prefixes=chosen)
    entries = {entry["prefix"]: entry for entry in done.report["hosts"][HOST]["prefixes"]}
    assert entries[chosen[0]]["versions"] == "six 1.10.0 -> 1.11.0", done.output
    assert entries[chosen[1]]["outcome"] == "held" and "pinned" in entries[chosen[1]]["message"]
    assert done.code == 0
    assert any(name.startswith("six-1.11") for name in found.listing("envs/lift/conda-meta"))
    assert any(name.startswith("six-1.10") for name in found.listing("envs/lift_pinned/conda-meta"))


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("window=22:00-05:00 now=2026-11-26T23:00:00+00:00 fail=true", 0, '"open": true'),
        ("window=22:00-05:00 now=2026-11-26T12:00:00+00:00", 0, '"open": false'),
        ("window=22:00-05:00 now=2026-11-26T12:00:00Z fail=true", 2, "opens next on thu 2026-11-26 22:00 (UTC)"),
        ("freeze=2026-11-26 timezone=Europe/Berlin now=2026-11-25T23:30:00Z fail=true", 2, "Changes are frozen"),
        ("now=2026-11-26T12:00:00", 2, "is no time with a zone"),
        ("window=night", 2, "is no window"),
    ],
)
def test_the_gate_judges_a_given_time(ansible: Ansible, arguments, code, said):
    command = [str(ansible.bins / "ansible"), "localhost", "-m", "labfleet.conda.fleet_gate", "-a", arguments]
    done = ansible.run(command)
    assert done.returncode == code and said in done.stdout, done.stdout
