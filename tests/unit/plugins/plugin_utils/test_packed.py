# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results of audits that are one text, and what a host could send in their place."""

from __future__ import annotations

import base64
import json
import zlib

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._audit._packed import pack, packed, unpack
from ansible_collections.labfleet.conda.plugins.plugin_utils._host_result import registered
from ansible_collections.labfleet.conda.plugins.plugin_utils._packed import added_to, closed, is_settled, opened

FOUND = {
    "findings": [{"rule": "chan.http", "severity": "high", "subject": "/", "evidence": "é\u2028"}],
    "counts": {"high": 1},
    "complete": True,
    "root": "/",
}


def test_what_was_packed_comes_back_as_it_was():
    assert unpack(pack(FOUND), most=1000) == FOUND
    assert pack({"a": 1, "b": 2}) == pack({"b": 2, "a": 1})
    many = {"findings": FOUND["findings"] * 500}
    assert len(pack(many)) < len(json.dumps(many)) / 20


@pytest.mark.parametrize(
    "text",
    [
        "no base64!",
        "YWJj",
        base64.b64encode(zlib.compress(b"[]")).decode(),
        base64.b64encode(zlib.compress(b"{")).decode(),
    ],
)
def test_what_is_no_packed_map_is_refused(text):
    with pytest.raises(ValueError, match="not in the form in which they are sent"):
        unpack(text, most=1000)


def test_nothing_unfolds_to_more_than_it_may():
    with pytest.raises(ValueError, match="larger than"):
        unpack(pack({"a": "b" * 5000}), most=1000)
    with pytest.raises(ValueError, match="cut short"):
        unpack(base64.b64encode(zlib.compress(b"[" * 100)[:-4]).decode(), most=1000)


def test_a_result_is_opened_and_closed_without_loss():
    result = {"changed": False, "ansible_facts": {"python": "x"}, "packed": pack(FOUND)}
    found = opened(result)
    assert found == {"changed": False, "ansible_facts": {"python": "x"}, **FOUND}
    found["gates"] = {"fail_on": "high"}
    before = opened(result)
    again = closed(found, before, result)
    assert set(again) == {"changed", "ansible_facts", "packed", "added", "counts", "complete"}
    assert again["packed"] is result["packed"] and opened(again) == found


@pytest.mark.parametrize("change", [{"findings": []}, {"containers": [{"name": "web", "findings": []}]}])
def test_what_has_changed_in_depth_is_packed_anew(change):
    result = {"packed": pack(FOUND)}
    before = opened(result)
    found = {**before, **change}
    again = closed(found, before, result)
    assert "added" not in again and opened(again) == found


def audited(**more):
    finding = {"severity": "high", "waiver": None, "details": None}
    waived = {"severity": "low", "waiver": {"reason": "old"}, "details": {"package": "x"}}
    return {"findings": [finding, waived], "coverage": {"unmapped": 3, "pending": 0}, "complete": True, **more}


def test_the_control_node_does_not_look_into_what_has_nothing_open():
    sent = packed(audited())
    assert is_settled(sent)
    assert sent["counts"] == {"info": 0, "low": 0, "medium": 0, "high": 1, "critical": 0}
    found = opened(added_to(sent, {"gates": {"fail_on": "high"}}))
    assert found == {
        **audited(coverage={"unmapped": 3}), "gates": {"fail_on": "high"}, "counts": sent["counts"]
    }  # fmt: skip


@pytest.mark.parametrize(
    "more",
    [
        {"findings": [{"severity": "info", "waiver": None, "details": {"pending": True}}]},
        {"coverage": {"pending": 2}},
        {"images": [{"findings": []}]},
        {"containers": [{"findings": []}]},
    ],
    ids=lambda more: next(iter(more)),
)
def test_it_looks_into_what_is_open(more):
    sent = packed(audited(**more))
    assert not is_settled(sent) and set(sent) == {"packed"}
    assert opened(sent) == audited(**more)


@pytest.mark.parametrize(
    "counts", [None, {}, {"high": 1}, "many", {**dict.fromkeys(("info", "low", "medium", "high", "critical"), "1")}]
)
def test_numbers_that_are_none_are_counted_anew(counts):
    sent = {**packed(audited()), "counts": counts}
    assert not is_settled(sent)
    before = opened(sent)
    found = {**before, "counts": {"high": 1}}
    assert closed(found, before, sent)["counts"] == {"high": 1}


def test_what_was_added_counts_more_than_what_the_host_sent():
    assert opened({"packed": pack({"a": 1, "b": 1}), "added": pack({"b": 2})}) == {"a": 1, "b": 2}


def test_a_result_that_is_not_packed_stays_as_it_is():
    assert opened({"msg": "no route", "unreachable": True}) == {"msg": "no route", "unreachable": True}


class HostVars(dict):
    raw_get = dict.__getitem__


def test_the_fleet_reads_packed_results_and_names_a_host_that_sends_rubbish():
    hostvars = HostVars(
        one={"audit": {"changed": False, "packed": pack(FOUND)}}, two={"audit": {"packed": "rubbish"}}, three={}
    )
    found = registered({"hostvars": hostvars}, ["one", "two", "three"], "audit")
    assert found["one"] == {"changed": False, **FOUND}
    assert found["two"]["failed"] and found["two"]["msg"].startswith("The findings that the host has sent are not in")
    assert found["three"] is None


@pytest.mark.parametrize(
    "sent",
    [
        {"findings": {}, "complete": True},
        {"findings": "many"},
        {"findings": [1]},
        {"findings": [{"rule": "chan.http"}]},
        {"findings": [{**FOUND["findings"][0], "severity": "worst"}]},
        {"findings": [{**FOUND["findings"][0], "item": ["x"]}]},
        {"findings": [{**FOUND["findings"][0], "details": "x"}]},
        {"findings": [], "environments": [None]},
        {"findings": [], "installations": [{"prefix": "/opt/conda"}]},
        {"findings": [], "unreadable": [{"path": "/x", "reason": None}]},
        {"findings": [], "coverage": {"packages": "many"}},
        {"findings": [], "unreadable_count": "1"},
        {"findings": [], "images": [{"findings": [1]}]},
    ],
    ids=str,
)
def test_a_host_that_sends_what_no_module_says_has_failed_and_spoils_nothing_else(sent):
    hostvars = HostVars(one={"audit": {"packed": pack(FOUND)}}, two={"audit": {"packed": pack(sent)}})
    found = registered({"hostvars": hostvars}, ["one", "two"], "audit")
    assert found["one"] == FOUND
    if sent["findings"] != {}:
        assert found["two"]["failed"] and found["two"]["msg"].startswith("The host has sent ")


def test_equal_texts_of_two_hosts_are_kept_once():
    hostvars = HostVars({name: {"audit": {"packed": pack(FOUND)}} for name in ("one", "two")})
    found = registered({"hostvars": hostvars}, ["one", "two"], "audit")
    (one,), (two,) = found["one"]["findings"], found["two"]["findings"]
    assert one == two and one is not two and one["evidence"] is two["evidence"]


def test_what_ansible_core_has_marked_with_where_it_comes_from_is_read_all_the_same():
    class Tagged(str):
        pass

    class TaggedMap(dict):
        pass

    findings = [TaggedMap({key: Tagged(value) for key, value in finding.items()}) for finding in FOUND["findings"]]
    plain = {**FOUND, "findings": findings}
    assert registered({"hostvars": HostVars(one={"audit": plain})}, ["one"], "audit") == {"one": FOUND}
