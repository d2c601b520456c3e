# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filters update_targets and lift_targets, as a playbook calls them."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.labfleet.conda.plugins.filter.change_targets import FilterModule

FILTERS = FilterModule().filters()
PROGRAM = "/opt/conda/bin/conda"
CONDA = {"prefix": "/opt/conda", "kind": "conda", "version": "24.1.0", "program": PROGRAM, "owner": "root"}
FOUND = {
    "installations": [CONDA],
    "environments": [
        {
            "prefix": "/e",
            "owner": "alice",
            "installation": "/opt/conda",
            "pip_packages": [],
            "records": [{"name": "six", "version": "1.10.0", "build": "0", "build_number": 0}],
        }
    ],
}


def test_the_layers_of_the_policy_count():
    layers = {"base": {"versions": {"minimum": {"conda": "25.1"}}}, "user": {"update": {"keep_snapshots": 9}}}
    plan = FILTERS["update_targets"](FOUND, layers)
    assert [(item["version"], item["keep_snapshots"]) for item in plan["targets"]] == [(">=25.1", 9)]
    assert plan["left_out"] == []


def test_environments_are_lifted():
    plan = FILTERS["lift_targets"](FOUND, {}, spec="six<1.11")
    assert [(item["environment"], item["packages"]) for item in plan["targets"]] == [("/e", ["six>=1.11"])]


@pytest.mark.parametrize(
    ("name", "layers", "options", "said"),
    [
        (
            "update_targets",
            {"base": {"update": {"version": "latest"}}},
            {},
            "update_targets: policy layer base: ",
        ),
        ("lift_targets", {"nobody": {}}, {"spec": "six<1.11"}, "lift_targets: policy: there is no layer"),
        ("lift_targets", {}, {"spec": "six"}, "lift_targets: six has no upper bound"),
    ],
)
def test_what_cannot_be_used_is_refused_in_the_name_of_the_filter(name, layers, options, said):
    with pytest.raises(AnsibleFilterError, match=said):
        FILTERS[name](FOUND, layers, **options)
