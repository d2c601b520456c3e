# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the control node tells a module that changes a prefix of the container that the host is."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.labfleet.conda.plugins.plugin_utils._change_action import told_of_container

OURS = {
    "labfleet_container": "training",
    "labfleet_container_engine": "podman",
    "labfleet_container_image": "ai/base:1",
    "inventory_hostname": "gpu01/podman/training",
}
REBUILD = {"base": {"containers": {"change": "rebuild"}}}


def test_a_container_of_our_inventory_is_known_with_its_image():
    told = told_of_container(OURS, "labfleet.conda.container", {})
    assert told == {"engine": "podman", "name": "training", "image": "ai/base:1", "change": "in_place"}


@pytest.mark.parametrize(
    ("connection", "engine"),
    [
        ("community.docker.docker", "docker"),
        ("containers.podman.podman", "podman"),
        ("kubernetes.core.kubectl", "kubernetes"),
    ],
)
def test_containers_reached_by_other_connections_are_known_too(connection, engine):
    told = told_of_container({"inventory_hostname": "c1"}, connection, REBUILD)
    assert told == {"engine": engine, "name": "c1", "change": "rebuild"}


def test_a_plain_host_is_told_only_what_it_must_know():
    assert told_of_container({"inventory_hostname": "h"}, "ssh", {"base": {"gates": {"fail_on": "high"}}}) == {}
    assert told_of_container({"inventory_hostname": "h"}, "ssh", REBUILD) == {"change": "rebuild"}


def test_a_higher_layer_decides_unless_a_lower_one_has_locked_it():
    higher = {"user": {"containers": {"change": "in_place"}}}
    assert told_of_container({}, "ssh", {**REBUILD, **higher}) == {}
    locked = {"base": {**REBUILD["base"], "locked": ["containers.change"]}}
    assert told_of_container({}, "ssh", {**locked, **higher}) == {"change": "rebuild"}


def test_a_policy_that_is_not_understood_is_refused():
    with pytest.raises(AnsibleActionFail, match="containers.change"):
        told_of_container({}, "ssh", {"base": {"containers": {"change": "never"}}})
