# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a record of the ledger holds, checked and without secrets."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._ledger._chain import canonical
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import clean

SCHEMA = 1
OUTCOMES = ("committed", "rolled_back", "failed", "recovered", "refused", "recorded")
# What a caller may tell; what it leaves out is null.
FIELDS = (
    "action",
    "outcome",
    "prefix",
    "message",
    "before",
    "after",
    "packages",
    "snapshot",
    "verification",
    "who",
    "host",
)
# What only the ledger tells, about itself.
OWN_FIELDS = ("continues", "damaged", "begins")
MAX_BYTES = 4 * 1024 * 1024
TIME = "%Y-%m-%dT%H:%M:%SZ"


class RecordError(ValueError):
    """A record that cannot be written: one sentence says what is wrong with it."""


def make_record(given: t.Mapping[str, t.Any], *, now: datetime.datetime) -> t.Dict[str, t.Any]:
    """A record without its place in the chain.

    :param given: what FIELDS and OWN_FIELDS name; C(action) and C(outcome) are required.
    :param now: the time, aware of its zone.
    :raises RecordError: a field is unknown, missing, of no use, or holds what JSON has not.
    """
    unknown = sorted(set(given) - set(FIELDS) - set(OWN_FIELDS))
    if unknown:
        raise RecordError("a record of the ledger has no field %s: use one of %s" % (unknown[0], ", ".join(FIELDS)))
    if not isinstance(given.get("action"), str) or not given["action"]:
        raise RecordError("a record of the ledger needs an action, such as update")
    if given.get("outcome") not in OUTCOMES:
        raise RecordError("the outcome %r is none of %s" % (given.get("outcome"), ", ".join(OUTCOMES)))
    if now.tzinfo is None:
        raise RecordError("the time of a record needs a zone")
    record = {name: given.get(name) for name in FIELDS}
    record.update({name: given[name] for name in OWN_FIELDS if name in given})
    try:
        canonical(record)  # before it is masked: only what JSON has may be masked
        record = clean(record)
    except (TypeError, ValueError) as error:
        raise RecordError("a record of the ledger holds what JSON has not: %s" % error) from error
    record.update(schema=SCHEMA, time=now.astimezone(datetime.timezone.utc).strftime(TIME))
    return record


def age_in_days(time: t.Any, now: datetime.datetime) -> float:
    """How old a record is, by its time; 0 where that is none."""
    try:
        then = datetime.datetime.strptime(time, TIME).replace(tzinfo=datetime.timezone.utc)
    except (TypeError, ValueError):
        return 0.0
    return (now - then).total_seconds() / 86400


class Filters(t.NamedTuple):
    """Which records are wanted; without any, all are.

    :ivar prefix: those of this prefix.
    :ivar since: those of this time or later, in UTC: a date, or a date and a time, as records have it.
    :ivar outcomes: those with one of these outcomes.
    :ivar after: those with a higher number.
    :ivar last: of these, the last so many.
    """

    prefix: t.Optional[str] = None
    since: t.Optional[str] = None
    outcomes: t.Sequence[str] = ()
    after: int = 0
    last: t.Optional[int] = None

    def take(self, record: t.Mapping[str, t.Any]) -> bool:
        """Whether a record is wanted, as far as it alone can tell."""
        if record["sequence"] <= self.after or (self.prefix and record.get("prefix") != self.prefix):
            return False
        if self.since and str(record.get("time")) < self.since:
            return False
        return not self.outcomes or record.get("outcome") in self.outcomes


EVERYTHING = Filters()


__all__ = (
    "EVERYTHING",
    "FIELDS",
    "MAX_BYTES",
    "OUTCOMES",
    "OWN_FIELDS",
    "SCHEMA",
    "TIME",
    "Filters",
    "RecordError",
    "age_in_days",
    "make_record",
)
