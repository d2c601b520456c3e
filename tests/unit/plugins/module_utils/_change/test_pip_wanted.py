# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be done about the Python packages that pip looks after, from their metadata alone."""

from __future__ import annotations

import json

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Failed, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._pip_run import (
    Pip,
    constraints_of,
    pip_changes,
    planned_pip_changes,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._pip_wanted import (
    Installed,
    PipStanding,
    parse_requirements,
    pip_standing,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import Tool
from ansible_collections.labfleet.conda.plugins.module_utils._change._verify import Driver

from .test_update_plan import Answers, said

URL = "https://host.example/mylib-1.0-py3-none-any.whl"
GIT = {
    "url": "https://host.example/tool.git",
    "vcs_info": {"vcs": "git", "requested_revision": "v1", "commit_id": "abc"},
}
HERE = {
    item.name: item
    for item in (
        Installed("rich", "13.7.1", False),
        Installed("numpy", "1.26.4", True),
        Installed("mylib", "1.0", False, json.dumps({"url": URL, "archive_info": {}}).encode()),
        Installed("tool", "1.0", False, json.dumps(GIT).encode()),
        Installed("pip", "24.0", True),
    )
}


def judged(*texts, state="present", forced=False):
    return pip_standing(parse_requirements(texts, state), state, HERE, forced=forced)


@pytest.mark.parametrize(
    "text",
    [
        "rich", "Rich >=13,<14", "rich[jupyter]>=13", "numpy", "numpy (>=1.20)", "mylib @ " + URL, "mylib@" + URL,
        "tool @ git+https://host.example/tool.git", "tool @ git+https://host.example/tool.git@v1",
        "tool @ git+https://host.example/tool.git@abc#egg=tool",
    ],
)  # fmt: skip
def test_what_is_there_is_met(text):
    assert judged(text).is_met


@pytest.mark.parametrize(
    "text",
    ["rich>=14", "textual", "mylib @ https://host.example/mylib-2.0.whl", "rich @ " + URL,
     "tool @ git+https://host.example/tool.git@v2", "tool @ hg+https://host.example/tool.git"],
)  # fmt: skip
def test_what_is_not_there_is_to_be_installed(text):
    assert [item.text for item in judged(text).install] == [text]


def test_what_conda_installed_is_not_replaced_unasked():
    with pytest.raises(Refused, match=r"numpy>=2 would make numpy 1.26.4, which conda installed, be replaced"):
        judged("numpy>=2")
    with pytest.raises(Refused, match="be removed"):
        judged("numpy", state="absent")
    assert judged("numpy>=2", forced=True).install and judged("numpy", state="absent", forced=True).remove


def test_absent_and_latest():
    assert judged("rich", "textual", state="absent") == PipStanding(remove=("rich",))
    found = judged("rich", "textual", "numpy", state="latest")
    assert [item.name for item in found.install] == ["textual"] and [item.name for item in found.ask] == ["rich"]


@pytest.mark.parametrize(
    ("texts", "state", "said"),
    [
        (["rich; python_version < '3.9'"], "present", "semicolon"), (["rich>=x"], "present", "no version"),
        (["./local"], "present", "no requirement"), (["-r file"], "present", "another file"),
        (["rich", "RICH>=1"], "present", "twice"), (["rich>=1"], "latest", "just a name"),
        (["rich>=1"], "absent", "just a name"), (["git+https://host.example/x"], "present", "names no package"),
    ],
)  # fmt: skip
def test_what_cannot_be_judged_is_refused(texts, state, said):
    with pytest.raises(Refused, match=said):
        parse_requirements(texts, state)


def pip(*answers):
    runner = Answers(*answers)
    tool = Tool("conda", "26.7.1", "/opt/x/bin/conda", "/opt/x")
    return Pip(Driver(tool, runner, {"PATH": "/bin"}, "/opt/x/envs/e"), ["--no-index"], seconds=60, grace=1), runner


def test_pip_is_the_one_of_the_environment_and_asks_nothing():
    made, runner = pip(("install", said(b"")), ("uninstall", said(b"")))
    wanted = parse_requirements(["rich>=14", "textual"], "present")
    made.install(wanted, HERE, upgrade={"textual"}, constraints="/c.txt")
    made.remove(["rich"], HERE)
    start = "/opt/x/envs/e/bin/python -m pip --disable-pip-version-check --no-input "
    assert runner.asked == [
        start + "install --constraint /c.txt --no-index rich>=14",
        start + "install --upgrade --constraint /c.txt --no-index textual",
        start + "uninstall -y rich",
    ]


def test_pip_is_asked_once_what_is_outdated():
    made, runner = pip(("list", said(json.dumps([{"name": "Rich", "version": "13"}]).encode())))
    wanted = parse_requirements(["rich", "mylib"], "latest")
    assert [item.name for item in made.newer(wanted, HERE)] == ["rich"] and len(runner.asked) == 1
    assert made.newer([], HERE) == [] and len(runner.asked) == 1
    with pytest.raises(Failed, match="did not tell"):
        pip(("list", said(b"<html>")))[0].newer(wanted, HERE)


def test_a_pip_that_fails_or_is_not_there_is_told_without_secrets():
    made, _runner = pip(("install", said(b"", 1, b"ERROR: https://user:secret@host.example/simple is gone")))
    with pytest.raises(Failed, match="pip install in /opt/x/envs/e failed") as caught:
        made.install(parse_requirements(["textual"], "present"), HERE, constraints=None)
    assert "secret" not in str(caught.value)
    with pytest.raises(Refused, match="has no pip"):
        made.install(parse_requirements(["textual"], "present"), {}, constraints=None)


def test_what_conda_installed_bounds_pip():
    assert constraints_of(HERE) == b"numpy==1.26.4\npip==24.0\n"


def test_the_changes_of_pip():
    after = dict(HERE, rich=Installed("rich", "14.0", False), numpy=Installed("numpy", "2.0", True))
    changes = pip_changes(HERE, {name: item for name, item in after.items() if name != "tool"})
    assert [(item.name, item.kind) for item in changes] == [("rich", "updated"), ("tool", "removed")]
    planned = planned_pip_changes(judged("rich==14.0", "textual>=1", state="present"), HERE)
    assert [(item.name, item.kind, item.after.version) for item in planned] == [
        ("rich", "updated", "14.0"), ("textual", "installed", ">=1"),
    ]  # fmt: skip
