# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The judge: which rules are asked, what becomes of their problems, and what a failing one does to the others."""

from __future__ import annotations

import os
import time

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._audit import _rules_policy
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rule import Problem, Rule
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Unreadable
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import clean


def rule(check, **changes):
    values = {
        "id": "env.some",
        "family": "environment",
        "severity": "medium",
        "scope": "environment",
        "title": "A title",
        "explanation": "Because.",
        "remedy": "Mend {item} in {subject} of {user}.",
        "check": check,
        "source": "a test",
    }
    return Rule(**dict(values, **changes))


def always(subject, _audit):
    yield Problem("Something is wrong.", item="thing")


def test_a_finding_tells_everything(host, findings):
    host.environment("/opt/conda", ["conda-26.7.1-py313_0"])
    (found,) = findings(host, [rule(always)])
    owner = found.pop("owner")
    assert found == {
        "rule": "env.some",
        "severity": "medium",
        "kind": "environment",
        "subject": "/opt/conda",
        "item": "thing",
        "path": None,
        "environment": "base",
        "evidence": "Something is wrong.",
        "layer": "default",
        "waiver": None,
        "details": {},
        "remedy": "Mend thing in /opt/conda of %s." % owner,
    }


def test_a_failing_check_harms_no_other_subject_and_no_other_rule(host, run_audit):
    for name in ("a", "b", "c"):
        host.environment("/opt/envs/" + name)
    host.environment("/opt/conda", ["conda-26.7.1-py313_0"])

    def check(subject, audit):
        if subject.prefix.endswith("conda"):
            raise ZeroDivisionError
        if subject.prefix.endswith("/b"):
            raise Unreadable("/opt/envs/b/x", "permission denied")
        yield from always(subject, audit)

    auditing = run_audit(host, [rule(check), rule(always, id="env.other")], search_paths=("/opt/envs",))
    found = [(item["rule"], item["subject"]) for item in auditing.judgement.findings]
    assert found == [
        ("env.other", "/opt/conda"),
        ("env.other", "/opt/envs/a"),
        ("env.other", "/opt/envs/b"),
        ("env.other", "/opt/envs/c"),
        ("env.some", "/opt/envs/a"),
        ("env.some", "/opt/envs/c"),
    ]
    assert [(item["subject"], item["reason"]) for item in auditing.judgement.unjudged] == [
        ("/opt/conda", "the check failed (ZeroDivisionError); please report this"),
        ("/opt/envs/b", "permission denied"),
    ]
    assert auditing.look.report.count == 2


def test_the_policy_switches_rules_off_and_changes_severities(host, run_audit):
    host.environment("/opt/conda")
    policy = {
        "values": {"rules": {"env.some": "off", "env.other": "critical"}},
        "layers": {"rules.env.some": "platform", "rules.env.other": "base"},
    }
    judgement = run_audit(host, [rule(always), rule(always, id="env.other")], policy=policy).judgement
    assert [(item["rule"], item["severity"], item["layer"]) for item in judgement.findings] == [
        ("env.other", "critical", "base")
    ]
    assert judgement.not_checked == [{"rule": "env.some", "reason": "the policy has switched it off (layer platform)"}]


def test_families_needs_and_the_minimum_severity(host, run_audit):
    host.environment("/opt/conda")
    rules = [
        rule(always),
        rule(always, id="env.low", severity="low"),
        rule(always, id="env.deep", needs=("hashes",)),
        rule(always, id="gpu.some", family="gpu"),
    ]
    judgement = run_audit(host, rules, families=["environment"], minimum_severity="medium").judgement
    assert [item["rule"] for item in judgement.findings] == ["env.some"]
    assert [item["rule"] for item in judgement.not_checked] == ["env.deep", "gpu.some"]
    assert judgement.rules_checked == 2


def test_a_waiver_excuses_until_its_last_day_and_is_a_finding_after(host, findings):
    host.environment("/opt/conda")
    waiver = {
        "rule": "env.*",
        "subject": "/opt/*",
        "reason": "a course runs",
        "owner": "ops",
        "expires": "2026-11-22",
        "layer": "platform",
    }
    policy = {"values": {}, "waivers": [waiver]}
    rules = [rule(always), *_rules_policy.RULES]
    (excused,) = findings(host, rules, policy=policy, today="2026-11-22")
    assert excused["waiver"] == {
        "reason": "a course runs",
        "owner": "ops",
        "expires": "2026-11-22",
        "layer": "platform",
    }
    after = findings(host, rules, policy=policy, today="2026-11-23")
    assert [(item["rule"], item["waiver"]) for item in after] == [("env.some", None), ("policy.waiver_expired", None)]
    assert "expired on 2026-11-22" in after[1]["evidence"]


def test_a_waiver_of_another_subject_or_item_excuses_nothing(host, findings):
    host.environment("/opt/conda")
    base = {"rule": "env.some", "reason": "r", "owner": "o", "expires": "2027-01-01", "layer": "base"}
    for waiver in ({"subject": "/home/*"}, {"subject": "*", "item": "another"}, {"rule": "env.so", "subject": "*"}):
        (found,) = findings(host, [rule(always)], policy={"values": {}, "waivers": [dict(base, **waiver)]})
        assert found["waiver"] is None


def test_an_attempt_to_override_a_locked_key_is_a_finding(host, findings):
    violation = {"key": "channels.denied", "layer": "user", "locked_by": "base", "wanted": []}
    (found,) = findings(host, _rules_policy.RULES, policy={"values": {}, "violations": [violation]})
    assert (found["rule"], found["item"]) == ("policy.locked_override", "user channels.denied")
    assert "base" in found["evidence"]


def test_one_subject_cannot_flood_the_findings(host, run_audit):
    host.environment("/opt/conda")

    def flood(_subject, _audit):
        for number in range(1000):
            yield Problem("x" * 100000, item=str(number))

    auditing = run_audit(host, [rule(flood)])
    assert len(auditing.judgement.findings) == 100
    assert all(len(item["evidence"]) <= 2000 for item in auditing.judgement.findings)
    assert "more than 100 problems" in auditing.look.report.entries[0]["reason"]


def test_what_one_home_floods_does_not_crowd_out_the_others(host, run_audit):
    def check(_subject, _audit):
        for number in range(5000):
            yield Problem("flood", item=str(number), subject="/home/mallory/%d" % number)
        yield Problem("real", item="one", subject="/home/alice/.condarc", owner="alice")

    auditing = run_audit(host, [rule(check, scope="host")])
    found = [item for item in auditing.judgement.findings if item["owner"] == "alice"]
    assert [item["subject"] for item in found] == ["/home/alice/.condarc"]
    assert len(auditing.judgement.findings) == 101
    assert [entry["path"] for entry in auditing.look.report.entries] == ["/home/mallory"]


def test_a_remedy_can_be_pasted_whatever_the_path_is_called(host, findings):
    prefix = "/opt/conda/envs/a; reboot $(x) {user}"
    host.environment(prefix)
    (found,) = findings(host, [rule(always, remedy="As {user}: touch {subject}/x {item}")], search_paths=["/opt"])
    assert found["remedy"].endswith("touch '/opt/conda/envs/a; reboot $(x) {user}'/x thing")


def _busy(audit, seconds, place):
    """Work that takes time, as a check does: it asks whether there is any left."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        audit.root.check_time(place)


def test_what_was_found_is_kept_when_the_time_is_up_and_the_rest_is_told(host, run_audit):
    for name in "abc":
        host.environment("/opt/envs/" + name)

    def check(subject, audit):
        yield Problem("seen", item="thing")
        if subject.prefix.endswith("/b"):
            _busy(audit, 60, subject.prefix)

    rules = [rule(check), rule(always, id="env.other")]
    auditing = run_audit(host, rules, search_paths=("/opt/envs",), time_limit=1.0)
    assert [item["subject"] for item in auditing.judgement.findings] == ["/opt/envs/a", "/opt/envs/b"]
    assert [(item["rule"], item["subject"]) for item in auditing.judgement.unjudged] == [
        ("env.some", "/opt/envs/b"),
        ("env.some", "/opt/envs/c"),
        ("env.other", "/"),
    ]
    assert not auditing.look.complete


@pytest.mark.load
def test_nobody_can_take_the_time_of_others_with_many_environments(as_root, host, run_audit):
    for number in range(8):
        host.environment("/opt/envs/a%d" % number)
        os.chown(host.path("/opt/envs/a%d" % number), 4711, 4711)
    host.environment("/opt/envs/z")
    os.chown(host.path("/opt/envs/z"), 1000, 1000)

    def check(subject, audit):
        if subject.uid == 4711:
            _busy(audit, 2, subject.prefix)
        yield from always(subject, audit)

    auditing = run_audit(host, [rule(check)], search_paths=("/opt/envs",), time_limit=5.0)
    assert "/opt/envs/z" in [item["subject"] for item in auditing.judgement.findings]
    told = {item["subject"] for item in auditing.judgement.unjudged}
    judged = {item["subject"] for item in auditing.judgement.findings}
    assert len(told | judged) == 9 and told, "what was not judged is told"
    assert auditing.look.complete


@pytest.mark.load
def test_who_is_alone_on_a_host_gets_all_the_time(as_root, host, run_audit):
    host.environment("/opt/envs/a")
    os.chown(host.path("/opt/envs/a"), 1000, 1000)

    def check(subject, audit):
        _busy(audit, 1.3, subject.prefix)
        yield from always(subject, audit)

    auditing = run_audit(host, [rule(check)], search_paths=("/opt/envs",), time_limit=10.0)
    assert len(auditing.judgement.findings) == 1 and not auditing.judgement.unjudged


def test_a_text_is_masked_before_it_is_cut(host, findings):
    host.environment("/opt/conda")
    for length in range(1960, 2000, 7):
        text = "x" * length + " https://user:hunter2secret@example.org/channel"

        def check(_subject, _audit, text=text):
            yield Problem(text, item=text, remedy=text)

        (found,) = findings(host, [rule(check)])
        for key in ("evidence", "item", "remedy"):
            assert "hunt" not in clean(found[key]) and len(found[key]) <= 2000
