"""The search for a counterexample: fixed cases first, then Hypothesis draws and shrinks.

A fixed case that fails is kept while Hypothesis looks for a smaller one. The search ends when it has spent its calls,
so a slow function is not shrunk for minutes: the smallest failure seen so far is reported.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import hypothesis
import torch
from hypothesis.errors import Flaky, Unsatisfiable, UnsatisfiedAssumption
from hypothesis.strategies import SearchStrategy

from autograder.testing.outcomes import Call, WrongAnswer
from autograder.testing.profile import DEFAULT_EXAMPLES, property_seed, under_profile
from autograder.testing.record import Cases
from autograder.testing.student import Student
from autograder.testing.values import leaves

SHRINKS = 150
"""Runs of a property spent on making a counterexample smaller."""
EXTRA_DRAWS = 3
"""Draws of the other parameters of a property for each fixed case."""


@dataclasses.dataclass(frozen=True)
class Options:
    """How a run draws.

    deadline: on the clock of time.monotonic, after which no new input is tried.
    shrink: whether to look for a simpler input once a property has failed.
    """

    seed: int = 0
    examples: int = DEFAULT_EXAMPLES
    deadline: float | None = None
    shrink: bool = True

    def of(self, exercise: str, name: str) -> Options:
        """The options of one property: its own seed."""
        return dataclasses.replace(self, seed=property_seed(self.seed, exercise, name))


class _EnoughError(BaseException):
    """Ends Hypothesis's search."""


@dataclasses.dataclass
class _Failure:
    """A failure with what the student was asked and answered at that moment."""

    error: Exception
    call: Call | None
    answer: Any

    def numbers(self) -> int:
        """How many numbers a reader has to take in."""
        sizes = (
            leaf.numel() if isinstance(leaf, torch.Tensor) else 1 for leaf in leaves(self.call and self.call.arguments)
        )
        return sum(sizes)

    def raise_(self, student: Student) -> None:
        student.last, student.answer = self.call, self.answer
        raise self.error


def search(
    body: Callable[..., None], sources: dict[str, Cases[Any] | SearchStrategy[Any]], student: Student, options: Options
) -> None:
    """Run ``body`` on fixed cases and random draws; raise the simplest failure. Interrupted and Fault pass through."""
    if not sources:
        body(student)
        return
    failure = _fixed(body, sources, student, options)
    if failure is not None and not options.shrink:
        failure.raise_(student)
    strategies = {name: source.drawn if isinstance(source, Cases) else source for name, source in sources.items()}
    shorter = _drawn(body, strategies, student, options, failure is not None)
    found = [failure for failure in (shorter, failure) if failure is not None]
    if found:
        min(found, key=_Failure.numbers).raise_(student)


def _fixed(body: Callable[..., None], sources: dict[str, Any], student: Student, options: Options) -> _Failure | None:
    """The first fixed case that fails."""
    named = next((name for name, source in sources.items() if isinstance(source, Cases)), None)
    if named is None:
        return None
    others = {name: source for name, source in sources.items() if name != named}
    for case in sources[named].fixed():
        if not others:
            failure = _attempt(body, student, {named: case})
        else:
            pinned = {
                name: source.drawn if isinstance(source, Cases) else source for name, source in others.items()
            } | {named: hypothesis.strategies.just(case)}
            failure = _drawn(body, pinned, student, dataclasses.replace(options, examples=EXTRA_DRAWS), False)
        if failure is not None:
            return failure
    return None


def _attempt(body: Callable[..., None], student: Student, drawn: dict[str, Any]) -> _Failure | None:
    try:
        body(student, **drawn)
    except UnsatisfiedAssumption:
        return None
    except Exception as error:
        return _Failure(error, student.last, student.answer)
    return None


def _drawn(
    body: Callable[..., None], strategies: dict[str, Any], student: Student, options: Options, failed: bool
) -> _Failure | None:
    """The last failure of Hypothesis's search: shrinking only ever goes to simpler inputs."""
    best: _Failure | None = None
    left = SHRINKS

    def attempt(**drawn: Any) -> None:
        nonlocal best, left
        if options.deadline is not None and time.monotonic() > options.deadline and (best or failed):
            raise _EnoughError
        if best is not None:
            left -= 1
            if left < 0 or not options.shrink:
                raise _EnoughError
        try:
            body(student, **drawn)
        except UnsatisfiedAssumption:
            raise
        except Exception as error:
            best = _Failure(error, student.last, student.answer)
            raise

    test = under_profile(hypothesis.given(**strategies)(attempt), options.seed, options.examples)
    try:
        test()
    except (_EnoughError, Unsatisfiable):
        pass
    except Flaky:
        raise WrongAnswer("gives different answers for the same input") from None
    except Exception:
        if best is None:
            raise
    return best
