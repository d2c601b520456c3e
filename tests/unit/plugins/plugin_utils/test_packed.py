# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results of audits that are one text, and what a host could send in their place."""

from __future__ import annotations

import base64
import json
import zlib

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._audit._packed import pack, unpack
from ansible_collections.labfleet.conda.plugins.plugin_utils._host_result import registered
from ansible_collections.labfleet.conda.plugins.plugin_utils._packed import closed, opened

FOUND = {
    "findings": [{"rule": "chan.http", "evidence": "é\u2028"}],
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
