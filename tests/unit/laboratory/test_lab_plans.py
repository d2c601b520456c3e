# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's plans and the committed inventories say the same, and the cache holds complete results only."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("tomllib", reason="the lab runs on Python 3.11 or newer")
pytest.importorskip("lab", reason="the lab is on the path of a run from the checkout only")

import lab.__main__ as command_line
from lab import LabUnavailable, cache, demo_hosts, generated, hosts, shapes, sources

INVENTORIES = Path(__file__).parents[3] / "inventories"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test touches the user's cache."""
    monkeypatch.setenv("LABFLEET_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(hosts.EXTRA_VARIABLE, raising=False)


def test_the_lab_inventory_lists_the_hosts_that_the_lab_starts():
    yaml = pytest.importorskip("yaml", reason="PyYAML reads the inventory")
    listed = yaml.safe_load((INVENTORIES / "lab" / "hosts.yml").read_text())["lab"]["hosts"]
    assert {name: variables["ansible_host"] for name, variables in listed.items()} == {
        host.name: host.address for host in hosts.HOSTS
    }
    key = "ansible_python_interpreter"
    special = {name: row[key] for name, row in listed.items() if key in row}
    assert special == {host.name: host.python for host in hosts.HOSTS if host.python != "/usr/bin/python3"}


def test_the_demo_inventory_lists_the_hosts_that_the_demo_makes():
    text = (INVENTORIES / "demo" / "hosts.yml").read_text()
    assert sorted(re.findall(r"^ {8}(\w+):$", text, re.MULTILINE)) == sorted(plan.name for plan in demo_hosts.HOSTS)


def test_an_extra_conda_gets_a_host_of_its_own(tmp_path, monkeypatch):
    (tmp_path / "base" / "conda-meta").mkdir(parents=True)
    (tmp_path / "base" / "conda-meta" / "conda-26.7.1-py313_0.json").touch()
    monkeypatch.setenv(hosts.EXTRA_VARIABLE, str(tmp_path / "base"))
    (extra,) = hosts.extra_hosts()
    assert extra.bases == ((str(tmp_path / "base"), "26.7.1"),)
    assert extra.mounted == str(tmp_path / "base")
    assert extra.address not in {host.address for host in hosts.HOSTS}


def test_an_extra_conda_that_is_none_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv(hosts.EXTRA_VARIABLE, str(tmp_path))
    with pytest.raises(LabUnavailable, match=re.escape(str(tmp_path))):
        hosts.all_hosts()


def test_what_this_machine_cannot_do_is_one_line_and_exit_code_3(monkeypatch, capsys):
    def refuse() -> None:
        raise LabUnavailable("no containers here")

    monkeypatch.setattr(command_line.podman, "require", refuse)
    monkeypatch.setattr(sys, "argv", ["lab", "status"])
    assert command_line.main() == 3
    assert capsys.readouterr().err == "lab: no containers here\n"


def test_a_failed_build_leaves_no_result_and_is_tried_again():
    def fail(folder):
        (folder / "half").touch()
        raise LabUnavailable("stopped")

    with pytest.raises(LabUnavailable):
        cache.built("thing", "k1", fail)
    assert not cache.path_of("thing", "k1").exists()
    again = cache.built("thing", "k1", lambda folder: (folder / "whole").touch())
    assert [path.name for path in again.iterdir()] == ["whole"]


def test_a_result_is_built_once_and_again_for_a_changed_recipe():
    built = []
    for key in ("k1", "k1", "k2"):
        cache.built("thing", key, lambda folder: built.append(folder.name))
    assert len(built) == 2


def test_a_recipe_key_follows_the_source_text_of_a_module(tmp_path):
    module = type(sys)("recipe")
    module.__file__ = str(tmp_path / "recipe.py")
    Path(module.__file__).write_text("a = 1\n")
    before = cache.recipe_key(module)
    Path(module.__file__).write_text("a = 2\n")
    assert cache.recipe_key(module) != before


def test_versions_of_one_project_are_downloaded_apart():
    assert sources.batches(["six==1.10", "click==7.0", "six==1.11", "Six==1.12"]) == [
        ["six==1.10", "click==7.0"],
        ["six==1.11"],
        ["Six==1.12"],
    ]


@pytest.mark.parametrize(("name", "bases", "environments"), [("S", 1, 3), ("M", 3, 30), ("L", 3, 2000)])
def test_a_shape_has_the_size_it_is_known_for(name, bases, environments):
    planned_bases, planned_environments = shapes.plan(name)
    assert len(planned_bases) == bases
    assert len(set(planned_environments)) == environments


def test_generated_packages_are_mostly_small_and_some_large():
    import random

    chooser = random.Random(1)
    counts = sorted(generated.file_count(chooser) for _number in range(2000))
    assert counts[len(counts) // 2] <= 12
    assert counts[-5] >= 300
    assert len(set(generated.names())) == generated.POOL_SIZE


def test_every_user_of_a_demo_host_can_own_the_files_that_lie_in_a_home():
    for plan in demo_hosts.HOSTS:
        paths = [*plan.bases, *plan.files, *(environment.prefix for environment in plan.environments)]
        homes = {path.split("/")[2] for path in paths if path.startswith("/home/")}
        assert homes <= set(plan.users), plan.name
