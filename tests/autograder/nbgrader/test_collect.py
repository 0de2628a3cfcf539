"""Which of several hand-ins counts."""

from __future__ import annotations

import dataclasses
import datetime

import pytest
from course_factory import make_course

from autograder.course.config import load_course
from autograder.course.late import LateRule
from autograder.course.roster import Person, Roster
from autograder.nbgrader.collect import chosen

ROSTER = Roster({"ben": Person("ben", extensions={"ps": datetime.timedelta(days=2)})})
DUE = datetime.datetime(2026, 10, 24, 21, 59, tzinfo=datetime.UTC)  # 23:59 in Zurich
HOURS = [-5, -1, 0.1, 30, 80]


@pytest.fixture
def course(tmp_path):
    path = make_course(tmp_path)
    path.write_text(path.read_text().replace("title: One,", 'title: One, due: "2026-10-24 23:59",'))
    read = load_course(path)
    late = dataclasses.replace(read.sets["ps"], late=LateRule(grace_minutes=10))
    return dataclasses.replace(read, sets={"ps": late})


def choice(course, which, student, hours=HOURS):
    hand_ins = [(DUE + datetime.timedelta(hours=hour), hour) for hour in hours]
    return chosen(hand_ins[::-1], dataclasses.replace(course, which=which), ROSTER, student, "ps")


def test_the_last_one(course):
    assert choice(course, "last", "ana") == 80


def test_the_last_on_time_with_the_grace(course):
    assert choice(course, "last_on_time", "ana") == 0.1
    assert choice(course, "last_on_time", "ana", [-5, 0.2]) == -5


def test_on_time_is_everyones_own(course):
    """Ben's two days end at 23:59 by the clock that went back an hour: 49 hours later."""
    assert choice(course, "last_on_time", "ben") == 30
    assert choice(course, "last_on_time", "ben", [1, 49, 49.5]) == 49


def test_where_none_was_on_time_the_first_late_one(course):
    assert choice(course, "last_on_time", "ana", [30, 80]) == 30


def test_a_set_without_a_date_takes_the_last(course):
    no_date = dataclasses.replace(course, sets={"ps": dataclasses.replace(course.sets["ps"], due=None)})
    assert choice(no_date, "last_on_time", "ana") == 80
