"""Grades one exercise of one submission: properties, rules, diagnosis, verdict."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

import msgspec

from autograder.grading.credit import verdict_of
from autograder.grading.diagnosis import diagnose
from autograder.grading.reasons import own_line, property_result, reason_of
from autograder.grading.store import StoredCounterexample
from autograder.grading.submission import Sources
from autograder.grading.verdict import ExerciseResult, PropertyResult, Verdict
from autograder.testing.assertions import known_kind
from autograder.testing.bank import Entry
from autograder.testing.outcomes import Fault, Interrupted, OutOfMemory, StudentError, TimedOut
from autograder.testing.properties import Property
from autograder.testing.rules import Rule
from autograder.testing.runner import Kind, Outcome, run_properties
from autograder.testing.search import Options
from autograder.testing.student import Student


@dataclasses.dataclass(frozen=True)
class Graded:
    """A result with its counterexamples, exactly."""

    result: ExerciseResult
    counterexamples: tuple[StoredCounterexample, ...] = ()


def grade_exercise(
    entry: Entry, student: Student, sources: Sources, options: Options, properties: Sequence[Property] | None = None
) -> Graded:
    """Try every property (or only ``properties``) of the exercise. Points are added by credit.with_policy."""
    start = time.perf_counter()
    try:
        refused = _unusable(entry, student, sources)
        if refused is not None:
            return Graded(_finish(entry, refused[0], refused[1], start))
        outcomes = list(run_properties(entry.properties if properties is None else properties, student, options))
        rules = _rules(entry, student, sources)
        broken = [rule.message for rule in rules if not rule.passed]
        verdict = verdict_of(outcomes, broken)
        results = [property_result(entry.record, outcome, sources) for outcome in outcomes]
        shown = [*(result for result, _ in results), *rules]
        reason = reason_of(verdict, shown, broken, {o.declared.name: o.kind for o in outcomes})
        result = _finish(entry, verdict, reason, start, shown)
        if verdict in (Verdict.WRONG, Verdict.ERROR, Verdict.RULE):
            result = _explained(entry, student, sources, outcomes, result)
        return Graded(result, tuple(stored for _, stored in results if stored is not None))
    except Fault as fault:
        return Graded(fault_result(entry, str(fault), start))
    except Exception as error:  # the grader's own mistake, in a property or in the reference: never a score
        return Graded(fault_result(entry, f"{type(error).__name__}: {error}", start))


def fault_result(entry: Entry, why: str, start: float | None = None) -> ExerciseResult:
    """The grader broke: no score, and the text is for staff."""
    reason = f"The grader could not finish this exercise; a human will look at it ({why})."
    return _finish(entry, Verdict.FAULT, reason, time.perf_counter() if start is None else start)


def missing_result(entry: Entry, why: str) -> ExerciseResult:
    """Nothing was handed in for this exercise."""
    return _finish(entry, Verdict.MISSING, why, time.perf_counter())


def _unusable(entry: Entry, student: Student, sources: Sources) -> tuple[Verdict, str] | None:
    """Why the functions cannot be called at all, if they cannot."""
    try:
        missing = [function.name for function in entry.record.functions if not student.has(function.name)]
    except TimedOut:
        return Verdict.TIMEOUT, "Takes too long: the code outside your functions did not finish."
    except OutOfMemory:
        return Verdict.MEMORY, "Needs too much memory: the code outside your functions used all there is."
    except Interrupted as interrupted:
        return Verdict.ERROR, f"Could not be loaded: {interrupted.message}."
    if not missing:
        return None
    text = f"There is no function named {' and no function named '.join(missing)}."
    if not student.failures:
        return Verdict.MISSING, text
    first = student.failures[0]
    failed = f"{sources.locate(first.file, first.line)}: {known_kind(first.kinds)}: {first.text}"
    if "SyntaxError" in first.kinds:
        return Verdict.ERROR, f"Python cannot read your file: {failed}."
    return Verdict.MISSING, f"{text} The first statement that failed is {failed}."


def _rules(entry: Entry, student: Student, sources: Sources) -> list[PropertyResult]:
    """One result per rule, by reading the sources and by counting operators on the dense cases."""
    names = [function.name for function in entry.record.functions]
    results = []
    for rule in entry.record.rules:
        if rule.name in entry.void:
            continue
        broken = rule.read(sources, names)
        broken = broken or _counted(entry, student, rule)
        results.append(
            PropertyResult(
                name=rule.name,
                public=True,
                passed=broken is None,
                message=broken or "",
                counterexample=None,
                sentence=rule.sentence,
                weight=0.0,
            )
        )
    return results


def _counted(entry: Entry, student: Student, rule: Rule) -> str | None:
    """What the operators that ran say. They are self-reported, so they can only deny."""
    for function in entry.record.functions:
        for case in function.cases.dense:
            arguments = case.arguments(function.parsed)
            try:
                broken = rule.count(student.operators(function.name, arguments), arguments)
            except (StudentError, Interrupted):
                return None
            if broken is not None:
                return broken
    return None


def _explained(
    entry: Entry, student: Student, sources: Sources, outcomes: Sequence[Outcome], result: ExerciseResult
) -> ExerciseResult:
    calls = [outcome.call for outcome in outcomes if outcome.kind is Kind.WRONG and outcome.call is not None]
    line = next((own_line(o, sources) for o in outcomes if o.error is not None and o.declared.public), "")
    found = diagnose(entry, student, calls)
    return msgspec.structs.replace(result, misconception=found, student_line=line)


def _finish(
    entry: Entry, verdict: Verdict, reason: str, start: float, properties: Sequence[PropertyResult] = ()
) -> ExerciseResult:
    return ExerciseResult(
        name=entry.record.name,
        title=entry.record.title,
        verdict=verdict,
        score=None,
        points=0.0,
        properties=list(properties),
        misconception=None,
        seconds=round(time.perf_counter() - start, 4),
        reason=reason,
    )
