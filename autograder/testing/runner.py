"""Runs the properties of one exercise on one student and says what became of each."""

from __future__ import annotations

import dataclasses
import enum
import time
from collections.abc import Iterator, Sequence
from typing import Any

from autograder.testing.outcomes import Call, Interrupted, OutOfMemory, StudentError, TimedOut, Trace, WrongAnswer
from autograder.testing.properties import Property
from autograder.testing.search import Options
from autograder.testing.student import Student

MAX_TIMEOUTS = 2
"""After so many timeouts the rest of the exercise is not tried."""


class Kind(enum.Enum):
    """What became of a property."""

    PASSED = "passed"
    WRONG = "wrong"
    ERROR = "error"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    NOT_TRIED = "not tried"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One property on one student.

    message: one sentence, "" when passed.  call, got: the simplest failing call and its answer.
    error: the student's exception, where that is why.
    """

    property: Property
    kind: Kind
    message: str = ""
    call: Call | None = None
    expected: Any = None
    got: Any = None
    where: str = ""
    error: StudentError | None = None
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
    timeouts = 0
    for tried in properties:
        if timeouts >= MAX_TIMEOUTS:
            yield Outcome(tried, Kind.NOT_TRIED, f"not tried: {timeouts} calls before it took too long")
            continue
        if options.deadline is not None and time.monotonic() > options.deadline:
            yield Outcome(tried, Kind.TIMEOUT, "the time for this exercise was used up before this property was tried")
            timeouts = MAX_TIMEOUTS
            continue
        outcome = run_property(tried, student, options)
        timeouts += outcome.kind is Kind.TIMEOUT
        yield outcome


def run_property(tried: Property, student: Student, options: Options) -> Outcome:
    """Try one property."""
    start = time.perf_counter()
    student.last = student.answer = None

    def outcome(kind: Kind, message: str = "", **more: Any) -> Outcome:
        more.setdefault("call", student.last)
        return Outcome(tried, kind, message, seconds=time.perf_counter() - start, **more)

    try:
        tried.run(student, options)
    except WrongAnswer as wrong:
        got = wrong.got if wrong.got is not None else student.answer
        return outcome(Kind.WRONG, wrong.message, expected=wrong.expected, got=got, where=wrong.where)
    except StudentError as error:
        return outcome(Kind.ERROR, str(error), error=error)
    except TimedOut as interrupted:
        return outcome(Kind.TIMEOUT, interrupted.message, call=interrupted.call or student.last)
    except OutOfMemory as interrupted:
        return outcome(Kind.MEMORY, interrupted.message, call=interrupted.call or student.last)
    except Interrupted as interrupted:
        return outcome(Kind.ERROR, interrupted.message, call=interrupted.call or student.last)
    except AssertionError as wrong:  # a plain assert in a property
        return outcome(Kind.WRONG, str(wrong) or tried.sentence, got=student.answer)
    return outcome(Kind.PASSED)
