# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts that a run with --limit leaves out: the report keeps them, and nothing takes them for seen."""

from __future__ import annotations

import csv
import json
from xml.etree import ElementTree

import pytest

from ansible_collections.labfleet.conda.plugins.plugin_utils._audit_document import DocumentError, read_document
from ansible_collections.labfleet.conda.plugins.plugin_utils._digest import digest_lines
from ansible_collections.labfleet.conda.plugins.plugin_utils._gates import gate
from ansible_collections.labfleet.conda.plugins.plugin_utils._gpu_table import gpu_rows
from ansible_collections.labfleet.conda.plugins.plugin_utils._packages import hosts_not_covered
from ansible_collections.labfleet.conda.plugins.plugin_utils._report_rows import report_data
from ansible_collections.labfleet.conda.plugins.plugin_utils._reports import render

ALL = {"a", "b", "c"}
FIRST = "2026-11-20T10:00:00Z"


class Runs:
    """A run over the whole fleet, and one over a part of it after it."""

    def __init__(self, audited):
        self.audited = audited
        self.results = {
            name: audited.result(
                [audited.finding(), audited.finding("perm.owner", severity="low")],
                [audited.environment(packages=[("openssl", "3.0.1")])],
                [audited.installation()],
            )
            for name in ALL
        }
        self.full = audited.document(self.results, day=20, inventory=ALL)

    def part(self, *names, previous=None, day=21, inventory=None):
        inventory = ALL if inventory is None else inventory
        results = {name: self.results[name] for name in names}
        return self.audited.document(results, previous=previous or self.full, day=day, inventory=inventory)


@pytest.fixture
def runs(audited):
    return Runs(audited)


def test_a_part_keeps_the_other_hosts_as_they_were_seen(runs):
    part = runs.part("a")
    assert list(part["hosts"]) == ["a", "b", "c"] and part["trend"]["hosts_left_out"] == ["b", "c"]
    for name in ("b", "c"):
        host = part["hosts"][name]
        assert host["last_seen"] == FIRST and host["environments"] == runs.full["hosts"][name]["environments"]
        assert {(item["state"], item["last_seen"]) for item in host["findings"]} == {("open", FIRST)}
    assert "last_seen" not in part["hosts"]["a"]
    assert read_document(json.dumps(part), "audit.json") == part


def test_they_count_apart_from_the_hosts_of_the_run(runs):
    part = runs.part("a")
    summary = part["summary"]
    assert (summary["hosts"], summary["installations"], summary["environments"]) == (1, 1, 1)
    assert (summary["findings"]["high"], summary["findings"]["low"], summary["not_seen_again"]) == (1, 1, 0)
    assert summary["hosts_carried_over"] == ["b", "c"]
    assert (summary["findings_carried_over"]["high"], summary["findings_carried_over"]["low"]) == (2, 2)
    assert (part["trend"]["new"], part["trend"]["open"], part["trend"]["fixed"]) == (0, 2, 0)
    assert runs.full["summary"]["hosts_carried_over"] == []


def test_the_time_stays_that_of_the_last_look_over_several_parts(runs):
    second = runs.part("b", previous=runs.part("a", day=21), day=22)
    assert {name: host.get("last_seen") for name, host in second["hosts"].items()} == {
        "a": "2026-11-21T10:00:00Z",
        "b": None,
        "c": FIRST,
    }


def test_the_next_full_run_calls_nothing_new_and_tells_what_was_mended_meanwhile(runs):
    runs.results["c"] = runs.audited.result([runs.audited.finding()])
    full = runs.part("a", "b", "c", previous=runs.part("a"), day=22)
    assert (full["trend"]["new"], full["trend"]["open"], full["trend"]["fixed"]) == (0, 5, 1)
    assert full["trend"]["hosts_added"] == [] and full["summary"]["hosts_carried_over"] == []
    assert not any("last_seen" in host for host in full["hosts"].values())
    assert gate(full, fail_on="low", new_only=True)["passed"]


def test_they_fail_no_gate(runs):
    assert gate(runs.part("a"), fail_on="low")["hosts"] == {"a": 2}
    for host in runs.full["hosts"].values():
        host["gates"] = {"fail_on": "low"}
    assert list(gate(runs.part("a"))["hosts"]) == []


def test_hosts_that_left_the_inventory_are_named_and_dropped(runs):
    part = runs.part("a", inventory={"a", "b"})
    assert list(part["hosts"]) == ["a", "b"] and part["trend"]["hosts_gone"] == ["c"]
    assert "No longer in the inventory, and therefore no longer in the report: c" in digest_lines(part, rows=9)
    assert "No longer in the inventory" in render("html", part)


def test_the_digest_tells_them_apart(runs):
    lines = digest_lines(runs.part("a"), rows=9)
    assert lines[1] == "AUDIT of 1 hosts, 1 installations, 1 environments: 1 high, 1 low"
    assert [line.split()[2] for line in lines if line.startswith(("high", "low"))] == ["a", "a"]
    assert lines[-2:] == [
        "Not part of this run, and not counted above:",
        "b,c: last seen 2026-11-20T10:00:00Z: 2 high, 2 low",
    ]
    assert not any("Not part of" in line for line in digest_lines(runs.full, rows=9))


def test_an_unreachable_host_that_is_then_left_out_is_no_trouble_of_this_run(runs):
    gone = runs.audited.document({"a": None, "b": None}, previous=runs.full, day=21, inventory=ALL)
    part = runs.part("a", previous=gone, day=22)
    assert part["hosts"]["b"]["status"] == "failed" and part["summary"]["hosts_not_seen"] == []
    assert "Not known:" not in digest_lines(part, rows=9)
    assert part["hosts"]["b"]["findings"][0]["last_seen"] == FIRST


def test_every_format_marks_them(runs):
    part = runs.part("a")
    rows = list(csv.DictReader(render("csv", part).splitlines()))
    assert [row["host"] for row in rows if row["state"] == "not_in_run"] == ["b", "c"]
    assert {row["host"]: row["last_seen"] for row in rows} == {"a": "", "b": FIRST, "c": FIRST}
    suites = {suite.get("name"): suite for suite in ElementTree.fromstring(render("junit", part))}
    assert (suites["a"].get("failures"), suites["a"].get("skipped")) == ("2", "0")
    assert (suites["b"].get("failures"), suites["b"].get("skipped"), suites["b"].get("tests")) == ("0", "3", "3")
    assert len(suites["b"].findall("testcase/skipped")) == 3
    sarif = json.loads(render("sarif", part))["runs"][0]
    notices = [item["message"]["text"] for item in sarif["invocations"][0]["toolExecutionNotifications"]]
    assert notices == ["%s: not part of this run; last seen %s" % (name, FIRST) for name in ("b", "c")]
    assert sarif["invocations"][0]["executionSuccessful"] and len(sarif["results"]) == 6
    bill = json.loads(render("cyclonedx", part))
    seen = {host["name"]: {item["name"]: item["value"] for item in host["properties"]} for host in bill["components"]}
    assert [name for name, told in seen.items() if FIRST in told.values()] == ["b", "c"]
    assert "**Not part of this run**" in render("markdown", part) and "1 of 1 host seen" in render("markdown", part)
    page = render("html", part)
    assert "<b>Not part of this run:</b> b,c, last seen 2026-11-20 10:00:00 UTC: 2 high, 2 low" in page
    assert [host["lastSeen"] for host in report_data(part)["hosts"]] == ["", FIRST, FIRST]


def test_an_answer_over_them_says_when_they_were_seen(runs):
    assert hosts_not_covered(runs.part("a")) == ["Not part of the last run, answered as last seen %s: b,c." % FIRST]


def test_the_table_of_gpus_is_that_of_the_run(runs):
    runs.full["hosts"]["b"].update(status="failed", message="gone")
    assert gpu_rows(runs.part("a"))[1] == []


def test_a_time_that_is_none_is_refused(runs):
    part = runs.part("a")
    part["hosts"]["b"]["last_seen"] = "<b>"
    with pytest.raises(DocumentError, match=r"hosts\.b\.last_seen must be a time"):
        read_document(json.dumps(part), "audit.json")


def test_advisories_keep_their_texts_when_the_data_lack_them(runs):
    finding = runs.audited.finding("env.vuln", details={"advisories": ["CVE-1"]})
    advisories = {"advisories": [{"id": "CVE-1", "summary": "bad"}]}
    full = runs.audited.document(
        {"a": runs.audited.result(), "b": runs.audited.result([finding])}, advisories=advisories
    )
    assert runs.part("a", previous=full)["advisory_texts"] == full["advisory_texts"] != {}
