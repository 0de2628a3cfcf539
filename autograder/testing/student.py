"""A student as a property sees it: functions to call. The same property runs in-process or across the wall."""

from __future__ import annotations

import abc
import dataclasses
import functools
import math
import types
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import torch

from autograder.testing.outcomes import Call, WrongAnswer
from autograder.testing.signature import Signature
from autograder.testing.values import leaves

if TYPE_CHECKING:
    from autograder.sandbox.worker import LoadFailure


Want = Literal["value", "arguments", "operators", "traces"]
"""What is asked about a call: its value, or what Student.arguments_after, operators or traces tell."""
Ask = tuple[Call, Want]


@dataclasses.dataclass(frozen=True)
class Operator:
    """One torch operator that ran during a call: its ATen name ("mm") and the shapes of its tensor arguments."""

    name: str
    shapes: tuple[tuple[int, ...], ...]


class Student(abc.ABC):
    """Calls a student's functions: ``student.sherman_morrison(A_inv, u, v)``.

    ``last`` is the most recent call and ``answer`` what it returned: the counterexample of a failing property.
    ``finite`` tells whether every answer since the property began was. Where ``promises`` names a function, an answer
    that breaks its signature's promise raises WrongAnswer, so that a property may calculate with what it gets.
    Calls raise StudentError, or one of the Interrupted, as outcomes.py describes.
    """

    last: Call | None = None
    answer: Any = None
    finite: bool = True
    promises: Mapping[str, Signature] = types.MappingProxyType({})

    @functools.cached_property
    def simplest(self) -> dict[int, list[Any]]:
        """Simple inputs on which properties failed so far, by the id of the strategy that drew them."""
        return {}

    @property
    def failures(self) -> tuple[LoadFailure, ...]:
        """The statements of the submission that raised when it was loaded. Untrusted text."""
        return ()

    def begin(self, promises: Mapping[str, Signature]) -> None:
        """A new property begins: forget the last call, and hold answers to these promises."""
        self.last, self.answer, self.finite, self.promises = None, None, True, promises

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *arguments: self.call(name, arguments)

    def call(self, function: str, arguments: Sequence[Any]) -> Any:
        """The value the student's function returns."""
        self.last, self.answer = Call(function, tuple(arguments)), None
        self.answer = self._call(function, tuple(arguments))
        self.finite = self.finite and all(map(_finite, leaves(self.answer)))
        if function in self.promises:
            problem = self.promises[function].check(self.answer, arguments)
            if problem is not None:
                raise WrongAnswer(problem, got=self.answer)
        return self.answer

    @abc.abstractmethod
    def _call(self, function: str, arguments: tuple[Any, ...]) -> Any: ...

    takes_several: bool = False
    """Whether it takes several calls before it answers the first."""

    def answers(self, asked: Sequence[Ask], until: float) -> list[Any]:
        """What several calls return, or the StudentErrors that they raise, in order; fewer where anything else happens.

        until: when to give up, on the clock of time.monotonic.
        """
        return []

    @abc.abstractmethod
    def has(self, function: str) -> bool:
        """Whether the submission defines a callable of that name."""

    @abc.abstractmethod
    def arguments_after(self, function: str, arguments: Sequence[Any]) -> tuple[Any, ...]:
        """The arguments as they are after the call (self-reported: it can only deny)."""

    @abc.abstractmethod
    def operators(self, function: str, arguments: Sequence[Any]) -> list[Operator]:
        """The operators that ran during one call (self-reported: it can only deny)."""

    @abc.abstractmethod
    def traces(self, function: str, arguments: Sequence[Any]) -> list[tuple[str, int]]:
        """What a call leaves behind besides its answer, as observe.traces tells (self-reported: it can only deny)."""

    def on_device(self, device: str, function: str, arguments: Sequence[Any]) -> tuple[list[str], Any]:
        """``call`` with the arguments moved to ``device``.

        -> (the kinds of devices of the answer's tensors, the answer). The places are self-reported: they can only deny.
        """
        self.last, self.answer = Call(function, tuple(arguments)), None
        places, self.answer = self.call_on(device, function, tuple(arguments))
        return places, self.answer

    @abc.abstractmethod
    def call_on(self, device: str, function: str, arguments: Sequence[Any]) -> tuple[list[str], Any]:
        """What on_device returns."""

    @abc.abstractmethod
    def fresh(self, seed: int) -> Student:
        """The same submission in a fresh worker whose random generator starts elsewhere; close it after use."""

    def close(self) -> None:  # noqa: B027  # nothing to give back is the usual case
        """Give back what the student holds. Calling it twice is fine."""


def _finite(leaf: Any) -> bool:
    if isinstance(leaf, torch.Tensor):
        return bool(torch.isfinite(leaf).all())
    return not isinstance(leaf, (float, complex)) or math.isfinite(abs(leaf))
