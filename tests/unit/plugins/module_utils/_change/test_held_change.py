# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes by a tool that was kept waiting between plan and change, and what goes wrong there, in real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change import _env_work
from ansible_collections.labfleet.conda.plugins.module_utils._change import _transaction as transaction
from ansible_collections.labfleet.conda.plugins.module_utils._change._env_plan import EnvPlan
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import ChangeError, Failed
from ansible_collections.labfleet.conda.plugins.module_utils._change._held_plan import closed_on_error
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import DEFAULTS
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_change import Settings, UpdateChange
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_plan import UpdatePlan
from ansible_collections.labfleet.conda.plugins.module_utils._spec._match_spec import parse_match_spec
from ansible_collections.labfleet.conda.plugins.module_utils._spec._request import Request
from ansible_collections.labfleet.conda.plugins.module_utils._system._run import Interrupts

from .standin import StandIn
from .test_transaction import FakeStore

EXECUTE = "    def execute(self):\n"


@pytest.fixture(params=["4.3.16", "26.7.0"])
def standin(request, tmp_path) -> StandIn:
    return StandIn(tmp_path, request.param, sys.executable)


@pytest.fixture
def store(tmp_path):
    descriptor = os.open(str(tmp_path), os.O_RDONLY)
    yield FakeStore(descriptor)
    os.close(descriptor)


class Change(UpdateChange):
    """The change of the stand-in, which has no prefix to be looked at afterwards."""

    def verify(self):
        return []

    def verify_restored(self):
        return []


def change_of(standin, held, *specs, seconds=60.0):
    """The change that installs each spec with a command of its own, the first of which waits."""
    commands = tuple(standin.tool.apply([spec], DEFAULTS, prefix=standin.driver.prefix) for spec in specs)
    plan = UpdatePlan(specs, (), SimpleNamespace(link=()), {}, [], commands, held)
    place = SimpleNamespace(prefix=str(standin.root), is_base=True, configuration=None)
    before = SimpleNamespace(details=(), version_of=lambda name: None)
    settings = Settings(seconds=seconds, grace=60.0)
    return Change(place, plan, before, driver=standin.driver, settings=settings, interrupts=Interrupts(), envs=tuple)


def transact(store, change):
    return transaction.transact(store, change, "20261122T090000Z-1f2e3d", note=lambda text: None)


def kill(standin) -> None:
    """Kill the tool, and wait until it is gone."""
    pid = int((standin.root / "pid").read_text())
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def done(standin) -> list[str]:
    """What was asked of the commands that have changed something."""
    path = standin.root / "done"
    return [line.split()[-1] for line in path.read_text().splitlines()] if path.exists() else []


def test_the_first_command_goes_on_and_the_second_is_started(standin, store):
    _answer, held = standin.ask("x>=2")
    first = (standin.root / "pid").read_text()
    with held:
        outcome = transact(store, change_of(standin, held, "x>=2", "y>=3"))
    assert (outcome.outcome, outcome.why) == (transaction.COMMITTED, None)
    assert done(standin) == ["x>=2", "y>=3"]
    assert (standin.root / "pid").read_text() != first


def test_a_tool_that_is_gone_when_it_is_to_go_on_is_rolled_back(standin, store):
    answer, held = standin.ask("x>=2")
    assert answer.success
    kill(standin)
    with held:
        outcome = transact(store, change_of(standin, held, "x>=2", "y>=3"))
    assert outcome.outcome == transaction.ROLLED_BACK and outcome.why.startswith("conda failed")
    assert store.content == "old" and done(standin) == []


def test_a_tool_that_dies_while_it_goes_on_is_rolled_back(standin, store):
    standin.change("conda/core/link.py", EXECUTE, EXECUTE + "        os.kill(os.getpid(), 9)\n")
    _answer, held = standin.ask("x>=2")
    with held:
        outcome = transact(store, change_of(standin, held, "x>=2"))
    assert outcome.outcome == transaction.ROLLED_BACK and store.content == "old"


def test_a_tool_that_ends_with_garbage_is_rolled_back(standin, store):
    standin.change(
        "conda/cli/__init__.py",
        'stdout_json_success(actions={"LINK": ["x-2',
        'sys.stdout.write("{["); dict(a={"b": ["x-2',
    )
    standin.change("conda/cli/__init__.py", "common.sys.stdout", "sys.stdout")
    _answer, held = standin.ask("x>=2")
    with held:
        outcome = transact(store, change_of(standin, held, "x>=2"))
    assert outcome.outcome == transaction.ROLLED_BACK and outcome.why.startswith("conda failed")
    assert store.content == "old"


def test_a_tool_that_takes_too_long_to_go_on_is_rolled_back(standin, store):
    os.mkfifo(standin.root / "never")
    standin.change("conda/core/link.py", EXECUTE, EXECUTE + "        open(os.environ['ROOT'] + '/never').close()\n")
    _answer, held = standin.ask("x>=2")
    with held:
        outcome = transact(store, change_of(standin, held, "x>=2", seconds=0.1))
    assert outcome.outcome == transaction.ROLLED_BACK
    assert outcome.why == "conda took longer than 0.1 s and was ended." and done(standin) == []


def test_a_tool_that_takes_too_long_to_plan_is_told_and_ended(standin):
    os.mkfifo(standin.root / "never")
    standin.change(
        "conda/cli/install.py", "def install():\n", "def install():\n    open(os.environ['ROOT'] + '/never').close()\n"
    )
    with pytest.raises(ChangeError, match="gave no answer within 0.5 s"):
        standin.ask("x>=2", seconds=0.5)
    assert standin.meanwhile == 1 and done(standin) == []


def test_the_time_to_plan_does_not_pass_while_it_waits(standin):
    os.mkfifo(standin.root / "waits")
    patch = "reads = os.read\ndef tells(*args):\n    open(os.environ['ROOT'] + '/waits', 'w').close()\n"
    patch += "    os.read = reads\n"
    standin.change(
        "conda/core/link.py", "class Unlink", patch + "    return reads(*args)\nos.read = tells\nclass Unlink"
    )
    # The snapshot takes until it waits.
    standin.note = lambda: subprocess.run(["cat", str(standin.root / "waits")], check=True, timeout=60)
    answer, held = standin.ask("x>=2", seconds=0.0)
    assert answer.success
    assert held.go_on(seconds=60, grace=60).code == 0 and done(standin) == ["x>=2"]


def test_what_it_tells_before_it_waits_and_cannot_be_read_is_asked_for_in_the_plain_way(standin):
    standin.change(
        "conda/cli/common.py", "    json.dump", "    if \"'x'\" in str(more): sys.stdout.write('{[')\n    json.dump"
    )
    answer, held = standin.ask("x>=2")
    assert held is None and [item.name for item in answer.actions.link] == ["labfleet-check"]
    assert standin.meanwhile == 1 and standin.made() == []


def test_what_fails_after_the_plan_ends_what_waits(standin):
    _answer, held = standin.ask("x>=2")
    with pytest.raises(Failed, match="refused"), closed_on_error(held):
        raise Failed("refused")
    assert held.ended is not None and standin.made() == []


def test_the_change_of_an_environment_keeps_the_tool_waiting(standin, monkeypatch):
    asked, closed = [], []
    held = SimpleNamespace(close=lambda: closed.append(True))

    class Planner:
        def __init__(self, *arguments):
            pass

        def plan(self, desired, *, meanwhile):
            asked.append(meanwhile)
            return UpdatePlan(("x>=2",), (), SimpleNamespace(link=(), unlink=()), {}, [], ("the command",), held)

    monkeypatch.setattr(_env_work, "DesiredPlanner", Planner)
    request = Request(specs=("x>=2",))
    open_ = EnvPlan(specs=(parse_match_spec("x>=2"),))
    wanted = SimpleNamespace(request=request, state="present", open_in=lambda environment: open_)
    wanted.marks = SimpleNamespace(frozen=None)
    options = dict.fromkeys(("channels", "override_channels", "override_frozen", "allow_downgrade", "python"))
    options["channels"] = ()
    place = SimpleNamespace(solver="libmamba", setting=lambda key: None)
    session = SimpleNamespace(place=place, prefix=str(standin.root))
    before = SimpleNamespace(details=())
    for check in (False, True):
        work = _env_work.EnvWork(options, wanted, check=check, note=str)
        plan = work.plan(session, standin.driver, before)
        assert plan.held is held and plan.commands == ("the command",)
        assert asked.pop() == (None if check else work.meanwhile)
    monkeypatch.setattr(work, "_with_extras", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        work.plan(session, standin.driver, before)
    assert closed == [True]
