# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The callback fleet in real runs of ansible-playbook: on a terminal, in a log, for a program, and broken."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from benchmark.crowd import closed_port, small_root
from gates import toolbox

PASSWORD, TOKEN = "hunter2-hunter2", "tk-0123456789abcdef"
TASKS = [
    {"name": "Look", "labfleet.conda.conda_audit": {"root": "{{ conda_root }}"}},
    {"name": "Write", "ansible.builtin.tempfile": {"path": "{{ scratch }}"}},
    {"name": "Say", "ansible.builtin.debug": {"msg": "all is well"}, "when": "inventory_hostname == 'well1'"},
    {
        "name": f"Fetch https://alice:{PASSWORD}@conda.example.org/t/{TOKEN}/main",
        "ansible.builtin.fail": {"msg": f"https://alice:{PASSWORD}@conda.example.org/t/{TOKEN}/main is not\nthere"},
        "when": "inventory_hostname == 'bad1'",
    },
    {
        "name": "Hide",
        "ansible.builtin.fail": {"msg": PASSWORD},
        "no_log": True,
        "when": "inventory_hostname == 'bad2'",
    },
]  # fmt: skip
HOSTS = ("well1", "well2", "bad1", "bad2", "gone1", "gone2")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[list[str]]:
    """The arguments of a run over few hosts of this machine, of which two fail and two are not reached."""
    folder = tmp_path_factory.mktemp("fleet")
    root = small_root(folder / "root")
    (folder / "written").mkdir()
    book = folder / "book.yml"
    book.write_text(json.dumps([{"name": "Try", "hosts": "all", "gather_facts": False, "tasks": TASKS}]))
    with closed_port() as port:
        there = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        gone = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": port}
        hosts = {name: gone if name.startswith("gone") else there for name in HOSTS}
        shared = {"conda_root": str(root), "scratch": str(folder / "written")}
        inventory = folder / "hosts.json"
        inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": shared}}))
        yield ["-i", str(inventory), str(book)]


def environment(scratch: Path, bins: Path, **more: str) -> dict[str, str]:
    """As a user who has switched the callback on, and no color off."""
    collection = toolbox.CHECKOUT / "build" / "collections" / "ansible_collections" / "labfleet" / "conda"
    more = {"ANSIBLE_STDOUT_CALLBACK": "labfleet.conda.fleet", "TERM": "xterm", **more}
    env = toolbox.ansible_environment(collection, scratch, bins, **more)
    del env["NO_COLOR"], env["ANSIBLE_NOCOLOR"]
    return env


def run(scratch: Path, arguments: list[str], bins: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    """Run without a terminal."""
    bins = bins or toolbox.tools()
    return subprocess.run(
        [str(bins / "ansible-playbook"), *arguments], env=environment(scratch, bins, **more), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def run_on_terminal(scratch: Path, arguments: list[str], **more: str) -> str:
    """Run on a pseudo terminal; returns all that was written to it."""
    ours, theirs = pty.openpty()
    command = [str(toolbox.tools() / "ansible-playbook"), *arguments]
    env = environment(scratch, toolbox.tools(), **more)
    with subprocess.Popen(command, env=env, stdin=theirs, stdout=theirs, stderr=theirs) as started:
        os.close(theirs)
        found = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # nobody has the other end any more
                break
            found += part
        started.wait(120)
    os.close(ours)
    return found.decode(errors="replace")


def check_safe(text: str) -> None:
    assert PASSWORD not in text and TOKEN not in text


def check_lines(text: str) -> None:
    """What is in the output for people, wherever it goes."""
    check_safe(text)
    lines = text.splitlines()
    assert any(line.startswith("well1  found  ") and " high" in line for line in lines), text
    assert "well1  says  all is well" in lines
    assert any(line.startswith("bad1  failed  https://") and line.endswith("is not there") for line in lines), text
    assert "bad2  failed  its result is not shown, since the task has no_log" in lines
    assert sum(line.startswith("gone1  unreachable  ") for line in lines) == 1
    assert any(line.startswith("AUDIT of 6 hosts") for line in lines), text
    assert any(line.startswith("RUN on 6 hosts in ") and line.endswith("2 failed, 2 not reached") for line in lines), (
        text
    )
    assert any(line.startswith("gone[1-2]  unreachable") for line in lines), text


def test_a_log_gets_plain_lines(fleet, tmp_path):
    done = run(tmp_path, fleet, LABFLEET_CONDA_FLEET_INTERVAL="0")
    assert done.returncode in (2, 4), done.stderr
    check_lines(done.stdout)
    check_safe(done.stderr)
    assert "\x1b" not in done.stdout + done.stderr and "\r" not in done.stdout
    assert "Look: 6/6 hosts, 2 failed or not reached" in done.stdout
    assert "TASK [" not in done.stdout and "PLAY RECAP" not in done.stdout


def test_a_terminal_has_a_line_that_is_rewritten(fleet, tmp_path):
    text = run_on_terminal(tmp_path, fleet)
    check_safe(text)
    assert "\r\x1b[KLook: " in text and "hosts" in text
    assert "mbad1  failed" in text  # in color
    end = text[text.rindex("RUN on 6 hosts") :]
    assert "\x1b[K" not in end and "gone[1-2]  unreachable" in end


@pytest.mark.parametrize("more", [{"TERM": "dumb"}, {"ORIGINAL_STDOUT_CALLBACK": "labfleet.conda.fleet"}], ids=str)
def test_a_terminal_that_nobody_looks_at_gets_plain_lines(fleet, tmp_path, more):
    text = run_on_terminal(tmp_path, [*fleet, "--limit", "well1"], **more)
    assert "\x1b[K" not in text and "RUN on 1 hosts" in text


@pytest.mark.parametrize("core", toolbox.CORES, ids=lambda core: core.series)
def test_a_program_gets_an_object_in_each_line(fleet, tmp_path, core):
    if toolbox.core_python(core) is None:
        pytest.skip(f"no Python for ansible-core {core.series}")
    done = run(tmp_path, fleet, toolbox.core_venv(core), LABFLEET_CONDA_FLEET_FORMAT="json")
    check_safe(done.stdout + done.stderr)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0] == {"event": "play", "name": "Try", "hosts": 6}
    hosts = [event for event in events if event["event"] == "host"]
    assert {event["host"] for event in hosts} == set(HOSTS)
    assert all(
        event["findings"]["high"] for event in hosts if event["action"].endswith("audit") and event["status"] == "ok"
    )
    end = events[-1]
    assert (end["event"], end["hosts"], end["ok"], end["failed"], end["unreachable"]) == ("end", 6, 2, 2, 2)
    assert {item["host"] for item in end["lost"]} == set(HOSTS[2:]) and end["digest"]
    assert "[WARNING]" not in done.stderr and "DEPRECATION" not in done.stderr, done.stderr


def test_the_digest_of_fleet_audit_is_an_object_too_and_not_printed_twice(fleet, tmp_path):
    report = {"labfleet.conda.fleet_audit": {"variable": "found"}, "run_once": True}
    book = tmp_path / "book.yml"
    book.write_text(
        json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [{**TASKS[0], "register": "found"}, report]}])
    )
    arguments = [*fleet[:2], str(book), "--limit", "well*"]
    done = run(tmp_path, arguments, LABFLEET_CONDA_FLEET_FORMAT="json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    (told,) = [event for event in events if event["event"] == "report"]
    assert told["lines"][0].startswith("AUDIT of 2 hosts") and "digest" not in events[-1]
    assert run(tmp_path, arguments).stdout.count("AUDIT of 2 hosts") == 1


def test_a_broken_callback_says_so_once_and_the_run_goes_on(fleet, tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text(BROKEN)
    done = run(
        tmp_path, [*fleet, "--limit", "well*"], ANSIBLE_CALLBACK_PLUGINS=str(tmp_path), ANSIBLE_STDOUT_CALLBACK="broken"
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("shows less than it should") == 1 and "ZeroDivisionError" in done.stderr
    assert "RUN on 2 hosts" in done.stdout


BROKEN = """
from ansible_collections.labfleet.conda.plugins.callback import fleet
DOCUMENTATION = fleet.DOCUMENTATION.replace("name: fleet", "name: broken")
class CallbackModule(fleet.CallbackModule):
    CALLBACK_NAME = "broken"
    def _done(self, result, **how):
        1 / 0
"""


def test_an_option_that_makes_no_sense_is_told_and_does_not_end_the_run(fleet, tmp_path):
    done = run(tmp_path, [*fleet, "--limit", "well*"], LABFLEET_CONDA_FLEET_SEVERITY="enormous")
    assert done.returncode == 0, done.stderr
    assert "enormous" in done.stderr and "RUN on 2 hosts" in done.stdout
