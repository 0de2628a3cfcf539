"""What grading anew would change in the gradebook, before it does."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbgrader.api import MissingEntry

from autograder.grading.verdict import ExerciseResult, Report
from autograder.nbgrader import kept
from autograder.nbgrader.grade import points_of


@dataclasses.dataclass(frozen=True)
class Change:
    """One exercise of one student: the automatic score in the gradebook and the new one; None waits for a person.

    manual: a person's score, which stands whatever the engine says.
    """

    student: str
    exercise: str
    before: float | None
    now: float | None
    points: float
    manual: float | None = None

    @property
    def moved(self) -> bool:
        """Whether the automatic score changes."""
        return self.before != self.now


def changes(book: Any, root: Path, assignment: str, reports: Mapping[str, Report]) -> tuple[list[Change], list[str]]:
    """(changes by student and exercise, students to be graded anew). Unchanged exercises are not among the changes."""
    found: list[Change] = []
    anew: list[str] = []
    for student, report in reports.items():
        before = kept.read(root, {"assignment": assignment, "student": student})
        try:
            submission = book.find_submission(assignment, student)
        except MissingEntry:
            continue
        results = {result.name: result for result in report.submissions[0].exercises}
        own = [
            Change(student, g.name, g.auto_score, points_of(results[g.name], g.max_score), g.max_score, g.manual_score)
            for notebook in submission.notebooks
            for g in notebook.grades
            if g.name in results
        ]
        moved = [change for change in own if change.moved]
        found += moved
        if moved or before is None or _said(before) != _said(report):
            anew.append(student)
    return found, anew


def _said(report: Report) -> list[tuple[object, ...]]:
    """What a student would read, without what differs between any two runs."""
    return [_of(exercise) for exercise in report.submissions[0].exercises]


def _of(result: ExerciseResult) -> tuple[object, ...]:
    failed = [(p.name, p.passed, p.sentence, p.message) for p in result.properties]
    return result.name, result.verdict, result.score, result.reason, failed, result.misconception
