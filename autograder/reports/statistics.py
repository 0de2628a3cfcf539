"""What a class did with each exercise: verdict counts, mean score, and where it most often went wrong."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterator

from autograder.feedback.cleaning import clean
from autograder.feedback.words import failing
from autograder.grading.verdict import ExerciseResult, Report, SubmissionResult, Verdict


@dataclasses.dataclass(frozen=True)
class Item:
    """One exercise over a class. Faults have no score and count in no mean or share.

    mean: mean score of those graded, None if there is none.  discrimination: the correlation of the score with the
    rest of the total (None below three students or without any spread).  often_fails, usual_slip: the most frequent
    one, with how many submissions it concerns.
    """

    name: str
    title: str
    points: float
    verdicts: dict[Verdict, int]
    mean: float | None
    discrimination: float | None
    often_fails: tuple[str, int] | None
    usual_slip: tuple[str, int] | None

    @property
    def graded(self) -> int:
        """Submissions with a score."""
        return sum(self.verdicts.values()) - self.verdicts.get(Verdict.FAULT, 0)

    @property
    def right(self) -> float:
        """The share of those graded that are right."""
        return self.verdicts.get(Verdict.RIGHT, 0) / self.graded if self.graded else 0.0


@dataclasses.dataclass(frozen=True)
class FaultLine:
    """Something that could not be graded, for the person who must look at it."""

    student: str
    exercise: str
    reason: str


def exercise_names(report: Report) -> list[str]:
    """Every exercise of the run, in the order in which submissions first show it."""
    return list(dict.fromkeys(e.name for submission in report.submissions for e in submission.exercises))


def in_order(report: Report) -> list[SubmissionResult]:
    """The submissions by student, as a reader of a list would look them up."""
    return sorted(report.submissions, key=lambda s: (s.student.casefold(), s.student, s.path))


def items(report: Report) -> list[Item]:
    """One Item per exercise."""
    return [_item(report, name) for name in exercise_names(report)]


def faults(report: Report) -> Iterator[FaultLine]:
    """Everything without a score, by student."""
    for submission in in_order(report):
        for exercise in submission.exercises:
            if exercise.verdict is Verdict.FAULT:
                reason = clean(exercise.reason, 400) or "no reason given"
                yield FaultLine(clean(submission.student, 100), clean(exercise.name, 100), reason)


def _item(report: Report, name: str) -> Item:
    pairs = [(s, e) for s in report.submissions for e in s.exercises if e.name == name]
    results = [e for _, e in pairs]
    scores = [e.score for e in results if e.score is not None]
    failed = [p.sentence for e in results for p in failing(e)[:1]]
    slips = [e.misconception.name.replace("_", " ") for e in results if e.misconception is not None]
    return Item(
        name=clean(name, 100),
        title=clean(next((e.title for e in results if e.title), ""), 200),
        points=max((e.points for e in results), default=0.0),
        verdicts={verdict: n for verdict in Verdict if (n := sum(e.verdict is verdict for e in results))},
        mean=sum(scores) / len(scores) if scores else None,
        discrimination=_discrimination(pairs),
        often_fails=_most(failed),
        usual_slip=_most(slips),
    )


def _most(texts: list[str]) -> tuple[str, int] | None:
    """The most frequent text; among equals the first in the alphabet, whatever the order of submissions."""
    if not texts:
        return None
    text, number = min(Counter(texts).items(), key=lambda pair: (-pair[1], pair[0]))
    return clean(text, 160), number


def _discrimination(pairs: list[tuple[SubmissionResult, ExerciseResult]]) -> float | None:
    known = [(e.score, s.score - e.score) for s, e in pairs if e.score is not None and s.score is not None]
    if len(known) < 3:
        return None
    n = len(known)
    mean = [sum(pair[i] for pair in known) / n for i in (0, 1)]
    spread = [sum((pair[i] - mean[i]) ** 2 for pair in known) for i in (0, 1)]
    if min(spread) <= 0:
        return None
    product: float = sum((a - mean[0]) * (b - mean[1]) for a, b in known)
    return product / math.sqrt(spread[0] * spread[1])
