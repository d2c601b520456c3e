# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The chain: how a record becomes a line, and what a run of lines proves.

Pure, and without imports of ours: the control node checks with it what hosts have sent.
A line is C({"hash":"SHA-256",REST}): the hash comes first, then the other keys in canonical JSON. The hash is over the
bytes C({REST}), so a line can be checked without reading JSON at all.
"""

from __future__ import annotations

import hashlib
import json
import re
import typing as t

GENESIS = "0" * 64
MAX_PROBLEMS = 1000
KINDS = (
    "edited",
    "inserted",
    "removed",
    "reordered",
    "repeated",
    "torn",
    "missing_file",
    "cut_off",
    "forked",
    "writable",
    "unreadable",
)
# What the ledger writes about itself.
ANCHOR, ROTATION, REPAIR = "ledger_anchor", "ledger_rotation", "ledger_repair"
# Its oldest files are not kept any more; C(begins) tells the last record in them.
RETENTION = "ledger_retention"
_HEAD = b'{"hash":"'
_START = len(_HEAD) + 64 + 2
_HASH = re.compile(r"[0-9a-f]{64}\Z")


class Head(t.NamedTuple):
    """The place of one record in a chain, which stands for all records before it."""

    sequence: int
    hash: str


class Line(t.NamedTuple):
    """One line: where it stands, its bytes without the line end, and whether it had a line end."""

    file: str
    number: int
    data: bytes
    ended: bool = True


class Seen(t.NamedTuple):
    """What a line says of itself, and whether its bytes bear it out."""

    sequence: int
    previous: str
    claimed: str
    intact: bool
    record: t.Dict[str, t.Any]


class Problem(t.NamedTuple):
    """One thing wrong with a ledger.

    :ivar file: the name of the file it is about.
    :ivar line: the line; for what is not there the line behind it, None at the end.
    :ivar sequence: the number of the record, or the first of several.
    :ivar last_sequence: the last of several, else the same.
    :ivar kind: one of KINDS.
    :ivar text: one sentence.
    """

    file: str
    line: t.Optional[int]
    sequence: t.Optional[int]
    last_sequence: t.Optional[int]
    kind: str
    text: str


class Verification:
    """What the lines prove.

    :ivar entries: the number of intact records.
    :ivar head: the last record of the chain; None where there is none.
    :ivar problems: what is wrong, the first thousand.
    :ivar problem_count: how many things are wrong.
    :ivar begins: the last record that is not kept any more, as the ledger itself says; None where it has all.
    :ivar recovered: the numbers of the records that tell of a repair after a power loss or a crash, the first thousand.
    """

    def __init__(self) -> None:
        self.entries = 0
        self.head: t.Optional[Head] = None
        self.begins: t.Optional[Head] = None
        self.problems: t.List[Problem] = []
        self.problem_count = 0
        self.recovered: t.List[int] = []

    def add(self, problem: Problem) -> None:
        """Note a problem; all are counted, the first are kept."""
        self.problem_count += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)


def canonical(value: t.Any) -> str:
    """The one text of a value: keys sorted, no blanks, ASCII only.

    :raises ValueError: it holds a number that JSON has not.
    :raises TypeError: it holds something else than JSON has.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def seal(record: t.Mapping[str, t.Any]) -> t.Tuple[bytes, str]:
    """The line of a record, with its line end, and its hash; a hash the record has already is left out."""
    rest = canonical({key: value for key, value in record.items() if key != "hash"}).encode("ascii")
    digest = hashlib.sha256(rest).hexdigest()
    return _HEAD + digest.encode("ascii") + b'",' + rest[1:] + b"\n", digest


def line_of(record: t.Mapping[str, t.Any]) -> bytes:
    """The line of a record that bears a hash already, right or wrong, without its line end.

    :raises ValueError: it bears none, or holds what JSON has not.
    """
    if not is_hash(record.get("hash")):
        raise ValueError("it bears no hash")
    rest = canonical({key: value for key, value in record.items() if key != "hash"}).encode("ascii")
    return _HEAD + record["hash"].encode("ascii") + b'",' + rest[1:]


def parse(data: bytes) -> t.Optional[Seen]:
    """Read a line; None where it is no record at all."""
    try:
        record = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    sequence, claimed = record.get("sequence"), record.get("hash")
    if not is_number(sequence) or not is_hash(claimed):
        return None
    intact = data.startswith(_HEAD + claimed.encode("ascii") + b'",')
    intact = intact and hashlib.sha256(b"{" + data[_START:]).hexdigest() == claimed
    return Seen(sequence, str(record.get("previous")), claimed, intact, record)


def is_number(value: t.Any) -> bool:
    """Whether a value can be the number of a record."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def is_hash(text: t.Any) -> bool:
    """Whether a value is a SHA-256 sum as the chain writes them."""
    return isinstance(text, str) and _HASH.match(text) is not None


__all__ = (
    "ANCHOR",
    "GENESIS",
    "KINDS",
    "MAX_PROBLEMS",
    "Head",
    "Line",
    "Problem",
    "REPAIR",
    "RETENTION",
    "ROTATION",
    "Seen",
    "Verification",
    "canonical",
    "is_hash",
    "is_number",
    "line_of",
    "parse",
    "seal",
)
