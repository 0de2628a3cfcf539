"""The determinant of a matrix that changes by an update of rank k: the matrix determinant lemma."""

from __future__ import annotations

import dataclasses

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.linalg import matrix_norm

from autograder.testing.assertions import assert_close
from autograder.testing.properties import given, properties_of
from autograder.testing.record import Case, Cases, Exercise, Function
from autograder.testing.rules import DETERMINANTS, FACTORISATIONS, NoLargerThan
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
from tests.properties.public.linear_algebra.low_rank_updates import READABLE, eye, readable_inverse


@dataclasses.dataclass(frozen=True)
class DeterminantUpdate(Case):
    """A matrix A [n, n] with its determinant and inverse, and the factors U, V [n, k] of its update A + U Vᵀ."""

    A: Tensor
    det_A: Tensor  # noqa: N815
    A_inv: Tensor
    U: Tensor
    V: Tensor

    @property
    def updated(self) -> Tensor:
        """A + U Vᵀ."""
        return self.A + self.U @ self.V.T

    @property
    def small(self) -> Tensor:
        """I + Vᵀ A⁻¹U [k, k]."""
        return eye(self.U.shape[1]) + self.V.T @ self.A_inv @ self.U

    @property
    def terms(self) -> float:
        """The size of the products that the updated determinant sums."""
        k = self.U.shape[1]
        coupling = 1 + matrix_norm(self.V) * matrix_norm(self.A_inv) * matrix_norm(self.U)
        return abs(float(self.det_A)) * max(1.0, float(coupling)) ** k


def update(A: Tensor, U: Tensor, V: Tensor) -> DeterminantUpdate:
    """A case of a readable matrix; its determinant is a power of two."""
    return DeterminantUpdate(A, torch.linalg.det(A).round(), readable_inverse(A), U, V)


@st.composite
def readable_updates(draw: st.DrawFn) -> DeterminantUpdate:
    """A readable matrix and small factors."""
    A = draw(st.sampled_from(READABLE))
    k = draw(sizes(1, 3))
    return update(A, draw(quarters(len(A), k)), draw(quarters(len(A), k)))


def seeded_update(g: torch.Generator) -> DeterminantUpdate:
    """A of condition number 20 and a size up to 8, with either sign of the determinant."""
    n, k = 4 + int(torch.randint(5, (), generator=g)), 1 + int(torch.randint(4, (), generator=g))
    A = conditioned(g, n, condition=20) * 2
    return DeterminantUpdate(A, torch.linalg.det(A), torch.linalg.inv(A), normal(g, n, k) / 2, normal(g, n, k) / 2)


@st.composite
def rescaled_updates(draw: st.DrawFn) -> DeterminantUpdate:
    """The same update in other units: A → aA, U → uU, V → (a/u) V multiply the determinant by aⁿ."""
    case = draw(DRAWN)
    a, u = draw(powers_of_two(-20, 20)), draw(powers_of_two(-40, 40))
    n = len(case.A)
    return DeterminantUpdate(case.A * a, case.det_A * a**n, case.A_inv / a, case.U * u, case.V * (a / u))


DRAWN = readable_first(readable_updates(), large=generators().map(seeded_update))
UPDATES = Cases(
    dense=(
        update(READABLE[6], tensor([[1, -0.5], [0.25, 2], [-1, 1]]), tensor([[0.5, 1], [1, 0], [-1, 0.75]])),
        update(
            READABLE[7],
            tensor([[1, 0, 2], [0.5, -1, 0], [2, 1, -1], [0, 0.25, 1]]),
            tensor([[1, 0, 0.5], [-1, 0.25, 1], [0, 1, 2], [0.5, 1, 0]]),
        ),
        seeded_update(generator(1)),
        seeded_update(generator(4)),
    ),
    drawn=DRAWN,
    edges={
        "k = 1": update(READABLE[4], tensor([[1], [2]]), tensor([[0.5], [3]])),
        "k = n": update(READABLE[3], tensor([[1, 0.5], [0, 1]]), tensor([[2, 0], [1, 1]])),
        "k > n": update(READABLE[1], tensor([[1, 2]]), tensor([[0.5, 1]])),
        "n = k = 1": update(READABLE[1], tensor([[3]]), tensor([[0.5]])),
        "singular result, k = 1": update(READABLE[3], tensor([[1], [0]]), tensor([[-1], [0.5]])),
        "singular result, k = 2": update(READABLE[2], tensor([[1, 0], [0, 1]]), tensor([[1, 1], [2, 0]])),
        "the first of two columns alone makes it singular": update(READABLE[2], eye(2), tensor([[-1, 1], [1, 0]])),
        "U = 0": update(READABLE[4], tensor([[0], [0]]), tensor([[1], [2]])),
        "the sign changes": update(READABLE[2], tensor([[2], [0]]), tensor([[-1], [3]])),
    },
    extreme=rescaled_updates(),
)
SIGNATURE = (
    "matrix_determinant_lemma(det_A: Tensor[], A_inv: Tensor[n, n], U: Tensor[n, k], V: Tensor[n, k]) -> Tensor[]"
)
MATRIX_DETERMINANT_LEMMA = Exercise(
    name="matrix_determinant_lemma",
    title="Matrix determinant lemma (rank k)",
    source="000, section 1.2.3, the proof of Fact 2",
    functions=(Function(SIGNATURE, cases=UPDATES),),
    rules=(
        NoLargerThan(
            "no_large_determinant",
            "takes determinants, and factorises, nothing larger than k x k",
            DETERMINANTS | FACTORISATIONS,
            SIGNATURE,
            "k",
        ),
    ),
)


@properties_of("matrix_determinant_lemma", weight=2)
@given(case=UPDATES)
def test_is_the_determinant_of_the_updated_matrix(student: Student, case: DeterminantUpdate) -> None:
    """The same as torch.linalg.det(A + U Vᵀ)"""
    got = student.matrix_determinant_lemma(case.det_A, case.A_inv, case.U, case.V)
    assert_close(got, torch.linalg.det(case.updated), scale=case.terms, because="det(A + U Vᵀ)")


@properties_of("matrix_determinant_lemma")
@given(case=UPDATES)
def test_changes_nothing_without_an_update(student: Student, case: DeterminantUpdate) -> None:
    """U = 0 or V = 0 leaves det A as it is"""
    det_A, A_inv = case.det_A, case.A_inv
    assert_close(student.matrix_determinant_lemma(det_A, A_inv, 0 * case.U, case.V), det_A, because="U = 0")
    assert_close(student.matrix_determinant_lemma(det_A, A_inv, case.U, 0 * case.V), det_A, because="V = 0")


@properties_of("matrix_determinant_lemma")
@given(case=UPDATES)
def test_reduces_to_the_small_determinant_for_the_identity(student: Student, case: DeterminantUpdate) -> None:
    """A = I: det(I_n + U Vᵀ) = det(I_k + VᵀU)"""
    n, k = case.U.shape
    got = student.matrix_determinant_lemma(tensor(1), eye(n), case.U, case.V)
    terms = (1 + float(matrix_norm(case.U) * matrix_norm(case.V))) ** min(n, k)
    assert_close(got, torch.linalg.det(eye(k) + case.V.T @ case.U), scale=terms, because="det(I + U Vᵀ)")


@properties_of("matrix_determinant_lemma")
@given(case=UPDATES)
def test_is_proportional_to_the_old_determinant(student: Student, case: DeterminantUpdate) -> None:
    """With A⁻¹, U and V held, twice as large a det A gives twice as large a result"""
    once = student.matrix_determinant_lemma(case.det_A, case.A_inv, case.U, case.V)
    twice = student.matrix_determinant_lemma(-2 * case.det_A, case.A_inv, case.U, case.V)
    assert_close(twice, -2 * once, scale=case.terms, because="-2 det A")
