"""``nbgrader export`` and ``autograder export``: marks for Canvas, per exercise as CSV, or all of it as JSON.

A student with an unresolved fault is left out of the set, and it says so. Cells that a spreadsheet would take for
formulas are made text.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nbgrader.plugins import ExportPlugin

from autograder.course.config import Course
from autograder.course.problems import ConfigError
from autograder.course.roster import Roster
from autograder.files import write_atomically
from autograder.nbgrader import gradebook
from autograder.nbgrader.feedback import unresolved
from autograder.nbgrader.setting import course_of, roster_of

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclasses.dataclass(frozen=True)
class Mark:
    """One student's mark for one set. exercises: score and points by grade cell; None waits for a person."""

    student: str
    lms_id: str
    name: str
    set: str
    exercises: dict[str, tuple[float | None, float]]
    penalty: float
    days_late: int
    handed_in: str

    @property
    def score(self) -> float:
        """What counts: the sum without the penalty."""
        raw = sum(score for score, _ in self.exercises.values() if score is not None)
        return round(max(0.0, raw - self.penalty), 4)

    @property
    def points(self) -> float:
        """What could be had."""
        return sum(points for _, points in self.exercises.values())

    @property
    def waiting(self) -> list[str]:
        """Grade cells that nobody has graded yet."""
        return [name for name, (score, _) in self.exercises.items() if score is None]


def marks(
    book: Any,
    course: Course,
    roster: Roster,
    sets: Sequence[str],
    warn: Callable[[str], None],
    students: Sequence[str] = (),
) -> list[Mark]:
    """All marks, by set and student, penalties brought up to date; ``warn`` hears who is left out."""
    gradebook.recompute_penalties(book, course, roster)
    found = []
    for name in sets or [a.name for a in book.assignments]:
        for submission in sorted(book.assignment_submissions(name), key=lambda s: s.student.id):
            student = submission.student.id
            if students and student not in students:
                continue
            if blocked := gradebook.faults(book, course, name, student):
                warn(f"{student} is left out of {name}: {unresolved(blocked)}")
                continue
            found.append(_mark(book, course, roster, submission))
    return found


def _mark(book: Any, course: Course, roster: Roster, submission: Any) -> Mark:
    student, name = submission.student.id, submission.assignment.name
    person = roster.people.get(student)
    cost = gradebook.late_work(book, course, roster, student).get(name)
    at = submission.timestamp
    return Mark(
        student=student,
        lms_id=person.lms_id if person else submission.student.lms_user_id or "",
        name=person.name if person else "",
        set=name,
        exercises={
            grade.name: (
                None if grade.needs_manual_grade and grade.manual_score is None else grade.score,
                grade.max_score,
            )
            for notebook in submission.notebooks
            for grade in sorted(notebook.grades, key=lambda g: g.name)
        },
        penalty=round(submission.late_submission_penalty or 0.0, 4),
        days_late=cost.days if cost else 0,
        handed_in="" if at is None else at.replace(tzinfo=datetime.UTC).astimezone(course.timezone).isoformat(" "),
    )


def cell(value: object) -> str:
    """A cell of a CSV file. Text that a spreadsheet would run as a formula gets an apostrophe in front."""
    text = "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) and not isinstance(value, (int, float)) else text


def canvas_csv(found: Sequence[Mark], course: Course) -> str:
    """As Canvas imports it: one row per student, one column per set."""
    sets = list(dict.fromkeys(mark.set for mark in found))
    titles = [course.sets[name].title if name in course.sets else name for name in sets]
    points = {mark.set: mark.points for mark in found}
    by_student: dict[str, dict[str, Mark]] = {}
    for mark in found:
        by_student.setdefault(mark.student, {})[mark.set] = mark
    rows: list[list[object]] = [["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *titles]]
    rows.append(["    Points Possible", "", "", "", "", *(points[name] for name in sets)])
    for student, by_set in sorted(by_student.items()):
        one = next(iter(by_set.values()))
        scores = [by_set[name].score if name in by_set else "" for name in sets]
        rows.append([one.name or student, one.lms_id, "", student, "", *scores])
    return _csv(rows)


def exercises_csv(found: Sequence[Mark], course: Course) -> str:
    """One row per student, set and exercise."""
    rows: list[list[object]] = [["student", "lms_id", "name", "set", "exercise", "score", "points", "status"]]
    for mark in found:
        about = [mark.student, mark.lms_id, mark.name, mark.set]
        for name, (score, points) in mark.exercises.items():
            rows.append([*about, name, score, float(points), "to be graded" if score is None else "graded"])
        rows.append([*about, "late penalty", -mark.penalty if mark.penalty else 0.0, "", f"{mark.days_late} days late"])
        rows.append([*about, "total", mark.score, float(mark.points), "incomplete" if mark.waiting else "complete"])
    return _csv(rows)


def as_json(found: Sequence[Mark], course: Course) -> str:
    """Everything, for programs."""
    return json.dumps(
        {
            "schema": 1,
            "course": course.id,
            "marks": [
                {
                    "student": mark.student,
                    "lms_id": mark.lms_id,
                    "name": mark.name,
                    "set": mark.set,
                    "handed_in": mark.handed_in,
                    "days_late": mark.days_late,
                    "penalty": mark.penalty,
                    "score": mark.score,
                    "points": mark.points,
                    "waiting": mark.waiting,
                    "exercises": {n: {"score": s, "points": p} for n, (s, p) in mark.exercises.items()},
                }
                for mark in found
            ],
        },
        indent=2,
    )


FORMATS: dict[str, tuple[Callable[[Sequence[Mark], Course], str], str]] = {
    "canvas": (canvas_csv, "canvas.csv"),
    "csv": (exercises_csv, "exercises.csv"),
    "json": (as_json, "marks.json"),
}


def _csv(rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([cell(value) for value in row] for row in rows)
    return text.getvalue()


class _Export(ExportPlugin):
    format = ""

    def export(self, gradebook: Any) -> None:
        """Part of nbgrader's protocol. The file is for its owner alone."""
        write, default = FORMATS[self.format]
        try:
            course, roster = course_of(self), roster_of(self)
        except ConfigError as error:
            raise SystemExit(f"autograder: {error}") from None
        found = marks(
            gradebook, course, roster, list(map(str, self.assignment)), self.log.warning, list(map(str, self.student))
        )
        target = Path(self.to or default)
        write_atomically(target, write(found, course).encode("utf-8"), mode=0o600)
        self.log.info(f"{len(found)} marks written to {target}")


class PerExercise(_Export):
    """``--exporter autograder.nbgrader.export.PerExercise``: one row per student and exercise."""

    format = "csv"


class Canvas(_Export):
    """``--exporter autograder.nbgrader.export.Canvas``: as Canvas imports it."""

    format = "canvas"


class Json(_Export):
    """``--exporter autograder.nbgrader.export.Json``: for programs."""

    format = "json"
