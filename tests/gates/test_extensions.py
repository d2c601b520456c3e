# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is shipped for other programs: pipelines as GitHub and GitLab take them, and an execution environment."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from gates import toolbox
from lab import LabUnavailable, collections

EXTENSIONS = toolbox.CHECKOUT / "extensions"
PIPELINES = {"github-actions.yml": "vendor.github-workflows", "gitlab-ci.yml": "vendor.gitlab-ci"}


@pytest.fixture(scope="module")
def checker() -> Path:
    try:
        return collections.with_schemas() / "check-jsonschema"
    except LabUnavailable as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_is_one(checker, name, tmp_path):
    command = [checker, "--builtin-schema", PIPELINES[name]]
    toolbox.run([*command, EXTENSIONS / "ci" / name], cwd=tmp_path)
    broken = tmp_path / name
    broken.write_text(re.sub(r"^( *)(steps|script):", r"\1no_\2:", (EXTENSIONS / "ci" / name).read_text(), flags=re.M))
    with pytest.raises(toolbox.ToolFailedError):
        toolbox.run([*command, broken], cwd=tmp_path)


@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_gives_the_playbook_only_what_it_knows(name):
    text = (EXTENSIONS / "ci" / name).read_text()
    head = (toolbox.CHECKOUT / "playbooks" / "ci_check.yml").read_text().partition("\n- name:")[0]
    given = set(re.findall(r"\bci_(?!check\b)[a-z_]+", text))
    assert {"ci_prefix", "ci_packages", "ci_imports", "ci_junit"} <= given <= set(re.findall(r"\bci_[a-z_]+", head))


def test_the_execution_environment_can_be_built(tmp_path):
    """ansible-builder takes the definition; the build itself needs the base image of a registry."""
    builder = toolbox.tools() / "ansible-builder"
    place = EXTENSIONS / "execution_environment"
    toolbox.run([builder, "create", "--file", place / "execution-environment.yml", "--context", tmp_path], cwd=tmp_path)
    recipe = (tmp_path / "Containerfile").read_text()
    assert "registry.example.org/ubi9/python-312" in recipe and "labfleet.conda.conda_audit" in recipe
    wanted = yaml.safe_load((tmp_path / "_build" / "requirements.yml").read_text())["collections"]
    assert [item["name"] for item in wanted] == ["labfleet.conda", "awx.awx"]


def test_the_collection_tells_what_an_execution_environment_needs(collection, tmp_path):
    """ansible-builder finds the requirements by meta/execution-environment.yml of the collection."""
    builder = toolbox.tools() / "ansible-builder"
    found = yaml.safe_load(toolbox.run([builder, "introspect", collection.parents[2]], cwd=tmp_path))
    told = {kind: [line.partition("  #")[0] for line in found[kind]] for kind in ("python", "system")}
    assert told == {
        "python": ["jmespath"],
        "system": ["openssh-client [platform:dpkg]", "openssh-clients [platform:rpm]"],
    }
