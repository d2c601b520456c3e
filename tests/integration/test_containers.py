# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real containers of Docker, Podman and containerd, seen from the host as conda sees itself inside them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import typing as t
import uuid
from pathlib import Path

import pytest
from gates import toolbox
from lab import LabUnavailable, docker, hosts, podman

from ansible_collections.labfleet.conda.plugins.module_utils._audit._result import audit
from ansible_collections.labfleet.conda.plugins.module_utils._discover._look_result import scan
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import Options
from ansible_collections.labfleet.conda.plugins.module_utils._discover._wanted import Wanted
from ansible_collections.labfleet.conda.plugins.modules import conda_audit
from ansible_collections.labfleet.conda.plugins.plugin_utils._prepare import prepare

SECRET = "what-only-the-host-may-know"  # noqa: S105 - planted, to be looked for
ALL = Wanted("all", images=True)


class Engines:
    """The lab's Docker and Podman, and what a test makes in them."""

    def __init__(self) -> None:
        self.mark = "test-" + uuid.uuid4().hex[:8]
        self.conda = podman.containers()[hosts.host_named("conda4316").container]
        self.made: list[tuple[t.Any, str]] = []
        self.images: list[tuple[t.Any, str]] = []

    def run(self, engine: t.Any, name: str, *arguments: str, image: str = "", command: t.Sequence[str] = ()) -> str:
        """Start a container; returns its name."""
        image = image or self.conda
        image = docker.image(image) if engine is docker else image
        name = f"{self.mark}-{name}"
        self.made.append((engine, name))
        options = ["--name", name, "--label", docker.LABEL, "--network", "none", *arguments]
        engine.run("run", "--detach", *options, image, *(command or ["sleep", "36000"]))
        return name

    def remove(self) -> None:
        for engine, name in self.made:
            engine.run("rm", "--force", *(["--time", "0"] if engine is podman else []), "--volumes", name, check=False)
        for engine, image in self.images:
            engine.run("rmi", "--force", image, check=False)


@pytest.fixture
def engines(lab_hosts, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Engines]:
    try:
        docker.up()
    except LabUnavailable as reason:
        pytest.skip(str(reason))
    for name, value in {**podman.environment(), **docker.environment()}.items():
        if name.startswith(("DOCKER_", "CONTAINERS_")):
            monkeypatch.setenv(name, value)
    made = Engines()
    yield made
    made.remove()


def look(wanted: Wanted = ALL, **options: t.Any) -> dict[str, t.Any]:
    """What conda_info returns for this machine; its own installations are of no interest here."""
    return scan(Options(users=(), **options), wanted)


def container(result: dict[str, t.Any], name: str) -> dict[str, t.Any]:
    return next(item for item in result["containers"] if item["name"] == name)


def records(environment: dict[str, t.Any]) -> set[tuple[str, str, str]]:
    return {(item["name"], item["version"], item["build"]) for item in environment["records"]}


@pytest.mark.parametrize("engine", [docker, podman], ids=["docker", "podman"])
def test_a_container_is_seen_from_outside_as_its_conda_sees_it(engines: Engines, engine) -> None:
    name = engines.run(engine, "one", "--label", "com.docker.compose.project=portal")
    result = look(Wanted("running"), gather=("records",))
    seen = container(result, name)
    listed = json.loads(
        engine.run("exec", name, "/opt/conda/bin/conda", "list", "--json", "--prefix", "/opt/conda").stdout
    )
    base = next(item for item in seen["environments"] if item["prefix"] == "/opt/conda")
    assert records(base) == {(item["name"], item["version"], item["build_string"]) for item in listed}
    info = json.loads(engine.run("exec", name, "/opt/conda/bin/conda", "info", "--json").stdout)
    assert [item["version"] for item in seen["installations"]] == [info["conda_version"]]
    assert {item["prefix"] for item in seen["environments"]} == {"/opt/conda", *info["envs"]}
    assert (seen["status"], seen["compose_project"]) == ("running", "portal")
    assert seen["image"].startswith(("labfleet/conda4316", "localhost/labfleet/conda4316")) and len(seen["id"]) == 64
    assert seen["unreadable"] == [] and seen["complete"]


@pytest.mark.parametrize("engine", [docker, podman], ids=["docker", "podman"])
def test_a_stopped_container_is_seen_as_it_was_left(engines: Engines, engine) -> None:
    """A package was removed, a directory exchanged and an environment made in it: all is in its upper layer."""
    name = engines.run(engine, "stopped")
    script = (
        "rm -r /opt/conda/envs/work && mkdir -p /opt/conda/envs/work/conda-meta /opt/conda/envs/new/conda-meta"
        " && touch /opt/conda/envs/work/conda-meta/history /opt/conda/envs/new/conda-meta/history"
        " && cp /opt/conda/conda-meta/python-*.json /opt/conda/envs/new/conda-meta"
        " && rm /opt/conda/conda-meta/ruamel*.json"
    )
    engine.run("exec", name, "sh", "-c", script)
    running = container(look(Wanted("running"), gather=("records",)), name)
    engine.run("stop", "--time", "0", name)
    result = look(gather=("records",))
    stopped = container(result, name)
    assert (stopped["status"], stopped["pid"], stopped["unreadable"]) == ("exited", None, [])
    prefixes = {item["prefix"]: records(item) for item in stopped["environments"]}
    assert prefixes == {item["prefix"]: records(item) for item in running["environments"]}
    assert prefixes["/opt/conda/envs/work"] == set() and len(prefixes["/opt/conda/envs/new"]) == 1
    image = next(item for item in result["images"] if engines.conda.removeprefix("localhost/") in str(item["names"]))
    before = {item["prefix"]: records(item) for item in image["environments"]}
    assert [gone[0] for gone in before["/opt/conda"] - prefixes["/opt/conda"]] == ["ruamel_yaml"]
    assert "/opt/conda/envs/new" not in before and before["/opt/conda/envs/work"]
    assert name not in str(look(Wanted("running"))["containers"])


def test_paused_ones_ones_without_python_and_ones_never_started(engines: Engines, tmp_path: Path) -> None:
    paused = engines.run(docker, "paused")
    docker.run("pause", paused)
    tree = tmp_path / "tree"
    (tree / "opt" / "conda" / "conda-meta").mkdir(parents=True)
    (tree / "opt" / "conda" / "conda-meta" / "history").touch()
    record = {"name": "conda", "version": "4.3.16", "build": "py36_0", "build_number": 0, "files": []}
    (tree / "opt" / "conda" / "conda-meta" / "conda-4.3.16-py36_0.json").write_text(json.dumps(record))
    source = toolbox.CHECKOUT / "tests" / "lab" / "pause.c"
    subprocess.run(["gcc", "-static", "-o", tree / "pause", source], check=True)
    image = f"localhost/{engines.mark}:1"
    with subprocess.Popen(["tar", "-C", tree, "-c", "."], stdout=subprocess.PIPE) as archive:
        podman.run("import", "-q", "-", image, stdin=archive.stdout)
    try:
        bare = engines.run(podman, "bare", image=image, command=["/pause"])
        created = f"{engines.mark}-created"
        engines.made.append((podman, created))
        podman.run("create", "--name", created, "--network", "none", image, "/pause")
        result = look()
        for name, status in ((paused, "paused"), (bare, "running"), (created, "created")):
            seen = container(result, name)
            assert [(item["version"], item["prefix"]) for item in seen["installations"]] == [("4.3.16", "/opt/conda")]
            assert seen["status"] == status
    finally:
        docker.run("unpause", paused, check=False)
        engines.remove()
        podman.run("rmi", "--force", image, check=False)


@pytest.mark.parametrize("engine", [docker, podman], ids=["docker", "podman"])
def test_a_conda_on_a_volume_is_seen_running_and_stopped(engines: Engines, engine) -> None:
    name = engines.run(engine, "volume", "--volume", f"{engines.mark}:/data")
    try:
        engine.run(
            "exec", name, "sh", "-c", "mkdir -p /data/conda && cp -r /opt/conda/conda-meta /opt/conda/bin /data/conda"
        )
        running = container(look(Wanted("running"), search_paths=("/data",)), name)
        engine.run("stop", "--time", "0", name)
        stopped = container(look(search_paths=("/data",)), name)
        for seen in (running, stopped):
            assert "/data/conda" in {item["prefix"] for item in seen["installations"]}
    finally:
        engines.remove()
        engine.run("volume", "rm", "--force", engines.mark, check=False)


def test_owners_in_a_user_namespace_are_the_users_inside(engines: Engines) -> None:
    name = engines.run(podman, "mapped", "--uidmap", "0:100000:65536")
    running = container(look(Wanted("running")), name)
    base = next(item for item in running["installations"] if item["prefix"] == "/opt/conda")
    assert base["owner"] == "root" and base["writers"] == {"users": [], "groups": [], "everybody": False}
    status = os.stat(f"/proc/{running['pid']}/root/opt/conda")
    assert status.st_uid == 100000  # so it is not root for who looks from outside


HOSTILE = """
ln -s /etc/{secret} /opt/conda/conda-meta/aaa-1-0.json
ln -s ../../../../../../../../../../../etc/{secret} /opt/conda/conda-meta/bbb-1-0.json
ln -s /proc/1/root/etc/{secret} /opt/conda/conda-meta/ccc-1-0.json
mkfifo /opt/conda/conda-meta/fifo-1-0.json
mkfifo /root/.condarc
mkdir -p /opt/many/conda-meta && cd /opt/many/conda-meta && seq -f x%g-1-0.json 60000 | xargs touch
printf '#!/bin/sh\\ntouch /executed\\n' > /opt/conda/bin/conda
cp /opt/conda/bin/conda /opt/conda/bin/python
cp /opt/conda/bin/conda /usr/bin/python3
mkdir -p /srv/a/conda-meta
(while :; do mv /srv/a /srv/b; ln -s /etc /srv/a; rm /srv/a; mv /srv/b /srv/a; done) > /dev/null 2>&1 &
echo ready
exec sleep 36000
"""


def test_a_hostile_container_shows_nothing_of_the_host_and_holds_nothing_up(engines: Engines) -> None:
    secret = Path("/etc") / f"{engines.mark}.secret"
    secret.write_text(json.dumps({"name": SECRET, "version": SECRET, "build": SECRET}))
    try:
        name = engines.run(docker, "hostile", command=["sh", "-c", HOSTILE.format(secret=secret.name)])
        while "ready" not in docker.run("logs", name).stdout:
            assert docker.inspect(name)[0]["State"]["Running"]
            time.sleep(0.05)
        other = engines.run(docker, "other")
        started = time.monotonic()
        result = look(Wanted("running"), gather=("records",), time_limit=60)
        assert time.monotonic() - started < 60
        assert SECRET not in json.dumps(result)
        seen = container(result, name)
        assert any("FIFO" in item["reason"] for item in seen["unreadable"])
        assert [item["version"] for item in container(result, other)["installations"]] == ["4.3.16"]
        assert container(result, other)["complete"]
        root = f"/proc/{seen['pid']}/root"
        assert not os.path.exists(f"{root}/executed"), "something of the container was executed"
    finally:
        secret.unlink()


def test_a_container_of_containerd(engines: Engines, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Docker's containerd holds one in a namespace of its own."""
    address = f"{docker.folders()[1]}/exec/containerd/containerd.sock"
    monkeypatch.setenv("CONTAINERD_ADDRESS", address)
    source = engines.run(docker, "source")
    merged = docker.inspect(source)[0]["GraphDriver"]["Data"]["MergedDir"]
    ctr = ["ctr", "--address", address, "--namespace", "labfleet"]
    try:
        subprocess.run(
            [
                *ctr,
                "run",
                "--detach",
                "--rootfs",
                "--label",
                "io.kubernetes.pod.name=p",
                merged,
                engines.mark,
                "/bin/sleep",
                "99",
            ],
            check=True,
        )
        result = look(Wanted("running"))
        seen = [item for item in result["containers"] if item["id"] == engines.mark]
        assert [(item["engine"], item["pod"], item["installations"][0]["version"]) for item in seen] == [
            ("containerd", "default/p", "4.3.16")
        ], result["unreadable"]
    finally:
        subprocess.run([*ctr, "task", "kill", "--signal", "9", engines.mark], check=False, capture_output=True)
        subprocess.run([*ctr, "task", "delete", "--force", engines.mark], check=False, capture_output=True)
        subprocess.run([*ctr, "container", "delete", engines.mark], check=False, capture_output=True)


def test_the_containers_of_another_user(engines: Engines) -> None:
    """A user whose Podman needs no root; the user is known only in a mount namespace of the test."""
    missing = [name for name in ("newuidmap", "runc", "setpriv", "unshare") if not shutil.which(name)]
    if missing:
        pytest.skip(f"not on this machine: {', '.join(missing)}")
    driver = Path(__file__).with_name("rootless.sh")
    with tempfile.TemporaryDirectory() as folder:  # pytest's are closed to others
        os.chmod(folder, 0o755)
        done = subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "sh", str(driver), folder, sys.executable],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "CHECKOUT": str(toolbox.CHECKOUT)},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    result = json.loads(done.stdout.splitlines()[-1])
    seen = {item["name"]: item for item in result["containers"] if item["engine_user"] == "labuser"}
    assert {name: item["status"] for name, item in seen.items()} == {"runs": "running", "ended": "exited"}, done.stderr
    for item in seen.values():
        assert [(found["version"], found["owner"]) for found in item["installations"]] == [("4.3.16", "root")], (
            done.stderr
        )
        drift = item["drift"]
        assert (drift["status"], drift["changed"], drift["complete"]) == ("compared", False, True), drift
        assert drift["image"]["there"] and drift["image"]["names"] == ["localhost/tiny:1"]
    images = [item for item in result["images"] if item["engine_user"] == "labuser"]
    assert [(item["names"], len(item["environments"])) for item in images] == [(["localhost/tiny:1"], 1)]


def audited(wanted: str, **options: t.Any) -> dict[str, t.Any]:
    """What conda_audit returns on this host, before the control node adds to it."""
    prepared = {**prepare({}, host="here", groups=()).for_host, "now": time.time()}
    defaults = {name: spec.get("default") for name, spec in conda_audit.ARGUMENT_SPEC.items()}
    return audit({**defaults, "users": [], "containers": wanted, "prepared": prepared, **options})


def test_containers_and_images_are_judged_each_for_itself(engines: Engines) -> None:
    bad, good = engines.run(docker, "bad"), engines.run(docker, "good")
    docker.run("exec", bad, "sh", "-c", "chmod 777 /opt/conda/bin && rm /opt/conda/lib/python3.6/this.py")
    result = audited("running", images=True)
    rules = {
        item["name"]: {(found["rule"], found["subject"]) for found in item["findings"]} for item in result["containers"]
    }
    new = rules[bad] - rules[good]
    print(sorted(new))
    assert any(rule.startswith("perm.") for rule, _subject in new), new
    assert {subject for _rule, subject in new} <= {"/opt/conda", "/opt/conda/bin"}
    image = next(item for item in result["images"] if engines.conda.removeprefix("localhost/") in str(item["names"]))
    found = {(found["rule"], found["subject"]) for found in image["findings"]}
    assert found and not found & new
