# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter base_plan, as the role calls it."""

from __future__ import annotations

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from gates.role_reference import CHECKOUT

from ansible_collections.labfleet.conda.plugins.filter.base_plan import DROPIN, FilterModule

PLAN = FilterModule().filters()["base_plan"]
NOTHING = {"installations": [], "configurations": []}


def test_the_layers_of_the_policy_and_their_locks_count():
    layers = {
        "base": {"settings": {"required": {"ssl_verify": True}}, "locked": ["settings"]},
        "user": {"settings": {"required": {"ssl_verify": False}}},
        "platform": {},
    }
    plan = PLAN(NOTHING, layers, installer="/srv/installer.sh", installer_sha256="0" * 64)
    assert plan["settings"]["ssl_verify"] is True and plan["final"] == ["ssl_verify"]
    assert plan["install"] and plan["problems"] == []


@pytest.mark.parametrize(
    ("layers", "options", "said"),
    [
        ({"base": {"update": {"version": "latest"}}}, {}, "base_plan: policy layer base: "),
        ({"nobody": {}}, {}, "base_plan: policy: there is no layer"),
        ({}, {"colour": "red"}, "base_plan: .*colour"),
    ],
)
def test_what_cannot_be_used_is_refused_in_the_name_of_the_filter(layers, options, said):
    with pytest.raises(AnsibleFilterError, match=said):
        PLAN(NOTHING, layers, **options)


def test_the_role_means_the_same_file():
    role = yaml.safe_load((CHECKOUT / "roles/base/vars/main.yml").read_text("utf-8"))
    assert role["_base_dropin_path"] == DROPIN == f"/etc/conda/condarc.d/{role['_base_dropin']}.yml"
