# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The reports of several runs, such as those of the slices of a job, as one."""

from __future__ import annotations

import json

import pytest

from ansible_collections.labfleet.conda.plugins.plugin_utils._audit_document import DocumentError, joined_document
from ansible_collections.labfleet.conda.plugins.plugin_utils._audit_report import Report

HOSTS = [f"h{number:02}" for number in range(1, 8)]


@pytest.fixture
def fleet(audited):
    """Results of seven hosts: one of them with a container, one that could not be reached."""
    found = {name: audited.result([audited.finding()], [audited.environment()]) for name in HOSTS}
    found["h02"]["findings"].append(audited.finding("perm.owner", severity="critical"))
    found["h03"] = {"unreachable": True, "msg": "no route to host"}
    inside = {"engine": "podman", "engine_user": "root", "id": "c" * 64, "name": "job", "status": "running"}
    found["h05"]["containers"] = [{**audited.result([audited.finding("env.vuln")]), **inside}]
    return found


def sliced(audited, results, count, **more):
    """The documents of the slices, as AWX cuts an inventory: no slice knows the hosts of another one."""
    names = sorted(results)
    parts = [{name: results[name] for name in names[number::count]} for number in range(count)]
    return [audited.document(part, inventory=set(part), **more) for part in parts]


def without_time(document):
    return json.loads(json.dumps({**document, "generated": None}))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_slices_joined_are_the_document_of_one_run(audited, fleet, count):
    before = audited.document({name: audited.result([audited.finding()]) for name in HOSTS[:5]}, day=21)
    whole = audited.document(fleet, previous=before, inventory=set(HOSTS))
    parts = sliced(audited, fleet, count)
    joined = joined_document(parts, rules=audited.rules, previous=before, inventory=set(HOSTS))
    assert json.loads(json.dumps(joined)) == json.loads(json.dumps(whole))
    assert joined["hosts"]["h02"]["findings"][1]["state"] == "new"
    # what was known of the host that was not reached stays open
    assert [finding["state"] for finding in joined["hosts"]["h03"]["findings"]] == ["open"]


def test_what_the_slices_compared_with_does_not_count(audited, fleet):
    """Each slice has compared with its own last report, which another slice may have written."""
    before = audited.document({name: audited.result([audited.finding()]) for name in HOSTS}, day=21)
    compared = sliced(audited, fleet, 3, previous=before)
    joined = joined_document(compared, rules=audited.rules, inventory=set(HOSTS))
    assert joined["trend"] is None
    assert {finding["state"] for finding in joined["hosts"]["h01"]["findings"]} == {"new"}


def test_the_newest_report_of_a_host_counts_with_its_containers(audited, fleet):
    first = audited.document(fleet, day=20)
    fleet["h05"] = audited.result([], containers=[])
    second = audited.document({"h05": fleet["h05"]}, previous=first, day=21, inventory=set(HOSTS))
    for order in ([first, second], [second, first]):
        joined = joined_document(order, rules=audited.rules)
        assert sorted(joined["hosts"]) == HOSTS and joined["hosts"]["h05"]["findings"] == []
        assert joined["generated"] == "2026-11-21T10:00:00Z"
        assert joined["summary"]["hosts_carried_over"] == []


def test_a_host_that_no_slice_tells_of_is_in_the_report_as_failed(audited, fleet):
    parts = sliced(audited, fleet, 3)
    joined = joined_document(parts[:2], rules=audited.rules, hosts=HOSTS, inventory=set(HOSTS))
    assert joined["summary"]["hosts"] == 7 and joined["summary"]["hosts_not_seen"] == ["h03", "h06"]
    assert (
        joined["hosts"]["h06"]["status"] == "failed"
        and "no report tells of the host" in joined["hosts"]["h06"]["message"]
    )


def test_the_oldest_advisories_are_told_and_all_their_texts(audited):
    finding = audited.finding("env.vuln", details={"advisories": ["A-1"]})
    advisory = {"id": "A-1", "summary": "bad", "severity": "high", "url": "https://example.org/A-1"}
    old = {"date": "2026-11-01", "source": "x", "advisories": [advisory]}
    new = {"date": "2026-11-20", "source": "x", "advisories": [advisory, {**advisory, "id": "A-2"}]}
    parts = [
        audited.document({"a": audited.result([finding])}, advisories=old),
        audited.document({"b": audited.result([finding])}, advisories=new),
    ]
    joined = joined_document(parts, rules=audited.rules)
    assert joined["advisories"] == {"date": "2026-11-01", "source": "x", "count": 1}
    assert (
        joined["advisory_texts"] == parts[0]["advisory_texts"] and joined["advisory_texts"]["A-1"]["summary"] == "bad"
    )


def saved(folder, name, document):
    path = folder / name / "audit.json"
    path.parent.mkdir()
    report = Report(document, fail_on=None, new_only=None)
    report.write(str(path.parent), ["json"], mode=0o600, write=True)
    return str(path)


def test_saved_slices_are_joined_and_gates_are_judged(audited, fleet, tmp_path):
    for result in fleet.values():
        result["gates"] = {"fail_on": "critical"}
    paths = [saved(tmp_path, f"slice{number}", part) for number, part in enumerate(sliced(audited, fleet, 3))]
    previous = saved(tmp_path, "before", audited.document({"gone": audited.result([audited.finding()])}, day=21))
    given = {"hosts": HOSTS, "must_compare": True, "fail_on": None, "new_only": None}

    report = Report.from_files(paths, previous=previous, inventory=set(HOSTS), **given)
    assert report.gate == {"passed": False, "hosts": {"h02": 1}}
    assert report.document["trend"]["hosts_gone"] == ["gone"]
    # without an inventory nobody says that a host is gone
    report = Report.from_files(paths, previous=previous, inventory=frozenset(), **given)
    assert report.document["summary"]["hosts_carried_over"] == ["gone"]


def test_a_slice_that_is_no_report_is_named(tmp_path):
    path = tmp_path / "audit.json"
    path.write_text("[]")
    given = {"hosts": (), "previous": None, "must_compare": False, "fail_on": None, "new_only": None}
    with pytest.raises(DocumentError, match="audit.json: it is not a map, so it is no report of an audit"):
        Report.from_files([str(path)], inventory=(), **given)
