# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's own podman: its storage, its state and its network are apart from whatever else the machine runs."""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import subprocess
import typing as t
from pathlib import Path

from . import LabUnavailable, cache

NETWORK = "labfleet"
# Another one where this is taken; the committed inventory knows this one only.
SUBNET = os.environ.get("LABFLEET_LAB_SUBNET", "10.89.77.0/24")
# Every container carries this label, so that the lab removes only what it made.
LABEL = "labfleet.lab=1"

PROGRAMS = {
    "podman": "podman",
    "runc": "runc",
    "debootstrap": "debootstrap",
    "patchelf": "patchelf",
    "strip": "binutils",
    "iptables": "iptables",
    "ssh": "openssh-client",
    "gcc": "gcc",
    "busybox": "busybox",
}
HELPERS = {"/usr/lib/podman/netavark": "netavark", "/usr/lib/podman/aardvark-dns": "aardvark-dns"}

# runc and cgroupfs run where crun and systemd do not (nested and restricted machines); limits are left as they are,
# because raising them is refused there.
CONTAINERS_CONF = """\
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
tmp_dir = "{state}/tmp"
[network]
network_backend = "netavark"
network_config_dir = "{data}/networks"
[containers]
default_ulimits = []
"""
STORAGE_CONF = """\
[storage]
driver = "overlay"
graphroot = "{data}/storage"
runroot = "{state}/run"
"""


def search_path() -> str:
    """The PATH to find programs on: also the folders of root's programs, which a user's PATH lacks."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def missing_packages() -> list[str]:
    """The Debian packages that containers and the channels need and this machine lacks."""
    missing = [package for program, package in PROGRAMS.items() if not shutil.which(program, path=search_path())]
    return missing + [package for path, package in HELPERS.items() if not os.path.exists(path)]


def require() -> None:
    """Raise LabUnavailable when containers cannot run here."""
    if not os.path.exists("/etc/debian_version"):
        raise LabUnavailable("The lab's hosts are Debian containers and are built on Debian or Ubuntu only.")
    if os.geteuid() != 0:
        raise LabUnavailable("The lab's hosts need root (bridge network, debootstrap): run it with sudo.")
    missing = missing_packages()
    if missing:
        raise LabUnavailable(f"The lab's hosts need these Debian packages: apt-get install {' '.join(missing)}")


def folders() -> tuple[Path, Path]:
    """(lasting data, state until the next boot) of the lab's podman."""
    return cache.root() / "podman", Path("/run") / f"labfleet-{cache.recipe_key(str(cache.root()))}"


def environment() -> dict[str, str]:
    """The environment in which podman is the lab's podman; writes the two configuration files it names."""
    data, state = folders()
    data.mkdir(parents=True, exist_ok=True)
    settings = {"CONTAINERS_CONF": CONTAINERS_CONF, "CONTAINERS_STORAGE_CONF": STORAGE_CONF}
    result = dict(os.environ, PATH=search_path())
    for variable, template in settings.items():
        path = data / variable.lower().replace("_", "-")
        text = template.format(data=data, state=state)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
        result[variable] = str(path)
    return result


def run(*arguments: str, check: bool = True, stdin: t.IO[bytes] | None = None) -> subprocess.CompletedProcess[str]:
    """Run podman; raise LabUnavailable with its last line when it fails and ``check`` is set."""
    answer = subprocess.run(
        ["podman", *arguments], env=environment(), stdin=stdin, capture_output=True, text=True, check=False
    )
    if check and answer.returncode:
        reason = (answer.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise LabUnavailable(f"podman {arguments[0]} failed: {reason}")
    return answer


def image_exists(image: str) -> bool:
    """Whether the lab's storage has this image."""
    return run("image", "exists", image, check=False).returncode == 0


def ensure_network() -> None:
    """Create the lab's bridge when it is not there; hosts on it and this machine reach each other."""
    if run("network", "exists", NETWORK, check=False).returncode:
        run("network", "create", "--disable-dns", "--subnet", SUBNET, NETWORK)


def at(address: str) -> list[str]:
    """The options that put a container at this address of the lab's bridge.

    Its hardware address follows from the address: a container that takes the place of another is known to this machine
    already, which else sends to the old one for up to 40 seconds.
    """
    hardware = ":".join(f"{byte:02x}" for byte in (0x02, 0x42, *ipaddress.ip_address(address).packed))
    return ["--network", NETWORK, "--ip", address, "--mac-address", hardware]


def containers() -> dict[str, str]:
    """The lab's containers by name, with the image each runs; stopped ones have no image."""
    listing = run("ps", "-a", "--filter", f"label={LABEL}", "--format", "json")
    return {
        container["Names"][0]: container["Image"] if container["State"] == "running" else ""
        for container in json.loads(listing.stdout)
    }


__all__ = (
    "LABEL",
    "NETWORK",
    "at",
    "containers",
    "ensure_network",
    "image_exists",
    "missing_packages",
    "require",
    "run",
    "search_path",
)
