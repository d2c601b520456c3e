# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the callback fleet says of a run: counts, the time left, the lines of hosts and the table at the end."""

from __future__ import annotations

import io
import json

import pytest

from ansible_collections.labfleet.conda.plugins.plugin_utils import _fleet_output
from ansible_collections.labfleet.conda.plugins.plugin_utils._fleet_output import Output
from ansible_collections.labfleet.conda.plugins.plugin_utils._gates import SEVERITIES
from ansible_collections.labfleet.conda.plugins.plugin_utils._outcome import Outcome, findings_text, outcome
from ansible_collections.labfleet.conda.plugins.plugin_utils._progress import Progress, duration

HOSTS = ["n%02d" % number for number in range(1, 21)]
COUNTS = {"info": 4, "low": 3, "medium": 0, "high": 2, "critical": 1}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def progress(clock):
    found = Progress("high", clock)
    found.play(HOSTS)
    found.task("t", "Judge the host")
    return found


def test_the_time_left_is_what_the_others_took(progress, clock):
    for number, host in enumerate(HOSTS[:10], 1):
        clock.now = number * 2.0
        progress.done("t", host, Outcome("ok"))
        assert ("left" in progress.status()) == (number >= 5)
    assert progress.status() == "Judge the host: 10/20 hosts, about 20 s left"
    for host in HOSTS[10:]:
        progress.done("t", host, Outcome("ok"))
    assert progress.status() == "Judge the host: 20/20 hosts"


def test_the_last_hosts_are_named_and_lost_ones_counted(progress):
    for host in HOSTS:
        progress.started("t", host)
    for host in HOSTS[:18]:
        progress.done("t", host, Outcome("unreachable" if host == "n03" else "ok", "no route"))
    assert progress.status() == "Judge the host: 18/20 hosts, 1 failed or not reached, waiting for n[19-20]"


def test_a_task_on_one_host_counts_one(progress):
    progress.task("once", "Write the report", once=True)
    assert progress.status() == "Write the report: 0/1 hosts"


@pytest.mark.parametrize("width", [1, 10, 20, 30, 80])
def test_the_line_is_not_wider_than_the_terminal(progress, width):
    progress.task("t2", "A name of a task that is longer than most terminals are wide, or would be if it were on one")
    assert 0 < len(progress.status(width)) <= width


def test_a_host_has_a_line_only_if_there_is_something_to_tell(progress):
    assert progress.done("t", "n01", Outcome("ok")) == []
    assert progress.done("t", "n02", Outcome("ok", counts=dict.fromkeys(SEVERITIES, 0))) == []
    assert progress.done("t", "n03", outcome({"counts": COUNTS})) == [
        "n03  found  1 critical, 2 high and 7 less severe"
    ]
    assert progress.done("t", "n04", Outcome("failed", "no Python")) == ["n04  failed  no Python"]
    # a playbook that went on to report the failure ends with it
    assert progress.done("t", "n04", Outcome("failed", "no Python")) == []
    assert progress.done("t", "n04", Outcome("failed", "something else")) == ["n04  failed  something else"]


def test_changes_are_told_once_per_task_with_the_hosts_merged(progress):
    for host in HOSTS[:3]:
        assert progress.done("t", host, Outcome("changed")) == []
    assert progress.play(HOSTS) == ["n[01-03]  changed  Judge the host"]
    assert progress.flush() == []


def test_the_end_counts_what_the_run_counts_as_failed_and_merges_reasons(progress, clock):
    for host in HOSTS[:4]:
        progress.done("t", host, Outcome("unreachable", "no route"))
    progress.done("t", "n05", Outcome("failed", "no Python"))
    progress.done("t", "n06", Outcome("failed", "to be ignored"))
    progress.done("t", "n07", Outcome("changed"))
    clock.now = 200.4
    failed = {*HOSTS[:5]}
    text = "\n".join(progress.end(failed))
    assert "RUN on 20 hosts in 3 min 20 s: 15 ok, 1 changed, 1 failed, 4 not reached" in text
    assert "n[01-04]  unreachable  no route" in text and "n05       failed       no Python" in text
    assert "to be ignored" not in text


@pytest.mark.parametrize(
    "seconds, text", [(0.4, "0 s"), (59.6, "1 min 0 s"), (3599.6, "1 h 0 min"), (7505, "2 h 5 min")]
)
def test_times_are_said_as_people_say_them(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    "result, text",
    [
        ({"msg": "Task failed: Module failed: x\n y"}, "Module failed: x y"),
        ({"censored": "hidden", "msg": "secret"}, "its result is not shown, since the task has no_log"),
        ({"msg": "One or more items failed", "results": [{"msg": "good"}, {"failed": True, "msg": "bad"}]}, "bad"),
        ({"msg": "see https://u:hunter2@h/t/tk-123-abc/x"}, "see https://"),
        ({"msg": "\x1b[2Jgone"}, "\\x1b[2Jgone"),
        ({}, "no reason was given"),
    ],
)
def test_the_reason_is_one_safe_line(result, text):
    found = outcome(result, failed=True)
    assert found.status == "failed" and found.text.startswith(text)
    assert "hunter2" not in found.text and "tk-123" not in found.text and "secret" not in found.text
    assert len(outcome({"msg": "x" * 1000}, failed=True).text) == 300


def test_counts_of_other_modules_are_no_findings():
    assert outcome({"changed": True, "counts": {"added": 3}}) == Outcome("changed")
    assert findings_text({"critical": 0, "high": 0, "low": 9}, "high") == ""


def output(form, clock, rows=30):
    lines: list[str] = []
    stream = io.StringIO()
    found = Output(
        form, severity="high", interval=30, rows=rows, show=lambda text, status=None: lines.append(text), stream=stream,
        clock=clock,
    )  # fmt: skip
    return found, lines, stream


def drive(found, clock):
    found.play("Audit", HOSTS[:3])
    found.task("t", "Judge the host", "labfleet.conda.conda_audit")
    for host in HOSTS[:3]:
        clock.now += 20
        found.started("t", host)
        result = {"msg": "no route", "unreachable": True}
        lost = host == "n02"
        found.done("t", "x.y.z", host, result if lost else {"changed": True}, outcome(result, unreachable=lost))
    found.end({"n02"})


def test_a_terminal_has_one_line_that_is_taken_away_before_others_are_printed(clock):
    found, lines, stream = output(_fleet_output.LIVE, clock)
    drive(found, clock)
    drawn = stream.getvalue()
    assert "\r\x1b[KJudge the host: 1/3 hosts" in drawn and drawn.endswith("\r\x1b[K")
    assert not any("\x1b" in text or "\r" in text for text in lines)
    assert "n02  unreachable  no route" in lines


def test_a_log_has_a_line_on_the_progress_now_and_then(clock):
    found, lines, stream = output(_fleet_output.PLAIN, clock)
    drive(found, clock)
    assert stream.getvalue() == ""
    assert [text for text in lines if "/3 hosts" in text] == ["Judge the host: 2/3 hosts, 1 failed or not reached"]


def test_each_line_for_programs_is_an_object(clock):
    found, lines, stream = output(_fleet_output.JSON, clock)
    drive(found, clock)
    events = [json.loads(text) for text in lines]
    assert stream.getvalue() == ""
    assert [event["event"] for event in events] == ["play", "task", "host", "host", "host", "end"]
    assert events[3] == {
        "event": "host", "host": "n02", "action": "x.y.z", "status": "unreachable", "message": "no route"
    }  # fmt: skip
    assert events[-1]["lost"] == [{"host": "n02", "status": "unreachable", "message": "no route"}]
    assert (events[-1]["hosts"], events[-1]["ok"], events[-1]["unreachable"]) == (3, 2, 1)
