# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A ledger in a directory of one's own."""

from __future__ import annotations

import datetime
import os

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._ledger._append import USUAL_ROTATION, append
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._place import place_at
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._read import verify

NOON = datetime.datetime(2026, 11, 22, 12, 0, 0, tzinfo=datetime.timezone.utc)


class Book:
    """A ledger and the ways in which tests write, damage and check it."""

    def __init__(self, directory):
        self.directory = str(directory)
        self.place = place_at(os.path.join(self.directory, "ledger.jsonl"))
        self.path = self.place.path

    def append(self, count=1, *, days=0.0, rotation=USUAL_ROTATION, **fields):
        """Append so many records; returns the last entry."""
        entry = None
        for _unused in range(count):
            record = {"action": "update", "outcome": "committed", "prefix": "/opt/conda", **fields}
            entry = append(self.place, record, now=NOON + datetime.timedelta(days=days), rotation=rotation)
        return entry

    def lines(self, name="ledger.jsonl"):
        with open(os.path.join(self.directory, name), "rb") as stream:
            return stream.read().splitlines(True)

    def write(self, lines, name="ledger.jsonl"):
        with open(os.path.join(self.directory, name), "wb") as stream:
            stream.writelines(lines)

    def names(self):
        return sorted(os.listdir(self.directory))

    def problems(self, known=()):
        """Kind, first and last record, file and line of each problem."""
        found = verify(self.place, known=known).verification
        return [(item.kind, item.sequence, item.last_sequence, item.file, item.line) for item in found.problems]

    def entries(self):
        return verify(self.place).verification.entries


@pytest.fixture
def book(tmp_path):
    (tmp_path / "log").mkdir(mode=0o700)
    return Book(tmp_path / "log")
