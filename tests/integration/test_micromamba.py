# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A micromamba that stands alone is updated, by a stand-in that does what real ones were recorded to do.

A real micromamba cannot be had from a package registry: see tests/lab/standins.py for what stands in for it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from integration.updating import DRIVER, kill_tree, let_others_pass
from lab import standins
from lab.variants import some

VERSIONS = ("1.5.8", "2.3.3", "2.8.1")


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not standins.can_build():
        pytest.skip("the stand-in for micromamba needs a C compiler")
    return standins.channel(tmp_path_factory.mktemp("micromamba") / "channel", VERSIONS)


class Host:
    """A directory of programs with a micromamba in it."""

    def __init__(self, folder: Path, channel: Path) -> None:
        self.folder, self.channel = folder, channel
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.program = self.bin / "micromamba"
        self.ledger = folder / "log" / "ledger.jsonl"
        self.mark = folder / "mark"
        self.put("2.3.3")

    def put(self, version: str) -> None:
        shutil.copy2(self.channel / f"micromamba-{version}", self.program)

    def start(self, does: str = "", **options: object) -> subprocess.Popen[str]:
        given = {"prefix": str(self.program), "ledger": str(self.ledger), **options}
        environment = dict(os.environ, MAMBA_STANDIN_CHANNEL=str(self.channel), MAMBA_STANDIN_DOES=does)
        environment["MAMBA_STANDIN_MARK"] = str(self.mark)
        command = [sys.executable, str(DRIVER), json.dumps(given)]
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
            start_new_session=True,
        )

    def update(self, does: str = "", **options: object) -> dict[str, object]:
        output, _errors = self.start(does, **options).communicate(timeout=120)
        return json.loads(output.splitlines()[-1])

    def listing(self) -> dict[str, object]:
        """All files beside our own, with their permissions, times and sums."""
        found = {}
        for path in self.bin.iterdir():
            if path.is_file():
                status = path.stat()
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                found[path.name] = (status.st_mode, status.st_mtime_ns, status.st_uid, digest)
        return found

    def version(self) -> str:
        return subprocess.run([self.program, "--version"], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def host(tmp_path: Path, channel: Path) -> Host:
    return Host(tmp_path, channel)


def test_it_is_updated_and_then_left_alone(host: Host) -> None:
    before = host.listing()
    planned = host.update(check=True)
    assert (planned["outcome"], planned["before"], planned["after"]) == (
        "planned",
        {"micromamba": "2.3.3"},
        {"micromamba": "2.8.1"},
    )
    assert host.listing() == before
    result = host.update()
    assert (result["outcome"], result["changed"], host.version()) == ("committed", True, "2.8.1")
    assert result["newest"] == {"micromamba": "2.8.1"}
    assert [(item["kind"], item["to"]["version"]) for item in result["packages"]] == [("updated", "2.8.1")]
    assert sorted(host.listing()) == ["micromamba"]
    record = json.loads(host.ledger.read_text().splitlines()[-1])
    assert (record["action"], record["outcome"], record["prefix"]) == ("update", "committed", str(host.program))
    after = host.listing()
    for version in ("newest", ">=2.8", "2.8.1", "any"):
        again = host.update(version=version)
        assert (again["outcome"], again["changed"]) == ("unchanged", False), version
    assert host.listing() == after


def test_a_downgrade_has_to_be_allowed(host: Host) -> None:
    refused = host.update(version="1.5.8")
    assert "allow_downgrade" in refused["failed"] and host.version() == "2.3.3"
    assert host.update(version="1.5.8", allow_downgrade=True)["outcome"] == "committed"
    assert host.version() == "1.5.8"
    missing = host.update(version=">=3")
    assert "hold no micromamba>=3" in missing["failed"] and host.version() == "1.5.8"


BAD = ["half and says success", "wrong version", "open to all", "nothing", "fail", "gone", "half", "bad info"]


@pytest.mark.parametrize("does", some(BAD, 3))
def test_whatever_it_does_wrong_the_old_one_is_back(host: Host, does: str) -> None:
    before = host.listing()
    result = host.update(does)
    assert (result["outcome"], result["changed"]) == ("rolled_back", False), result
    assert host.listing() == before and host.version() == "2.3.3"
    assert host.update()["outcome"] == "committed" and host.version() == "2.8.1"


def test_a_command_of_the_operator_decides(host: Host) -> None:
    before = host.listing()
    result = host.update(verify_commands=["test $(micromamba --version) = 2.3.3"])
    assert result["outcome"] == "rolled_back" and "verify_commands" in result["failed"]
    assert host.listing() == before


def test_one_that_hangs_is_ended_and_undone(host: Host) -> None:
    before = host.listing()
    result = host.update("hang", time_limit=1, grace=5)  # SIGINT: it says success and exits with 0
    assert result["outcome"] == "rolled_back" and "took longer than 1 s" in result["failed"]
    assert host.listing() == before


def test_killed_in_the_middle_the_next_run_puts_the_old_one_back(host: Host) -> None:
    before = host.listing()
    process = host.start("hang")
    while not host.mark.exists():
        assert process.poll() is None
        time.sleep(0.01)
    kill_tree(process.pid)
    process.communicate()
    assert host.listing() != before
    result = host.update(version="any")
    assert "undone" in result["recovered"] and result["changed"]
    assert host.listing() == before and host.version() == "2.3.3"
    assert host.update(version="any")["recovered"] is None


def test_a_program_that_is_gone_after_a_crash_is_put_back(host: Host) -> None:
    before = host.listing()
    process = host.start("hang")
    while not host.mark.exists():
        assert process.poll() is None
        time.sleep(0.01)
    kill_tree(process.pid)
    process.communicate()
    host.program.unlink()
    assert "undone" in host.update(version="any")["recovered"]
    assert host.listing() == before


def test_a_program_that_others_can_change_is_refused(host: Host) -> None:
    host.program.chmod(0o777)
    assert "can be changed by others" in host.update()["failed"]
    host.program.chmod(0o755)
    host.bin.chmod(0o777)
    assert "can be changed by others" in host.update()["failed"]
    host.bin.chmod(0o755)
    assert host.version() == "2.3.3"
    script = host.bin / "script"
    script.mkdir()
    (script / "micromamba").write_text("#!/bin/sh\n")
    assert "is a script" in host.update(prefix=str(script / "micromamba"))["failed"]
    assert "no program" in host.update(prefix=str(host.folder / "nowhere" / "micromamba"))["failed"]


def test_root_works_as_the_owner(host: Host) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can work for another user")
    let_others_pass(host.folder)
    let_others_pass(host.channel)
    shutil.chown(host.program, "nobody", "nogroup")
    assert "different users" in host.update()["failed"]
    shutil.chown(host.bin, "nobody", "nogroup")
    result = host.update()
    assert result["outcome"] == "committed", result
    assert host.program.owner() == "nobody" and (host.bin / ".labfleet-conda").owner() == "nobody"
