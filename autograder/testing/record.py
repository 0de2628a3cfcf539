"""The record of an exercise: everything declared once, from which the generic properties follow.

EXERCISE = Exercise(
    name="sherman_morrison",
    title="Sherman-Morrison rank-one inverse update",
    source="000, section 1.2.3, eq. 1.29",
    functions=(Function("sherman_morrison(A_inv: Tensor[n, n], ...) -> Tensor[n, n]", cases=RANK_ONE_UPDATES),),
)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, Self, TypeVar

import torch
from hypothesis.strategies import SearchStrategy

from autograder.testing.rules import Rule
from autograder.testing.signature import Signature
from autograder.testing.values import map_tensors


@dataclasses.dataclass(frozen=True)
class Case:
    """One valid input. Subclass it as a frozen dataclass.

    Fields named like a parameter of the function are its arguments; further fields and properties (the matrix whose
    inverse is an argument, a condition number) serve the properties only.
    """

    def arguments(self, signature: Signature) -> tuple[Any, ...]:
        """The arguments in the order of the signature."""
        return tuple(getattr(self, name) for name in signature.parameters)

    def map(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Self:
        """The same case with every tensor replaced, also inside lists, tuples, dicts and described functions."""
        fields = {f.name: map_tensors(getattr(self, f.name), change) for f in dataclasses.fields(self)}
        return dataclasses.replace(self, **fields)


C = TypeVar("C", bound=Case)


@dataclasses.dataclass(frozen=True)
class Cases(Generic[C]):
    """Where inputs come from.

    dense: at least three fixed cases in general position (non-square, non-symmetric, off-default hyperparameters); run
        first, every time.
    drawn: random draws on the ordinary domain; small readable numbers first, so that a shrunk case fits on a line.
    edges: the row's edge cases by name (size 1, zero rows, ties, s = 0, ...); run every time.
    extreme: tiny and huge scales, far tails: valid but not ordinary, so outside the gate.
    """

    dense: tuple[C, ...]
    drawn: SearchStrategy[C]
    edges: Mapping[str, C] = dataclasses.field(default_factory=dict)
    extreme: SearchStrategy[C] | None = None

    def __post_init__(self) -> None:
        if len(self.dense) < 3:
            raise ValueError(f"Cases needs at least three dense cases, got {len(self.dense)}")

    def fixed(self) -> Iterator[C]:
        """Dense cases, then edges."""
        yield from self.dense
        yield from self.edges.values()


@dataclasses.dataclass(frozen=True)
class BadInput:
    """Arguments outside the domain. ``make`` returns them in the order of the signature.

    sentence: what a student reads ("a singular update raises ValueError").
    """

    name: str
    make: Callable[[], tuple[Any, ...]]
    sentence: str
    raises: type[Exception] = ValueError


@dataclasses.dataclass(frozen=True)
class Function:
    """One function of an exercise.

    signature: verbatim from the catalogue.
    compare_through: for non-unique answers: (value, arguments) -> the values that define the answer.
    tails: every element must be right relative to itself (tail probabilities, bounds).
    float32_values: False where the row hard-codes a rank threshold; dtype and shape are checked all the same.
    """

    signature: str
    cases: Cases[Any]
    bad_inputs: tuple[BadInput, ...] = ()
    compare_through: Callable[[Any, tuple[Any, ...]], Any] | None = None
    tails: bool = False
    float32_values: bool = True
    parsed: Signature = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parsed", Signature.parse(self.signature))

    @property
    def name(self) -> str:
        """The function's name."""
        return self.parsed.name


@dataclasses.dataclass(frozen=True)
class Exercise:
    """One row of the catalogue.

    source: document and equation.  rules: what an implementation may not use.
    mutants_note: why the hand-written properties alone cannot kill 80 % of the mutants, if that is so.
    """

    name: str
    title: str
    source: str
    functions: tuple[Function, ...]
    rules: tuple[Rule, ...] = ()
    mutants_note: str = ""

    def __post_init__(self) -> None:
        if not self.functions:
            raise ValueError(f"exercise {self.name}: no function")

    def function(self, name: str) -> Function:
        """The function of that name; KeyError if the exercise has none such."""
        for function in self.functions:
            if function.name == name:
                return function
        raise KeyError(name)
