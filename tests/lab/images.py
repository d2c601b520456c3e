# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images of the lab's hosts: a small Debian by debootstrap, then one layer per host made by running a script in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
import typing as t
from pathlib import Path

from . import LabUnavailable, cache, podman

DEBIAN_PACKAGES = ("ca-certificates", "openssh-server", "procps", "python3", "sudo")
# A host runs binaries of this machine, so it gets this machine's release.
DEFAULT_SUITE = "bookworm"
TRIMMED = (
    "usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man", "var/cache/apt", "var/lib/apt/lists",
    "var/log",
)  # fmt: skip

# The same in every host: an operator with sudo, and keys that the lab mounts. The password * matches nothing, but does
# not lock the account as useradd's default does.
BASE_SCRIPT = """\
useradd --create-home --shell /bin/bash --password '*' ops
echo 'ops ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ops
mkdir -p /var/log/apt /run/sshd
cat > /etc/ssh/sshd_config <<'END'
HostKey /etc/ssh/lab_host_key
AuthorizedKeysFile /etc/ssh/lab_authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
UseDNS no
PrintMotd no
MaxStartups 100
Subsystem sftp internal-sftp
END
"""


def debian_suite() -> str:
    """The release name of this machine when it is a Debian."""
    with open("/etc/os-release", encoding="utf-8") as stream:
        fields = dict(line.rstrip().split("=", 1) for line in stream if "=" in line)
    return fields.get("VERSION_CODENAME", DEFAULT_SUITE) if fields.get("ID") == "debian" else DEFAULT_SUITE


def base_image() -> str:
    """The Debian every host stands on; returns the image's name."""
    suite = debian_suite()
    tree_key = cache.recipe_key(suite, DEBIAN_PACKAGES, TRIMMED)
    root_file_system = cache.built(
        "debian", tree_key, lambda folder: debootstrap(folder, suite), what=f"Debian {suite}"
    )
    plain = f"localhost/labfleet/debian:{tree_key}"
    if not podman.image_exists(plain):
        with open(root_file_system / "root.tar", "rb") as archive:
            podman.run("import", "-q", "-", plain, stdin=archive)
    return build("base", plain, BASE_SCRIPT)


def debootstrap(folder: Path, suite: str) -> None:
    """Write ``root.tar``, a trimmed Debian with sshd and Python."""
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        tree = Path(temporary) / "root"
        command = ["debootstrap", "--variant=minbase", f"--include={','.join(DEBIAN_PACKAGES)}", suite, str(tree)]
        environment = dict(os.environ, PATH=podman.search_path())
        answer = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if answer.returncode:
            reason = (answer.stderr.strip() or answer.stdout.strip() or "no reason given").splitlines()[-1]
            raise LabUnavailable(f"debootstrap could not make Debian {suite}: {reason}")
        for path in TRIMMED:
            shutil.rmtree(tree / path, ignore_errors=True)
        subprocess.run(["tar", "-C", str(tree), "-cf", str(folder / "root.tar"), "."], check=True)


def build(name: str, parent: str, script: str, mounts: t.Mapping[Path, str] | None = None) -> str:
    """The image that this shell script makes of the parent image; returns its name.

    ``mounts`` maps folders of this machine to where the script sees them, read-only. The folders' names are part of the
    recipe, so they must change when their content does.
    """
    mounts = mounts or {}
    key = cache.recipe_key(parent, script, sorted((path.name, seen) for path, seen in mounts.items()))
    image = f"localhost/labfleet/{name}:{key}"
    with cache.locked("images"):
        started = time.monotonic()
        if podman.image_exists(image):
            return image
        container = f"labfleet-build-{name}-{os.getpid()}"
        volumes = [f"--volume={path}:{seen}:ro" for path, seen in mounts.items()]
        options = ("--name", container, "--label", podman.LABEL, "--network", "none", *volumes)
        try:
            podman.run("run", *options, parent, "/bin/sh", "-euc", script)
            podman.run("commit", "-q", container, image)
        finally:
            podman.run("rm", "-f", "-t", "0", container, check=False)
    cache.say(f"built image {name}", started)
    return image


def remove_others(wanted: t.Iterable[str]) -> None:
    """Remove the lab's images of older recipes: all but the wanted ones and what these stand on."""
    listing = podman.run("images", "--filter", "reference=localhost/labfleet/*", "--format", "{{.Repository}}:{{.Tag}}")
    keep = {*wanted, base_image()}
    for image in listing.stdout.split():
        if image not in keep and "/debian:" not in image:
            podman.run("rmi", image, check=False)


__all__ = ("base_image", "build", "remove_others")
