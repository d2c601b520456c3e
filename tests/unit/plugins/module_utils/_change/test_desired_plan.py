# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Planning the packages of an environment, with answers of a list; the shapes are those of recorded versions."""

from __future__ import annotations

import types

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change._choose_tool import choose_tool
from ansible_collections.labfleet.conda.plugins.module_utils._change._desired import (
    ABSENT,
    LATEST,
    PRESENT,
    Desired,
    parse_wanted,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._desired_plan import DesiredPlanner, not_held
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Failed, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import Options, Tool
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_plan import Rules
from ansible_collections.labfleet.conda.plugins.module_utils._change._verify import Driver
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import RecordName

from .test_update_plan import NOTHING, Answers, actions, package, said

ENV = "/opt/x/envs/train"
HERE = {"numpy": "1.26.4", "scipy": "1.11.0", "python": "3.12.1", "app": "1.0"}
# micromamba's words for nothing to do, as recorded with 2.8.1.
MICROMAMBA_NOTHING = said({"dry_run": True, "message": "All requested packages already installed", "success": True})


@pytest.fixture
def planned(record):
    def make(runner, texts, state=PRESENT, *, kind="conda", version="26.7.1", pinned=(), base=False, **more):
        depends = {"app": ["scipy >=1"], "scipy": ["numpy", "python"], "numpy": ["python"]}
        details = [record(name, number, depends=depends.get(name, ())) for name, number in HERE.items()]
        environment = types.SimpleNamespace(
            records=[RecordName(*item[:3]) for item in details], pinned=list(pinned), frozen=None,
            python_version=HERE["python"], version_of=HERE.get,
        )  # fmt: skip
        place = types.SimpleNamespace(
            prefix="/opt/x" if base else ENV, is_base=base, environment=environment, solver=None, setting={}.get
        )
        tool = Tool(kind, version, "/opt/x/bin/" + kind, "/opt/x", "/opt/x/bin/python")
        desired = Desired(parse_wanted(texts, state), state, more.pop("with_dependents", False))
        rules = Rules(Options(allow_removing=True), **more)
        return DesiredPlanner(place, Driver(tool, runner, {}, ENV), rules, details).plan(desired)

    return make


def update_to(name, old, new):
    return actions([package(name, new)], [package(name, old)])


def test_what_the_files_show_starts_nothing(planned):
    runner = Answers()
    assert planned(runner, ["numpy>=1.20", "scipy"]).commands == () and runner.asked == []
    assert planned(runner, ["pandas"], ABSENT).commands == () and runner.asked == []


def test_only_what_does_not_hold_is_asked_for(planned):
    runner = Answers(("--dry-run", update_to("numpy", "1.26.4", "2.0.1")))
    plan = planned(runner, ["numpy>=2", "scipy"])
    assert runner.asked == ["/opt/x/bin/conda install -p %s -y --json -q --dry-run numpy>=2" % ENV]
    assert [command.argv[-1] for command in plan.commands] == ["numpy>=2"] and plan.commands[0].changes
    assert [(item.name, item.kind) for item in plan.actions.changes] == [("numpy", "updated")]


def test_what_holds_and_would_be_torn_is_asked_for_as_well(planned):
    torn = actions([package("numpy", "2.0.1")], [package("numpy", "1.26.4"), package("scipy", "1.11.0")])
    kept = actions([package("numpy", "2.0.1"), package("scipy", "1.13")], [package("numpy", "1.26.4")])
    plan = planned(Answers(("numpy>=2 scipy", kept), ("numpy>=2", torn)), ["numpy>=2", "scipy"])
    assert plan.commands[0].argv[-2:] == ("numpy>=2", "scipy")


def test_success_with_nothing_done_is_a_failure_when_the_files_say_otherwise(planned):
    runner = Answers(("--dry-run", NOTHING), ("search", said({"numpy": [package("numpy", "1.26.4")]})))
    with pytest.raises(Failed, match="nothing is to be done .* though numpy>=2 does not hold"):
        planned(runner, ["numpy>=2"])


def test_what_only_the_tool_can_tell_is_asked_of_it_and_its_nothing_is_believed(planned):
    runner = Answers(("--dry-run", NOTHING))
    assert planned(runner, ["numpy[license_family=BSD]"], kind="conda", version="22.9").commands == ()
    assert len(runner.asked) == 1


@pytest.mark.parametrize(("kind", "version"), [("conda", "26.7.1"), ("conda", "4.12.0"), ("conda", "4.3.16")])
def test_latest_is_one_dry_run_and_nothing_else(planned, kind, version):
    runner = Answers(("--dry-run", NOTHING))
    assert planned(runner, ["numpy", "scipy"], LATEST, kind=kind, version=version).commands == ()
    assert runner.asked == ["/opt/x/bin/conda update -p %s -y --json -q --dry-run numpy scipy" % ENV]


@pytest.mark.parametrize(("kind", "version"), [("conda", "24.11.3"), ("micromamba", "2.8.1"), ("micromamba", "2.3.3")])
def test_html_taken_for_a_channel_is_no_latest(planned, kind, version):
    nothing = NOTHING if kind == "conda" else MICROMAMBA_NOTHING
    empty = said({} if kind == "conda" else {"result": {"pkgs": []}})
    with pytest.raises(Failed, match="finds no numpy in its channels, not even the one that is installed"):
        planned(Answers(("--dry-run", nothing), ("search", empty)), ["numpy"], LATEST, kind=kind, version=version)
    pkgs = [package("numpy", "1.26.4")]
    full = said({"numpy": pkgs} if kind == "conda" else {"result": {"pkgs": pkgs}})
    runner = Answers(("--dry-run", nothing), ("search", full))
    assert planned(runner, ["numpy"], LATEST, kind=kind, version=version).commands == ()
    assert len(runner.asked) == 2


def test_latest_installs_what_is_not_there_and_updates_the_rest(planned):
    runner = Answers(
        ("install", actions([package("pandas", "2.2"), package("numpy", "2.0")], [package("numpy", "1.26.4")])),
        ("update", actions([package("numpy", "2.1")], [package("numpy", "2.0")])),
    )
    plan = planned(runner, ["numpy", "pandas"], LATEST)
    assert [command.argv[1] for command in plan.commands] == ["install", "update"]
    assert plan.commands[0].argv[-1] == "pandas" and plan.commands[1].argv[-1] == "numpy"
    changes = {item.name: (item.before and item.before.version, item.after.version) for item in plan.actions.changes}
    assert changes == {"numpy": ("1.26.4", "2.1"), "pandas": (None, "2.2")}


def test_a_pin_that_the_tool_passes_over_is_named(planned):
    runner = Answers(("--dry-run", update_to("numpy", "1.26.4", "2.0.1")))
    with pytest.raises(Refused, match=r"numpy is pinned in .* \(numpy <2\), and numpy 2.0.1") as caught:
        planned(runner, ["numpy>=2"], pinned=["numpy <2"])
    assert caught.value.result == {"held": "pinned"}


def test_a_pin_that_makes_it_impossible_is_named(planned, recorded):
    error = recorded("conda-26.7.0", "conflict-dry")
    answer = said(error.stdout, error.code)
    runner = Answers(
        ("--dry-run", answer), ("search", said({"numpy": [package("numpy", "2.0"), package("numpy", "1.26.4")]}))
    )
    with pytest.raises(Refused, match="numpy <2"):
        planned(runner, ["numpy>=2"], pinned=["numpy <2"])


def test_python_stays_unless_it_may_move(planned):
    move = update_to("python", "3.12.1", "3.13.0")
    with pytest.raises(Refused, match="Python would go from 3.12.1 to 3.13.0"):
        planned(Answers(("--dry-run", move)), ["python=3.13"])
    assert planned(Answers(("--dry-run", move)), ["python=3.13"], may_move_python=True).commands


def test_a_removal_is_planned_from_the_files_and_names_all_that_goes(planned):
    runner = Answers()
    with pytest.raises(Refused, match=r"app \(needs scipy\), scipy \(needs numpy\)") as caught:
        planned(runner, ["numpy"], ABSENT)
    assert caught.value.result == {"dependents": ["app", "scipy"]}
    plan = planned(runner, ["numpy"], ABSENT, with_dependents=True)
    assert plan.commands[0].argv[1:] == ("remove", "-p", ENV, "-y", "--json", "--force", "-q", "app", "numpy", "scipy")
    assert {item.name: item.kind for item in plan.actions.changes} == dict.fromkeys(
        ["app", "numpy", "scipy"], "removed"
    )
    assert planned(runner, ["app"], ABSENT).commands[0].argv[-1] == "app"
    assert runner.asked == []


def test_base_keeps_its_python(planned):
    with pytest.raises(Refused, match="python is never removed from the base prefix"):
        planned(Answers(), ["python"], ABSENT, base=True, with_dependents=True)
    assert planned(Answers(), ["python"], ABSENT, with_dependents=True).commands


def test_what_does_not_hold_afterwards_is_told(record):
    here = [record("numpy", "1.26.4"), record("scipy", "1.11")]
    assert not_held(Desired(parse_wanted(["numpy>=1", "scipy"], PRESENT)), here) == []
    assert not_held(Desired(parse_wanted(["numpy>=2", "pandas"], PRESENT)), here) == [
        "numpy>=2 does not hold after the change.", "pandas does not hold after the change.",
    ]  # fmt: skip
    assert not_held(Desired(parse_wanted(["num*"], ABSENT), ABSENT), here) == ["num* is still there after the change."]
    assert not_held(Desired(parse_wanted(["numpy[license_family=BSD]"], PRESENT)), here) == []


@pytest.fixture
def place(tmp_path):
    def make(versions, *, is_base=False, settings=None):
        for kind in versions:
            (tmp_path / "bin").mkdir(exist_ok=True)
            (tmp_path / "bin" / kind).write_text("")
        installation = types.SimpleNamespace(
            kind="conda", version=versions["conda"], versions=versions, program=str(tmp_path / "bin/conda")
        )
        return types.SimpleNamespace(
            installation=installation, base=str(tmp_path), is_base=is_base, setting=(settings or {}).get
        )

    return make


def chosen(place, wanted="auto", specs=("numpy>=1",), removes=False):
    return choose_tool(place, wanted, parse_wanted(specs, PRESENT), removes=removes).kind


BOTH = {"conda": "26.7.1", "mamba": "2.8.1"}


def test_the_fastest_tool_is_taken_where_it_is_safe(place):
    assert chosen(place(BOTH)) == "mamba"
    assert chosen(place({"conda": "24.1", "micromamba": "2.3.3"})) == "micromamba"
    assert chosen(place({"conda": "24.1"})) == "conda"


@pytest.mark.parametrize(
    ("versions", "more", "specs"),
    [
        (BOTH, {"is_base": True}, ["numpy"]),
        (dict(BOTH, mamba="2.0.5"), {}, ["numpy"]),
        (dict(BOTH, mamba="1.5.8"), {}, ["numpy"]),
        (dict(BOTH, **{"conda-anaconda-tos": "0.2"}), {}, ["numpy"]),
        (BOTH, {"settings": {"denylist_channels": ["defaults"]}}, ["numpy"]),
        (BOTH, {"settings": {"exclude_newer": "7d"}}, ["numpy"]),
        (BOTH, {}, ["numpy[build='*cuda*']"]),
        (BOTH, {}, ["numpy[license=MIT]"]),
    ],
)
def test_where_another_tool_would_do_something_else_it_is_conda(place, versions, more, specs):
    assert chosen(place(versions, **more), specs=specs) == "conda"


def test_a_tool_that_is_asked_for_is_taken_or_refused(place):
    assert chosen(place(BOTH), "conda") == "conda"
    assert chosen(place(dict(BOTH, mamba="1.5.8")), "mamba") == "mamba"
    assert chosen(place(dict(BOTH, mamba="1.5.8")), "mamba", removes=True) == "conda"
    with pytest.raises(Refused, match="There is no micromamba in"):
        chosen(place(BOTH), "micromamba")
