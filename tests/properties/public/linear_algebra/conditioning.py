"""How much a matrix magnifies relative errors: the condition number."""

from __future__ import annotations

import dataclasses
import math

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.linalg import svdvals

from autograder.testing.assertions import assert_close, assert_equal, assert_less
from autograder.testing.properties import given, properties_of
from autograder.testing.record import BadInput, Case, Cases, Exercise, Function
from autograder.testing.rules import Forbid, spellings
from autograder.testing.strategies import (
    assume,
    generator,
    generators,
    powers_of_two,
    quarters,
    readable_first,
    rotation,
    sizes,
    tensor,
)
from autograder.testing.student import Student

DOMAIN = 1e8
"""A condition number may be asked for up to here; singular matrices have short entries."""
SINGULAR = 1e-14
"""A smallest singular value up to this share of the largest is zero."""


@dataclasses.dataclass(frozen=True)
class Matrix(Case):
    """A matrix A [m, n] of any shape, not zero."""

    A: Tensor

    @property
    def condition(self) -> float:
        """What is asked for, by the library."""
        s = svdvals(self.A)
        return math.inf if s[-1] <= SINGULAR * s[0] else float(s[0] / s[-1])

    @property
    def singular(self) -> bool:
        """Whether the condition number is infinite."""
        return math.isinf(self.condition)


def in_domain(case: Matrix) -> bool:
    """Whether A is neither zero nor nearly singular."""
    return bool(case.A.any()) and (case.singular or case.condition < DOMAIN)


def matrix(rows: list[list[float]]) -> Matrix:
    """A case that is written down."""
    return Matrix(tensor(rows))


def seeded_matrix(g: torch.Generator) -> Matrix:
    """Up to 9 rows and columns and a condition number of 1 to 10⁷, evenly on a logarithmic scale."""
    m, n = (int(size) for size in torch.randint(2, 10, (2,), generator=g))
    k = min(m, n)
    exponent = -7 * torch.rand((), generator=g, dtype=torch.float64)
    s = 10 ** (exponent * torch.rand(k, generator=g, dtype=torch.float64).sort().values)
    s[0], s[-1] = 1, 10**exponent
    return Matrix(rotation(g, m)[:, :k] * s @ rotation(g, n)[:k])


def seeded_singular(g: torch.Generator) -> Matrix:
    """Small whole numbers, one row and one column more than the rank."""
    m, n = (int(size) for size in torch.randint(2, 6, (2,), generator=g))
    A = torch.randint(-3, 4, (m, n), generator=g).double()
    A[0, 0] += 5
    return Matrix(torch.cat([torch.cat([A, A[:1] + A[1:2]]), torch.cat([A[:, :1], A[:1, :1] + A[1:2, :1]])], 1))


@st.composite
def rescaled_matrices(draw: st.DrawFn) -> Matrix:
    """The same matrix in other units."""
    return Matrix(draw(MATRICES).A * draw(powers_of_two(-300, 300)))


READABLE = st.tuples(sizes(1, 4), sizes(1, 4)).flatmap(lambda shape: st.builds(Matrix, quarters(*shape)))
MATRICES = readable_first(
    READABLE, large=generators().flatmap(lambda g: st.sampled_from([seeded_matrix(g), seeded_singular(g)]))
).filter(in_domain)
CASES = Cases(
    dense=(
        matrix([[1, 2, 0.5], [-1, 0.25, 3]]),
        matrix([[2, -1], [0.5, -3], [1, 1.5], [0, 4]]),
        matrix([[1, 2, 0], [0.5, -1, 2], [3, 0.25, -2]]),
        seeded_matrix(generator(2)),
        seeded_matrix(generator(5)),
    ),
    drawn=MATRICES,
    edges={
        "a number": matrix([[-3]]),
        "a row": matrix([[3, 0, -4]]),
        "a column": matrix([[1], [-2], [2]]),
        "orthogonal": matrix([[0.6, -0.8], [0.8, 0.6]]),
        "a permutation": matrix([[0, 1, 0], [0, 0, 1], [1, 0, 0]]),
        "diag(1, -2)": matrix([[1, 0], [0, -2]]),
        "a shear: equal eigenvalues": matrix([[1, 1000], [0, 1]]),
        "a rotation with a stretch: complex eigenvalues": matrix([[0, -4], [1, 0]]),
        "symmetric positive definite": matrix([[2, 1], [1, 2]]),
        "symmetric, not definite": matrix([[1, 2], [2, 1]]),
        "singular": matrix([[1, 2], [0, 0]]),
        "nilpotent": matrix([[0, 1], [0, 0]]),
        "singular, dense": matrix([[1, 2, 3], [4, 5, 6], [7, 8, 9]]),
        "singular, tall": matrix([[1, 2], [2, 4], [-1, -2]]),
        "singular, wide": matrix([[1, 2, 3], [-2, -4, -6]]),
        "one entry": matrix([[0, 0, 0], [0, 2, 0]]),
        "6.7e7: large, but not singular": matrix([[1, 0], [0, 2.0**-26]]),
        "6.7e7 and not diagonal": matrix([[1, 1], [1, 1 + 2.0**-24]]),
    },
    extreme=rescaled_matrices(),
)
NO_COND = Forbid(
    "no_cond", "uses no ready-made condition number", targets=spellings("cond"), operators=frozenset({"*linalg_cond*"})
)
CONDITION_NUMBER = Exercise(
    name="condition_number",
    title="2-norm condition number",
    source="000, section 1.3.2, eq. 1.45-1.46",
    functions=(
        Function(
            "condition_number(A: Tensor[m, n]) -> float",
            cases=CASES,
            bad_inputs=(
                BadInput("zero_matrix", lambda: (tensor([[0, 0, 0], [0, 0, 0]]),), "the zero matrix raises ValueError"),
                BadInput("zero", lambda: (tensor([[0]]),), "the number 0, as a matrix, raises ValueError"),
                BadInput(
                    "zero_matrix_in_float32",
                    lambda: (torch.zeros(2, 2),),
                    "the zero matrix raises ValueError, also in float32",
                ),
            ),
        ),
    ),
    rules=(NO_COND,),
)


@properties_of("condition_number", weight=2)
@given(case=CASES)
def test_is_that_of_the_library(student: Student, case: Matrix) -> None:
    """The same as torch.linalg.cond, and inf for a singular matrix"""
    kappa = student.condition_number(case.A)
    if case.singular:
        assert_equal(kappa, math.inf, because="a singular matrix")
    else:
        expected = float(torch.linalg.cond(case.A))
        assert_close(kappa, expected, condition=case.condition, dtype=torch.float64, because="κ")


@properties_of("condition_number")
@given(case=CASES)
def test_is_at_least_one(student: Student, case: Matrix) -> None:
    """κ ≥ 1: the longest half-axis is no shorter than the shortest"""
    assert_less(1.0, student.condition_number(case.A), because="1 and κ")


@properties_of("condition_number")
@given(case=CASES, unit=powers_of_two(-30, 30))
def test_has_no_units(student: Student, case: Matrix, unit: float) -> None:
    """κ(cA) = κ(A) for every number c other than 0"""
    assume(not case.singular)
    kappa = student.condition_number(case.A)
    for c in (unit, -3.0):
        scaled = student.condition_number(c * case.A)
        assert_close(scaled, kappa, condition=case.condition, dtype=torch.float64, because=f"κ({c:g} A)")


@properties_of("condition_number")
@given(case=CASES, generator=generators())
def test_does_not_see_rotations(student: Student, case: Matrix, generator: torch.Generator) -> None:
    """κ(QA) = κ(AR) = κ(Aᵀ) = κ(A) for rotations Q and R"""
    assume(not case.singular)
    m, n = case.A.shape
    kappa = student.condition_number(case.A)
    for B, name in (
        (rotation(generator, m) @ case.A, "κ(QA)"),
        (case.A @ rotation(generator, n), "κ(AR)"),
        (case.A.T.contiguous(), "κ(Aᵀ)"),
    ):
        assert_close(student.condition_number(B), kappa, condition=case.condition, dtype=torch.float64, because=name)
