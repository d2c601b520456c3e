# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the integration tests share: the hosts of the lab, and one run over all of them."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from integration.ansible_run import Ansible, Run
from lab import LabUnavailable, cache, hosts
from lab.fixtures import lab_hosts


@pytest.fixture
def ansible(tmp_path: Path) -> Ansible:
    """Ansible of the version that the tests themselves use."""
    return Ansible(tmp_path)


@pytest.fixture(scope="module", autouse=True)
def alone_on_the_hosts(request: pytest.FixtureRequest) -> t.Iterator[None]:
    """Let one file at a time use the lab's hosts, also when several processes share the tests."""
    names = {name for item in request.session.items if item.path == request.path for name in item.fixturenames}
    if "lab_hosts" not in names:
        yield
        return
    with cache.locked("hosts"):
        yield


@pytest.fixture(scope="session")
def lab_inventory(lab_hosts, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811 - the fixture
    """The inventory of all hosts of the lab, extra ones too."""
    path = tmp_path_factory.mktemp("lab") / "inventory.json"
    try:
        path.write_text(json.dumps(hosts.inventory()))
    except LabUnavailable as reason:
        pytest.skip(str(reason))
    return path


@pytest.fixture(scope="session")
def lab_run(lab_inventory: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One run of detect over the whole lab as root, with the records of every environment."""
    ansible = Ansible(tmp_path_factory.mktemp("detect"))
    return ansible.playbook("detect", lab_inventory, "-e", '{"detect_gather": ["records", "sizes", "last_use"]}')


__all__ = ("lab_hosts",)
