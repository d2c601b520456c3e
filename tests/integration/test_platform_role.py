# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role platform publishes environments on two hosts: made once, read-only, with a name that leads to a version."""

from __future__ import annotations

import json
import typing as t

import pytest
from lab import hosts

BUILDER, OTHER = "conda4316", "shared"
ROOT, FOLDER = "/opt/labfleet-published", "/var/log/labfleet-test-platform"
CONDARC = "/etc/conda/condarc"
CHANNEL = f"{hosts.CHANNEL_URL}/pkgs/main"
IMPORTS = ['python -c "import click"']


def content(*packages: str) -> str:
    lines = ["channels:", f"  - {CHANNEL}", "  - nodefaults", "dependencies:", *(f"  - {name}" for name in packages)]
    return "\n".join(lines) + "\n"


FIRST = {"name": "train", "version": "1", "content": content("python=3.6", "click"), "verify_commands": IMPORTS}
SECOND = {**FIRST, "version": "2", "content": content("python=3.6", "click", "six")}
THIRD = {**FIRST, "version": "3", "content": content("python=3.6", "click", "pytz")}


def sh(host: str, script: str) -> str:
    done = hosts.run_on(host, "sh", "-ec", script)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Platform:
    """Runs the role on both hosts."""

    def __init__(self, ansible, lab: dict[str, t.Any]) -> None:
        self.ansible = ansible
        self.inventory = ansible.scratch / "inventory.json"
        lab = json.loads(json.dumps(lab))
        lab["lab"]["hosts"] = {name: lab["lab"]["hosts"][name] for name in (BUILDER, OTHER)}
        self.inventory.write_text(json.dumps(lab))

    def run(self, *environments: dict[str, t.Any], options: tuple[str, ...] = (), tasks_from="main", **more: t.Any):
        """One run: the exit code, the changed tasks of each host, and the output."""
        ledger = {"ledger": f"{FOLDER}/ledger.jsonl"}
        defaults = {f"labfleet.conda.{name}": ledger for name in ("conda_env", "conda_config")}
        given = {"platform_root": ROOT, "platform_builder": BUILDER, "platform_environments": environments, **more}
        return self.ansible.role(
            "platform", self.inventory, *options, tasks_from=tasks_from, variables=given, module_defaults=defaults
        )


@pytest.fixture
def platform(ansible, lab_inventory):
    condarcs = {host: hosts.run_on(host, "cat", CONDARC) for host in (BUILDER, OTHER)}
    yield Platform(ansible, json.loads(lab_inventory.read_text()))
    for host, before in condarcs.items():
        sh(host, f"rm -rf {ROOT} {FOLDER} /etc/conda/.labfleet-conda")
        if before.returncode:
            sh(host, f"rm -f {CONDARC}; rmdir /etc/conda 2>/dev/null || true")


def versions(host: str) -> list[str]:
    return sh(host, f"ls {ROOT}/.versions/train").split()


def leads_to(host: str) -> str:
    return sh(host, f"readlink {ROOT}/train").strip()


def packages(host: str, version: str) -> str:
    return sh(host, f"cd {ROOT}/.versions/train/{version}/conda-meta && ls *.json")


def test_the_life_of_a_published_environment(platform):
    # Nothing is made in check mode, and what would be made is told.
    code, changed, output = platform.run(FIRST, options=("--check",))
    assert code == 0 and changed[BUILDER] >= 4, output
    for host in (BUILDER, OTHER):
        assert hosts.run_on(host, "test", "-e", ROOT).returncode == 1, output
    # Both hosts get the same packages, the second without a solver, and a second run changes nothing.
    code, changed, output = platform.run(FIRST)
    assert code == 0, output
    assert packages(BUILDER, "1") == packages(OTHER, "1") and "click" in packages(OTHER, "1")
    assert leads_to(BUILDER) == leads_to(OTHER) == ".versions/train/1"
    code, changed, output = platform.run(FIRST)
    assert (code, changed) == (0, {BUILDER: 0, OTHER: 0}), output
    # A user finds it by name, can use it and cannot change it.
    said = sh(OTHER, f"su alice -c '{ROOT}/train/bin/python -c \"import click; print(click.__version__)\"'")
    assert said.startswith("7.")
    assert f"{ROOT}/train" in sh(OTHER, "su alice -c '/opt/conda/bin/conda info --envs'")
    assert hosts.run_on(OTHER, "su", "alice", "-c", f"touch {ROOT}/train/x").returncode != 0
    assert hosts.run_on(OTHER, "test", "-e", f"{ROOT}/train/conda-meta/frozen").returncode == 0
    # A published version does not change; the new content is refused until it has a new version.
    before = sh(BUILDER, f"cat {ROOT}/.versions/train/1/conda-meta/history")
    code, _changed, output = platform.run({**SECOND, "version": "1"})
    assert code == 2 and "give the new content a new version" in " ".join(output.split()), output
    assert sh(BUILDER, f"cat {ROOT}/.versions/train/1/conda-meta/history") == before
    # A new version: the name moves, the old one stays, and what runs from it goes on.
    code, _changed, output = platform.run(FIRST, SECOND)
    assert code == 0, output
    assert (leads_to(OTHER), versions(OTHER)) == (".versions/train/2", ["1", "2"])
    # The way back.
    code, changed, output = platform.run(tasks_from="switch", platform_name="train", platform_version="1")
    assert (code, changed, leads_to(OTHER)) == (0, {BUILDER: 1, OTHER: 1}, ".versions/train/1"), output
    code, _changed, output = platform.run(tasks_from="switch", platform_name="train", platform_version="9")
    assert code == 2 and "train 9 is not published" in output and leads_to(OTHER) == ".versions/train/1"
    # Versions that are not listed any more go, but not while a program runs from one.
    job = f"{ROOT}/.versions/train/1/bin/python -c 'import time; time.sleep(300)'"
    pid = sh(OTHER, f"setsid {job} >/dev/null 2>&1 </dev/null & echo $!").strip()
    code, _changed, output = platform.run(THIRD, platform_keep=0)
    assert code == 0, output
    assert (versions(BUILDER), versions(OTHER)) == (["3"], ["1", "3"]), output
    sh(OTHER, f"kill {pid}; while kill -0 {pid} 2>/dev/null; do :; done")
    code, changed, output = platform.run(THIRD, platform_keep=0)
    assert (code, versions(OTHER), changed[BUILDER]) == (0, ["3"], 0), output
    # The end of it.
    code, _changed, output = platform.run({"name": "train", "state": "absent"})
    assert code == 0 and sh(OTHER, f"ls {ROOT} {ROOT}/.versions/train").split() == [
        f"{ROOT}:",
        f"{ROOT}/.versions/train:",
    ]
    assert platform.run({"name": "train", "state": "absent"})[:2] == (0, {BUILDER: 0, OTHER: 0})


def test_an_environment_that_does_not_pass_its_checks_is_not_published(platform):
    bad = {**FIRST, "verify_commands": ['python -c "import torch"']}
    code, _changed, output = platform.run(bad, options=("--limit", BUILDER))
    assert code == 2, output
    assert sh(BUILDER, f"ls {ROOT} {ROOT}/.versions/train").split() == [f"{ROOT}:", f"{ROOT}/.versions/train:"]


@pytest.mark.parametrize(
    ("environments", "more", "said"),
    [
        ([{**FIRST, "name": "../train"}], {}, "needs a name and a version"),
        ([{**FIRST, "src": "x.yml"}], {}, "exactly one of src and content"),
        ([{"name": "train", "content": "x"}], {}, "needs a name and a version"),
        ([FIRST, FIRST], {}, "listed twice"),
        ([FIRST, {"name": "train", "state": "absent"}], {}, "both present and absent"),
        ([FIRST], {"platform_root": "/opt/conda/envs"}, "outside of the second"),
        ([FIRST], {"platform_builder": "nobody"}, "is no host of this run"),
    ],
)
def test_what_cannot_be_meant_is_refused(platform, environments, more, said):
    code, _changed, output = platform.run(*environments, **more)
    assert code == 2 and said in " ".join(output.split()), output
    assert hosts.run_on(BUILDER, "test", "-e", ROOT).returncode == 1
