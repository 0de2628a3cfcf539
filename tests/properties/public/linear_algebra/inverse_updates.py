"""Inverses of matrices that change by a little: the Sherman-Morrison formula."""

from __future__ import annotations

import dataclasses

import torch
from hypothesis import strategies as st
from torch import Tensor, outer
from torch.linalg import matrix_norm, vector_norm

from autograder.testing.assertions import assert_close, assert_tensor
from autograder.testing.properties import given, properties_of
from autograder.testing.record import BadInput, Case, Cases, Exercise, Function
from autograder.testing.rules import NO_INVERSE_OR_SOLVE, NoMatrixProduct
from autograder.testing.strategies import (
    assume,
    conditioned,
    generator,
    generators,
    normal,
    powers_of_two,
    quarters,
    readable_first,
    tensor,
)
from autograder.testing.student import Student

DOMAIN = 0.1
"""A + u vᵀ counts as safely invertible where |1 + vᵀA⁻¹u| is larger."""


@dataclasses.dataclass(frozen=True)
class RankOneUpdate(Case):
    """A matrix A [n, n] with its inverse, and the vectors u, v [n] of its update A + u vᵀ."""

    A: Tensor
    A_inv: Tensor
    u: Tensor
    v: Tensor

    @property
    def n(self) -> int:
        """The size of A."""
        return len(self.u)

    @property
    def updated(self) -> Tensor:
        """A + u vᵀ."""
        return self.A + outer(self.u, self.v)

    @property
    def denominator(self) -> float:
        """1 + vᵀA⁻¹u = det(A + u vᵀ) / det A."""
        return float(1 + self.v @ self.A_inv @ self.u)

    @property
    def coupling(self) -> float:
        """|v| |A⁻¹| |u|: the size of the terms that vᵀA⁻¹u sums."""
        return float(vector_norm(self.v) * matrix_norm(self.A_inv) * vector_norm(self.u))

    @property
    def error(self) -> float:
        """The error of the updated inverse, in roundoffs: that of the denominator changes the whole correction."""
        correction = vector_norm(self.A_inv @ self.u) * vector_norm(self.v @ self.A_inv) / abs(self.denominator)
        return float(matrix_norm(self.A_inv) + correction) * (1 + self.coupling / abs(self.denominator))

    @property
    def condition(self) -> float:
        """That error relative to the updated inverse."""
        return self.error / float(matrix_norm(torch.linalg.inv(self.updated)))


def in_domain(case: RankOneUpdate) -> bool:
    """Whether the update may be asked for."""
    return abs(case.denominator) > DOMAIN


def update(A: list[list[float]], u: list[float], v: list[float]) -> RankOneUpdate:
    """A case that is written down."""
    return RankOneUpdate(tensor(A), torch.linalg.inv(tensor(A)), tensor(u), tensor(v))


def readable_matrix(g: torch.Generator, n: int) -> Tensor:
    """L D U with ones on the diagonals of L and U and powers of two in D: its inverse has few digits as well."""
    L, U = torch.randint(-1, 2, (2, n, n), generator=g).double()
    one, D = torch.eye(n, dtype=torch.float64), tensor([1, 2, -1, 0.5])[torch.randint(4, (n,), generator=g)]
    return (L.tril(-1) + one) * D @ (U.triu(1) + one)


MATRICES = sorted(
    (readable_matrix(generator(seed), n=1 + seed % 3) for seed in range(60)),
    key=lambda A: (len(A), float((A - torch.eye(len(A))).abs().sum())),
)


@st.composite
def readable_updates(draw: st.DrawFn) -> RankOneUpdate:
    """A small A from a fixed list, the simplest first; its inverse is a multiple of 1/8, so it is known exactly."""
    A = draw(st.sampled_from(MATRICES))
    A_inv = (torch.linalg.inv(A) * 8).round() / 8 + 0.0
    return RankOneUpdate(A, A_inv, draw(quarters(len(A))), draw(quarters(len(A))))


def seeded_update(g: torch.Generator) -> RankOneUpdate:
    """A of condition number 30 and a size up to 9, updates of the size of A."""
    n = 4 + int(torch.randint(6, (), generator=g))
    A = conditioned(g, n, condition=30)
    return RankOneUpdate(A, torch.linalg.inv(A), normal(g, n) / n**0.5, normal(g, n) / n**0.5)


@st.composite
def rescaled_updates(draw: st.DrawFn) -> RankOneUpdate:
    """The same update in other units: A → cA, u → bu, v → (c/b) v leave 1 + vᵀA⁻¹u alone."""
    case = draw(DRAWN)
    c, b = draw(powers_of_two(-40, 40)), draw(powers_of_two(-40, 40))
    return RankOneUpdate(case.A * c, case.A_inv / c, case.u * b, case.v * (c / b))


DRAWN = readable_first(readable_updates(), large=generators().map(seeded_update)).filter(in_domain)
UPDATES = Cases(
    dense=(
        update([[2, 1, 0], [1, 1, -1], [0, 1, 0]], u=[1, -0.5, 2], v=[0.25, 1, -1]),
        update([[1, -2], [0.5, 1]], u=[-1.5, 2], v=[1, 0.75]),
        seeded_update(generator(2)),
        seeded_update(generator(5)),
    ),
    drawn=DRAWN,
    edges={
        "n = 1": update([[4]], u=[3], v=[-0.5]),
        "u = 0": update([[1, 2], [0.5, -1]], u=[0, 0], v=[1, 3]),
        "v = 0": update([[1, 2], [0.5, -1]], u=[1, 3], v=[0, 0]),
        "vᵀA⁻¹u = 0": update([[1, 0, 0], [2, 1, 0], [0, -1, 1]], u=[1, 2, 0], v=[0, 1, 3]),
        "1 + vᵀA⁻¹u = 1/8": update([[1, 2], [0, 1]], u=[0.25, 0.5], v=[0.5, -1]),
        "1 + vᵀA⁻¹u = -1/8": update([[1, 2], [0, 1]], u=[0.25, 0.5], v=[0.5, -1.5]),
        "vᵀA⁻¹u = 4096": update([[1, 0.5], [0, 1]], u=[64, 0], v=[64, 32]),
        "long u and v, vᵀA⁻¹u = 0": update([[1, 0], [0, 1]], u=[2.0**26, 0], v=[0, 2.0**26]),
        "u = v and symmetric A": update([[2, 1], [1, 1]], u=[1, 0.5], v=[1, 0.5]),
        "A = I, u = v = e₁": update([[1, 0], [0, 1]], u=[1, 0], v=[1, 0]),
    },
    extreme=rescaled_updates(),
)


def singular(gap: float) -> tuple[Tensor, Tensor, Tensor]:
    """Arguments with 1 + vᵀA⁻¹u = gap, exactly."""
    A_inv = tensor([[1, 0.5], [-2, 1]])
    return A_inv, tensor([1, -2]), tensor([0, (1 - gap) / 4])


SIGNATURE = "sherman_morrison(A_inv: Tensor[n, n], u: Tensor[n], v: Tensor[n]) -> Tensor[n, n]"
SHERMAN_MORRISON = Exercise(
    name="sherman_morrison",
    title="Sherman-Morrison rank-one inverse update",
    source="000, section 1.2.3, eq. 1.29-1.35; 003, Woodbury identity",
    functions=(
        Function(
            SIGNATURE,
            cases=UPDATES,
            bad_inputs=(
                BadInput("singular_update", lambda: singular(0.0), "1 + vᵀA⁻¹u = 0 raises ValueError"),
                BadInput(
                    "nearly_singular_update", lambda: singular(2.0**-42), "|1 + vᵀA⁻¹u| < 1e-12 raises ValueError"
                ),
                BadInput(
                    "singular_number",
                    lambda: (tensor([[0.5]]), tensor([2]), tensor([-1])),
                    "a 1 x 1 matrix that becomes 0 raises ValueError",
                ),
                BadInput(
                    "negative_nearly_singular_update",
                    lambda: singular(-(2.0**-42)),
                    "|1 + vᵀA⁻¹u| < 1e-12 raises ValueError, also from below",
                ),
            ),
        ),
    ),
    rules=(NO_INVERSE_OR_SOLVE, NoMatrixProduct(SIGNATURE, size="n")),
)


def updated_inverse(student: Student, A_inv: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """The student's answer, with which one can calculate."""
    return assert_tensor(student.sherman_morrison(A_inv, u, v), shape=A_inv.shape, dtype=A_inv.dtype)


@properties_of("sherman_morrison", weight=2)
@given(case=UPDATES)
def test_inverts_the_updated_matrix(student: Student, case: RankOneUpdate) -> None:
    """(A + u vᵀ) X = I"""
    X = updated_inverse(student, case.A_inv, case.u, case.v)
    identity = torch.eye(case.n, dtype=torch.float64)
    condition = float(matrix_norm(case.updated)) * case.error
    assert_close(case.updated @ X, identity, condition=condition, because="(A + u vᵀ) X")


@properties_of("sherman_morrison")
@given(case=UPDATES)
def test_is_undone_by_the_opposite_update(student: Student, case: RankOneUpdate) -> None:
    """Adding u vᵀ and then (-u) vᵀ leads back to A⁻¹"""
    assume(abs(1 / case.denominator) > DOMAIN)  # the denominator of the way back
    there = updated_inverse(student, case.A_inv, case.u, case.v)
    back = student.sherman_morrison(there, -case.u, case.v)
    magnified = (1 + case.coupling * abs(case.denominator)) ** 2 / float(matrix_norm(case.A_inv))
    assert_close(back, case.A_inv, condition=case.error * magnified, because="there and back")


@properties_of("sherman_morrison")
@given(case=UPDATES)
def test_changes_nothing_without_an_update(student: Student, case: RankOneUpdate) -> None:
    """u = 0 or v = 0 leaves A⁻¹ as it is"""
    zero = torch.zeros_like(case.u)
    assert_close(student.sherman_morrison(case.A_inv, zero, case.v), case.A_inv, because="u = 0")
    assert_close(student.sherman_morrison(case.A_inv, case.u, zero), case.A_inv, because="v = 0")


@properties_of("sherman_morrison")
@given(case=UPDATES)
def test_screens_the_response_to_u(student: Student, case: RankOneUpdate) -> None:
    """X u = A⁻¹u / (1 + vᵀA⁻¹u): the response to u is the old one, divided by a scalar"""
    X = updated_inverse(student, case.A_inv, case.u, case.v)
    screened = case.A_inv @ case.u / case.denominator
    assert_close(X @ case.u, screened, scale=case.error * float(vector_norm(case.u)), because="X u")
