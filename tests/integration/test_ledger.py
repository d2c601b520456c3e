# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ledger on real hosts over ssh: written, verified, tampered with in every way, and found."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import tarfile

import pytest
from gates import toolbox
from lab import hosts

NAMES = ("conda4316", "noconda", "condapython")
# Appends changes as the room itself does; the paths come from the command line: ledger, number.
APPEND = """\
import datetime, sys
sys.path.insert(0, sys.argv[1])
from ansible_collections.labfleet.conda.plugins.module_utils._ledger import _append, _place
for number in range(int(sys.argv[3])):
    _append.append(
        _place.place_at(sys.argv[2]),
        {
            "action": "update", "outcome": "committed", "prefix": "/opt/conda", "before": {"conda": "4.3.16"},
            "after": {"conda": "4.3.17"}, "message": "from https://conda.example.org/t/tk-secret/x",
            "packages": [{"name": "conda", "from": {"version": "4.3.16"}, "to": {"version": "4.3.17"}}],
        },
        now=datetime.datetime.now(datetime.timezone.utc),
        rotation=_append.Rotation(max_bytes=4000),
    )
"""


class Fleet:
    """Some hosts of the lab with a ledger of their own for this test, and the directory on the control node."""

    def __init__(self, ansible, inventory, folder):
        self.ansible, self.inventory = ansible, inventory
        self.directory = f"/var/log/labfleet-test-{os.getpid()}"
        self.path = self.directory + "/ledger.jsonl"
        self.dest = folder / "fleet"
        self.source = folder / "inventory.json"
        listed = json.loads(inventory.read_text())
        listed["lab"]["hosts"] = {name: listed["lab"]["hosts"][name] for name in NAMES}
        self.source.write_text(json.dumps(listed))

    def ship(self):
        """Put the code of the room onto the hosts, beside the ledger."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for room in ("_ledger", "_system"):
                place = f"plugins/module_utils/{room}"
                for name in sorted(os.listdir(toolbox.CHECKOUT / place)):
                    if name.endswith(".py"):
                        inside = f"ansible_collections/labfleet/conda/{place}/{name}"
                        archive.add(toolbox.CHECKOUT / place / name, inside)
        for name in NAMES:
            command = (
                f"mkdir -p -m 750 {self.directory} && mkdir {self.directory}/code && tar -xf - -C {self.directory}/code"
            )
            subprocess.run([*hosts.ssh_args(name), command], input=buffer.getvalue(), check=True)

    def remove(self):
        for name in NAMES:
            hosts.run_on(name, "rm", "-rf", self.directory)

    def append(self, name, count=1, path=None):
        python = hosts.host_named(name).python
        done = hosts.run_on(name, python, "-c", APPEND, self.directory + "/code", path or self.path, str(count))
        assert done.returncode == 0, done.stderr

    def sh(self, name, script):
        done = hosts.run_on(name, "sh", "-ec", f"cd {self.directory}; {script}")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(self, *arguments):
        options = ["-e", json.dumps({"ledger_dest": str(self.dest), "ledger_path": self.path})]
        return self.ansible.playbook("ledger", self.source, *options, *arguments, document=False)

    def heads(self):
        return json.loads((self.dest / "heads.json").read_text())["hosts"]

    def history(self):
        return [json.loads(line) for line in (self.dest / "history.jsonl").read_text().splitlines()]

    def module(self, name, *, check=False, **options):
        """What conda_ledger returns on one host, and whether the run succeeded."""
        given = json.dumps({"path": self.path, **options})
        command = [
            str(self.ansible.bins / "ansible"),
            name,
            "-i",
            str(self.source),
            "-m",
            "labfleet.conda.conda_ledger",
        ]
        done = self.ansible.run([*command, "-a", given, "--diff", *(["--check"] if check else [])])
        self.said = text = done.stdout
        return json.loads(text[text.index("=> {", text.index(name + " |")) + 3 :]), done.returncode == 0


@pytest.fixture
def fleet(ansible, lab_inventory, tmp_path):
    fleet = Fleet(ansible, lab_inventory, tmp_path)
    fleet.remove()
    try:
        fleet.ship()
        yield fleet
    finally:
        fleet.remove()


def test_a_fleet_is_collected_and_a_second_run_changes_nothing(fleet):
    fleet.append("conda4316", 12)
    fleet.append("condapython", 3)
    run = fleet.run("--check")
    assert run.code == 0 and not fleet.dest.exists(), run.output
    run = fleet.run("--diff")
    assert run.code == 0 and "[WARNING]" not in run.output, run.output
    heads = fleet.heads()
    assert set(heads) == {"conda4316", "condapython"} and heads["condapython"]["sequence"] == 3
    assert heads["conda4316"]["sequence"] > 12  # some of its records tell of new files
    history = fleet.history()
    assert len(history) == 3 + heads["conda4316"]["sequence"]
    assert "tk-secret" not in (fleet.dest / "history.jsonl").read_text()
    with open(fleet.dest / "history.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(history) and rows[0]["packages"] == "conda 4.3.16 -> 4.3.17"
    run = fleet.run()
    assert run.code == 0 and all(run.recap(name)["changed"] == 0 for name in NAMES), run.output
    fleet.append("condapython", 2)
    run = fleet.run()
    assert run.code == 0 and fleet.heads()["condapython"]["sequence"] == 5
    assert len(fleet.history()) == len(history) + 2


@pytest.mark.parametrize(
    "script, said",
    [
        ("sed -i '$d' ledger.jsonl", "shrank"),
        pytest.param("rm ledger*.jsonl", "vanished", marks=pytest.mark.long),
        pytest.param("sed -i '2d' ledger.jsonl", "record 2 is missing", marks=pytest.mark.long),
        ("sed -i '1{h;d};3G' ledger.jsonl", "record 1 stands behind its place. (ledger.jsonl, line 3)"),
        ("mv ledger.jsonl /tmp/l$$; ln -s /tmp/l$$ ledger.jsonl", "it is a symbolic link"),
    ],
    ids=["cut", "removed", "line-removed", "line-moved", "link"],
)
def test_tampering_fails_the_run_names_the_host_and_keeps_the_head(fleet, script, said):
    fleet.append("conda4316", 4)
    fleet.append("condapython", 2)
    assert fleet.run().code == 0
    before = fleet.heads()
    fleet.sh("conda4316", script + "; rm -f /tmp/l[0-9]*" if "/tmp/l$$" not in script else script)
    fleet.append("condapython")
    run = fleet.run()
    fleet.sh("conda4316", "rm -f /tmp/l[0-9]*")
    assert run.code == 2 and run.recap("conda4316")["failed"] == 1 and run.recap("condapython")["failed"] == 0
    flat = " ".join(run.output.split())
    assert said in flat, run.output
    assert "The ledgers of conda4316 do not bear out" in flat
    after = fleet.heads()
    assert after["conda4316"] == before["conda4316"] and after["condapython"]["sequence"] == 3


def test_a_ledger_written_anew_is_found_and_can_be_accepted(fleet):
    fleet.append("conda4316", 4)
    assert fleet.run().code == 0
    before = fleet.heads()
    fleet.sh("conda4316", "rm ledger*.jsonl")
    fleet.append("conda4316", 9)
    result, _success = fleet.module("conda4316")
    assert result["intact"]  # on its own it is a good chain
    run = fleet.run()
    assert run.code == 2 and "forked: record 4 is another one" in " ".join(run.output.split()), run.output
    assert fleet.heads() == before
    run = fleet.run("-e", '{"ledger_accept": ["conda4316"]}')
    assert run.code == 0 and fleet.heads()["conda4316"]["sequence"] >= 9
    assert [one["sequence"] for one in fleet.history()].count(1) == 2  # the old history stays


def test_old_files_go_when_the_control_node_has_them_and_all_is_verified_as_before(fleet):
    fleet.append("conda4316", 25)
    names = fleet.sh("conda4316", "ls ledger-*").split()
    assert len(names) > 2
    run = fleet.run("-e", '{"ledger_keep_files": 1}')
    removing = "TASK [Remove the oldest files that the control node has by now] "
    assert run.code == 0 and "changed: [conda4316]" in run.output.partition(removing)[2], run.output
    assert fleet.sh("conda4316", "ls ledger-*").split() == names[-1:]
    run = fleet.run("-e", '{"ledger_keep_files": 1}')
    assert run.code == 0 and "ok: [conda4316]" in run.output.partition(removing)[2], run.output
    fleet.append("conda4316", 1)
    assert fleet.run().code == 0
    assert [record["sequence"] for record in fleet.history()] == list(
        range(1, fleet.heads()["conda4316"]["sequence"] + 1)
    )
    result, _success = fleet.module("conda4316")
    assert result["intact"] and result["begins"]["sequence"] > 1
    fleet.sh("conda4316", "rm " + names[-1])
    assert fleet.run().code == 2


def test_a_host_that_cannot_be_reached_is_listed_and_keeps_its_head(fleet):
    fleet.append("conda4316", 2)
    fleet.append("condapython", 2)
    assert fleet.run().code == 0
    before = fleet.heads()
    fleet.append("condapython", 1)
    listed = json.loads(fleet.source.read_text())
    listed["lab"]["hosts"]["conda4316"].update(ansible_port=9, ansible_timeout=3)
    fleet.source.write_text(json.dumps(listed))
    run = fleet.run()
    assert run.code != 0 and "conda4316    unreachable  2" in run.output, run.output
    assert fleet.heads()["conda4316"] == before["conda4316"] and fleet.heads()["condapython"]["sequence"] == 3
    assert run.recap("condapython")["failed"] == 0


def test_the_module_verifies_exports_and_anchors(fleet):
    result, success = fleet.module("condapython")
    assert success and result["exists"] is False and result["intact"] and result["head"] is None
    result, success = fleet.module("condapython", operation="anchor", check=True)
    assert success and result["changed"] and fleet.sh("condapython", "ls") == "code\n"
    fleet.append("condapython", 3)
    anchor, success = fleet.module("condapython", operation="anchor", note="kept by the auditors")
    assert success and anchor["changed"] and anchor["head"]["sequence"] == 4 and anchor["entries"] == 4
    assert "-sequence: 3" in fleet.said and "+hash: " + anchor["head"]["hash"] in fleet.said
    exported, success = fleet.module("condapython", operation="export", outcome=["committed"], last=2)
    assert success and [record["sequence"] for record in exported["records"]] == [2, 3]
    assert exported["records"][0]["packages"][0]["to"] == {"version": "4.3.17"}
    fleet.sh("condapython", "sed -i '$d' ledger.jsonl")
    result, success = fleet.module("condapython", known_head=anchor["head"])
    assert not success and result["problems"][0]["kind"] == "cut_off" and "is not intact" in result["msg"]
    result, success = fleet.module("condapython", known_head=anchor["head"], fail_on_problem=False)
    assert success and not result["intact"] and result["entries"] == 3
    before = fleet.sh("condapython", "cat ledger.jsonl")
    _result, success = fleet.module("condapython", operation="anchor", known_head=anchor["head"])
    assert not success and fleet.sh("condapython", "cat ledger.jsonl") == before


def test_an_anchor_makes_the_ledger(fleet):
    anchor, success = fleet.module("condapython", operation="anchor")
    assert success and anchor["exists"] and anchor["files"] == ["ledger.jsonl"] and anchor["entries"] == 1
    assert fleet.module("condapython", known_head=anchor["head"])[0]["head"] == anchor["head"]


def test_a_line_can_be_checked_by_hand(fleet):
    fleet.append("condapython", 3)
    line = fleet.sh("condapython", "sed -n 2p ledger.jsonl")
    by_hand = """sed -n 2p ledger.jsonl | tr -d '\\n' | sed 's/^{"hash":"[0-9a-f]*",/{/' | sha256sum | cut -d' ' -f1"""
    assert fleet.sh("condapython", by_hand).strip() == json.loads(line)["hash"]


@pytest.mark.parametrize(
    "option", [{"since": "yesterday"}, {"known_head": {"sequence": 0, "hash": "x"}}, {"path": "x"}]
)
def test_options_of_no_use_are_one_sentence(fleet, option):
    result, success = fleet.module("condapython", operation="export", **option)
    assert not success and result["msg"].endswith(".") and "Traceback" not in json.dumps(result)
