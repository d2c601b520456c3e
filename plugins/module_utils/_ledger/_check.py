# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Checking a run of lines, one after another, in bounded memory: what is wrong with which record is named."""

from __future__ import annotations

import bisect
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._ledger._chain import (
    GENESIS,
    MAX_PROBLEMS,
    REPAIR,
    RETENTION,
    ROTATION,
    Head,
    Line,
    Problem,
    Seen,
    Verification,
    is_hash,
    is_number,
    parse,
)

_Pair = t.Tuple[Line, t.Optional[Seen]]


def check(
    lines: t.Iterable[Line],
    verification: Verification,
    *,
    known: t.Iterable[Head] = (),
    start: t.Optional[Head] = None,
) -> t.Iterator[t.Dict[str, t.Any]]:
    """Check lines, and yield each intact record that is in the chain for the first time, in the order of the lines.

    :param lines: the lines, the oldest first; no more than two are held.
    :param verification: takes what is found; it is complete when the iterator is at its end.
    :param known: heads that are known from elsewhere: these records must be there.
    :param start: the record before the first line; without it the lines must start a chain.
    """
    checker = _Checker(verification, known, start)
    pair: t.Optional[_Pair] = None
    for line in lines:
        following = (line, parse(line.data))
        if pair is not None:
            yield from checker.take(pair, following)
        pair = following
    if pair is not None:
        yield from checker.take(pair, None)
    checker.finish(pair[0] if pair else None)


class _Gaps:
    """The numbers of records that were not where they belong, as ranges in ascending order."""

    def __init__(self) -> None:
        self._lows: t.List[int] = []
        self.ranges: t.List[t.Tuple[int, int, Line, t.Optional[str]]] = []

    def add(self, low: int, high: int, line: Line, file: t.Optional[str]) -> None:
        """Note that the records from low to high are not before a line; file names the file that should hold them."""
        if low <= high:
            at = bisect.bisect_left(self._lows, low)
            self._lows.insert(at, low)
            self.ranges.insert(at, (low, high, line, file))

    def take(self, number: int) -> bool:
        """Whether a record was missing; from now on it is not."""
        at = bisect.bisect_right(self._lows, number) - 1
        if at < 0 or number > self.ranges[at][1]:
            return False
        low, high, line, file = self.ranges.pop(at)
        del self._lows[at]
        self.add(low, number - 1, line, file)
        self.add(number + 1, high, line, file)
        return True


class _Checker:
    def __init__(self, verification: Verification, known: t.Iterable[Head], start: t.Optional[Head]) -> None:
        self.result = verification
        self.known: t.Dict[int, t.Set[str]] = {}
        for head in known:
            self.known.setdefault(head.sequence, set()).add(head.hash)
        self.expected = start.sequence + 1 if start else 1
        # The hash that the next record must name; None where the record before it is in doubt already.
        self.top: t.Optional[str] = start.hash if start else GENESIS
        self.top_line: t.Optional[Line] = None
        self.file = ""
        self.gaps = _Gaps()
        self.early: t.Dict[int, str] = {}
        # What the first line of a ledger that does not start a chain names as the record before it; and the record up
        # to which the ledger says that it keeps none.
        self.first: t.Optional[Head] = None
        self.retained: t.Optional[Head] = None
        self.starts = start is None

    def take(self, pair: _Pair, following: t.Optional[_Pair]) -> t.Iterator[t.Dict[str, t.Any]]:
        line, seen = pair
        after = following[1] if following else None
        if not line.ended:
            self.problem(
                line, self.expected, "torn", "the last line has no end: a crash or a power loss cut it, or a hand"
            )
        elif seen is None or not seen.intact:
            self.damaged(line, seen, after)
        elif self.place(line, seen, after):
            self.result.entries += 1
            self.note_retention(seen.record)
            if seen.record.get("action") == REPAIR and len(self.result.recovered) < MAX_PROBLEMS:
                self.result.recovered.append(seen.sequence)
            yield seen.record
        self.file = line.file

    def note_retention(self, record: t.Mapping[str, t.Any]) -> None:
        told = record.get("begins") if record.get("action") == RETENTION else None
        if not isinstance(told, dict) or not is_number(told.get("sequence")) or not is_hash(told.get("hash")):
            return
        if self.retained is None or told["sequence"] >= self.retained.sequence:
            self.retained = Head(told["sequence"], told["hash"])

    def damaged(self, line: Line, seen: t.Optional[Seen], after: t.Optional[Seen]) -> None:
        """A line that is no record, or whose hash is another than that of its bytes."""
        if after and after.intact and after.sequence == self.expected and after.previous == self.top:
            self.problem(line, None, "inserted", "the line is no record of this ledger; the chain goes on behind it")
            return
        number = self.expected
        if seen and after and seen.sequence > number and after.sequence == seen.sequence + 1:
            number = seen.sequence
            self.gap(line, seen, number)
        what = "its hash is another than the one it bears" if seen else "it is no record"
        self.problem(line, number, "edited", "record %d was edited: %s" % (number, what))
        self.advance(line, number, None)

    def place(self, line: Line, seen: Seen, after: t.Optional[Seen]) -> bool:
        """Put an intact record into the chain; False where it is there already."""
        number = seen.sequence
        if number < self.expected:
            if not self.gaps.take(number):
                self.problem(line, number, "repeated", "record %d stands a second time" % number)
                return False
            self.problem(line, number, "reordered", "record %d stands behind its place" % number)
        elif number in self.early:
            self.problem(line, number, "repeated", "record %d stands a second time" % number)
            return False
        elif number > self.expected and after and self.expected <= after.sequence < number:
            # What follows goes on below it: this line is the one that is out of place.
            self.problem(line, number, "reordered", "record %d stands before its place" % number)
            self.early[number] = seen.claimed
        else:
            if number > self.expected:
                self.gap(line, seen, number)
            else:
                self.check_link(line, seen)
            self.advance(line, number, seen.claimed)
        if self.known and number in self.known and self.known[number] != {seen.claimed}:
            text = "record %d is another one than the one that is known from elsewhere" % number
            self.problem(line, number, "forked", text)
        return True

    def gap(self, line: Line, seen: Seen, number: int) -> None:
        if self.starts and self.expected == 1 and self.first is None:
            self.first = Head(number - 1, seen.previous)
        continues = seen.record.get("continues") if seen.record.get("action") == ROTATION else None
        file = continues.get("file") if isinstance(continues, dict) and self.file != continues.get("file") else None
        self.gaps.add(self.expected, number - 1, line, file if line.file != self.file else None)
        for one in [one for one in self.early if self.expected <= one < number]:
            self.gaps.take(one)
            del self.early[one]

    def check_link(self, line: Line, seen: Seen) -> None:
        if self.top is None or seen.previous == self.top:
            return
        before, number = self.top_line, seen.sequence - 1
        if number == 0:
            self.problem(line, 1, "edited", "record 1 was edited: it does not start a chain")
        elif before is None:
            text = "record %d continues another record %d than the one that is known" % (number + 1, number)
            self.problem(line, number, "forked", text)
        else:
            text = "record %d was edited, hash and all: record %d was written after another version of it"
            self.problem(before, number, "edited", text % (number, number + 1))

    def advance(self, line: Line, number: int, digest: t.Optional[str]) -> None:
        self.expected, self.top, self.top_line = number + 1, digest, line
        while self.expected in self.early:
            self.top = self.early.pop(self.expected)
            self.expected += 1
        self.result.head = Head(self.expected - 1, self.top) if self.top else None

    def problem(self, line: Line, number: t.Optional[int], kind: str, text: str) -> None:
        self.result.add(Problem(line.file, line.number, number, number, kind, text + "."))

    def finish(self, last: t.Optional[Line]) -> None:
        self.find_beginning()
        for low, high, line, file in self.gaps.ranges:
            which = "record %d is" % low if low == high else "records %d to %d are" % (low, high)
            if file:
                text = "%s missing, and so is %s, which held what is before this file." % (which, file)
                self.result.add(Problem(str(file), None, low, high, "missing_file", text))
            else:
                text = "%s missing before the record on this line." % which
                self.result.add(Problem(line.file, line.number, low, high, "removed", text))
        self.find_what_is_not_kept()
        known = max(self.known or [0])
        if known >= self.expected:
            low = self.expected
            text = "the ledger ends with record %d, but record %d is known to have been there." % (low - 1, known)
            self.result.add(Problem(last.file if last else "", None, low, known, "cut_off", text))

    def find_beginning(self) -> None:
        """A ledger that lacks its first records, and says that these are not kept, begins behind them."""
        first, retained = self.first, self.retained
        if first is None or retained is None or not self.gaps.ranges:
            return
        low, high, line, _file = self.gaps.ranges[0]
        if (low, high) != (1, first.sequence) or high > retained.sequence:
            return
        del self.gaps.ranges[0]
        if high == retained.sequence and first.hash != retained.hash:
            text = "record %d was edited: it does not continue the record with which the ledger says that it begins"
            self.problem(line, high + 1, "edited", text % (high + 1))
        self.result.begins = first

    def find_what_is_not_kept(self) -> None:
        begins = self.result.begins
        for number in sorted(self.known) if begins else ():
            hashes = self.known[number]
            if begins is None or number > begins.sequence or (number, hashes) == (begins.sequence, {begins.hash}):
                continue
            kind = "forked" if number == begins.sequence else "cut_off"
            text = "record %d is known from elsewhere, but the ledger keeps no record before %d."
            self.result.add(Problem("", None, number, number, kind, text % (number, begins.sequence + 1)))


__all__ = ("check",)
