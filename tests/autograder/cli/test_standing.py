"""The sentence at the end of a check: how far that is, and what comes next."""

from __future__ import annotations

import zoneinfo
from pathlib import Path

import pytest

from autograder.cli.standing import Standing
from autograder.course.config import Bank, Course, ExercisePolicy, Limits, ProblemSet
from autograder.grading.verdict import ExerciseResult, Verdict

FIRST = {"alpha": 1.0, "beta": 2.5, "gamma": 4.0}


def course(**sets):
    policies = {
        name: ProblemSet(name, name.title(), {exercise: ExercisePolicy(points) for exercise, points in worth.items()})
        for name, worth in (sets or {"first": FIRST}).items()
    }
    return Course(Path("grading.yml"), "c", "C", zoneinfo.ZoneInfo("UTC"), Bank(Path("public")), Limits(), policies)


def standing(verdicts, asked=(), **sets):
    made = Standing(course(**sets), asked)
    for name, verdict in verdicts.items():
        reason = "raises NotImplementedError" if verdict == "stub" else ""
        known = Verdict.ERROR if verdict == "stub" else Verdict(verdict)
        made.results[name] = ExerciseResult(
            name=name,
            title=name,
            verdict=known,
            score=None,
            points=0.0,
            properties=[],
            misconception=None,
            seconds=0.0,
            reason=reason,
        )
    return made


@pytest.mark.parametrize(
    ("verdicts", "last", "right"),
    [
        ({"alpha": "right", "beta": "stub", "gamma": "missing"}, "1 of 3 right, next: beta (2.5 points).", True),
        ({"alpha": "wrong", "beta": "right", "gamma": "missing"}, "1 of 3 right, next: alpha (1 point).", False),
        ({"alpha": "right", "beta": "right", "gamma": "right"}, "3 of 3 right.", True),
    ],
)
def test_the_first_that_is_not_right_comes_next(verdicts, last, right):
    known = standing(verdicts)
    assert known.sentences()[-1] == last
    assert known.right is right
    assert known.sentences()[0].startswith("Every public property holds") is right


def test_where_nothing_is_begun_the_first_one_is_named():
    known = standing({"alpha": "stub", "beta": "missing", "gamma": "missing"})
    assert not known.right
    assert known.sentences() == [
        "None of the course's exercises is in this file yet. 'autograder exercises' lists them. "
        "Begin with alpha (1 point)."
    ]


@pytest.mark.parametrize(
    ("asked", "verdicts", "last"),
    [
        (("alpha",), {"alpha": "right"}, "1 of 1 right, next: beta (2.5 points)."),
        (("alpha",), {"alpha": "missing"}, "0 of 1 right, next: alpha (1 point)."),
        (("gamma",), {"gamma": "right"}, "1 of 1 right."),
    ],
)
def test_after_what_was_asked_for_comes_what_follows_it(asked, verdicts, last):
    known = standing(verdicts, asked)
    assert known.sentences()[-1] == last
    assert known.right is (verdicts[asked[0]] == "right")


def test_only_sets_that_were_begun_are_counted_each_by_its_name():
    known = standing({"b": "right", "c": "missing"}, one={"a": 1.0}, two={"b": 1.0, "c": 1.0})
    assert known.sentences()[1:] == ["two: 1 of 2 right, next: c (1 point)."]


def test_exercises_are_tried_in_the_order_of_the_course():
    assert standing({}).to_try(["gamma", "other", "alpha", "beta"]) == ["alpha", "beta", "gamma"]
    assert standing({}, ("other", "beta")).to_try(["other", "beta", "alpha"]) == ["beta", "other"]
