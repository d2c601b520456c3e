# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the playbook govern costs on a host that is as the policy asks, against as many tasks of ping."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
import typing as t
from pathlib import Path

from gates import toolbox
from integration.ansible_run import Ansible
from lab import cache, hosts

WANTED = 2.5
HOST, PREFIX, FOLDER = "conda4316", "/opt/labfleet-bench", "/srv/labfleet-bench"
ROUNDS = 3
POLICY = {
    "versions": {"minimum": {"conda": "4.3.16"}},
    "channels": {"priority": "flexible"},
    "settings": {"required": {"ssl_verify": True, "always_yes": False}, "final": ["ssl_verify"]},
    "solver": {"wanted": "classic"},
    "base": {"frozen": True},
    "update": {"override_frozen": True},
}
_GONE = f"rm -rf {PREFIX} {FOLDER} /etc/conda /etc/profile.d/labfleet-conda.sh"


class Cost(t.NamedTuple):
    """Seconds of the best run of each, and the number of tasks that were run."""

    govern: float
    ping: float
    tasks: int


def measured() -> Cost:
    """Govern a base that is as it should be, and ping as often, in turn."""
    hosts.up()
    # tests that look at the hosts must not find what is put there for this
    with cache.locked("hosts"), tempfile.TemporaryDirectory(prefix="labfleet-govern-") as folder:
        top = Path(folder)
        (top / "inventory.json").write_text(json.dumps(hosts.inventory()))
        run = Run(Ansible(top), top / "inventory.json")
        subprocess.run([*hosts.ssh_args(HOST), f"{_GONE}; cp -a /opt/conda {PREFIX}"], check=True)
        try:
            given = {"base_prefix": PREFIX, "base_ledger": f"{FOLDER}/ledger.jsonl", "conda_policy_base": POLICY}
            govern = ["labfleet.conda.govern", "-e", json.dumps(given)]
            run(*govern)
            _seconds, tasks, changed = run(*govern)
            if changed:
                raise SystemExit("a second run of govern changes something")
            pings = [{"name": "Ping", "ansible.builtin.ping": {}}] * tasks
            play = [{"hosts": "all", "gather_facts": False, "become": True, "tasks": pings}]
            (top / "ping.yml").write_text(json.dumps(play))
            best = {"govern": float("inf"), "ping": float("inf")}
            for _round in range(ROUNDS):
                for name, command in (("govern", govern), ("ping", [str(top / "ping.yml")])):
                    best[name] = min(best[name], run(*command)[0])
            return Cost(best["govern"], best["ping"], tasks)
        finally:
            subprocess.run([*hosts.ssh_args(HOST), _GONE], check=True)


class Run:
    """Runs a playbook against the host: the seconds, and how many tasks were run and changed something."""

    def __init__(self, ansible: Ansible, inventory: Path) -> None:
        self.ansible, self.inventory = ansible, inventory

    def __call__(self, *arguments: str) -> tuple[float, int, int]:
        command = [str(toolbox.tools() / "ansible-playbook"), "-i", str(self.inventory), "--limit", HOST, *arguments]
        started = time.perf_counter()
        done = self.ansible.run(command)
        seconds = time.perf_counter() - started
        counts = re.search(r" ok=(\d+) +changed=(\d+)", done.stdout)
        if done.returncode or counts is None:
            raise SystemExit(f"the run is not right: {done.stdout}")
        return seconds, int(counts[1]), int(counts[2])


__all__ = ("WANTED", "Cost", "measured")
