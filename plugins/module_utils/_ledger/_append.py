# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Appending to a ledger: under a lock, durably, and so that a run killed at any instant leaves a chain that goes on."""

from __future__ import annotations

import datetime
import hashlib
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._ledger._chain import (
    ANCHOR,
    GENESIS,
    REPAIR,
    RETENTION,
    ROTATION,
    Head,
    Seen,
    parse,
    seal,
)
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._place import LedgerError, Place
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._record import (
    MAX_BYTES,
    OWN_FIELDS,
    RecordError,
    age_in_days,
    make_record,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._actor import acting_user, is_root, this_host
from ansible_collections.labfleet.conda.plugins.module_utils._system._log_files import (
    LOCK_SECONDS,
    LogDirectory,
    LogFile,
    Refused,
)

_TAIL = 64 * 1024
# Not to be told by a caller: what the ledger says about itself must be its own.
_RESERVED = (ROTATION, REPAIR, RETENTION)


class Entry(t.NamedTuple):
    """Where a record came to stand, which is the new head of the ledger."""

    sequence: int
    hash: str


class Rotation(t.NamedTuple):
    """When a new file is begun: the next line would make this one larger, or its first record is older."""

    max_bytes: int = 16 * 1024 * 1024
    max_days: float = 366.0


USUAL_ROTATION = Rotation()


def append(
    place: Place,
    record: t.Mapping[str, t.Any],
    *,
    now: datetime.datetime,
    rotation: Rotation = USUAL_ROTATION,
    lock_seconds: float = LOCK_SECONDS,
) -> Entry:
    """Write one record at the end of a ledger; when this returns, it is on disk.

    :param place: the ledger; what is missing of it is made.
    :param record: what FIELDS of the room's records name. Who acts, and on which host, is added to C(who) and C(host).
    :param now: the time of the record, aware of its zone.
    :raises LedgerError: nothing was written; the text says why.
    """
    if record.get("action") in _RESERVED or not set(record).isdisjoint(OWN_FIELDS):
        raise LedgerError(
            "No record was written to %s: %s is what only the ledger itself says." % (place.path, _RESERVED)
        )
    try:
        full = make_record(with_actor(record), now=now)
        with LogDirectory.to_write(place.directory) as directory, directory.locked(place.lock, seconds=lock_seconds):
            return Writer(directory, place, now).write(full, rotation)
    except RecordError as error:
        raise LedgerError("No record was written to %s: %s." % (place.path, error)) from error
    except Refused as error:
        message = "No record was written to the ledger %s: %s: %s. Name a place that only you and root can write to."
        raise LedgerError(message % (place.path, error.path, error.reason)) from error


def append_anchor(
    place: Place,
    message: t.Optional[str],
    prefix: t.Optional[str] = None,
    *,
    now: datetime.datetime,
    lock_seconds: float = LOCK_SECONDS,
) -> Entry:
    """Write a record that marks the head to be kept elsewhere, or a prefix as known; raises as append() does."""
    record = {"action": ANCHOR, "outcome": "recorded", "message": message}
    if prefix is not None:
        record["prefix"] = prefix
    return append(place, record, now=now, lock_seconds=lock_seconds)


def with_actor(record: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    return {
        **record,
        "who": {**acting_user(), **(record.get("who") or {})},
        "host": {**this_host(), **(record.get("host") or {})},
    }


class Writer:
    """One run under the lock."""

    def __init__(self, directory: LogDirectory, place: Place, now: datetime.datetime) -> None:
        self.directory = directory
        self.place = place
        self.now = now
        self.mode = 0o640 if is_root() else 0o600

    def write(self, record: t.Dict[str, t.Any], rotation: Rotation) -> Entry:
        numbers = self.numbers()
        if self.directory.status(self.place.name) is None and numbers:
            self._continue_from(numbers[-1], REPAIR, "%s was missing." % self.place.name)
        head = self._settle(numbers)
        line = _line(record, head)
        with self.directory.open(self.place.name, write=True, create=self.mode) as file:
            is_due = self._is_due(file, len(line[0]), rotation)
        if is_due:
            number = (numbers or [0])[-1] + 1
            self.directory.keep_as(self.place.name, self.place.rotated(number))
            head = self._continue_from(number, ROTATION, None)
            line = _line(record, head)
        with self.directory.open(self.place.name, write=True) as file:
            file.append(line[0])
        return line[1]

    def numbers(self) -> t.List[int]:
        """The numbers of the full files; a rotation that was killed in the middle is finished first."""
        numbers = self.place.numbers(self.directory.names())
        if numbers and self.directory.is_same(self.place.rotated(numbers[-1]), self.place.name):
            self._continue_from(numbers[-1], ROTATION, None)
        return numbers

    def _continue_from(self, number: int, action: str, message: t.Optional[str]) -> Head:
        """Begin a new file behind a full one; it is there at once, with its first record."""
        name = self.place.rotated(number)
        with self.directory.open(name) as file:
            last = Tail(file).last
        head = Head(last.sequence, last.claimed) if last else Head(0, GENESIS)
        continues = {"file": name, "sequence": head.sequence, "hash": head.hash}
        line, entry = self._own(action, message, head, continues=continues)
        self.directory.write_new(self.place.new, line, mode=self.mode)
        self.directory.replace(self.place.name, self.place.new)
        return Head(*entry)

    def _settle(self, numbers: t.Sequence[int]) -> Head:
        """The head of the file that grows, after what a crash left behind it was put aside."""
        with self.directory.open(self.place.name, write=True, create=self.mode) as file:
            tail = Tail(file)
            if tail.is_open:  # only the line end is missing
                file.append(b"\n")
            head = Head(tail.last.sequence, tail.last.claimed) if tail.last else self._head_before(numbers)
            if not tail.damaged:
                return head
            digest = hashlib.sha256(tail.damaged).hexdigest()
            kept = self.place.damaged(digest)
            self.directory.write_new(kept, tail.damaged, mode=self.mode)
            message = "The end of %s was no record, as after a power loss. It was moved to %s." % (
                self.place.name,
                kept,
            )
            damaged = {"file": kept, "bytes": len(tail.damaged), "sha256": digest}
            line, entry = self._own(REPAIR, message, head, damaged=damaged)
            file.append(line, offset=tail.end)
            return Head(*entry)

    def _head_before(self, numbers: t.Sequence[int]) -> Head:
        """The head of an empty file: that of the newest full one."""
        if not numbers:
            return Head(0, GENESIS)
        with self.directory.open(self.place.rotated(numbers[-1])) as file:
            last = Tail(file).last
        return Head(last.sequence, last.claimed) if last else Head(0, GENESIS)

    def _own(self, action: str, message: t.Optional[str], head: Head, **more: t.Any) -> t.Tuple[bytes, Entry]:
        outcome = "recovered" if action == REPAIR else "recorded"
        given = with_actor({"action": action, "outcome": outcome, "message": message, **more})
        return _line(make_record(given, now=self.now), head)

    def _is_due(self, file: LogFile, more: int, rotation: Rotation) -> bool:
        size = file.size
        first = next(file.lines(size=size, limit=MAX_BYTES), (b"", True))[0]
        if size <= len(first) + 1:  # a file holds one record at least
            return False
        if size + more > rotation.max_bytes:
            return True
        seen = parse(first)
        return seen is not None and age_in_days(seen.record.get("time"), self.now) > rotation.max_days


class Tail:
    """The end of a file.

    :ivar last: the last line that is a record; None where there is none.
    :ivar end: where it ends, its line end included.
    :ivar is_open: whether its line end is missing.
    :ivar damaged: what follows it and is no record.
    """

    def __init__(self, file: LogFile) -> None:
        self.last: t.Optional[Seen] = None
        self.end = 0
        self.is_open = False
        self.damaged = b""
        size, length = file.size, _TAIL
        while size:
            length = min(length, size)
            if self._search(file.read(size - length, length), size - length) or length == size:
                return
            length *= 8

    def _search(self, data: bytes, offset: int) -> bool:
        """Search a piece backwards for a record; the first line of a piece may be cut, and is used only at offset 0."""
        end = len(data)
        while end > 0:
            has_end = data[end - 1 : end] == b"\n"
            begin = data.rfind(b"\n", 0, end - 1) + 1
            if begin == 0 and offset > 0:
                return False
            seen = parse(data[begin : end - 1] if has_end else data[begin:end])
            if seen is not None and (has_end or seen.intact):
                self.last, self.end, self.is_open, self.damaged = seen, offset + end, not has_end, data[end:]
                return True
            end = begin
        self.damaged = data
        return False


def _line(record: t.Mapping[str, t.Any], head: Head) -> t.Tuple[bytes, Entry]:
    line, digest = seal({**record, "sequence": head.sequence + 1, "previous": head.hash})
    if len(line) > MAX_BYTES:
        raise RecordError("the record has %d bytes, more than the limit of %d" % (len(line), MAX_BYTES))
    return line, Entry(head.sequence + 1, digest)


__all__ = ("Entry", "USUAL_ROTATION", "Rotation", "Tail", "Writer", "append", "append_anchor", "with_actor")
