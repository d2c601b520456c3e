# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Containers and images are members of the fleet: named by their host, judged for themselves, mended on their host."""

from __future__ import annotations

import pytest

from ansible_collections.labfleet.conda.plugins.plugin_utils._audit_document import audit_document
from ansible_collections.labfleet.conda.plugins.plugin_utils._contents import with_contents
from ansible_collections.labfleet.conda.plugins.plugin_utils._fix_lines import fix_lines

NOTHING = {"installations": [], "environments": [], "unreadable": [], "unreadable_count": 0, "complete": True}


def container(name="web", status="running", engine="docker", **more):
    identity = {"engine": engine, "engine_user": "root", "id": "c0ffee" * 10 + "abcd", "name": name, "image": "base:1"}
    return {**identity, "status": status, **NOTHING, "findings": [], "coverage": {}, **more}


def image(name="base:1"):
    identity = {"engine": "podman", "engine_user": "root", "id": "f00d" * 16, "names": [name], "digests": [], "size": 1}
    return {**identity, **NOTHING, "findings": [], "coverage": {}}


def host(containers=(), images=(), asked="running", **more):
    looked_into = {"containers": asked, "images": bool(images)}
    found = {"containers": list(containers), "images": list(images), "looked_into": looked_into}
    return {**NOTHING, "findings": [], "coverage": {}, **found, **more}


def document(results, previous=None, inventory=("gpu01", "gpu02")):
    return audit_document(
        results,
        generated="2026-11-26T10:00:00Z" if previous else "2026-11-25T10:00:00Z",
        advisories={"date": None, "source": None, "advisories": []},
        rules={},
        previous=previous,
        inventory=inventory,
    )


def test_each_is_a_member_named_after_its_host():
    found = with_contents({"gpu01": host([container()], [image()]), "gpu02": {"unreachable": True}, "gpu03": None})
    assert list(found) == ["gpu01", "gpu01/docker/web", "gpu01/podman-image/base:1", "gpu02", "gpu03"]
    assert "containers" not in found["gpu01"] and "inside" not in found["gpu01"]
    inside = found["gpu01/docker/web"]["inside"]
    assert (inside["host"], inside["kind"], inside["image"]) == ("gpu01", "container", "base:1")
    assert found["gpu01/docker/web"]["installations"] == [] and "engine" not in found["gpu01/docker/web"]


def test_two_of_one_name_and_those_of_other_users_are_told_apart():
    twins = [container(), container(id="beef" * 16), container(engine="podman", engine_user="alice")]
    assert list(with_contents({"h": host(twins)})) == [
        "h",
        "h/docker/web",
        "h/docker/web-beefbeefbeef",
        "h/podman-of-alice/web",
    ]


def test_they_count_apart_from_hosts():
    summary = document({"gpu01": host([container(), container("db")], [image()]), "gpu02": host()})["summary"]
    assert (summary["hosts"], summary["containers"], summary["images"]) == (2, 2, 1)


def finding(**more):
    return {
        "rule": "perm.world_writable", "severity": "high", "kind": "environment", "subject": "/opt/conda", "item": None,
        "path": None, "owner": "root", "environment": None, "evidence": "seen", "remedy": "mend", "layer": "default",
        "waiver": None, "details": {}, **more,
    }  # fmt: skip


def before(status="running"):
    return document({"gpu01": host([container(status=status, findings=[finding()])], asked="all")})


@pytest.mark.parametrize(
    ("now", "is_kept"),
    [
        (host([container("other")]), False),  # it was asked for and is not there any more
        (host(asked="none"), True),  # it was not asked for
        ({"unreachable": True, "msg": "no route"}, True),
        (None, True),
    ],
)
def test_one_that_is_gone_leaves_the_report_and_one_not_asked_for_stays(now, is_kept):
    after = document({"gpu01": now}, previous=before())
    assert ("gpu01/docker/web" in after["hosts"]) is is_kept
    assert after["trend"]["contents_gone"] == ([] if is_kept else ["gpu01/docker/web"])
    if is_kept:
        kept = after["hosts"]["gpu01/docker/web"]
        assert kept["last_seen"] == "2026-11-25T10:00:00Z" and kept["findings"][0]["state"] == "open"


def test_a_stopped_one_stays_when_only_running_ones_were_asked_for():
    after = document({"gpu01": host(asked="running")}, previous=before("exited"))
    assert "gpu01/docker/web" in after["hosts"]


def test_what_lies_on_a_host_that_the_inventory_has_no_more_goes_with_it():
    after = document({"gpu02": host()}, previous=before(), inventory=("gpu02",))
    assert list(after["hosts"]) == ["gpu02"]
    assert after["trend"]["hosts_gone"] == ["gpu01", "gpu01/docker/web"]


def row(**inside):
    where = {
        "host": "gpu01",
        "kind": "container",
        "engine": "docker",
        "engine_user": "root",
        "name": "web",
        "id": "c0ffee",
    }
    return {
        "host": "gpu01", "inside": {**where, "status": "running", **inside}, "root": "/proc/7/root",
        "prefix": "/opt/conda", "owner": "root", "processes": 0, "kind": "conda", "spec": "openssl>=3.0.13",
        "package": "openssl",
        "installation": {"kind": "conda", "prefix": "/opt/conda", "program": "/opt/conda/bin/conda", "owner": "root"},
        "open_to_others": (),
    }  # fmt: skip


def test_what_to_type_for_a_container_is_for_its_host():
    [fix] = fix_lines([row()])
    assert fix["limit"] == "gpu01"
    assert fix["command"] == (
        "sudo -H -u root docker exec --user root web /opt/conda/bin/conda install -p /opt/conda 'openssl>=3.0.13'"
    )
    assert "build its image anew" in fix["note"]
    [fix] = fix_lines([row(engine="podman", engine_user="alice")])
    assert fix["command"].startswith("sudo -H -u alice podman exec")


@pytest.mark.parametrize(
    "inside", [{"kind": "image", "names": ["base:1"], "name": None}, {"status": "exited"}, {"engine": "cri"}]
)
def test_an_image_and_what_does_not_run_is_built_anew(inside):
    [fix] = fix_lines([row(**inside)])
    assert fix["command"] is None and "build its image anew with openssl>=3.0.13" in fix["note"]
