# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's own dockerd: its socket, storage and bridge are apart from those of a Docker that the machine runs."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from . import LabUnavailable, cache, podman

PROGRAMS = {"dockerd": "docker.io", "docker": "docker.io", "newuidmap": "uidmap"}
BRIDGE = "labfleet-docker"
ADDRESS = os.environ.get("LABFLEET_DOCKER_ADDRESS", "10.89.78.1/24")
LABEL = "labfleet.lab=1"
_START_SECONDS = 30


def folders() -> tuple[Path, Path]:
    """(lasting data, state until the next boot)."""
    return cache.root() / "docker", Path("/run") / f"labfleet-docker-{cache.recipe_key(str(cache.root()))}"


def variables() -> dict[str, str]:
    """The variables by which programs find the lab's dockerd."""
    _data, state = folders()
    home = state / "home"
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "config.json").exists():  # Podman looks there too, and stops when there is none
        (home / "config.json").write_text("{}\n")
    return {"DOCKER_HOST": f"unix://{state}/docker.sock", "DOCKER_CONFIG": str(home), "DOCKER_BUILDKIT": "0"}


def environment() -> dict[str, str]:
    """The environment in which docker talks to the lab's dockerd."""
    return {**os.environ, "PATH": podman.search_path(), **variables()}


def run(*arguments: str, check: bool = True, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run docker; raise LabUnavailable with its last line when it fails and ``check`` is set."""
    answer = subprocess.run(
        ["docker", *arguments], env=environment(), capture_output=True, text=True, check=False, timeout=timeout
    )
    if check and answer.returncode:
        reason = (answer.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise LabUnavailable(f"docker {arguments[0]} failed: {reason}")
    return answer


def missing_packages() -> list[str]:
    """The Debian packages that this machine lacks for it, and for containers of users without root."""
    path = podman.search_path()
    return sorted({package for name, package in PROGRAMS.items() if not shutil.which(name, path=path)})


def up() -> None:
    """Start the lab's dockerd, unless it runs."""
    if os.geteuid() != 0:
        raise LabUnavailable("The lab's dockerd needs root: run it with sudo.")
    missing = missing_packages()
    if missing:
        raise LabUnavailable(f"The lab's dockerd needs these Debian packages: apt-get install {' '.join(missing)}")
    with cache.locked("docker"):
        if _answers():
            return
        started = time.monotonic()
        _bridge()
        data, state = folders()
        state.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            (state / "docker.pid").unlink()
        # Its own bridge: with --bridge=none it would remove docker0, which may be another daemon's.
        command = [
            "dockerd", f"--data-root={data}", f"--exec-root={state}/exec", f"--host=unix://{state}/docker.sock",
            f"--pidfile={state}/docker.pid", f"--bridge={BRIDGE}", "--iptables=false", "--ip6tables=false",
            "--ip-forward=false", "--ip-masq=false",
        ]  # fmt: skip
        data.mkdir(parents=True, exist_ok=True)
        # It outlives the tests, and their directory for temporary files.
        env = {name: value for name, value in environment().items() if name != "TMPDIR"}
        with open(state / "dockerd.log", "wb") as log:
            process = subprocess.Popen(
                command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        while not _answers():
            if process.poll() is not None or time.monotonic() - started > _START_SECONDS:
                last = (state / "dockerd.log").read_text(errors="replace").strip().splitlines()[-1:]
                raise LabUnavailable(f"The lab's dockerd did not start: {' '.join(last)}")
            time.sleep(0.1)
    cache.say("dockerd", started)


def down() -> None:
    """Remove the lab's containers and stop its dockerd."""
    _data, state = folders()
    if _answers():
        listed = run("ps", "-aq", "--filter", f"label={LABEL}").stdout.split()
        if listed:
            run("rm", "-f", *listed)
        pid = int((state / "docker.pid").read_text())
        os.kill(pid, signal.SIGTERM)
        with contextlib.suppress(ProcessLookupError):
            while True:
                os.kill(pid, 0)
                time.sleep(0.05)
    subprocess.run(["ip", "link", "delete", BRIDGE], capture_output=True, check=False)


def image(name: str) -> str:
    """The image of the lab's podman of this name, in dockerd as well; returns its name there."""
    # Docker takes what stands before the first slash for a registry when it is "localhost".
    there = name.removeprefix("localhost/")
    if run("image", "inspect", there, check=False).returncode:
        with (
            subprocess.Popen(["podman", "save", name], env=podman.environment(), stdout=subprocess.PIPE) as saving,
            subprocess.Popen(
                ["docker", "load", "-q"], env=environment(), stdin=saving.stdout, stdout=subprocess.PIPE
            ) as load,
        ):
            load.communicate()
        run("tag", name, there)
    return there


def inspect(*names: str) -> list[dict]:
    """What docker tells of some containers or images."""
    return json.loads(run("inspect", *names).stdout)


def _answers() -> bool:
    _data, state = folders()
    return (state / "docker.sock").exists() and run("version", check=False).returncode == 0


def _bridge() -> None:
    if subprocess.run(["ip", "link", "show", BRIDGE], capture_output=True, check=False).returncode:
        for arguments in (["link", "add", BRIDGE, "type", "bridge"], ["addr", "add", ADDRESS, "dev", BRIDGE]):
            subprocess.run(["ip", *arguments], check=True)
        subprocess.run(["ip", "link", "set", BRIDGE, "up"], check=True)


__all__ = ("LABEL", "PROGRAMS", "down", "environment", "image", "inspect", "missing_packages", "run", "up", "variables")
