# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Running containers as hosts of an inventory, with the variables of the connection plugin container."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.labfleet.conda.plugins.plugin_utils._contents import with_contents

CONNECTION = "labfleet.conda.container"
GROUP = "containers"
ENGINES = ("docker", "podman")
# How a host itself is reached; its containers are reached the same way.
_OF_HOST = re.compile(r"ansible_(host|port|user|password|ssh_.+|private_key.*|timeout|pipelining|control_path.*)$")
_SECRET = re.compile(r"(^|_)(password|pass|passphrase|private_key)$")

_Map = t.Mapping[str, t.Any]


class ContainerHost(t.NamedTuple):
    """One container as a host: its name, the groups it is in, and its variables."""

    name: str
    groups: list[str]
    variables: dict[str, t.Any]


def container_hosts(result: _Map, host: str, host_variables: _Map, environment: _Map) -> list[ContainerHost]:
    """The running containers of a host.

    :param result: what conda_info returned for the host, with C(containers).
    :param host_variables: the variables of the host; those of its connection are taken over.
    :param environment: the variables with which its engines were asked.
    """
    connection = {key: value for key, value in host_variables.items() if _OF_HOST.match(key)}
    transport = "local" if host_variables.get("ansible_connection") in ("local", "ansible.builtin.local") else "ssh"
    connection.setdefault("ansible_host", host)
    found = []
    for name, entry in with_contents({host: result}).items():
        inside = (entry or {}).get("inside") or {}
        if inside.get("kind") != "container" or inside["status"] != "running" or inside["engine"] not in ENGINES:
            continue
        variables = {
            **connection,
            "ansible_connection": CONNECTION,
            "labfleet_container": inside["name"] or inside["id"],
            "labfleet_container_engine": inside["engine"],
            "labfleet_container_host": host,
            "labfleet_container_host_become": True,
            "labfleet_container_host_become_user": inside["engine_user"],
            "labfleet_container_image": inside["image"],
            "labfleet_container_transport": transport,
            # In a container the connection is root's already, and sudo is rarely there.
            "ansible_become_method": "ansible.builtin.su",
        }
        if environment and inside["engine_user"] == "root":
            variables["labfleet_container_engine_environment"] = dict(environment)
        if entry and entry.get("python"):
            variables["ansible_python_interpreter"] = entry["python"]
        found.append(ContainerHost(name, _groups(host, inside), variables))
    return found


def inventory(hosts: t.Iterable[ContainerHost]) -> dict[str, t.Any]:
    """An inventory of these hosts, in the form of Ansible's YAML inventories; passwords and keys are left out."""
    children: dict[str, t.Any] = {GROUP: {"hosts": {}}}
    for host in hosts:
        told = {key: value for key, value in host.variables.items() if not _SECRET.search(key)}
        children[GROUP]["hosts"][host.name] = told
        for group in host.groups[1:]:
            children.setdefault(group, {"hosts": {}})["hosts"][host.name] = {}
    return {"all": {"children": children}}


def _groups(host: str, inside: _Map) -> list[str]:
    """The group of all containers, and those of its engine, image, host, Compose project and pod."""
    named = [("engine", inside["engine"]), ("image", inside["image"]), ("on", host), ("status", inside["status"])]
    named += [("compose", inside.get("compose_project")), ("pod", inside.get("pod"))]
    return [GROUP, *("%s_%s" % (kind, _group_name(value)) for kind, value in named if value)]


def _group_name(text: str) -> str:
    """A text with which a group can be called: other characters than letters, digits and _ become _."""
    return re.sub(r"[^A-Za-z0-9_]", "_", text)


__all__ = ("CONNECTION", "GROUP", "ContainerHost", "container_hosts", "inventory")
