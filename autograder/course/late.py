"""What late work costs: grace, free days over the whole course, percent per day, extensions.

A day ends at the same local time as the day before, also where clocks change: a set due at 23:59 is one day late until
23:59 of the next day, be it 23, 24 or 25 hours later.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Mapping

NO_EXTENSION = datetime.timedelta(0)


@dataclasses.dataclass(frozen=True)
class LateRule:
    """The rule of grading.yml. grace_minutes: so late is not late.  late_days: free days over the whole course.

    percent_per_day: of the score, for every further day begun.  max_percent: of the score, at most.
    """

    grace_minutes: float = 0.0
    late_days: float = 0.0
    percent_per_day: float = 0.0
    max_percent: float = 100.0


@dataclasses.dataclass(frozen=True)
class HandedIn:
    """One student's hand-in of one set. due, closes: aware, in the course's time zone.  at: aware, in any.

    extension: moves both dates, in local time.
    """

    set: str
    due: datetime.datetime
    at: datetime.datetime
    rule: LateRule
    closes: datetime.datetime | None = None
    extension: datetime.timedelta = NO_EXTENSION


@dataclasses.dataclass(frozen=True)
class Lateness:
    """days: begun after the due date and the grace.  free: of them, paid from the late days.  percent: of the score."""

    days: int
    free: int
    percent: float
    closed: bool = False


def later(moment: datetime.datetime, by: datetime.timedelta) -> datetime.datetime:
    """``moment`` moved in local time: a day later is the same time on the next day. A skipped time is the one after."""
    moved = (moment.replace(tzinfo=None) + by).replace(tzinfo=moment.tzinfo, fold=1)
    there_and_back = moved.astimezone(datetime.UTC).astimezone(moment.tzinfo)
    if there_and_back.replace(tzinfo=None) != moved.replace(tzinfo=None):  # skipped: read it by the clock before
        moved = moved.replace(fold=0)
    return moved


def days_late(hand_in: HandedIn) -> int:
    """Days begun after the due date: 0 within the grace."""
    due = later(hand_in.due, hand_in.extension)
    at = hand_in.at.astimezone(datetime.UTC)
    if at <= due.astimezone(datetime.UTC) + datetime.timedelta(minutes=hand_in.rule.grace_minutes):
        return 0
    days = max(1, (at - due.astimezone(datetime.UTC)).days - 1)  # clocks move by less than a day
    while later(due, datetime.timedelta(days=days)).astimezone(datetime.UTC) < at:
        days += 1
    return days


def lateness(hand_ins: Iterable[HandedIn]) -> Mapping[str, Lateness]:
    """What lateness costs one student, by set. Late days are spent in the order of the due dates."""
    result: dict[str, Lateness] = {}
    spent = 0
    for hand_in in sorted(hand_ins, key=lambda h: (h.due.astimezone(datetime.UTC), h.set)):
        days = days_late(hand_in)
        closes = hand_in.closes and later(hand_in.closes, hand_in.extension)
        if closes is not None and hand_in.at.astimezone(datetime.UTC) > closes.astimezone(datetime.UTC):
            result[hand_in.set] = Lateness(days, 0, 100.0, closed=True)
            continue
        free = min(days, max(0, int(hand_in.rule.late_days) - spent))
        spent += free
        percent = min(hand_in.rule.max_percent, (days - free) * hand_in.rule.percent_per_day)
        result[hand_in.set] = Lateness(days, free, percent)
    return result
