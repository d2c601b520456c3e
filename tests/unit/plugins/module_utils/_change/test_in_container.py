# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A change in a container is recorded as such, or refused where the policy says so."""

from __future__ import annotations

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change import _in_container
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._system._container import container_marks

PODMAN = 'engine="podman-4.3.1"\nname="training"\nid="12"\nimage="localhost/ai/base:1"\nimageid="ab"\nrootless=0\n'


def test_marks_of_engines(tmp_path):
    assert container_marks(str(tmp_path)) is None
    (tmp_path / ".dockerenv").touch()
    assert container_marks(str(tmp_path)) == {"engine": "docker", "name": None, "image": None}
    (tmp_path / "run").mkdir()
    mark = tmp_path / "run" / ".containerenv"
    mark.write_text(PODMAN)
    assert container_marks(str(tmp_path)) == {"engine": "podman", "name": "training", "image": "localhost/ai/base:1"}
    mark.write_bytes(b'\xff\xfename="x\ny"\n')  # it is empty for who is not privileged, and can be anything
    assert container_marks(str(tmp_path)) == {"engine": "podman", "name": None, "image": None}


@pytest.fixture
def marks(monkeypatch):
    def put(found):
        monkeypatch.setattr(_in_container, "container_marks", lambda: found)

    put(None)
    return put


TOLD = {"engine": "docker", "name": "training", "image": "ai/base:1"}


def test_what_the_inventory_tells_counts_more_than_the_marks(marks):
    assert _in_container.host_of({}) == {} and _in_container.host_of({"container": {"change": "rebuild"}}) == {}
    marks({"engine": "docker", "name": None, "image": None})
    assert _in_container.host_of({}) == {"container": {"engine": "docker", "name": None, "image": None}}
    assert _in_container.host_of({"container": {**TOLD, "change": "in_place"}}) == {"container": TOLD}


def test_rebuild_refuses_in_a_container_only(marks):
    rebuild = {"container": {"change": "rebuild"}}
    _in_container.refuse_in_container("/opt/conda", rebuild)
    marks({"engine": "docker", "name": None, "image": None})
    _in_container.refuse_in_container("/opt/conda", {"container": {"change": "in_place"}})
    _in_container.refuse_in_container("/opt/conda", {"container": None})
    with pytest.raises(Refused, match="/opt/conda is in the docker container, which the policy lets nobody change"):
        _in_container.refuse_in_container("/opt/conda", rebuild)


def test_the_refusal_says_what_to_do_instead(marks):
    with pytest.raises(Refused) as refused:
        _in_container.refuse_in_container(
            "/opt/conda", {"container": {**TOLD, "change": "rebuild"}}, {"changed": False}
        )
    assert str(refused.value) == (
        "/opt/conda is in the docker container training, which the policy lets nobody change (containers.change:"
        " rebuild): change its image ai/base:1 and start it anew; the playbook drift makes a Containerfile of what was"
        " changed in it already."
    )
    assert refused.value.result == {"changed": False, "held": "container"}
