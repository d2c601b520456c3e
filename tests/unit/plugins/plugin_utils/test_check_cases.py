# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What became of the steps of a check, and the same as JUnit XML."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from ansible_collections.labfleet.conda.plugins.plugin_utils._check_cases import check_cases, junit_chunks

TRACE = 'Traceback (most recent call last):\n  File "<string>", line 1\nImportError: libcudnn.so.9: not found\n'


def step(result, name="{item} is imported", failure="{item} cannot be imported"):
    return {"name": name, "result": result, "failure": failure}


@pytest.mark.parametrize(
    "result, state, message",
    [
        ({"changed": True}, "passed", ""),
        ({"skipped": True}, "skipped", "It was not tried, as a step before it failed or nothing is to be done."),
        ({"failed": True, "msg": "Task failed: no\nspace"}, "failed", "x failed: no space"),
        ({"unreachable": True, "msg": "no route"}, "failed", "x failed: no route"),
        ({"failed": True, "cmd": ["python"], "stderr": TRACE, "msg": "non-zero return code"}, "failed",
         "x failed: ImportError: libcudnn.so.9: not found"),
        ({"failed": True, "cmd": "x", "stdout": "1 failed", "stderr": "", "msg": "rc"}, "failed", "x failed: 1 failed"),
        ({"failed": True, "cmd": "x", "stderr": "", "msg": "Timed out after 5 second(s)."}, "failed",
         "x failed: Timed out after 5 second(s)."),
        # a module that tells of a program's standard error is believed by its message
        ({"failed": True, "stderr": "noise", "msg": "what is wrong"}, "failed", "x failed: what is wrong"),
    ],
)  # fmt: skip
def test_each_step_is_a_case(result, state, message):
    assert check_cases([step(result, "x", "x failed")]) == [{"name": "x", "state": state, "message": message}]


def test_each_item_of_a_loop_is_a_case_of_its_own():
    results = [{"item": "torch"}, {"item": "numpy", "failed": True, "msg": "no"}, {"item": "six", "skipped": True}]
    cases = check_cases([step({"failed": True, "results": results})])
    assert [(case["name"], case["state"]) for case in cases] == [
        ("torch is imported", "passed"),
        ("numpy is imported", "failed"),
        ("six is imported", "skipped"),
    ]
    assert cases[1]["message"] == "numpy cannot be imported: no"


def test_a_loop_that_was_skipped_as_a_whole_is_one_case():
    assert check_cases([step({"skipped": True, "results": []}, "import")])[0]["state"] == "skipped"


def test_the_document_has_a_suite_for_each_host_and_takes_any_text():
    bad = {"name": 'a "b" <c>', "state": "failed", "message": "no \x1b[31m& <more>"}
    hosts = {"ci": [bad, {"name": "b", "state": "passed", "message": ""}], "other": []}
    text = "".join(junit_chunks(hosts, timestamp="2026-11-22T10:00:00"))
    suite, other = ElementTree.fromstring(text)
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("2", "1", "0")
    assert (other.get("name"), other.get("tests")) == ("other", "0")
    case, passed = suite.findall("testcase")
    assert case.get("name") == 'a "b" <c>' and "& <more>" in case.find("failure").get("message")
    assert list(passed) == []
