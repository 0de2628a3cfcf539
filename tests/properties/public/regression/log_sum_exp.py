"""The logarithm of a sum of exponentials: inputs and public properties."""

from __future__ import annotations

import dataclasses
import math

import torch
from hypothesis import strategies as st
from torch import Tensor

from autograder.testing.assertions import assert_close, assert_less, assert_tensor
from autograder.testing.properties import given, properties_of
from autograder.testing.record import Case, Cases, Exercise, Function
from autograder.testing.rules import Forbid, spellings
from autograder.testing.strategies import (
    generator,
    generators,
    normal,
    powers_of_two,
    quarters,
    readable_first,
    sizes,
    tensor,
    uniform,
)
from autograder.testing.student import Student

NOTHING = -math.inf
"""The exponent of a term that is 0."""


@dataclasses.dataclass(frozen=True)
class Exponents(Case):
    """The rows of x [n, k], finite or -inf: one sum of k exponentials each."""

    x: Tensor

    @property
    def k(self) -> int:
        """The number of terms in a row."""
        return self.x.shape[1]

    @property
    def largest(self) -> Tensor:
        """The largest entry [n] of every row."""
        return self.x.amax(1)

    @property
    def size(self) -> float:
        """Of the terms that an answer is the sum of: the largest entry and a logarithm of at most log k."""
        finite = self.x[self.x.isfinite()].abs()
        return (float(finite.max()) if len(finite) else 0.0) + math.log(self.k) + 1


def exponents(rows: list[list[float]]) -> Exponents:
    """A case that is written down."""
    return Exponents(tensor(rows))


@st.composite
def readable_exponents(draw: st.DrawFn) -> Exponents:
    """Up to three rows of up to three terms; one term of the first row may be 0."""
    n, k = draw(sizes(1, 3)), draw(sizes(1, 3))
    x = draw(quarters(n, k))
    missing = draw(st.integers(0, k))
    if missing:
        x[0, missing - 1] = NOTHING
    return Exponents(x)


def seeded_exponents(g: torch.Generator) -> Exponents:
    """Six rows of five terms of similar size or of very different ones."""
    spread = 10 ** (2 * float(uniform(g)) - 1)
    return Exponents(spread * normal(g, 6, 5) + 3 * normal(g, 6, 1))


@st.composite
def rescaled_exponents(draw: st.DrawFn) -> Exponents:
    """Entries as small as 1e-9, and rows up to 1e4 away from 0 and from each other."""
    x = draw(st.one_of(readable_exponents(), generators().map(seeded_exponents))).x
    away = draw(quarters(len(x), 1)) * draw(st.sampled_from([0, 256, 2500]))
    return Exponents(x * draw(powers_of_two(-30, 8)) + away)


EXPONENTS = Cases(
    dense=(
        exponents([[1, -0.5, 2], [0.25, 3, -1.5]]),
        exponents([[-2, 0.5], [1.5, 1], [-0.25, -3]]),
        exponents([[0.5, 1.25, NOTHING, -1], [2, NOTHING, -0.75, 0.5]]),
        Exponents(normal(generator(0), 4, 6)),
        Exponents(3 * normal(generator(1), 5, 3)),
    ),
    drawn=readable_first(readable_exponents(), large=generators().map(seeded_exponents)),
    edges={
        "k = 1": exponents([[2], [-0.5], [NOTHING]]),
        "n = k = 1": exponents([[1.5]]),
        "a row of -inf": exponents([[NOTHING, NOTHING, NOTHING]]),
        "a row of -inf among others": exponents([[0.5, 1, -2], [NOTHING, NOTHING, NOTHING], [3, -1, 0.25]]),
        "-inf beside a number": exponents([[NOTHING, 0.5], [-3, NOTHING]]),
        "equal entries": exponents([[0.75, 0.75, 0.75], [-2, -2, -2]]),
        "entries near 10 000": exponents([[1e4, 9999, 9998.5], [9997, 1e4, 1e4]]),
        "entries near -10 000": exponents([[-1e4, -9999, -9998.5], [-9997, -1e4, -1e4]]),
        "rows far apart": exponents([[1e4, 9999], [0.5, -0.25], [-1e4, -9998]]),
        "entries far apart": exponents([[1e4, 0, -1e4], [0, -1e4, 800]]),
    },
    extreme=rescaled_exponents(),
)
NO_LOG_SUM_EXP = Forbid(
    "no_log_sum_exp",
    "uses no ready-made log-sum-exp or softmax",
    targets=spellings("*logsumexp", "*softmax", "softmin", "*logcumsumexp", "cross_entropy")
    | {"torch.nn.*Softmax*", "torch.nn.Softmin", "torch.nn.CrossEntropyLoss"},
    methods=frozenset({"logsumexp", "softmax", "log_softmax", "logcumsumexp"}),
    operators=frozenset({"*logsumexp*", "*softmax*", "*logcumsumexp*"}),
)
LOG_SUM_EXP = Exercise(
    name="log_sum_exp",
    title="Stable log-sum-exp",
    source="003, Feedforward networks, softmax cross-entropy; 000, section 3.2 (without text)",
    functions=(Function("log_sum_exp(x: Tensor[n, k]) -> Tensor[n]", cases=EXPONENTS),),
    rules=(NO_LOG_SUM_EXP,),
)


def log_of_sums(student: Student, x: Tensor) -> Tensor:
    """The student's answer, with which one can calculate."""
    return assert_tensor(student.log_sum_exp(x), shape=x.shape[:1], dtype=x.dtype)


@properties_of("log_sum_exp")
@given(case=EXPONENTS)
def test_is_the_logarithm_of_the_sum(student: Student, case: Exponents) -> None:
    """exp of the answer is the sum of the exponentials, where the numbers are small enough to write that down"""
    x = case.x.clamp(max=16.0)  # -inf stays
    got = log_of_sums(student, x)
    assert_close(got.exp(), x.exp().sum(1), condition=20.0, because="exp of the answer")


@properties_of("log_sum_exp", weight=2)
@given(case=EXPONENTS, shift=st.sampled_from([1.0, -1.0, 0.25, 800.0, -800.0, 1e4, -1e4]))
def test_rises_with_a_common_shift(student: Student, case: Exponents, shift: float) -> None:
    """A common factor comes out of the sum: every entry larger by c makes the answer larger by c, for c = 10 000 too"""
    got = log_of_sums(student, case.x + shift)
    expected = log_of_sums(student, case.x) + shift
    assert_close(got, expected, scale=case.size + abs(shift), because=f"for entries larger by {shift:g}")


@properties_of("log_sum_exp")
@given(case=EXPONENTS)
def test_lies_just_above_the_largest_entry(student: Student, case: Exponents) -> None:
    """The answer is at least the largest entry, and at most log k above it"""
    got = log_of_sums(student, case.x)
    some = case.largest > NOTHING  # a row of -inf has no such bounds
    assert_less(case.largest[some], got[some], scale=case.size, because="the largest entry")
    above = case.largest[some] + math.log(case.k)
    assert_less(got[some], above, scale=case.size, because="the answer, log k above the largest entry")


@properties_of("log_sum_exp")
@given(case=EXPONENTS)
def test_counts_equal_terms(student: Student, case: Exponents) -> None:
    """Every term twice makes the answer larger by log 2: it is the logarithm of a sum, not of a mean"""
    got = log_of_sums(student, torch.cat([case.x, case.x], dim=1))
    expected = log_of_sums(student, case.x) + math.log(2)
    assert_close(got, expected, scale=case.size, because="for every term twice")
