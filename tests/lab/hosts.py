# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's hosts: containers with their own address and sshd, running real conda in several versions."""

from __future__ import annotations

import functools
import json
import os
import shlex
import socket
import subprocess
import time
import typing as t
from pathlib import Path

from . import LabUnavailable, cache, channel, images, podman, prefixes

# Where a host sees the channels.
CHANNELS = "/srv/channels"
CHANNEL_URL = f"file://{CHANNELS}"
# Base prefixes of this machine that get a host each, separated like PATH.
EXTRA_VARIABLE = "LABFLEET_LAB_CONDA"
FIRST_EXTRA_ADDRESS = 31

INSTALL_CONDA = "cp -a /stage/conda {base}\n"
CREATE_ENVIRONMENT = "{base}/bin/conda create -y -q -n work python=3.6 click > /dev/null\n"
# The Python that Ansible uses is an environment's; Debian's own goes.
CONDA_PYTHON_SCRIPT = (
    INSTALL_CONDA.format(base="/opt/conda")
    + """\
/opt/conda/bin/conda create -y -q -n ansible 'python>=3.8' > /dev/null
dpkg --purge --force-depends $(dpkg-query -W -f '${Package} ' '*python3*') > /dev/null
test ! -e /usr/bin/python3
"""
)


class Host(t.NamedTuple):
    """One host of the lab."""

    name: str
    # Last number of its address.
    number: int
    # Base prefixes on the host and their conda versions; the first is the default of conda_json.
    bases: tuple[tuple[str, str], ...] = ()
    users: tuple[str, ...] = ("root", "ops")
    python: str = "/usr/bin/python3"
    script: str = ""
    # A base prefix of this machine that the host sees, read-only, at the same path.
    mounted: str = ""

    @property
    def address(self) -> str:
        """The host's address on the lab's network."""
        return f"{podman.SUBNET.rsplit('.', 1)[0]}.{self.number}"

    @property
    def container(self) -> str:
        """The name of the host's container."""
        return f"labfleet-{self.name}"


def plain(name: str, number: int, base: str, conda: str) -> Host:
    """A host with one installation, one environment made by it, and nothing else."""
    return Host(name, number, ((base, conda),), script=(INSTALL_CONDA + CREATE_ENVIRONMENT).format(base=base))


HOSTS = (
    plain("conda427", 11, "/opt/conda", "4.2.7"),
    plain("conda4313", 12, "/opt/miniconda3", "4.3.13"),
    plain("conda4316", 13, "/opt/conda", "4.3.16"),
    Host(
        "shared",
        14,
        (("/opt/conda", "4.3.16"), ("/home/bob/miniconda3", "4.3.13")),
        users=("root", "ops", "alice", "bob", "carol"),
        script=Path(__file__).with_name("shared.sh").read_text(encoding="utf-8"),
    ),
    Host("noconda", 15),
    Host(
        "condapython",
        16,
        (("/opt/conda", "4.3.16"),),
        python="/opt/conda/envs/ansible/bin/python",
        script=CONDA_PYTHON_SCRIPT,
    ),
)


def extra_hosts() -> tuple[Host, ...]:
    """One host for every base prefix named in LABFLEET_LAB_CONDA."""
    result = []
    paths = [path for path in os.environ.get(EXTRA_VARIABLE, "").split(":") if path]
    for position, path in enumerate(paths):
        records = sorted(Path(path, "conda-meta").glob("conda-[0-9]*.json"))
        if not records:
            raise LabUnavailable(f"{EXTRA_VARIABLE} names {path}, which is no base prefix: it has no record of conda.")
        base = os.path.abspath(path)
        conda = records[-1].stem.split("-")[1]
        result.append(Host(f"extra{position + 1}", FIRST_EXTRA_ADDRESS + position, ((base, conda),), mounted=base))
    return tuple(result)


def all_hosts() -> tuple[Host, ...]:
    """The lab's hosts and the extra ones."""
    return HOSTS + extra_hosts()


def host_named(name: str) -> Host:
    """The host of this name; KeyError when there is none."""
    return {host.name: host for host in all_hosts()}[name]


def image_of(host: Host, channels: Path) -> str:
    """The image a host runs, built when it is missing."""
    base_image = images.base_image()
    if not host.script:
        return base_image
    mounts = {channels: CHANNELS}
    for seen, conda in host.bases:
        stage = os.path.basename(seen) if host.name == "shared" else "conda"
        mounts[prefixes.base_prefix(channels, conda, seen, CHANNEL_URL)] = f"/stage/{stage}"
    return images.build(host.name, base_image, host.script, mounts)


@functools.lru_cache(maxsize=1)
def keys() -> Path:
    """The folder with the lab's ssh keys: the user's, and one host key that every host shows."""
    folder = cache.root() / "ssh"
    with cache.locked("ssh"):
        for name in ("id_ed25519", "host_ed25519"):
            if not (folder / name).exists():
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                command = [
                    "ssh-keygen",
                    "-q",
                    "-t",
                    "ed25519",
                    "-N",
                    "",
                    "-C",
                    "labfleet lab",
                    "-f",
                    str(folder / name),
                ]
                subprocess.run(command, check=True)
        host_key = (folder / "host_ed25519.pub").read_text()
        (folder / "known_hosts").write_text(f"{podman.SUBNET.rsplit('.', 1)[0]}.* {host_key}")
    return folder


def up() -> None:
    """Start every host that is not running, and build first what is missing. Does nothing when all is up."""
    podman.require()
    with cache.locked("up"):
        bring_up()


def bring_up() -> None:
    """What ``up`` does, one process at a time."""
    started = time.monotonic()
    folder = keys()
    hosts = all_hosts()
    channels = channel.channels()
    wanted = {host: image_of(host, channels) for host in hosts}
    podman.ensure_network()
    running = podman.containers()
    for host, image in wanted.items():
        if running.get(host.container) == image and answers(host, seconds=5.0):
            cache.say(f"{host.name} is up at {host.address}")
            continue
        start(host, image, channels, folder)
        cache.say(f"{host.name} started at {host.address}")
    for host in hosts:
        wait_for_ssh(host)
    images.remove_others(wanted.values())
    cache.say(f"{len(hosts)} hosts answer on ssh", started)


def start(host: Host, image: str, channels: Path, folder: Path) -> None:
    """Start the host's container, in place of an older one."""
    volumes = {
        str(folder / "id_ed25519.pub"): "/etc/ssh/lab_authorized_keys",
        str(folder / "host_ed25519"): "/etc/ssh/lab_host_key",
        str(channels): CHANNELS,
    }
    if host.mounted:
        volumes[host.mounted] = host.mounted
    options = ["--detach", "--replace", "--name", host.container, "--hostname", host.name, "--label", podman.LABEL]
    options += podman.at(host.address)
    options += [f"--volume={path}:{seen}:ro" for path, seen in volumes.items()]
    podman.run("run", *options, image, "/usr/sbin/sshd", "-D", "-e")


def wait_for_ssh(host: Host, seconds: float = 15.0) -> None:
    """Return when the host's sshd greets; raise LabUnavailable when it does not in time."""
    if not answers(host, seconds=seconds):
        raise LabUnavailable(
            f"The lab host {host.name} does not answer on ssh at {host.address} within {seconds:.0f} s."
        )


def answers(host: Host, *, seconds: float) -> bool:
    """Whether the host's sshd greets in time. podman alone does not know: after a crash of the machine it calls
    containers running whose processes are gone."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        try:
            with socket.create_connection((host.address, 22), timeout=2) as connection:
                if connection.recv(4) == b"SSH-":
                    return True
        except OSError:
            pass
        time.sleep(0.05)
    return False


def down() -> None:
    """Remove the lab's containers and its network. The images stay in the cache."""
    podman.require()
    names = list(podman.containers())
    if names:
        podman.run("rm", "-f", "-t", "0", *names)
    podman.run("network", "rm", "-f", podman.NETWORK, check=False)
    cache.say(f"removed {len(names)} hosts")


def status() -> dict[str, str]:
    """Every host's state: ``up at ADDRESS`` or ``down``."""
    podman.require()
    running = podman.containers()
    return {host.name: f"up at {host.address}" if running.get(host.container) else "down" for host in all_hosts()}


def inventory() -> dict[str, t.Any]:
    """The Ansible inventory of all hosts, the extra ones too, with the paths of the keys."""
    folder = keys()
    hosts = {
        host.name: {"ansible_host": host.address, "ansible_python_interpreter": host.python} for host in all_hosts()
    }
    variables = {
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(folder / "id_ed25519"),
        "ansible_ssh_common_args": shlex.join(ssh_options(folder)),
    }
    return {"lab": {"hosts": hosts, "vars": variables}}


def ssh_options(folder: Path) -> list[str]:
    """ssh options that accept exactly the lab's host key and leave the user's own files alone."""
    return ["-F", "/dev/null", "-o", f"UserKnownHostsFile={folder / 'known_hosts'}", "-o", "StrictHostKeyChecking=yes"]


def ssh_args(name: str, user: str = "root") -> list[str]:
    """The command line that opens a session on a host; append the remote command as one argument."""
    folder = keys()
    options = [
        *ssh_options(folder),
        "-o",
        "BatchMode=yes",
        "-o",
        "IdentitiesOnly=yes",
        "-i",
        str(folder / "id_ed25519"),
    ]
    return ["ssh", *options, f"{user}@{host_named(name).address}"]


def run_on(name: str, *command: str, user: str = "root") -> subprocess.CompletedProcess[str]:
    """Run a command on a host as this user and return its output and exit code."""
    remote = shlex.join(command)
    return subprocess.run([*ssh_args(name, user), remote], capture_output=True, text=True, check=False)


def conda_json(name: str, *arguments: str, user: str = "root", base: str = "") -> t.Any:
    """What the real ``conda ARGUMENTS --json`` of a host answers.

    ``base`` is the base prefix whose conda runs, the host's first one unless told. Raises RuntimeError when the answer
    is no JSON; an error that conda reports as JSON is an answer.
    """
    prefix = base or host_named(name).bases[0][0]
    answer = run_on(name, f"{prefix}/bin/conda", *arguments, "--json", user=user)
    try:
        return json.loads(answer.stdout)
    except ValueError:
        text = (
            f"conda {shlex.join(arguments)} on {name} answered no JSON (exit code {answer.returncode}): {answer.stderr}"
        )
        raise RuntimeError(text) from None


__all__ = (
    "HOSTS", "Host", "all_hosts", "conda_json", "down", "host_named", "inventory", "run_on", "ssh_args", "status", "up",
)  # fmt: skip
