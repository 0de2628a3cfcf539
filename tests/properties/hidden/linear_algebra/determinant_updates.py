"""The determinant of a matrix that changes by an update of rank k: hidden properties and known answers."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor
from torch.linalg import det, inv, matrix_norm

from autograder.testing.answers import alternative_of, misconception_of
from autograder.testing.assertions import assert_close
from autograder.testing.properties import given, properties_of
from autograder.testing.strategies import conditioned, generators, normal, tensor
from autograder.testing.student import Student
from tests.properties.public.linear_algebra.determinant_updates import UPDATES, DeterminantUpdate


def answer(student: Student, case: DeterminantUpdate) -> Tensor:
    """The student's determinant of the updated matrix."""
    got: Tensor = student.matrix_determinant_lemma(case.det_A, case.A_inv, case.U, case.V)
    return got


@properties_of("matrix_determinant_lemma")
@given(case=UPDATES)
def test_transposes_with_its_arguments(student: Student, case: DeterminantUpdate) -> None:
    """det(A + U Vᵀ) = det(Aᵀ + V Uᵀ)"""
    transposed = student.matrix_determinant_lemma(case.det_A, case.A_inv.T.contiguous(), case.V, case.U)
    assert_close(transposed, answer(student, case), scale=case.terms, because="A⁻ᵀ, V, U")


@properties_of("matrix_determinant_lemma")
@given(case=UPDATES, generator=generators())
def test_vanishes_where_the_updated_matrix_is_singular(
    student: Student, case: DeterminantUpdate, generator: torch.Generator
) -> None:
    """v = -w / (wᵀA⁻¹u) makes A + u vᵀ singular: vᵀA⁻¹u = -1, and the determinant is 0"""
    n = len(case.A)
    u, w = normal(generator, 2, n)
    v = -w / (w @ case.A_inv @ u)
    singular = DeterminantUpdate(case.A, case.det_A, case.A_inv, u[:, None], v[:, None])
    assert_close(answer(student, singular), tensor(0), condition=8, scale=singular.terms, because="vᵀA⁻¹u = -1")


@properties_of("matrix_determinant_lemma")
@given(case=UPDATES, generator=generators())
def test_does_not_see_the_basis_of_the_small_space(
    student: Student, case: DeterminantUpdate, generator: torch.Generator
) -> None:
    """U Vᵀ = (U T) (V T⁻ᵀ)ᵀ for every invertible T [k, k]"""
    T = conditioned(generator, case.U.shape[1], condition=4)
    turned = DeterminantUpdate(case.A, case.det_A, case.A_inv, case.U @ T, case.V @ inv(T).T)
    assert_close(answer(student, turned), answer(student, case), condition=16, scale=turned.terms, because="U T, V T⁻ᵀ")


@properties_of("matrix_determinant_lemma")
@given(case=UPDATES)
def test_multiplies_for_orthogonal_directions(student: Student, case: DeterminantUpdate) -> None:
    """A = I, U = V = the first unit vectors times numbers: the determinant is the product of 1 + number²"""
    n, k = case.U.shape
    count = min(n, k)
    numbers = 1 + torch.arange(count, dtype=torch.float64) / 2
    W = torch.zeros(n, count, dtype=torch.float64)
    W[:count] = torch.diag(numbers)
    got = student.matrix_determinant_lemma(tensor(3), torch.eye(n, dtype=torch.float64), W, W)
    assert_close(got, 3 * (1 + numbers**2).prod(), because="3 det(I + W Wᵀ)")


@properties_of("matrix_determinant_lemma")
@given(case=UPDATES)
def test_adds_a_column_of_zeros_for_nothing(student: Student, case: DeterminantUpdate) -> None:
    """A further column of U that is zero changes nothing, whatever stands in V"""
    column = torch.zeros(len(case.A), 1, dtype=torch.float64)
    got = student.matrix_determinant_lemma(
        case.det_A, case.A_inv, torch.cat([column, case.U], 1), torch.cat([column + 2, case.V], 1)
    )
    scale = case.terms * float(1 + matrix_norm(case.A_inv))
    assert_close(got, answer(student, case), scale=scale, because="[0, U], [2, V]")


@misconception_of(
    "matrix_determinant_lemma",
    hint="A⁻¹ has to sit between Vᵀ and U: det(A + U Vᵀ) = det A det(I + A⁻¹U Vᵀ), and that is det(I_k + VᵀA⁻¹U). The "
    "update is weighed against A; for numbers, a + uv = a (1 + uv/a).",
)
def outer(det_A: Tensor, A_inv: Tensor, U: Tensor, V: Tensor) -> Tensor:
    return det_A * det(torch.eye(len(U), dtype=U.dtype, device=U.device) + U @ V.T)


@misconception_of(
    "matrix_determinant_lemma",
    hint="The sign inside is +. Compare with numbers: a + uv = a (1 + uv/a).",
)
def minus(det_A: Tensor, A_inv: Tensor, U: Tensor, V: Tensor) -> Tensor:
    return det_A * det(torch.eye(U.shape[1], dtype=U.dtype, device=U.device) - V.T @ A_inv @ U)


@misconception_of(
    "matrix_determinant_lemma",
    hint="You divided: det(I + VᵀA⁻¹U) says by how much a volume grows under the update, so it multiplies det A. "
    "Dividing belongs to the determinant of the inverse.",
)
def divide(det_A: Tensor, A_inv: Tensor, U: Tensor, V: Tensor) -> Tensor:
    return det_A / _small(A_inv, U, V).det()


@misconception_of(
    "matrix_determinant_lemma",
    hint="det(I + VᵀA⁻¹U) is only the factor by which the volume changes. Multiply it with det A.",
)
def factor_alone(det_A: Tensor, A_inv: Tensor, U: Tensor, V: Tensor) -> Tensor:
    return _small(A_inv, U, V).det()


@misconception_of(
    "matrix_determinant_lemma",
    hint="1 + tr(VᵀA⁻¹U) is the first order in the update, and exact only for k = 1: for several columns the "
    "determinant also holds their products.",
)
def first_order_only(det_A: Tensor, A_inv: Tensor, U: Tensor, V: Tensor) -> Tensor:
    return det_A * (1 + (V.T @ A_inv @ U).trace())


@misconception_of(
    "matrix_determinant_lemma",
    hint="A determinant is not additive: det(A + B) is not det A + det B. Take A out first, det A det(I + A⁻¹B).",
)
def added(det_A: Tensor, A_inv: Tensor, U: Tensor, V: Tensor) -> Tensor:
    return det_A + (V.T @ A_inv @ U).det()


@misconception_of(
    "matrix_determinant_lemma",
    hint="U and V have changed places: A⁻¹ meets U from the left and V from the right, VᵀA⁻¹U. Only for a symmetric A "
    "is UᵀA⁻¹V its transpose.",
)
def exchanged_factors(det_A: Tensor, A_inv: Tensor, U: Tensor, V: Tensor) -> Tensor:
    return det_A * _small(A_inv, V, U).det()


@misconception_of(
    "matrix_determinant_lemma",
    hint="A determinant keeps its sign: it is negative where the map turns space inside out. exp(logdet) and |det| "
    "lose it, and logdet is nan there; slogdet returns the sign with the logarithm.",
)
def sign_lost(det_A: Tensor, A_inv: Tensor, U: Tensor, V: Tensor) -> Tensor:
    return det_A * _small(A_inv, U, V).det().abs()


def _small(A_inv: Tensor, U: Tensor, V: Tensor) -> Tensor:
    return torch.eye(U.shape[1], dtype=U.dtype, device=U.device) + V.T @ A_inv @ U


# Alternatives: written without looking at the reference.


@alternative_of("matrix_determinant_lemma")
def sum_over_permutations(det_A: Tensor, A_inv: Tensor, U: Tensor, V: Tensor) -> Tensor:
    """Leibniz' sum for the k x k determinant."""
    K = torch.eye(U.shape[1], dtype=A_inv.dtype, device=A_inv.device) + V.T @ (A_inv @ U)
    k = len(K)
    total = torch.zeros_like(det_A)
    for order in itertools.permutations(range(k)):
        crossings = sum(order[i] > order[j] for i in range(k) for j in range(i + 1, k))
        term = torch.ones_like(det_A) * (-1) ** crossings
        for i in range(k):
            term = term * K[i, order[i]]
        total = total + term
    return det_A * total


@alternative_of("matrix_determinant_lemma")
def product_of_eigenvalues(det_A: Tensor, A_inv: Tensor, U: Tensor, V: Tensor) -> Tensor:
    """1 + the eigenvalues of V^T A^-1 U; complex ones come in pairs with a real product."""
    small = torch.einsum("ia,ij,jb->ab", V, A_inv, U)
    return det_A * (1 + torch.linalg.eigvals(small)).prod().real


# What students get wrong, and what notices
# det(I_n + U Vᵀ): no A⁻¹, n x n -> is_the_determinant_of_the_updated_matrix, the rule
# det(I_k + VᵀU): no A⁻¹ -> is_the_determinant_of_the_updated_matrix
# I - VᵀA⁻¹U -> vanishes_where_the_updated_matrix_is_singular
# det A divided by the small determinant -> vanishes_where_the_updated_matrix_is_singular
# det A forgotten -> is_proportional_to_the_old_determinant, changes_nothing_without_an_update
# det A taken as 1 / det A, or squared -> is_proportional_to_the_old_determinant
# 1 + trace: first order -> multiplies_for_orthogonal_directions
# det A + ... -> is_proportional_to_the_old_determinant
# U and V exchanged -> transposes_with_its_arguments
# the identity forgotten, det(VᵀA⁻¹U) -> changes_nothing_without_an_update
# |det|, exp(logdet): the sign lost -> is_the_determinant_of_the_updated_matrix ("the sign changes")
# exp(slogdet) nan for a singular result -> agrees_on_edge_cases
# product of 1 + the diagonal of VᵀA⁻¹U -> does_not_see_the_basis_of_the_small_space
# product over columns without updating A⁻¹ in between -> does_not_see_the_basis_of_the_small_space
# VᵀA⁻ᵀU: A taken for symmetric -> transposes_with_its_arguments
# A⁻¹ inverted to build A + U Vᵀ -> the rule (inverse by eigenvalues, LU, ... too)
# det(A⁻¹) used in place of det A -> the rule
# n x n determinant det(I_n + A⁻¹U Vᵀ): right, and too large -> the rule
# returns a float or shape [1] -> returns_what_is_promised
# only k = 1 supported (.item(), v @ A_inv @ u) -> is_the_determinant_of_the_updated_matrix
# torch.eye(k) in float32 -> returns_what_is_promised
