# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What runs in conda's own Python, in real processes with a stand-in for conda whose shape is that of the real ones.

With real condas of the lab, the updates of the integration tests do the same.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import ChangeError, Failed
from ansible_collections.labfleet.conda.plugins.module_utils._change._held_plan import ask_for_plan
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import CommandRefused, Tool
from ansible_collections.labfleet.conda.plugins.module_utils._change._verify import wrong_answers

from .standin import COMMON, INSTALL, MAIN, SHELL, StandIn, both

OLD_PYTHONS = sorted(Path.home().glob(".pyenv/versions/2.7.*/bin/python2.7"))[-1:]
PYTHONS = [sys.executable, *map(str, OLD_PYTHONS)]


@pytest.fixture(params=[(version, python) for version in ("4.3.16", "26.7.0") for python in PYTHONS])
def standin(request, tmp_path) -> StandIn:
    return StandIn(tmp_path, *request.param)


def test_it_waits_before_it_begins_and_then_does_what_it_has_told(standin):
    answer, held = standin.ask("x>=2")
    with held:
        assert [(item.name, item.version) for item in answer.actions.link] == [("x", "2")]
        assert (standin.meanwhile, standin.made()) == (1, [])
        done = held.go_on(seconds=60, grace=60)
    applied = standin.driver.read(standin.tool.apply(["x>=2"]), done)
    assert applied.success and [item.name for item in applied.actions.unlink] == ["x"]
    assert "done" in standin.made()
    # What conda writes to the history of the prefix is the command of a person.
    assert (standin.root / "done").read_text().split()[:2] == [standin.tool.program, "install"]


def test_what_is_not_told_to_go_on_does_nothing(standin):
    _answer, held = standin.ask("x>=2")
    held.close()
    assert standin.made() == []


def test_one_that_has_nothing_to_do_or_cannot_does_not_wait(standin):
    answer, held = standin.ask("there")
    assert answer.nothing_to_do and held is None
    answer, held = standin.ask("fails")
    assert answer.error.kind == "unsatisfiable" and held is None
    assert standin.meanwhile == 2


def test_where_our_part_does_not_fit_it_is_asked_in_the_plain_way(standin):
    (standin.root / "bin/conda/cli/install.py").write_text("raise ImportError('another shape')\n")
    (standin.root / "bin/conda/cli/__init__.py").write_text(MAIN.replace(", install as installer", ""))
    answer, held = standin.ask("x>=2")
    assert answer.success and held is None and standin.meanwhile == 1


def test_one_that_goes_on_without_being_told_to_is_a_failure(tmp_path):
    standin = StandIn(tmp_path, "26.7.0", sys.executable)
    path = standin.root / "bin/conda/cli/install.py"
    path.write_text(INSTALL.replace("    if hasattr", "    return\n    if hasattr", 1))
    with pytest.raises(Failed, match="has not waited"):
        standin.ask("x>=2")


def test_one_that_does_not_start_is_told(tmp_path):
    standin = StandIn(tmp_path, "26.7.0", "/no/such/python")
    with pytest.raises(ChangeError, match="/no/such/python could not be started"):
        standin.ask("x>=2")


def test_without_anything_to_do_later_nothing_waits(standin):
    answer, held = ask_for_plan(standin.driver, *both(standin.driver, ["x>=2"]), seconds=60, meanwhile=None)
    assert answer.success and held is None


@pytest.mark.parametrize(
    ("version", "can"),
    [("4.2.7", False), ("4.3.13", True), ("4.3.34", True), ("4.4.0rc1", False), ("4.4.11", False), ("4.5.0", True),
     ("22.11.1", True), ("26.7.1", True), ("26.8.0", False), ("27.1.0", False)],
)  # fmt: skip
def test_only_versions_whose_code_was_looked_at_are_made_to_wait(version, can):
    tool = Tool("conda", version, "/opt/x/bin/conda", "/opt/x", "/opt/x/bin/python")
    assert tool.can_be_held == can
    if not can:
        with pytest.raises(CommandRefused, match="cannot be made to wait"):
            tool.hold(tool.apply(["x"]))


@pytest.mark.parametrize("kind", ["mamba", "micromamba"])
def test_other_tools_are_not_made_to_wait_nor_asked_from_within(kind):
    tool = Tool(kind, "1.5.8", "/opt/x/bin/" + kind, "/opt/x", "/opt/x/bin/python")
    assert not tool.can_be_held
    with pytest.raises(CommandRefused):
        tool.check(None, "/tmp/check")


def test_a_conda_that_answers_all_is_well_with_one_start(standin):
    started = []
    run_all = standin.driver.runner.run_all

    def counted(commands, **more):
        started.extend(commands)
        return run_all(commands, **more)

    standin.driver.runner.run_all = counted
    assert wrong_answers(standin.driver, solver=None) == []
    assert len(started) == 1


def test_where_a_solver_starts_threads_one_question_is_asked_after_the_other(standin):
    thread = "import threading\nthread = threading.Thread(target=threading.Event().wait)\n"
    (standin.root / "bin/conda/resolve.py").write_text(thread + "thread.daemon = True\nthread.start()\n")
    started = []
    run_all = standin.driver.runner.run_all

    def counted(commands, **more):
        started.append(len(commands))
        return run_all(commands, **more)

    standin.driver.runner.run_all = counted
    assert wrong_answers(standin.driver, solver="classic") == []
    assert started == [1, 4]


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("conda/cli/common.py", COMMON.replace("dict(more", "dict(more, root_prefix='/x'"), "its base prefix"),
        ("conda/resolve.py", "import no_such_module", "import conda.cli, conda.resolve: it ended with exit code 1"),
        ("conda/cli/__init__.py", MAIN.replace('if "labfleet', 'if 1/0 or "labfleet'), "it cannot solve"),
        ("conda/cli/__init__.py", MAIN.replace('os.environ["VERSION"]', "'9'"), "its version is told as 9, not 4.3.16"),
        ("conda/base/context.py", "", ""),
        ("the-conda", "#!/no/such/python\nimport conda.cli, sys\nsys.exit(conda.cli.main())\n", "could not be started"),
        ("the-conda", f"#!{sys.executable}\nimport no_such_module\n", "No module named"),
        ("the-conda", f"#!{sys.executable}\n", "its version is told as None"),
        ("the-conda", SHELL % sys.executable, ""),
    ],
)
def test_what_is_wrong_is_told_as_by_one_question_after_the_other(tmp_path, path, text, said):
    standin = StandIn(tmp_path, "4.3.16", sys.executable)
    (standin.root / "bin" / path).write_text(text)
    found = wrong_answers(standin.driver, solver="classic")
    assert (found and said in " ".join(found)) if said else found == []


def test_the_caches_of_a_check_are_its_own(tmp_path):
    standin = StandIn(tmp_path, "26.7.0", sys.executable)
    note = "def main(*args):\n    open(os.environ['CONDA_PKGS_DIRS'] + '/x', 'a').close()"
    (standin.root / "bin/conda/cli/__init__.py").write_text(MAIN.replace("def main(*args):", note))
    folder = str(tmp_path / "check")
    done = standin.driver.runner.run(standin.driver.command(standin.tool.check(None, folder)))
    assert done.code == 0 and {name: code for name, (code, _said) in json.loads(done.stdout).items()} == {
        "info": 0,
        "solve": 0,
    }
    assert os.listdir(folder + "/pkgs") == ["x"]
    index = json.loads(Path(folder, "channel/linux-64/repodata.json").read_text())
    assert list(index["packages"]) == ["labfleet-check-1-0.tar.bz2"]
