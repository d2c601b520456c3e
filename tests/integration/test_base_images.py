# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Base images by the role base, with real engines and a real conda: built only when something has changed, and kept."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import typing as t

import pytest
from lab import LabUnavailable, channel, docker, images, podman, prefixes
from lab.installers import stand_in
from lab.variants import some

NAME, TAG = "labfleet-test-images/base", "debian-conda"
LINE = f"{NAME}:{TAG}"
CHANNEL = "file:///srv/channels"
# What the real installers of conda leave is a condarc of their own.
CONDARC = f'printf "channels: [defaults]\\ndefault_channels: [{CHANNEL}/pkgs/main]\\n" > "$PREFIX/.condarc"'
SHIM = """#!/bin/sh
{exports}
printf '%s\\n' "$*" >> {log}
exec {program} "$@"
"""


class Engine:
    """An engine of the lab, behind a script that counts what it is asked."""

    def __init__(self, name, folder):
        lab = {"podman": podman, "docker": docker}[name]
        self.name, self.log, self.path = name, folder / "asked", folder / name
        given = {key: value for key, value in lab.environment().items() if os.environ.get(key) != value}
        exports = "".join(f"export {key}='{value}'\n" for key, value in given.items())
        self.path.write_text(SHIM.format(exports=exports, log=self.log, program=name))
        self.path.chmod(0o755)
        self.log.touch()

    def __call__(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run([self.path, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == code, done
        return done.stdout

    def asked(self, verb: str) -> int:
        """How often a verb was used since the last question of any."""
        lines = self.log.read_text().splitlines()
        self.log.write_text("")
        return sum(line.startswith(verb + " ") for line in lines)

    def id(self, reference: str) -> str:
        """The image that has a name, or nothing."""
        done = subprocess.run([self.path, "image", "inspect", reference], capture_output=True, text=True, check=False)
        return "" if done.returncode else json.loads(done.stdout)[0]["Id"]

    def labels(self, reference: str) -> dict[str, str]:
        return json.loads(self("image", "inspect", reference))[0]["Config"]["Labels"]

    def tags(self) -> list[str]:
        """What follows the name of the line, in all names of the test."""
        listed = self("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()
        found = {name.removeprefix("localhost/") for name in listed}
        return sorted(name.removeprefix(LINE) for name in found if name.startswith(LINE))

    def clean(self) -> None:
        listed = self("ps", "-aq", "--filter", "label=labfleet-test-images").split()
        if listed:
            self("rm", "-f", *listed)
        for tag in self.tags():
            self("image", "rm", LINE + tag)


class Role:
    """Runs the role on this machine."""

    def __init__(self, ansible, engine, given):
        self.ansible, self.engine, self.given = ansible, engine, given

    def run(self, *options, tasks_from="image", **variables: t.Any):
        given = {
            "base_image_name": NAME, "base_image_tag": TAG, "base_image_engine": str(self.engine.path),
            "ansible_connection": "local", "ansible_pipelining": True,
            "ansible_python_interpreter": sys.executable, **self.given, **variables,
        }  # fmt: skip
        given = {name: value for name, value in given.items() if value is not None}
        return self.ansible.role("base", "localhost,", *options, tasks_from=tasks_from, variables=given).of_one


@pytest.fixture(scope="module")
def installer(tmp_path_factory):
    """An installer of conda 4.3.13, and the options that let a build use the lab's channel."""
    try:
        podman.require()
        channels = channel.channels()
        model = prefixes.base_prefix(channels, "4.3.13", "/opt/conda", CHANNEL)
        parent = images.base_image()
    except LabUnavailable as reason:
        pytest.skip(str(reason))
    made = stand_in(tmp_path_factory.mktemp("installer") / "conda.sh", model, after=CONDARC)
    return made, parent, channels


def role_of(name, ansible, folder, installer):
    made, parent, channels = installer
    try:
        if name == "docker":
            docker.up()
            parent = docker.image(parent)
        engine = Engine(name, folder)
    except LabUnavailable as reason:
        pytest.skip(str(reason))
    channel_in_builds = [f"--volume={channels}:/srv/channels:ro"] if name == "podman" else []
    given = {
        "base_image_from": parent, "base_image_pull": "never", "base_image_installer": str(made.path),
        "base_image_installer_sha256": made.sha256, "entrypoint_floor": "4.3.0",
        "base_image_build_options": ["--network=none", *channel_in_builds],
    }  # fmt: skip
    return Role(ansible, engine, given)


@pytest.fixture(params=some(["podman", "docker"], 1))
def role(request, ansible, tmp_path, installer):
    yield from cleaned(role_of(request.param, ansible, tmp_path, installer))


@pytest.fixture
def podman_role(ansible, tmp_path, installer):
    yield from cleaned(role_of("podman", ansible, tmp_path, installer))


def cleaned(role: Role) -> t.Iterator[Role]:
    role.engine.clean()
    try:
        yield role
    finally:
        role.engine.clean()


def plant(engine: Engine, parent: str, versions: str) -> None:
    """Make versions of the line that hold next to nothing, the last one as the newest."""
    for number, version in enumerate(versions):
        labels = {"labfleet.conda.line": LINE, "org.opencontainers.image.version": version}
        labels["org.opencontainers.image.created"] = f"2099-11-0{number + 1}T00:00:00Z"
        options = [f"--change=LABEL {key}={value}" for key, value in labels.items()]
        options += ["--format=docker"] if engine.name == "podman" else []
        name = f"labfleet-test-images-{version}"
        script = ["/bin/sh", "-c", f"echo {version} > /planted"]  # else it has no layer of its own
        engine("run", "--network=none", "--name", name, "--label", "labfleet-test-images", parent, *script)
        engine("commit", *options, name, f"{LINE}-{version}")
        engine("rm", name)
    engine("tag", f"{LINE}-{versions[-1]}", LINE)


def test_an_image_is_built_once_and_its_name_moves_when_it_has_passed_its_test(role):
    engine, first = role.engine, {"base_image_version": "1"}
    code, changed, said = role.run("--check", **first)
    assert (code, changed, engine.asked("build"), engine.tags()) == (0, 1, 0, []), said
    # What does not pass its test is not offered.
    code, _changed, said = role.run(**first, base_image_imports=["six", "nosuch"])
    assert code == 2 and "import six, nosuch ended with 1" in " ".join(said.split()), said
    assert engine.asked("build") == 2 and engine.tags() == ["-candidate"]
    # The test has changed, not the image: it is not built once more.
    code, _changed, said = role.run(**first, base_image_imports=["six", "requests"])
    assert code == 0 and engine.tags() == ["", "-1"] and engine.asked("build") == 0, said
    one = engine.id(LINE)
    labels = engine.labels(LINE)
    assert labels["labfleet.conda.conda"] == "4.3.13" and labels["labfleet.conda.python"].startswith("3.6")
    assert labels["org.opencontainers.image.version"] == "1" and labels["org.opencontainers.image.base.digest"]
    bill = engine("run", "--rm", "--network=none", "--entrypoint=cat", LINE, labels["labfleet.conda.bom"])
    assert hashlib.sha256(bill.encode()).hexdigest() == labels["labfleet.conda.bom.sha256"]
    (base,) = json.loads(bill)["components"]
    conda = next(part for part in base["components"] if part["name"] == "conda")
    assert conda["version"] == "4.3.13" and {item["alg"] for item in conda["hashes"]} == {"MD5", "SHA-256"}
    # The command is started behind the entrypoint, and the engine knows the check of health.
    assert engine("run", "--rm", "--network=none", LINE, "conda", "info", "--root").strip() == "/opt/conda"
    assert "--healthcheck" in engine("image", "inspect", LINE)

    # Nothing new, no build.
    engine.asked("build")
    code, changed, said = role.run(**first)
    assert (code, changed, engine.asked("build"), engine.id(LINE)) == (0, 0, 0, one), said

    # The way back; what was gone back from is marked.
    plant(engine, LINE, "2")
    engine("tag", f"{LINE}-1", f"{LINE}-previous")
    code, _changed, said = role.run(tasks_from="promote", base_image_version="previous")
    assert code == 0 and engine.id(LINE) == one and engine.id(f"{LINE}-withdrawn") == engine.id(f"{LINE}-2"), said


@pytest.mark.long
def test_a_newer_conda_is_a_new_version_and_the_way_back_holds(podman_role):
    role, engine = podman_role, podman_role.engine
    assert role.run(base_image_version="1")[0] == 0
    one = engine.id(LINE)
    second = {"base_image_version": "2", "base_image_conda": "4.3.16", "base_image_from": f"{LINE}-1"}
    second |= {"base_image_installer": None, "base_image_installer_sha256": None}
    assert role.run("--check", **second)[:2] == (0, 1) and engine.id(LINE) == one
    code, _changed, said = role.run(**second)
    assert code == 0 and engine.labels(LINE)["labfleet.conda.conda"] == "4.3.16", said
    two = engine.id(LINE)
    assert engine.tags() == ["", "-1", "-2", "-previous"] and engine.id(f"{LINE}-previous") == one

    # The name stays where it was until a new image has passed.
    bad = {**second, "base_image_version": "3", "base_image_rebuild": "again", "base_image_imports": ["nosuch"]}
    engine.asked("build")
    code, _changed, said = role.run(**bad)
    assert code == 2 and "import nosuch ended with 1" in said and engine.asked("build") == 2, said
    assert engine.id(LINE) == two and "-candidate" in engine.tags() and "-3" not in engine.tags()

    # The way back holds until somebody asks for the version again.
    back = {"tasks_from": "promote", "base_image_version": "previous"}
    assert role.run("--check", **back)[:2] == (0, 1) and engine.id(LINE) == two
    assert role.run(**back)[0] == 0 and engine.id(LINE) == one
    code, changed, said = role.run(**second)
    assert (code, changed, engine.id(LINE)) == (0, 0, one) and "was withdrawn" in said, said
    assert role.run(tasks_from="promote", base_image_version="2")[0] == 0 and engine.id(LINE) == two
    assert role.run(tasks_from="promote", base_image_version="2")[:2] == (0, 0) and "-withdrawn" not in engine.tags()
    code, _changed, said = role.run(tasks_from="promote", base_image_version="9")
    assert code == 2 and "There is no" in said and engine.id(LINE) == two, said
    before = engine.tags()
    assert role.run(tasks_from="retire")[:2] == (0, 0) and engine.tags() == before
    plant(engine, LINE, "56")
    before = engine.tags()
    retire = {"tasks_from": "retire", "base_image_keep": 1}
    assert role.run("--check", **retire)[:2] == (0, 1) and engine.tags() == before
    assert role.run(**retire)[0] == 0 and "-5" not in engine.tags()
    assert role.run(**retire)[:2] == (0, 0)


@pytest.mark.long
def test_old_versions_go_but_for_those_that_are_used(role):
    engine = role.engine
    plant(engine, role.given["base_image_from"], "12345")
    engine("create", "--name", "labfleet-test-images", "--label", "labfleet-test-images", f"{LINE}-2", "/bin/true")
    code, changed, said = role.run(tasks_from="retire", base_image_keep=2)
    assert code == 0 and engine.tags() == ["", "-2-archived", "-4", "-5"], said
    engine("rm", "labfleet-test-images")
    code, changed, said = role.run(tasks_from="retire", base_image_keep=2)
    assert (code, changed, engine.tags()) == (0, 1, ["", "-4", "-5"]), said


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"base_image_name": "Base Image"}, "base_image_name (Base Image)"),
        pytest.param({"base_image_installer_sha256": "12"}, "64 hexadecimal digits", marks=pytest.mark.long),
        pytest.param({"base_image_engine": "/nosuch"}, "No container engine answers", marks=pytest.mark.long),
        ({"base_image_from": "labfleet-test-images/nosuch"}, "is not on localhost"),
    ],
)
def test_what_cannot_be_meant_is_refused(podman_role, variables, said):
    code, changed, output = podman_role.run(**variables)
    assert code == 2 and changed == 0 and said in " ".join(output.split()), output
