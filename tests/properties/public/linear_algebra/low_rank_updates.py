"""The inverse of a matrix that changes by an update of rank k: Woodbury's identity."""

from __future__ import annotations

import dataclasses

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.linalg import matrix_norm

from autograder.testing.assertions import assert_close
from autograder.testing.properties import given, properties_of
from autograder.testing.record import BadInput, Case, Cases, Exercise, Function
from autograder.testing.rules import FACTORISATIONS, INVERSES_AND_SOLVES, NoLargerThan
from autograder.testing.strategies import (
    conditioned,
    generator,
    generators,
    normal,
    powers_of_two,
    quarters,
    readable_first,
    sizes,
    tensor,
)
from autograder.testing.student import Student

DOMAIN = 1e3
"""A + U C V may be asked for up to this condition number."""
READABLE = tuple(
    tensor(A)
    for A in (
        [[1]],
        [[-2]],
        [[1, 0], [0, 1]],
        [[1, 2], [0, 1]],
        [[2, 0], [1, -1]],
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        [[1, 0, 2], [0, 2, 0], [-1, 1, -1]],
        [[0, 1, 1, 0], [1, 0, 0, 1], [0, 0, 2, 1], [0, 0, 0, -1]],
    )
)
"""Matrices whose inverses are multiples of 1/4."""


def eye(n: int) -> Tensor:
    """The identity [n, n]."""
    return torch.eye(n, dtype=torch.float64)


def readable_inverse(A: Tensor) -> Tensor:
    """The inverse of one of the readable matrices, exactly."""
    return (torch.linalg.inv(A) * 4).round() / 4 + 0.0


@dataclasses.dataclass(frozen=True)
class LowRankUpdate(Case):
    """A matrix A [n, n] with its inverse, and the factors U [n, k], C [k, k], V [k, n] of its update A + U C V."""

    A: Tensor
    A_inv: Tensor
    U: Tensor
    C: Tensor
    V: Tensor

    @property
    def updated(self) -> Tensor:
        """A + U C V."""
        return self.A + self.U @ self.C @ self.V

    @property
    def inverse(self) -> Tensor:
        """What is asked for."""
        return torch.linalg.inv(self.updated)

    @property
    def error(self) -> float:
        """The error of the updated inverse, in roundoffs: that of I + C V A⁻¹U, magnified by its inverse."""
        terms = matrix_norm(self.C) * matrix_norm(self.V) * matrix_norm(self.A_inv)
        coupling = 1 + terms * matrix_norm(self.U)
        inverse = matrix_norm(torch.linalg.inv(eye(len(self.C)) + self.C @ self.V @ self.A_inv @ self.U))
        correction = matrix_norm(self.A_inv) * matrix_norm(self.U) * inverse * terms
        return float(matrix_norm(self.A_inv) + correction * (1 + coupling * inverse))

    @property
    def condition(self) -> float:
        """That error relative to the updated inverse."""
        return self.error / float(matrix_norm(self.inverse))


def in_domain(case: LowRankUpdate) -> bool:
    """Whether the update may be asked for."""
    return float(torch.linalg.cond(case.updated)) < DOMAIN


def update(A: Tensor, U: Tensor, C: Tensor, V: Tensor) -> LowRankUpdate:
    """A case of a readable matrix."""
    return LowRankUpdate(A, readable_inverse(A), U, C, V)


@st.composite
def readable_updates(draw: st.DrawFn) -> LowRankUpdate:
    """A readable matrix and small factors."""
    A = draw(st.sampled_from(READABLE))
    k, n = draw(sizes(1, 3)), len(A)
    return update(A, draw(quarters(n, k)), draw(quarters(k, k)), draw(quarters(k, n)))


def seeded_update(g: torch.Generator) -> LowRankUpdate:
    """A of condition number 20 and a size up to 11; C is singular now and then."""
    n, k = 5 + int(torch.randint(7, (), generator=g)), 1 + int(torch.randint(4, (), generator=g))
    A = conditioned(g, n, condition=20)
    C = normal(g, k, k) * (torch.rand(k, generator=g) < 0.8)
    return LowRankUpdate(A, torch.linalg.inv(A), normal(g, n, k) / n**0.5, C, normal(g, k, n) / n**0.5)


@st.composite
def rescaled_updates(draw: st.DrawFn) -> LowRankUpdate:
    """The same update in other units: A → aA, U → uU, V → vV, C → (a/uv) C leave C V A⁻¹U alone."""
    case = draw(DRAWN)
    a, u, v = (draw(powers_of_two(-40, 40)) for _ in range(3))
    return LowRankUpdate(case.A * a, case.A_inv / a, case.U * u, case.C * (a / u / v), case.V * v)


DRAWN = readable_first(readable_updates(), large=generators().map(seeded_update)).filter(in_domain)
UPDATES = Cases(
    dense=(
        update(
            READABLE[6],
            tensor([[1, -0.5], [0.25, 2], [-1, 1]]),
            tensor([[2, 1], [-0.5, 1]]),
            tensor([[0.5, 1, -1], [1, 0, 0.75]]),
        ),
        update(
            READABLE[7],
            tensor([[1, 0], [0.5, -1], [2, 1], [0, 0.25]]),
            tensor([[0, 2], [1, 0.5]]),
            tensor([[1, -1, 0, 0.5], [0, 0.25, 1, 1]]),
        ),
        seeded_update(generator(3)),
        seeded_update(generator(4)),
    ),
    drawn=DRAWN,
    edges={
        "k = 1": update(READABLE[4], tensor([[1], [2]]), tensor([[-0.5]]), tensor([[0.5, 3]])),
        "k = n": update(READABLE[3], tensor([[1, 0.5], [0, 1]]), tensor([[1, 2], [0, 1]]), tensor([[2, 0], [1, 1]])),
        "n = k = 1": update(READABLE[0], tensor([[2]]), tensor([[3]]), tensor([[-0.5]])),
        "k > n": update(READABLE[1], tensor([[1, 2]]), tensor([[1, 0.5], [-1, 2]]), tensor([[0.5], [1]])),
        "C = 0": update(READABLE[3], tensor([[1, 2], [3, -1]]), tensor([[0, 0], [0, 0]]), tensor([[1, 0], [2, 1]])),
        "C singular": update(
            READABLE[6],
            tensor([[1, 0], [0, 1], [1, 1]]),
            tensor([[1, 2], [0.5, 1]]),
            tensor([[1, 0, -1], [0.5, 1, 0]]),
        ),
        "C singular, but not for rounding": update(
            READABLE[3], tensor([[1, 0], [0, 1]]), tensor([[0.1, 0.3], [0.2, 0.6]]), tensor([[1, 0], [0.5, 1]])
        ),
        "U = 0": update(READABLE[3], tensor([[0], [0]]), tensor([[2]]), tensor([[1, 2]])),
        "V A⁻¹U = 0": update(READABLE[5], tensor([[1], [0], [2]]), tensor([[3]]), tensor([[0, 4, 0]])),
        "the first of two columns alone makes it singular": update(
            READABLE[2], eye(2), eye(2), tensor([[-1, 1], [1, 0]])
        ),
        "V A⁻¹U singular": update(
            READABLE[2], tensor([[1, 2], [0, 1]]), tensor([[1, 0], [1, 2]]), tensor([[1, 2]] * 2)
        ),
    },
    extreme=rescaled_updates(),
)
Woodbury = tuple[Tensor, Tensor, Tensor, Tensor]


def with_capacitance(K: Tensor) -> Woodbury:
    """Arguments with I + C V A⁻¹U = K, exactly (in the dtype of K)."""
    one = torch.eye(len(K), dtype=K.dtype)
    return one / 2, one * 2, one, K - one


WOODBURY_SIGNATURE = "woodbury(A_inv: Tensor[n, n], U: Tensor[n, k], C: Tensor[k, k], V: Tensor[k, n]) -> Tensor[n, n]"
WOODBURY = Exercise(
    name="woodbury",
    title="Woodbury identity",
    source="000, section 1.2.3, Fact 3, eq. 1.36; 003, Woodbury identity",
    functions=(
        Function(
            WOODBURY_SIGNATURE,
            cases=UPDATES,
            bad_inputs=(
                BadInput(
                    "singular_number",
                    lambda: with_capacitance(tensor([[0]])),
                    "a number that becomes 0 raises ValueError",
                ),
                BadInput(
                    "singular_update",
                    lambda: with_capacitance(tensor([[1, 2], [0.5, 1]])),
                    "a singular I + C V A⁻¹U raises ValueError",
                ),
                BadInput(
                    "nearly_singular_update",
                    lambda: with_capacitance(tensor([[1, 1], [1, 1 + 2.0**-50]])),
                    "an I + C V A⁻¹U that is singular up to rounding raises ValueError",
                ),
                BadInput(
                    "large_nearly_singular_update",
                    lambda: with_capacitance(2.0**20 * tensor([[1, 1], [1, 1 + 2.0**-50]])),
                    "a large I + C V A⁻¹U that is singular up to rounding raises ValueError",
                ),
                BadInput(
                    "small_capacitance",
                    lambda: with_capacitance(2.0**-50 * tensor([[1, 0], [0, 1]])),
                    "an I + C V A⁻¹U that is a rounded zero raises ValueError",
                ),
                BadInput(
                    "nearly_singular_update_in_float32",
                    lambda: with_capacitance(torch.tensor([[1, 1], [1, 1 + 2.0**-20]])),
                    "in float32, an I + C V A⁻¹U that is singular up to rounding raises ValueError",
                ),
            ),
        ),
    ),
    rules=(
        NoLargerThan(
            "no_large_inverse",
            "inverts, solves and factorises nothing larger than k x k",
            INVERSES_AND_SOLVES | FACTORISATIONS,
            WOODBURY_SIGNATURE,
            "k",
        ),
    ),
)


@properties_of("woodbury", weight=2)
@given(case=UPDATES)
def test_inverts_the_updated_matrix(student: Student, case: LowRankUpdate) -> None:
    """(A + U C V) X = I"""
    X = student.woodbury(case.A_inv, case.U, case.C, case.V)
    condition = float(matrix_norm(case.updated)) * case.error
    assert_close(case.updated @ X, eye(len(X)), condition=condition, because="(A + U C V) X")


@properties_of("woodbury")
@given(case=UPDATES)
def test_changes_nothing_without_an_update(student: Student, case: LowRankUpdate) -> None:
    """C = 0, U = 0 or V = 0 leaves A⁻¹ as it is"""
    U, C, V = case.U, case.C, case.V
    assert_close(student.woodbury(case.A_inv, U, 0 * C, V), case.A_inv, because="C = 0")
    assert_close(student.woodbury(case.A_inv, 0 * U, C, V), case.A_inv, because="U = 0")
    assert_close(student.woodbury(case.A_inv, U, C, 0 * V), case.A_inv, because="V = 0")


@properties_of("woodbury")
@given(case=UPDATES)
def test_is_undone_by_the_opposite_update(student: Student, case: LowRankUpdate) -> None:
    """Adding U C V and then U (-C) V leads back to A⁻¹"""
    there = student.woodbury(case.A_inv, case.U, case.C, case.V)
    way_back = LowRankUpdate(case.updated, case.inverse, case.U, -case.C, case.V)
    back = student.woodbury(there, case.U, -case.C, case.V)
    assert_close(back, case.A_inv, condition=case.condition * way_back.condition, because="there and back")
