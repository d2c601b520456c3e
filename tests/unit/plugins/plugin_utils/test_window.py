# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When changes may begin: over midnight, over the end of a year, and where the clocks are changed."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.labfleet.conda.plugins.plugin_utils._window import WindowError, read_calendar

BERLIN = "Europe/Berlin"


def at(text):
    return datetime.datetime.fromisoformat(text)


def is_open(moment, *, window=None, days=(), freeze=(), zone=None):
    return read_calendar(window, days, freeze, zone).why_closed(at(moment)) is None


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-26T21:59:59+00:00", False),
        ("2026-11-26T22:00:00+00:00", True),
        ("2026-11-27T00:00:00+00:00", True),
        ("2026-11-27T04:59:59+00:00", True),
        ("2026-11-27T05:00:00+00:00", False),
    ],
)
def test_a_window_over_midnight(moment, expected):
    assert is_open(moment, window="22:00-05:00") is expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [("2026-11-26T08:59:00+00:00", False), ("2026-11-26T09:00:00+00:00", True), ("2026-11-26T17:00:00+00:00", False)],
)
def test_a_window_within_a_day(moment, expected):
    assert is_open(moment, window="09:00-17:00") is expected


def test_the_day_of_a_window_is_the_one_on_which_it_opens():
    options = {"window": "22:00-05:00", "days": ["Saturday"]}
    assert is_open("2026-11-28T23:00:00+00:00", **options)  # a Saturday
    assert is_open("2026-11-29T04:00:00+00:00", **options)  # the Sunday after it
    assert not is_open("2026-11-28T04:00:00+00:00", **options)  # the window of Friday
    assert not is_open("2026-11-29T23:00:00+00:00", **options)


def test_a_window_of_sunday_goes_on_into_monday():
    assert is_open("2026-11-30T01:00:00+00:00", window="22:00-05:00", days=["sun"])


def test_a_window_until_the_end_of_the_day():
    assert is_open("2026-11-26T23:59:59+00:00", window="20:00-24:00")
    assert not is_open("2026-11-27T00:00:00+00:00", window="20:00-24:00")


def test_days_without_a_window():
    assert is_open("2026-11-28T12:00:00+00:00", days=["sat"])
    assert not is_open("2026-11-27T12:00:00+00:00", days=["sat"])


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-12-19T23:59:59+01:00", True),
        ("2026-12-20T00:00:00+01:00", False),
        ("2026-12-31T23:59:59+01:00", False),
        ("2027-01-06T23:59:59+01:00", False),
        ("2027-01-07T00:00:00+01:00", True),
        # still the 6th by the clock of UTC, and the 7th in Berlin
        ("2027-01-06T23:30:00+00:00", True),
    ],
)
def test_a_freeze_over_the_end_of_the_year_counts_in_its_zone(moment, expected):
    assert is_open(moment, freeze=["2026-12-20..2027-01-06"], zone=BERLIN) is expected


def test_a_freeze_of_one_date_ends_an_open_window_at_midnight():
    options = {"window": "22:00-05:00", "freeze": ["2026-12-24"]}
    assert is_open("2026-12-23T23:59:00+00:00", **options)
    assert not is_open("2026-12-24T00:01:00+00:00", **options)
    assert is_open("2026-12-25T00:01:00+00:00", **options)


def test_the_clock_on_the_wall_counts_in_summer_and_winter():
    # 22:00 in Berlin is 20:00 UTC in summer, and 21:00 in winter
    assert is_open("2026-07-01T20:00:00+00:00", window="22:00-05:00", zone=BERLIN)
    assert not is_open("2026-12-01T20:00:00+00:00", window="22:00-05:00", zone=BERLIN)


def test_the_hour_that_is_left_out_never_opens_a_window():
    # On 2027-03-28 the clocks of Berlin go from 02:00 to 03:00.
    around = ["2027-03-28T00:59:59+00:00", "2027-03-28T01:00:00+00:00"]
    assert not any(is_open(moment, window="02:00-03:00", zone=BERLIN) for moment in around)
    assert is_open("2027-03-28T01:00:00+00:00", window="02:30-04:00", zone=BERLIN)
    assert is_open("2027-03-28T02:59:00+00:00", window="22:00-05:00", zone=BERLIN)
    assert not is_open("2027-03-28T03:00:00+00:00", window="22:00-05:00", zone=BERLIN)


def test_the_hour_that_is_repeated_opens_a_window_twice():
    # On 2026-10-25 the clocks of Berlin go from 03:00 back to 02:00.
    for moment in ("2026-10-25T00:30:00+00:00", "2026-10-25T01:30:00+00:00"):
        assert is_open(moment, window="02:00-03:00", zone=BERLIN)
    assert not is_open("2026-10-25T02:00:00+00:00", window="02:00-03:00", zone=BERLIN)


@pytest.mark.parametrize(
    ("now", "options", "told"),
    [
        ("2026-11-26T12:00:00+00:00", {"window": "22:00-05:00"}, "2026-11-26T22:00:00+00:00"),
        ("2026-11-26T06:00:00+00:00", {"window": "09:00-10:00", "days": ["sun"]}, "2026-11-29T09:00:00+00:00"),
        ("2026-12-24T12:00:00+00:00", {"freeze": ["2026-12-20..2027-01-06"]}, "2027-01-07T00:00:00+00:00"),
        (
            "2026-12-24T23:00:00+00:00",
            {"window": "22:00-05:00", "freeze": ["2026-12-24"]},
            "2026-12-25T00:00:00+00:00",
        ),
        # 02:30 is left out on that day, and 03:30 is in the window
        ("2027-03-28T00:00:00+00:00", {"window": "02:30-04:00", "zone": BERLIN}, "2027-03-28T03:30:00+02:00"),
    ],
)
def test_when_it_opens_next(now, options, told):
    options = {"window": None, "days": (), "freeze": (), "zone": None, **options}
    calendar = read_calendar(options["window"], options["days"], options["freeze"], options["zone"])
    assert calendar.opens_next(at(now)) == at(told)
    assert calendar.why_closed(at(told)) is None


def test_a_freeze_without_end_is_told_as_such():
    calendar = read_calendar(None, [], ["2020-01-01..2199-12-31"], None)
    assert calendar.opens_next(at("2026-11-26T00:00:00+00:00")) is None
    assert calendar.why_closed(at("2026-11-26T00:00:00+00:00")).endswith("It does not open within a year.")


def test_the_reason_names_the_time_and_the_zone():
    told = read_calendar("22:00-05:00", [], [], BERLIN).why_closed(at("2026-11-26T12:00:00+00:00"))
    assert told == (
        "The maintenance window is closed: it is thu 2026-11-26 13:00 (Europe/Berlin)."
        " It opens next on thu 2026-11-26 22:00 (Europe/Berlin)."
    )


@pytest.mark.parametrize(
    ("window", "days", "freeze", "zone", "named"),
    [
        ("22-5", [], [], None, "window: '22-5'"),
        ("22:00-22:00", [], [], None, "window: "),
        ("25:00-26:00", [], [], None, "window: "),
        ("24:00-05:00", [], [], None, "window: "),
        ("22:00", [], [], None, "window: "),
        (None, ["someday"], [], None, "days: 'someday'"),
        (None, [], ["2026-13-01"], None, "freeze: '2026-13-01'"),
        (None, [], ["2027-01-06..2026-12-20"], None, "freeze: "),
        (None, [], ["2026-12-20..", ""], None, "freeze: "),
        (None, [], [], "Mars/Olympus", "timezone: 'Mars/Olympus'"),
        (None, [], [], "../../etc/passwd", "timezone: "),
    ],
)
def test_what_cannot_be_understood_is_refused(window, days, freeze, zone, named):
    with pytest.raises(WindowError, match="write it"):
        read_calendar(window, days, freeze, zone)
    try:
        read_calendar(window, days, freeze, zone)
    except WindowError as error:
        assert str(error).startswith(named)
