"""The singular value decomposition, built from the eigendecomposition of AᵀA."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.linalg import svdvals

from autograder.testing.assertions import assert_close, assert_less
from autograder.testing.properties import given, properties_of
from autograder.testing.record import Case, Cases, Exercise, Function
from autograder.testing.rules import Forbid, spellings
from autograder.testing.strategies import (
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

DOMAIN = 2e-3
"""Singular values that are not zero are at least this share of the largest."""
ZERO = 1e-12
"""Singular values that are zero, as they were computed, are at most this share of the largest."""


@dataclasses.dataclass(frozen=True)
class Matrix(Case):
    """A matrix A [m, n] of any shape and rank."""

    A: Tensor

    @property
    def k(self) -> int:
        """How many singular values there are."""
        return min(self.A.shape)

    @property
    def singular_values(self) -> Tensor:
        """Those of A, by the library; rounded zeros are zeros."""
        s = svdvals(self.A)
        return torch.where(s > ZERO * s[0], s, 0.0)

    @property
    def rank(self) -> int:
        """How many are not zero."""
        return int(self.singular_values.count_nonzero())

    @property
    def largest(self) -> float:
        """The largest singular value."""
        return float(self.singular_values[0])

    @property
    def condition(self) -> float:
        """What AᵀA does to a roundoff: the square of the largest over the smallest non-zero singular value."""
        s = self.singular_values[: self.rank]
        return float(s[0] / s[-1]) ** 2 if self.rank else 1.0


def in_domain(case: Matrix) -> bool:
    """Whether every singular value is either zero or not small."""
    s = svdvals(case.A)
    return bool(((s > DOMAIN * s[0]) | (s <= ZERO * s[0])).all())


def matrix(rows: list[list[float]]) -> Matrix:
    """A case that is written down."""
    return Matrix(tensor(rows))


def seeded_matrix(g: torch.Generator) -> Matrix:
    """Up to 9 rows and columns with singular values in [1/200, 1]: of full rank or not, now and then repeated."""
    m, n = (int(size) for size in torch.randint(2, 10, (2,), generator=g))
    k = min(m, n)
    s = 200 ** -torch.rand(k, generator=g, dtype=torch.float64)
    choice = int(torch.randint(4, (), generator=g))
    if choice == 0:
        s[k // 2 :] = 0
    if choice == 1:
        s[: k // 2 + 1] = s[0]
    return Matrix(rotation(g, m)[:, :k] * s @ rotation(g, n)[:k])


@st.composite
def rescaled_matrices(draw: st.DrawFn) -> Matrix:
    """The same matrix in other units."""
    return Matrix(draw(MATRICES).A * draw(powers_of_two(-200, 200)))


READABLE = st.tuples(sizes(1, 4), sizes(1, 4)).flatmap(lambda shape: st.builds(Matrix, quarters(*shape)))
MATRICES = readable_first(READABLE, large=generators().map(seeded_matrix)).filter(in_domain)
CASES = Cases(
    dense=(
        matrix([[1, 2, 0.5], [-1, 0.25, 3]]),
        matrix([[2, -1], [0.5, -3], [1, 1.5], [0, 4]]),
        matrix([[1, 2, 0], [0.5, -1, 2], [3, 0.25, -2]]),
        seeded_matrix(generator(2)),
        seeded_matrix(generator(3)),
    ),
    drawn=MATRICES,
    edges={
        "zero matrix": matrix([[0, 0, 0], [0, 0, 0]]),
        "the number 0": matrix([[0]]),
        "a negative number": matrix([[-3]]),
        "m = 1": matrix([[3, 0, -4]]),
        "n = 1": matrix([[1], [-2], [2]]),
        "m = 1, zero": matrix([[0, 0]]),
        "repeated singular values": matrix([[0, 2, 0], [0, 0, -2], [2, 0, 0]]),
        "repeated, tall": matrix([[3, 4], [-4, 3], [0, 0]]),
        "identity": matrix([[1, 0], [0, 1]]),
        "ascending diagonal": matrix([[1, 0, 0], [0, 2, 0], [0, 0, 3]]),
        "diag(1, 0): two singular values, rank 1": matrix([[1, 0], [0, 0]]),
        "rank 1": matrix([[1, 2, -1], [2, 4, -2], [-3, -6, 3]]),
        "rank 1, tall": matrix([[0.5, 1], [1, 2], [1.5, 3], [2, 4]]),
        "rank 2, wide": matrix([[1, 0, 2, 1], [0, 1, 1, -1], [1, 1, 3, 0]]),
        "a column of zeros": matrix([[1, 0], [2, 0], [-1, 0]]),
        "a small singular value": matrix([[1, 0], [0, 2.0**-8]]),
        "the last diagonal entry is the largest": matrix([[0, 0], [0, 2]]),
    },
    extreme=rescaled_matrices(),
)
Svd = tuple[Tensor, Tensor, Tensor]


def what_defines_it(value: Svd, arguments: tuple[Any, ...]) -> dict[str, Tensor]:
    """Signs, rotations among equal singular values and the completion of U are free; these products are not."""
    (A,), (U, s, V) = arguments, value
    k = min(A.shape)
    return {"U Σ V.T": U[:, :k] * s[:k] @ V[:, :k].T, "s": s, "U.T U": U.T @ U, "V.T V": V.T @ V}


NO_SVD = Forbid(
    "no_svd",
    "uses no ready-made singular values, pseudo-inverse or rank",
    targets=spellings("svd", "svdvals", "svd_lowrank", "pca_lowrank", "pinv", "pinverse", "matrix_rank"),
    methods=frozenset({"svd", "pinverse"}),
    operators=frozenset({"*svd*", "*pinv*", "*matrix_rank*"}),
)
SVD_FROM_EIGH = Exercise(
    name="svd_from_eigh",
    title="Full SVD built from the eigendecomposition of AᵀA",
    source="000, section 1.1.1, Def. 2, eq. 1.3-1.5",
    functions=(
        Function(
            "svd_from_eigh(A: Tensor[m, n]) -> tuple[Tensor[m, m], Tensor[min(m, n)], Tensor[n, n]]",
            cases=CASES,
            compare_through=what_defines_it,
        ),
    ),
    rules=(NO_SVD,),
)


@properties_of("svd_from_eigh", weight=2)
@given(case=CASES)
def test_multiplies_back_to_the_matrix(student: Student, case: Matrix) -> None:
    """U Σ Vᵀ = A"""
    U, s, V = student.svd_from_eigh(case.A)
    product = U[:, : case.k] * s @ V[:, : case.k].T
    assert_close(product, case.A, condition=case.condition, scale=case.largest, because="U Σ Vᵀ")


@properties_of("svd_from_eigh")
@given(case=CASES)
def test_has_orthonormal_columns_in_u(student: Student, case: Matrix) -> None:
    """UᵀU = I, with all m columns: also where A has a smaller rank"""
    U, _, _ = student.svd_from_eigh(case.A)
    assert_close(U.T @ U, torch.eye(len(case.A), dtype=torch.float64), condition=case.condition, because="UᵀU")


@properties_of("svd_from_eigh")
@given(case=CASES)
def test_has_orthonormal_columns_in_v(student: Student, case: Matrix) -> None:
    """VᵀV = I, with all n columns"""
    _, _, V = student.svd_from_eigh(case.A)
    assert_close(V.T @ V, torch.eye(case.A.shape[1], dtype=torch.float64), because="VᵀV")


@properties_of("svd_from_eigh")
@given(case=CASES)
def test_sorts_the_singular_values(student: Student, case: Matrix) -> None:
    """s ≥ 0, the largest first"""
    _, s, _ = student.svd_from_eigh(case.A)
    assert_less(s[1:], s[:-1], scale=case.largest, because="s[i + 1] and s[i]")
    assert_less(torch.zeros_like(s), s, scale=0.0, because="0 and s[i]")


@properties_of("svd_from_eigh")
@given(case=CASES)
def test_finds_the_singular_values(student: Student, case: Matrix) -> None:
    """s is that of torch.linalg.svdvals, and rounded zeros are exactly 0"""
    _, s, _ = student.svd_from_eigh(case.A)
    assert_close(s, case.singular_values, condition=case.condition**0.5, scale=case.largest, because="s")
    assert_close(s[case.rank :], 0 * s[case.rank :], because=f"rank {case.rank}: the other singular values")
