# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bases of mamba 2, and a micromamba that stands alone, are updated by stand-ins that answer as was recorded."""

from __future__ import annotations

import json
import os
import types

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change import _place, _program, _update
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Failed, Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._place import look_at, look_at_program
from ansible_collections.labfleet.conda.plugins.module_utils._change._session import Session
from ansible_collections.labfleet.conda.plugins.module_utils._change._solver_wish import SolverWish
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import open_state
from ansible_collections.labfleet.conda.plugins.module_utils._change._wanted import wanted_packages
from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import close
from ansible_collections.labfleet.conda.plugins.module_utils._system._run import Finished, Interrupts, Runner

from .trees import listing, package, read, write

OPTIONS = {
    "version": "newest",
    "packages": [],
    "solver": "keep",
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
    "trusted_writers": [],
}


class StandIn(Runner):
    """Answers as mamba 2 and micromamba were recorded to; both are one program.

    :param prefix: of a mamba: the base. kind: of the two.
    :ivar does: what goes wrong.
    """

    def __init__(self, prefix, kind, versions):
        self.prefix, self.kind, self.versions = prefix, kind, versions
        self.does = ""
        self.commands = []

    def run(self, command):
        self.commands.append(command)
        words = command.arguments
        name = words[1].replace("-", "_").strip("_")
        stdout, code = getattr(self, name)(list(words[2:]))
        return Finished(code, stdout.encode("utf-8"), b"", 0.01)

    @property
    def there(self):
        """The version of the program that is there: its file says so."""
        return read(self.prefix + "/bin/" + self.kind).split()[-1]

    def version(self, _words):
        return self.there + "\n", 0

    def info(self, _words):
        content = {"base environment": self.prefix, self.kind + " version": self.there}
        return json.dumps(content), 0

    def search(self, _words):
        return json.dumps({"result": {"pkgs": [self._package(version) for version in self.versions]}}), 0

    def _package(self, version):
        return {"name": self.kind, "version": version, "build": "0", "channel": "conda-forge", "size": 1000}

    def install(self, words):
        old, new = self.there, self.versions[-1]
        actions = {"LINK": [self._package(new)], "UNLINK": [self._package(old)], "PREFIX": self.prefix}
        document = {"success": True, "dry_run": "--dry-run" in words, "prefix": self.prefix, "actions": actions}
        if "--dry-run" not in words:
            self._change(old, new)
        return json.dumps(document), 0

    def _change(self, old, new):
        if self.does == "nothing":
            return
        os.unlink("%s/conda-meta/%s-%s-0.json" % (self.prefix, self.kind, old))
        if self.does == "half":
            os.unlink(self.prefix + "/bin/" + self.kind)
            return
        package(self.prefix, "%s-%s-0" % (self.kind, new), {"bin/" + self.kind: "\x7fELF " + new})

    def self_update(self, words):
        wanted = words[words.index("--version") + 1]
        if self.does == "wrong":
            wanted = "9.9"
        if self.does != "nothing":
            write(self.prefix, "bin/micromamba", "\x7fELF " + wanted, 0o755)
        if self.does == "half":
            os.rename(self.prefix + "/bin/micromamba", self.prefix + "/bin/micromamba.bkup")
            write(self.prefix, "bin/micromamba", "", 0o755)
            raise SystemExit
        return json.dumps({"dry_run": False, "prefix": self.prefix}), 0


@pytest.fixture
def session(tmp_path):
    """Makes a session for a place, whose programs are those of a stand-in."""
    folders = []

    def make(place, runner):
        folders.append(open_state(place.prefix))
        made = Session(place, folders[-1], str(tmp_path / "own"), types.SimpleNamespace(descriptor=0), Interrupts())
        made.runner = runner
        return made

    yield make
    close(*folders)


@pytest.fixture
def mamba(tmp_path):
    """A base of mamba 2 without conda and Python."""
    prefix = str(tmp_path / "base")
    package(prefix, "mamba-2.3.3-0", {"bin/mamba": "\x7fELF 2.3.3"})
    package(prefix, "libmamba-2.3.3-0", {"lib/libmamba.so": "so"})
    os.mkdir(prefix + "/.labfleet-conda", 0o700)
    write(prefix, "conda-meta/history", "==> 2026-01-01 00:00:00 <==\n+conda-forge::mamba-2.3.3-0\n")
    return StandIn(prefix, "mamba", ["2.3.3", "2.8.1"])


def update(session, runner, check=False, **options):
    given = dict(OPTIONS, **options)
    wanted = wanted_packages("mamba", given["version"], given["packages"])
    work = _update._Work(given, wanted, SolverWish(), check, lambda text: None)
    return work(session(look_at(runner.prefix), runner))


def test_a_base_of_mamba_2_is_updated(session, mamba):
    before = listing(mamba.prefix)
    planned = update(session, mamba, check=True)
    assert planned["after"]["mamba"] == "2.8.1" and listing(mamba.prefix) == before
    result = update(session, mamba)
    assert result["outcome"] == "committed" and result["after"]["mamba"] == "2.8.1"
    assert [(item["name"], item["kind"]) for item in result["packages"]] == [("mamba", "updated")]
    installs = [command for command in mamba.commands if command.arguments[1] == "install"]
    assert all(command.stop_signal == 2 for command in installs)  # SIGTERM would end it on the spot
    assert all(command.environment["MAMBA_ROOT_PREFIX"] == mamba.prefix for command in installs)
    assert "outcome" not in update(session, mamba)


@pytest.mark.parametrize("does", ["nothing", "half"])
def test_what_mamba_2_says_is_not_believed(session, mamba, does):
    before = listing(mamba.prefix)
    mamba.does = does
    with pytest.raises(Failed) as caught:
        update(session, mamba)
    assert caught.value.result["outcome"] == "rolled_back"
    assert listing(mamba.prefix) == before


@pytest.fixture
def micromamba(tmp_path):
    """A micromamba in a directory of programs."""
    write(str(tmp_path), "bin/micromamba", "\x7fELF 2.3.3", 0o755)
    return StandIn(str(tmp_path), "micromamba", ["1.5.8", "2.3.3", "2.8.1"])


def self_update(session, runner, check=False, **options):
    given = dict(OPTIONS, **options)
    wanted = wanted_packages("micromamba", given["version"], ())
    work = _program._Work(None, given, wanted, check, lambda text: None)
    return work(session(look_at_program(runner.prefix + "/bin/micromamba"), runner))


def files(runner):
    folder = runner.prefix + "/bin"
    found = {}
    for name in os.listdir(folder):
        if name != ".labfleet-conda":
            status = os.stat(folder + "/" + name)
            found[name] = (status.st_mode, status.st_mtime_ns, read(folder + "/" + name))
    return found


def test_a_micromamba_is_updated(session, micromamba):
    before = files(micromamba)
    planned = self_update(session, micromamba, check=True)
    assert (planned["outcome"], planned["after"]) == ("planned", {"micromamba": "2.8.1"})
    assert files(micromamba) == before
    result = self_update(session, micromamba, channels=["conda-forge"])
    assert result["outcome"] == "committed" and micromamba.there == "2.8.1"
    words = next(command.arguments for command in micromamba.commands if command.arguments[1] == "self-update")
    assert words[2:] == ("-y", "--json", "--version", "2.8.1", "--override-channels", "-c", "conda-forge")
    assert all(command.environment["HOME"].endswith("/own") for command in micromamba.commands)
    again = self_update(session, micromamba)
    assert again["before"] == {"micromamba": "2.8.1"} and "outcome" not in again


@pytest.mark.parametrize("does", ["nothing", "wrong"])
def test_what_micromamba_says_is_not_believed(session, micromamba, does):
    before = files(micromamba)
    micromamba.does = does
    with pytest.raises(Failed) as caught:
        self_update(session, micromamba)
    assert caught.value.result["outcome"] == "rolled_back"
    assert files(micromamba) == before


def test_a_micromamba_that_was_killed_is_put_back_by_the_next_run(session, micromamba):
    before = files(micromamba)
    micromamba.does = "half"
    with pytest.raises(SystemExit):
        self_update(session, micromamba)
    assert files(micromamba) != before
    assert "to be undone first" in self_update(session, micromamba, check=True, version="any")["message"]
    assert "undone" in self_update(session, micromamba, version="any")["recovered"]
    assert files(micromamba) == before


def test_a_damaged_copy_is_not_put_back(session, micromamba):
    micromamba.does = "half"
    with pytest.raises(SystemExit):
        self_update(session, micromamba)
    snapshots = micromamba.prefix + "/bin/.labfleet-conda/snapshots"
    write(snapshots + "/" + os.listdir(snapshots)[0], "files/micromamba", "another")
    with pytest.raises(Failed, match="is damaged"):
        self_update(session, micromamba)
    assert read(micromamba.prefix + "/bin/micromamba") == ""


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"version": "1.5.8"}, "allow_downgrade"),
        ({"version": ">=3"}, "hold no micromamba>=3"),
        ({"version": "2.4"}, "hold no micromamba==2.4"),
    ],
)
def test_versions_that_cannot_be(session, micromamba, options, why):
    before = files(micromamba)
    with pytest.raises((Failed, Refused), match=why):
        self_update(session, micromamba, **options)
    assert files(micromamba) == before


def test_channels_without_micromamba(session, micromamba):
    micromamba.versions = []
    with pytest.raises(Failed, match="finds no micromamba in its channels"):
        self_update(session, micromamba)


def test_which_paths_name_a_micromamba(tmp_path):
    write(str(tmp_path), "bin/micromamba", "\x7fELF", 0o755)
    assert _program.micromamba_at(str(tmp_path / "bin/micromamba")).program == str(tmp_path / "bin/micromamba")
    assert _program.micromamba_at(str(tmp_path / "nowhere/micromamba")) is not None
    assert _program.micromamba_at(str(tmp_path)) is None
    write(str(tmp_path), "conda-meta/history", "")
    assert _program.micromamba_at(str(tmp_path)) is None
    with pytest.raises(Refused, match="a program of the environment"):
        _program.micromamba_at(str(tmp_path / "bin/micromamba"))


@pytest.mark.parametrize("option", [{"packages": ["six"]}, {"solver": "libmamba"}])
def test_nothing_is_installed_beside_a_program(tmp_path, option):
    micromamba = _program.Micromamba(str(tmp_path / "micromamba"), None)
    with pytest.raises(Refused, match="stands alone"):
        _program.update_program(micromamba, dict(OPTIONS, **option), check=False, note=print)


def test_a_program_that_others_may_change_is_refused(tmp_path):
    path = write(str(tmp_path), "bin/micromamba", "\x7fELF", 0o777)
    with pytest.raises(Refused, match="everybody"):
        _place.refuse_unless_ours(look_at_program(path))
    os.chmod(path, 0o755)
    os.chmod(str(tmp_path / "bin"), 0o777)
    with pytest.raises(Refused, match="everybody"):
        _place.refuse_unless_ours(look_at_program(path))


def test_a_wrapper_script_is_refused(tmp_path):
    path = write(str(tmp_path), "bin/micromamba", "#!/bin/sh\n", 0o755)
    with pytest.raises(Refused, match="is a script"):
        look_at_program(path)
    with pytest.raises(Refused, match="no program"):
        look_at_program(path + "/micromamba")
