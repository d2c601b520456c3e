# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every module is in the one action group, and its documentation says so."""

from __future__ import annotations

import ast

import pytest
import yaml
from gates import toolbox

FRAGMENTS = {f"{toolbox.NAME}._attributes", f"{toolbox.NAME}._attributes.actiongroup_conda"}


def documentation(name: str) -> dict:
    source = (toolbox.CHECKOUT / "plugins" / "modules" / f"{name.split('.')[-1]}.py").read_text("utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DOCUMENTATION":
            return yaml.safe_load(ast.literal_eval(node.value))
    raise AssertionError(f"{name} has no DOCUMENTATION")


def members() -> list[str]:
    """The modules that look at a host or change it; those that run on the control node share no option with them."""
    return [name for name in toolbox.plugin_names("module") if name.startswith(f"{toolbox.NAME}.conda_")]


def test_group_lists_every_module_for_hosts() -> None:
    groups = yaml.safe_load((toolbox.CHECKOUT / "meta" / "runtime.yml").read_text("utf-8"))["action_groups"]
    assert list(groups) == ["conda"]
    assert sorted(f"{toolbox.NAME}.{name}" for name in groups["conda"]) == members()


@pytest.mark.parametrize("name", members())
def test_module_documents_the_group(name: str) -> None:
    assert set(documentation(name)["extends_documentation_fragment"]) >= FRAGMENTS
