# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What engines answer is read into one form; what is strange is told and ends nothing.

The answers of Docker 20.10 and Podman 4.3 were recorded (folder engines). Those of crictl are written after the
ContainerStatus message of the Kubernetes CRI, since no kubelet was at hand.
"""

from __future__ import annotations

import json
import os

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._discover import _engine_answers as answers
from ansible_collections.labfleet.conda.plugins.module_utils._discover._engines import Asker, ask_engines
from ansible_collections.labfleet.conda.plugins.module_utils._discover._wanted import Wanted
from ansible_collections.labfleet.conda.plugins.module_utils._system._report import Report
from ansible_collections.labfleet.conda.plugins.module_utils._system._run import Finished, Runner

RECORDED = os.path.join(os.path.dirname(__file__), "engines")


def recorded(name):
    with open(os.path.join(RECORDED, name + ".json"), "rb") as stream:
        return stream.read()


def recorded_one(name):
    [answer] = answers.documents(recorded(name))
    return answer


CRI = {
    "status": {
        "id": "f" * 64,
        "metadata": {"name": "trainer", "attempt": 0},
        "state": "CONTAINER_RUNNING",
        "createdAt": "2026-11-01T10:00:00.000000000Z",
        "image": {"image": "registry.example/ai/base:1"},
        "imageRef": "registry.example/ai/base@sha256:" + "a" * 64,
        "labels": {"io.kubernetes.pod.name": "trainer-0", "io.kubernetes.pod.namespace": "ml"},
        "mounts": [{"containerPath": "/data", "hostPath": "/srv/data"}],
    },
    "info": {"pid": 4711},
}


def test_docker_and_podman_tell_the_same_of_a_container():
    [docker] = [
        answers.parse_container("docker", "root", item) for item in answers.documents(recorded("docker-inspect"))
    ]
    [podman] = [
        answers.parse_container("podman", "root", item) for item in answers.documents(recorded("podman-inspect"))
    ]
    assert (docker.name, docker.status, docker.pid, docker.is_live) == ("t1", "running", 909, True)
    assert (podman.name, podman.status, podman.pid, podman.is_live) == ("labfleet-conda4316", "running", 4392, True)
    assert docker.image.startswith("labfleet/conda4316:") and podman.image.startswith("localhost/labfleet/conda4316:")
    assert docker.image_id == podman.image_id  # the same image, whose identifier is the hash of its configuration
    assert docker.labels == podman.labels == {"labfleet.lab": "1"}
    assert len(docker.layers) == 5 and len(podman.layers) == 4
    assert docker.layers[0].endswith("/diff") and "-init" in docker.layers[1]
    assert podman.mounts["/srv/channels"].startswith("/var/lib/")
    assert docker.compose_project is docker.pod is podman.pod is None


def test_docker_and_podman_tell_the_same_of_an_image():
    docker = answers.parse_image("docker", "root", recorded_one("docker-image"))
    podman = answers.parse_image("podman", "root", recorded_one("podman-image"))
    assert docker.id == podman.id and len(docker.layers) == len(podman.layers) == 3
    assert podman.names[0] in docker.names and podman.labels == {"labfleet.lab": "1"}
    assert docker.size > 200e6 and podman.digests[0].startswith("localhost/labfleet/conda4316@sha256:")


def test_a_container_of_kubernetes():
    found = answers.parse_cri(CRI)
    assert (found.name, found.status, found.pid, found.pod) == ("trainer", "running", 4711, "ml/trainer-0")
    assert (found.image, found.digest) == ("registry.example/ai/base:1", "sha256:" + "a" * 64)
    assert found.mounts == {"/data": "/srv/data"}


def test_the_layers_that_containerd_would_mount():
    said = b"mount -t overlay overlay /nowhere -o index=off,workdir=/w,upperdir=/s/3/fs,lowerdir=/s/2/fs:/s/1/fs\n"
    assert answers.parse_snapshot_mounts(said) == ("/s/3/fs", "/s/2/fs", "/s/1/fs")
    assert answers.parse_snapshot_mounts(b"mount -t bind /s/1/fs /nowhere -o rw,rbind\n") == ()


@pytest.mark.parametrize("answer", [None, [], {}, {"Id": 7}, "text", {"Id": ""}])
@pytest.mark.parametrize("parse", [answers.parse_container, answers.parse_image])
def test_what_is_no_container_is_strange(parse, answer):
    with pytest.raises(answers.Strange):
        parse("docker", "root", answer)


def test_values_of_other_types_are_as_if_they_were_not_there():
    odd = {
        "Id": "x",
        "State": [],
        "Config": 5,
        "GraphDriver": {"Name": "overlay2", "Data": None},
        "Mounts": {},
        "Name": 1,
    }
    found = answers.parse_container("docker", "root", odd)
    assert (found.status, found.pid, found.layers, found.mounts, found.labels) == ("unknown", 0, (), {}, {})
    image = answers.parse_image("docker", "root", {"Id": "x", "RepoTags": None, "Size": "big"})
    assert (image.names, image.size, image.layers) == ((), None, ())


def test_answers_that_follow_each_other_are_taken_apart():
    assert answers.documents(b'[{"a": 1}, {"b": 2}]\n{"c": 3}{"d": 4}') == [{"a": 1}, {"b": 2}, {"c": 3}, {"d": 4}]
    assert answers.documents(b"  ") == []
    with pytest.raises(answers.Strange):
        answers.documents(b"<html>")


class Recorded(Runner):
    """Answers by the words of the command after the program."""

    def __init__(self, said):
        self.said = said
        self.asked = []

    def run(self, command):
        self.asked.append(command)
        said = self.said(command.arguments)
        return said if isinstance(said, Finished) else Finished(0, said, b"", 0.1)


EVERYTHING = Wanted("all", images=True)


def ask(host, said, wanted=EVERYTHING, program="docker", **variables):
    host.write("/usr/bin/" + program, "#!/bin/sh\n", mode=0o755)
    report, runner = Report(), Recorded(said)
    return ask_engines(host.root(), runner, report, Asker("root", "/root", variables), wanted), report.entries, runner


def docker_says(arguments):
    if "ps" in arguments or "ls" in arguments:
        return b"one\none\n"
    return recorded("docker-image" if "image" in arguments else "docker-inspect")


def test_an_engine_is_asked_for_all_at_once_with_a_clean_environment(host, as_root):
    found, entries, runner = ask(host, docker_says, DOCKER_HOST="unix:///x", LD_PRELOAD="/tmp/evil.so", PATH="/tmp")
    assert [item.name for item in found.containers] == ["t1"] and len(found.images) == 1 and entries == []
    assert [command.arguments[1:] for command in runner.asked] == [
        ("ps", "--quiet", "--no-trunc", "--all"),
        ("inspect", "--type", "container", "one"),
        ("image", "ls", "--quiet", "--no-trunc"),
        ("image", "inspect", "one"),
    ]
    environment = runner.asked[0].environment
    assert environment["DOCKER_HOST"] == "unix:///x" and "LD_PRELOAD" not in environment
    assert "/tmp" not in environment["PATH"]


def test_what_has_gone_since_it_was_listed_takes_nothing_else_along(host, as_root):
    def said(arguments):
        if "inspect" in arguments:
            return Finished(1, docker_says(arguments), b"Error: No such object: gone\n", 0.1)
        return b"one\ngone\n"

    found, entries, _runner = ask(host, said, Wanted("all"))
    assert [item.name for item in found.containers] == ["t1"] and entries == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Finished(1, b"", b"Cannot connect to the Docker daemon\n", 0.1), "Cannot connect to the Docker daemon"),
        (Finished(-9, b"", b"", 30.0, timed_out=True), "did not answer within 30 s"),
        (Finished(1, b"", b"denied: https://user:secret@example.org/x\n", 0.1), "denied"),
        (b"{}<html>", None),
    ],
)
def test_an_engine_that_does_not_answer_is_told_and_unknown_is_not_none(host, as_root, answer, reason):
    def said(arguments):
        return b"one\n" if reason is None and "ps" in arguments else answer

    found, entries, _runner = ask(host, said, Wanted("running"))
    assert found.containers == []
    [entry] = entries
    assert entry["path"] == "container engine docker" and (reason or "no JSON") in entry["reason"]
    assert "secret" not in entry["reason"]


def test_a_program_that_others_may_write_is_not_started(host, as_root):
    host.write("/usr/bin/docker", "#!/bin/sh\n")
    os.chown(host.path("/usr/bin/docker"), 1000, 0)
    report, runner = Report(), Recorded(docker_says)
    found = ask_engines(host.root(), runner, report, Asker("root", "/root", {}), Wanted("all"))
    assert found.containers == [] and runner.asked == []
    assert "others than root may write it" in report.entries[0]["reason"]


def test_an_engine_that_is_not_there_is_no_trouble(host):
    report = Report()
    found = ask_engines(host.root(), Recorded(docker_says), report, Asker("root", "/root", {}), Wanted("all", True))
    assert found == ([], [], [], set()) and report.entries == []


def test_what_two_engines_tell_of_counts_once(host, as_root):
    host.write("/usr/bin/podman", "#!/bin/sh\n", mode=0o755)
    found, _entries, _runner = ask(host, docker_says, Wanted("all"))  # docker is Podman under another name
    assert [(item.engine, item.name) for item in found.containers] == [("podman", "t1")]


def test_containers_of_kubernetes_are_asked_for_one_by_one(host, as_root):
    def said(arguments):
        return b"f\n" if "ps" in arguments else json.dumps(CRI).encode()

    found, entries, _runner = ask(host, said, Wanted("running"), program="crictl")
    assert [item.pod for item in found.containers] == ["ml/trainer-0"] and entries == []


DRIFT = Wanted("all", drift=True)


def test_the_images_of_containers_are_asked_for_by_their_numbers_when_drift_is_wanted(host, as_root):
    found, entries, runner = ask(host, docker_says, DRIFT)
    [container] = found.containers
    assert runner.asked[-1].arguments[1:] == ("image", "inspect", container.image_id)
    assert [image.id for image in found.of_containers] == [container.image_id]
    assert found.images == [] and found.untold == set() and entries == []


def test_an_image_that_is_gone_is_not_one_that_nobody_told_of(host, as_root):
    def said(answer):
        return lambda arguments: answer if "image" in arguments else docker_says(arguments)

    gone, entries, _runner = ask(host, said(Finished(1, b"[]\n", b"No such image\n", 0.1)), DRIFT)
    assert (gone.of_containers, gone.untold, entries) == ([], set(), [])
    silent, entries, _runner = ask(host, said(Finished(-9, b"", b"", 30.0, timed_out=True)), DRIFT)
    assert (silent.of_containers, silent.untold, len(entries)) == ([], {("docker", "root")}, 1)
    assert [item.name for item in silent.containers] == ["t1"]
