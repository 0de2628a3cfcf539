"""Dates of grading.yml: local times of the course, "2026-09-21 23:59", and the instants they mean."""

from __future__ import annotations

import datetime
import zoneinfo


def date_problem(text: str, zone: zoneinfo.ZoneInfo | None) -> str:
    """What is wrong with a date, "" if nothing is. A local time that clocks skip is no date."""
    try:
        naive = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        return f"{text!r} is not a date: {error}"
    if zone is not None and naive.tzinfo is None:
        there_and_back = naive.replace(tzinfo=zone).astimezone(datetime.UTC).astimezone(zone)
        if there_and_back.replace(tzinfo=None) != naive:
            return f"{text!r} does not exist in {zone.key}, where clocks go forward over it"
    return ""


def instant(text: str, zone: zoneinfo.ZoneInfo) -> datetime.datetime:
    """The date as an aware time. One that comes twice is meant the second time, in the students' favour."""
    return datetime.datetime.fromisoformat(text).replace(tzinfo=zone, fold=1)
