# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The document of an audit: what it counts, what it keeps, and what has changed since the one before."""

from __future__ import annotations

import hashlib
import json

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._audit import _judge
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rule import Rule
from ansible_collections.labfleet.conda.plugins.plugin_utils._audit_document import (
    RULE_TEXTS,
    DocumentError,
    read_document,
)
from ansible_collections.labfleet.conda.plugins.plugin_utils._rule_texts import rule_texts
from ansible_collections.labfleet.conda.plugins.plugin_utils._trend import finding_key

WAIVER = {"reason": "r", "owner": "o", "expires": "2027-01-01", "layer": "user"}


def states(document, host="a"):
    return {
        (item["rule"], item["subject"], item["item"]): item["state"] for item in document["hosts"][host]["findings"]
    }


def test_the_summary_counts_what_counts(audited):
    document = audited.document(
        {
            "a": audited.result(
                [
                    audited.finding(),
                    audited.finding("perm.owner", severity="critical"),
                    audited.finding("env.vuln", waiver=WAIVER),
                ],
                [audited.environment()],
                [audited.installation()],
            ),
            "b": audited.result(
                complete=False,
                unreadable=[{"path": "/x", "reason": "no"}],
                unreadable_count=1,
                unjudged=[{"rule": "chan.http", "subject": "/opt", "reason": "no"}],
            ),
            "c": {"unreachable": True, "msg": "Task failed: no route\nto host"},
            "d": {"failed": True, "msg": "The root is none."},
            "e": None,
        }
    )
    summary = document["summary"]
    assert (summary["hosts"], summary["hosts_not_seen"], summary["hosts_incomplete"]) == (5, ["c", "d", "e"], ["b"])
    assert (summary["installations"], summary["environments"], summary["unreadable"], summary["unjudged"]) == (
        1,
        1,
        1,
        1,
    )
    assert summary["findings"] == {"critical": 1, "high": 1, "medium": 0, "low": 0, "info": 0}
    assert summary["waived"] == 1 and len(document["hosts"]["a"]["findings"]) == 3
    assert summary["coverage"] == {"packages": 6, "vulnerable": 2, "none_known": 2, "unmapped": 2}
    told = {name: (host["status"], host.get("message")) for name, host in document["hosts"].items()}
    assert told["c"] == ("unreachable", "no route to host")
    assert told["d"] == ("failed", "The root is none.") and told["e"][0] == "failed"
    assert set(document["rules"]) == {"chan.http", "perm.owner", "env.vuln"}
    assert document["trend"] is None
    assert not {"seconds", "changed"} & set(document["hosts"]["a"])


def test_the_key_of_a_finding_is_the_documented_one(audited):
    finding = audited.finding(item="http://x")
    wanted = hashlib.sha256(b"a|chan.http|/opt/conda|http://x").hexdigest()[:16]
    assert finding_key("a", finding) == wanted
    assert audited.document({"a": audited.result([finding])})["hosts"]["a"]["findings"][0]["key"] == wanted


def test_new_open_and_fixed(audited):
    before = audited.document(
        {"a": audited.result([audited.finding(), audited.finding("perm.owner", severity="low")])}, day=21
    )
    now = audited.document(
        {"a": audited.result([audited.finding("perm.owner", severity="critical"), audited.finding("env.vuln")])},
        previous=before,
    )
    assert states(now) == {("perm.owner", "/opt/conda", None): "open", ("env.vuln", "/opt/conda", None): "new"}
    trend = now["trend"]
    assert (trend["previous"], trend["new"], trend["open"], trend["fixed"]) == ("2026-11-21T10:00:00Z", 1, 1, 1)
    fixed = trend["fixed_findings"][0]
    assert (fixed["host"], fixed["rule"], fixed["state"]) == ("a", "chan.http", "fixed")


def test_without_a_report_before_everything_is_new(audited):
    document = audited.document({"a": audited.result([audited.finding()])})
    assert set(states(document).values()) == {"new"}


@pytest.mark.parametrize(
    "now",
    [
        {"unreachable": True, "msg": "x"},
        {"failed": True, "msg": "x"},
        None,
    ],
)
def test_a_host_that_is_not_seen_keeps_its_findings_as_open(audited, now):
    first = audited.document({"a": audited.result([audited.finding()])}, day=20)
    second = audited.document({"a": now}, previous=first, day=21)
    third = audited.document({"a": now}, previous=second, day=22)
    for document in (second, third):
        assert states(document) == {("chan.http", "/opt/conda", None): "open"}
        assert (document["trend"]["fixed"], document["trend"]["new"]) == (0, 0)
        assert document["hosts"]["a"]["findings"][0]["last_seen"] == "2026-11-20T10:00:00Z"
        assert document["summary"]["not_seen_again"] == 1
    back = audited.document({"a": audited.result([audited.finding()])}, previous=third, day=23)
    assert states(back) == {("chan.http", "/opt/conda", None): "open"}
    assert "last_seen" not in back["hosts"]["a"]["findings"][0]
    mended = audited.document({"a": audited.result()}, previous=third, day=23)
    assert mended["trend"]["fixed"] == 1 and states(mended) == {}
    assert "last_seen" not in mended["trend"]["fixed_findings"][0]


def test_hosts_that_left_the_inventory_are_dropped_by_name_and_fix_nothing(audited):
    before = audited.document({"a": audited.result([audited.finding()]), "b": audited.result()})
    now = audited.document({"b": audited.result(), "c": audited.result()}, previous=before, inventory={"b", "c"})
    trend = now["trend"]
    assert trend["fixed"] == 0 and list(now["hosts"]) == ["b", "c"]
    assert (trend["hosts_left_out"], trend["hosts_gone"], trend["hosts_added"]) == ([], ["a"], ["c"])


ENV = "/opt/conda/envs/a"


@pytest.mark.parametrize(
    "finding, more, kept",
    [
        ({}, {}, False),
        ({}, {"complete": False}, True),
        # the list of what is unreadable was cut short: nobody knows what else there is
        ({}, {"unreadable": [{"path": "/x", "reason": "no"}], "unreadable_count": 9}, True),
        # rules not asked, or not judged there
        ({}, {"not_checked": [{"rule": "chan.http", "reason": "its family was not asked for"}]}, True),
        ({}, {"not_checked": [{"rule": "perm.owner", "reason": "its family was not asked for"}]}, False),
        ({}, {"unjudged": [{"rule": "chan.http", "subject": ENV, "reason": "no"}]}, True),
        ({}, {"unjudged": [{"rule": "perm.owner", "subject": ENV, "reason": "no"}]}, False),
        ({}, {"unjudged": [{"rule": "chan.http", "subject": "/opt/other", "reason": "no"}]}, False),
        # a file as the subject: which place was judged is not known
        ({"subject": "/etc/x"}, {"unjudged": [{"rule": "chan.http", "subject": "/opt/conda", "reason": "no"}]}, True),
        # what could not be read: the subject, above it, in it, the file, or something else
        ({}, {"unreadable": [{"path": ENV, "reason": "no"}]}, True),
        ({}, {"unreadable": [{"path": "/opt", "reason": "no"}]}, True),
        ({}, {"unreadable": [{"path": ENV + "/conda-meta/x.json", "reason": "no"}]}, True),
        ({}, {"unreadable": [{"path": "/opt/conda/pkgs", "reason": "no"}]}, False),
        ({}, {"unreadable": [{"path": "/opt/conda/envs/ab", "reason": "no"}]}, False),
        ({"path": "/home/x/.condarc"}, {"unreadable": [{"path": "/home/x/.condarc", "reason": "no"}]}, True),
        # an environment that cannot be read says nothing about the base it lies in
        ({"subject": "/opt/conda"}, {"unreadable": [{"path": ENV + "/conda-meta", "reason": "no"}]}, False),
        ({"subject": "/"}, {"unreadable": [{"path": "/home/x/.condarc", "reason": "no"}]}, False),
    ],
)
def test_only_what_was_judged_again_is_fixed(audited, finding, more, kept):
    finding = audited.finding(**{"subject": ENV, **finding})
    before = audited.document({"a": audited.result([finding])}, day=21)
    more = {"unreadable_count": len(more.get("unreadable", ())), **more}
    result = audited.result([], [audited.environment(ENV)], [audited.installation()], **more)
    now = audited.document({"a": result}, previous=before)
    assert now["trend"]["fixed"] == (0 if kept else 1)
    assert list(states(now).values()) == (["open"] if kept else [])


def test_what_the_judge_says_of_one_rule_keeps_that_rule_only(audited):
    """The judge tells of a check that failed among what is unreadable too, in words that are known here."""
    before = audited.document(
        {"a": audited.result([audited.finding(subject=ENV), audited.finding("perm.owner", subject=ENV)])}
    )
    said = []

    class Audit:
        @staticmethod
        def unknown(path, reason):
            said.append({"path": path, "reason": reason})

    rule = Rule("chan.http", "channels", "high", "environment", "t", "e", "r", None, "s")
    _judge._leave_undone(rule, ENV, Audit, _judge.Judgement(), "it is odd")
    result = audited.result([], [audited.environment(ENV)], unreadable=said, unreadable_count=1)
    now = audited.document({"a": result}, previous=before)
    assert states(now) == {("chan.http", ENV, None): "open"} and now["trend"]["fixed"] == 1


def test_what_nobody_asks_for_any_more_is_neither_open_nor_fixed(audited):
    before = audited.document(
        {"a": audited.result([audited.finding(), audited.finding("gone.rule"), audited.finding("perm.owner")])},
        rules={},
    )

    skipped = [{"rule": "perm.owner", "reason": "the policy has switched it off (layer user)"}]
    result = audited.result(not_checked=skipped, rules_off=["perm.owner"])
    policy = {"values": {"rules": {"chan.http": "off"}, "gates": {"fail_on": "high"}}}
    now = audited.document({"a": result}, previous=before, policy=policy)
    assert states(now) == {}
    assert (now["trend"]["fixed"], now["trend"]["open"], now["trend"]["no_longer_asked"]) == (0, 0, 3)
    assert now["policy"]["gates"] == {"fail_on": "high"} and len(now["policy"]["digest"]) == 64


def test_a_rule_that_was_not_asked_this_time_keeps_its_findings(audited):
    before = audited.document({"a": audited.result([audited.finding()])})
    skipped = [{"rule": "chan.http", "reason": "its family was not asked for"}]
    now = audited.document({"a": audited.result(not_checked=skipped)}, previous=before)
    assert list(states(now).values()) == ["open"]


def test_findings_below_what_is_asked_for_are_not_called_fixed(audited):
    before = audited.document({"a": audited.result([audited.finding(severity="low"), audited.finding("perm.owner")])})
    now = audited.document({"a": audited.result(minimum_severity="medium")}, previous=before)
    assert (now["trend"]["fixed"], now["trend"]["no_longer_asked"]) == (1, 1)


def test_a_waiver_takes_a_finding_out_of_the_counts_and_makes_nothing_new(audited):
    before = audited.document({"a": audited.result([audited.finding(waiver=WAIVER)])})
    now = audited.document({"a": audited.result([audited.finding()])}, previous=before)
    assert (now["trend"]["new"], now["trend"]["open"]) == (0, 1)
    later = audited.document({"a": audited.result([audited.finding(waiver=WAIVER)])}, previous=now)
    assert (later["trend"]["open"], later["trend"]["fixed"]) == (0, 0)
    gone = audited.document({"a": audited.result()}, previous=later)
    assert gone["trend"]["fixed"] == 0


def test_the_texts_of_rules_and_advisories_are_those_that_fired(audited):
    rules = {"env.vuln": {"title": "Vulnerable"}, "env.orphan": {"title": "Nobody's"}}
    advisories = {
        "date": "2026-11-01",
        "source": "x",
        "advisories": [
            {"id": "CVE-1", "summary": "bad", "sources": ["ftp://x", "https://x/1"], "aliases": ["GHSA-1"]},
            {"id": "CVE-2", "summary": "other"},
        ],
    }
    finding = audited.finding("env.vuln", details={"advisories": ["CVE-1", "CVE-9"]})
    document = audited.document({"a": audited.result([finding])}, advisories=advisories, rules=rules)
    assert document["advisories"] == {"date": "2026-11-01", "source": "x", "count": 2}
    assert set(document["advisory_texts"]) == {"CVE-1"}
    assert document["advisory_texts"]["CVE-1"]["url"] == "https://x/1"
    assert {name: texts["title"] for name, texts in document["rules"].items()} == {"env.vuln": "Vulnerable"}


def test_a_saved_document_is_read_back_as_it_was(audited):
    document = audited.document(
        {"a": audited.result([audited.finding()]), "b": {"unreachable": True, "msg": "x"}},
        policy={"values": {"gates": {"fail_on": "high"}}},
    )
    assert read_document(json.dumps(document), "audit.json") == document


@pytest.mark.parametrize(
    "change, sentence",
    [
        ("{", "audit.json: it is not JSON"),
        ("[]", "audit.json: it is not a map, so it is no report of an audit"),
        ("{}", "audit.json: it has no schema labfleet.conda/audit/1, so it is no report of an audit"),
        ("[" * 100000, "audit.json: it is nested too deeply"),
        ({"schema": "labfleet.conda/fleet/1"}, "its schema is labfleet.conda/fleet/1, which is no report of an audit"),
        ({"schema": "labfleet.conda/audit/9"}, "its schema is labfleet.conda/audit/9 and this version reads"),
        ({"schema": 3}, "it has no schema"),
        ({"generated": "yesterday"}, "generated must be a time such as"),
        ({"hosts": []}, "hosts must be a map"),
        ({"trend": 3}, "trend must be a map or null"),
        ({"fleet": None}, "fleet must be a map"),
        ({"hosts": {"a": {"status": "fine"}}}, "hosts.a must be a map with a status, one of ok, incomplete"),
        ({"hosts": {"a": {"status": "ok"}}}, "hosts.a.findings must be a list of maps"),
        (
            {"hosts": {"a": {"status": "ok", "findings": [{"rule": "x"}], "installations": [], "environments": []}}},
            "hosts.a.findings[0] must be a finding with key, rule, severity, subject and item",
        ),
    ],
)
def test_what_is_no_document_is_refused_in_one_sentence(audited, change, sentence):
    text = change if isinstance(change, str) else json.dumps({**audited.document({"a": audited.result()}), **change})
    with pytest.raises(DocumentError) as caught:
        read_document(text, "audit.json")
    assert sentence in str(caught.value) and "\n" not in str(caught.value)
    assert str(caught.value).startswith("audit.json: ") and str(caught.value).endswith(".")


def test_a_host_that_was_not_seen_may_lack_its_lists(audited):
    document = audited.document({"a": None})
    document["hosts"]["a"] = {"status": "unreachable", "message": "x"}
    assert read_document(json.dumps(document), "x")["hosts"]["a"]["findings"] == []


def test_all_texts_of_all_rules_are_known():
    assert rule_texts() and all(set(texts) == set(RULE_TEXTS) for texts in rule_texts().values())
