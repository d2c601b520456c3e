# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""condarefresh with stand-ins for the work: what it chooses, asks and says, and with which exit code it ends."""

from __future__ import annotations

import importlib
import io
import json
import os
import types

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Failed, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import SnapshotError
from ansible_collections.labfleet.conda.plugins.module_utils._condarefresh import _options
from ansible_collections.labfleet.conda.plugins.module_utils._condarefresh._arguments import Arguments, Usage, parse
from ansible_collections.labfleet.conda.plugins.module_utils._condarefresh._changes import package_line
from ansible_collections.labfleet.conda.plugins.module_utils._condarefresh._main import main
from ansible_collections.labfleet.conda.plugins.module_utils._condarefresh._target import NoTarget, find_target
from ansible_collections.labfleet.conda.plugins.module_utils._condarefresh._terminal import Terminal
from ansible_collections.labfleet.conda.plugins.module_utils._condarefresh._texts import (
    LANGUAGES,
    TEXTS,
    Words,
    language_of,
    placeholders,
)

MODULES = "ansible_collections.labfleet.conda.plugins.modules."
ME = 1000
CONDA = {"name": "conda", "kind": "updated", "from": {"version": "4.9", "build": "0"},
         "to": {"version": "4.12", "build": "0"}}  # fmt: skip
PLANNED = {"outcome": "planned", "packages": [CONDA], "after": {"conda": "4.12"}, "space": {"download": 2500000}}
COMMITTED = dict(PLANNED, outcome="committed", before={"conda": "4.9"})
UNCHANGED = {"outcome": "unchanged", "packages": []}


class Stream(io.StringIO):
    """A stream that is a terminal, or is none."""

    def __init__(self, text="", terminal=False):
        super().__init__(text)
        self.terminal = terminal

    def isatty(self):
        return self.terminal


class Desk:
    """A stand-in for the work, and the streams; answers are given in turn, and an exception is raised."""

    def __init__(self, home, answers=(), typed=None, **facts):
        self.answers, self.calls, self.facts = list(answers), [], facts
        self.folder = home
        self.streams = {
            "stdin": Stream(typed or "", typed is not None),
            "stdout": Stream(terminal=typed is not None),
            "stderr": Stream(terminal=typed is not None),
        }

    def run(self, *words):
        """The exit code and what was said."""
        code = main(list(words), self, self.streams)
        return code, self.streams["stdout"].getvalue()

    def variables(self):
        return dict({"LANG": "en_US.UTF-8"}, **self.facts.get("variables", {}))

    def home(self):
        return str(self.folder)

    def uid(self):
        return ME

    def look(self, base, environment):
        history = types.SimpleNamespace(requested=self.facts.get("requested", {}))
        records = [types.SimpleNamespace(name=name) for name in ("six", "click", "python")]
        return types.SimpleNamespace(
            prefix=environment or base, is_base=environment is None, uid=self.facts.get("uid", ME), owner="bob",
            installation=types.SimpleNamespace(kind="conda", versions=self.facts.get("versions", {"conda": "4.9"})),
            environment=types.SimpleNamespace(frozen=self.facts.get("frozen"), history=history, records=records),
        )  # fmt: skip

    def refuse_strangers(self, place):
        if self.facts.get("strangers"):
            raise Refused("carol can write to it")

    def runs_in(self, prefix):
        return self.facts.get("runs_in", False)

    def is_unfinished(self, prefix):
        left = self.facts.get("unfinished")
        return left.pop(0) if left else False

    def update(self, options, check, note):
        return self._next("update", options, check, note)

    def package(self, options, check, note):
        return self._next("package", options, check, note)

    def restore(self, prefix, check, force):
        return self._next("restore", {"prefix": prefix, "force": force}, check, lambda text: None)

    def _next(self, what, options, check, note):
        self.calls.append((what, options, check))
        note("plans the update of it")
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return dict(answer)


@pytest.fixture
def base(tmp_path):
    """The path of a base prefix in the home tmp_path."""
    return make_base(tmp_path / "miniconda3")


def make_base(path):
    for name in ("conda-meta", "bin", "envs/work/conda-meta"):
        os.makedirs(str(path / name))
    (path / "bin/conda").write_text("")
    return str(path)


# Texts and arguments.


def test_each_text_is_there_in_each_language_and_takes_the_same_values():
    for key, texts in TEXTS.items():
        assert len(texts) == len(LANGUAGES) and all(text.strip() for text in texts), key
        assert len({tuple(placeholders(text)) for text in texts}) == 1, key
        assert texts[0].isascii() and not texts[1].isascii(), key


def test_each_text_that_is_used_is_there_and_each_that_is_there_is_used():
    folder = os.path.dirname(importlib.import_module(_options.__name__).__file__)
    sources = ""
    for name in os.listdir(folder):
        if name.endswith(".py") and name != "_texts.py":
            with open(os.path.join(folder, name), encoding="utf-8") as stream:
                sources += stream.read()
    unused = [key for key in TEXTS if '"%s"' % key not in sources]
    assert unused == []


@pytest.mark.parametrize(
    ("variables", "encoding", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "utf-8", "zh"),
        ({"LANG": "zh"}, "utf-8", "zh"),
        ({"LANG": "zh_TW.UTF-8", "LC_MESSAGES": "en_US.UTF-8"}, "utf-8", "en"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "zh_CN.UTF-8"}, "utf-8", "zh"),
        ({"LC_ALL": "", "LANG": "zh_CN.GB18030"}, "gb18030", "zh"),
        ({"LANG": "zh_CN.UTF-8"}, "ascii", "en"),
        ({"LANG": "zh_CN.UTF-8"}, "no-such-encoding", "en"),
        ({"LANG": "zhuang"}, "utf-8", "en"),
        ({}, None, "en"),
    ],
)
def test_the_language_is_that_of_the_user(variables, encoding, language):
    assert language_of(variables, encoding) == language


def test_the_command_line_is_understood():
    assert parse([], Words("en")) == Arguments()
    found = parse(["--environment", "work", "six", "--yes", "--python", "move"], Words("en"))
    assert (found.environment, found.packages, found.yes, found.python) == ("work", ("six",), True, "move")
    assert parse(["--environment"], Words("en")).environment == ""
    for line in (["six"], ["--undo", "-n", "work", "six"], ["--yess"], ["--ye"], ["--language", "de"]):
        with pytest.raises(Usage):
            parse(line, Words("en"))


def test_help_and_wrong_usage_are_told_in_the_language(tmp_path):
    code, said = Desk(tmp_path).run("--help", "--language", "zh")
    assert code == 0 and said.startswith("用法:") and "退出码" in said
    code, said = Desk(tmp_path).run("--nonsense", "--language", "zh")
    assert code == 2 and "--nonsense" in said and "无法理解" in said


def test_the_options_are_those_of_the_modules():
    updates = importlib.import_module(MODULES + "conda_update").ARGUMENT_SPEC
    packages = importlib.import_module(MODULES + "conda_package").ARGUMENT_SPEC
    given = _options.update_options(Arguments(), "/p")
    assert set(given) == set(updates)
    assert set(_options.package_options(Arguments(), "/p", None, ["six"])) == set(packages)
    differ = {name for name, spec in updates.items() if given[name] != spec.get("default")}
    assert differ == {"prefix", "busy", "busy_seconds", "lock_seconds", "run_id"}


# What is chosen.


def test_what_is_chosen(tmp_path, base):
    def chosen(*words, **variables):
        found = find_target(parse(words, Words("en")), variables, str(tmp_path))
        return found.base, found.environment

    other = make_base(tmp_path / "elsewhere")
    work = base + "/envs/work"
    assert chosen() == (base, None)
    assert chosen(CONDA_EXE=other + "/bin/conda") == (other, None)
    assert chosen(CONDA_PREFIX=other + "/envs/work") == (other, None)
    assert chosen(PATH="/usr/bin:%s/bin" % other) == (other, None)
    assert chosen("--prefix", "elsewhere", PWD=str(tmp_path)) == (other, None)
    assert chosen("--prefix", "~/elsewhere/") == (other, None)
    assert chosen("--environment", "work") == (base, work)
    assert chosen("--environment", work) == (base, work)
    assert chosen("--environment", CONDA_PREFIX=work) == (base, work)
    assert chosen("--environment", "base") == (base, None)
    assert chosen("--environment", CONDA_PREFIX=base) == (base, None)


def test_what_cannot_be_chosen(tmp_path):
    def why(*words):
        with pytest.raises(NoTarget) as caught:
            find_target(parse(words, Words("en")), {}, str(tmp_path))
        return caught.value.key

    if not any(os.path.isdir("/opt/%s/conda-meta" % name) for name in os.listdir("/opt")):
        assert why() == "no_conda"
    make_base(tmp_path / "miniconda3")
    assert why("--environment", "nosuch") == "no_environment" and why("--environment") == "no_active"
    make_base(tmp_path / "miniforge3")
    assert why() == "several"


# What is done, and how it ends.


def test_an_update_is_foretold_agreed_to_and_done(tmp_path, base):
    desk = Desk(tmp_path, [PLANNED, COMMITTED], typed="y\n")
    code, said = desk.run()
    assert code == 0
    assert said.index("Found: conda 4.9") < said.index("conda 4.9 -> 4.12") < said.index("Go on?") < said.index("Done")
    assert "to download: 2.5 MB" in said and said.endswith("To go back: condarefresh --undo\n")
    assert [(what, check) for what, _options, check in desk.calls] == [("update", True), ("update", False)]
    # What was agreed to is what is asked for.
    assert [options["version"] for _what, options, _check in desk.calls] == [None, "4.12"]
    assert all(options["prefix"] == base and options["busy"] == "fail" for _what, options, _check in desk.calls)


@pytest.mark.parametrize("typed", ["n\n", "\n", "", "yesterday\n"])
def test_without_a_clear_yes_nothing_is_done(tmp_path, base, typed):
    desk = Desk(tmp_path, [PLANNED], typed=typed)
    code, said = desk.run()
    assert code == 1 and "nothing was changed" in said and len(desk.calls) == 1


def test_control_c_at_the_question_is_a_no(tmp_path, base):
    desk = Desk(tmp_path, [PLANNED], typed="")

    def interrupt():
        raise KeyboardInterrupt

    desk.streams["stdin"].readline = interrupt
    assert desk.run()[0] == 1 and len(desk.calls) == 1


def test_without_a_terminal_it_asks_nothing_and_does_nothing(tmp_path, base):
    desk = Desk(tmp_path)
    code, said = desk.run()
    assert code == 2 and "--yes" in said and desk.calls == []
    desk = Desk(tmp_path, typed="y\n")
    desk.streams["stdin"] = None
    assert desk.run()[0] == 2


def test_a_forecast_does_nothing(tmp_path, base):
    desk = Desk(tmp_path, [PLANNED])
    code, said = desk.run("--check")
    assert code == 0 and "only a forecast" in said and [check for _w, _o, check in desk.calls] == [True]


def test_nothing_to_do_and_what_holds_it_back(tmp_path, base):
    assert "Nothing to do" in Desk(tmp_path, [UNCHANGED]).run("--yes")[1]
    held = dict(UNCHANGED, diagnoses=[{"cause": "conda 26 needs Python 3.10.", "remedy": "Let Python move."}])
    code, said = Desk(tmp_path, [held]).run("--yes")
    assert code == 0 and "there is something newer" in said and "Details: conda 26 needs Python 3.10." in said


def test_what_came_out_otherwise_than_foretold_is_told(tmp_path, base):
    more = dict(COMMITTED, packages=[CONDA, dict(CONDA, name="six")])
    code, said = Desk(tmp_path, [PLANNED, more]).run("--yes", "--details")
    assert code == 0 and said.index("It has changed more") < said.index("six 4.9 -> 4.12")
    assert "It has changed" not in Desk(tmp_path, [PLANNED, COMMITTED]).run("--yes")[1]


@pytest.mark.parametrize(
    ("error", "unfinished", "code", "outcome"),
    [
        (Failed("no.", {"outcome": "rolled_back"}), [False, False], 1, "rolled_back"),
        (Failed("no.", {"outcome": "not_restored"}), [False, False], 4, "needs_help"),
        (Failed("no way."), [False, False], 1, "failed"),
        (Failed("cut off."), [False, True], 4, "needs_help"),
        (Refused("pinned."), [False, False], 3, "refused"),
        (Refused("another change is under way."), [False, True], 3, "refused"),
        (Refused("busy.", {"processes": [{"pid": 7, "program": "jupyter"}]}), [False, False], 3, "refused"),
        (OSError(5, "Input/output error"), [False, False], 1, "failed"),
        (OSError(5, "Input/output error"), [False, True], 4, "needs_help"),
    ],
)
def test_each_end_has_its_code(tmp_path, base, error, unfinished, code, outcome):
    desk = Desk(tmp_path, [PLANNED, error], unfinished=unfinished)
    assert main(["--yes", "--json"], desk, desk.streams) == code
    told = json.loads(desk.streams["stdout"].getvalue())
    assert (told["exit_code"], told["outcome"], told["prefix"]) == (code, outcome, base)
    if "jupyter" in str(getattr(error, "result", "")):
        assert "jupyter (7)" in told["message"] and "--even-if-in-use" in told["message"]
    else:
        assert str(error.args[-1]).lower()[:10] in told["details"].lower()


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"uid": 1001}, "Ask bob."),
        ({"uid": 0}, "Ask the administrator"),
        ({"strangers": True}, "Other users can write"),
        ({"runs_in": True}, "no other Python"),
        ({"frozen": types.SimpleNamespace(message="ask alice")}, "(ask alice)"),
    ],
)
def test_what_must_not_be_changed_is_refused(tmp_path, base, facts, said):
    desk = Desk(tmp_path, **facts)
    code, shown = desk.run("--yes")
    assert code == 3 and said in shown and desk.calls == []


def test_a_change_that_was_cut_off_is_put_right_first(tmp_path, base):
    desk = Desk(tmp_path, [UNCHANGED, PLANNED, COMMITTED], unfinished=[True])
    code, said = desk.run("--yes")
    assert code == 0 and said.index("cut off in the middle") < said.index("is put right") < said.index("Done")
    assert [(options["version"], check) for _what, options, check in desk.calls][0] == ("any", False)
    desk = Desk(tmp_path, unfinished=[True])
    assert desk.run("--check")[0] == 0 and desk.calls == []


def test_mamba_is_updated_with_conda(tmp_path, base):
    desk = Desk(tmp_path, [PLANNED, COMMITTED], versions={"conda": "24.1", "mamba": "1.5"})
    assert desk.run("--yes")[0] == 0
    what, options, _check = desk.calls[1]
    assert what == "package" and options["name"] == ["conda", "mamba"] and options["state"] == "latest"
    assert (options["prefix"], options["environment"]) == (base, None)


def test_in_an_environment_what_was_asked_for_by_name_is_refreshed(tmp_path, base):
    requested = {"six": "six", "click": "click 6.7", "python": "python", "gone": "gone"}
    desk = Desk(tmp_path, [PLANNED, COMMITTED], requested=requested)
    code, said = desk.run("--yes", "--environment", "work")
    assert code == 0 and desk.calls[0][1]["name"] == ["six"]
    assert said.endswith("condarefresh --undo --environment %s/envs/work\n" % base)
    desk = Desk(tmp_path, requested={"click": "click 6.7"})
    code, said = desk.run("--yes", "--environment", "work")
    assert code == 0 and "fixed version" in said and desk.calls == []


RESTORED = {"changed": True, "snapshot": {"created": "2026-11-26T10:00:00Z"},
            "packages": {"added": ["conda-4.9-0"], "removed": ["conda-4.12-0", "six-1-0"]}}  # fmt: skip


def test_the_way_back(tmp_path, base):
    desk = Desk(tmp_path, [RESTORED, RESTORED])
    code, said = desk.run("--undo", "--yes")
    assert code == 0 and "2026-11-26T10:00:00Z" in said and "conda 4.12 -> 4.9" in said
    assert [check for _w, _o, check in desk.calls] == [True, False]
    assert "Nothing to undo" in Desk(tmp_path, [{"changed": False}]).run("--undo", "--yes")[1]
    assert Desk(tmp_path, [SnapshotError("There is no snapshot")]).run("--undo", "--yes")[0] == 3
    assert Desk(tmp_path, [RESTORED, SnapshotError("no")]).run("--undo", "--yes")[0] == 1
    damaged = dict(RESTORED, problems=[{"path": "bin/x", "reason": "is gone"}])
    code, said = Desk(tmp_path, [RESTORED, damaged]).run("--undo", "--yes")
    assert code == 4 and "bin/x: is gone." in said


# How it is shown.


def test_a_package_is_told_in_words():
    words = Words("en")
    here, there = {"version": "1", "build": "0"}, {"version": "1", "build": "1"}
    assert package_line(words, {"name": "a", "from": None, "to": here}) == "a 1 (new)"
    assert package_line(words, {"name": "a", "from": here, "to": None}) == "a 1 (removed)"
    assert package_line(words, {"name": "a", "from": here, "to": there}) == "a 1 0 -> 1 1"


def test_colour_only_on_a_terminal_and_never_what_a_terminal_obeys(tmp_path, base):
    variables = {"TERM": "xterm"}
    assert "\033[32mDone" in Desk(tmp_path, [PLANNED, COMMITTED], typed="y\n", variables=variables).run()[1]
    variables["NO_COLOR"] = "1"
    assert "\033" not in Desk(tmp_path, [PLANNED, COMMITTED], typed="y\n", variables=variables).run()[1]
    assert "\033" not in Desk(tmp_path, [PLANNED, COMMITTED], variables={"TERM": "xterm"}).run("--yes")[1]
    evil = Failed("it said \033]0;owned\007 https://bob:secret@mirror.example/", {"outcome": "rolled_back"})
    said = Desk(tmp_path, [PLANNED, evil]).run("--yes")[1]
    assert "\033" not in said and "\007" not in said and "secret" not in said


def test_a_stream_that_is_gone_does_not_stop_the_work(tmp_path, base):
    desk = Desk(tmp_path, [PLANNED, COMMITTED])

    def gone(text):
        raise BrokenPipeError(32, "Broken pipe")

    desk.streams["stdout"].write = gone
    assert desk.run("--yes")[0] == 0 and len(desk.calls) == 2
    Terminal(Words("en"), json=False, plain=True).line("to nobody")


def test_json_is_one_line_and_the_rest_goes_to_standard_error(tmp_path, base):
    desk = Desk(tmp_path, [PLANNED, COMMITTED])
    code, said = desk.run("--yes", "--json")
    told = json.loads(said)
    assert code == told["exit_code"] == 0 and said.count("\n") == 1
    assert told["before"] == {"conda": "4.9"} and told["packages"] == [CONDA]
    assert "Done" in desk.streams["stderr"].getvalue()
    desk = Desk(tmp_path)
    assert desk.run("--json", "--nonsense")[0] == 2
    assert json.loads(desk.streams["stdout"].getvalue())["outcome"] == "usage"
