# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command condarefresh, as the one file that a user runs, on a real conda 4.3.13 in the home of that user.

The user is there for the processes of these tests only: they see a list of users of their own.
"""

from __future__ import annotations

import errno
import json
import os
import pty
import shutil
import subprocess
import tempfile
import time
import typing as t
from pathlib import Path

import pytest
from integration.updating import kill_tree
from lab import LabUnavailable
from lab.base import Base, copy_of, make_base
from lab.variants import some

from ansible_collections.labfleet.conda.plugins.plugin_utils._program_file import program

UID = 4242
OTHER = 4243
ENTER = 'mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/group" /etc/group && shift && exec "$@"'
DONE, NOT_DONE, USAGE, REFUSED, NEEDS_HELP = range(5)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


class Desk(t.NamedTuple):
    """A user with a home, a conda in it, and the command."""

    home: Path
    command: Path
    base: Base

    def line(self, *arguments: str, uid: int = UID, **variables: str) -> list[str]:
        """The command line that runs the command as a user."""
        given = {"HOME": str(self.home), "PATH": f"{self.base.path}/bin:/usr/bin:/bin", **variables}
        become = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
        enter = ["unshare", "-m", "sh", "-c", ENTER, "sh", str(self.home.parent), *become]
        return [*enter, "env", "-i", *(f"{k}={v}" for k, v in given.items()), str(self.command), *arguments]

    def run(self, *arguments: str, **options: t.Any) -> subprocess.CompletedProcess[str]:
        """Run it without a terminal."""
        line = self.line(*arguments, **options)
        return subprocess.run(
            line, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, cwd="/", timeout=300
        )

    def answer(self, *arguments: str, **options: t.Any) -> tuple[int, dict[str, t.Any]]:
        """The exit code, and the JSON object."""
        done = self.run("--json", *arguments, **options)
        lines = done.stdout.splitlines()
        assert len(lines) == 1, done
        return done.returncode, json.loads(lines[0])

    def fresh(self) -> None:
        """The conda as it was at first."""
        copy_of(self.base)

    def state(self) -> dict[str, t.Any]:
        return self.base.listing()

    def version(self) -> str:
        return self.base.version()


@pytest.fixture(scope="module")
def desk() -> t.Iterator[Desk]:
    """Not in a folder of pytest's, which another pytest closes to other users whenever it starts."""
    folder = Path(tempfile.mkdtemp(prefix="desk-"))
    try:
        yield made_in(folder)
    finally:
        shutil.rmtree(folder)


def made_in(folder: Path) -> Desk:
    done = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    if done.returncode != 0 or shutil.which("setpriv") is None:
        pytest.skip("this machine lets nobody have a list of users of their own")
    home = folder / "home"
    home.mkdir()
    try:
        base = make_base(home / "miniconda3")
    except LabUnavailable as reason:
        pytest.skip(str(reason))
    users = {0: ("root", "/root"), UID: ("researcher", str(home)), OTHER: ("colleague", "/nonexistent")}
    lines = [f"{name}:x:{number}:{number}::{where}:/bin/sh\n" for number, (name, where) in users.items()]
    (folder / "passwd").write_text("".join(lines))
    (folder / "group").write_text("".join(f"{name}:x:{number}:\n" for number, (name, _where) in users.items()))
    command = folder / "condarefresh"
    command.write_bytes(program())
    command.chmod(0o755)
    subprocess.run(["chown", "-Rh", f"{UID}:{UID}", str(home)], check=True)
    folder.chmod(0o755)
    return Desk(home, command, base)


def test_the_way_of_a_user(desk: Desk) -> None:
    """Forecast, update, nothing to do, and back; by words of either language, and by JSON."""
    desk.fresh()
    before = desk.state()
    done = desk.run("--check", "--language", "zh")
    assert (done.returncode, done.stderr) == (DONE, "")
    assert "将会有以下变化：\n  conda 4.3.13 -> 4.3.16\n" in done.stdout and "没有做任何改动" in done.stdout
    assert "Nothing was changed" in desk.run("--check", LANG="C").stdout
    assert desk.state() == before and not desk.base.state.exists()
    done = desk.run("--yes", LC_ALL="zh_CN.UTF-8")
    assert done.returncode == DONE, done
    assert done.stdout.splitlines()[-2:] == ["已完成，并已检查结果。", "如需恢复原状：condarefresh --undo"]
    assert "\033" not in done.stdout and desk.version() == "4.3.16"
    code, told = desk.answer("--yes")
    assert (code, told["outcome"], told["prefix"]) == (DONE, "nothing", str(desk.base.path))
    code, told = desk.answer("--undo", "--yes")
    assert (code, told["outcome"]) == (DONE, "undone") and desk.version() == "4.3.13"
    assert told["packages"][0]["from"]["version"] == "4.3.16"
    assert desk.answer("--undo", "--yes")[1]["outcome"] == "nothing"
    assert [path.owner() for path in desk.base.path.rglob("*") if path.lstat().st_uid != UID] == []
    ledger = desk.home / ".local/state/labfleet-conda/ledger.jsonl"
    records = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert [(item["action"], item["outcome"]) for item in records[-2:]] == [
        ("update", "committed"),
        ("restore", "committed"),
    ]
    assert {item["who"]["run"] for item in records} == {"condarefresh"}


def test_who_sits_at_a_terminal_is_asked(desk: Desk) -> None:
    desk.fresh()
    code, shown = talk(desk.line(TERM="xterm", LANG="C.UTF-8"), "n\n")
    assert code == NOT_DONE and "Go on? [y/N]" in shown and "As you wish" in shown
    assert desk.version() == "4.3.13" and not desk.base.state.exists()
    code, shown = talk(desk.line(TERM="xterm", LANG="C.UTF-8"), "y\n")
    assert code == DONE and "\033[32mDone" in shown, shown
    assert desk.version() == "4.3.16"


def test_without_a_terminal_nothing_is_asked(desk: Desk) -> None:
    code, told = desk.answer()
    assert (code, told["outcome"]) == (USAGE, "usage") and "--yes" in told["message"]


def test_an_environment_is_refreshed_and_the_rest_is_not(desk: Desk) -> None:
    desk.fresh()
    environment = desk.base.path / "envs/old"
    made = desk.base.conda("create", "-y", "-q", "-n", "old", "six=1.10", "python=3.6")
    assert made.returncode == 0, made.stderr
    subprocess.run(["chown", "-Rh", f"{UID}:{UID}", str(desk.base.path)], check=True)
    tool = desk.base.listing("conda-meta")
    code, told = desk.answer("--environment", "old", "six", "--yes")
    assert (code, told["outcome"], told["after"]["six"]) == (DONE, "done", "1.11.0"), told
    assert told["environment"] == str(environment) and desk.base.listing("conda-meta") == tool
    code, told = desk.answer("--environment", "--undo", "--yes", CONDA_PREFIX=str(environment))
    assert (code, told["outcome"]) == (DONE, "undone")
    assert [path.name for path in environment.glob("conda-meta/six-*.json")][0].startswith("six-1.10")


def test_a_channel_that_is_broken_changes_nothing(desk: Desk) -> None:
    desk.fresh()
    before = desk.state()
    index = desk.base.channels / "pkgs/main"
    index.rename(index.with_name("gone"))
    try:
        code, told = desk.answer("--yes")
    finally:
        index.with_name("gone").rename(index)
    assert (code, told["outcome"]) == (NOT_DONE, "failed") and "all is as before" in told["message"]
    assert told["details"] and _without_state(desk.state()) == before and desk.base.phase() == "no journal"


def test_a_package_that_is_broken_is_undone(desk: Desk) -> None:
    """The plan is good, and what comes from the channel is not: the old state is back."""
    desk.fresh()
    before = desk.state()
    archive = next((desk.base.channels / "pkgs/main").rglob("conda-4.3.16-*.tar.bz2"))
    whole = archive.read_bytes()
    archive.write_bytes(whole[:1000])
    try:
        code, told = desk.answer("--yes")
    finally:
        archive.write_bytes(whole)
    assert (code, told["outcome"]) == (NOT_DONE, "rolled_back"), told
    assert desk.version() == "4.3.13" and _without_state(desk.state()) == before and desk.base.leftovers() == []


def test_the_prefix_of_somebody_else_is_refused(desk: Desk) -> None:
    before = desk.state()
    code, told = desk.answer("--yes", uid=OTHER)
    assert (code, told["outcome"]) == (REFUSED, "refused")
    assert "belongs to researcher" in told["message"] and "Ask researcher" in told["message"]
    code, told = desk.answer("--yes", uid=0)
    assert code == REFUSED and "Ask researcher" in told["message"]
    subprocess.run(["chown", "-R", "0:0", str(desk.base.path / "conda-meta")], check=True)
    os.chown(desk.base.path, 0, 0)
    try:
        code, told = desk.answer("--yes")
        assert code == REFUSED and "Ask the administrator" in told["message"]
    finally:
        subprocess.run(["chown", "-R", f"{UID}:{UID}", str(desk.base.path)], check=True)
    assert desk.state() == before


def test_what_others_can_write_to_and_what_is_frozen_is_refused(desk: Desk) -> None:
    desk.fresh()
    (desk.base.path / "bin").chmod(0o777)
    assert "Other users can write" in desk.answer("--yes")[1]["message"]
    (desk.base.path / "bin").chmod(0o755)
    (desk.base.path / "conda-meta/frozen").write_text('{"message": "ask alice"}')
    code, told = desk.answer("--yes")
    assert code == REFUSED and "(ask alice)" in told["message"]


@pytest.mark.parametrize("phase", some(["apply", "snapshot", "verify"], 1))
def test_killed_in_the_middle_the_next_run_puts_it_right(desk: Desk, phase: str) -> None:
    desk.fresh()
    others = desk.base.listing("envs")
    process = subprocess.Popen(
        desk.line("--yes"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/"
    )
    while desk.base.phase() != phase and process.poll() is None:
        time.sleep(0.002)
    kill_tree(process.pid)
    process.wait()
    assert desk.base.phase() == phase
    forecast = desk.run("--check")
    assert forecast.returncode == DONE and "cut off in the middle" in forecast.stdout
    done = desk.run("--yes")
    assert done.returncode == DONE and "The interrupted change is put right." in done.stdout, done
    assert desk.version() == "4.3.16" and desk.base.leftovers() == []
    assert desk.base.differences_to_records() == [] and desk.base.listing("envs") == others


def test_who_presses_control_c_in_the_middle_has_the_old_state_back(desk: Desk) -> None:
    desk.fresh()
    before = desk.state()
    code, shown = talk(desk.line("--yes", TERM="dumb", LANG="C.UTF-8"), "\x03", after="changing packages")
    assert code == NOT_DONE and "everything was put back" in shown, shown
    assert desk.version() == "4.3.13" and _without_state(desk.state()) == before and desk.base.leftovers() == []


def test_with_the_python_of_the_prefix_alone_it_refuses(desk: Desk) -> None:
    """Run by the Python that it would change, it does not."""
    line = desk.line("--yes")
    at = line.index(str(desk.command))
    probe = desk.base.path / "bin/python-probe"
    line[at:at] = [str(probe), "-c", RUN_AS_IF_IN, str(desk.base.path)]
    probe.symlink_to("/usr/bin/python3")
    try:
        done = subprocess.run(line, capture_output=True, text=True, check=False, cwd="/")
    finally:
        probe.unlink()
    assert done.returncode == REFUSED and "no other Python" in done.stdout, done


# The Python of conda 4.3.13 is too old to run the program at all, so that another one is made to look like it.
RUN_AS_IF_IN = "import runpy, sys; sys.base_prefix = sys.argv[1]; sys.argv = sys.argv[2:]; runpy.run_path(sys.argv[0])"


def talk(line: list[str], words: str, *, after: str = "[y/N]") -> tuple[int, str]:
    """Run a command on a terminal, type words when it has said something, and give its exit code and what it said."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir("/")
        os.execvp(line[0], line)
    shown = b""
    typed = False
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            break
        if not part:
            break
        shown += part
        if not typed and after.encode() in shown:
            os.write(terminal, words.encode())
            typed = True
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode().replace("\r\n", "\n")


def _without_state(listing: dict[str, t.Any]) -> dict[str, t.Any]:
    """A listing of a base without the time of what conda itself renews."""
    return {name: facts for name, facts in listing.items() if ".labfleet-conda" not in name}
