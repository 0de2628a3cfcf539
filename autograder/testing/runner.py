"""Runs the properties of one exercise on one student and says what became of each."""

from __future__ import annotations

import dataclasses
import enum
import time
from collections.abc import Iterator, Sequence
from typing import Any

from autograder.testing.ahead import Ahead
from autograder.testing.outcomes import (
    Call,
    Fault,
    Interrupted,
    OutOfMemory,
    StudentError,
    TimedOut,
    Trace,
    Unsendable,
    WrongAnswer,
)
from autograder.testing.properties import Property
from autograder.testing.search import Options
from autograder.testing.student import Student

MAX_INTERRUPTIONS = 2
"""After so many timeouts, exhausted memories or dead processes the rest of the exercise is not tried."""


class Kind(enum.Enum):
    """What became of a property."""

    PASSED = "passed"
    WRONG = "wrong"
    ERROR = "error"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    NOT_TRIED = "not tried"


_INTERRUPTIONS: dict[type[Interrupted], Kind] = {TimedOut: Kind.TIMEOUT, OutOfMemory: Kind.MEMORY}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One property on one student.

    message: one sentence, "" when passed.  call, got: the simplest failing call and its answer.
    error: the student's exception, where that is why.
    """

    declared: Property
    kind: Kind
    message: str = ""
    call: Call | None = None
    expected: Any = None
    got: Any = None
    where: str = ""
    error: StudentError | None = None
    interrupted: bool = False
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether the property holds as far as was tried."""
        return self.kind is Kind.PASSED

    @property
    def trace(self) -> Trace:
        """The student's own line, for an exception."""
        return self.error.trace if self.error is not None else Trace()


def run_properties(properties: Sequence[Property], student: Student, options: Options) -> Iterator[Outcome]:
    """Try one property after the other. Fault passes through; everything a student does becomes an Outcome."""
    interruptions, ahead = 0, Ahead(properties, student, options)
    for number, tried in enumerate(properties):
        if interruptions >= MAX_INTERRUPTIONS:
            yield Outcome(tried, Kind.NOT_TRIED, "not tried: too many calls before it had to be stopped")
            continue
        if options.deadline is not None and time.monotonic() > options.deadline:
            yield Outcome(tried, Kind.TIMEOUT, "the time for this exercise was used up before this property was tried")
            interruptions = MAX_INTERRUPTIONS
            continue
        start = time.perf_counter()
        if ahead.holds(number):
            yield Outcome(tried, Kind.PASSED, seconds=time.perf_counter() - start)
            continue
        outcome = run_property(tried, student, options)
        interruptions += outcome.interrupted
        yield outcome


def run_property(tried: Property, student: Student, options: Options) -> Outcome:
    """Try one property."""
    start = time.perf_counter()
    student.begin(tried.promises)

    def outcome(kind: Kind, message: str = "", **more: Any) -> Outcome:
        more.setdefault("call", student.last)
        return Outcome(tried, kind, message, seconds=time.perf_counter() - start, **more)

    try:
        tried.run(student, options)
    except WrongAnswer as wrong:
        got = wrong.got if wrong.got is not None else student.answer
        return outcome(Kind.WRONG, wrong.message, expected=wrong.expected, got=got, where=wrong.where)
    except Unsendable as error:
        return outcome(Kind.WRONG, f"returns {error.text}, which is not plain data")
    except StudentError as error:
        return outcome(Kind.ERROR, str(error), error=error)
    except Interrupted as stopped:
        kind = _INTERRUPTIONS.get(type(stopped), Kind.ERROR)
        return outcome(kind, stopped.message, call=stopped.call or student.last, interrupted=True)
    except AssertionError as wrong:  # a plain assert in a property
        return outcome(Kind.WRONG, str(wrong) or tried.sentence, got=student.answer)
    except Exception as error:
        if student.finite:
            raise Fault(f"property {tried.name} of {tried.exercise}: {type(error).__name__}: {error}") from error
        return outcome(Kind.WRONG, "returns inf or nan where numbers belong", got=student.answer)
    return outcome(Kind.PASSED)
