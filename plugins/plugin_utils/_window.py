# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""When changes may begin: a maintenance window by the clock on the wall of one time zone, and dates without changes."""

from __future__ import annotations

import datetime
import re
import typing as t
import zoneinfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MINUTES_OF_A_DAY = 24 * 60
_CLOCK = re.compile(r"^([01]?[0-9]|2[0-3]):([0-5][0-9])$|^(24):(00)$")
# Freezes of more than this are no maintenance plan any more.
_LOOK_AHEAD_DAYS = 400


class WindowError(ValueError):
    """An option cannot be understood; the text is one sentence that says which, and how to write it."""


class Calendar(t.NamedTuple):
    """When changes may begin.

    :param start: the minute of the day at which the window opens; end: the one from which it is closed. Where the end
        is not after the start, it is that of the next day.
    :param days: the days on which the window opens, Monday is 0.
    :param freezes: first and last dates on which nothing may begin.
    """

    zone: zoneinfo.ZoneInfo
    start: int = 0
    end: int = _MINUTES_OF_A_DAY
    days: frozenset[int] = frozenset(range(7))
    freezes: tuple[tuple[datetime.date, datetime.date], ...] = ()

    def why_closed(self, now: datetime.datetime) -> str | None:
        """Why no change may begin; None when one may.

        :param now: the time, aware of its zone.
        """
        here = now.astimezone(self.zone)
        for first, last in self.freezes:
            if first <= here.date() <= last:
                return "Changes are frozen from %s to %s, and it is %s.%s" % (
                    first,
                    last,
                    self._told(here),
                    self._next(now),
                )
        if not self._is_in_window(here):
            return "The maintenance window is closed: it is %s.%s" % (self._told(here), self._next(now))
        return None

    def _is_in_window(self, here: datetime.datetime) -> bool:
        minute, day = here.hour * 60 + here.minute, here.weekday()
        if self.end > self.start:
            return self.start <= minute < self.end and day in self.days
        return (minute >= self.start and day in self.days) or (minute < self.end and (day - 1) % 7 in self.days)

    def _told(self, here: datetime.datetime) -> str:
        return "%s %s (%s)" % (DAYS[here.weekday()], here.strftime("%Y-%m-%d %H:%M"), self.zone.key)

    def opens_next(self, now: datetime.datetime) -> datetime.datetime | None:
        """The next time at which a change may begin; None when there is none for more than a year."""
        today = now.astimezone(self.zone).date()
        for offset in range(_LOOK_AHEAD_DAYS):
            date = today + datetime.timedelta(days=offset)
            for minute in sorted({0, self.start}):  # a freeze ends at midnight
                moment = datetime.datetime.combine(date, datetime.time(*divmod(minute, 60)), self.zone)
                # By way of UTC, a time that a change of the clocks leaves out becomes the one after it.
                moment = moment.astimezone(datetime.UTC).astimezone(self.zone)
                if moment > now and self._may(moment):
                    return moment
        return None

    def _may(self, moment: datetime.datetime) -> bool:
        here = moment.astimezone(self.zone)
        frozen = any(first <= here.date() <= last for first, last in self.freezes)
        return not frozen and self._is_in_window(here)

    def _next(self, now: datetime.datetime) -> str:
        moment = self.opens_next(now)
        return " It opens next on %s." % self._told(moment) if moment else " It does not open within a year."


def read_calendar(window: str | None, days: t.Sequence[str], freeze: t.Sequence[str], zone: str | None) -> Calendar:
    """Read the options.

    :param window: such as C(22:00-05:00); None for any time.
    :param days: the days on which the window opens, such as C(sat); none for every day.
    :param freeze: dates, such as C(2026-12-24), and ranges of dates with both ends, such as C(2026-12-20..2027-01-06).
    :param zone: the name of a time zone, such as C(Europe/Berlin); None for UTC.
    :raises WindowError: one of them cannot be understood.
    """
    try:
        place = zoneinfo.ZoneInfo(zone or "UTC")
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise WindowError(
            "timezone: %r is no time zone that is known here: write it as Europe/Berlin." % zone
        ) from None
    start, end = _window(window) if window else (0, _MINUTES_OF_A_DAY)
    return Calendar(place, start, end, _days(days), tuple(_freeze(str(text)) for text in freeze))


def _window(text: str) -> tuple[int, int]:
    parts = [_CLOCK.match(part.strip()) for part in str(text).split("-")]
    if len(parts) == 2 and parts[0] and parts[1]:
        start, end = (int(match[1] or match[3]) * 60 + int(match[2] or match[4]) for match in parts if match)
        if start != end and start != _MINUTES_OF_A_DAY:
            return start, end
    raise WindowError("window: %r is no window: write it in quotes, as '22:00-05:00'." % (text,))


def _days(given: t.Sequence[str]) -> frozenset[int]:
    names = [str(name).strip().lower()[:3] for name in given]
    for name, text in zip(names, given, strict=True):
        if name not in DAYS:
            raise WindowError("days: %r is no day of the week: write it as one of %s." % (text, ", ".join(DAYS)))
    return frozenset(map(DAYS.index, names)) if names else frozenset(range(7))


def _freeze(text: str) -> tuple[datetime.date, datetime.date]:
    first, dots, last = text.partition("..")
    try:
        dates = (
            datetime.date.fromisoformat(first.strip()),
            datetime.date.fromisoformat((last if dots else first).strip()),
        )
    except ValueError:
        dates = None
    if dates is None or dates[1] < dates[0]:
        raise WindowError(
            "freeze: %r is neither a date nor a range of dates: write it as 2026-12-24 or 2026-12-20..2027-01-06."
            % text
        )
    return dates


__all__ = ("DAYS", "Calendar", "WindowError", "read_calendar")
