# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions over the document: the functions, the errors, the ready questions, the tables."""

from __future__ import annotations

from pathlib import Path

import jmespath
import pytest
from gates import questions_page

from ansible_collections.labfleet.conda.plugins.plugin_utils import _ask
from ansible_collections.labfleet.conda.plugins.plugin_utils._answer import answer_lines
from ansible_collections.labfleet.conda.plugins.plugin_utils._ask import ask
from ansible_collections.labfleet.conda.plugins.plugin_utils._packages import QuestionError
from ansible_collections.labfleet.conda.plugins.plugin_utils._questions import QUESTIONS, ready_question

CHECKOUT = Path(questions_page.__file__).resolve().parents[2]
WAIVER = {"reason": "a paper", "owner": "eve", "expires": "2027-01-01", "layer": "user"}


@pytest.fixture(scope="module")
def document(audited):
    """A fleet in which every ready question has an answer."""
    found = audited.finding
    findings = [
        found("chan.defaults.installed", "/opt/conda"),
        found("chan.http", item="http://x", severity="critical"),
        found("chan.mixed.env"),
        found("secret.condarc"),
        found("perm.world_writable", "/srv/conda"),
        found("env.unused"),
        found("base.pip_over_conda"),
        found("env.missing_dep"),
        found("env.gpu_driver"),
        found("chan.retired", waiver=WAIVER),
        found(
            "env.vuln",
            details={"advisories": ["CVE-2026-53940"], "package": "conda", "version": "4.12.0", "fixed": "26.5.2"},
        ),
    ]
    environments = [
        audited.environment(
            "/opt/conda",
            packages=[("conda", "4.12.0"), ("openssl", "3.0.12")],
            pip=[("requests", "2.30.0")],
            python_version="3.9.1",
        ),
        audited.environment("/home/alice/e", packages=[("openssl", "3.0.13")], owner="alice", processes=1),
        audited.environment("/home/1001/e", packages=[], owner="1001", record_count=900),
    ]
    old = audited.installation("4.12.0", solver={"name": "classic"})
    installations = [
        old,
        audited.installation("26.7.1", prefix="/opt/new", frozen=True),
        audited.installation("2.5.0", kind="mamba", prefix="/opt/mamba", versions={"mamba": "2.5.0"}),
        audited.installation(None, kind="micromamba", prefix=None),
    ]
    host = audited.result(
        findings,
        environments,
        installations,
        unreadable=[{"path": "/x", "reason": "no"}],
        unreadable_count=1,
        unjudged=[{"rule": "chan.http", "subject": "/y", "reason": "no"}],
    )
    new = [audited.installation(prefix="/opt/%d" % number) for number in range(5)]
    before = audited.document(
        {"gpu01": audited.result([found("perm.owner", "/z")], environments), "gpu02": host, "bare": audited.result()}
    )
    results = {"gpu01": host, "gpu02": host, "new": audited.result([], [], new), "bare": audited.result(), "away": None}
    return audited.document(results, previous=before, day=23)


@pytest.mark.parametrize(
    "expression, answer",
    [
        ("summary.hosts", 5),
        ("hosts.gpu01.status", "ok"),
        ("findings[?severity == 'critical'].host", ["gpu01", "gpu02"]),
        ("installations[?version_lt(version, '4.13') && host == 'gpu01'].version", ["4.12.0", "2.5.0"]),
        ("version_lt('4.9.2', '4.10')", True),
        ("version_ge('1.1.1', '1.1.1w')", True),
        ("version_ge('4.9', '4.10')", False),
        ("version_matches('24.11.3', '>=24,<25')", True),
        ("version_matches('26.1', '24.*|25.*')", False),
        ("environments[?packages[?match(@, 'openssl <3.0.13')]].prefix", ["/opt/conda", "/opt/conda"]),
        ("environments[?pip_packages[?match(@, 'requests <2.31')]].host", ["gpu01", "gpu02"]),
        ("packages('openssl >=3.0.13')[].[host, version]", [["gpu01", "3.0.13"], ["gpu02", "3.0.13"]]),
        ("is_number('1001')", True),
        ("is_number('nan')", False),
        ("is_number(null)", False),
        ("param('x')", "y"),
        ("param('other')", None),
        ("length(host_list)", 5),
        ("host_list[?status == 'failed'].host", ["away"]),
        ("host_list[?host == 'gpu01'].environments | [0]", 3),
        ("blast_radius('openssl <3.0.13').hosts", ["gpu01", "gpu02"]),
        ("nothing.there", None),
    ],
)
def test_expressions(document, expression, answer):
    assert ask(document, expression, parameters={"x": "y"}) == answer


def test_what_cannot_be_compared_is_told_and_not_called_newer(document):
    said = []
    rows = ask(document, "installations[?version_lt(version, '99')]", warn=said.append)
    assert all(row["version"] for row in rows)
    assert len(said) == 1 and said[0].startswith("2 comparisons met a version that is unknown")
    said.clear()
    ask(document, "packages('openssl')", warn=said.append)
    assert "Not seen: away (the host gave no result)." in said
    said.clear()
    odd = {"hosts": {}, "p": {"name": "openssl", "version": "??", "build": "0"}}
    assert ask(odd, "match(p, 'openssl <3')", warn=said.append) is False
    assert said == ["These packages could not be judged: openssl ??."]


@pytest.mark.parametrize(
    "expression, sentence",
    [
        ("", "The expression is empty"),
        ("findings[?", "The expression ends too early, at character 11: findings[?"),
        ("findings[?a ==]", "The expression is wrong at character 15, ']' does not belong there: findings[?a ==]"),
        ("findings[?a = 'b']", "The expression is wrong at character 13"),
        ("a b", "The expression is wrong at character 3, 'b' does not belong there"),
        ("'abc", "The expression is wrong at character 1, Unclosed"),
        ("findings[?version_below(a, 'b')]", "There is no function version_below() at character 11; there are abs, "),
        ("version_lt('1')", "The function version_lt() at character 1 takes 2 arguments, not 1"),
        ("length(`3`)", "The function length() at character 1 takes string or array or object, not number"),
        ("version_lt('1', '??')", "The expression could not be evaluated: "),
        ("packages('openssl <')", "Write it as for conda"),
        ("match('x', 'y')", "The function match() at character 1 takes object, not string"),
    ],
)
def test_what_is_wrong_with_an_expression_is_one_sentence(document, expression, sentence):
    with pytest.raises(QuestionError) as caught:
        ask(document, expression)
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_library_is_named(document, monkeypatch):
    monkeypatch.setattr(_ask, "jmespath", None)
    with pytest.raises(QuestionError, match="The Python package jmespath is missing .* -m pip install jmespath"):
        ask(document, "summary")


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_each_ready_question_has_an_answer(document, question):
    for parameter in question.parameters or (None,):
        given = {parameter.name: parameter.example} if parameter else {}
        found, parameters = ready_question(question.name, given)
        answer = ask(document, found.expression, parameters=parameters)
        assert answer, question.name
        rows = answer if isinstance(answer, list) else answer["environments"]
        assert all(isinstance(row, dict) and any(value is not None for value in row.values()) for row in rows)
        lines = answer_lines(answer)
        assert len(lines) > 2 and all(line.isprintable() for line in lines)


@pytest.mark.parametrize(
    "name, given, hosts",
    [
        ("conda_below", {"version": "26.5.2"}, {"gpu01", "gpu02"}),
        ("conda_below", {"version": "4.12.0"}, set()),
        ("conda_below", {"version": "99"}, {"gpu01", "gpu02", "new"}),
        ("mamba_below", {"version": "2.5.1"}, {"gpu01", "gpu02"}),
        ("mamba_below", {"version": "2.5.0"}, set()),
        ("without_conda", {}, {"bare"}),
        ("ownerless", {}, {"gpu01", "gpu02"}),
        ("of_user", {"user": "alice"}, {"gpu01", "gpu02"}),
        ("of_user", {"user": "x' || 'a' == 'a"}, set()),
        ("python_below", {"version": "3.9.1"}, set()),
        ("not_seen", {}, {"away"}),
    ],
)
def test_ready_questions_answer_with_the_right_hosts(document, name, given, hosts):
    question, parameters = ready_question(name, given)
    assert {row["host"] for row in ask(document, question.expression, parameters=parameters)} == hosts


def test_waived_findings_are_left_out_but_where_they_are_asked_for(document):
    rules = {
        row["rule"]
        for row in ask(
            document, ready_question("of_host", {"host": "gpu01"})[0].expression, parameters={"host": "gpu01"}
        )
    }
    assert "chan.retired" not in rules and "chan.http" in rules
    waived = ask(document, ready_question("waived", {})[0].expression)
    assert {row["rule"] for row in waived} == {"chan.retired"} and waived[0]["owner"] == "eve"


@pytest.mark.parametrize(
    "name, given, sentence",
    [
        ("conda_blow", {}, "There is no ready question 'conda_blow'; the ready ones are conda_below, "),
        ("", {}, "No question was asked; the ready ones are conda_below, "),
        ("conda_below", {}, "The question conda_below needs version (the version that is enough, such as '26.5.2')."),
        ("conda_below", {"version": ""}, "needs version"),
        ("conda_below", {"version": 26.1}, "version of the question conda_below is no text: write it in quotes"),
        ("blast_radius", {}, "needs spec (a package and its versions"),
        ("blast_radius", {"spec": "a", "advisory": "b"}, "takes one of spec and advisory, not both"),
    ],
)
def test_what_a_ready_question_lacks_is_told(name, given, sentence):
    with pytest.raises(QuestionError) as caught:
        ready_question(name, given)
    assert sentence in str(caught.value)


def test_the_ready_questions_can_be_told_apart():
    names = [question.name for question in QUESTIONS]
    assert len(set(names)) == len(names) >= 15
    for question in QUESTIONS:
        jmespath.compile(question.expression)
        assert question.title.endswith("?")


def test_the_page_on_the_ready_questions_is_current():
    page = (CHECKOUT / questions_page.PAGE).read_text("utf-8")
    assert page == questions_page.page(QUESTIONS), "run PYTHONPATH=tests .venv/bin/python -m gates.questions_page"


@pytest.mark.parametrize(
    "answer, lines",
    [
        (None, ["Nothing was found."]),
        ([], ["Nothing was found."]),
        ({}, ["Nothing was found."]),
        (3, ["3"]),
        (False, ["no"]),
        (["a", "b\n"], ["a", "b\\n"]),
        ([["a", 1], ["bb", None]], ["a   1", "bb"]),
        ({"critical": 2, "hosts": ["n1", "n2"], "none": []}, ["CRITICAL: 2", "HOSTS: n[1-2]", "NONE: none"]),
        (
            [{"host": "n1", "v": "1"}, {"host": "n3", "v": "2"}, {"host": "n2", "v": "1"}],
            ["HOST    V", "----    -", "n[1-2]  1", "n3      2"],
        ),
        ([{"a": True, "b": ["x", "y"]}], ["A    B", "-    -", "yes  x, y"]),
        (
            [{"a": 1, "b": {"c": 2}}],
            ["A", "-", "1", "Not shown: b; choose columns with .{host: host, ...}."],
        ),
        ([{"a": {"c": 2}}], ["A", "-", '{"c": 2}']),
        ([{"hosts": ["n1", "n2"], "x": 1}], ["HOSTS   X", "-----   -", "n[1-2]  1"]),
    ],
)
def test_an_answer_of_any_shape_is_laid_out(answer, lines):
    assert answer_lines(answer) == lines


def test_long_tables_are_cut_and_say_so():
    assert answer_lines([{"a": number} for number in range(9)], rows=2) == ["A", "-", "0", "1", "and 7 more rows"]
    assert answer_lines(list("abc"), rows=1) == ["a", "and 2 more"]


def test_commands_stand_on_lines_of_their_own(document):
    lines = answer_lines(ask(document, "blast_radius('openssl <3.0.13')"))
    assert lines[lines.index("FIX") + 1 :] == [
        "on gpu[01-02], --limit gpu01,gpu02",
        "  ansible-playbook labfleet.conda.update_environments --limit gpu01,gpu02 -e 'lift_spec=openssl<3.0.13'",
    ]
