# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Old files of a ledger go, and what is left is verified as before; one that is removed by hand is missed."""

from __future__ import annotations

import datetime
import json
import os

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._ledger._append import Rotation
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._chain import Head, seal
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._read import verify
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._retain import Keep, retain
from ansible_collections.labfleet.conda.plugins.module_utils._system._log_files import LogDirectory

from .conftest import NOON

SMALL = Rotation(max_bytes=2000)


@pytest.fixture
def full(book):
    """A ledger of several full files."""
    book.days = 0.0
    while len(files(book)) < 5:
        book.append(days=book.days, rotation=SMALL)
        book.days += 0.1
    return book


def files(book):
    return [name for name in book.names() if name.startswith("ledger-")]


def prune(book, count):
    return retain(book.place, Keep(count), now=NOON + datetime.timedelta(days=book.days))


def test_the_newest_files_are_kept_and_the_chain_says_where_it_begins(full):
    before, entries = files(full), full.entries()
    last = json.loads(full.lines(before[-3])[-1])
    assert prune(full, 2) == before[:-2] and files(full) == before[-2:]
    found = verify(full.place).verification
    assert found.problems == [] and found.begins == Head(last["sequence"], last["hash"])
    assert found.entries == entries - last["sequence"] + 1
    assert prune(full, 2) == []
    full.append(3, days=full.days, rotation=SMALL)
    assert full.problems() == []


def test_files_go_by_the_age_of_their_last_record_and_one_is_kept(full):
    before = files(full)
    assert retain(full.place, Keep(days=1.0), now=NOON) == []
    later = NOON + datetime.timedelta(days=1000)
    assert retain(full.place, Keep(days=1.0), now=later, dry=True) == before[:-1] and files(full) == before
    assert retain(full.place, Keep(days=1.0), now=later) == before[:-1] and files(full)[0] == before[-1]
    assert full.problems() == []


def test_a_file_removed_by_hand_is_found_all_the_same(full):
    before = files(full)
    prune(full, 3)
    os.unlink(os.path.join(full.directory, before[-3]))
    assert [item[0] for item in full.problems()] == ["missing_file"]


def test_a_beginning_that_was_exchanged_is_found(full):
    prune(full, 1)
    (name,) = files(full)
    lines = full.lines(name)
    lines[0] = seal({**json.loads(lines[0]), "previous": "f" * 64})[0]
    full.write(lines, name)
    assert "edited" in [item[0] for item in full.problems()]


def test_a_record_known_from_elsewhere_that_is_not_kept_is_a_problem(full):
    first = json.loads(full.lines("ledger-0001.jsonl")[0])
    last = verify(full.place).verification.head
    prune(full, 1)
    begins = verify(full.place).verification.begins
    assert full.problems(known=[last, begins]) == []
    assert [item[:2] for item in full.problems(known=[Head(1, first["hash"])])] == [("cut_off", 1)]
    assert [item[:2] for item in full.problems(known=[begins._replace(hash="0" * 64)])] == [("forked", begins.sequence)]


@pytest.mark.parametrize("count", range(4))
def test_killed_between_the_files_nothing_is_broken_and_the_next_run_goes_on(full, monkeypatch, count):
    before, left, real = files(full), [count], LogDirectory.remove

    def remove(directory, name):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        real(directory, name)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(LogDirectory, "remove", remove)
        prune(full, 1)
    assert full.problems() == [] and len(files(full)) == len(before) - count
    prune(full, 1)
    assert full.problems() == [] and files(full) == before[-1:]
