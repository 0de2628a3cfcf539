"""What late work costs, and when a day is over."""

from __future__ import annotations

import datetime
import zoneinfo

import pytest

from autograder.course.dates import instant
from autograder.course.late import HandedIn, Lateness, LateRule, days_late, lateness, later

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
RULE = LateRule(grace_minutes=15, late_days=2, percent_per_day=10, max_percent=50)


def handed_in(at, due="2026-09-21 23:59", name="ps", rule=RULE, closes=None, **extension):
    return HandedIn(
        name,
        instant(due, BERLIN),
        instant(at, BERLIN),
        rule,
        closes and instant(closes, BERLIN),
        datetime.timedelta(**extension),
    )


@pytest.mark.parametrize(
    ("at", "days"),
    [
        ("2026-09-20 12:00", 0),
        ("2026-09-21 23:59", 0),
        ("2026-09-22 00:14", 0),
        ("2026-09-22 00:14:01", 1),
        ("2026-09-22 23:59", 1),
        ("2026-09-22 23:59:01", 2),  # the grace is for the due date alone
        ("2026-10-21 23:59", 30),
    ],
)
def test_a_day_begins_after_the_grace(at, days):
    assert days_late(handed_in(at)) == days


def test_a_day_ends_at_the_same_local_time_when_clocks_go_back():
    """On 2026-10-25 Berlin's clocks go back: the day from 23:59 to 23:59 has 25 hours."""
    due = "2026-10-24 23:59"
    assert days_late(handed_in("2026-10-25 23:59", due)) == 1
    assert days_late(handed_in("2026-10-25 23:59:30", due)) == 2


def test_a_day_ends_at_the_same_local_time_when_clocks_go_forward():
    """On 2026-03-29 it has 23 hours: 23.5 hours late is two days late."""
    due = "2026-03-28 23:59"
    assert days_late(handed_in("2026-03-29 23:59", due)) == 1
    assert days_late(handed_in("2026-03-30 00:29", due)) == 2


def test_an_extension_over_a_change_of_clocks_keeps_the_local_time():
    moved = later(instant("2026-10-24 23:59", BERLIN), datetime.timedelta(days=2))
    assert moved.astimezone(datetime.UTC) == datetime.datetime(2026, 10, 26, 22, 59, tzinfo=datetime.UTC)


def test_an_extension_to_a_time_that_is_skipped_ends_after_the_gap():
    moved = later(instant("2026-03-28 02:30", BERLIN), datetime.timedelta(days=1))
    assert moved.astimezone(datetime.UTC) == datetime.datetime(2026, 3, 29, 1, 30, tzinfo=datetime.UTC)


def test_the_hour_that_comes_twice_is_on_time_to_its_end():
    due = instant("2026-10-25 02:30", BERLIN)
    second = datetime.datetime(2026, 10, 25, 1, 30, tzinfo=datetime.UTC)
    rule = LateRule(percent_per_day=10)
    assert days_late(HandedIn("ps", due, second, rule)) == 0
    assert days_late(HandedIn("ps", due, second + datetime.timedelta(seconds=1), rule)) == 1


def test_percent_per_day_up_to_the_most():
    rule = LateRule(percent_per_day=10, max_percent=35)
    percents = [
        lateness([handed_in(f"2026-09-{day} 12:00", rule=rule)])["ps"].percent for day in (21, 22, 23, 24, 25, 28)
    ]
    assert percents == [0, 10, 20, 30, 35, 35]


def test_late_days_are_spent_over_the_course_in_the_order_of_the_due_dates():
    second = handed_in("2026-10-03 12:00", "2026-10-01 23:59", "b")
    first = handed_in("2026-09-22 12:00", name="a")
    assert lateness([second, first]) == {"a": Lateness(1, 1, 0.0), "b": Lateness(2, 1, 10.0)}


def test_an_extension_moves_the_due_date_and_the_closing_date():
    at, closes = "2026-09-24 23:00", "2026-09-23 12:00"
    assert lateness([handed_in(at, closes=closes)])["ps"] == Lateness(3, 0, 100.0, closed=True)
    assert lateness([handed_in(at, closes=closes, days=3)])["ps"] == Lateness(0, 0, 0.0)


def test_what_came_after_closing_spends_no_late_days():
    closed = handed_in("2026-09-24 23:00", closes="2026-09-23 12:00", name="a")
    late = handed_in("2026-10-03 12:00", "2026-10-01 23:59", "b")
    assert lateness([closed, late])["b"] == Lateness(2, 2, 0.0)
