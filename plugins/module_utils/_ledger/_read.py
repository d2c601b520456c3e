# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Reading a ledger: one pass over all its files checks the chain and picks the records that are wanted."""

from __future__ import annotations

import collections
import contextlib
import errno
import os
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._ledger._chain import Head, Line, Problem, Verification
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._check import check
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._place import LedgerError, Place
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._record import EVERYTHING, MAX_BYTES, Filters
from ansible_collections.labfleet.conda.plugins.module_utils._system._log_files import (
    LogDirectory,
    LogFile,
    Refused,
    others_can_write,
)

_NOT_ALLOWED = (errno.EACCES, errno.EPERM)


class Ledger:
    """What was read.

    :ivar exists: whether any file of the ledger is there.
    :ivar files: the names of its files, the oldest first.
    :ivar verification: what the chain proves.
    :ivar records: the records that were wanted.
    """

    def __init__(self) -> None:
        self.exists = False
        self.files: t.List[str] = []
        self.verification = Verification()
        self.records: t.Sequence[t.Dict[str, t.Any]] = ()


def verify(place: Place, *, known: t.Iterable[Head] = ()) -> Ledger:
    """Check a ledger, also against heads that are known from elsewhere; raises as read() does."""
    return _look(place, None, known)


def read(place: Place, filters: Filters = EVERYTHING, *, known: t.Iterable[Head] = ()) -> Ledger:
    """Check a ledger and pick records from it.

    :raises LedgerError: this process's user may not read it.
    """
    return _look(place, filters, known)


def _look(place: Place, filters: t.Optional[Filters], known: t.Iterable[Head]) -> Ledger:
    ledger = Ledger()
    picked: t.Any = collections.deque(maxlen=filters.last if filters else 0)
    try:
        with contextlib.ExitStack() as stack:
            lines = _lines(place, ledger, stack)
            for record in check(lines, ledger.verification, known=known):
                if filters and filters.take(record):
                    picked.append(record)
    except Refused as error:
        message = "The ledger %s could not be read: %s: %s. Become the user it belongs to, or root."
        raise LedgerError(message % (place.path, error.path, error.reason)) from error
    ledger.records = list(picked)
    return ledger


def _lines(place: Place, ledger: Ledger, stack: contextlib.ExitStack) -> t.Iterator[Line]:
    try:
        directory = stack.enter_context(LogDirectory.to_read(place.directory))
    except Refused as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return
        raise
    names, current, size = _snapshot(place, directory, ledger, stack)
    ledger.exists = bool(names) or current is not None or bool(ledger.verification.problem_count)
    ledger.files = [*names, *([place.name] if current else [])]
    if names or current:
        status = directory.status()
        if status:
            _check_writers(ledger, place.directory, status)
    for name in names:
        file = _open(directory, name, ledger)
        if file is not None:
            with file:
                yield from _lines_of(file, name, file.size, ledger)
    if current is not None:
        yield from _lines_of(current, place.name, size, ledger)
    elif names:
        text = "%s is missing: the records since the last full file are lost." % place.name
        _note(ledger, place.name, "missing_file", text)


def _snapshot(
    place: Place, directory: LogDirectory, ledger: Ledger, stack: contextlib.ExitStack
) -> t.Tuple[t.List[str], t.Optional[LogFile], int]:
    """The names of the full files, the file that grows, and its size, all of one moment: files only grow."""
    with contextlib.ExitStack() as moment:
        with contextlib.suppress(Refused):  # without the right to lock, or on read-only storage, look without it
            moment.enter_context(directory.locked(place.lock, shared=True))
        names = [place.rotated(number) for number in place.numbers(directory.names())]
        if directory.status(place.name) is None:
            return names, None, 0
        if names and directory.is_same(names[-1], place.name):  # a rotation was killed in the middle
            names.pop()
        current = _open(directory, place.name, ledger)
        if current is not None:
            stack.callback(current.close)
        return names, current, current.size if current else 0


def _open(directory: LogDirectory, name: str, ledger: Ledger) -> t.Optional[LogFile]:
    try:
        return directory.open(name)
    except Refused as error:
        if error.errno in _NOT_ALLOWED:
            raise
        _note(ledger, name, "unreadable", "%s could not be read: %s." % (name, error.reason))
        return None


def _lines_of(file: LogFile, name: str, size: int, ledger: Ledger) -> t.Iterator[Line]:
    _check_writers(ledger, name, file.status())
    for number, (data, ended) in enumerate(file.lines(size=size, limit=MAX_BYTES), 1):
        yield Line(name, number, data, ended)


def _check_writers(ledger: Ledger, name: str, status: os.stat_result) -> None:
    if others_can_write(status, owner=status.st_uid):
        text = "others than its owner can write to %s (mode %04o): what it holds proves little."
        _note(ledger, name, "writable", text % (name, status.st_mode & 0o7777))


def _note(ledger: Ledger, name: str, kind: str, text: str) -> None:
    ledger.verification.add(Problem(name, None, None, None, kind, text))


__all__ = ("Ledger", "read", "verify")
