# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook ci_check in a container with a real conda 4.3.13: conda is updated, and real packages are imported."""

from __future__ import annotations

import json
import os
import typing as t
import uuid
from pathlib import Path
from xml.etree import ElementTree

import pytest
from integration.ansible_run import Ansible, Run
from lab import LabUnavailable, cache, channel, collections, hosts, packages, podman

PREFIX = "/opt/miniconda3"
OWN = "/srv/own"
BROKEN = b'raise ImportError("libcudnn.so.9: cannot open shared object file")\n'


class Pipeline:
    """A container, as a pipeline has one, and the playbook to run against it."""

    def __init__(self, scratch: Path, bins: Path, name: str) -> None:
        self._ansible = Ansible(scratch, bins)
        self.name = name
        self.report = scratch / "check.xml"

    def run(self, *arguments: str, **variables: t.Any) -> Run:
        self.report.unlink(missing_ok=True)
        inventory = self._ansible.scratch / "hosts.json"
        reached = {"ansible_connection": "containers.podman.podman", "ansible_python_interpreter": "/usr/bin/python3"}
        inventory.write_text(json.dumps({"all": {"hosts": {self.name: reached}}}))
        given = {
            "ci_hosts": "all", "ci_prefix": PREFIX, "ci_junit": str(self.report), "ci_version": "4.3.16",
            "ci_packages": ["python=3.6", "click"], "ci_imports": ["click"], **variables,
        }  # fmt: skip
        return self._ansible.playbook("ci_check", inventory, "-e", json.dumps(given), *arguments, document=False)

    def inside(self, *command: str) -> str:
        return podman.run("exec", self.name, *command).stdout.strip()

    def cases(self) -> dict[str, str | None]:
        """The message of each case of the JUnit file that did not pass, and None for the others."""
        (suite,) = ElementTree.parse(self.report).getroot()
        found = {case.get("name"): case for case in suite.findall("testcase")}
        assert suite.get("tests") == str(len(found)) and suite.get("name") == self.name
        return {
            name: case[0].tag + ": " + case[0].get("message") if len(case) else None for name, case in found.items()
        }


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Pipeline]:
    """A new container of the lab's image with conda 4.3.13, without a network, and with a channel of its own too."""
    scratch = tmp_path_factory.mktemp("ci")
    try:
        podman.require()
    except LabUnavailable as reason:
        pytest.skip(str(reason))
    own = scratch / "own"
    files = {"lib/python3.6/site-packages/broken/__init__.py": packages.File(BROKEN)}
    packages.write_package(own, packages.Package("broken", "1.0", depends=("python 3.6*",)), files)
    channel.index(own)
    name = "test-ci-" + uuid.uuid4().hex[:8]
    mounts = [f"--volume={channel.channels()}:{hosts.CHANNELS}:ro", f"--volume={own}:{OWN}:ro"]
    with pytest.MonkeyPatch.context() as patch:
        for key, value in podman.environment().items():
            if os.environ.get(key) != value:
                patch.setenv(key, value)
        try:
            bins = collections.with_collections()
            with cache.locked("up"):  # which builds images too
                image = hosts.image_of(hosts.host_named("conda4313"), channel.channels())
            podman.run("run", "--detach", "--network", "none", "--name", name, *mounts, image, "sleep", "900")
        except LabUnavailable as reason:
            pytest.skip(str(reason))
        try:
            yield Pipeline(scratch, bins, name)
        finally:
            podman.run("rm", "--force", "--time", "0", name, check=False)


def test_a_package_that_cannot_be_imported_fails_the_gate_with_one_sentence(pipeline):
    done = pipeline.run(
        ci_packages=["python=3.6", "click", "broken"], ci_imports=["click", "broken"],
        ci_channels=[f"file://{OWN}", f"{hosts.CHANNEL_URL}/pkgs/main"],
    )  # fmt: skip
    sentence = "broken cannot be imported: ImportError: libcudnn.so.9: cannot open shared object file"
    assert done.code == 2, done.output
    assert pipeline.cases() == {
        "conda is updated": None,
        "the test environment is made": None,
        "click is imported": None,
        "broken is imported": f"failure: {sentence}",
        "the test environment is removed": None,
    }
    assert sentence in done.output
    assert pipeline.inside(f"{PREFIX}/bin/conda", "--version") == "conda 4.3.16"
    assert pipeline.inside("ls", f"{PREFIX}/envs") == "work"


def test_a_healthy_container_passes(pipeline):
    done = pipeline.run(ci_commands=["python -c 'import click; print(click.__version__)'"])
    assert done.code == 0, done.output
    cases = pipeline.cases()
    assert len(cases) == 5 and set(cases.values()) == {None}
    assert "python -c 'import click; print(click.__version__)' succeeds" in cases
    assert pipeline.inside("ls", f"{PREFIX}/envs") == "work"


@pytest.mark.long
def test_a_package_that_does_not_exist_is_told_and_nothing_is_imported(pipeline):
    done = pipeline.run(ci_packages=["python=3.6", "no-such-package"], ci_version="any")
    assert done.code == 2, done.output
    cases = pipeline.cases()
    assert cases["conda is updated"] is None
    assert cases["the test environment is made"].startswith("failure: The test environment could not be made: ")
    assert "no-such-package" in cases["the test environment is made"]
    assert cases["click is imported"].startswith("skipped: ")
    assert pipeline.inside("ls", f"{PREFIX}/envs") == "work"


@pytest.mark.long
def test_check_mode_changes_nothing(pipeline):
    done = pipeline.run("--check", ci_version="any")
    assert done.code == 0 and not pipeline.report.exists(), done.output


def test_a_directory_that_is_not_there_is_told_before_anything_is_done(pipeline):
    done = pipeline.run(ci_junit="/nowhere/check.xml")
    assert done.code == 2 and "there is no directory /nowhere on the control node" in done.output
    assert "Update conda" not in done.output
