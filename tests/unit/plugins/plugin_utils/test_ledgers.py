# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ledgers of a fleet on the control node: what is verified, what is not, and what is kept."""

from __future__ import annotations

import csv
import json

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._ledger._chain import GENESIS, seal
from ansible_collections.labfleet.conda.plugins.plugin_utils._ledger_store import COLUMNS, Store, StoreError
from ansible_collections.labfleet.conda.plugins.plugin_utils._ledgers import Known, judge, summary, table_rows

PATH = "/var/log/labfleet-conda/ledger.jsonl"


def chain(count, message="", hour=9, **more):
    """The records of a chain."""
    records, previous = [], GENESIS
    for sequence in range(1, count + 1):
        record = {
            "sequence": sequence,
            "previous": previous,
            "time": f"2026-11-22T{hour:02}:{sequence:02}:00Z",
            "action": "update",
            "outcome": "committed",
            "prefix": "/opt/conda",
            "message": message,
            "who": {"user": "root", "login": "alice"},
            "before": {"conda": "4.3.16"},
            "after": {"conda": "26.7.1"},
            "packages": [{"name": "conda", "from": {"version": "4.3.16"}, "to": {"version": "26.7.1"}}],
            **more,
        }
        line, previous = seal(record)
        records.append(json.loads(line))
    return records


def told(records, after=0, **more):
    """What a host with this ledger returns, asked for the records after one."""
    head = {key: records[-1][key] for key in ("sequence", "hash")} if records else None
    return {
        "path": PATH,
        "exists": bool(records),
        "intact": True,
        "problems": [],
        "problem_count": 0,
        "recovered": [],
        "entries": len(records),
        "head": head,
        "records": records[after:],
        **more,
    }


def known(records, count):
    return Known(PATH, count, records[count - 1]["hash"])


def problem(kind, text="said the host."):
    return {"intact": False, "problem_count": 1, "problems": [{"kind": kind, "text": text}]}


def test_a_new_host_is_taken_as_it_is():
    records = chain(5)
    judged = judge(told(records), None)
    assert judged.status == "verified" and judged.known == known(records, 5) and len(judged.records) == 5


def test_a_known_host_gives_only_what_is_new():
    records = chain(5)
    judged = judge(told(records, after=3), known(records, 3))
    assert judged.status == "verified" and judged.known == known(records, 5) and len(judged.records) == 2
    judged = judge(told(records, after=5), known(records, 5))
    assert judged.status == "verified" and judged.known == known(records, 5) and not judged.records


def test_a_host_without_a_ledger_is_no_trouble_unless_it_had_one():
    records = chain(5)
    assert judge(told([]), None)[:2] == ("absent", "")
    judged = judge(told([], **problem("cut_off")), known(records, 5))
    assert judged.status == "problem" and judged.message.startswith("vanished: 5 records") and judged.known


@pytest.mark.parametrize("kind, word", [("cut_off", "shrank"), ("forked", "forked"), ("edited", "damaged")])
def test_what_the_host_itself_has_found_is_a_problem(kind, word):
    records = chain(5)
    judged = judge(told(records, after=3, **problem(kind)), known(records, 3))
    assert judged.status == "problem" and judged.message.startswith(word + ": said the host.")
    assert judged.known == known(records, 3) and not judged.records


def test_a_host_that_lies_is_found_here():
    records, other = chain(5), chain(5, "written anew")
    old = known(records, 3)
    edited = [*records[3:4], {**records[4], "outcome": "failed"}]
    for result in (
        told(other, after=3),  # another history
        told(records, after=4),  # one record is kept back in the middle
        {**told(records, after=3), "head": told(other)["head"]},
        {**told(records, after=3), "records": edited},
        {**told(records, after=3), "records": [*records[3:], {}]},
        {**told(records, after=3), "records": [*records[3:], "x"]},
        {**told(records[:2], after=3)},  # fewer than are known, and no problem told
        {**told(records, after=3), "path": "/tmp/other.jsonl"},
        {**told(records, after=3), "path": None},
        {**told([]), "exists": True},  # nothing in it any more, and no problem told
        {**told(records, after=5), "head": "x"},
        {**told(records, after=5), "intact": False, "problem_count": "many", "problems": [7, {}]},
    ):
        judged = judge(result, old)
        assert judged.status == "problem" and judged.message and judged.known == old and not judged.records, result


def test_the_worst_problem_comes_first_with_its_place():
    problems = [
        {"kind": "cut_off", "text": "the end is missing.", "file": "", "line": None},
        {"kind": "forked", "text": "record 4 is another one.", "file": "ledger.jsonl", "line": 4},
        {"kind": "edited", "text": "record 2 was edited.", "file": "ledger.jsonl", "line": 2},
    ]
    result = told(chain(5), intact=False, problem_count=3, problems=problems)
    assert judge(result, None).message == (
        "forked, shrank: record 4 is another one. (ledger.jsonl, line 4) And 2 more."
    )


def test_hosts_that_told_nothing_keep_their_head():
    head = known(chain(5), 5)
    assert judge({"unreachable": True, "msg": "no route"}, head) == ("unreachable", "no route", (), head)
    assert judge({"failed": True, "msg": "no python"}, head) == ("failed", "no python", (), head)
    assert judge(None, head).status == "failed"


def test_the_table_merges_equal_hosts_and_starts_with_the_problems():
    records = chain(5)
    judged = {name: judge(told(records), None) for name in ("gpu01", "gpu02")}
    judged["z9"] = judge(told([]), known(records, 5))
    judged["away"] = judge({"unreachable": True, "msg": "no route"}, None)
    rows = table_rows(judged)
    assert [row[:4] for row in rows] == [
        ["z9", "PROBLEM", "5", ""],
        ["away", "unreachable", "", ""],
        ["gpu[01-02]", "verified", "5", "5"],
    ]
    assert summary(judged) == {
        "hosts": 4,
        "verified": 2,
        "absent": 0,
        "hosts_with_problems": ["z9"],
        "hosts_not_seen": ["away"],
        "new_records": 10,
    }


class Keeper:
    """Runs one after another, as the action does."""

    def __init__(self, directory):
        self.directory = directory
        self.store = Store(str(directory))

    def run(self, results, write=True):
        heads = self.store.known()
        judged = {name: judge(value, heads.get(name)) for name, value in results.items()}
        heads.update({name: host.known for name, host in judged.items() if host.known})
        return self.store.write(judged, heads, mode=0o600, write=write)[0], judged

    def history(self):
        lines = (self.directory / "history.jsonl").read_text().splitlines()
        return [(one["host_name"], one["sequence"]) for one in map(json.loads, lines)]


@pytest.fixture
def keeper(tmp_path):
    return Keeper(tmp_path / "ledger")


def test_the_history_is_in_the_order_of_time_and_grows(keeper):
    early, late = chain(4, hour=8), chain(3, hour=9)
    assert keeper.run({"b": told(late)})[0]
    assert keeper.run({"a": told(early), "b": told(late, after=3)})[0]
    assert keeper.history() == [("a", 1), ("a", 2), ("a", 3), ("a", 4), ("b", 1), ("b", 2), ("b", 3)]
    assert keeper.store.known() == {"a": known(early, 4), "b": known(late, 3)}
    assert not keeper.run({"a": told(early, after=4), "b": told(late, after=3)})[0]
    assert oct((keeper.directory / "history.csv").stat().st_mode)[-3:] == "600"


def test_check_mode_writes_nothing(keeper):
    assert keeper.run({"a": told(chain(2))}, write=False)[0]
    assert not keeper.directory.exists()


def test_a_run_killed_between_history_and_heads_adds_no_record_twice(keeper):
    records = chain(4)
    keeper.run({"a": told(records[:2])})
    before = (keeper.directory / "heads.json").read_text()
    keeper.run({"a": told(records, after=2)})
    (keeper.directory / "heads.json").write_text(before)
    keeper.run({"a": told(records, after=2)})
    assert keeper.history() == [("a", 1), ("a", 2), ("a", 3), ("a", 4)]


def test_a_problem_keeps_the_old_head_and_adds_nothing(keeper):
    records = chain(4)
    keeper.run({"a": told(records)})
    changed, judged = keeper.run({"a": told(records[:2], **problem("cut_off"))})
    assert not changed and judged["a"].status == "problem"
    assert keeper.store.known() == {"a": known(records, 4)} and len(keeper.history()) == 4


def test_the_table_of_the_history_can_be_opened_without_harm(keeper):
    keeper.run({"a": told(chain(1, '=HYPERLINK("http://x")\nsecond line', prefix="/opt/\u202econda", packages=7))})
    keeper.run({"b": told(chain(1))})
    with open(keeper.directory / "history.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == COLUMNS and len(rows) == 2
    assert rows[0]["message"].startswith("'=HYPERLINK") and "\n" not in rows[0]["message"]
    assert rows[1]["packages"] == "conda 4.3.16 -> 26.7.1" and rows[1]["login"] == "alice"
    assert rows[1]["before"] == "conda 4.3.16"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": "labfleet.conda/ledger-heads/1", "hosts": {"a": {}}}'])
def test_heads_that_cannot_be_read_are_never_taken_for_none(keeper, text):
    keeper.run({"a": told(chain(1))})
    (keeper.directory / "heads.json").write_text(text)
    with pytest.raises(StoreError, match="heads.json cannot be used"):
        keeper.store.known()
    (keeper.directory / "heads.json").unlink()
    with pytest.raises(StoreError, match="heads.json is missing, but there is a history"):
        keeper.store.known()


def test_a_history_that_was_damaged_is_not_overwritten(keeper):
    keeper.run({"a": told(chain(1))})
    (keeper.directory / "history.jsonl").write_text("nonsense\n")
    with pytest.raises(StoreError, match="history.jsonl, line 1"):
        keeper.run({"b": told(chain(1))})
    assert (keeper.directory / "history.jsonl").read_text() == "nonsense\n"
    assert "b" not in keeper.store.known()
