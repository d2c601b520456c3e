# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole way of an operator over ssh: detect, audit, forecast, update, audit, rollback, and the ledger of it all.

On one host an operator becomes root by sudo, on the other one the owner of the prefix logs in and becomes nobody. Both
hosts are in the same runs, and are left as they were found.
"""

from __future__ import annotations

import json
import typing as t

import pytest
from integration.ansible_run import Ansible, Run
from integration.site import Site, as_found

CANARY = Site("conda4313", "ops", True, "/opt/miniconda3", "/var/log/labfleet-test-way")
OWNER = Site("shared", "bob", False, "/home/bob/miniconda3", "/home/bob/labfleet-test-way")
SITES = (CANARY, OWNER)
# What the site asks for. That every conda of the lab has known vulnerabilities is accepted, in the way that is for it.
WAIVER = {"rule": "tool.conda.vulnerable", "subject": "*", "reason": "The lab has none newer.", "owner": "lab"}
VERSIONS = {"minimum": {"conda": "4.3.16"}, "newest": {"conda": "4.3.16"}}
POLICY = {"versions": VERSIONS, "waivers": [{**WAIVER, "expires": "2199-12-31"}]}
VERBS = ("detect", "audit", "update", "rollback", "ledger")


class Fleet:
    """Runs the playbooks on both hosts, and on some that need no change or cannot be reached."""

    def __init__(self, ansible: Ansible, lab: dict[str, t.Any]) -> None:
        self._ansible, self._lab = ansible, lab
        self._folder = ansible.scratch

    def run(self, playbook: str, *others: str, **variables: t.Any) -> tuple[Run, t.Any]:
        """The run, and the document that it wrote."""
        names = [site.host for site in SITES] + list(others)
        inventory = json.loads(json.dumps(self._lab))
        gone = {"ansible_host": "192.0.2.1", "ansible_ssh_common_args": "-o ConnectTimeout=1", "ansible_timeout": 2}
        listed = {**inventory["lab"]["hosts"], "gone": gone}
        inventory["lab"]["hosts"] = {name: listed[name] for name in names}
        for site in SITES:
            inventory["lab"]["hosts"][site.host].update(self._variables(site))
        inventory["lab"]["vars"]["conda_policy_base"] = POLICY
        path, dest = self._folder / "inventory.json", self._folder / (playbook + ".json")
        path.write_text(json.dumps(inventory))
        dest.unlink(missing_ok=True)
        folder = playbook in ("audit", "ledger")
        given = {f"{playbook}_dest": str(self._folder / playbook if folder else dest), **variables}
        run = self._ansible.playbook(playbook, path, "-e", json.dumps(given), "--limit", "all", document=False)
        written = {"audit": self._folder / "audit/audit.json", "ledger": self._folder / "ledger/heads.json"}
        document = written.get(playbook, dest)
        return run, json.loads(document.read_text()) if document.exists() else None

    @staticmethod
    def _variables(site: Site) -> dict[str, t.Any]:
        variables: dict[str, t.Any] = {f"{verb}_become": site.become for verb in VERBS}
        variables.update(ansible_user=site.login, update_prefixes=[site.prefix], rollback_prefix=site.prefix)
        variables.update(update_ledger=site.ledger, rollback_ledger=site.ledger, ledger_path=site.ledger)
        return variables


@pytest.fixture
def fleet(ansible, lab_inventory):
    """The hosts, which are as before at the end."""
    with as_found(*SITES):
        yield Fleet(ansible, json.loads(lab_inventory.read_text()))


def tool_findings(report: dict[str, t.Any], site: Site) -> set[str]:
    """The rules on the tools and their base prefix that count against the prefix."""
    found = report["hosts"][site.host]["findings"]
    mine = [item for item in found if item["subject"] == site.prefix and not item.get("waiver")]
    return {item["rule"] for item in mine if item["rule"].startswith(("tool.", "env.missing", "env.inconsistent"))}


def test_the_whole_way_as_root_and_as_the_owner(fleet):
    before = {site: site.state() for site in SITES}
    run, document = fleet.run("detect")
    assert run.code == 0, run.output
    for site in SITES:
        found = {item["prefix"]: item for item in document["hosts"][site.host]["installations"]}
        owner = "root" if site.become else site.login
        assert (found[site.prefix]["version"], found[site.prefix]["owner"]) == ("4.3.13", owner)

    run, report = fleet.run("audit", audit_families=["tool", "environment"])
    assert run.code == 0, run.output
    for site in SITES:
        assert tool_findings(report, site) >= {"tool.below_minimum"}, report

    run, report = fleet.run("update", "conda4316", "noconda", "gone", update_forecast=True, update_window="00:00-00:01")
    status = {name: host["status"] for name, host in report["hosts"].items()}
    expected = {"conda4316": "unchanged", "noconda": "unchanged", "gone": "unreachable"}
    assert status == {CANARY.host: "planned", OWNER.host: "planned", **expected}, run.output
    assert run.code != 0 and "2 will change, 2 stay as they are, 1 cannot" in run.output
    assert {site: site.state() for site in SITES} == before
    assert not any(".labfleet-conda" in site.listing("") for site in SITES)

    run, report = fleet.run("update", update_batches=[1, "100%"], update_run_id="job 7")
    assert run.code == 0, run.output
    first, second = run.output.split("PLAY [Update the hosts, batch by batch]")[1:]
    assert OWNER.host not in first.partition("PLAY RECAP")[0] and CANARY.host not in second.partition("PLAY [")[0]
    snapshots = {}
    for site in SITES:
        (entry,) = report["hosts"][site.host]["prefixes"]
        assert entry["versions"] == "conda 4.3.13 -> 4.3.16" and site.version() == "4.3.16"
        snapshots[site] = entry["snapshot"]["id"]
    again, report = fleet.run("update")
    assert again.code == 0 and {host["status"] for host in report["hosts"].values()} == {"unchanged"}

    run, report = fleet.run("audit", audit_families=["tool", "environment"])
    assert [tool_findings(report, site) for site in SITES] == [set(), set()], report

    run, _report = fleet.run("rollback", rollback_run_id="job 8")
    assert run.code == 0 and "conda 4.3.16 -> 4.3.13" in run.output, run.output
    assert {site: site.state() for site in SITES} == before
    assert [site.version() for site in SITES] == ["4.3.13", "4.3.13"]

    run, heads = fleet.run("ledger")
    assert run.code == 0, run.output
    for site in SITES:
        lines = [json.loads(line) for line in site.sh(f"cat {site.ledger}").splitlines()]
        told = [(line["action"], line["outcome"], line["snapshot"], line["who"]["run"]) for line in lines]
        taken = snapshots[site]
        assert told == [("update", "committed", taken, "job 7"), ("restore", "committed", taken, "job 8")]
        assert lines[1]["after"] == {"conda": "4.3.13"}
        assert lines[0]["who"]["user"] == ("root" if site.become else site.login)
        assert heads["hosts"][site.host]["sequence"] == 2
    OWNER.sh(f"sed -i '1s/committed/refused/' {OWNER.ledger}")
    run, _heads = fleet.run("ledger")
    assert run.code == 2 and run.recap(OWNER.host)["failed"] == 1 and run.recap(CANARY.host)["failed"] == 0
    said = "record 1 was edited: its hash is another than the one it bears. (ledger.jsonl, line 1)"
    assert said in " ".join(run.output.split()), run.output
