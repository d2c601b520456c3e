# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What became of hosts, when a run stops, and what is printed of it."""

from __future__ import annotations

import pytest

from ansible_collections.labfleet.conda.plugins.plugin_utils._change_report import (
    change_document,
    change_lines,
    failing_hosts,
)
from ansible_collections.labfleet.conda.plugins.plugin_utils._rollout import Registered, host_outcome, progress

FOUND = {"installations": [], "environments": []}
TARGET = {"prefix": "/opt/conda", "environment": None, "kind": "conda", "owner": "root", "wanted": "conda >=26.5.2"}
CHANGED = {
    "outcome": "committed",
    "changed": True,
    "before": {"conda": "24.1.0", "python": "3.11.4"},
    "after": {"conda": "26.5.2", "python": "3.11.4"},
    "packages": [{"name": "conda"}, {"name": "tqdm"}],
    "snapshot": {"id": "20261122T090000Z-1f2e3d"},
    "space": {"download": 3_000_000_000},
}


def outcome(*results, found=None, left_out=(), targets=None):
    """The outcome of a host whose targets gave these results."""
    found = FOUND if found is None else found
    names = [dict(TARGET, prefix="/opt/conda%d" % index if index else "/opt/conda") for index in range(len(results))]
    plan = {"targets": names if targets is None else targets, "left_out": list(left_out)}
    done = {"results": [dict(result, item=target) for result, target in zip(results, names, strict=True)]}
    return host_outcome(Registered(found, plan, done))


def report(hosts, **options):
    options = {"action": "update", "forecast": False, "stopped": None, "generated": "2026-11-22T09:00:00Z", **options}
    return change_document(hosts, **options)


NOT_TRIED = host_outcome(Registered(None, None, None))
GONE = host_outcome(Registered({"unreachable": True, "msg": "no route"}, None, None))


@pytest.mark.parametrize(
    ("result", "status", "message"),
    [
        (CHANGED, "changed", None),
        ({**CHANGED, "outcome": "planned"}, "planned", None),
        ({"outcome": "unchanged", "before": {"conda": "26.5.2"}, "after": {"conda": "26.5.2"}}, "unchanged", None),
        ({"outcome": "deferred", "message": "/opt/conda is in use"}, "deferred", "/opt/conda is in use"),
        ({"failed": True, "msg": "it is frozen", "held": "frozen", "outcome": "unchanged"}, "held", "it is frozen"),
        ({"failed": True, "msg": "was not kept", "outcome": "rolled_back"}, "failed", "was not kept"),
        ({"failed": True, "msg": "Task failed: no\nroom"}, "failed", "no room"),
        ({"unreachable": True, "msg": "went away"}, "unreachable", "went away"),
        ({"outcome": "something new"}, "failed", "no reason was given"),
        (
            {"outcome": "unchanged", "changed": True, "message": "An interrupted change is to be undone first."},
            "planned",
            "An interrupted change is to be undone first.",
        ),
    ],
)
def test_the_outcome_of_one_prefix(result, status, message):
    told = outcome(result)
    assert told["status"] == status
    assert [(entry["outcome"], entry["message"]) for entry in told["prefixes"]] == [(status, message)]


def test_the_versions_that_differ_are_told():
    assert outcome(CHANGED)["prefixes"][0]["versions"] == "conda 24.1.0 -> 26.5.2"


@pytest.mark.parametrize(
    ("second", "status"),
    [
        ({"outcome": "unchanged"}, "changed"),
        ({"outcome": "deferred"}, "deferred"),
        ({"failed": True, "msg": "no"}, "failed"),
        ({"unreachable": True}, "unreachable"),
    ],
)
def test_a_host_is_what_the_worst_of_its_prefixes_is(second, status):
    assert outcome(CHANGED, second)["status"] == status


def test_a_host_that_was_not_reached_or_not_tried():
    assert (GONE["status"], GONE["message"]) == ("unreachable", "no route")
    assert (NOT_TRIED["status"], NOT_TRIED["prefixes"]) == ("not_tried", [])


def test_a_host_whose_look_or_plan_failed():
    assert host_outcome(Registered({"failed": True, "msg": "no Python"}, None, None))["message"] == "no Python"
    assert host_outcome(Registered(FOUND, None, None))["status"] == "failed"


def test_a_target_without_a_result_is_a_failure():
    plan = {"targets": [TARGET], "left_out": []}
    assert host_outcome(Registered(FOUND, plan, None))["status"] == "failed"
    cut = host_outcome(Registered(FOUND, plan, {"unreachable": True, "msg": "the connection broke"}))
    assert (cut["status"], cut["prefixes"][0]["message"]) == ("unreachable", "the connection broke")


def test_environments_of_one_installation_have_each_their_own_result():
    targets = [dict(TARGET, environment="/e/%s" % name) for name in "ab"]
    done = {"results": [{**CHANGED, "item": targets[1]}, {"failed": True, "msg": "no", "item": targets[0]}]}
    told = host_outcome(Registered(FOUND, {"targets": targets, "left_out": []}, done))["prefixes"]
    assert [(entry["prefix"], entry["outcome"]) for entry in told] == [("/e/a", "failed"), ("/e/b", "changed")]


def test_a_restore_is_a_change_the_other_way_round():
    result = {
        "changed": True,
        "changed_paths": 12,
        "packages": {"added": ["conda-4.3.13-py36_0"], "removed": ["conda-4.3.16-py36_0"]},
    }
    (entry,) = outcome(result)["prefixes"]
    assert (entry["outcome"], entry["versions"]) == ("changed", "conda 4.3.16 -> 4.3.13")
    result["packages"] = {"added": [], "removed": []}
    assert outcome(result)["prefixes"][0]["message"] == "12 files of the snapshot"
    assert outcome({**result, "changed": False})["status"] == "unchanged"


BROKEN = {"failed": True, "msg": "no"}


@pytest.mark.parametrize(
    ("failed", "well", "gone", "maximum", "stops"),
    [
        (0, 0, 0, 0, False),
        (0, 5, 3, 0, False),
        (1, 0, 0, 10, True),
        (1, 9, 0, 10, False),
        (2, 9, 0, 10, True),
        (1, 9, 50, 10, False),
        (1, 99, 0, 0, True),
        (5, 0, 0, 100, False),
    ],
)
def test_a_run_stops_when_too_many_of_the_hosts_so_far_failed(failed, well, gone, maximum, stops):
    hosts = {"f%d" % index: outcome(BROKEN) for index in range(failed)}
    hosts.update({"w%d" % index: outcome(CHANGED) for index in range(well)})
    hosts.update({"g%d" % index: GONE for index in range(gone)})
    hosts["later"] = NOT_TRIED
    reason = progress(hosts).why_stop(maximum)
    assert (reason is not None) is stops
    if stops:
        assert reason.startswith("%d of %d hosts failed" % (failed, failed + well)) and "f0" in reason


def test_the_digest_merges_equal_hosts_and_ends_with_what_needs_a_person():
    hosts = {"gpu%02d" % number: outcome(CHANGED) for number in range(1, 5)}
    hosts["login1"] = outcome({"failed": True, "msg": "There is too little room.", "outcome": "unchanged"})
    hosts["old1"] = NOT_TRIED
    document = report(hosts, stopped="1 of 5 hosts failed.")
    lines = change_lines(document, rows=60)
    assert lines[1] == "UPDATE of 6 hosts: 1 failed, 4 changed, 1 not tried"
    assert lines[2] == "The run was stopped: 1 of 5 hosts failed."
    rows = [line.split() for line in lines[6:]]
    assert rows[0][:3] == ["not", "tried", "old1"]
    assert rows[1][:3] == ["changed", "gpu[01-04]", "/opt/conda"] and "and 1 packages" in lines[7]
    assert rows[2][0] == "failed" and lines[8].endswith("There is too little room.")
    assert document["summary"]["hosts_changed"] == 4 and document["summary"]["prefixes"]["failed"] == 1


def test_rows_that_need_nobody_are_left_out_first():
    hosts = {name: outcome({**CHANGED, "after": {"conda": "9.%d" % index}}) for index, name in enumerate("abcd")}
    hosts["z"] = outcome(BROKEN)
    lines = change_lines(report(hosts), rows=2)
    assert lines[-1] == "and 3 more rows, in the report" and any(line.startswith("failed") for line in lines)


def test_a_forecast_counts_what_will_change_what_cannot_and_the_download():
    planned = outcome({**CHANGED, "outcome": "planned"})
    hosts = {"a": planned, "b": outcome(BROKEN), "c": outcome({"outcome": "unchanged"})}
    headline = change_lines(report(hosts, forecast=True), rows=9)[1]
    expected = "FORECAST OF THE UPDATE of 3 hosts: 1 will change, 1 stay as they are, 1 cannot; 3.0 GB to download"
    assert headline == expected


def test_what_was_recovered_deferred_and_left_out_is_told():
    recovered = {**CHANGED, "recovered": "An interrupted run was undone."}
    uses = [{"pid": 1, "uid": 1000, "program": "python3.11", "how": "program"}]
    hosts = {
        "a": outcome(recovered),
        "b": outcome({"outcome": "deferred", "message": "busy", "processes": uses}),
        "c": outcome(left_out=[{"prefix": "/home/bob/conda", "reason": "it is the user bob's own"}]),
        "d": outcome({"outcome": "deferred", "message": "Another change is under way."}),
    }
    text = "\n".join(change_lines(report(hosts), rows=9))
    assert "a: /opt/conda: An interrupted run was undone." in text
    assert "b: /opt/conda: user 1000: python3.11" in text
    assert "d: /opt/conda: Another change is under way." in text
    assert "c: /home/bob/conda: it is the user bob's own" in text


def test_control_characters_are_escaped():
    text = "\n".join(change_lines(report({"a": outcome({"failed": True, "msg": "\x1b[31mred"})}), rows=9))
    assert "\x1b" not in text and "\\x1b[31mred" in text


def test_snapshots_are_listed_where_there_are_several():
    listed = [{"id": "one", "reason": "before the update"}, {"id": "two", "reason": "", "created": "T"}]
    found = {"snapshots": listed}
    text = "\n".join(change_lines(report({"a": outcome(CHANGED, found=found)}, action="rollback"), rows=9))
    assert "a: one  before the update" in text and "a: two  T" in text
    found = {"snapshots": listed[:1]}
    assert "one" not in "\n".join(change_lines(report({"a": outcome(CHANGED, found=found)}), rows=9))


def test_which_hosts_fail_a_run():
    hosts = {
        "good": outcome(CHANGED),
        "bad": outcome({"failed": True, "msg": "no room"}),
        "gone": GONE,
        "busy": outcome({"outcome": "deferred", "message": "in use"}),
        "held": outcome({"failed": True, "msg": "frozen", "held": "frozen"}),
        "later": NOT_TRIED,
    }
    document = report(hosts)
    assert failing_hosts(document, fail_deferred=False) == {"bad": "/opt/conda: no room", "gone": "no route"}
    strict = failing_hosts(document, fail_deferred=True)
    assert sorted(strict) == ["bad", "busy", "gone"] and strict["busy"] == "/opt/conda: in use"
