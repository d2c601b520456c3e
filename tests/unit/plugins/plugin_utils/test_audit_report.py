# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The digest, the gates, and the files of a report: what is printed, what fails a run, and what is written when."""

from __future__ import annotations

import json
import os

import pytest

from ansible_collections.labfleet.conda.plugins.plugin_utils._audit_report import Report, check_dest
from ansible_collections.labfleet.conda.plugins.plugin_utils._digest import digest_lines
from ansible_collections.labfleet.conda.plugins.plugin_utils._gates import gate
from ansible_collections.labfleet.conda.plugins.plugin_utils._saved_report import (
    SavedHosts,
    fingerprint,
    read_report,
)


def finding(rule="chan.http", severity="high", subject="/etc/conda/condarc", **more):
    values = {
        "rule": rule,
        "severity": severity,
        "kind": "configuration",
        "subject": subject,
        "item": "x",
        "path": None,
        "owner": None,
        "environment": None,
        "evidence": "channels names http://mirror.",
        "remedy": "Write https.",
        "layer": "default",
        "waiver": None,
        "details": {},
    }
    return {**values, **more}


def host(*findings, **more):
    values = {
        "findings": list(findings),
        "installations": [],
        "environments": [],
        "coverage": {"packages": 10, "vulnerable": 1, "none_known": 4, "unmapped": 5},
        "gpu": None,
        "unreadable": [],
        "unreadable_count": 0,
        "unjudged": [],
        "not_checked": [],
        "complete": True,
        "gates": {"fail_on": "never", "new_only": False},
        "minimum_severity": "info",
    }
    return {**values, **more}


def report(results, **options):
    values = {"previous": None, "must_compare": False, "advisories": None, "fail_on": None, "new_only": None}
    return Report.from_results(results, **{**values, **options})


def test_equal_findings_of_several_hosts_are_one_row_the_worst_first():
    hosts = {"gpu%02d" % number: host(finding(), finding("env.vuln", "low", "/opt/conda")) for number in (1, 2, 3)}
    hosts["login"] = host(finding("perm.owner", "critical", "/opt/conda"))
    lines = digest_lines(report(hosts).document, rows=30)
    rows = [line for line in lines if line.startswith(("critical", "high", "low"))]
    assert [row.split()[:3] for row in rows] == [
        ["critical", "perm.owner", "login"],
        ["high", "chan.http", "gpu[01-03]"],
        ["low", "env.vuln", "gpu[01-03]"],
    ]
    assert "AUDIT of 4 hosts, 0 installations, 0 environments: 1 critical, 3 high, 3 low" in lines
    assert any("of 40 packages 4 are vulnerable, for 16 none is known, 20 are unmapped" in line for line in lines)


def test_what_is_left_out_of_the_digest_is_counted():
    many = [finding("rule.%d" % number, "low") for number in range(50)]
    lines = digest_lines(report({"a": host(*many)}).document, rows=10)
    assert sum(line.startswith("low") for line in lines) == 10
    assert "and 40 more rows with 40 findings, in the report" in lines


def test_one_rule_in_many_places_is_one_row():
    many = [finding("secret.history", "medium", "/home/a/envs/%d" % number) for number in range(9)]
    lines = digest_lines(report({"a": host(*many)}).document, rows=10)
    (place,) = [number for number, line in enumerate(lines) if line.startswith("medium")]
    assert "9 paths, /home/a/envs/0" in lines[place] and lines[place + 1].split()[0] == "first"
    assert "(9 times)" in " ".join(lines[place : place + 2]) and not lines[place + 2 :]


def test_no_line_is_wider_than_120_columns_and_no_text_is_lost():
    prefix = "/data/projects/genomics/alice/a very deep place/" + "/".join("level%d" % number for number in range(20))
    found = (finding(subject=prefix, item=None), finding("tool.conda.vulnerable", evidence="w" * 150))
    hosts = {"node-%s" % name: host(*found) for name in ("alpha", "beta", "gamma", "delta", "epsilon")}
    hosts["silent"] = {"unreachable": True, "msg": "no route " * 40}
    lines = digest_lines(report(hosts).document, rows=30)
    assert max(map(len, lines)) <= 120
    told = "".join("".join(lines).split())
    assert all(part in told for part in ("tool.conda.vulnerable", "silent:unreachable:" + "noroute" * 40))
    place = lines[next(number for number, line in enumerate(lines) if line.startswith("SEVERITY"))].index("WHERE")
    what = lines[next(number for number, line in enumerate(lines) if line.startswith("SEVERITY"))].index("WHAT")
    column = "".join(line[place:what] for line in lines if line[:1] in ("h", " "))
    assert "".join(prefix.split()) in "".join(column.split())


def test_where_no_host_was_seen_the_digest_does_not_speak_of_findings():
    lines = digest_lines(report({"dead": {"unreachable": True, "msg": "x"}}).document, rows=9)
    assert "AUDIT of 1 hosts, 0 installations, 0 environments: no host was seen" in lines
    assert digest_lines(report({}).document, rows=9)[1].endswith(": no host was seen")
    assert digest_lines(report({"a": host()}).document, rows=9)[1].endswith(": no findings")


def test_hosts_not_seen_and_unknown_things_are_told():
    results = {
        "dead": {"unreachable": True, "msg": "no route to host"},
        "slow": host(complete=False),
        "odd": host(unreadable=[{"path": "/home/b", "reason": "denied"}], unreadable_count=1),
    }
    lines = digest_lines(report(results).document, rows=10)
    assert "dead: unreachable: no route to host" in lines
    assert "slow: incomplete: the time limit ended the audit" in lines
    assert "1 things could not be read, 0 could not be judged: see the report." in lines


def test_control_characters_do_not_reach_the_terminal():
    lines = digest_lines(report({"a": host(finding(evidence="x\x1b[31mred\nnext"))}).document, rows=10)
    assert not any("\x1b" in line or "\n" in line for line in lines)


@pytest.mark.parametrize(
    "fail_on, hosts, passed",
    [
        (None, {}, True),
        ("critical", {}, True),
        ("high", {"a": 1, "b": 1}, False),
        ("info", {"a": 2, "b": 1}, False),
        ("never", {}, True),
    ],
)
def test_the_gate_counts_what_is_as_severe_or_worse(fail_on, hosts, passed):
    results = {"a": host(finding(), finding("x.y", "low")), "b": host(finding()), "dead": {"unreachable": True}}
    found = gate(report(results).document, fail_on=fail_on)
    assert (found["hosts"], found["passed"]) == (hosts, passed)


def test_each_hosts_policy_sets_its_own_gate_and_waivers_pass():
    strict = {"fail_on": "low", "new_only": False}
    results = {
        "strict": host(finding(severity="low"), gates=strict),
        "lax": host(finding(severity="critical")),
        "excused": host(finding(waiver={"reason": "r", "owner": "o", "expires": "x", "layer": "base"}), gates=strict),
    }
    assert gate(report(results).document) == {"passed": False, "hosts": {"strict": 1}}


def test_only_new_findings_fail_where_the_gate_says_so(tmp_path):
    report({"a": host(finding())}).write(str(tmp_path), ["json"], mode=0o600, write=True)
    previous = str(tmp_path / "audit.json")
    same = report({"a": host(finding())}, previous=previous)
    assert gate(same.document, fail_on="high", new_only=True)["passed"]
    assert not gate(same.document, fail_on="high")["passed"]
    more = report({"a": host(finding(), finding(item="y"))}, previous=previous)
    assert gate(more.document, fail_on="high", new_only=True)["hosts"] == {"a": 1}


def test_files_are_written_with_their_mode_and_a_same_report_is_no_change(tmp_path):
    dest = tmp_path / "report"
    results = {"a": host(finding())}
    files, failed, changed = report(results).write(str(dest), ["json", "html", "markdown"], mode=0o640, write=True)
    assert changed and failed == {} and sorted(os.listdir(dest)) == ["audit.html", "audit.json", "audit.md"]
    assert all(os.stat(path).st_mode & 0o777 == 0o640 for path in files.values())
    again = report(results, previous=files["json"])
    assert again.write(str(dest), ["json", "html", "markdown"], mode=0o640, write=True).changed is False
    assert again.document["trend"]["open"] == 1
    other = report({"a": host(finding(severity="low"))}, previous=files["json"])
    assert other.write(str(dest), ["json"], mode=0o640, write=True).changed is True


def test_check_mode_writes_nothing(tmp_path):
    dest = tmp_path / "report"
    files, _failed, changed = report({"a": host(finding())}).write(str(dest), ["json"], mode=0o600, write=False)
    assert changed and files == {"json": str(dest / "audit.json")} and not dest.exists()


def test_a_format_that_cannot_be_written_is_named_and_the_others_are_written(tmp_path):
    environment = {
        "prefix": "/opt/conda", "name": "base", "base": True, "owner": "root", "installation": "/opt/conda",
        "python_version": None, "record_count": 1, "pip_count": 0, "processes": 0,
    }  # fmt: skip
    (tmp_path / "audit.html").mkdir()
    found = report({"a": host(environments=[environment])})
    written = found.write(str(tmp_path), ["cyclonedx", "html", "json", "csv"], mode=0o600, write=True)
    assert sorted(written.files) == ["csv", "json"] and written.changed
    assert "packages: true" in written.failed["cyclonedx"]
    assert "audit.html could not be written: is a directory." in written.failed["html"]
    assert sorted(os.listdir(tmp_path)) == ["audit.csv", "audit.html", "audit.json"]


@pytest.mark.parametrize(
    "dest, sentence",
    [
        ("no/such", "there is no directory"),
        ("file", "is no directory"),
        ("file/below", "there is no directory"),
        ("dangling", "is no directory"),
    ],
)
def test_a_place_that_cannot_hold_a_report_is_refused_in_one_sentence(tmp_path, dest, sentence):
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(ValueError, match=sentence) as caught:
        check_dest(str(tmp_path / dest))
    assert str(caught.value).startswith("dest: ") and "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=sentence):
        report({"a": host()}).write(str(tmp_path / dest), ["json"], mode=0o600, write=True)


def test_a_directory_that_may_not_be_written_to_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ValueError, match="nothing can be written to"):
        check_dest(str(tmp_path / "new"))


def test_a_place_whose_last_part_is_missing_can_hold_a_report(tmp_path):
    check_dest(str(tmp_path / "new"))
    check_dest(str(tmp_path))


def test_a_damaged_report_of_before_is_a_warning_and_an_error_only_if_it_was_named(tmp_path):
    (tmp_path / "audit.json").write_text("{")
    found = report({"a": host()}, previous=str(tmp_path / "audit.json"))
    assert found.document["trend"] is None and "it is not JSON" in found.warnings[0]
    with pytest.raises(ValueError, match="it is not JSON"):
        report({"a": host()}, previous=str(tmp_path / "audit.json"), must_compare=True)


def test_a_saved_report_is_the_same_when_read_again(tmp_path):
    first = report({"a": host(finding())})
    first.write(str(tmp_path), ["json"], mode=0o600, write=True)
    second = Report.from_file(str(tmp_path / "audit.json"), fail_on=None, new_only=None)
    assert second.document == json.loads(json.dumps(first.document))


def test_a_report_of_before_that_is_no_text_is_one_sentence(tmp_path):
    (tmp_path / "audit.json").write_bytes(b"\xff\xfe{")
    found = report({"a": host()}, previous=str(tmp_path / "audit.json"))
    assert "it is no text in UTF-8" in found.warnings[0]


def saved(folder, **hosts):
    """A saved report of these hosts, as a path."""
    report(hosts or {"a": host(finding()), "b": None}).write(str(folder), ["json"], mode=0o600, write=True)
    return folder / "audit.json"


def test_the_hosts_of_a_saved_report_are_parsed_when_they_are_asked_for(tmp_path):
    path = saved(tmp_path)
    document, whole = read_report(str(path)), json.loads(path.read_text())
    assert isinstance(document["hosts"], SavedHosts)
    assert {**document, "hosts": dict(document["hosts"])} == whole
    assert list(document["hosts"]) == ["a", "b"] and len(document["hosts"]) == 2 and "c" not in document["hosts"]
    assert fingerprint(document) == fingerprint(whole)
    assert document["hosts"]["a"] is not document["hosts"]["a"]


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"state": "open"}, True),
        ({"last_seen": "2026-11-21T10:00:00Z"}, True),
        ({"evidence": '"state": "open", "subject"'}, False),
        ({"details": {"state": "idle", "zone": 1}}, False),
    ],
)
def test_a_fingerprint_tells_all_but_the_state_of_a_finding(change, same):
    finding = {"evidence": "", "details": {"state": "up", "zone": 1}, "layer": None, "state": "new", "subject": "/x"}
    one, other = ({"hosts": {"a": {"findings": [item]}}} for item in (finding, {**finding, **change}))
    assert (fingerprint(one) == fingerprint(other)) is same


def test_a_saved_report_is_read_in_whatever_layout_it_is(tmp_path):
    path = saved(tmp_path)
    whole = json.loads(path.read_text())
    for layout in ({}, {"indent": 2}, {"indent": 4}, {"separators": (",", ":")}):
        path.write_text(json.dumps(whole, **layout))
        assert read_report(str(path)) == whole
    path = saved(tmp_path, a=None)
    assert read_report(str(path))["hosts"]["a"]["findings"] == []


@pytest.mark.parametrize(
    "old, new, sentence",
    [
        ('"findings": [{', '"findings": [{{', "it is not JSON"),
        ('    "b": {', '    "b" {', "it is not JSON"),
        ('    "b": {', '    "b": [], "c": {', "hosts.b must be a map with a status"),
        ('"severity": "high"', '"severity": "awful"', r"hosts.a.findings\[0\] must be a finding"),
        ('"schema": "', '"schema": "x', "it has no schema"),
    ],
)
def test_a_damaged_line_of_a_saved_report_is_one_sentence(tmp_path, old, new, sentence):
    path = saved(tmp_path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ValueError, match=sentence) as caught:
        read_report(str(path))
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)
