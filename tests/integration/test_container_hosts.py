# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Containers of a remote host are seen in the one task of the host, and are hosts themselves over its ssh."""

from __future__ import annotations

import json
import typing as t
import uuid
from pathlib import Path

import pytest
import yaml
from integration.ansible_run import Ansible
from lab import LabUnavailable, docker, engine, hosts, podman


@pytest.fixture(scope="module")
def container(lab_hosts) -> t.Iterator[str]:
    """A container with conda on the lab's host with a Docker; its Python is conda's only."""
    try:
        engine.up()
    except LabUnavailable as reason:
        pytest.skip(str(reason))
    name = "test-" + uuid.uuid4().hex[:8]
    image = docker.image(podman.containers()[hosts.host_named("condapython").container])
    docker.run(
        "run", "--detach", "--init", "--name", name, "--label", docker.LABEL, "--network", "none", image, "sleep", "999"
    )
    yield name
    docker.run("rm", "--force", name)


@pytest.fixture(scope="module")
def run(container: str, tmp_path_factory: pytest.TempPathFactory) -> t.Callable[..., t.Any]:
    """Run Ansible over the host, and over its containers once their inventory is written."""
    folder = tmp_path_factory.mktemp("containers")
    host, containers = folder / "host.json", folder / "containers.yml"
    host.write_text(json.dumps(engine.inventory()))
    ansible = Ansible(folder)
    variables = {"containers_dest": str(containers), "containers_environment": engine.ENVIRONMENT}
    found = ansible.playbook("containers", host, "-e", json.dumps(variables), document=False)
    assert found.code == 0, found.output

    def go(program: str, *arguments: str) -> str:
        inventories = ["-i", str(host), "-i", str(containers)]
        done = ansible.run([str(ansible.bins / program), *inventories, *arguments])
        go.code = done.returncode  # type: ignore[attr-defined]
        return done.stdout

    go.inventory = yaml.safe_load(containers.read_text())  # type: ignore[attr-defined]
    go.folder = folder  # type: ignore[attr-defined]
    return go


def test_the_inventory_tells_how_each_is_reached(run, container: str) -> None:
    groups = run.inventory["all"]["children"]
    name = f"engine/docker/{container}"
    variables = groups["containers"]["hosts"][name]
    assert variables["ansible_connection"] == "labfleet.conda.container"
    assert variables["ansible_host"] == engine.HOST.address and variables["labfleet_container"] == container
    assert variables["ansible_python_interpreter"] == "/opt/conda/envs/ansible/bin/python"
    assert name in groups["engine_docker"]["hosts"] and name in groups["on_engine"]["hosts"]
    assert any(group.startswith("image_labfleet_condapython") for group in groups)


def test_modules_and_files_work_in_it_as_on_any_host(run, container: str, tmp_path: Path) -> None:
    name = f"engine/docker/{container}"
    odd = tmp_path / "odd file"
    odd.write_bytes(bytes(range(256)) * 300)
    back = {"src": "/tmp/it's here", "dest": f"{tmp_path}/back/", "flat": True}
    for arguments in (
        ["-m", "ansible.builtin.ping"],
        ["-m", "ansible.builtin.copy", "-a", json.dumps({"src": str(odd), "dest": "/tmp/it's here"})],
        ["-m", "ansible.builtin.fetch", "-a", json.dumps(back)],
        ["-m", "ansible.builtin.file", "-a", "path=/tmp/empty state=touch"],
        ["-m", "ansible.builtin.command", "-a", "id -u", "--become", "--become-user", "ops"],
    ):
        said = run("ansible", name, *arguments)
        assert run.code == 0, said
    assert "1000" in said
    assert (tmp_path / "back" / "it's here").read_bytes() == odd.read_bytes()
    there = docker.run("exec", container, "sh", "-c", 'wc -c < "/tmp/it\'s here"; id -u').stdout.split()
    assert there == [str(256 * 300), "0"]


def test_our_playbooks_run_on_it_and_see_what_the_host_sees_in_it(run, container: str) -> None:
    inside, outside = run.folder / "inside.json", run.folder / "outside.json"
    said = run("ansible-playbook", "labfleet.conda.detect", "--limit", "containers", "-e", f"detect_dest={inside}")
    assert run.code == 0, said
    more = {
        "detect_dest": str(outside),
        "detect_containers": "running",
        "detect_engine_environment": engine.ENVIRONMENT,
    }
    said = run("ansible-playbook", "labfleet.conda.detect", "--limit", "engine", "-e", json.dumps(more))
    assert run.code == 0, said
    name = f"engine/docker/{container}"
    found = [json.loads(path.read_text())["hosts"][name] for path in (inside, outside)]
    environments = [
        [(item["prefix"], item["python_version"], item["owner"]) for item in one["environments"]] for one in found
    ]
    assert environments[0] == environments[1] and len(environments[0]) == 2
    assert found[0]["installations"] == found[1]["installations"]
    assert name in said  # in the table too


def test_one_that_is_gone_is_unreachable(run, container: str) -> None:
    said = run("ansible", f"engine/docker/{container}", "-m", "ansible.builtin.ping", "-e", "labfleet_container=gone")
    assert run.code == 4 and "UNREACHABLE" in said and "No such container" in said


def test_a_change_in_it_is_recorded_as_such_or_refused_by_policy(run, container: str) -> None:
    name = f"engine/docker/{container}"
    environment = "/opt/conda/envs/ansible"
    wanted = json.dumps({"prefix": "/opt/conda", "environment": environment, "description": "of a user"})
    policy = ["-e", json.dumps({"conda_policy_base": {"containers": {"change": "rebuild"}}})]
    task = [name, "-m", "labfleet.conda.conda_env", "-a", wanted]
    refused = run("ansible", *task, *policy)
    assert run.code == 2, refused
    assert f"{environment} is in the docker container {container}, which the policy lets nobody change" in refused
    description = ["exec", container, "cat", f"{environment}/conda-meta/description"]
    assert docker.run(*description, check=False).returncode != 0
    changed = run("ansible", *task)
    assert run.code == 0, changed
    assert "of a user" in docker.run(*description).stdout
    again = run("ansible", *task, *policy)
    assert run.code == 0, again  # nothing is to be changed, so nothing is refused
    ledger = docker.run("exec", container, "cat", "/var/log/labfleet-conda/ledger.jsonl").stdout
    record = json.loads(ledger.splitlines()[-1])
    assert (record["outcome"], record["prefix"]) == ("committed", environment)
    inside = record["host"]["container"]
    assert (inside["engine"], inside["name"]) == ("docker", container)
    assert inside["image"].startswith("labfleet/condapython")
