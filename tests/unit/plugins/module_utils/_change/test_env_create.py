# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""New environments, filled by stand-ins that answer as micromamba 2.3 and 2.8 and conda 26.7 were recorded to."""

from __future__ import annotations

import json
import os

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change import _conclude, _session
from ansible_collections.labfleet.conda.plugins.module_utils._change._env import ChangeError, env
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._system._run import Finished, Runner
from ansible_collections.labfleet.conda.plugins.modules.conda_env import ARGUMENT_SPEC

from .trees import package, write

CONFLICT = {
    "allow_retry": False,
    "caused_by": "None",
    "error": "LibMambaUnsatisfiableError",
    "exception_name": "LibMambaUnsatisfiableError",
    "message": "Encountered problems while solving:\n\n├─ conf-a =* * is installable and it requires\n"
    "│  └─ demo <2 *, which can be installed;\n└─ conf-b =* * is not installable because it requires\n"
    "   └─ demo >=2 *, which conflicts with any installable versions previously reported.",
}


class StandIn(Runner):
    """A micromamba or conda that can install anything; what it was asked is written to a file, past the fork."""

    log = ""
    does = ""

    def __init__(self, *arguments, **options):
        pass

    def run(self, command):
        words = list(command.arguments[1:])
        with open(self.log, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(list(command.arguments)) + "\n")
        if words[0] == "--version":
            return Finished(0, b"2.8.1\n", b"", 0.01)
        assert words[0] in ("install", "remove"), words
        prefix, specs = words[2], [word for word in words[3:] if not word.startswith("-")]
        if self.does == "conflict":
            return Finished(1, json.dumps(CONFLICT).encode(), b"", 0.01)
        if self.does == "crash":
            return Finished(1, b"", b"Traceback (most recent call last):\nKeyError: 8192\n", 0.01)
        if "--file" in words:
            with open(words[words.index("--file") + 1], encoding="utf-8") as stream:
                lines = stream.read().splitlines()
            specs = [line.partition("#")[0].rpartition("/")[2] for line in lines if "://" in line]
            packages = [name[: -len(".conda")].rsplit("-", 2)[:2] for name in specs]
        else:
            packages = [(spec.partition(">")[0].partition("=")[0], "1.0") for spec in specs]
        told = [{"name": name, "version": version, "build": "0", "channel": "forge"} for name, version in packages]
        if "--dry-run" not in words and self.does != "nothing":
            for name, version in packages:
                package(prefix, f"{name}-{version}-0", {f"lib/{name}.so": version})
        content = {"success": True, "dry_run": "--dry-run" in words, "actions": {"LINK": told, "PREFIX": prefix}}
        return Finished(1 if self.does == "code" else 0, json.dumps(content).encode(), b"", 0.01)


@pytest.fixture(params=["micromamba", "conda"])
def run(request, tmp_path, monkeypatch):
    """Runs the module with a stand-in; C(run.base) is the prefix option, C(run.path) where the environment is made."""
    if os.geteuid() == 0:
        os.chmod(tmp_path, 0o755)
    if request.param == "micromamba":
        write(str(tmp_path), "programs/micromamba", "\x7fELF", 0o755)
        base = str(tmp_path / "programs/micromamba")
    else:
        base = str(tmp_path / "base")
        package(base, "conda-26.7.1-0", {"bin/conda": "#!/bin/sh\n"})
        write(base, "conda-meta/history", "")
    monkeypatch.setattr(_session, "Supervised", StandIn)
    monkeypatch.setattr(StandIn, "log", str(tmp_path / "commands"))
    monkeypatch.setattr(StandIn, "does", "")
    monkeypatch.setattr(_conclude, "run_as", lambda uid, gid, user, work, **limits: work())
    path = tmp_path / "envs/x"
    path.parent.mkdir()

    def make(check=False, **options):
        given = {name: spec.get("default") for name, spec in ARGUMENT_SPEC.items()}
        given.update(prefix=base, environment=str(path), ledger=str(tmp_path / "log/ledger.jsonl"), reserve=0)
        given.update(options)
        return env(given, check=check, note=lambda text: None)

    def commands():
        if not os.path.exists(StandIn.log):
            return []
        with open(StandIn.log, encoding="utf-8") as stream:
            return [json.loads(line) for line in stream]

    make.path, make.base, make.commands, make.kind = path, base, commands, request.param
    return make


def verbs(run):
    return [(words[1], "--dry-run" in words) for words in run.commands() if words[1] not in ("--version",)]


def test_one_command_fills_it_and_no_plan_comes_before(run):
    assert run(check=True, packages=["zlib", "xz>=1"])["outcome"] == "planned"
    assert not run.path.exists() and verbs(run) == [("install", True)]
    done = run(packages=["zlib", "xz>=1"])
    assert done["outcome"] == "committed" and {item["name"] for item in done["packages"]} == {"zlib", "xz"}
    assert verbs(run) == [("install", True), ("install", False)] and done["snapshot"] is None
    count = len(run.commands())
    for check in (True, False):
        assert run(check=check, packages=["zlib", "xz>=1"])["changed"] is False
    assert len(run.commands()) == count
    assert not (run.path / ".labfleet-conda/journal.json").exists()


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("conflict", "conf-a wants demo <2; conf-b wants demo >=2"),
        ("crash", "KeyError: 8192"),
        ("nothing", "zlib does not hold after the change"),
        ("code", "failed"),
    ],
)
def test_whatever_the_tool_says_what_is_not_whole_goes(run, does, said):
    StandIn.does = does
    with pytest.raises(ChangeError, match="nothing is left of it") as caught:
        run(packages=["zlib"])
    assert said in str(caught.value) and not run.path.exists() and os.listdir(run.path.parent) == []
    assert caught.value.result["changed"] is False
    if does == "conflict":
        assert caught.value.result["conflicts"][0]["relax"] == []
    with open(os.path.join(os.path.dirname(StandIn.log), "log/ledger.jsonl"), encoding="utf-8") as stream:
        record = json.loads(stream.readlines()[-1])
    assert (record["action"], record["outcome"], record["snapshot"]) == ("create", "rolled_back", None)


def test_a_list_is_installed_without_a_solver(run):
    text = "@EXPLICIT\nhttps://conda.anaconda.org/conda-forge/noarch/zlib-1.3-0.conda\n"
    assert run(content=text)["outcome"] == "committed"
    (command,) = [words for words in run.commands() if words[1] == "install"]
    assert "--file" in command and not any(word in command for word in ("-c", "--override-channels"))
    assert run(content=text)["changed"] is False


def test_a_base_that_others_can_write_to_is_refused_before_anything_is_made(run):
    os.chmod(os.path.dirname(run.base) if run.kind == "micromamba" else run.base, 0o777)
    with pytest.raises(Refused, match="everybody"):
        run(packages=["zlib"])
    assert not run.path.exists() and run.commands() == []
