"""Inverses of matrices that change by a little: hidden properties and known answers."""

from __future__ import annotations

import torch
from torch import Tensor, outer
from torch.linalg import matrix_norm

from autograder.testing.answers import alternative_of, misconception_of
from autograder.testing.assertions import assert_close
from autograder.testing.errata import Erratum
from autograder.testing.properties import given, properties_of
from autograder.testing.record import Cases
from autograder.testing.strategies import assume, generators, normal
from autograder.testing.student import Student
from tests.properties.public.linear_algebra.inverse_updates import (
    UPDATES,
    RankOneUpdate,
    in_domain,
    updated_inverse,
)

SOME_UPDATES = Cases(UPDATES.dense, UPDATES.drawn)


def after(case: RankOneUpdate, p: Tensor, q: Tensor) -> RankOneUpdate:
    """A second update, of the matrix that the first one left."""
    return RankOneUpdate(case.updated, torch.linalg.inv(case.updated), p, q)


@properties_of("sherman_morrison")
@given(case=UPDATES)
def test_transposes_with_its_arguments(student: Student, case: RankOneUpdate) -> None:
    """Transposing A and exchanging u with v transposes the result"""
    X = updated_inverse(student, case.A_inv, case.u, case.v)
    transposed = student.sherman_morrison(case.A_inv.T.contiguous(), case.v, case.u)
    assert_close(transposed, X.T, condition=case.condition, because="A⁻ᵀ, v, u")


@properties_of("sherman_morrison")
@given(case=SOME_UPDATES, generator=generators())
def test_takes_two_updates_in_either_order(student: Student, case: RankOneUpdate, generator: torch.Generator) -> None:
    """Two updates lead to the same inverse in either order"""
    p, q = normal(generator, 2, case.n)
    other = RankOneUpdate(case.A, case.A_inv, p, q)
    assume(in_domain(other))
    then, meanwhile = after(case, p, q), after(other, case.u, case.v)
    assume(in_domain(then) and in_domain(meanwhile))
    first = updated_inverse(student, case.A_inv, case.u, case.v)
    second = updated_inverse(student, case.A_inv, p, q)
    one_way = updated_inverse(student, first, p, q)
    other_way = student.sherman_morrison(second, case.u, case.v)
    condition = then.condition * case.condition + meanwhile.condition * other.condition
    assert_close(other_way, one_way, condition=condition, because="the other order")


@properties_of("sherman_morrison")
@given(case=UPDATES)
def test_depends_on_the_product_of_u_and_v_alone(student: Student, case: RankOneUpdate) -> None:
    """(cu) vᵀ = u (cv)ᵀ: it does not matter which of the two vectors carries a factor"""
    X = updated_inverse(student, case.A_inv, case.u, case.v)
    moved = student.sherman_morrison(case.A_inv, case.u * -4, case.v / -4)
    assert_close(moved, X, condition=case.condition, because="-4u, -v/4")


@properties_of("sherman_morrison")
@given(case=UPDATES)
def test_divides_the_determinant(student: Student, case: RankOneUpdate) -> None:
    """det A⁻¹ = (1 + vᵀA⁻¹u) det X: the matrix determinant lemma"""
    X = updated_inverse(student, case.A_inv, case.u, case.v)
    expected, got = torch.linalg.det(case.A_inv), case.denominator * torch.linalg.det(X)
    condition = float(matrix_norm(case.updated)) * case.error * case.n
    assert_close(got, expected, condition=condition, because="(1 + vᵀA⁻¹u) det X")


@misconception_of(
    "sherman_morrison",
    hint="The sign of the correction: for A = I and u = v = e₁ the first entry grows from 1 to 2, so its inverse must "
    "shrink from 1 to 1/2: along u, a larger matrix has a smaller inverse.",
)
def plus_sign(A_inv: Tensor, u: Tensor, v: Tensor) -> Tensor:
    return A_inv + outer(A_inv @ u, v @ A_inv) / _denominator(A_inv, u, v)


@misconception_of(
    "sherman_morrison",
    hint="vᵀA⁻¹ is the row (A⁻ᵀv)ᵀ: A⁻¹ acts on v from the right. Only for a symmetric A is that the same as A⁻¹v.",
)
def symmetric_only(A_inv: Tensor, u: Tensor, v: Tensor) -> Tensor:
    return A_inv - outer(A_inv @ u, A_inv @ v) / _denominator(A_inv, u, v)


@misconception_of(
    "sherman_morrison",
    hint="The metric A⁻¹ belongs inside the denominator: 1 + vᵀA⁻¹u. Check the units: u vᵀ has those of A, so uᵀv "
    "alone cannot be added to 1.",
)
def denominator(A_inv: Tensor, u: Tensor, v: Tensor) -> Tensor:
    return A_inv - outer(A_inv @ u, v @ A_inv) / _guarded(1 + u @ v)


@misconception_of(
    "sherman_morrison",
    hint="A⁻¹ - A⁻¹u vᵀA⁻¹ is first-order perturbation theory. The update also acts on its own response; summing that "
    "geometric series gives the denominator.",
)
def first_order_only(A_inv: Tensor, u: Tensor, v: Tensor) -> Tensor:
    _denominator(A_inv, u, v)
    return A_inv - outer(A_inv @ u, v @ A_inv)


@misconception_of(
    "sherman_morrison",
    hint="Which vector stands where? In u vᵀ the vector u says where the result points and v what is measured: A⁻¹ "
    "meets u from the left and v from the right, and 1 + vᵀA⁻¹u is not 1 + uᵀA⁻¹v unless A is symmetric.",
)
def exchanged_vectors(A_inv: Tensor, u: Tensor, v: Tensor) -> Tensor:
    return A_inv - outer(A_inv @ v, u @ A_inv) / _denominator(A_inv, v, u)


@misconception_of(
    "sherman_morrison",
    hint="You returned the correction A⁻¹u vᵀA⁻¹ / (1 + vᵀA⁻¹u) itself. It still has to be taken from A⁻¹.",
)
def correction_alone(A_inv: Tensor, u: Tensor, v: Tensor) -> Tensor:
    return outer(A_inv @ u, v @ A_inv) / _denominator(A_inv, u, v)


@misconception_of(
    "sherman_morrison",
    hint="The sign in the denominator follows from projecting x = A⁻¹y - A⁻¹u (vᵀx) on v: the unknown vᵀx appears "
    "twice on the same side, as 1 + vᵀA⁻¹u.",
)
def minus_in_the_denominator(A_inv: Tensor, u: Tensor, v: Tensor) -> Tensor:
    _denominator(A_inv, u, v)
    return A_inv - outer(A_inv @ u, v @ A_inv) / (1 - v @ A_inv @ u)


def _denominator(A_inv: Tensor, u: Tensor, v: Tensor) -> Tensor:
    return _guarded(1 + v @ A_inv @ u)


def _guarded(denominator: Tensor) -> Tensor:
    if denominator.abs() < 1e-12:  # row threshold
        raise ValueError("singular update")
    return denominator


ERRATA = (
    Erratum(
        "sherman_morrison",
        "000",
        "eq. 1.29",
        printed="(A + u vᵀ)⁻¹ = A⁻¹ + A⁻¹u vᵀA⁻¹ / (1 + vᵀA⁻¹u)",
        correct="(A + u vᵀ)⁻¹ = A⁻¹ - A⁻¹u vᵀA⁻¹ / (1 + vᵀA⁻¹u), as its proof, eq. 1.35, has it",
        counterexample="A = u = v = 1: printed 1 + 1/2, but the inverse of 2 is 1/2",
        answers=(plus_sign,),
    ),
    Erratum(
        "sherman_morrison",
        "001",
        "eq. 1.23",
        printed="(A + u vᵀ)⁻¹ = A⁻¹ + A⁻¹u vᵀA⁻¹ / (1 + vᵀA⁻¹u)",
        correct="(A + u vᵀ)⁻¹ = A⁻¹ - A⁻¹u vᵀA⁻¹ / (1 + vᵀA⁻¹u)",
        counterexample="A = u = v = 1: printed 1 + 1/2, but the inverse of 2 is 1/2",
        answers=(plus_sign,),
    ),
)

EQUIVALENT_MUTANTS = {
    "sherman_morrison": {
        "denominator = 1 + v @ A_inv_u => denominator = 1 + A_inv_u @ v": "the scalar product is symmetric",
        "if denominator.abs() < SINGULAR_UPDATE: => if denominator.abs() <= SINGULAR_UPDATE:": "1e-12 is never hit",
    }
}

# Alternatives: written without looking at the reference.


@alternative_of("sherman_morrison")
def one_step_of_elimination(A_inv: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Bordered matrix [[A_inv, A_inv u], [v A_inv, 1 + v A_inv u]] and one elimination step on its last pivot."""
    n = A_inv.shape[0]
    M = A_inv.new_zeros(n + 1, n + 1)
    M[:n, :n] = A_inv
    M[:n, n] = A_inv @ u
    M[n, :n] = A_inv.T @ v
    M[n, n] = 1 + v @ M[:n, n]
    pivot = M[n, n]
    if pivot.abs() < 1e-12:  # row threshold
        raise ValueError("zero pivot: the updated matrix is singular")
    factors = M[:, n] / pivot
    M = M - factors[:, None] * M[n][None, :]
    return M[:n, :n].clone()


@alternative_of("sherman_morrison")
def column_by_column(A_inv: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Column by column: each column c becomes c - w (v.c) with w = A_inv u / den."""
    w = torch.zeros_like(u)
    for j in range(u.numel()):
        w = w + A_inv[:, j] * u[j]
    den = 1 + torch.sum(v * w)
    if torch.abs(den) < 1e-12:  # row threshold
        raise ValueError("denominator is zero")
    w = w / den
    out = torch.empty_like(A_inv)
    for j in range(u.numel()):
        c = A_inv[:, j]
        out[:, j] = c - w * torch.sum(v * c)
    return out


# What students get wrong, and what notices
# + instead of - -> inverts_the_updated_matrix
# A⁻¹v for vᵀA⁻¹ (A taken for symmetric) -> inverts_the_updated_matrix, transposes_with_its_arguments
# u and v exchanged -> inverts_the_updated_matrix
# 1 + u.v in the denominator -> inverts_the_updated_matrix, divides_the_determinant
# 1 - vᵀA⁻¹u in the denominator -> screens_the_response_to_u
# no denominator -> inverts_the_updated_matrix, is_undone_by_the_opposite_update
# only the correction returned -> changes_nothing_without_an_update
# 1 + vᵀA⁻¹v or 1 + uᵀA⁻¹u -> depends_on_the_product_of_u_and_v_alone
# |1 + vᵀA⁻¹u| in the denominator -> inverts_the_updated_matrix (negative denominators)
# a small number added to the denominator -> inverts_the_updated_matrix (denominators of 1/8)
# inner product where the outer one belongs (u * v) -> returns_what_is_promised, inverts_the_updated_matrix
# outer(v A⁻¹, A⁻¹u): transposed correction -> inverts_the_updated_matrix
# the inverse of A_inv + u vᵀ: A and its inverse mixed up -> changes_nothing_without_an_update
# A⁻¹ u vᵀ without the second A⁻¹ -> inverts_the_updated_matrix
# no error for a singular update: inf or nan -> rejects_singular_update
# error only for exactly 0 -> rejects_nearly_singular_update
# error for every denominator < 1e-12, so for negative ones -> inverts_the_updated_matrix
# LinAlgError instead of ValueError -> rejects_singular_update
# A_inv -= ... changes the argument -> keeps_its_arguments
# torch.linalg.inv(A_inv) and the like -> the rules
# outer(A_inv @ u, v) @ A_inv, an n³ product -> the rules
# float32 constants, a result in float64 for float32 -> returns_what_is_promised
