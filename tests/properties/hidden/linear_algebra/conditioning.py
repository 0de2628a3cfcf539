"""The condition number: hidden properties and known answers."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.linalg import svd, vector_norm

from autograder.testing.answers import alternative_of, misconception_of
from autograder.testing.assertions import assert_close, assert_equal, assert_less
from autograder.testing.errata import Erratum
from autograder.testing.properties import given, properties_of
from autograder.testing.strategies import assume, generators, normal
from autograder.testing.student import Student
from tests.properties.public.linear_algebra.conditioning import CASES, DOMAIN, Matrix


@properties_of("condition_number")
@given(case=CASES, generator=generators())
def test_bounds_the_error_of_a_solution(student: Student, case: Matrix, generator: torch.Generator) -> None:
    """In A x = b, |δx|/|x| ≤ κ |δb|/|b|; with b along the longest axis and δb along the shortest it is equal"""
    m, n = case.A.shape
    assume(m == n and not case.singular)
    kappa = student.condition_number(case.A)
    U = svd(case.A)[0]
    worst = U[:, 0], U[:, -1]
    for b, db in (worst, tuple(normal(generator, 2, n))):
        x, dx = torch.linalg.solve(case.A, torch.stack([b, db], 1)).T
        grown = float(vector_norm(dx) * vector_norm(b) / vector_norm(x) / vector_norm(db))
        assert_less(grown, kappa, condition=case.condition, scale=case.condition, because="growth of the error and κ")
        if b is worst[0]:
            assert_close(kappa, grown, condition=case.condition, dtype=torch.float64, because="κ and the worst growth")


@properties_of("condition_number")
@given(case=CASES)
def test_squares_in_the_normal_equations(student: Student, case: Matrix) -> None:
    """κ(AᵀA) = κ(A)²: what least squares by normal equations pays"""
    assume(case.condition**2 < DOMAIN)
    m, n = case.A.shape
    gram = case.A.T @ case.A if m >= n else case.A @ case.A.T
    squared = student.condition_number(gram)
    kappa = student.condition_number(case.A)
    assert_close(squared, kappa * kappa, condition=case.condition**2, dtype=torch.float64, because="κ(AᵀA)")


@properties_of("condition_number")
@given(case=CASES)
def test_is_the_ratio_of_eigenvalues_for_positive_definite_matrices(student: Student, case: Matrix) -> None:
    """For S = AᵀA + I, symmetric and positive definite, κ = λ_max / λ_min"""
    S = case.A.T @ case.A + torch.eye(case.A.shape[1], dtype=torch.float64)
    values = torch.linalg.eigvalsh(S)
    expected = float(values[-1] / values[0])
    assert_close(student.condition_number(S), expected, condition=expected, dtype=torch.float64, because="κ(AᵀA + I)")


@properties_of("condition_number")
@given(case=CASES)
def test_counts_what_is_not_measured(student: Student, case: Matrix) -> None:
    """A row of zeros measures nothing: κ stays where A is tall or square, and is inf where a row was missing"""
    m, n = case.A.shape
    more = student.condition_number(torch.cat([case.A, torch.zeros(1, n, dtype=torch.float64)]))
    if m < n or case.singular:
        assert_equal(more, math.inf, because="κ of [A; 0]")
    else:
        kappa = student.condition_number(case.A)
        assert_close(more, kappa, condition=case.condition, dtype=torch.float64, because="κ of [A; 0]")


@properties_of("condition_number")
@given(case=CASES)
def test_is_infinite_where_a_column_repeats(student: Student, case: Matrix) -> None:
    """Two equal columns cannot be told apart: κ = inf, if there are rows enough to ask"""
    A = (case.A * 4).round()
    m, n = A.shape
    assume(m > n and bool(A.any()))
    doubled = student.condition_number(torch.cat([A, A[:, :1]], 1))
    assert_equal(doubled, math.inf, because="κ of [A, a₁]")


@properties_of("condition_number", weight=2)
@given(case=CASES)
def test_works_in_double_precision_inside(student: Student, case: Matrix) -> None:
    """A float32 matrix is taken as it is and computed with in float64: κ has the digits of float64"""
    A = case.A.float()
    inputs = Matrix(A.double())
    assume(not inputs.singular and inputs.condition < DOMAIN)
    kappa = student.condition_number(A)
    assert_close(kappa, inputs.condition, condition=inputs.condition, dtype=torch.float64, because="κ in float32")


@misconception_of(
    "condition_number",
    hint="The ratio of eigenvalues is right only for symmetric positive definite matrices. Errors are stretched by "
    "singular values: the shear [[1, 1000], [0, 1]] has both eigenvalues 1, and yet it turns the unit circle into a "
    "needle.",
)
def eigenvalues(A: Tensor) -> float:
    _check(A)
    sizes = torch.linalg.eigvals(A.double()).abs()
    return (sizes.max() / sizes.min()).item()


@misconception_of(
    "condition_number",
    hint="λ_max / λ_min with its sign gives -1/2 for diag(1, -2), but a ratio of lengths is positive and at least 1. "
    "Use singular values: they measure how long vectors become.",
)
def signed(A: Tensor) -> float:
    _check(A)
    values = torch.linalg.eigvals(A.double()).real
    return (values.max() / values.min()).item()


@misconception_of(
    "condition_number",
    hint="eigvalsh reads only one triangle and takes A for symmetric, and even then a negative eigenvalue makes the "
    "ratio negative. Use singular values: they are there for every matrix.",
)
def eigenvalues_of_a_triangle(A: Tensor) -> float:
    _check(A)
    values = torch.linalg.eigvalsh(A.double())
    return (values[-1] / values[0]).item()


@misconception_of(
    "condition_number",
    hint="This is the inverse, σ_min / σ_max. κ ≥ 1, and it grows as A comes close to a singular matrix.",
)
def inverse_ratio(A: Tensor) -> float:
    kappa = _right(A)
    return 1 / kappa


@misconception_of(
    "condition_number",
    hint="This is κ(AᵀA) = κ(A)². The eigenvalues of AᵀA are the squares of the singular values; take the root.",
)
def squared(A: Tensor) -> float:
    kappa = _right(A)
    return kappa * kappa


@misconception_of(
    "condition_number",
    hint="torch.linalg.norm of a matrix is the Frobenius norm, the root of the sum of all squared entries. The 2-norm "
    "is the largest singular value: how much the longest image of a unit vector measures.",
)
def frobenius(A: Tensor) -> float:
    if math.isinf(_right(A)):
        return math.inf
    return float(torch.linalg.norm(A.double()) * torch.linalg.norm(torch.linalg.pinv(A.double())))


@misconception_of(
    "condition_number",
    hint="The formula is right. For a singular matrix rounding leaves σ_min at about 1e-17 instead of 0, and 1e16 is "
    "not a condition number but noise: return inf where σ_min ≤ 1e-14 σ_max.",
)
def never_infinite(A: Tensor) -> float:
    _check(A)
    s = torch.linalg.svdvals(A.double())
    return float(s[0] / s[-1])


@misconception_of(
    "condition_number",
    hint="The roots of the eigenvalues of AᵀA have half the digits: what is below 1e-8 σ_max is lost in the rounding "
    "of the square. Take the singular values of A itself.",
)
def through_the_gram_matrix(A: Tensor) -> float:
    _check(A)
    B = A.double() if A.shape[0] >= A.shape[1] else A.double().T
    values = torch.linalg.eigvalsh(B.T @ B).clamp(min=0).sqrt()
    return math.inf if values[0] <= 1e-14 * values[-1] else float(values[-1] / values[0])  # row threshold


@misconception_of(
    "condition_number",
    hint="You divided by the smallest singular value that is not zero, as a pseudo-inverse does. What A maps to zero "
    "cannot be recovered at all: κ is inf.",
)
def zeros_ignored(A: Tensor) -> float:
    _check(A)
    s = torch.linalg.svdvals(A.double())
    s = s[s > 1e-14 * s[0]]  # row threshold
    return float(s[0] / s[-1])


def _check(A: Tensor) -> None:
    if not bool(A.any()):
        raise ValueError("zero matrix")


def _right(A: Tensor) -> float:
    _check(A)
    s = torch.linalg.svdvals(A.double())
    return math.inf if s[-1] <= 1e-14 * s[0] else float(s[0] / s[-1])  # row threshold


ERRATA = (
    Erratum(
        "condition_number",
        "000",
        "eq. 1.45",
        printed="Cond(A) = max(λ_i) / min(λ_i), of the eigenvalues",
        correct="σ_max / σ_min; the ratio of eigenvalues only for symmetric positive definite A, of their sizes for "
        "normal A",
        counterexample="[[1, 1000], [0, 1]]: printed 1, true about 1e6; diag(1, -2): printed -1/2, true 2",
        answers=(eigenvalues, signed, eigenvalues_of_a_triangle),
    ),
)
_RATIO = "return math.inf if smallest {} SINGULAR * largest else largest / smallest"
EQUIVALENT_MUTANTS = {
    "condition_number": {
        f"{_RATIO.format('<=')} => {_RATIO.format('<')}": "a zero is far below the threshold, not on it"
    }
}

# Alternatives: written without looking at the reference.


@alternative_of("condition_number")
def two_norms(A: Tensor) -> float:
    """The largest stretch over the smallest one, as the norms of orders 2 and -2."""
    B = A.double()
    largest, smallest = torch.linalg.matrix_norm(B, 2).item(), torch.linalg.matrix_norm(B, -2).item()
    if largest == 0:
        raise ValueError("the zero matrix has no condition number")
    return math.inf if smallest <= 1e-14 * largest else largest / smallest  # row threshold


@alternative_of("condition_number")
def symmetric_dilation(A: Tensor) -> float:
    """[[0, A], [A^T, 0]] is symmetric; its eigenvalues are the singular values, their negatives, and zeros."""
    if not bool((A != 0).any()):
        raise ValueError("A = 0")
    m, n = A.shape
    S = torch.zeros(m + n, m + n, dtype=torch.float64, device=A.device)
    S[:m, m:] = A
    S[m:, :m] = A.T
    values = torch.linalg.eigvalsh(S).flip(0)[: min(m, n)]
    top, bottom = float(values[0]), float(values[-1])
    if bottom <= 1e-14 * top:  # row threshold
        return float("inf")
    return top / bottom


@alternative_of("condition_number")
def triangular_factor(A: Tensor) -> float:
    """Q does not change lengths, so R of the tall one of A and A^T has the same singular values."""
    tall = A if A.shape[0] >= A.shape[1] else A.T
    R = torch.linalg.qr(tall.to(torch.float64)).R
    if R.abs().max() == 0:
        raise ValueError("zero matrix")
    values = torch.linalg.svd(R)[1]
    if values.min() <= 1e-14 * values.max():  # row threshold
        return math.inf
    return (values.max() / values.min()).item()


# What students get wrong, and what notices
# eigenvalues, as printed -> is_that_of_the_library, does_not_see_rotations, the shear among the edge cases
# eigenvalues with their signs -> is_at_least_one
# eigenvalues of a matrix that is not square: an error -> is_that_of_the_library
# complex eigenvalues -> returns_what_is_promised, "complex eigenvalues" among the edge cases
# eigvalsh, which reads the lower triangle only -> does_not_see_rotations
# σ_min / σ_max -> is_at_least_one
# κ² from AᵀA -> squares_in_the_normal_equations, bounds_the_error_of_a_solution
# roots of the eigenvalues of AᵀA: half the digits -> is_that_of_the_library (κ up to 10⁷)
# AᵀA of a wide matrix: always inf -> is_that_of_the_library
# Frobenius norms, 1-norms -> is_the_ratio_of_eigenvalues_for_positive_definite_matrices
# the inverse or pinv of a singular matrix -> is_infinite_where_a_column_repeats
# 1e16 for a singular matrix -> counts_what_is_not_measured, is_that_of_the_library
# inf only where σ_min == 0 -> is_that_of_the_library ("singular, dense")
# a threshold of 1e-6, or an absolute one -> "large, but not singular", agrees_at_extreme_scales
# zero singular values left out -> counts_what_is_not_measured
# the first and last of an unsorted list -> is_at_least_one
# a tensor of one number in place of a float -> returns_what_is_promised
# nan or inf for the zero matrix -> rejects_zero_matrix
# ZeroDivisionError for a singular matrix -> is_that_of_the_library
# computed in float32 -> works_in_double_precision_inside
# a determinant in the denominator -> has_no_units
# torch.linalg.cond, numpy.linalg.cond -> the rule
