# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The digest of a nightly run tells what is wrong, and only that; reports of another night are not told again."""

from __future__ import annotations

import json

import pytest

from ansible_collections.labfleet.conda.plugins.plugin_utils._audit_document import audit_document
from ansible_collections.labfleet.conda.plugins.plugin_utils._change_report import change_document
from ansible_collections.labfleet.conda.plugins.plugin_utils._nightly import DigestError, digest, read_reports

BEGAN = 1795660000  # 2026-11-26T02:26:40Z
DURING, BEFORE = "2026-11-26T02:30:00Z", "2026-11-25T02:30:00Z"


def result(*severities):
    """What conda_audit returns for a host with one finding of each severity."""
    found = [
        {"rule": f"tool.rule{number}", "severity": severity, "subject": f"/opt/{number}", "title": "t", "evidence": "e",
         "remedy": "r", "details": {}, "family": "tool", "item": None}
        for number, severity in enumerate(severities)
    ]  # fmt: skip
    return {"findings": found, "installations": [], "environments": [], "complete": True}


class State:
    """The directory of a nightly run."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "audit").mkdir(parents=True)

    def run(self, **codes):
        steps = [{"step": step, "exit_code": code, "seconds": 1} for step, code in codes.items()]
        document = {"began": BEGAN, "ended": BEGAN + 9, "exit_code": 0, "log": "/var/log/n.log", "steps": steps}
        (self.folder / "nightly.json").write_text(json.dumps(document))

    def audit(self, results, previous=None, generated=DURING):
        document = audit_document(results, generated=generated, advisories={}, rules={}, previous=previous)
        (self.folder / "audit" / "audit.json").write_text(json.dumps(document))
        return document

    def update(self, generated=DURING, **statuses):
        outcomes = {
            name: {"status": status, "message": "No room.\nNone.", "prefixes": [], "left_out": []}
            for name, status in statuses.items()
        }
        document = change_document(outcomes, action="update", forecast=False, stopped=None, generated=generated)
        (self.folder / "update.json").write_text(json.dumps(document))

    def digest(self, severity="high"):
        return digest(read_reports(str(self.folder)), severity=severity, rows=40)


@pytest.fixture
def state(tmp_path):
    return State(tmp_path / "state")


def test_a_good_night(state):
    state.run(update=0, audit=0)
    state.audit({"gpu01": result("low")})
    state.update(gpu01="changed")
    told = state.digest()
    assert told.problems == []
    assert told.subject == "conda, nightly run: all is well (1 hosts updated, 0 critical, 0 high)"
    assert "UPDATE of 1 hosts: 1 changed" in told.text and "AUDIT of 1 hosts" in told.text
    assert told.text.endswith("The log of the run is /var/log/n.log.\n") and told.markdown.startswith("**conda")


def test_what_is_wrong_is_told_first(state):
    state.run(update=2, audit=4, ledger=124)
    state.audit({"gpu01": result(), "gpu02": None})
    state.update(gpu01="failed")
    told = state.digest()
    assert told.problems == [
        "The step update did not end well: hosts failed or could not be reached.",
        "The step audit did not end well: hosts failed or could not be reached.",
        "The step ledger did not end well: its time was up.",
        "Not audited: gpu02.",
        "The update of gpu01 failed: No room.\\nNone.",
    ]
    assert told.subject.startswith("conda, nightly run: 5 problems") and "\n" not in told.subject
    assert told.text.splitlines()[:5] == told.problems


@pytest.mark.parametrize(("severity", "count"), [("high", 1), ("low", 2), ("critical", 0)])
def test_new_findings_are_a_problem_from_a_severity_on(state, severity, count):
    before = state.audit({"gpu01": result("high")}, generated=BEFORE)
    state.run(audit=0)
    state.audit({"gpu01": result("high", "low", "high")}, previous=before)
    problems = state.digest(severity).problems
    assert len(problems) == bool(count)
    assert not count or "New findings since 2026-11-25T02:30:00Z: 1 high" in problems[0]
    assert ("1 low" in "".join(problems)) == (count == 2)


def test_reports_of_another_night_are_left_out(state):
    state.run(update=2, audit=0)
    state.audit({"gpu01": result("critical")}, generated=BEFORE)
    state.update(generated=BEFORE, gpu01="failed")
    told = state.digest()
    assert told.problems == ["The step update did not end well: hosts failed or could not be reached."]
    assert "AUDIT" not in told.text and "UPDATE" not in told.text


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("nightly.json", None, "there is no nightly.json"),
        ("nightly.json", "{", "it is not JSON"),
        ("nightly.json", "[]", "it is no file of a nightly run"),
        ("nightly.json", '{"began": 1, "steps": [1]}', "it is no file of a nightly run"),
        ("update.json", "{}", "it is no report of the playbook update"),
        ("audit/audit.json", "{}", "it is no report of an audit"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_gets_a_sentence(state, name, text, said):
    state.run(update=0, audit=0)
    path = state.folder / name
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(DigestError, match=said):
        state.digest()
