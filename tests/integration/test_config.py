# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module conda_config, run by Ansible: what it writes is what a real conda reads."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from integration.ansible_run import Ansible
from lab import hosts
from lab.base import Base, make_base
from lab.variants import some

PROXY = "http://user:geheim@proxy.example.com:3128"
COPY = {
    "delegate_to": "localhost", "check_mode": False,
    "vars": {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"},
}  # fmt: skip


class Module:
    """Runs conda_config with Ansible, and gives its result and what Ansible printed."""

    def __init__(self, ansible: Ansible, scratch: Path, inventory: str, host: str) -> None:
        self.ansible, self.scratch, self.inventory, self.host = ansible, scratch, inventory, host
        self.output = ""

    def __call__(self, *arguments: str, **options: t.Any) -> dict[str, t.Any]:
        result = self.scratch / "result.json"
        tasks = [
            {"labfleet.conda.conda_config": options, "register": "done", "ignore_errors": True},
            {"ansible.builtin.copy": {"content": "{{ done | to_json }}", "dest": str(result)}, **COPY},
        ]
        (self.scratch / "play.yml").write_text(
            json.dumps([{"hosts": self.host, "gather_facts": False, "tasks": tasks}])
        )
        command = [str(self.ansible.bins / "ansible-playbook"), "-i", self.inventory, str(self.scratch / "play.yml")]
        done = self.ansible.run([*command, "-vvv", *arguments])
        assert done.returncode == 0, done.stdout
        self.output = done.stdout
        return json.loads(result.read_text())


@pytest.fixture(scope="module", params=some(["4.3.16", "4.2.7"], 1))
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Base:
    return make_base(tmp_path_factory.mktemp("config") / "base", request.param)


@pytest.fixture
def local(ansible: Ansible, tmp_path: Path) -> Module:
    inventory = {
        "all": {"hosts": {"here": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}}}
    }
    (tmp_path / "inventory.json").write_text(json.dumps(inventory))
    return Module(ansible, tmp_path, str(tmp_path / "inventory.json"), "here")


def shown(base: Base) -> dict[str, t.Any]:
    """The settings in force, as conda tells them."""
    done = base.conda("config", "--show", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def written(base: Base, path: Path) -> dict[str, t.Any]:
    """The settings of one file, as conda reads it."""
    done = base.conda("config", "--get", "--json", "--file", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)["get"]


def test_the_six_steps_of_a_setting(base: Base, local: Module) -> None:
    path = base.path / ".condarc"
    path.write_text("# the lab\n%s# end\n" % path.read_text().replace("channels:\n  - defaults\n", "", 1))
    before, old = path.read_text(), written(base, path)
    options = {"tier": "base", "prefix": str(base.path), "ledger": str(base.ledger)}
    wish = {
        "always_yes": True,
        "channels": ["https://host.example.com/t/tk-geheim/main", "conda-forge"],
        "proxy_servers": {"https": PROXY},
        "ssl_verify": "yes",
        "track_features": ["a b", "1.0", "yes"],
    }
    first = local("--check", "--diff", **options, settings=wish, append={"create_default_packages": ["pip"]})
    assert first["changed"] and path.read_text() == before
    assert "geheim" not in local.output
    second = local("--diff", **options, settings=wish, append={"create_default_packages": ["pip"]})
    assert second["changed"] and (second["before"], second["after"]) == (first["before"], first["after"])
    assert "geheim" not in local.output + base.ledger.read_text()
    found = shown(base)
    expected = {**wish, "ssl_verify": True, "create_default_packages": ["pip"]}
    assert {name: found[name] for name in expected} == expected
    assert {name: value for name, value in written(base, path).items() if name not in expected} == {
        name: value for name, value in old.items() if name not in expected
    }
    text = path.read_text()
    assert text.startswith(before)
    for arguments in (["--check"], []):
        again = local(*arguments, **options, settings=wish, append={"create_default_packages": ["pip"]})
        assert not again["changed"] and path.read_text() == text
    changed = {"settings": {"always_yes": False, "channels": ["conda-forge"]}, "final": ["always_yes"]}
    assert local("--check", **options, **changed)["changed"] and path.read_text() == text
    assert local(**options, **changed)["changed"]
    found = shown(base)
    assert (found["always_yes"], found["channels"]) == (False, ["conda-forge"])
    assert {name: found[name] for name in ("proxy_servers", "track_features")} == {
        name: wish[name] for name in ("proxy_servers", "track_features")
    }
    (base.path.parent / "home").mkdir(exist_ok=True)
    (base.path.parent / "home" / ".condarc").write_text("always_yes: true\n")
    assert shown(base)["always_yes"] is False  # by the final mark
    gone = local(**options, state="absent", settings=dict.fromkeys([*wish, "create_default_packages"]))
    assert gone["changed"] and path.read_text() == before
    assert written(base, path) == old
    assert shown(base)["always_yes"] is True
    (base.path.parent / "home" / ".condarc").unlink()


@pytest.mark.parametrize("base", ["4.3.16"], indirect=True)
@pytest.mark.long
def test_marks_of_lists_and_the_files_of_other_tiers(base: Base, local: Module) -> None:
    options = {"prefix": str(base.path), "ledger": str(base.ledger)}
    environment = base.path / "envs" / "work"
    home = base.path.parent / "home" / ".condarc"
    home.parent.mkdir(exist_ok=True)
    local(
        **options, tier="base", dropin="a", settings={"channels": ["x", "low"]}, marks={"channels": {"low": "bottom"}}
    )
    local(**options, path=str(home), settings={"channels": ["mine", "first"]}, marks={"channels": {"first": "top"}})
    assert [name for name in shown(base)["channels"] if name != "defaults"] == ["first", "mine", "x", "low"]
    done = local(
        **options, tier="environment", environment=str(environment), settings={"channels": []}, final=["channels"]
    )
    assert (environment / ".condarc").read_text() == "channels: []  #!final\n"
    assert done["path"] == str(environment / ".condarc")
    local(**options, path=str(home), remove={"channels": ["mine", "first"]})
    gone = local(**options, path=str(home), state="absent", settings={"channels": None})
    assert gone["changed"] and gone["tier"] is None and gone["path"] == str(home)
    assert home.read_text() == ""
    local(**options, tier="base", dropin="a.yml", state="absent", settings={"channels": None})
    for path in (home, environment / ".condarc", base.path / "condarc.d" / "a.yml"):
        path.unlink()


@pytest.mark.parametrize("base", ["4.3.16"], indirect=True)
def test_a_name_that_this_conda_has_not_is_refused(base: Base, local: Module) -> None:
    before = (base.path / ".condarc").read_text()
    options = {"tier": "base", "prefix": str(base.path), "ledger": str(base.ledger)}
    failed = local(**options, settings={"chanels": ["a"]})
    assert failed["failed"] and "did you mean channels?" in failed["msg"]
    failed = local(**options, settings={"channel_priority": "strict"})
    assert failed["failed"] and "true or false" in failed["msg"]  # the words came with conda 4.6
    assert (base.path / ".condarc").read_text() == before


def test_root_writes_the_file_of_a_user_as_that_user(ansible: Ansible, lab_inventory: Path, tmp_path: Path) -> None:
    module = Module(ansible, tmp_path, str(lab_inventory), "conda4316")
    scratch = "/root/labfleet-config"
    options = {"tier": "user", "user": "ops", "prefix": "/opt/conda", "ledger": scratch + "/ledger.jsonl"}

    def on(*command: str) -> str:
        done = hosts.run_on("conda4316", *command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    there = on("ls", "-A", "/home/ops").split()
    assert ".condarc" not in there
    try:
        done = module(**options, settings={"changeps1": False})
        assert done["changed"] and done["path"] == "/home/ops/.condarc", done
        assert on("stat", "-c", "%U %G %a", "/home/ops/.condarc").split() == ["ops", "ops", "600"]
        show = ["sudo", "-u", "ops", "-H", "/opt/conda/bin/conda", "config", "--show", "--json"]
        assert json.loads(on(*show))["changeps1"] is False
        assert not module(**options, settings={"changeps1": False})["changed"]
        on("ln", "-sf", "/etc/shadow", "/home/ops/.condarc")
        failed = module(**options, settings={"changeps1": True})
        assert failed["failed"] and "symbolic link" in failed["msg"]
        (record,) = map(json.loads, on("cat", scratch + "/ledger.jsonl").splitlines())
        assert (record["action"], record["prefix"]) == ("config", "/home/ops/.condarc")
    finally:
        subprocess.run(hosts.ssh_args("conda4316") + ["rm -rf /home/ops/.condarc " + scratch], check=True)
        if ".labfleet-conda" not in there:
            on("rm", "-rf", "/home/ops/.labfleet-conda")
