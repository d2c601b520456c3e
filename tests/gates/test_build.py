# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The artifact: nothing in it that a user does not need, and it works where only the artifact is."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import pytest
import yaml
from gates import toolbox

SHIPPED = {
    "CHANGELOG.md",
    "CHANGELOG.rst",
    "CONTRIBUTING.md",
    "FILES.json",
    "LICENSE",
    "LICENSES",
    "MANIFEST.json",
    "README.md",
    "REUSE.toml",
    "changelogs",
    "docs",
    "extensions",
    "inventories",
    "meta",
    "playbooks",
    "plugins",
    "roles",
}
SHIPPED_INVENTORIES = {"local"}
LARGEST = 2_000_000


@pytest.fixture(scope="module")
def artifact(collection: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the built artifact."""
    scratch = tmp_path_factory.mktemp("artifact")
    env = toolbox.ansible_environment(collection, scratch, toolbox.tools())
    galaxy = toolbox.tools() / "ansible-galaxy"
    toolbox.run([galaxy, "collection", "build", "--output-path", scratch], cwd=collection, env=env)
    return next(scratch.glob("labfleet-conda-*.tar.gz"))


def installed(core: toolbox.Core, artifact: Path, collection: Path, scratch: Path) -> Path:
    """Install the artifact as a user does, and return where it is."""
    place = scratch.joinpath("installed", "ansible_collections", *toolbox.NAME.split("."))
    env = toolbox.ansible_environment(place, scratch, toolbox.core_venv(core))
    galaxy = toolbox.core_venv(core) / "ansible-galaxy"
    target = ["--collections-path", place.parents[2]]
    toolbox.run([galaxy, "collection", "install", "--offline", *target, artifact], cwd=scratch, env=env)
    return place


def bare(core: toolbox.Core, artifact: Path, collection: Path, scratch: Path) -> Path:
    """Copy only the folders that a collection must work with, and return where they are."""
    place = scratch.joinpath("bare", "ansible_collections", *toolbox.NAME.split("."))
    place.mkdir(parents=True)
    shutil.copy2(collection / "galaxy.yml", place)
    for name in ("meta", "plugins", "roles", "playbooks"):
        if (collection / name).is_dir():
            shutil.copytree(collection / name, place / name)
    return place


def test_artifact_holds_no_junk(artifact: Path) -> None:
    with tarfile.open(artifact) as archive:
        names = [member.name for member in archive.getmembers()]
    assert {name.split("/")[0] for name in names} <= SHIPPED
    inside = {name.split("/")[1] for name in names if name.startswith("inventories/") and name.count("/") > 0}
    assert inside <= SHIPPED_INVENTORIES
    assert [name for name in names if "__pycache__" in name or "/." in name] == []
    assert artifact.stat().st_size < LARGEST


@pytest.mark.parametrize("place", [installed, pytest.param(bare, marks=pytest.mark.long)], ids=["installed", "bare"])
def test_works_without_the_checkout(
    place, core: toolbox.Core, artifact: Path, collection: Path, tmp_path: Path
) -> None:
    alone = place(core, artifact, collection, tmp_path)
    bins = toolbox.core_venv(core)
    env = toolbox.ansible_environment(alone, tmp_path, bins, ANSIBLE_LOAD_CALLBACK_PLUGINS="1")
    root = tmp_path / "root"
    root.mkdir()
    argument = json.dumps({"root": str(root)})
    module = ["-m", f"{toolbox.NAME}.conda_info", "-a", argument]
    local = ["-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={bins / 'python'}"]
    env["ANSIBLE_STDOUT_CALLBACK"] = "ansible.builtin.minimal"
    said = toolbox.run([bins / "ansible", "all", *local, *module], cwd=tmp_path, env=env)
    assert "SUCCESS" in said and '"changed": false' in said, said
    for playbook in sorted((alone / "playbooks").glob("*.yml")):
        name = f"{toolbox.NAME}.{playbook.stem}"
        toolbox.run([bins / "ansible-playbook", *local, "--syntax-check", name], cwd=tmp_path, env=env)


def test_execution_environment(collection: Path, tmp_path: Path) -> None:
    declared = yaml.safe_load((collection / "meta" / "execution-environment.yml").read_text("utf-8"))["dependencies"]
    assert all((collection / path).is_file() for path in declared.values())
    builder = toolbox.tools() / "ansible-builder"
    said = toolbox.run([builder, "introspect", collection.parents[2]], cwd=tmp_path)
    assert "openssh-client" in said
