# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever is done to the lines of a ledger, it is found, and the record is named."""

from __future__ import annotations

import json
import os
import random
import tracemalloc

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._ledger._append import Rotation
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._chain import (
    GENESIS,
    Head,
    Line,
    Verification,
    parse,
    seal,
)
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._check import check

COUNT = 40


def chain(count, start=1, previous=GENESIS, **more):
    """The lines of a chain."""
    lines = []
    for sequence in range(start, start + count):
        record = {"sequence": sequence, "previous": previous, "action": "update", "outcome": "committed", **more}
        data, previous = seal(record)
        lines.append(data)
    return lines


def found(lines, **options):
    """What the check says of lines: kind and the numbers it names, and the verification."""
    result = Verification()
    given = (Line("ledger.jsonl", number, data.rstrip(b"\n")) for number, data in enumerate(lines, 1))
    for _unused in check(given, result, **options):
        pass
    return [(item.kind, item.sequence, item.last_sequence) for item in result.problems], result


def test_an_intact_chain_has_no_problem_and_a_head():
    lines = chain(COUNT)
    problems, result = found(lines)
    assert problems == [] and result.entries == COUNT
    assert result.head == Head(COUNT, parse(lines[-1]).claimed)


def test_a_removed_line_is_named():
    for index in range(COUNT - 1):
        lines = chain(COUNT)
        del lines[index]
        assert found(lines)[0] == [("removed", index + 1, index + 1)]


def test_a_removed_block_is_one_problem():
    lines = chain(COUNT)
    del lines[9:20]
    assert found(lines)[0] == [("removed", 10, 20)]


@pytest.mark.parametrize("what", ["body", "hash", "sequence", "previous", "blank", "no record"])
def test_an_edited_line_is_named_and_nothing_else_is(what):
    for index in range(COUNT):
        lines = chain(COUNT)
        record = json.loads(lines[index])
        changes = {"body": ("outcome", "failed"), "hash": ("hash", "0" * 64), "sequence": ("sequence", 7777)}
        if what in changes:
            record[changes[what][0]] = changes[what][1]
        elif what == "previous":
            record["previous"] = "f" * 64
        lines[index] = json.dumps(record, separators=(",", ":")).encode()
        if what == "blank":
            lines[index] = lines[index].replace(b'":', b'": ', 3)
        elif what == "no record":
            lines[index] = b"nothing to see here"
        assert found(lines)[0] == [("edited", index + 1, index + 1)], (what, index)


def test_a_line_edited_with_a_new_hash_is_named_by_the_line_behind_it():
    for index in range(COUNT - 1):
        lines = chain(COUNT)
        lines[index] = seal({**json.loads(lines[index]), "outcome": "failed"})[0]
        assert found(lines)[0] == [("edited", index + 1, index + 1)]


def test_the_last_line_edited_with_a_new_hash_is_found_against_a_known_head():
    lines = chain(COUNT)
    known = Head(COUNT, parse(lines[-1]).claimed)
    lines[-1] = seal({**json.loads(lines[-1]), "outcome": "failed"})[0]
    assert found(lines)[0] == []
    assert found(lines, known=[known])[0] == [("forked", COUNT, COUNT)]


def test_a_history_rewritten_from_the_start_is_found_against_a_known_head():
    known = Head(10, parse(chain(COUNT)[9]).claimed)
    assert found(chain(COUNT, message="another"), known=[known])[0] == [("forked", 10, 10)]


def test_a_moved_line_is_named():
    generator = random.Random(7)
    for _unused in range(300):
        lines = chain(COUNT)
        old, new = generator.sample(range(COUNT), 2)
        lines.insert(new, lines.pop(old))
        problems, _result = found(lines)
        if abs(old - new) == 1:  # which of two neighbours has moved, nobody can tell
            assert [kind for kind, _first, _last in problems] == ["reordered"]
            assert problems[0][1] in (old + 1, new + 1)
        else:
            assert problems == [("reordered", old + 1, old + 1)], (old, new)


def test_two_exchanged_lines_are_both_named():
    generator = random.Random(8)
    for _unused in range(300):
        lines = chain(COUNT)
        low, high = sorted(generator.sample(range(COUNT), 2))
        lines[low], lines[high] = lines[high], lines[low]
        problems = found(lines)[0]
        assert {kind for kind, _first, _last in problems} == {"reordered"}
        named = {first for _kind, first, _last in problems}
        if high - low > 2:
            assert named == {low + 1, high + 1}
        else:  # which of two or three neighbours have moved, nobody can tell
            assert named & {low + 1, high + 1} and named <= set(range(low + 1, high + 2))


def test_a_repeated_and_an_inserted_line_are_named():
    for index in range(COUNT - 1):
        lines = chain(COUNT)
        lines.insert(COUNT - 1, lines[index])
        assert found(lines)[0] == [("repeated", index + 1, index + 1)]
        lines = chain(COUNT)
        lines.insert(index, b'{"outcome": "committed"}')
        assert found(lines)[0] == [("inserted", None, None)]


def test_a_cut_tail_is_found_only_against_a_known_head():
    lines = chain(COUNT)
    known = Head(COUNT, parse(lines[-1]).claimed)
    for length in range(COUNT):
        assert found(lines[:length])[0] == []
        assert found(lines[:length], known=[known])[0] == [("cut_off", length + 1, COUNT)]


def test_several_damages_at_once_are_always_found_and_each_is_named():
    generator = random.Random(9)
    for _unused in range(500):
        lines, named = chain(COUNT), set()
        # Far enough apart that each stands for itself.
        for index in sorted(generator.sample(range(2, COUNT - 2, 5), 3), reverse=True):
            named.add(index + 1)
            how = generator.choice(["edit", "rehash", "remove"])
            if how == "remove":
                del lines[index]
            else:
                record = {**json.loads(lines[index]), "message": "x"}
                lines[index] = seal(record)[0] if how == "rehash" else json.dumps(record).encode()
        assert {first for _kind, first, _last in found(lines)[0]} == named


def test_any_random_change_of_bytes_is_found():
    generator = random.Random(10)
    text = b"".join(chain(COUNT))
    for _unused in range(1000):
        data = bytearray(text)
        data[generator.randrange(len(text))] ^= 1 << generator.randrange(8)
        if bytes(data) != text:
            assert found(bytes(data).splitlines(True))[0] != []


def test_a_shuffled_ledger_is_bounded_and_counted():
    lines = chain(4000)
    random.Random(11).shuffle(lines)
    problems, result = found(lines)
    assert len(problems) == 1000 and result.problem_count > 2000


def test_a_part_of_a_chain_continues_a_known_head():
    lines = chain(COUNT)
    start = Head(20, parse(lines[19]).claimed)
    assert found(lines[20:], start=start)[0] == []
    assert found(lines[21:], start=start)[0] == [("removed", 21, 21)]
    assert found(chain(20, 21, "e" * 64), start=start)[0] == [("forked", 20, 20)]


@pytest.mark.load
def test_the_memory_does_not_grow_with_the_ledger():
    def many(count):
        previous = GENESIS
        for sequence in range(1, count + 1):
            data, previous = seal({"sequence": sequence, "previous": previous, "message": "x" * 200})
            yield Line("ledger.jsonl", sequence, data.rstrip(b"\n"))

    tracemalloc.start()
    try:
        for _unused in check(many(20000), Verification()):
            pass
        assert tracemalloc.get_traced_memory()[1] < 512 * 1024
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b"\xff\xfe", b"\0" * 50, b'{"sequence":true,"hash":"' + b"0" * 64 + b'"}']
)
def test_what_is_no_record_is_none(data):
    assert parse(data) is None


def test_missing_full_files_are_named(book):
    book.append(30, rotation=Rotation(max_bytes=3000))
    full = [name for name in book.names() if name.startswith("ledger-0")]
    assert len(full) >= 4 and book.problems() == []
    for name in full:
        first, last = (json.loads(book.lines(name)[index])["sequence"] for index in (0, -1))
        os.rename(book.directory + "/" + name, book.directory + "/away")
        assert book.problems() == [("missing_file", first, last, name, None)]
        os.rename(book.directory + "/away", book.directory + "/" + name)


def test_the_missing_file_that_grows_is_named(book):
    entry = book.append(30, rotation=Rotation(max_bytes=3000))
    os.unlink(book.path)
    assert [problem[0] for problem in book.problems()] == ["missing_file"]
    assert "cut_off" in [problem[0] for problem in book.problems(known=[Head(*entry)])]


def test_a_ledger_that_is_gone_is_found_against_a_known_head(book):
    entry = book.append(3)
    for name in book.names():
        os.unlink(book.directory + "/" + name)
    assert book.problems(known=[Head(*entry)]) == [("cut_off", 1, 3, "", None)]
    os.rmdir(book.directory)
    assert book.problems(known=[Head(*entry)]) == [("cut_off", 1, 3, "", None)]
