# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ssh connection of a real update is cut in the middle of it: the update comes to an end all the same.

The process of sshd that serves the connection is killed on the host. The terminal of the module goes with it, so the
kernel hangs up on all that runs there, and sudo ends it.
"""

from __future__ import annotations

import json
import os
import subprocess
import typing as t

import pytest
from integration.ansible_run import Ansible
from integration.site import Site, as_found
from lab import hosts
from lab.variants import some

PREFIX, FOLDER = "/opt/miniconda3", "/var/log/labfleet-test-cut"
SITES = [
    Site("conda4313", "ops", True, PREFIX, FOLDER),
    Site("conda4313", "root", False, PREFIX, FOLDER),
]
# Waits until the journal says that the change is applied, and kills the sshd above the module.
# The module is known by its temporary directory: others may use the host too.
CUT = """
import os, signal, sys, time
mark, journal, limit = sys.argv[1], sys.argv[2], time.monotonic() + 60

def read(path):
    try:
        with open(path, "rb") as stream:
            return stream.read().replace(b"\\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""

def processes():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        parent = read("/proc/%s/stat" % pid).rpartition(") ")[2].split()[1:2]
        yield int(pid), int(parent[0]) if parent else 0, read("/proc/%s/cmdline" % pid)

while '"phase": "apply"' not in read(journal):
    if time.monotonic() > limit:
        sys.exit("no change was applied")
    time.sleep(0.02)
found = list(processes())
parents = {pid: parent for pid, parent, _line in found}
pid = next(pid for pid, _parent, line in found if mark in line and "python" in line and pid != os.getpid())
while "sshd" not in read("/proc/%d/comm" % pid):
    pid = parents[pid]
os.kill(pid, signal.SIGKILL)
print(pid)
"""
# Whether the update came to its end, or was ended and undone, at once or by the next run, is up to sudo and the moment.
TOLD = (
    "An earlier run had ended its change (committed), but was cut off before",
    "An earlier run had ended its change (rolled_back), but was cut off before",
    "An interrupted run was undone",
)


@pytest.fixture(params=some(SITES, 1), ids=lambda site: site.login)
def site(request, lab_hosts):
    """The host, which has to be as it was at the end."""
    with as_found(request.param):
        yield request.param


class Module:
    """Runs modules on the prefix over ssh."""

    def __init__(self, ansible: Ansible, inventory: str, site: Site) -> None:
        self._ansible, self._inventory, self._site = ansible, inventory, site
        self.mark = f"/tmp/labfleet-cut-{site.login}-{os.getpid()}"

    def command(self, name: str, **options: t.Any) -> list[str]:
        given = json.dumps({"prefix": PREFIX, "ledger": self._site.ledger, **options})
        variables = json.dumps({"ansible_user": self._site.login, "ansible_remote_tmp": self.mark})
        where = [str(self._ansible.bins / "ansible"), self._site.host, "-i", self._inventory, "-e", variables]
        become = ["--become"] if self._site.become else []
        return [*where, *become, "-m", "labfleet.conda." + name, "-a", given]

    def run(self, name: str, **options: t.Any) -> dict[str, t.Any]:
        said = self._ansible.run(self.command(name, **options)).stdout
        return json.loads(said[said.index("=> {") + 3 :])

    def payloads(self) -> set[str]:
        """What Ansible has unpacked on the host, which a module that is killed leaves there."""
        return set(self._site.sh("find /tmp -maxdepth 1 -name 'ansible_labfleet.conda.conda_update_payload_*'").split())

    def start(self, name: str, **options: t.Any) -> subprocess.Popen[str]:
        return self._ansible.start(self.command(name, **options))


def test_the_connection_is_cut_while_conda_changes_the_prefix(ansible, lab_inventory, site):
    before = site.state()
    module = Module(ansible, str(lab_inventory), site)
    there = module.payloads()
    started = module.start("conda_update", version="4.3.16", run_id="cut")
    journal = PREFIX + "/.labfleet-conda/journal.json"
    python = hosts.host_named(site.host).python
    cut = hosts.run_on(site.host, python, "-c", CUT, module.mark, journal)
    output, _errors = started.communicate(timeout=120)
    assert cut.returncode == 0, cut.stderr + output
    assert "UNREACHABLE" in output, output
    try:
        again = module.run("conda_update", version="4.3.16", run_id="again")
        assert again["outcome"] in ("unchanged", "committed"), again
        assert again["recovered"].startswith(TOLD), again["recovered"]
        assert site.version() == "4.3.16" and site.listing(".labfleet-conda/journal.json") == []
        records = [json.loads(line) for line in site.sh("cat " + site.ledger).splitlines()]
        told = [(record["action"], record["outcome"]) for record in records]
        assert told[-1] == ("update", "committed") and told.count(told[-1]) == 1, records
        if again["outcome"] == "unchanged":
            assert records[0]["message"].startswith("A later run has written this down")
    finally:
        module.run("conda_snapshot", state="restored")
        site.sh("rm -rf " + " ".join([module.mark, *(module.payloads() - there)]))
    assert site.state() == before
