"""Least squares with correlated noise: hidden properties and known answers."""

from __future__ import annotations

import dataclasses

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.linalg import svdvals

from autograder.testing.answers import alternative_of, misconception_of
from autograder.testing.assertions import assert_close, assert_less, assert_raises
from autograder.testing.properties import given, properties_of
from autograder.testing.strategies import assume, conditioned, generators, normal, powers_of_two, tensor
from autograder.testing.student import Student
from tests.properties.public.regression.least_squares import MEASUREMENTS, Measurement, estimate, symmetric


@properties_of("generalized_least_squares")
@given(case=MEASUREMENTS)
def test_is_ordinary_least_squares_of_whitened_data(student: Student, case: Measurement) -> None:
    """With Sigma = L Lᵀ, L⁻¹y is L⁻¹X beta plus independent noise: ordinary least squares"""
    columns = case.whiten(case.X) / case.size
    expected = torch.linalg.lstsq(columns, case.whiten(case.y)[:, None]).solution[:, 0]
    got = estimate(student, case) * case.size
    assert_close(got, expected, condition=case.condition, scale=case.longest, because="beta * size")


@properties_of("generalized_least_squares")
@given(case=MEASUREMENTS, generator=generators())
def test_is_the_most_probable(student: Student, case: Measurement, generator: torch.Generator) -> None:
    """Every other beta has a larger (y - X beta)ᵀ Sigma⁻¹ (y - X beta)"""
    beta = estimate(student, case)
    least = case.whiten(case.y - case.X @ beta).square().sum()
    for step in normal(generator, 3, case.p) / case.size:
        more = case.whiten(case.y - case.X @ (beta + step / 8)).square().sum()
        assert_less(least, more, condition=case.condition, scale=case.longest**2, because="chi² of the estimate")


@properties_of("generalized_least_squares")
@given(case=MEASUREMENTS, generator=generators())
def test_takes_the_data_in_any_combination(student: Student, case: Measurement, generator: torch.Generator) -> None:
    """T y, measured with T X and T Sigma Tᵀ, says the same as y, for any invertible T"""
    T = conditioned(generator, len(case.y), condition=4)
    mixed = Measurement(T @ case.X, symmetric(T @ case.Sigma @ T.T), T @ case.y)
    got, expected = estimate(student, mixed) * case.size, estimate(student, case) * case.size
    assert_close(got, expected, condition=mixed.condition, scale=mixed.longest, because="beta * size for T y")


@properties_of("generalized_least_squares")
@given(case=MEASUREMENTS)
def test_moves_with_the_signal(student: Student, case: Measurement) -> None:
    """y → y + X b moves beta by b"""
    b = (1 + torch.arange(case.p, dtype=torch.float64)) / case.size
    expected = (estimate(student, case) + b) * case.size
    got = estimate(student, dataclasses.replace(case, y=case.y + case.X @ b)) * case.size
    assert_close(got, expected, condition=case.condition, scale=case.p + case.longest, because="(beta + b) * size")


@properties_of("generalized_least_squares")
@given(case=MEASUREMENTS, far=st.integers(27, 30))
def test_follows_the_units_of_a_column(student: Student, case: Measurement, far: int) -> None:
    """A column in units 10⁸ times as small as the others has a coefficient as much smaller; X keeps its rank"""
    assume(case.p > 1)
    units = torch.ones(case.p, dtype=torch.float64)
    units[0] = 2.0**far
    expected = estimate(student, case) * case.size
    got = estimate(student, dataclasses.replace(case, X=case.X * units)) * units * case.size
    assert_close(got, expected, condition=case.condition * 2**far, scale=case.longest, because="beta in the old units")


@properties_of("generalized_least_squares")
@given(case=MEASUREMENTS, row=st.integers(0, 3))
def test_follows_the_units_of_a_datum(student: Student, case: Measurement, row: int) -> None:
    """A datum in units 10⁴ times as large, with its row of X and its noise, says the same: precise data count, too"""
    far = 13
    units = torch.ones(len(case.y), dtype=torch.float64)
    units[row % len(units)] = 2.0**-far
    other = Measurement(units[:, None] * case.X, units[:, None] * case.Sigma * units, units * case.y)
    got, expected = estimate(student, other) * case.size, estimate(student, case) * case.size
    condition = case.condition * 4**far
    assert_close(got, expected, condition=condition, scale=case.longest, because="beta * size")


@properties_of("generalized_least_squares")
@given(case=MEASUREMENTS, generator=generators())
def test_adds_the_information_of_two_experiments(
    student: Student, case: Measurement, generator: torch.Generator
) -> None:
    """Independent experiments together: every estimate, weighted by its own XᵀSigma⁻¹X"""
    y, X = normal(generator, len(case.y)), case.X.flip(0)
    other = Measurement(X, 4 * case.Sigma, y)
    both = Measurement(
        torch.cat([case.X, other.X]), torch.block_diag(case.Sigma, other.Sigma), torch.cat([case.y, other.y])
    )
    columns, others = case.whiten(case.X) / both.size, other.whiten(other.X) / both.size
    first, second = estimate(student, case) * both.size, estimate(student, other) * both.size
    total = columns.T @ (columns @ first) + others.T @ (others @ second)
    together = estimate(student, both) * both.size
    got = columns.T @ (columns @ together) + others.T @ (others @ together)
    condition = case.condition + other.condition
    assert_close(got, total, condition=condition, scale=case.longest + other.longest, because="information * beta")


@properties_of("generalized_least_squares")
@given(case=MEASUREMENTS)
def test_ignores_a_datum_with_a_coefficient_of_its_own(student: Student, case: Measurement) -> None:
    """A datum that needs a further coefficient changes nothing, though its noise is correlated with that of others"""
    n, p = case.X.shape
    X, Sigma = torch.zeros(n + 1, p + 1).double(), torch.zeros(n + 1, n + 1).double()
    X[:n, :p], X[n, :p], X[n, p] = case.X, case.X[0], case.X[0].abs().max() + case.X.abs().max()
    Sigma[:n, :n], Sigma[n, n] = case.Sigma, case.Sigma[0, 0]
    Sigma[:n, n] = Sigma[n, :n] = case.Sigma[0] / 2
    wider = Measurement(X, Sigma, torch.cat([case.y, 1 + case.y[:1]]))
    got, expected = estimate(student, wider)[:p] * case.size, estimate(student, case) * case.size
    assert_close(got, expected, condition=wider.condition, scale=wider.longest, because="beta * size")


@properties_of("generalized_least_squares")
@given(case=MEASUREMENTS, generator=generators())
def test_refuses_what_does_not_determine_the_coefficients(
    student: Student, case: Measurement, generator: torch.Generator
) -> None:
    """n < p, or a column of zeros, which leaves its coefficient open, raise ValueError"""
    n = len(case.y)
    wide, unused = normal(generator, n, n + 1), torch.cat([case.X, 0 * case.X[:, :1]], dim=1)
    for X in (wide, unused, 0 * case.X):
        assert_raises(student, "generalized_least_squares", (X, case.Sigma, case.y), ValueError)


@properties_of("generalized_least_squares")
@given(case=MEASUREMENTS, unit=powers_of_two(-20, 20), dtype=st.sampled_from([torch.float64, torch.float32]))
def test_draws_the_line_at_the_rounding_of_the_largest_column(
    student: Student, case: Measurement, unit: float, dtype: torch.dtype
) -> None:
    """sigma_min(X) <= max(n, p) eps sigma_max(X) raises ValueError, in any units; a thousand times that does not"""
    n = len(case.y)
    assume(n > 1)
    X, shortest = unit * torch.eye(n, 2, dtype=dtype), n * torch.finfo(dtype).eps
    nearly, barely = X * tensor([1, 0.75 * shortest]).to(dtype), X * tensor([1, 1024 * shortest]).to(dtype)
    identity, y = torch.eye(n, dtype=dtype), case.y.to(dtype)
    assert_raises(student, "generalized_least_squares", (nearly, identity, y), ValueError)
    got = estimate(student, Measurement(barely, identity, y)) * barely.diagonal()
    assert_close(got, y[:2], because="the data that are measured directly")


@misconception_of(
    "generalized_least_squares",
    hint="That is ordinary least squares, right for independent noise of equal size. Correlated data repeat each other "
    "and must not count as often: Sigma belongs into the weights.",
)
def ignores_sigma(X: Tensor, Sigma: Tensor, y: Tensor) -> Tensor:
    return _weighted(X, y, torch.eye(len(y), dtype=X.dtype, device=X.device))


@misconception_of(
    "generalized_least_squares",
    hint="The weight is the inverse covariance: you trust the noisy data most. chi² measures residuals in units of "
    "their noise, so Sigma divides.",
)
def sigma_not_inverse(X: Tensor, Sigma: Tensor, y: Tensor) -> Tensor:
    return _weighted(X, y, Sigma)


@misconception_of(
    "generalized_least_squares",
    hint="Sigma⁻¹ stands on both sides of the normal equations, XᵀSigma⁻¹X beta = XᵀSigma⁻¹y; yours has Xᵀy on the "
    "right. Check with y = X b: the answer must be b.",
)
def half_weighted(X: Tensor, Sigma: Tensor, y: Tensor) -> Tensor:
    _check(X)
    return torch.linalg.solve(X.T @ torch.linalg.solve(Sigma, X), X.T @ y)


@misconception_of(
    "generalized_least_squares",
    hint="You weight every datum by its own variance and drop the correlations. Off-diagonal entries of Sigma count: a "
    "drift that two data share, for example, is absent from their difference.",
)
def diagonal_only(X: Tensor, Sigma: Tensor, y: Tensor) -> Tensor:
    return _weighted(X, y, torch.diag(1 / Sigma.diagonal()))


@misconception_of(
    "generalized_least_squares",
    hint="To whiten, multiply X and y by Sigma^(-1/2), the inverse of the Cholesky factor, not by Sigma⁻¹: that way "
    "Sigma⁻² becomes the weight.",
)
def whitened_by_sigma(X: Tensor, Sigma: Tensor, y: Tensor) -> Tensor:
    root = torch.linalg.solve(Sigma, torch.eye(len(y), dtype=X.dtype, device=X.device))
    return _weighted(X, y, root.T @ root)


@misconception_of(
    "generalized_least_squares",
    hint="With Sigma = L Lᵀ it is L⁻¹ noise that is white: its covariance is L⁻¹ L Lᵀ L⁻ᵀ = I. You solve with Lᵀ "
    "instead, which is the same only for a diagonal Sigma.",
)
def transposed_factor(X: Tensor, Sigma: Tensor, y: Tensor) -> Tensor:
    upper = torch.linalg.cholesky(Sigma).T
    root = torch.linalg.solve(upper, torch.eye(len(y), dtype=X.dtype, device=X.device))
    return _weighted(X, y, root.T @ root)


@misconception_of(
    "generalized_least_squares",
    hint="Sigma holds variances already: the weights are Sigma⁻¹, not Sigma^(-1/2). Units: XᵀSigma⁻¹X must be the "
    "inverse of a variance of beta.",
)
def weighted_by_the_deviation(X: Tensor, Sigma: Tensor, y: Tensor) -> Tensor:
    variances, directions = torch.linalg.eigh(Sigma)
    return _weighted(X, y, directions / variances.sqrt() @ directions.T)


@misconception_of(
    "generalized_least_squares",
    hint="Asked for are the coefficients without any prior: nothing is added to XᵀSigma⁻¹X. A unit matrix there is "
    "ridge regression, which shrinks the estimate even without noise.",
)
def ridge_added(X: Tensor, Sigma: Tensor, y: Tensor) -> Tensor:
    _check(X)
    weighted = torch.linalg.solve(Sigma, X)
    return torch.linalg.solve(weighted.T @ X + torch.eye(X.shape[1], dtype=X.dtype, device=X.device), weighted.T @ y)


@misconception_of(
    "generalized_least_squares",
    hint="Where the data leave a direction of beta open, no estimate is the most probable one. The exercise asks for a "
    "ValueError then, not for the shortest of them.",
)
def shortest_where_undetermined(X: Tensor, Sigma: Tensor, y: Tensor) -> Tensor:
    L = torch.linalg.cholesky(Sigma)
    white = torch.linalg.solve_triangular(L, torch.cat([X, y[:, None]], dim=1), upper=False)
    U, s, Vh = torch.linalg.svd(white[:, :-1], full_matrices=False)
    kept = s > 1e-13 * s[0]
    return Vh.T @ (torch.where(kept, 1 / torch.where(kept, s, 1.0), 0.0) * (U.T @ white[:, -1]))


def _weighted(X: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    _check(X)
    return torch.linalg.solve(X.T @ weights @ X, X.T @ weights @ y)


def _check(X: Tensor) -> None:
    n, p = X.shape
    s = svdvals(X)
    if n < p or s[-1] <= max(n, p) * torch.finfo(X.dtype).eps * s[0]:
        raise ValueError("rank")


# Alternatives: written without looking at the reference.


@alternative_of("generalized_least_squares")
def augmented_system(X: Tensor, Sigma: Tensor, y: Tensor) -> Tensor:
    n, p = X.shape
    sv = torch.linalg.svdvals(X)
    if n < p or not sv[p - 1] > max(n, p) * torch.finfo(X.dtype).eps * sv[0]:
        raise ValueError("rank")
    c = Sigma.diagonal().mean()
    top = torch.cat([Sigma / c, X], dim=1)
    bottom = torch.cat([X.T, X.new_zeros(p, p)], dim=1)
    rhs = torch.cat([y, y.new_zeros(p)])
    return torch.linalg.solve(torch.cat([top, bottom]), rhs)[n:].clone()


@alternative_of("generalized_least_squares")
def noise_predicted_from_contrasts(X: Tensor, Sigma: Tensor, y: Tensor) -> Tensor:
    n, p = X.shape
    if p > n:
        raise ValueError("n must be >= p")
    U, s, Vh = torch.linalg.svd(X, full_matrices=True)
    if s[-1] <= max(n, p) * torch.finfo(X.dtype).eps * s[0]:
        raise ValueError("X is singular")
    A = ((U[:, :p] / s) @ Vh).T  # [p, n], A X = I
    K = U[:, p:]  # Kᵀ X = 0
    beta = A @ y
    if n > p:
        beta = beta - A @ Sigma @ K @ torch.linalg.solve(K.T @ Sigma @ K, K.T @ y)
    return beta


@alternative_of("generalized_least_squares")
def qr_of_whitened_data(X: Tensor, Sigma: Tensor, y: Tensor) -> Tensor:
    n, p = X.shape
    sv = torch.linalg.svdvals(X)
    if n < p or sv[-1] <= max(n, p) * torch.finfo(X.dtype).eps * sv[0]:
        raise ValueError("X must have full column rank")
    L = torch.linalg.cholesky(Sigma)
    Xw = torch.linalg.solve_triangular(L, X, upper=False)
    yw = torch.linalg.solve_triangular(L, y[:, None], upper=False)
    Q, R = torch.linalg.qr(Xw)
    return torch.linalg.solve_triangular(R, Q.T @ yw, upper=True)[:, 0]


# What students get wrong, and what notices
# Sigma ignored: ordinary least squares -> leaves_a_residual_orthogonal_to_the_columns
# Sigma for its inverse -> weighs_by_the_inverse_covariance
# XᵀSigma⁻¹X beta = Xᵀy -> finds_the_truth_without_noise
# XᵀX beta = XᵀSigma⁻¹y -> finds_the_truth_without_noise, does_not_need_the_strength_of_the_noise
# only the diagonal of Sigma -> takes_the_data_in_any_combination
# 1/Sigma entry by entry -> an error or nan where Sigma has zeros
# Sigma⁻¹X and Sigma⁻¹y taken for whitened data (weights Sigma⁻²) -> weighs_by_the_inverse_covariance
# Sigma^(-1/2) as the weight -> weighs_by_the_inverse_covariance
# Lᵀ for L in whitening -> is_ordinary_least_squares_of_whitened_data
# X whitened, y not -> finds_the_truth_without_noise
# a ridge added for stability -> finds_the_truth_without_noise, does_not_need_the_strength_of_the_noise
# data centred, or an intercept added -> finds_the_truth_without_noise, returns_what_is_promised
# the mean over data instead of the sum on one side -> finds_the_truth_without_noise
# X beta or the residual returned -> returns_what_is_promised
# a column [p, 1] for beta -> returns_what_is_promised
# no error for n < p: the minimum norm solution of lstsq -> rejects_more_coefficients_than_data
# n <= p refused -> agrees_on_edge_cases (n = p)
# LinAlgError where XᵀSigma⁻¹X is singular -> rejects_dependent_columns
# the rank of XᵀX instead of X (eps against a squared ratio) -> follows_the_units_of_a_column, agrees_in_float32
# a tolerance of 1e-10, or of sqrt(eps) -> draws_the_line_at_the_rounding_of_the_largest_column
# det(XᵀX) against a fixed number -> follows_the_units_of_a_column, agrees_at_extreme_scales
# a fixed threshold without sigma_max or max(n, p) -> rejects_nearly_dependent_columns
# < instead of <= -> rejects_a_zero_matrix
# eps of float64 for float32 data, or a result in float64 -> returns_what_is_promised
# small eigenvalues of Sigma cut off, as pinv does: the best data dropped -> follows_the_units_of_a_datum
# Sigma changed in place (jitter on the diagonal) -> keeps_its_arguments
# torch.linalg.inv -> the rules
