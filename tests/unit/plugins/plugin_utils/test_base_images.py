# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of base images, decided from what engines tell of them."""

from __future__ import annotations

import pytest

from ansible_collections.labfleet.conda.plugins.plugin_utils._base_images import (
    image_plan,
    image_promotion,
    image_retirement,
    input_digest,
)

LINE = {"name": "ai/base", "tag": "u22"}


def image(ident, *words, day=1, inputs=None, layers=None, version=None, podman=True):
    """One image of the line: the words are what its names have behind that of the line."""
    labels = {
        "labfleet.conda.line": "ai/base:u22", "labfleet.conda.inputs": input_digest(inputs),
        "org.opencontainers.image.version": version or next((word for word in words if word), ""),
        "org.opencontainers.image.created": f"2026-11-{day:02}T00:00:00Z",
    }  # fmt: skip
    names = [("localhost/" if podman else "") + "ai/base:u22" + ("-" + word if word else "") for word in words]
    told = {"RepoTags": names, "RootFS": {"Layers": layers or [ident]}, "Created": "x"}
    if podman:
        return {**told, "Id": ident, "Labels": labels}
    return {**told, "Id": "sha256:" + ident, "Config": {"Labels": labels}}


def plan(*images, inputs="a", **more):
    return image_plan(images, inputs=inputs, today="2026.11.26", **LINE, **more)


def due(found):
    return [name for name in ("build", "test", "tag", "promote") if found[name]]


def test_the_first_image_is_built_and_called_by_the_day():
    found = plan()
    assert due(found) == ["build", "test", "tag", "promote"] and found["version_name"] == "ai/base:u22-2026.11.26"
    assert found["labels"]["labfleet.conda.inputs"] == input_digest("a") and found["current_id"] == ""


@pytest.mark.parametrize("podman", [True, False])
def test_the_same_inputs_are_not_built_again(podman):
    assert due(plan(image("i1", "", "1", inputs="a", podman=podman))) == []
    assert due(plan(image("i1", "", "1", inputs="b", podman=podman))) == ["build", "test", "tag", "promote"]


def test_the_order_of_inputs_does_not_count():
    assert input_digest({"a": 1, "b": [2]}) == input_digest({"b": [2], "a": 1}) != input_digest({"a": 1, "b": [3]})


def test_a_second_image_of_a_day_has_a_name_of_its_own():
    first = image("i1", "", "2026.11.26", inputs="b")
    assert plan(first)["version"] == "2026.11.26.2"
    archived = image("i0", "2026.11.26.2-archived", version="2026.11.26.2")
    assert plan(first, archived)["version"] == "2026.11.26.3"


def test_what_was_interrupted_or_did_not_pass_is_tested_and_not_built():
    found = plan(image("i1", "", "1", inputs="b"), image("i2", "candidate", inputs="a", version="2", day=2))
    assert due(found) == ["test", "tag", "promote"] and found["version"] == "2"
    assert found["leftovers"] == ["ai/base:u22-candidate"] and found["current_id"] == "i1"
    failed = image("i2", "candidate", inputs="c", version="2", day=2)
    assert plan(failed)["discard"] is True and plan(failed)["build"] is True


def test_inputs_of_an_older_version_lead_back_to_it_unless_it_was_withdrawn():
    old, new = image("i1", "1", "previous", inputs="a"), image("i2", "", "2", inputs="b", day=2)
    assert due(plan(old, new)) == ["promote"]
    withdrawn = image("i1", "1", "withdrawn", inputs="a")
    assert due(plan(withdrawn, new)) == [] and plan(withdrawn, new)["is_withdrawn"] is True


def test_a_version_that_is_there_does_not_change():
    found = plan(image("i1", "", "1", inputs="b"), version="1")
    assert found["problems"] and "Give the new image a new version" in found["problems"][0]
    assert plan(image("i1", "", "1", inputs="a"), version="1")["problems"] == []


def test_images_of_another_line_do_not_count():
    other = image("i1", "1", inputs="a")
    other["Labels"]["labfleet.conda.line"] = "ai/base:u24"
    assert plan(other)["build"] is True


def test_going_back_withdraws_and_asking_again_restores():
    old, new = image("i1", "1", "previous"), image("i2", "", "2", day=2)
    found = image_promotion([old, new], version="previous", **LINE)
    assert (found["id"], found["promote"], found["withdraw"], found["version"]) == ("i1", True, True, "1")
    back = image("i2", "2", "withdrawn", "previous", day=2)
    found = image_promotion([image("i1", "", "1"), back], version="2", **LINE)
    assert (found["promote"], found["withdraw"], found["restore"]) == (True, False, True)
    assert image_promotion([old, new], version="2", **LINE)["promote"] is False


@pytest.mark.parametrize("version", ["3", "candidate"])
def test_only_a_version_that_has_passed_its_test_is_promoted(version):
    images = [image("i1", "", "1"), image("i2", "candidate", version="2", day=2)]
    assert "(1)" in image_promotion(images, version=version, **LINE)["problems"][0]


def retired(*images, containers=(), keep=1):
    found = image_retirement(images, containers, keep=keep, **LINE)
    return {item["version"]: item for item in found["retired"]}


def test_the_newest_the_current_and_the_one_before_stay():
    images = [image(f"i{day}", str(day), day=day) for day in (1, 2, 3, 5)]
    images += [image("i4", "", "4", day=4), image("i0", "0", "previous", day=1)]
    found = retired(*images, keep=2)
    assert sorted(found) == ["1", "2", "3"] and all(item["remove"] for item in found.values())
    assert found["1"]["names"] == ["ai/base:u22-1"]


@pytest.mark.parametrize("ident", ["i1", "sha256:i1", "above"])
def test_what_a_container_needs_is_archived(ident):
    images = [image("i1", "1", layers=["a", "b"]), image("i2", "", "2", day=2, layers=["x"])]
    images.append({"Id": "above", "RepoTags": [], "RootFS": {"Layers": ["a", "b", "c"]}})
    item = retired(*images, containers=[{"Image": ident, "Name": "/job"}])["1"]
    assert (item["archive"], item["remove"], item["used_by"]) == (True, False, ["container job"])
    assert item["archived_name"] == "ai/base:u22-1-archived"


def test_what_another_image_stands_on_or_another_name_leads_to_is_used():
    images = [image("i1", "1", layers=["a"]), image("i2", "", "2", day=2, layers=["x"])]
    images.append({"Id": "team", "RepoTags": ["team/app:1"], "RootFS": {"Layers": ["a", "b"]}})
    assert retired(*images)["1"]["used_by"] == ["image team/app:1"]
    images[0]["RepoTags"].append("team/pinned:1")
    assert retired(*images[:2])["1"]["used_by"] == ["name team/pinned:1"]


def test_an_archived_version_goes_when_nothing_needs_it_any_more():
    images = [image("i1", "1-archived", version="1"), image("i2", "", "2", day=2)]
    item = retired(*images)["1"]
    assert (item["archive"], item["remove"], item["names"]) == (False, True, ["ai/base:u22-1-archived"])
    used = retired(*images, containers=[{"Image": "i1", "Name": "job"}])["1"]
    assert (used["archive"], used["remove"]) == (False, False)
