# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What it costs to look into containers and images from their host, and to run tasks in a container."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import typing as t
import uuid
from pathlib import Path

from gates import toolbox
from lab import docker, hosts, podman

from ansible_collections.labfleet.conda.plugins.module_utils._discover._look_result import scan
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import Options
from ansible_collections.labfleet.conda.plugins.module_utils._discover._wanted import Wanted

COUNT = 50
IMAGES = 20
TASKS = 20
# The community's collections come with this package; it is needed for the comparison alone.
COMMUNITY = "ansible==12.3.0"


class Found(t.NamedTuple):
    """Seconds per container from outside, those of processors for it, more for its drift, and by entering it.

    And those for all images, their number and bytes.
    """

    outside: float
    processors: float
    drift: float
    inside: float
    images: float
    image_count: int
    image_bytes: int


@contextlib.contextmanager
def running(count: int) -> t.Iterator[list[str]]:
    """Containers with conda that run."""
    docker.up()
    hosts.up()
    image = docker.image(podman.containers()[hosts.host_named("conda4316").container])
    names = [f"bench-{uuid.uuid4().hex[:8]}" for _number in range(count)]
    try:
        for name in names:
            docker.run(
                "run", "-d", "--name", name, "--label", docker.LABEL, "--network", "none", image, "sleep", "9999"
            )
        yield names
    finally:
        docker.run("rm", "-f", *names, check=False, timeout=600)


class Cost(t.NamedTuple):
    """Seconds, and those of processors, which a busy machine changes less."""

    seconds: float
    processors: float


def look(wanted: Wanted, runs: int = 3) -> tuple[Cost, dict[str, t.Any]]:
    """The best of some looks, and what the last of them told."""
    costs, result = [], {}
    for _run in range(runs):
        started, before = time.perf_counter(), os.times()
        result = scan(Options(users=(), time_limit=600), wanted)
        seconds = time.perf_counter() - started
        costs.append(Cost(seconds, sum(os.times()[:4]) - sum(before[:4])))
    return Cost(min(cost.seconds for cost in costs), min(cost.processors for cost in costs)), result


def measured() -> Found:
    """Look into fifty containers and all images of Docker."""
    with running(COUNT) as names:
        os.environ.update(docker.variables())
        os.environ["CONTAINERS_CONF"] = os.devnull
        for number in range(IMAGES):  # each with a layer of its own on the large one
            docker.run("commit", names[number], f"labfleet-bench:{number}")
        try:
            host, _result = look(Wanted())
            with_containers, result = look(Wanted("running"))
            found = [item for item in result["containers"] if item["name"] in names]
            if len(found) != COUNT or any(len(item["environments"]) != 2 for item in found):
                raise SystemExit("the look into the containers is not right")
            with_drift, result = look(Wanted("running", drift=True))
            told = [item["drift"] for item in result["containers"] if item["name"] in names]
            if len(told) != COUNT or any(item["changed"] or not item["complete"] for item in told):
                raise SystemExit("the comparison of the containers with their image is not right")
            with_images, result = look(Wanted("none", images=True))
            images = [item for item in result["images"] if item["engine"] == "docker"]
            started = time.perf_counter()
            for name in names[:10]:
                docker.run("exec", name, "/opt/conda/bin/conda", "list", "--json")
            entering = (time.perf_counter() - started) / 10
        finally:
            docker.run("rmi", "-f", *(f"labfleet-bench:{number}" for number in range(IMAGES)), check=False)
    return Found(
        (with_containers.seconds - host.seconds) / len(found),
        (with_containers.processors - host.processors) / len(found),
        (with_drift.processors - with_containers.processors) / len(found),
        entering,
        with_images.seconds - host.seconds,
        len(images),
        sum(image["size"] for image in images),
    )


def connection() -> tuple[float, float]:
    """Seconds for twenty tasks in a local container: with our connection, and with community.docker's."""
    python = Path(sys.executable).resolve()
    bins = toolbox.venv("community", python, COMMUNITY)
    folder = toolbox.cache() / "bench" / "connection"
    folder.mkdir(parents=True, exist_ok=True)
    tasks = [{"name": "Ping", "ansible.builtin.ping": {}} for _number in range(TASKS)]
    (folder / "play.yml").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    best = {"ours": float("inf"), "theirs": float("inf")}
    with running(1) as [name]:
        common = {"ansible_python_interpreter": "/usr/bin/python3"}
        variables = {
            "ours": {
                **common,
                "ansible_connection": "labfleet.conda.container",
                "labfleet_container_transport": "local",
            },
            "theirs": {**common, "ansible_connection": "community.docker.docker"},
        }
        collection = toolbox.CHECKOUT / "build" / "collections" / "ansible_collections" / "labfleet" / "conda"
        env = {**toolbox.ansible_environment(collection, folder, bins), **docker.environment()}
        for _round in range(3):
            for key, host in variables.items():
                inventory = folder / f"{key}.json"
                inventory.write_text(json.dumps({"all": {"hosts": {name: host}}}))
                started = time.perf_counter()
                command = [str(bins / "ansible-playbook"), "-i", str(inventory), str(folder / "play.yml")]
                subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
                best[key] = min(best[key], time.perf_counter() - started)
    return best["ours"], best["theirs"]


__all__ = ("COUNT", "TASKS", "connection", "measured")
