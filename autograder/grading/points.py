"""From a verdict to points. Imports nothing that grades, so that a stored verdict becomes a score at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from autograder.grading.verdict import ExerciseResult, PropertyResult, SubmissionResult, Verdict


def score_of(
    verdict: Verdict, properties: Sequence[PropertyResult], points: float, weights: Mapping[str, float]
) -> float | None:
    """Points for one exercise: None for a fault, 0 below the gate or for a broken rule, else by weight of what passed.

    weights: replaces the weights that the properties declare, by property name.
    """
    if verdict is Verdict.FAULT:
        return None
    if verdict in (Verdict.RULE, Verdict.MISSING) or any(p.gate and not p.passed for p in properties):
        return 0.0
    if verdict is Verdict.RIGHT:
        return points
    total = sum(weights.get(p.name, p.weight) for p in properties)
    passed = sum(weights.get(p.name, p.weight) for p in properties if p.passed)
    return round(points * passed / total, 4) if total > 0 else 0.0


def with_policy(result: ExerciseResult, points: float, weights: Mapping[str, float]) -> ExerciseResult:
    """The result under the course's points and weights, which the stored verdict does not know."""
    score = score_of(result.verdict, result.properties, points, weights)
    return msgspec.structs.replace(result, score=score, points=points)


def total(path: str, student: str, exercises: list[ExerciseResult], notes: Sequence[str] = ()) -> SubmissionResult:
    """The sum over exercises: no score while one of them is a fault."""
    scores = [exercise.score for exercise in exercises]
    known = [score for score in scores if score is not None]
    return SubmissionResult(
        path=path,
        student=student,
        score=round(sum(known), 4) if len(known) == len(scores) else None,
        points=sum(exercise.points for exercise in exercises),
        exercises=exercises,
        notes=list(notes),
    )
