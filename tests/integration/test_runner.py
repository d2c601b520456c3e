# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The nightly workflow of AWX for real, with ansible-runner: an audit in slices, and one report of them."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from lab import LabUnavailable, collections
from lab.awx_jobs import Done, Jobs, sliced

SLICES = 3
SECRETS = ("pass-word-1", "tk-secret-2", "become-secret-3")
CHANNEL = "https://alice:pass-word-1@h.example.org/t/tk-secret-2/main"


class Night(t.NamedTuple):
    """What a night has run.

    :param hosts: the whole inventory.
    :param slices: the jobs of the audit by number.
    """

    jobs: Jobs
    hosts: dict[str, dict[str, t.Any]]
    slices: dict[int, Done]
    shared: Path

    def left(self, *numbers: int) -> dict[str, t.Any]:
        """What the slices of these numbers, or all, have left for the job after them."""
        return {key: value for number in numbers or self.slices for key, value in self.slices[number].left.items()}


@pytest.fixture(scope="module")
def night(lab_inventory: Path, tmp_path_factory: pytest.TempPathFactory) -> Night:
    """The hosts of the lab, one that cannot be reached and one with secrets, audited in slices at the same time."""
    try:
        bins = collections.with_runner()
    except LabUnavailable as reason:
        pytest.skip(str(reason))
    scratch = tmp_path_factory.mktemp("night")
    lab = json.loads(lab_inventory.read_text())["lab"]
    hosts = {name: {**lab["vars"], **host} for name, host in lab["hosts"].items()}
    hosts["gone01"] = {"ansible_host": "127.0.0.1", "ansible_port": 1}
    root = scratch / "root"
    (root / "etc" / "conda").mkdir(parents=True)
    (root / "etc" / "conda" / ".condarc").write_text(f"channels:\n  - {CHANNEL}\n")
    hosts["local01"] = {
        "ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "ansible_become_password": SECRETS[2], "conda_root": str(root),
    }  # fmt: skip
    shared = scratch / "shared"
    shared.mkdir()
    jobs = Jobs(scratch, bins, shared)
    numbers = range(101, 101 + SLICES)
    started = {number: jobs.start(number, "audit", sliced(hosts, number - 100, SLICES)) for number in numbers}
    return Night(jobs, hosts, {number: jobs.end(number, job) for number, job in started.items()}, shared)


def test_each_slice_ends_as_its_own_hosts_ask(night):
    for number, done in night.slices.items():
        own = sliced(night.hosts, number - 100, SLICES)
        assert (done.code, done.status) == ((2, "failed") if "gone01" in own else (0, "successful")), done.output
        (artifact,) = done.left.values()
        assert artifact["summary"]["hosts"] == len(own)
        assert artifact["summary"]["hosts_not_seen"] == sorted({"gone01"} & set(own))
        assert artifact["files"] == {"json": str(night.shared / f"audit-{number}" / "audit.json")}


def test_no_slice_hides_what_another_one_found(night):
    assert sorted(night.left()) == [f"conda_audit_{number}" for number in night.slices]


def test_one_report_has_all_hosts_then_compares_with_the_night_before_and_judges_the_gate(night):
    first = night.jobs.run(110, "report", night.hosts, **night.left())
    assert (first.code, first.status) == (0, "successful"), first.output
    report = json.loads((night.shared / "audit" / "audit.json").read_text())
    assert sorted(report["hosts"]) == sorted(night.hosts)
    assert report["summary"]["hosts_not_seen"] == ["gone01"] and report["trend"] is None
    assert {item["rule"] for item in report["hosts"]["conda4313"]["findings"]} >= {"tool.conda.vulnerable"}
    assert set(first.left) == {"conda_report"}
    assert set(first.left["conda_report"]["files"]) == {"json", "html", "markdown"}
    assert f"AUDIT of {len(night.hosts)} hosts" in first.output

    gate = {"report_fail_on": "critical", "report_new_only": False}
    second = night.jobs.run(111, "report", night.hosts, **night.left(), **gate)
    assert (second.code, second.status) == (2, "failed"), second.output
    assert "The gate is not passed" in second.output
    trend = json.loads((night.shared / "audit" / "audit.json").read_text())["trend"]
    assert trend["new"] == trend["fixed"] == 0 and trend["hosts_gone"] == [] and trend["open"] > 20


def test_the_hosts_of_a_slice_that_left_nothing_are_named(night, tmp_path):
    jobs = Jobs(tmp_path, night.jobs._bins, tmp_path)
    done = jobs.run(112, "report", night.hosts, **night.left(101, 102))
    assert done.code == 0, done.output
    assert set(done.left["conda_report"]["summary"]["hosts_not_seen"]) == {"gone01", *sliced(night.hosts, 3, SLICES)}


def test_no_slice_at_all_is_one_sentence(night, tmp_path):
    done = Jobs(tmp_path, night.jobs._bins, tmp_path).run(113, "report", night.hosts)
    assert done.code == 2 and "report_src: name the JSON report that the playbook audit has written" in done.output


def test_no_secret_is_in_what_is_kept_of_a_job(night):
    kept = [path for done in night.slices.values() for path in done.artifacts.rglob("*") if path.is_file()]
    kept += [path for path in night.shared.rglob("*") if path.is_file()]
    text = "".join(path.read_text("utf-8", "replace") for path in kept)
    assert len(kept) > 50 and '"rule": "secret.condarc"' in text  # the audit has seen them
    assert [secret for secret in SECRETS if secret in text] == []
