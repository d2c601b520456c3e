# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The order of a transaction, and what a later run makes of one that was cut off between any two steps."""

from __future__ import annotations

import itertools
import os

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change import _transaction as transaction
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import ChangeError, Failed
from ansible_collections.labfleet.conda.plugins.module_utils._change._journal import (
    FILE_NAME,
    clear_journal,
    read_journal,
    write_journal,
)

ID = "20261122T090000Z-1f2e3d"


class Killed(BaseException):
    """The process is gone: nothing of ours runs any more."""


class FakeStore(transaction.Store):
    """A prefix that is one word, and its snapshots; it can be made to be killed before or after any step."""

    def __init__(self, folder):
        self.prefix = "/opt/conda"
        self.folder = folder
        self.content = "old"
        self.snapshots = {}
        self.unfinished = False
        self.problems = []
        self.fail = None

    def take(self, snapshot, reason):
        self.unfinished = True
        if self.fail:
            raise Failed(self.fail)
        self.snapshots[snapshot] = self.content
        self.unfinished = False
        return {"id": snapshot}

    def restore(self, snapshot, journal):
        self.content = self.snapshots[snapshot]
        return {"changed": 1, "problems": self.problems}

    def drop(self, snapshot):
        self.snapshots.pop(snapshot, None)
        self.unfinished = False

    def settle(self):
        pass


class FakeChange(transaction.Change):
    reason = "a test"
    packages = ("conda-2-0",)

    def __init__(self, store, *, fail=None, wrong=(), wrong_after=()):
        self.store, self.fail, self.wrong, self.wrong_after = store, fail, list(wrong), list(wrong_after)
        self.wanted_end = False

    def record(self):
        return {"action": "update", "prefix": "/opt/conda"}

    def apply(self):
        self.store.content = "half"
        if self.fail:
            raise Failed(self.fail)
        self.store.content = "new"

    def verify(self):
        return self.wrong

    def verify_restored(self):
        return self.wrong_after

    def interrupted(self):
        return self.wanted_end


@pytest.fixture
def store(tmp_path):
    descriptor = os.open(str(tmp_path), os.O_RDONLY)
    yield FakeStore(descriptor)
    os.close(descriptor)


def run(store, change):
    return transaction.transact(store, change, ID, note=lambda text: None)


def journal(store):
    return read_journal(store.folder, store.prefix)


def test_a_change_that_verifies_is_kept(store):
    outcome = run(store, FakeChange(store))
    assert outcome.outcome == transaction.COMMITTED
    assert store.content == "new"
    assert journal(store).phase == "done"
    assert journal(store).record["outcome"] == "committed"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"fail": "conda failed."}, "conda failed."),
        ({"wrong": ["A file is missing.", "B too."]}, "A file is missing. B too."),
    ],
)
def test_one_that_fails_or_does_not_verify_is_undone(store, options, why):
    outcome = run(store, FakeChange(store, **options))
    assert (outcome.outcome, outcome.why) == (transaction.ROLLED_BACK, why)
    assert store.content == "old"
    assert journal(store).record["message"] == why


def test_one_that_was_interrupted_is_undone_although_all_is_well(store):
    change = FakeChange(store)
    change.wanted_end = True
    assert run(store, change).outcome == transaction.ROLLED_BACK
    assert store.content == "old"


def test_without_a_snapshot_nothing_is_begun(store):
    store.fail = "The disk is full."
    with pytest.raises(ChangeError, match="The disk is full"):
        run(store, FakeChange(store))
    assert store.content == "old" and not store.unfinished
    assert journal(store) is None, "nothing of it is left to do"


def first_step(earlier=()):
    record = {"action": "update", "prefix": "/opt/conda"}
    return transaction.Journal(ID, "snapshot", (), (), record, tuple(earlier))


def test_a_snapshot_that_was_taken_before_is_not_taken_again(store):
    taken = transaction.take_first(store, first_step(), "a test", note=lambda text: None)
    store.fail = "It is taken twice."
    outcome = transaction.transact(store, FakeChange(store), ID, note=lambda text: None, taken=taken)
    assert (outcome.outcome, outcome.snapshot) == (transaction.COMMITTED, {"id": ID})


def test_of_a_change_that_is_given_up_nothing_is_left_but_earlier_records(store):
    for earlier in ([], [{"action": "update", "snapshot": "one"}]):
        journal_before = first_step(earlier)
        transaction.take_first(store, journal_before, "a test", note=lambda text: None)
        transaction.give_up(store, journal_before)
        assert store.snapshots == {} and store.content == "old"
        found = transaction.recover_all(store, note=lambda text: None)
        assert [record["snapshot"] for record in found] == [record["snapshot"] for record in earlier]


def test_killed_before_it_is_known_what_to_do_the_snapshot_goes(store):
    transaction.take_first(store, first_step(), "a test", note=lambda text: None)
    record = transaction.recover(store, note=lambda text: None)
    assert record["outcome"] == "recovered" and "had changed nothing yet" in record["message"]
    assert store.snapshots == {} and store.content == "old"


def test_what_an_earlier_run_has_left_is_told_in_a_sentence(store):
    assert transaction.recovery(transaction.recover_all(store, note=lambda text: None)) == {}
    run(store, FakeChange(store))
    told = transaction.recovery(transaction.recover_all(store, note=lambda text: None))
    text = "An earlier run had ended its change (committed), but was cut off before it could write that down."
    assert told == {"recovered": text, "changed": True}


def test_records_that_are_not_written_down_yet_are_carried_along(store):
    earlier = [{"action": "update", "outcome": "recovered", "snapshot": "one"}]
    transaction.transact(store, FakeChange(store), "two", note=lambda text: None, earlier=earlier)
    records = transaction.recover_all(store, note=lambda text: None)
    assert [(item["outcome"], item["again"]) for item in records] == [("recovered", True), ("committed", True)]
    store.fail = "The disk is full."
    with pytest.raises(ChangeError):
        transaction.transact(store, FakeChange(store), "three", note=lambda text: None, earlier=earlier)
    assert transaction.recover_all(store, note=lambda text: None) == [dict(earlier[0], again=True)]
    assert journal(store).change == "one"


def test_what_cannot_be_restored_is_said_and_tried_again_by_the_next_run(store):
    store.problems = ["bin/conda: no space left on device."]
    outcome = run(store, FakeChange(store, fail="conda failed."))
    assert outcome.outcome == transaction.NOT_RESTORED
    assert "no space left" in outcome.why and "conda failed." in outcome.why
    assert journal(store).phase == "restore"
    store.problems = []
    record = transaction.recover(store, note=lambda text: None)
    assert record["outcome"] == "recovered" and store.content == "old"


def test_recovery_that_fails_says_so_and_keeps_the_snapshot(store):
    with pytest.raises(Killed):
        run(store, killed_at(store, "apply"))
    store.problems = ["lib/x: input/output error."]
    with pytest.raises(Failed, match=r"could not be undone whole: lib/x: input/output error\. The snapshot %s" % ID):
        transaction.recover(store, note=lambda text: None)
    assert store.snapshots


def killed_at(store, step):
    """A change during which the process is killed in a step, after it has done its harm."""
    change = FakeChange(store)

    def kill(*unused):
        if step in ("apply", "verify"):
            store.content = "half"
        raise Killed

    if step in ("apply", "verify"):
        setattr(change, step, kill)
    elif step == "take":
        original = store.take

        def take(*arguments):
            store.unfinished = True
            raise Killed

        store.take = take
        change.healed = lambda: setattr(store, "take", original)
    return change


@pytest.mark.parametrize("step", ["take", "apply", "verify"])
def test_killed_in_any_step_the_next_run_has_the_old_state(store, step):
    change = killed_at(store, step)
    with pytest.raises(Killed):
        run(store, change)
    record = transaction.recover(store, note=lambda text: None)
    assert record["outcome"] == "recovered"
    assert store.content == "old" and not store.unfinished
    assert journal(store).phase == "done"
    # What is left of it is the record: a run that is killed before it is in the ledger finds it again.
    assert transaction.recover(store, note=lambda text: None) == record
    clear_journal(store.folder)
    assert transaction.recover(store, note=lambda text: None) is None


def test_killed_between_any_two_writes_of_the_journal_nothing_is_lost(store, monkeypatch):
    """Every prefix of the sequence of journal writes is tried, the write itself done or not."""
    for number in range(4):
        for done in (False, True):
            store.content, store.snapshots = "old", {}
            count = itertools.count(1)

            def write(folder, content, number=number, done=done, count=count):
                last = next(count) > number
                if not last or done:
                    write_journal(folder, content)
                if last:
                    raise Killed

            monkeypatch.setattr(transaction, "write_journal", write)
            with pytest.raises(Killed):
                run(store, FakeChange(store))
            monkeypatch.setattr(transaction, "write_journal", write_journal)
            record = transaction.recover(store, note=lambda text: None)
            committed = record is not None and record["outcome"] == "committed"
            assert store.content == ("new" if committed else "old"), (number, done)
            clear_journal(store.folder)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is no journal"),
        (b"[]", "it is no journal"),
        (b'{"format": 2}', "newer version"),
        (b'{"format": 1, "change": "x", "phase": "later", "packages": [], "caches": [], "record": {}}', "phase"),
    ],
)
def test_a_journal_that_cannot_be_understood_stops_everything(store, tmp_path, content, why):
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(Failed, match=why):
        transaction.recover(store, note=lambda text: None)
    assert (tmp_path / FILE_NAME).read_bytes() == content
