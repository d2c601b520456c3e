# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packages of an environment, changed by stand-ins that answer as micromamba 2.8.1 and conda 26.7 were recorded to."""

from __future__ import annotations

import json
import os
import types

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Failed, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._glance import glance_at
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_task import _wish, is_untouched
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_work import PackageWork
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import look_at
from ansible_collections.labfleet.conda.plugins.module_utils._change._session import Session
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import open_state
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import close
from ansible_collections.labfleet.conda.plugins.module_utils._system._run import Finished, Interrupts, Runner

from .trees import listing, package, write

OPTIONS = {
    "name": [],
    "state": "present",
    "pip": [],
    "pip_force": False,
    "pip_arguments": [],
    "with_dependents": False,
    "tool": "auto",
    "python": "keep",
    "channels": [],
    "override_channels": True,
    "allow_downgrade": False,
    "override_frozen": False,
    "time_limit": 60,
    "grace": 1,
    "reserve": 0,
    "verify_commands": [],
    "keep_snapshots": 5,
    "keep_days": None,
    "keep_bytes": None,
}
CHANNEL = {"zlib": ["1.2", "1.3"], "tool": ["1.0"], "xz": ["5.4", "5.6"]}


class StandIn(Runner):
    """A micromamba or conda that knows CHANNEL, where each package is one file.

    :ivar does: what goes wrong: C(nothing) is done though it says so, or it ends C(half) way.
    """

    def __init__(self, kind, env):
        self.kind, self.env, self.does, self.commands = kind, env, "", []

    def run(self, command):
        self.commands.append(command)
        words = command.arguments[1:]
        if words[0] == "--version":
            return Finished(0, ("2.8.1\n" if self.kind == "micromamba" else "conda 26.7.1\n").encode(), b"", 0.01)
        if words[0] == "search":
            pkgs = [self._package(words[-1], version) for version in CHANNEL.get(words[-1], ())]
            content = {"result": {"pkgs": pkgs}} if self.kind == "micromamba" else {words[-1]: pkgs}
            return Finished(0, json.dumps(content).encode(), b"", 0.01)
        return self._act(words[0], [word for word in words[3:] if not word.startswith("-")], "--dry-run" in words)

    def _act(self, verb, specs, dry):
        here, link, unlink = self.here(), [], []
        for spec in specs:
            name, _sign, bound = spec.partition(">=")
            newest = CHANNEL[name][-1]
            if verb == "remove" or (here.get(name) != newest and (verb == "update" or name not in here or bound)):
                unlink += [self._package(name, here[name])] if name in here else []
                link += [self._package(name, newest)] if verb != "remove" else []
        if not dry and self.does != "nothing":
            for item in unlink:
                os.unlink("%s/conda-meta/%s-%s-0.json" % (self.env, item["name"], item["version"]))
                os.unlink("%s/lib/%s.so" % (self.env, item["name"]))
            for item in link if self.does != "half" else ():
                package(self.env, "%(name)s-%(version)s-0" % item, {"lib/%(name)s.so" % item: item["version"]})
        told = {"actions": {"LINK": link, "UNLINK": unlink, "PREFIX": self.env}} if link or unlink else {}
        message = {} if told else {"message": "All requested packages already installed"}
        return Finished(0, json.dumps({"success": True, "dry_run": dry, **told, **message}).encode(), b"", 0.01)

    def here(self):
        names = [name[:-5].rsplit("-", 2) for name in os.listdir(self.env + "/conda-meta") if name.endswith(".json")]
        return {name: version for name, version, _build in names}

    def _package(self, name, version):
        return {
            "name": name,
            "version": version,
            "build": "0",
            "build_string": "0",
            "channel": "conda-forge",
            "size": 9,
        }


@pytest.fixture
def env(tmp_path):
    """An environment without Python, with the root prefix of a micromamba that stands alone."""
    prefix = str(tmp_path / "mamba/envs/e")
    package(prefix, "zlib-1.2-0", {"lib/zlib.so": "1.2"})
    package(prefix, "xz-5.6-0", {"lib/xz.so": "5.6"})
    write(prefix, "conda-meta/history", "==> 2026-01-01 00:00:00 <==\n+conda-forge::zlib-1.2-0\n")
    os.mkdir(prefix + "/.labfleet-conda", 0o700)
    write(str(tmp_path), "programs/micromamba", "\x7fELF", 0o755)
    return prefix


@pytest.fixture
def run(tmp_path, env):
    """Does the work of the module with a stand-in for the micromamba beside it."""
    folders = []
    runner = StandIn("micromamba", env)

    def make(check=False, **options):
        given = dict(OPTIONS, **options)
        wish = _wish(given)
        if is_untouched(glance_at(env), wish):
            return {"outcome": "unchanged"}
        folders.append(open_state(env))
        place = look_at(str(tmp_path / "programs/micromamba"), env)
        session = Session(place, folders[-1], env + "/home", types.SimpleNamespace(descriptor=0), Interrupts())
        session.runner = runner
        return PackageWork(given, wish, check=check, note=lambda text: None)(session)

    make.runner = runner
    yield make
    close(*folders)


def test_a_micromamba_that_stands_alone_changes_an_environment(run, env, tmp_path):
    before = listing(env)
    planned = run(check=True, name=["zlib>=1.3", "tool"])
    assert planned["outcome"] == "planned" and listing(env) == before
    done = run(name=["zlib>=1.3", "tool"])
    assert done["outcome"] == "committed" and done["after"] == {"zlib": "1.3", "tool": "1.0"}
    assert done["tool"] == {
        "kind": "micromamba", "version": "2.8.1", "program": str(tmp_path / "programs/micromamba"),
    }  # fmt: skip
    assert "outcome" not in run(name=["zlib>=1.3", "tool"])
    changes = [command for command in run.runner.commands if command.arguments[1] == "install"]
    assert {command.stop_signal for command in changes} == {2}  # SIGTERM would end it on the spot
    assert {command.environment["MAMBA_ROOT_PREFIX"] for command in changes} == {str(tmp_path / "mamba")}


def test_latest_asks_it_to_update_only_what_is_there(run, env):
    done = run(name=["zlib", "tool", "xz"], state="latest")
    assert run.runner.here() == {"zlib": "1.3", "xz": "5.6", "tool": "1.0"}
    assert {item["name"] for item in done["packages"]} == {"zlib", "tool"}
    assert all("tool" not in command.arguments for command in run.runner.commands if command.arguments[1] == "update")
    run.runner.commands.clear()
    assert "outcome" not in run(name=["zlib", "tool", "xz"], state="latest")
    # Its nothing could be that of a portal's page, so that the channel is asked once what it holds.
    assert [command.arguments[1] for command in run.runner.commands] == ["--version", "update", "search"]


def test_absent_is_one_start_that_removes_exactly_what_is_named(run, env):
    done = run(name=["zlib"], state="absent")
    assert done["outcome"] == "committed" and run.runner.here() == {"xz": "5.6"}
    acting = [command.arguments[1] for command in run.runner.commands if command.arguments[1] != "--version"]
    assert acting == ["remove"]
    assert "outcome" not in run(name=["zlib"], state="absent")


@pytest.mark.parametrize(("does", "state"), [("nothing", "present"), ("half", "present"), ("nothing", "absent")])
def test_what_it_says_is_not_believed(run, env, does, state):
    before = listing(env)
    run.runner.does = does
    with pytest.raises(Failed, match="was not kept") as caught:
        run(name=["zlib>=1.3"] if state == "present" else ["zlib"], state=state)
    assert caught.value.result["outcome"] == "rolled_back" and listing(env) == before


def test_a_channel_that_is_a_portals_page_is_told(run, env, monkeypatch):
    monkeypatch.setitem(CHANNEL, "xz", ["5.6"])
    monkeypatch.setattr(StandIn, "_package", lambda self, name, version: {})
    with pytest.raises(Failed, match="finds no xz in its channels"):
        run(name=["xz"], state="latest")


def test_a_root_prefix_names_it_too_and_a_script_is_refused(tmp_path, env):
    write(str(tmp_path), "mamba/bin/micromamba", "\x7fELF", 0o755)
    place = look_at(str(tmp_path / "mamba"), env)
    assert place.installation.program == str(tmp_path / "mamba/bin/micromamba") and place.base == str(
        tmp_path / "mamba"
    )
    assert not place.is_base and place.named == str(tmp_path / "mamba")
    write(str(tmp_path), "mamba/bin/micromamba", "#!/bin/sh\n", 0o755)
    with pytest.raises(Refused, match="is a script"):
        look_at(str(tmp_path / "mamba"), env)
