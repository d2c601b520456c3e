# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Planning an update, with recorded answers of real versions, and with answers made up where no recording fits."""

from __future__ import annotations

import json
import types

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import ChangeError, Failed, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import Options, Tool
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_plan import Planner, Rules
from ansible_collections.labfleet.conda.plugins.module_utils._change._verify import Driver, wrong_answers
from ansible_collections.labfleet.conda.plugins.module_utils._change._wanted import wanted_packages
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import RecordName
from ansible_collections.labfleet.conda.plugins.module_utils._system._run import Finished, Runner

CHANNEL = "https://conda.anaconda.org/conda-forge/linux-64"


class Answers(Runner):
    """Gives the answers of a list of (part of the command line, answer), and notes what was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def run(self, command):
        line = " ".join(command.arguments)
        self.asked.append(line)
        for part, answer in self.answers:
            if part in line:
                return answer
        raise AssertionError("nobody expected " + line)


def said(document, code=0, stderr=b""):
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Finished(code, data, stderr, 0.1)


def package(name, version, build="0", **more):
    return dict(
        name=name, version=version, build=build, build_string=build, build_number=0, channel=CHANNEL,
        dist_name="%s-%s-%s" % (name, version, build), platform="linux-64", base_url=CHANNEL, **more,
    )  # fmt: skip


def found(*versions, **more):
    return said({"conda": [package("conda", version, **more) for version in versions]})


def actions(link=(), unlink=(), fetch=()):
    return said({"success": True, "dry_run": True, "actions": {"LINK": link, "UNLINK": unlink, "FETCH": fetch}})


NOTHING = said({"success": True, "message": "All requested packages already installed."})


@pytest.fixture
def planner(record):
    def make(runner, *, version="25.5.1", python="3.11.2", rules=None, kind="conda", frozen=None, settings=None):
        records = [RecordName(kind, version, "0"), RecordName("python", python, "0")]
        environment = types.SimpleNamespace(
            records=records, pinned=[], frozen=frozen, python_version=python,
            version_of={item.name: item.version for item in records}.get,
        )  # fmt: skip
        place = types.SimpleNamespace(
            prefix="/opt/x", environment=environment, solver="libmamba", setting=(settings or {}).get
        )
        tool = Tool(kind, version, "/opt/x/bin/" + kind, "/opt/x", "/opt/x/bin/python")
        details = [record(item.name, item.version) for item in records]
        return Planner(place, Driver(tool, runner, {}), rules or Rules(Options()), details)

    return make


def wanted(version="newest", *specs):
    return wanted_packages("conda", version, specs)


def test_the_newest_becomes_a_lower_bound_and_never_an_update(planner):
    link, unlink = [package("conda", "25.11.1")], [package("conda", "25.5.1")]
    runner = Answers(("search", found("25.5.1", "25.11.1")), ("install", actions(link, unlink)))
    plan = planner(runner).plan(wanted())
    assert plan.specs == ("conda>=25.11.1",)
    assert [(item.name, item.kind) for item in plan.actions.changes] == [("conda", "updated")]
    assert not any(" update " in line for line in runner.asked)
    assert all("--dry-run" in line for line in runner.asked if " install " in line)


def test_on_an_up_to_date_base_the_search_is_the_one_program_that_is_started(planner):
    runner = Answers(("search", found("25.5.1", "24.1")))
    assert planner(runner).plan(wanted()).specs == ()
    assert len(runner.asked) == 1


def test_success_with_nothing_done_is_a_failure_when_the_files_say_otherwise(planner):
    runner = Answers(("search", found("25.5.1", "25.11.1", depends=["python >=3.12"])), ("install", NOTHING))
    with pytest.raises(Failed, match=r"says that nothing is to be done in /opt/x, though conda>=25\.11 does not hold"):
        planner(runner).plan(wanted(">=25.11"))


def test_html_taken_for_a_channel_is_told_as_a_channel_without_conda(planner, recorded):
    """Trap: a portal's page counts as an empty channel, and an update then says success with nothing done."""
    html = recorded("conda-24.11.3", "html-update-dry")
    assert json.loads(html.stdout)["success"] is True
    search = said({"exception_name": "PackagesNotFoundError", "error": "x", "message": "not found"}, 1)
    runner = Answers(("search", search), ("install", said(html.stdout)))
    for version in ("newest", ">=25.11"):
        with pytest.raises(Failed, match="finds no conda in its channels, not even the one that is installed"):
            planner(runner).plan(wanted(version))


def test_a_newer_one_that_the_python_cannot_run_is_told_with_the_remedy(planner):
    runner = Answers(("search", said({"conda": [
        package("conda", "25.5.1", depends=["python >=3.9"]), package("conda", "26.1", depends=["python >=3.10"]),
    ]})))  # fmt: skip
    plan = planner(runner, python="3.9.18").plan(wanted())
    assert plan.specs == () and plan.newest == {"conda": "26.1"}
    assert plan.diagnoses and "ython" in plan.diagnoses[0].cause


def test_where_python_may_move_it_is_asked_for_together(planner):
    link = [package("conda", "26.1"), package("python", "3.10.4")]
    unlink = [package("conda", "25.5.1"), package("python", "3.9.18")]
    runner = Answers(
        ("search", found("25.5.1", "26.1", depends=["python >=3.10,<3.11.0a0"])), ("install", actions(link, unlink))
    )
    plan = planner(runner, python="3.9.18", rules=Rules(Options(), may_move_python=True)).plan(wanted())
    assert plan.specs == ("conda>=26.1", "python >=3.10,<3.11.0a0")


@pytest.mark.parametrize(
    ("link", "unlink", "text"),
    [
        ([package("python", "3.12.1")], [package("python", "3.11.2")], "Python would go from 3.11.2 to 3.12.1"),
        ([], [package("conda", "25.5.1")], "would remove conda"),
        ([package("conda", "4.1")], [package("conda", "25.5.1")], "conda would go from 25.5.1 down to 4.1"),
    ],
)
def test_a_plan_that_does_what_it_must_not_is_refused(planner, link, unlink, text):
    runner = Answers(("search", found("25.11.1")), ("install", actions(link, unlink)))
    with pytest.raises(Refused, match=text):
        planner(runner).plan(wanted())


def test_a_patch_of_python_may_come_along(planner):
    link = [package("conda", "25.11.1"), package("python", "3.11.9")]
    unlink = [package("conda", "25.5.1"), package("python", "3.11.2")]
    runner = Answers(("search", found("25.11.1")), ("install", actions(link, unlink)))
    assert len(planner(runner).plan(wanted()).actions.changes) == 2


@pytest.mark.parametrize(
    ("source", "name", "text"),
    [
        ("conda-24.11.3", "http-500-channel", "Check the URL, the proxy"),
        ("conda-24.11.3", "http-refused", "Check the URL, the proxy"),
        ("conda-24.11.3", "badspec", "crashed instead of reporting"),  # a traceback, no JSON
        ("conda-26.7.0", "notfound", "is not in the channels"),
    ],
)
def test_an_error_of_the_tool_becomes_one_sentence_with_cause_and_remedy(planner, recorded, source, name, text):
    recording = recorded(source, name)
    answer = Finished(recording.code, recording.stdout, recording.stderr, 0.1)
    runner = Answers(("search", found("25.5.1", "25.11.1")), ("install", answer))
    with pytest.raises(ChangeError, match=text) as caught:
        planner(runner).plan(wanted())
    assert "/opt/x" in str(caught.value) and "\n" not in str(caught.value)
    assert caught.value.result["diagnoses"]


def test_a_secret_in_an_error_is_masked(planner):
    document = {"exception_name": "CondaHTTPError", "error": "x", "message": "https://u:pa55word@host/t/tk-1234-abcd/x"}
    runner = Answers(("search", said(document, 1)))
    with pytest.raises(Failed) as caught:
        planner(runner).plan(wanted())
    assert "pa55word" not in str(caught.value) + str(caught.value.result)
    assert "1234" not in str(caught.value) + str(caught.value.result)


def test_a_tool_that_does_not_answer_in_time_is_told(planner):
    runner = Answers(("search", Finished(-15, b"", b"", 1800.0, timed_out=True)))
    with pytest.raises(ChangeError, match="gave no answer within 1800 s"):
        planner(runner).plan(wanted())


INFO = said({"root_prefix": "/opt/x", "conda_version": "25.5.1"})


def verified(*answers, lines=(), kind="conda"):
    tool = Tool(kind, "25.5.1", "/opt/x/bin/" + kind, "/opt/x", "/opt/x/bin/python")
    return wrong_answers(Driver(tool, Answers(*answers), {}), solver="libmamba", lines=lines)


GOOD = [("--version", said(b"conda 25.5.1\n")), ("info", INFO), ("import", said(b"")), ("--dry-run", NOTHING)]


def without(part):
    return [answer for answer in GOOD if answer[0] != part]


def test_a_tool_that_answers_well_is_well():
    assert verified(*GOOD) == []


@pytest.mark.parametrize(
    ("part", "answer", "text"),
    [
        ("--version", said(b"conda 24.1.0\n"), "its version is told as 24.1.0, not 25.5.1"),
        ("--version", said(b"", 1, b"ImportError: no module named conda\n"), "ImportError"),
        ("info", said({"root_prefix": "/opt/other"}), "takes /opt/other for its base prefix"),
        ("info", said(b"Traceback", 1, b"KeyError: 'x'\n"), "gave no JSON"),
        ("import", said(b"", 1, b"ModuleNotFoundError: No module named 'libmambapy'\n"), "libmambapy"),
        ("--dry-run", said(b"", 1, b"AttributeError: archspec\n"), "it cannot solve"),
        ("--dry-run", Finished(-15, b"", b"", 300.0, timed_out=True), "no answer within 300 s"),
    ],
)
def test_each_answer_that_is_wrong_is_told(part, answer, text):
    problems = verified(*without(part), (part, answer))
    assert len(problems) == 1 and text in problems[0]


def test_the_command_of_the_operator_counts():
    line = ("lab-test", said(b"", 3, b"it is broken\n"))
    assert verified(*GOOD, line, lines=["lab-test"]) == [
        "The command 'lab-test' of verify_commands ended with exit code 3 (it is broken)."
    ]


def test_micromamba_is_interrupted_and_not_terminated():
    """Trap: SIGTERM kills a micromamba on the spot, on SIGINT it undoes what it has begun."""
    tool = Tool("micromamba", "2.8.1", "/opt/x/bin/micromamba", "/opt/x", None)
    assert Driver(tool, Answers(), {}).command(tool.version_command()).stop_signal == 2


def test_the_tool_is_started_in_a_directory_of_our_own(tmp_path):
    """In one that is shared, conda's own .empty fails it now and then: it leaves .condatmp, and that is no good end."""
    tool = Tool("conda", "26.7.0", "/opt/x/bin/conda", "/opt/x", None)
    question = tool.version_command()
    assert Driver(tool, Answers(), {"XDG_CACHE_HOME": str(tmp_path)}).command(question).directory == str(tmp_path)
    assert Driver(tool, Answers(), {"XDG_CACHE_HOME": "/no/such"}).command(question).directory == "/"
