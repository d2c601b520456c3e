# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventories: Ansible reads them, their policies merge, and the page about them names every key in them."""

from __future__ import annotations

import json
import re
import typing as t
from pathlib import Path

import pytest
import yaml
from gates import pages, role_reference, toolbox

INVENTORIES = toolbox.CHECKOUT / "inventories"
EXPLAINED = ("lab", "gpu")
PAGE = pages.RST / "site.rst"
LAYERS = {name: f"{{{{ conda_policy_{name} | default({{}}) }}}}" for name in ("base", "platform", "user")}
# What holds a layer of the policy, or a part of one that an inventory puts together.
LAYER = re.compile(r"conda_policy_|fleet_")


def keys(values: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """The variables of a file, and for layers of the policy the keys in them, as the page names them."""
    for name, value in values.items():
        if LAYER.match(name) and isinstance(value, dict):
            yield from _keys(value, "")
        else:
            yield name


def _keys(layer: t.Mapping[str, t.Any], before: str) -> t.Iterator[str]:
    for name, value in layer.items():
        if isinstance(value, dict):
            yield from _keys(value, f"{before}{name}.")
        else:
            yield before + name


def groups(tree: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """The groups of an inventory file, and the variables that stand in it."""
    for name, group in tree.items():
        yield name
        for host in ((group or {}).get("hosts") or {}).values():
            yield from host or {}
        yield from (group or {}).get("vars", {})
        yield from groups((group or {}).get("children", {}))


def explained(page: Path) -> dict[str, set[str]]:
    """What the page explains of each file: the first cells of the tables below a heading with the name of the file."""
    found: dict[str, set[str]] = {}
    place: set[str] = set()
    for line in page.read_text("utf-8").splitlines():
        heading = re.fullmatch(r"``(inventories/\S+)``", line)
        if heading:
            place = found.setdefault(heading[1], set())
        elif line.startswith("  * - ``"):
            place.update(re.findall(r"``([^`]+)``", line))
    return found


def files(name: str) -> list[Path]:
    """The files of an inventory that are explained: all but how the lab's keys are found, which is the tests' own."""
    return sorted(path for path in (INVENTORIES / name).rglob("*.yml") if path.name != "lab.yml")


@pytest.mark.parametrize("name", sorted(path.name for path in INVENTORIES.iterdir()))
def test_ansible_reads_it_and_the_policy_of_each_host_merges(name: str, collection: Path, tmp_path: Path) -> None:
    env = toolbox.ansible_environment(collection, tmp_path, toolbox.tools())
    source = ["-i", INVENTORIES / name]
    listed = toolbox.run([toolbox.tools() / "ansible-inventory", *source, "--list"], cwd=tmp_path, env=env)
    assert "[WARNING]" not in listed and "[ERROR]" not in listed, listed
    names = set(json.loads(listed)["_meta"]["hostvars"])
    book = tmp_path / "merge.yml"
    task = {"ansible.builtin.assert": {"that": "(layers | labfleet.conda.merge_policy).violations == []"}}
    book.write_text(
        json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [{**task, "vars": {"layers": LAYERS}}]}])
    )
    said = toolbox.run([toolbox.tools() / "ansible-playbook", *source, book], cwd=tmp_path, env=env)
    assert names and set(re.findall(r"^(\S+) +: ok=1 ", said, re.MULTILINE)) == names, said


@pytest.mark.parametrize("name", EXPLAINED)
def test_the_page_explains_every_line(name: str) -> None:
    wanted = {}
    for path in files(name):
        values = yaml.safe_load(path.read_text("utf-8"))
        what = groups(values) if path.name == "hosts.yml" else keys(values)
        wanted[str(path.relative_to(toolbox.CHECKOUT))] = set(what)
    told = {file: said for file, said in explained(PAGE).items() if file.startswith(f"inventories/{name}/")}
    assert told == wanted


@pytest.mark.parametrize("name", EXPLAINED)
def test_its_variables_are_those_of_roles_and_playbooks(name: str) -> None:
    known = {option for role in role_reference.roles() for spec in role_reference.specs(role).values()
             for option in spec.get("options", {})}  # fmt: skip
    heads = "".join(path.read_text("utf-8") for path in (toolbox.CHECKOUT / "playbooks").glob("*.yml"))
    known |= set(re.findall(r"\b[a-z_]+\b", "".join(line for line in heads.splitlines(True) if line.startswith("#"))))
    own = re.compile(r"ansible_|fleet_|labfleet_lab_")
    for path in files(name):
        if path.name != "hosts.yml":
            used = set(yaml.safe_load(path.read_text("utf-8")))
            assert {variable for variable in used if not own.match(variable)} <= known, path
