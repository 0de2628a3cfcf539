"""The search for a counterexample: fixed cases, then random draws; Hypothesis then looks for a simpler one.

The search for a simpler one ends when it has spent its calls, so a slow function is not shrunk for minutes: the
smallest failure seen so far is reported.
"""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import hypothesis
import torch
from hypothesis.errors import Flaky, Unsatisfiable, UnsatisfiedAssumption
from hypothesis.strategies import SearchStrategy

from autograder.testing.outcomes import Call, TimedOut, WrongAnswer
from autograder.testing.pool import SHARED, Strategies, part, pool
from autograder.testing.profile import DEFAULT_EXAMPLES, property_seed, under_profile
from autograder.testing.record import Cases
from autograder.testing.student import Student
from autograder.testing.values import leaves

SHRINKS = 150
"""Runs of a property spent on making a counterexample smaller."""
EXTRA_DRAWS = 3
"""Draws of the other parameters of a property for each fixed case."""

Source = Cases[Any] | SearchStrategy[Any] | tuple[Any, ...]
"""Where a parameter comes from; a tuple: fixed inputs, each of them tried once."""
Body = Callable[..., None]


@dataclasses.dataclass(frozen=True)
class Options:
    """How a run draws.

    seed: of the run.  examples: random draws per property.
    deadline: on the clock of time.monotonic, after which no new input is tried.
    shrink: whether to look for a simpler input once a property has failed.
    """

    seed: int = 0
    examples: int = DEFAULT_EXAMPLES
    deadline: float | None = None
    shrink: bool = True

    @property
    def late(self) -> bool:
        """Whether the deadline has passed."""
        return self.deadline is not None and time.monotonic() > self.deadline


class _EnoughError(BaseException):
    """Ends Hypothesis's search."""


@dataclasses.dataclass
class _Failure:
    """A failure with what the student was asked and answered at that moment."""

    error: Exception
    call: Call | None
    answer: Any
    drawn: dict[str, Any]

    def numbers(self) -> int:
        """How many numbers a reader has to take in."""
        arguments = self.call.arguments if self.call is not None else ()
        return sum(leaf.numel() if isinstance(leaf, torch.Tensor) else 1 for leaf in leaves(arguments))

    def raise_(self, student: Student) -> None:
        student.last, student.answer = self.call, self.answer
        raise self.error


def search(
    body: Body, sources: Mapping[str, Source], student: Student, options: Options, exercise: str, name: str
) -> None:
    """Run ``body`` on fixed cases and random draws; raise the simplest failure. Interrupted and Fault pass through."""
    own_seed = property_seed(options.seed, exercise, name)
    for drawn in inputs_of(sources, options, own_seed):
        if options.late:
            raise TimedOut("the time for this exercise was used up")
        failure = _attempt(body, student, drawn)
        if failure is None:
            continue
        if options.shrink and not are_fixed(sources):
            if _attempt(body, student, drawn) is None:
                raise WrongAnswer("gives different answers for the same input")
            failure = _simplest(body, sources, student, options, own_seed, failure)
        failure.raise_(student)


def are_fixed(sources: Mapping[str, Source]) -> bool:
    """Whether nothing is drawn."""
    return all(isinstance(source, tuple) for source in sources.values())


def inputs_of(sources: Mapping[str, Source], options: Options, own_seed: int) -> Iterator[dict[str, Any]]:
    """The inputs of one property in order: fixed cases with a few draws of what else it takes, then random draws."""
    if are_fixed(sources):
        fixed = [source for source in sources.values() if isinstance(source, tuple)]
        yield from (dict(zip(sources, values, strict=True)) for values in itertools.product(*fixed))
        return
    named = next((name for name, source in sources.items() if isinstance(source, Cases)), None)
    others = {name: source for name, source in _strategies(sources).items() if name != named}
    if named is not None:
        cases = sources[named]
        assert isinstance(cases, Cases)
        for index, case in enumerate(cases.fixed()):
            for drawn in _extras(others, options, own_seed + index):
                yield {named: case, **drawn}
    strategies = _strategies(sources)
    if others:
        yield from pool(strategies, own_seed, options.examples)
    else:
        yield from part(pool(strategies, options.seed, SHARED * options.examples), own_seed, options.examples)


def _strategies(sources: Mapping[str, Source]) -> Strategies:
    drawn = {name: source.drawn if isinstance(source, Cases) else source for name, source in sources.items()}
    return {name: strategy for name, strategy in drawn.items() if not isinstance(strategy, tuple)}


def _extras(others: Strategies, options: Options, start: int) -> list[dict[str, Any]]:
    """A few draws of the parameters that are not cases."""
    return part(pool(others, options.seed, options.examples), EXTRA_DRAWS * start, EXTRA_DRAWS) if others else [{}]


def _attempt(body: Body, student: Student, drawn: dict[str, Any]) -> _Failure | None:
    try:
        body(student, **unused(drawn))
    except UnsatisfiedAssumption:
        return None
    except Exception as error:
        return _Failure(error, student.last, student.answer, drawn)
    return None


def unused(drawn: Mapping[str, Any]) -> dict[str, Any]:
    """A random generator is used up by a body: every attempt gets a copy at the drawn state. All else is a value."""
    return {name: value.clone_state() if isinstance(value, torch.Generator) else value for name, value in drawn.items()}


def _simplest(
    body: Body, sources: Mapping[str, Source], student: Student, options: Options, own_seed: int, failure: _Failure
) -> _Failure:
    """A case on which another property failed in its simplest form will mostly do; otherwise Hypothesis shrinks."""
    strategies = _strategies(sources)
    for name, strategy in strategies.items():
        for case in student.simplest.get(id(strategy), []):
            again = _attempt(body, student, {**failure.drawn, name: case})
            if again is not None:
                return again
    simpler = _simpler(body, strategies, student, options, own_seed)
    failure = min(simpler or failure, failure, key=_Failure.numbers)
    for name, strategy in strategies.items():
        student.simplest.setdefault(id(strategy), []).append(failure.drawn[name])
    return failure


def _simpler(body: Body, strategies: Strategies, student: Student, options: Options, seed: int) -> _Failure | None:
    """The last failure of Hypothesis's search: shrinking only ever goes to simpler inputs."""
    best: _Failure | None = None
    left = SHRINKS

    def attempt(**drawn: Any) -> None:
        nonlocal best, left
        left -= 1
        if left < 0 or options.late:
            raise _EnoughError
        failure = _attempt(body, student, drawn)
        if failure is not None:
            best = failure
            raise failure.error

    test = under_profile(hypothesis.given(**strategies)(attempt), seed, options.examples)
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
