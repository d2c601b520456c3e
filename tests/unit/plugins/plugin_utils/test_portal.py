# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The catalogue of a portal: an image is what the host has under its name, and only what was judged well is started."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.labfleet.conda.plugins.filter.portal_catalogue import portal_catalogue

NOW = 1795693200.0  # 2026-11-26
LIMITS = {"cpus": 4, "memory_gigabytes": 16, "gpus": 0, "shared_memory_gigabytes": 2}


def listed(image="ai/base:1", version="1", name="PyTorch", **more):
    return {"name": name, "version": version, "image": image, **more}


def judged(status="current", names=("ai/base:1",), digests=(), number=1, **more):
    health = {"status": status, "reason": "Because.", "age_days": 3}
    return {
        "engine": "docker", "id": "%064x" % number, "names": list(names), "digests": list(digests), "health": health,
        "counts": {"critical": 0, "low": 2}, **more,
    }  # fmt: skip


def only(item, *images, **options):
    (entry,) = portal_catalogue([item], images, now=NOW, **options)["images"]
    return entry


def test_an_entry_tells_all_that_the_page_shows():
    item = listed(description="For <all>", labels={"cuda": 12.6, "a": "b"})
    catalogue = portal_catalogue([item], [judged("supported")], {"base": {"servers": {"gpus": 1}}}, now=NOW)
    assert catalogue == {
        "as_of": "2026-11-26",
        "limits": {**LIMITS, "gpus": 1},
        "images": [
            {
                "key": "PyTorch-1", "name": "PyTorch", "version": "1", "description": "For <all>",
                "labels": {"a": "b", "cuda": "12.6"}, "image": "ai/base:1", "start": "sha256:" + "%064x" % 1,
                "status": "supported", "reason": "Because.", "age_days": 3, "findings": {"low": 2}, "startable": True,
            }
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "startable"),
    [("current", True), ("supported", True), ("to be archived", True), ("unknown", False), ("blocked", False)],
)
def test_what_is_blocked_or_unknown_is_not_started(status, startable):
    entry = only(listed(), judged(status))
    assert (entry["status"], entry["startable"]) == (status, startable)


def test_what_is_not_on_the_host_is_unknown_and_not_started_even_where_unknown_ones_are():
    entry = only(listed(), judged(names=["ai/base:2"]), startable=["unknown"])
    assert (entry["status"], entry["start"], entry["startable"]) == ("unknown", None, False)
    assert only(listed(), judged("unknown"), startable=["unknown"])["startable"]


def test_the_policy_may_narrow_what_is_started_and_never_let_blocked_ones_in():
    assert not only(listed(), judged("to be archived"), startable=["current"])["startable"]
    for words in (["blocked"], ["current", "blocked"], ["fresh"]):
        with pytest.raises(AnsibleFilterError, match="never blocked ones"):
            only(listed(), judged(), startable=words)


@pytest.mark.parametrize(
    ("asked", "names", "found"),
    [
        ("ai/base", ["ai/base:latest"], True),
        ("ai/base:1", ["localhost/ai/base:1"], True),
        ("ubuntu:22.04", ["docker.io/library/ubuntu:22.04"], True),
        ("reg.example.org:5000/ai/base", ["reg.example.org:5000/ai/base:latest"], True),
        ("ai/base:1", ["reg.example.org/ai/base:1"], False),
        ("ai/base:1", ["ai/base:11"], False),
        ("sha256:" + "%064x" % 1, [], True),
        ("%064x" % 2, [], False),
    ],
)
def test_names_are_compared_without_what_engines_add(asked, names, found):
    assert (only(listed(asked), judged(names=names))["status"] == "current") is found


def test_of_several_images_with_the_name_the_worst_counts():
    entry = only(listed(), judged(number=1), judged("blocked", number=2), judged("supported", number=3))
    assert (entry["status"], entry["startable"]) == ("blocked", False)
    assert only(listed(), judged("blocked", engine="podman"), judged(), engine="docker")["status"] == "current"


def test_on_other_hosts_an_image_is_started_by_its_digest():
    digest = "localhost/ai/base@sha256:" + "a" * 64
    assert only(listed(), judged(digests=["other@sha256:" + "b" * 64, digest]), start_by="name")["start"] == digest
    assert only(listed(), judged(), start_by="name")["start"] == "ai/base:1"


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([listed(), listed()], "PyTorch 1 is listed twice"),
        ([listed(name="Py Torch")], "must be of letters"),
        ([listed(version="1\n")], "must be of letters"),
        ([{"name": "a"}], "were expected"),
        ([listed(image=3)], "were expected"),
    ],
)
def test_lists_that_cannot_be_meant_are_refused(items, said):
    with pytest.raises(AnsibleFilterError, match=said):
        portal_catalogue(items, [judged()], now=NOW)


def test_a_wrong_policy_is_told():
    with pytest.raises(AnsibleFilterError, match=r"servers\.cpus"):
        portal_catalogue([listed()], [], {"base": {"servers": {"cpus": -1}}}, now=NOW)
