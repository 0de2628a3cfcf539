"""Names the misconception behind a wrong answer: a known wrong function that gives the student's very answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from autograder.grading.verdict import Misconception
from autograder.testing.answers import KnownAnswer
from autograder.testing.bank import Entry
from autograder.testing.compare import compare
from autograder.testing.outcomes import Call, Interrupted, StudentError
from autograder.testing.record import Function
from autograder.testing.student import Student
from autograder.testing.values import map_tensors, upcast

Answered = tuple[tuple[Any, ...], Any]


def diagnose(entry: Entry, student: Student, counterexamples: Sequence[Call]) -> Misconception | None:
    """The first known misconception that agrees with the student on every probe and is wrong on one of them."""
    student.begin({})  # an answer of the wrong form may be a known one, too
    for function in entry.record.functions:
        suspects = [known for known in entry.misconceptions if known.function == function.name]
        if not suspects:
            continue
        try:
            answered = [
                (arguments, _answer(student, function, arguments)) for arguments in _probes(function, counterexamples)
            ]
        except Interrupted:
            return None
        for probes in (answered, _valid(entry, function, answered)):
            for known in suspects:
                if _explains(entry, function, known, probes):
                    return Misconception(name=known.name, hint=known.hint)
    return None


def _valid(entry: Entry, function: Function, answered: Sequence[Answered]) -> list[Answered]:
    """Without the bad inputs: who makes a known mistake may have forgotten to reject them as well."""
    return [(arguments, got) for arguments, got in answered if not _rejected(entry, function, arguments)]


def _rejected(entry: Entry, function: Function, arguments: tuple[Any, ...]) -> bool:
    try:
        (entry.references or {})[function.name](*upcast(arguments))
    except Exception:
        return True
    return False


def _probes(function: Function, counterexamples: Sequence[Call]) -> Iterator[tuple[Any, ...]]:
    """Counterexamples, fixed cases and bad inputs: where mistakes differ from the truth and from each other."""
    for call in counterexamples:
        if call.function == function.name and len(call.arguments) == len(function.parsed.parameters):
            yield call.arguments
    for case in function.cases.fixed():
        yield case.arguments(function.parsed)
    for bad in function.bad_inputs:
        yield bad.make()


def _answer(student: Student, function: Function, arguments: tuple[Any, ...]) -> Any:
    try:
        return student.call(function.name, arguments)
    except StudentError as error:
        return error


def _explains(entry: Entry, function: Function, known: KnownAnswer, answered: Sequence[Answered]) -> bool:
    references = entry.references
    if references is None or not all(_same(known.answer, function, arguments, got) for arguments, got in answered):
        return False
    return not all(_same(references[function.name], function, arguments, got) for arguments, got in answered)


def _same(answer: Any, function: Function, arguments: tuple[Any, ...], got: Any) -> bool:
    """Whether ``answer`` gives ``got`` on these arguments: the same value, or an exception of the same class."""
    try:
        expected = answer(*map_tensors(arguments, lambda tensor: tensor.clone()))
    except Exception as error:
        return isinstance(got, StudentError) and type(error).__name__ in got.kinds[:1]
    if isinstance(got, StudentError):
        return False
    result = compare(got, arguments, answer, expected=upcast(expected), through=function.compare_through)
    return result.verdict != "fail"
