# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The programs of Prometheus from Debian's packages, unpacked into the cache: nothing is installed, no service runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import LabUnavailable, cache

PACKAGES = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-node-exporter": "prometheus-node-exporter",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
}


def program(name: str) -> str:
    """The path of a program: one that is installed, else one from its package.

    Raises LabUnavailable where neither can be had.
    """
    found = shutil.which(name)
    if found:
        return found
    package = PACKAGES[name]
    folder = cache.built(f"package-{package}", "current", lambda path: _unpack(package, path), what=package)
    return str(folder / "root" / "usr" / "bin" / name)


def command(name: str) -> list[str]:
    """How to start a program: one from its package, and no other, sees the files of its package below /usr/share.

    Alertmanager looks there for its templates, and ends where it finds none.
    """
    path = program(name)
    if path == shutil.which(name):
        return [path]
    share = Path(path).parents[1] / "share"
    mount = 'mount -t overlay -o "lowerdir=$0:/usr/share" overlay /usr/share && exec "$@"'
    root = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", "--mount", *root, "sh", "-c", mount, str(share), path]


def _unpack(package: str, folder: Path) -> None:
    missing = f"{package} is not on this machine: install the Debian package {package}"
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise LabUnavailable(missing)
    with tempfile.TemporaryDirectory(prefix="labfleet-debian-") as archives:
        Path(archives).chmod(0o755)
        command = ["apt-get", "download", "--quiet=2", package]
        done = subprocess.run(command, cwd=archives, capture_output=True, text=True, check=False)
        found = sorted(Path(archives).glob("*.deb"))
        if done.returncode or not found:
            raise LabUnavailable(missing)
        # dpkg gives the directory the age of the package; that of the folder tells when it was used.
        subprocess.run(["dpkg", "-x", str(found[0]), str(folder / "root")], check=True)


__all__ = ("PACKAGES", "command", "program")
