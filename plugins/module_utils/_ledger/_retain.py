# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Removes the oldest full files of a ledger, which itself says first where it begins then."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._ledger._append import (
    USUAL_ROTATION,
    Tail,
    Writer,
    with_actor,
)
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._chain import RETENTION, Seen
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._place import LedgerError, Place
from ansible_collections.labfleet.conda.plugins.module_utils._ledger._record import age_in_days, make_record
from ansible_collections.labfleet.conda.plugins.module_utils._system._log_files import (
    LOCK_SECONDS,
    LogDirectory,
    Refused,
)


class Keep(t.NamedTuple):
    """What is kept of the full files; the newest one always is.

    :param files: so many of the newest; None for any number.
    :param days: those whose last record is no older; None for any age.
    """

    files: t.Optional[int] = None
    days: t.Optional[float] = None


def retain(
    place: Place, keep: Keep, *, now: datetime.datetime, dry: bool = False, lock_seconds: float = LOCK_SECONDS
) -> t.List[str]:
    """Remove the full files that are not to be kept; the chain of the ledger has been checked before.

    :param dry: only tell.
    :returns: the names of those that were removed, the oldest first.
    :raises LedgerError: none was removed, or not all; the text says why.
    """
    try:
        if dry:
            with LogDirectory.to_read(place.directory) as directory:
                return _doomed(directory, place, place.numbers(directory.names()), keep, now)[0]
        with LogDirectory.to_write(place.directory) as directory, directory.locked(place.lock, seconds=lock_seconds):
            return _remove(directory, place, keep, now)
    except Refused as error:
        message = (
            "The oldest files of the ledger %s could not be removed: %s: %s. Become the user it belongs to, or root."
        )
        raise LedgerError(message % (place.path, error.path, error.reason)) from error


def _remove(directory: LogDirectory, place: Place, keep: Keep, now: datetime.datetime) -> t.List[str]:
    writer = Writer(directory, place, now)
    numbers = writer.numbers()
    names, last = _doomed(directory, place, numbers, keep, now)
    if last is None:
        return []
    first_kept = place.rotated(numbers[len(names)])
    record = {
        "action": RETENTION,
        "outcome": "recorded",
        "message": "The records up to %d are not kept any more: %s." % (last.sequence, ", ".join(names)),
        "begins": {"file": first_kept, "sequence": last.sequence, "hash": last.claimed},
    }
    # Killed from here on, the ledger holds more than it says, which breaks nothing.
    writer.write(make_record(with_actor(record), now=now), USUAL_ROTATION)
    for name in names:
        directory.remove(name)
    return names


def _doomed(
    directory: LogDirectory, place: Place, numbers: t.Sequence[int], keep: Keep, now: datetime.datetime
) -> t.Tuple[t.List[str], t.Optional[Seen]]:
    """The names of the files that go, and the last record in them."""
    names: t.List[str] = []
    last: t.Optional[Seen] = None
    for position, number in enumerate(numbers[:-1]):
        name = place.rotated(number)
        with directory.open(name) as file:
            tail = Tail(file).last
        if tail is None:
            break
        too_many = keep.files is not None and len(numbers) - position > keep.files
        too_old = keep.days is not None and age_in_days(tail.record.get("time"), now) > keep.days
        if not (too_many or too_old):
            break
        names.append(name)
        last = tail
    return names, last


__all__ = ("Keep", "retain")
