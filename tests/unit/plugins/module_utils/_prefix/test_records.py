# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The memory of records that several environments share."""

from __future__ import annotations

import json

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._prefix import _records
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import (
    BadRecord,
    RecordMemory,
    RecordName,
    parse_files,
    parse_record,
)

ZLIB = RecordName("zlib", "1.3.1", "hb9d3cd8_2")


def written(name=ZLIB, files=("lib/libz.so",), **more):
    content = dict(name._asdict(), files=list(files), **more)
    return json.dumps(content, indent=2).encode()


@pytest.fixture(name="parsed")
def fixture_parsed(monkeypatch):
    """What was taken apart."""
    seen = []
    original = _records._without_files
    monkeypatch.setattr(_records, "_without_files", lambda data: seen.append(data) or original(data))
    return seen


def test_the_same_bytes_are_taken_apart_once(parsed):
    memory = RecordMemory(keep_files=True)
    records = [parse_record(written(), expected=ZLIB, memory=memory) for _environment in range(3)]
    assert len(parsed) == 1
    assert records[0] is records[1] is records[2]
    assert parse_files(records[2].files) == ["lib/libz.so"]


def test_other_bytes_of_the_same_name_are_another_record():
    memory = RecordMemory(keep_files=True)
    found = [
        parse_record(written(files=files, license=license_), expected=ZLIB, memory=memory)
        for files, license_ in ((["a"], "Zlib"), (["b"], "Zlib"), (["a"], "MIT"), (["a"], "Zlib"))
    ]
    told = [(parse_files(record.files), record.license) for record in found]
    assert told == [(["a"], "Zlib"), (["b"], "Zlib"), (["a"], "MIT"), (["a"], "Zlib")]


def test_what_takes_turns_is_remembered_without_end_and_within_the_limit(parsed):
    first, second = written(license="MIT"), written(license="BSD")
    memory = RecordMemory(limit=2 * max(len(first), len(second)))  # one whole file
    for _environment in range(50):
        for data, expected in ((first, "MIT"), (second, "BSD")):
            assert parse_record(data, expected=ZLIB, memory=memory).license == expected
    before = len(parsed)
    assert parse_record(second, expected=ZLIB, memory=memory).license == "BSD"
    assert len(parsed) == before, "replacing what was remembered must not use up the limit"


def test_nothing_is_remembered_beyond_the_limit(parsed):
    memory = RecordMemory(keep_files=True, limit=10)
    records = [parse_record(written(), expected=ZLIB, memory=memory) for _environment in range(2)]
    assert len(parsed) == 2
    assert [record.files for record in records] == [None, None]
    assert records[0] == records[1]


def test_a_record_of_another_package_is_bad_every_time():
    memory, other = RecordMemory(), ZLIB._replace(version="1.2")
    for _environment in range(2):
        with pytest.raises(BadRecord):
            parse_record(written(), expected=other, memory=memory)
    assert parse_record(written(), expected=ZLIB, memory=memory).version == "1.3.1"
