# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host of the lab with a Docker: it sees the processes of this machine and talks to the lab's dockerd.

So its containers can be looked into from it, and reached over its ssh, as on a server with a Docker of its own.
"""

from __future__ import annotations

import shutil
import typing as t

from . import cache, docker, hosts, images, podman

HOST = hosts.Host("engine", 17)
STATE = "/run/labfleet-docker"
# What the engine on the host must be told to find the lab's dockerd.
ENVIRONMENT = {"DOCKER_HOST": f"unix://{STATE}/docker.sock"}


def up() -> hosts.Host:
    """Start the host, unless it runs. Raises LabUnavailable where it cannot."""
    docker.up()
    hosts.up()
    with cache.locked("engine"):
        image = images.base_image()
        if podman.containers().get(HOST.container) == image and hosts.answers(HOST, seconds=2):
            return HOST
        data, state = docker.folders()
        folder = hosts.keys()
        volumes = {
            str(folder / "id_ed25519.pub"): "/etc/ssh/lab_authorized_keys:ro",
            str(folder / "host_ed25519"): "/etc/ssh/lab_host_key:ro",
            str(shutil.which("docker", path=podman.search_path())): "/usr/bin/docker:ro",
            str(state): STATE,
            str(data): f"{data}:ro",
        }
        options = ["--detach", "--replace", "--name", HOST.container, "--hostname", HOST.name, "--label", podman.LABEL]
        options += [*podman.at(HOST.address), "--privileged", "--pid=host"]
        options += [f"--volume={path}:{seen}" for path, seen in volumes.items()]
        podman.run("run", *options, image, "/usr/sbin/sshd", "-D", "-e")
        hosts.wait_for_ssh(HOST)
    return HOST


def inventory() -> dict[str, t.Any]:
    """An inventory of this host alone."""
    folder = hosts.keys()
    variables = {
        "ansible_host": HOST.address,
        "ansible_user": "ops",
        "ansible_python_interpreter": HOST.python,
        "ansible_ssh_private_key_file": str(folder / "id_ed25519"),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={folder / 'known_hosts'}",
    }
    return {"all": {"hosts": {HOST.name: variables}}}


__all__ = ("ENVIRONMENT", "HOST", "inventory", "up")
