# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files, processes and answers that somebody made up to mislead who changes a prefix."""

from __future__ import annotations

import json
import types

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change import _preflight
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import ChangeError
from ansible_collections.labfleet.conda.plugins.module_utils._change._manifest import (
    BadManifest,
    head_line,
    parse_manifest,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._preflight import (
    IGNORE,
    WAIT,
    Busy,
    wait_until_unused,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._store import (
    Snapshot,
    description,
    parse_description,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._told import told
from ansible_collections.labfleet.conda.plugins.module_utils._system._access import NOBODY
from ansible_collections.labfleet.conda.plugins.module_utils._system._users_of import Use, Uses

ID = "20261122T090000Z-1f2e3d"
WHOLE = Snapshot(ID, created="2026-11-22T09:00:00Z", complete=True, manifest_sum="0", missing=[["a", "b"]], packages=[])


def test_a_description_is_read_as_it_was_written():
    assert parse_description(description(WHOLE), ID) == WHOLE


@pytest.mark.parametrize(
    ("name", "value"),
    [("counts", []), ("versions", "x"), ("packages", 7), ("bytes", "many"), ("missing", [[1]]), ("created", {"a": 1})],
)
def test_a_description_of_other_kinds_is_that_of_no_whole_snapshot(name, value):
    content = dict(json.loads(description(WHOLE).decode("ascii")), **{name: value})
    assert parse_description(json.dumps(content).encode("ascii"), ID) == Snapshot(ID)


def test_what_is_nested_too_deeply_is_damaged():
    deep = b"[" * 100000
    assert parse_description(deep, ID) == Snapshot(ID)
    with pytest.raises(BadManifest):
        parse_manifest(head_line() + deep + b"\n" + deep + b"\n")


def test_a_message_tells_no_secret():
    error = ChangeError("packages: 'https://me:hunter2@host/t/abc123/main::conda' is no match spec.")
    assert "hunter2" not in str(error) and "abc123" not in str(error) and "is no match spec" in str(error)


@pytest.mark.parametrize("uid", [0, 1000, 2000])
def test_who_cannot_write_to_a_prefix_cannot_hold_up_its_change_by_a_name(monkeypatch, uid):
    place = types.SimpleNamespace(prefix="/opt/conda", uid=1000, owner="anna", writers=NOBODY)
    monkeypatch.setattr(_preflight, "uses_of", lambda *_a, **_k: Uses([Use(4711, uid, "pip", "manager")], 0))
    if uid == 2000:
        assert wait_until_unused(place, IGNORE, 0, note=lambda text: None)
        place.writers = NOBODY._replace(groups=frozenset(["staff"]))
    with pytest.raises(Busy):
        wait_until_unused(place, IGNORE, 0, note=lambda text: None)
    with pytest.raises(Busy):
        wait_until_unused(place, WAIT, 0, note=lambda text: None)


@pytest.mark.parametrize("answer", [None, [], {}, {"result": [], "records": [], "error": None}, {"error": "x"}])
def test_what_is_no_answer_is_a_failure(answer):
    found = told(answer, "/opt/conda", "update")
    assert found["error"]["kind"] == "failed" and found["records"] == [] and "/opt/conda" in found["error"]["message"]


def test_an_answer_speaks_of_the_prefix_it_was_asked_about_and_not_to_ansible():
    result = {"prefix": "/home/x", "ansible_facts": {"a": 1}, "msg": "x", "failed": False, "warnings": ["\x1b[2J"]}
    records = [{"action": "update", "prefix": "/home/x", "outcome": "committed", "packages": ["x" * 2_000_000]}]
    found = told({"result": result, "records": records, "error": None}, "/opt/conda", "replace")
    assert found["result"] == {"prefix": "/opt/conda", "warnings": ["\\u001b[2J"]}
    (record,) = found["records"]
    assert record["prefix"] == "/opt/conda" and "packages" not in record and "too large" in record["message"]
