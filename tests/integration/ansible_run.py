# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running Ansible as a user does."""

from __future__ import annotations

import json
import re
import subprocess
import typing as t
from pathlib import Path

from gates import toolbox


class Run(t.NamedTuple):
    """One run of ansible-playbook: its exit code, what it printed, and the document it wrote, if any."""

    code: int
    output: str
    document: dict[str, t.Any] | None

    def recap(self, host: str) -> dict[str, int]:
        """The counts of the play recap for one host."""
        line = next(line for line in self.output.splitlines() if line.startswith(host) and " ok=" in line)
        return {key: int(value) for key, value in (part.split("=") for part in line.split() if "=" in part)}


class RoleRun(t.NamedTuple):
    """One run of a role: its exit code, the number of changed tasks of each host, and what it printed."""

    code: int
    changed: dict[str, int]
    output: str

    @property
    def of_one(self) -> tuple[int, int, str]:
        """The same for a run on one host; the number is -1 where it did not come to that."""
        return self.code, next(iter(self.changed.values()), -1), self.output


class Ansible:
    """Runs playbooks of the checkout, as the collection labfleet.conda."""

    def __init__(self, scratch: Path, bins: Path | None = None) -> None:
        self.scratch = scratch
        self.bins = bins or toolbox.tools()
        self.collections = toolbox.CHECKOUT / "build" / "collections"

    def playbook(self, name: str, inventory: str | Path, *arguments: str, document: bool = True) -> Run:
        """Run labfleet.conda.NAME; with document, the fleet's document is written and read back."""
        dest = self.scratch / "fleet.json"
        command = [str(self.bins / "ansible-playbook"), "-i", str(inventory), f"labfleet.conda.{name}", *arguments]
        if document:
            command += ["-e", f"detect_dest={dest}"]
        done = self.run(command)
        content = json.loads(dest.read_text()) if document and dest.exists() else None
        return Run(done.returncode, done.stdout, content)

    def role(
        self, name: str, inventory: str | Path, *arguments: str, tasks_from: str = "main",
        variables: t.Mapping[str, t.Any] | None = None, **keywords: t.Any,
    ) -> RoleRun:  # fmt: skip
        """Run the role labfleet.conda.NAME in a play of its own; keywords are those of the play, such as hosts."""
        role = {"name": f"labfleet.conda.{name}", "tasks_from": tasks_from}
        task = {"name": "Run the role", "ansible.builtin.import_role": role}
        play = {"name": "Run", "hosts": "all", "gather_facts": False, **keywords, "tasks": [task]}
        book = self.scratch / "role.yml"
        book.write_text(json.dumps([play]))
        command = [str(self.bins / "ansible-playbook"), "-i", str(inventory), str(book)]
        done = self.run([*command, "-e", json.dumps(dict(variables or {})), *arguments])
        changed = re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+)", done.stdout, re.MULTILINE)
        return RoleRun(done.returncode, {host: int(count) for host, count in changed}, done.stdout)

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a command with the checkout as the collection; standard error is part of the output."""
        started = self.start(command)
        try:
            output, _none = started.communicate(timeout=300)
        finally:
            started.kill()
        return subprocess.CompletedProcess(command, started.returncode, output)

    def start(self, command: list[str]) -> subprocess.Popen[str]:
        """Start a command as run() does, without waiting for its end."""
        env = toolbox.ansible_environment(
            self.collections / "ansible_collections" / "labfleet" / "conda", self.scratch, self.bins
        )
        return subprocess.Popen(
            command, cwd=toolbox.CHECKOUT, env=env, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
