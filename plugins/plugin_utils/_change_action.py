# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The action of modules that change a prefix: tells them whether the host is a container, and what is allowed there."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail

from ansible_collections.labfleet.conda.plugins.plugin_utils._address_action import AddressAction

IN_PLACE = "in_place"
_LAYERS = ("base", "platform", "user")
# How containers are reached, and by which engine.
_CONNECTIONS = {
    "community.docker.docker": "docker",
    "community.docker.docker_api": "docker",
    "docker": "docker",
    "containers.podman.podman": "podman",
    "podman": "podman",
    "kubernetes.core.kubectl": "kubernetes",
    "kubectl": "kubernetes",
}
_OURS = "labfleet.conda.container"

_Map = t.Mapping[str, t.Any]


class ChangeAction(AddressAction):
    """Tells the module, as its option C(container), what the inventory knows of the container that the host is."""

    def told(self, given: dict[str, t.Any], task_vars: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        if given.get("container") is not None:
            raise AnsibleActionFail("%s: container is set by the action plugin: leave it out." % self._task.action)
        layers = {
            layer: self._templar.template(task_vars["conda_policy_" + layer])
            for layer in _LAYERS
            if task_vars.get("conda_policy_" + layer)
        }
        container = told_of_container(task_vars, str(self._connection.transport), layers)
        told = {"container": container} if container else {}
        return {**told, **super().told({**given, **told}, task_vars)}


def told_of_container(task_vars: _Map, connection: str, layers: _Map) -> dict[str, t.Any]:
    """What the control node tells a module: C(engine), C(name) and C(image) of a container, and C(change).

    :param task_vars: the variables of the host, among them those that the filter container_hosts gives.
    :param connection: the name of its connection plugin.
    :param layers: the layers of the policy of the host.
    :returns: nothing where there is nothing to tell.
    :raises AnsibleActionFail: the policy cannot be used.
    """
    told: dict[str, t.Any] = {}
    if connection == _OURS:
        keys = {"name": "labfleet_container", "image": "labfleet_container_image"}
        told = {key: task_vars[name] for key, name in keys.items() if isinstance(task_vars.get(name), str)}
        told["engine"] = str(task_vars.get("labfleet_container_engine") or "docker")
    elif connection in _CONNECTIONS:
        names = ("ansible_docker_host", "ansible_host", "inventory_hostname")
        told = {"engine": _CONNECTIONS[connection]}
        told["name"] = str(next((task_vars[name] for name in names if task_vars.get(name)), ""))
    change = _change(layers)
    return {**told, "change": change} if told or change != IN_PLACE else {}


def _change(layers: _Map) -> str:
    # Most policies say nothing of it, and are not to be checked for each task.
    if not any(isinstance(layer, t.Mapping) and "containers" in layer for layer in layers.values()):
        return IN_PLACE
    from ansible_collections.labfleet.conda.plugins.plugin_utils._policy import PolicyError, merge_layers

    try:
        return str(merge_layers(layers)["values"]["containers"]["change"])
    except PolicyError as error:
        raise AnsibleActionFail("The policy of the host cannot be used: %s" % error) from None


__all__ = ("ChangeAction", "told_of_container")
