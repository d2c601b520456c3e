# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an image may still be used for: by its age and its findings, and unknown is never current."""

from __future__ import annotations

import datetime

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.labfleet.conda.plugins.filter.image_status import image_status as image_status_filter
from ansible_collections.labfleet.conda.plugins.plugin_utils._digest import digest_lines
from ansible_collections.labfleet.conda.plugins.plugin_utils._image_status import (
    age_in_days,
    image_rows,
    image_status,
    is_judged,
    status_counts,
)
from ansible_collections.labfleet.conda.plugins.plugin_utils._policy import merge_layers
from ansible_collections.labfleet.conda.plugins.plugin_utils._prepare import finish, prepare
from ansible_collections.labfleet.conda.plugins.plugin_utils._report_markdown import chunks
from tests.unit.plugins.plugin_utils.test_contents import document, host, image

NOW = datetime.datetime(2026, 11, 26, 12, 0, 0, tzinfo=datetime.UTC).timestamp()
THRESHOLDS = merge_layers({})["values"]["images"]


def built(days, findings=(), **more):
    when = datetime.datetime.fromtimestamp(NOW, datetime.UTC) - datetime.timedelta(days=days)
    created = when.strftime("%Y-%m-%dT%H:%M:%S.123456789Z")
    return {"created": created, "findings": list(findings), "complete": True, "unjudged": [], **more}


def status(item, thresholds=THRESHOLDS, **options):
    return image_status(item, thresholds, now=NOW, **options)["status"]


def bad(severity, **more):
    return {"rule": "env.vuln", "severity": severity, "waiver": None, **more}


@pytest.mark.parametrize(
    ("days", "word"),
    [
        (0, "current"),
        (90, "current"),
        (91, "supported"),
        (365, "supported"),
        (366, "to be archived"),
        (4000, "to be archived"),
    ],
)
def test_the_age_tells(days, word):
    found = image_status(built(days), THRESHOLDS, now=NOW)
    assert (found["status"], found["age_days"]) == (word, days)
    assert str(days) in found["reason"] and found["reason"].endswith(".")


def test_a_severe_finding_blocks_whatever_the_age():
    assert status(built(1, [bad("critical")])) == "blocked"
    assert status(built(4000, [bad("critical"), bad("low")])) == "blocked"
    assert status(built(1, [bad("high")])) == "current"
    assert status(built(1, [bad("critical", waiver={"reason": "x"})])) == "current"
    assert status(built(1, [bad("high")]), {**THRESHOLDS, "blocked_on": "medium"}) == "blocked"
    assert status(built(1, [bad("critical")]), {**THRESHOLDS, "blocked_on": "never"}) == "current"


def test_what_was_not_judged_as_a_whole_is_unknown():
    assert status(built(1, complete=False)) == "unknown"
    assert status(built(1, unjudged=[{"rule": "env.vuln"}])) == "unknown"
    assert status(built(1), judged=False) == "unknown"
    assert status(built(1, [bad("critical")], complete=False)) == "blocked"
    assert not is_judged("medium", "high") and is_judged("medium", "medium") and is_judged("never", "critical")


@pytest.mark.parametrize("created", [None, "", "yesterday", "0001-01-01T00:00:00Z", "1980-01-01T00:00:01Z",
                                     "2026-13-40T00:00:00Z", "2031-01-01T00:00:00Z", 7])  # fmt: skip
def test_a_time_that_can_be_none_is_unknown(created):
    found = image_status(dict(built(1), created=created), THRESHOLDS, now=NOW)
    assert (found["status"], found["age_days"]) == ("unknown", None)


def test_times_as_engines_write_them():
    for text in ("2026-11-25T11:00:00Z", "2026-11-25T11:00:00.5+00:00", "2026-11-25 11:00:00.123 +0000 UTC"):
        assert age_in_days(text, NOW) == 1


@pytest.mark.parametrize(("options", "word"), [({}, "current"), ({"whole": False}, "unknown")])
def test_an_audit_gives_each_image_its_status_by_the_policy_of_its_host(options, word):
    policy = {"base": {"images": {"current_days": 5, "blocked_on": "high"}}}
    made = prepare({"policy": policy}, host="gpu01", groups=())
    result = host(images=[built(5, coverage={}), built(6, coverage={}), built(1, [bad("high")], coverage={})])
    finish(result, made, minimum_severity="high", now=NOW, **options)
    found = [item["health"]["status"] for item in result["images"]]
    assert found == ([word, "supported", "blocked"] if word == "current" else [word, word, "blocked"])
    finish(result, made, minimum_severity="critical", now=NOW)
    assert result["images"][0]["health"]["status"] == "unknown"
    assert "health" not in str(result["findings"])


def test_the_filter_judges_by_the_layers_that_it_is_given():
    item = built(100)
    assert image_status_filter(item, now=NOW)["status"] == "supported"
    assert image_status_filter(item, {"base": {"images": {"current_days": 100}}}, now=NOW)["status"] == "current"
    unjudged = {key: value for key, value in item.items() if key != "findings"}
    assert image_status_filter(unjudged, now=NOW)["status"] == "unknown"
    for wrong in ((None,), (item, {"base": {"images": {"current_days": 0}}})):
        with pytest.raises(AnsibleFilterError):
            image_status_filter(*wrong, now=NOW)


@pytest.fixture
def judged():
    young = {**image(), "health": image_status(built(1), THRESHOLDS, now=NOW)}
    old = {**image("old:1"), "id": "0" * 64, "health": image_status(built(400), THRESHOLDS, now=NOW)}
    worst = {**image("bad:1"), "id": "1" * 64, "health": image_status(built(1, [bad("critical")]), THRESHOLDS, now=NOW)}
    return document({"gpu01": host(images=[young, old, worst])})


def test_the_report_tells_which_images_not_to_start_from(judged):
    assert judged["summary"]["image_statuses"] == {"blocked": 1, "to be archived": 1, "current": 1}
    assert [name for name, _health in image_rows(judged["hosts"])][0] == "gpu01/podman-image/bad:1"
    assert status_counts({}) == {}
    text = "\n".join(digest_lines(judged, rows=10))
    assert (
        "Images: 1 blocked, 1 to be archived, 1 current." in text and "gpu01/podman-image/old:1: to be archived" in text
    )
    assert "gpu01/podman-image/base:1:" not in text
    markdown = "".join(chunks(judged))
    assert "Images not to start from" in markdown and "**blocked**" in markdown


def test_images_that_were_not_judged_are_no_rows():
    assert document({"gpu01": host(images=[image()])})["summary"]["image_statuses"] == {}
