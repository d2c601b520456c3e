# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes hosts of an inventory of running containers, and files of what was changed in a container."""

from __future__ import annotations

from ansible_collections.labfleet.conda.plugins.plugin_utils import _container_export, _container_hosts


def container_hosts(names, hostvars, *, variable, environment=None):
    """See container_hosts.yml."""
    found = []
    for name in names:
        result = hostvars[name].get(variable)
        if isinstance(result, dict) and result.get("containers"):
            found += _container_hosts.container_hosts(result, name, hostvars[name], environment or {})
    return [host._asdict() for host in found]


def container_inventory(hosts):
    """See container_inventory.yml."""
    return _container_hosts.inventory(_container_hosts.ContainerHost(**host) for host in hosts)


def container_export(container):
    """See container_export.yml."""
    return _container_export.container_export(container)._asdict()


class FilterModule:
    """The filters of this file."""

    def filters(self):
        return {
            "container_export": container_export,
            "container_hosts": container_hosts,
            "container_inventory": container_inventory,
        }
