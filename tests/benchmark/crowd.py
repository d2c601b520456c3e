# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet of any number of hosts on this machine, a tenth of them dead, hanging, slow or broken.

The hosts are entries of an inventory that share few trees of files by the option root, so that 1,000 take no more room
than one. What is wrong with a host is real: a port where nobody listens, a server that accepts and says nothing, a
Python that never ends, is slow, or is broken.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import types
import typing as t
from pathlib import Path

# What is wrong with every tenth host, in turn. A slow one is audited all the same.
TROUBLES = ("refuses", "hangs", "broken", "silent", "slow")
POLICY = {
    "conda_policy_base": {
        "channels": {"priority": "strict", "denied": ["free"]},
        "settings": {"required": {"auto_update_conda": False}},
        "locked": ["channels.denied"],
    },
    "conda_policy_platform": {
        "channels": {"allowed": ["conda-forge", "defaults"]},
        "rules": {"cfg.auto_activate": "off"},
        "waivers": [
            {
                "rule": "env.python_eol",
                "subject": "/home/*",
                "reason": "Old papers.",
                "owner": "eve",
                "expires": "2099-12-31",
            }
        ],
    },
}
_EVERY = {
    "audit_become": False,
    "ansible_ssh_common_args": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
}
_PROGRAMS = {
    "hangs": 'echo $$ >> "$0.pids"; exec sleep 100000',
    "broken": "echo 'error while loading shared libraries: libpython3.so' >&2; exit 127",
    "slow": 'sleep 3; exec {python} "$@"',
}


class Crowd(t.NamedTuple):
    """A fleet, and which of its hosts cannot be audited, each with what is wrong with it."""

    inventory: Path
    hosts: list[str]
    lost: dict[str, str]


@contextlib.contextmanager
def crowd(
    folder: Path,
    roots: t.Mapping[str, Path],
    count: int,
    *,
    connection: str = "local",
    troubled: bool = True,
    variables: t.Mapping[str, t.Mapping[str, t.Any]] = types.MappingProxyType({}),
    port: int | None = None,
) -> t.Iterator[Crowd]:
    """A fleet of so many hosts.

    :param folder: where the inventory and the programs of the broken hosts are written.
    :param roots: the trees that the hosts share, by the name of their kind.
    :param connection: that of the hosts that are well.
    :param troubled: whether a tenth has a trouble.
    :param variables: more variables of hosts, by the name of their kind.
    :param port: of the ssh server that stands for the hosts that are well, each with an address of its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in _PROGRAMS.items():
        program = folder / f"python-{name}"
        program.write_text(f"#!/bin/sh\n{text.format(python=sys.executable)}\n")
        program.chmod(0o755)
    with _listener() as silent, closed_port() as refused:
        ports = {"silent": silent, "refuses": refused}
        kinds = sorted(roots)
        hosts: dict[str, dict[str, t.Any]] = {}
        lost: dict[str, str] = {}
        for number in range(1, count + 1):
            name, kind = f"node{number:04d}", kinds[number % len(kinds)]
            given = {"scale_kind": kind, "conda_root": str(roots[kind]), "ansible_connection": connection}
            given.update(variables.get(kind, {}))
            given["ansible_python_interpreter"] = sys.executable
            if port is not None:
                given.update(ansible_port=port, ansible_user=kind)
                given["ansible_host"] = "127.1.%d.%d" % divmod(number, 256)
            if troubled and number % 10 == 5:
                trouble = TROUBLES[number // 10 % len(TROUBLES)]
                given.update(_of(trouble, folder, ports))
                if trouble != "slow":
                    lost[name] = trouble
            hosts[name] = given
        inventory = folder / f"fleet-{count}.json"
        inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": {**POLICY, **_EVERY}}}))
        try:
            yield Crowd(inventory, list(hosts), lost)
        finally:
            _end_hanging(folder / "python-hangs.pids")


def _end_hanging(pids: Path) -> None:
    """End what hangs: Ansible gives up waiting for it, and leaves it."""
    for pid in pids.read_text().split() if pids.exists() else ():
        with contextlib.suppress(OSError):
            if b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(int(pid), signal.SIGKILL)
    pids.unlink(missing_ok=True)


def small_root(folder: Path) -> Path:
    """The tree of a host with an old conda and nothing else."""
    meta = folder / "opt" / "conda" / "conda-meta"
    meta.mkdir(parents=True)
    record = {"name": "conda", "version": "4.3.16", "build": "py36_0", "build_number": 0, "files": [], "depends": []}
    (meta / "conda-4.3.16-py36_0.json").write_text(json.dumps(record))
    (meta / "history").touch()
    return folder


def _of(trouble: str, folder: Path, ports: t.Mapping[str, int]) -> dict[str, t.Any]:
    if trouble in ports:
        return {
            "ansible_connection": "ssh",
            "ansible_host": "127.0.0.1",
            "ansible_port": ports[trouble],
            "ansible_timeout": 5,
        }
    return {"ansible_connection": "local", "ansible_python_interpreter": str(folder / f"python-{trouble}")}


@contextlib.contextmanager
def _listener() -> t.Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as server:
        yield server.getsockname()[1]


@contextlib.contextmanager
def closed_port() -> t.Iterator[int]:
    """A port that is taken and refuses connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


__all__ = ("TROUBLES", "Crowd", "closed_port", "crowd", "small_root")
