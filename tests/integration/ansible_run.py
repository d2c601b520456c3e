# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running Ansible as a user does."""

from __future__ import annotations

import json
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
