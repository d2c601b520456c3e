# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A newcomer follows the page of the first hour word for word, from a clean clone, with two hosts of the lab.

The commands and files are taken from the page. What the newcomer of the test has prepared is what the page asks for:
git gets the clone from this checkout, and ssh reaches the hosts of the lab under the names on the page.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from gates import pages, toolbox
from integration.site import Site, as_found
from lab import cache

PAGE = pages.RST / "first_hour.rst"
HOSTS = {"server01": "conda4313", "server02": "conda4316"}
CHANGED = Site("conda4313", "ops", True, "/opt/miniconda3", "/var/log/labfleet-conda")
REPOSITORY = "https://github.com/labfleet/labfleet.conda"
DONE = "--- the command ended with"


class Step(t.NamedTuple):
    """What the reader does: a file to write or a command to type, and what the command is said to print."""

    script: str
    output: list[str]


def steps() -> list[Step]:
    """All that the page lets its reader do, in order."""
    found = []
    for block in pages.blocks(PAGE):
        if block.language == "console":
            found += [Step(command.text, command.output) for command in pages.commands(block)]
            continue
        assert block.language == "yaml", f"line {block.line}: neither commands nor a file"
        name = re.match(r"# (~/fleet/\S+)\n", block.text)
        assert name, f"line {block.line}: the first line does not name the file"
        folder = os.path.dirname(name[1])
        found.append(Step(f"mkdir -p {folder} && cat >{name[1]} <<'END OF FILE'\n{block.text}END OF FILE", []))
    return found


@pytest.fixture
def newcomer(tmp_path: Path, lab_hosts) -> dict[str, str]:
    """The environment of somebody who has git, ssh, Python and the hosts, and nothing else."""
    source = toolbox.copy_collection(tmp_path / "origin")
    who = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    toolbox.run(["git", *who, "commit", "--quiet", "--message", "As it is in the checkout"], cwd=source)
    keys = cache.root() / "ssh"
    common = f"IdentityFile {keys}/id_ed25519\n  UserKnownHostsFile {keys}/known_hosts\n"
    known = {name: lab_hosts[host].address for name, host in HOSTS.items()}
    settings = tmp_path / "ssh_config"
    settings.write_text("".join(f"Host {name}\n  HostName {address}\n  {common}" for name, address in known.items()))
    home = tmp_path / "home"
    home.mkdir()
    sockets = cache.root() / "cp"  # a socket's path must be short
    sockets.mkdir(exist_ok=True)
    return toolbox.environment(
        Path(os.path.realpath(sys.executable)).parent,
        HOME=str(home),
        ANSIBLE_SSH_CONTROL_PATH_DIR=str(sockets),
        PIP_CACHE_DIR=str(cache.root() / "pip"),
        LABFLEET_CACHE=str(cache.root()),
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0=f"url.{source.as_uri()}.insteadOf",
        GIT_CONFIG_VALUE_0=REPOSITORY,
        ANSIBLE_SSH_COMMON_ARGS=f"-F {settings}",
    )


def follow(todo: list[Step], env: dict[str, str]) -> list[tuple[int, str]]:
    """Do the steps in one shell, as a person does in one terminal; the exit code of each and what it printed."""
    ending = f"\nprintf '\\n{DONE} %d\\n' $?\n"
    # Standard input is the script itself for the shell, and must not be for what it starts.
    script = "".join(f"{{ {step.script}\n}} </dev/null{ending}" for step in todo)
    done = subprocess.run(
        ["bash"], input=script, cwd=env["HOME"], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=1200, check=False,
    )  # fmt: skip
    parts = re.split(rf"\n{DONE} (\d+)\n", done.stdout)
    return [(int(code), said) for said, code in zip(parts[::2], parts[1::2], strict=False)]


def walk(newcomer: dict[str, str], leave_out: t.Callable[[Step], bool]) -> None:
    todo = [step for step in steps() if not leave_out(step)]
    for step, (code, said) in zip(todo, follow(todo, newcomer), strict=True):
        assert code == 0, f"$ {step.script}\n{said}"
        lines = {" ".join(line.split()) for line in said.splitlines()}
        for wanted in step.output:
            assert " ".join(wanted.split()) in lines, f"{wanted!r} is not in the output of\n$ {step.script}\n{said}"


def is_demo(step: Step) -> bool:
    return step.script == "make demo"


def test_the_page_works_word_for_word(newcomer):
    with as_found(CHANGED):
        walk(newcomer, is_demo)
    assert (Path(newcomer["HOME"]) / "fleet" / "report" / "audit.html").stat().st_size > 10_000


@pytest.mark.long
def test_the_demo_that_the_page_begins_with_works_in_a_clean_clone(newcomer):
    demo = [step for step in steps() if is_demo(step)]
    assert len(demo) == 1
    todo = [step for step in steps() if step.script.startswith(("git ", "cd labfleet"))] + demo
    assert [code for code, _said in follow(todo, newcomer)] == [0] * len(todo)
    assert (Path(newcomer["HOME"]) / "labfleet.conda" / ".demo" / "report" / "audit.html").exists()
