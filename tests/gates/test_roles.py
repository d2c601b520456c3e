# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Roles: what their argument specs, defaults, entry points and READMEs say is the same."""

from __future__ import annotations

import pytest
import yaml
from gates import role_reference

ROLES = role_reference.roles()


@pytest.fixture(params=ROLES, ids=lambda role: role.name)
def role(request):
    return request.param


def test_there_are_roles():
    assert {"base", "entrypoint"} <= {role.name for role in ROLES}


def test_the_readme_is_up_to_date(role):
    text = (role / "README.md").read_text("utf-8")
    again = "PYTHONPATH=tests .venv/bin/python -m gates.role_reference"
    assert text == role_reference.readme(role, text), f"{role.name}/README.md is not up to date; run {again}"


def test_the_defaults_are_those_of_the_specs(role):
    wanted = {}
    for name, spec in role_reference.specs(role).items():
        for option, facts in spec.get("options", {}).items():
            if "default" in facts:
                assert wanted.setdefault(option, facts["default"]) == facts["default"], f"{option} of {name}"
    assert yaml.safe_load((role / "defaults" / "main.yml").read_text("utf-8")) == wanted


def test_each_entry_point_has_its_tasks_and_its_description(role):
    for name, spec in role_reference.specs(role).items():
        assert (role / "tasks" / f"{name}.yml").is_file()
        assert spec["short_description"] and spec["description"]
        assert all(facts["description"] and facts["type"] for facts in spec.get("options", {}).values())


def test_public_variables_bear_the_name_of_the_role(role):
    names = {option for spec in role_reference.specs(role).values() for option in spec.get("options", {})}
    assert {name for name in names if not name.startswith((role.name + "_", "conda_policy_"))} == set()
