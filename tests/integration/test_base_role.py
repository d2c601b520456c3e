# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role base and the playbooks govern and onboard, on a host of the lab that has no conda of its own.

A real base with conda 4.3.13 is put to a directory of its own; a channel on the host has a stand-in for mamba.
"""

from __future__ import annotations

import json
import re
import subprocess
import typing as t
from pathlib import Path

import pytest
import yaml
from integration.ansible_run import Ansible
from lab import channel, hosts, packages, prefixes
from lab.installers import stand_in

HOST, PREFIX, FOLDER = "noconda", "/opt/labfleet-base", "/srv/labfleet-test-base"
MAIN, MAMBA = "file:///srv/channels/pkgs/main", f"file://{FOLDER}/channel/pkgs/main"
DROPIN, PROFILE = "/etc/conda/condarc.d/labfleet.yml", "/etc/profile.d/labfleet-conda.sh"
LICENSED = "https://repo.anaconda.com/pkgs/main"
POLICY = {
    "versions": {"minimum": {"conda": "4.3.16", "mamba": "2.7.0"}, "newest": {"conda": "4.3.16"}},
    "channels": {"priority": "flexible", "licensed": ["pkgs/main", "pkgs/r"]},
    "settings": {
        "required": {"ssl_verify": True, "always_yes": False, "safety_checks": "enabled"},
        "final": ["ssl_verify"],
    },
    "solver": {"wanted": "classic"},
    "base": {"frozen": True},
    "update": {"override_frozen": True},
    # conda 4.3 has no other solver, the base of the lab is not to update itself, and a frozen base with mamba is told
    "rules": {"solver.classic": "off", "cfg.update": "off", "base.frozen.bypass": "off"},
    "locked": ["settings.required.safety_checks"],
}
HELD = ("base.frozen.missing", "cfg.", "chan.", "perm.", "solver.", "tls.verify", "tool.below_minimum")


class Result(t.NamedTuple):
    """One run: its exit code, the names of the tasks that changed something, and what it printed."""

    code: int
    changed: list[str]
    output: str


def as_forecast(done: Result, forecast: Result) -> bool:
    """Whether a run has done what was forecast; what cannot be planned by then, a task of its own tells."""
    planned = [name for name in forecast.changed if not name.startswith("Tell that")]
    return len(done.changed) == len(forecast.changed) and set(planned) <= set(done.changed)


class Site:
    """The host, and the playbooks that are run against it."""

    def __init__(self, ansible: Ansible, inventory: Path) -> None:
        self.ansible, self.inventory = ansible, inventory

    def play(self, *options: str, book: str = "govern", **variables: t.Any) -> Result:
        """Run a playbook of the collection, or the file of one."""
        given = {"base_prefix": PREFIX, "base_ledger": f"{FOLDER}/ledger.jsonl", "base_channels": [MAIN, MAMBA]}
        given.update({"base_mamba": True, "conda_policy_base": POLICY, "audit_search_paths": [PREFIX], **variables})
        given = {name: value for name, value in given.items() if value is not None}
        name = book if book.endswith(".yml") else f"labfleet.conda.{book}"
        command = [str(self.ansible.bins / "ansible-playbook"), "-i", str(self.inventory), name, "--limit", HOST]
        done = self.ansible.run([*command, "-e", json.dumps(given), *options])
        task, changed = "", []
        for line in done.stdout.splitlines():
            found = re.match(r"TASK \[(?:[\w.]+ : )?(.*)\] \**$", line)
            task = found[1] if found else task
            if line.startswith("changed: ") and task not in changed:
                changed.append(task)
        return Result(done.returncode, changed, done.stdout)

    def undo(self, *options: str) -> Result:
        task = {"ansible.builtin.import_role": {"name": "labfleet.conda.base", "tasks_from": "undo"}}
        path = self.ansible.scratch / "undo.yml"
        path.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "become": True, "tasks": [task]}]))
        return self.play(*options, book=str(path))

    def findings(self) -> list[str]:
        """What the audit says of the base and its settings, of the rules that the role holds."""
        dest = self.ansible.scratch / "audit"
        done = self.play(book="audit", audit_dest=str(dest), audit_formats=["json"], audit_integrity="none")
        assert done.code == 0, done.output
        (report,) = dest.glob("*.json")
        found = json.loads(report.read_text())["hosts"][HOST]["findings"]
        return sorted(f"{item['rule']}: {item['evidence']}" for item in found if item["rule"].startswith(HELD))

    def sh(self, script: str) -> str:
        """What a shell of root says; it has to succeed."""
        done = hosts.run_on(HOST, "sh", "-ec", script)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def settings(self) -> dict[str, t.Any]:
        return yaml.safe_load(self.sh(f"cat {DROPIN}"))

    def version(self) -> str:
        return self.sh(f"{PREFIX}/bin/conda --version 2>&1").split()[-1]

    def state(self) -> str:
        """All that the role may change, but for what is of the collection itself."""
        places = f"{PREFIX} /etc/conda /etc/profile.d"
        return self.sh(
            f"ls -ld {places} 2>&1 || :; find {places} -name .labfleet-conda -prune -o -path {PREFIX}/pkgs -prune -o"
            " -type f ! -name '*.pyc' -exec sha256sum {} + 2>/dev/null | sort -k 2"
        )


def put(folder: Path, place: str) -> None:
    """Copy the content of a directory to the host."""
    with subprocess.Popen(["tar", "-C", str(folder), "-cf", "-", "."], stdout=subprocess.PIPE) as tar:
        script = f"mkdir -p {place} && tar xf - -C {place} --no-same-owner"
        subprocess.run([*hosts.ssh_args(HOST), script], stdin=tar.stdout, check=True)


def clean() -> None:
    hosts.run_on(HOST, "rm", "-rf", PREFIX, FOLDER, "/etc/conda", PROFILE)


@pytest.fixture(scope="module")
def installer(lab_hosts, tmp_path_factory):
    """The base and the channel are on the host, and an installer of conda 4.3.13; it is as it was at the end."""
    folder = tmp_path_factory.mktemp("base")
    model = prefixes.base_prefix(channel.channels(), "4.3.13", PREFIX, "file:///srv/channels")
    own = folder / "channel" / "pkgs" / "main"
    own.mkdir(parents=True)
    files = {"bin/mamba": packages.File(b"#!/bin/sh\necho 2.8.0\n", executable=True)}
    packages.write_package(own, packages.Package("mamba", "2.8.0"), files)
    channel.index(own)
    made = stand_in(folder / "installer.sh", model)
    clean()
    try:
        put(folder, FOLDER)
        put(model, f"{FOLDER}/pristine")
        yield made
    finally:
        clean()


@pytest.fixture
def site(ansible, lab_inventory, installer):
    """The host with the base as it was made."""
    found = Site(ansible, lab_inventory)
    found.sh(f"rm -rf {PREFIX} /etc/conda {PROFILE} {FOLDER}/ledger*; cp -a {FOLDER}/pristine {PREFIX}")
    return found


# Somebody brings back an old copy of the base, with its conda, without mamba and without the mark; and more.
DRIFTS = f"""
mv {PREFIX}/.labfleet-conda {FOLDER}/ours
rm -r {PREFIX} {PROFILE}
cp -a {FOLDER}/pristine {PREFIX}
mv {FOLDER}/ours {PREFIX}/.labfleet-conda
sed -i 's/ *#!final//' {DROPIN}
cat > {PREFIX}/.condarc <<END
default_channels: [{MAIN}]
always_yes: true
solver: libmamba
ssl_verify: false
channels: [{LICENSED}]
END
chmod 0777 {PREFIX}
"""


def test_a_base_is_brought_to_the_policy_and_ten_drifts_are_mended_by_one_run(site):
    before = site.state()
    forecast = site.play("--check", "--diff")
    assert forecast.code == 0 and site.state() == before, forecast.output
    done = site.play()
    assert done.code == 0 and as_forecast(done, forecast) and len(done.changed) >= 6, (done.output, forecast.changed)
    assert site.version() == "4.3.16" and site.sh(f"{PREFIX}/bin/mamba") == "2.8.0\n"
    wanted = {"ssl_verify": True, "safety_checks": "enabled", "solver": "classic", "channels": [MAIN, MAMBA]}
    held = site.settings()
    assert {name: held[name] for name in wanted} == wanted
    finals = re.findall(r"^(\w+):.*#!final", site.sh(f"cat {DROPIN}"), re.MULTILINE)
    assert sorted(finals) == ["safety_checks", "ssl_verify"]
    assert json.loads(site.sh(f"cat {PREFIX}/conda-meta/frozen")) == {}
    assert site.sh("sh -lc 'command -v conda'").strip() == f"{PREFIX}/bin/conda"
    first = json.loads(site.sh(f"head -n 1 {FOLDER}/ledger.jsonl"))
    assert first["prefix"] == PREFIX and "conda 4.3.13" in first["message"]
    assert "\n".join(site.findings()) == ""
    governed = site.state()
    assert site.play("--check").changed == [] and site.play().changed == [] and site.state() == governed

    site.sh(DRIFTS)
    assert site.version() == "4.3.13" and len({item.partition(":")[0] for item in site.findings()}) >= 7
    drifted = site.state()
    forecast = site.play("--check")
    assert forecast.code == 0 and site.state() == drifted, forecast.output
    done = site.play(govern_audit=True)
    assert done.code == 0 and as_forecast(done, forecast), (done.output, forecast.changed)
    assert "Judge the host" in done.output
    assert site.findings() == [] and site.version() == "4.3.16"
    assert "#!final" in site.sh(f"cat {DROPIN}") and LICENSED not in site.sh(f"cat {PREFIX}/.condarc")
    assert site.sh(f"stat -c %a {PREFIX}; cat {PREFIX}/bin/mamba {PREFIX}/conda-meta/frozen").startswith("755\n")
    again = site.play()
    assert (again.code, again.changed) == (0, []), again.output

    undone = site.undo()
    assert undone.code == 0 and len(undone.changed) == 4, undone.output
    assert site.sh(f"ls {DROPIN} {PROFILE} {PREFIX}/conda-meta/frozen 2>/dev/null || :") == ""
    assert site.undo().changed == []


def test_a_base_is_installed_where_none_is(site, installer):
    site.sh(f"rm -rf {PREFIX}")
    given = {"base_installer": f"{FOLDER}/installer.sh", "base_mamba": False, "base_default_channels": [MAIN]}
    refused = site.play("--check", **given)
    assert refused.code == 2 and "base_installer comes without base_installer_sha256" in refused.output
    given["base_installer_sha256"] = installer.sha256
    forecast = site.play("--check", **given)
    assert forecast.code == 0 and "A base is installed where none is" in forecast.changed, forecast.output
    assert site.sh(f"ls -d {PREFIX} || :") == ""
    done = site.play(book="onboard", **given)
    assert done.code == 0 and done.changed[0] == "A base is installed where none is", done.output
    assert site.version() == "4.3.16" and site.findings() == []
    again = site.play(**given)
    assert (again.code, again.changed) == (0, []), again.output


def test_licensed_channels_are_moved_away_from(site):
    site.sh(f"printf 'channels:\\n  - {LICENSED}\\n  - {MAIN}\\n' > {PREFIX}/.condarc")
    policy = {**POLICY, "organisation": {"commercial_use": True}}
    given = {"conda_policy_base": policy, "base_channels": None, "base_mamba": None}
    done = site.play("--tags", "conda_base_configuration", **given)
    assert done.code == 0, done.output
    assert f"{PREFIX}/.condarc names the channel" in done.output and "Findings after: []" in done.output
    assert yaml.safe_load(site.sh(f"cat {PREFIX}/.condarc"))["channels"] == [MAIN]
    assert site.settings()["default_channels"] == [MAIN]
    assert site.play("--tags", "conda_base_configuration", **given).changed == []


REFUSED = {
    "a floor above what the channels have": (
        {"base_floor": "4.4", "base_channels": None, "base_mamba": None},
        "",
        "Name channels that have it in base_channels",
    ),
    "a frozen base and no leave to lift": (
        {"conda_policy_user": {"update": {"override_frozen": False}}},
        "echo '{}' > %s/conda-meta/frozen" % PREFIX,
        "set update.override_frozen in the policy",
    ),
    "a prefix of a user": ({}, f"chown nobody {PREFIX}", "set permissions.base_owner of the policy to nobody"),
}


@pytest.mark.parametrize("what", list(REFUSED))
def test_what_contradicts_itself_is_refused_before_anything_is_changed(site, what):
    variables, script, said = REFUSED[what]
    site.sh(script or ":")
    before = site.state()
    done = site.play(**variables)
    assert done.code == 2 and done.changed == [] and said in " ".join(done.output.split()), done.output
    assert site.state() == before
