"""What can happen when a student's function is called: the vocabulary shared by students, properties and the runner.

An ordinary ``Exception`` may be shrunk by Hypothesis; a ``BaseException`` ends the property at once, so that no time
is spent shrinking through further timeouts and no false counterexample is reported.
"""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of a student's function, with the arguments as the grader holds them (never the student's copies)."""

    function: str
    arguments: tuple[Any, ...]


class WrongAnswer(AssertionError):
    """The student's values are not what the mathematics says.

    message: one sentence.  where: the first differing entry ("entry [0, 1]: 0.5 instead of 0.25") or "".
    expected, got: values, None when a property has no single expected value.
    """

    def __init__(self, message: str, *, where: str = "", expected: Any = None, got: Any = None) -> None:
        super().__init__(message)
        self.message, self.where, self.expected, self.got = message, where, expected, got


@dataclasses.dataclass(frozen=True)
class Trace:
    """Where an exception arose in the student's own code: the innermost frame that is theirs."""

    file: str = ""
    line: int = 0
    text: str = ""  # the source line itself


class StudentError(Exception):
    """The student's function raised where it should have answered.

    kinds: the names of the exception's classes, most special first, as the worker reported them (untrusted text).
    """

    def __init__(self, kinds: tuple[str, ...], text: str, trace: Trace | None = None) -> None:
        super().__init__(f"{kinds[0] if kinds else 'Exception'}: {text}")
        self.kinds, self.text, self.trace = kinds, text, trace or Trace()


class Unsendable(StudentError):
    """The function returned something that is not plain data, or is too large to be looked at."""

    def __init__(self, text: str) -> None:
        super().__init__(("TypeError",), text)


class Interrupted(BaseException):
    """The worker is gone; the property ends here. ``call`` is the call during which it happened."""

    def __init__(self, message: str, call: Call | None = None) -> None:
        super().__init__(message)
        self.message, self.call = message, call


class TimedOut(Interrupted):
    """A call, or the import of the submission, took longer than it may."""


class OutOfMemory(Interrupted):
    """A call needed more memory than the worker may use."""


class Died(Interrupted):
    """The student's code ended its process, or wrote to the grader's channel."""


class Fault(BaseException):
    """The grader itself broke (a dead zygote, a full disk, a broken reference): never the student's doing."""
