"""Tries properties before it is their turn: all their inputs side by side, so that their calls cross the wall together.

What a call across the wall costs is mostly that one process waits for the other, and gets going again. Each attempt
runs until it calls the student, and pauses. When all of them wait, their calls are sent at once, and each goes on with
its answer. Only that a property holds is learned so; whatever else happens, it is tried again at its turn, input by
input and call by call, so that the first failure is the one that is told and the call that hangs is the one to blame.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import greenlet
import torch
from hypothesis.errors import UnsatisfiedAssumption

from autograder.sandbox.callables import Handle, Reference
from autograder.testing.outcomes import Call, Interrupted
from autograder.testing.profile import property_seed
from autograder.testing.properties import Property
from autograder.testing.search import Options, inputs_of, unused
from autograder.testing.student import Ask, Operator, Student, Want
from autograder.testing.values import leaves

GROUP = 10
"""Properties that are tried together, after the first one."""
PATIENCE = 2.0
"""Seconds that a round of calls may take: who is slow gains nothing here, and who hangs is found out at the turn."""


class Ahead:
    """The properties of one exercise on one student, tried ahead for as long as all of them hold."""

    def __init__(self, properties: Sequence[Property], student: Student, options: Options) -> None:
        self._properties, self._student, self._options = properties, student, options
        self._goes_on = student.takes_several
        self._tried, self._holding = 0, set[int]()

    def holds(self, number: int) -> bool:
        """Whether the property of that number is known to hold, after trying it and the next few if it is their time.

        Raises Fault. Numbers come in order.
        """
        if self._goes_on and number >= self._tried:
            group = range(number, min(number + (GROUP if number else 1), len(self._properties)))
            self._tried = group.stop
            self._holding |= self._those_that_hold(group)
            self._goes_on = self._holding.issuperset(group)
        return number in self._holding

    def _those_that_hold(self, group: range) -> set[int]:
        """None of them where anything happened to the worker."""
        attempts = [Attempt(self._student, n, self._properties[n], drawn) for n in group for drawn in self._inputs(n)]
        deadline = math.inf if self._options.deadline is None else self._options.deadline
        while waiting := [attempt for attempt in attempts if attempt.asks is not None]:
            asked = [attempt.asks for attempt in waiting if attempt.asks is not None]
            try:
                answers = self._student.answers(asked, min(deadline, time.monotonic() + PATIENCE))
            except Interrupted:
                return set()
            if len(answers) < len(waiting):
                return set()
            for attempt, answer in zip(waiting, answers, strict=True):
                attempt.go_on(answer)
        for attempt in attempts:
            if isinstance(attempt.error, Interrupted):
                return set()
            if attempt.error is not None and not isinstance(attempt.error, Exception):
                raise attempt.error
        return set(group) - {attempt.number for attempt in attempts if attempt.failed}

    def _inputs(self, number: int) -> Iterator[dict[str, Any]]:
        tried = self._properties[number]
        seed = property_seed(self._options.seed, tried.exercise, tried.name)
        return inputs_of(tried.sources, self._options, seed) if tried.sources else iter([{}])


class Attempt(Student):
    """A property tried on one input, as far as it got, and the student as it sees it.

    asks: the call whose answer it needs to go on; None when it has ended.  error: what ended it, if anything did.
    """

    def __init__(self, student: Student, number: int, tried: Property, drawn: dict[str, Any]) -> None:
        self.number, self.promises, self._student = number, tried.promises, student
        self.asks: Ask | None = None
        self.error: BaseException | None = None
        self._hub, self._task = greenlet.getcurrent(), greenlet.greenlet(tried.body)
        self._run(self, **unused(drawn))

    @property
    def failed(self) -> bool:
        """Whether the property does not hold on this input."""
        return self.error is not None and not isinstance(self.error, UnsatisfiedAssumption)

    def go_on(self, answer: Any) -> None:
        """Go on until it ends or asks again. answer: a value, or an exception to raise."""
        self._run(answer)

    def _run(self, *arguments: Any, **drawn: Any) -> None:
        gradients = torch.is_grad_enabled()
        try:
            self.asks = self._task.switch(*arguments, **drawn)
        except BaseException as error:
            self.asks, self.error = None, error
        _set_gradients(gradients)

    def _ask(self, function: str, arguments: Sequence[Any], want: Want) -> Any:
        gradients = torch.is_grad_enabled()
        answer = self._hub.switch((Call(function, tuple(arguments)), want))
        _set_gradients(gradients)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _call(self, function: str, arguments: tuple[Any, ...]) -> Any:
        others = [argument for argument in arguments if type(argument) is not torch.Tensor]
        if any(type(leaf) in (Reference, Handle) for leaf in leaves(others)):
            return self._student._call(function, arguments)  # it calls back, or belongs to the running worker
        return self._ask(function, arguments, "value")

    def arguments_after(self, function: str, arguments: Sequence[Any]) -> tuple[Any, ...]:
        """The arguments as they are after the call."""
        after: tuple[Any, ...] = self._ask(function, arguments, "arguments")
        return after

    def traces(self, function: str, arguments: Sequence[Any]) -> list[tuple[str, int]]:
        """What a call leaves behind besides its answer."""
        found: list[tuple[str, int]] = self._ask(function, arguments, "traces")
        return found

    def operators(self, function: str, arguments: Sequence[Any]) -> list[Operator]:
        """As the student."""
        return self._student.operators(function, arguments)

    def has(self, function: str) -> bool:
        """As the student."""
        return self._student.has(function)

    def call_on(self, device: str, function: str, arguments: Sequence[Any]) -> tuple[list[str], Any]:
        """As the student."""
        return self._student.call_on(device, function, arguments)

    def fresh(self, seed: int) -> Student:
        """As the student."""
        return self._student.fresh(seed)


def _set_gradients(on: bool) -> None:
    """The mode is the thread's, and so the same for all attempts: each gets back the one that it had."""
    if torch.is_grad_enabled() != on:
        torch.set_grad_enabled(on)
