"""Linear regression with a Gaussian prior: hidden properties and known answers."""

from __future__ import annotations

import dataclasses

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.linalg import vector_norm

from autograder.testing.answers import alternative_of, misconception_of
from autograder.testing.assertions import assert_close, assert_less, assert_raises
from autograder.testing.properties import given, properties_of
from autograder.testing.strategies import generators, powers_of_two, rotation
from autograder.testing.student import Student
from tests.properties.public.regression.gaussian_prior import MEASUREMENTS, Measurement, most_probable


@properties_of("map_linear_gaussian")
@given(case=MEASUREMENTS)
def test_is_least_squares_with_the_prior_as_data(student: Student, case: Measurement) -> None:
    """The prior acts like p more measurements that found every coefficient to be 0"""
    prior = case.decay**0.5 * torch.eye(case.p, dtype=torch.float64)
    rows, values = torch.cat([case.X, prior]), torch.cat([case.y, torch.zeros(case.p, dtype=torch.float64)])
    expected = torch.linalg.lstsq(rows, values[:, None]).solution[:, 0]
    assert_close(most_probable(student, case), expected, condition=case.condition, scale=case.longest)


@properties_of("map_linear_gaussian")
@given(case=MEASUREMENTS)
def test_is_the_mean_of_the_posterior(student: Student, case: Measurement) -> None:
    """A Gaussian's peak is its mean: E[beta | y] = Cov(beta, y) Cov(y)⁻¹ y"""
    identity = torch.eye(len(case.y), dtype=torch.float64)
    cov_beta_y = case.X.T / case.prior_precision
    cov_y = case.X @ cov_beta_y + case.noise_var * identity
    expected = cov_beta_y @ torch.linalg.solve(cov_y, case.y)
    assert_close(most_probable(student, case), expected, condition=case.condition, scale=case.longest)


@properties_of("map_linear_gaussian")
@given(case=MEASUREMENTS, generator=generators())
def test_turns_with_the_coefficients(student: Student, case: Measurement, generator: torch.Generator) -> None:
    """The prior knows no direction: X → X R turns beta into Rᵀ beta; turning X and y together changes nothing"""
    beta, R, Q = most_probable(student, case), rotation(generator, case.p), rotation(generator, len(case.y))
    turned = most_probable(student, dataclasses.replace(case, X=case.X @ R))
    assert_close(turned, R.T @ beta, condition=case.condition, scale=case.longest, because="beta for X R")
    mixed = most_probable(student, dataclasses.replace(case, X=Q @ case.X, y=Q @ case.y))
    assert_close(mixed, beta, condition=case.condition, scale=case.longest, because="beta for Q X and Q y")


@properties_of("map_linear_gaussian")
@given(case=MEASUREMENTS, x=powers_of_two(-4, 4), y=powers_of_two(-4, 4))
def test_follows_a_change_of_units(student: Student, case: Measurement, x: float, y: float) -> None:
    """In units in which X is x and y is y times as large, beta is y/x times as large"""
    other = Measurement(case.X * x, case.y * y, case.noise_var * y**2, case.prior_precision * (x / y) ** 2)
    expected = most_probable(student, case) * (y / x)
    assert_close(most_probable(student, other), expected, condition=case.condition, because="in other units")


@properties_of("map_linear_gaussian")
@given(case=MEASUREMENTS)
def test_believes_a_strong_prior(student: Student, case: Measurement) -> None:
    """A prior much sharper than the data leaves Xᵀy / (noise_var prior_precision): small, but not 0"""
    sharpness = 2.0**34 * float(vector_norm(case.X)) ** 2 / case.noise_var  # what is left of XᵀX is far below the floor
    sharp = dataclasses.replace(case, prior_precision=max(case.prior_precision, sharpness))
    expected = case.X.T @ case.y
    got = most_probable(student, sharp) * sharp.decay
    assert_close(got, expected, scale=float(vector_norm(case.X) * vector_norm(case.y)), because="beta / prior variance")


@properties_of("map_linear_gaussian")
@given(case=MEASUREMENTS)
def test_shrinks_with_noise_and_with_the_prior(student: Student, case: Measurement) -> None:
    """More noise, or a sharper prior, never makes beta longer"""
    length = vector_norm(most_probable(student, case))
    noisier = dataclasses.replace(case, noise_var=case.noise_var * 1.5)
    sharper = dataclasses.replace(case, prior_precision=case.prior_precision * 1.5)
    for change, other in (("more noise", noisier), ("a sharper prior", sharper)):
        shorter = vector_norm(most_probable(student, other))
        assert_less(shorter, length, condition=case.condition, scale=case.longest, because=f"|beta| for {change}")


@properties_of("map_linear_gaussian")
@given(case=MEASUREMENTS)
def test_learns_nothing_from_blind_measurements(student: Student, case: Measurement) -> None:
    """A row of zeros in X, whatever it measured, changes nothing; a column of zeros leaves its coefficient at 0"""
    beta = most_probable(student, case)
    blind = dataclasses.replace(case, X=torch.cat([case.X, 0 * case.X[:1]]), y=torch.cat([case.y, 1 + case.y[:1]]))
    assert_close(
        most_probable(student, blind), beta, condition=case.condition, scale=case.longest, because="a row of 0"
    )
    wider = dataclasses.replace(case, X=torch.cat([0 * case.X[:, :1], case.X], dim=1))
    expected = torch.cat([torch.zeros(1, dtype=torch.float64), beta])
    got = most_probable(student, wider)
    assert_close(got, expected, condition=case.condition, scale=case.longest, because="a column of 0")


@properties_of("map_linear_gaussian")
@given(case=MEASUREMENTS, quarters=st.integers(-16, 0))
def test_refuses_impossible_variances(student: Student, case: Measurement, quarters: int) -> None:
    """noise_var <= 0 and prior_precision <= 0 raise ValueError, each of them alone and both together"""
    bad = quarters / 4
    for noise_var, prior_precision in ((bad, case.prior_precision), (case.noise_var, bad), (bad, bad)):
        assert_raises(student, "map_linear_gaussian", (case.X, case.y, noise_var, prior_precision), ValueError)


@misconception_of(
    "map_linear_gaussian",
    hint="The prior competes with the data, and how much the data say depends on their noise: multiply the log "
    "posterior by noise_var, and prior_precision takes it along.",
)
def lam_only(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    _check(noise_var, prior_precision)
    return _ridge(X, y, prior_precision)


@misconception_of(
    "map_linear_gaussian",
    hint="prior_precision/noise_var shrinks less the noisier the data are. It must be the other way round: without "
    "trustworthy data only the prior is left.",
)
def divide(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    _check(noise_var, prior_precision)
    return _ridge(X, y, prior_precision / noise_var)


@misconception_of(
    "map_linear_gaussian",
    hint="prior_precision is an inverse variance: large means certain that beta is near 0, so it multiplies |beta|². "
    "You used it as the variance.",
)
def variance(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    _check(noise_var, prior_precision)
    return _ridge(X, y, noise_var / prior_precision)


@misconception_of(
    "map_linear_gaussian",
    hint="noise_var is already a variance, sigma²: it is not squared again.",
)
def noise_squared(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    _check(noise_var, prior_precision)
    return _ridge(X, y, noise_var**2 * prior_precision)


@misconception_of(
    "map_linear_gaussian",
    hint="noise_var is a variance, not a standard deviation: no root belongs over it. Units: XᵀX/noise_var and "
    "prior_precision must be alike.",
)
def noise_deviation(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    _check(noise_var, prior_precision)
    return _ridge(X, y, noise_var**0.5 * prior_precision)


@misconception_of(
    "map_linear_gaussian",
    hint="You return the maximum of the likelihood. The prior is missing: it adds noise_var prior_precision to the "
    "diagonal of XᵀX, and with fewer measurements than coefficients it alone decides.",
)
def no_prior(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    _check(noise_var, prior_precision)
    U, s, Vh = torch.linalg.svd(X, full_matrices=False)
    kept = s > 1e-12 * max(1.0, float(s.max()))
    return Vh.T @ (torch.where(kept, 1 / torch.where(kept, s, 1.0), 0.0) * (U.T @ y))


@misconception_of(
    "map_linear_gaussian",
    hint="The likelihood is a product over measurements, its logarithm a sum: there is no 1/n. With a mean instead, n "
    "times as many data would not outweigh the prior.",
)
def mean_over_the_data(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    _check(noise_var, prior_precision)
    return _ridge(X, y, len(y) * noise_var * prior_precision)


@misconception_of(
    "map_linear_gaussian",
    hint="Both exponents carry a factor 1/2, so it cancels. You kept it in one of them: the prior then counts half.",
)
def half_a_prior(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    _check(noise_var, prior_precision)
    return _ridge(X, y, noise_var * prior_precision / 2)


@misconception_of(
    "map_linear_gaussian",
    hint="Check noise_var and prior_precision one by one: two negative numbers have a positive product, and are no "
    "variances for that.",
)
def product_checked(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    _check(noise_var * prior_precision, 1.0)
    return _ridge(X, y, noise_var * prior_precision)


def _ridge(X: Tensor, y: Tensor, decay: float) -> Tensor:
    identity = torch.eye(X.shape[1], dtype=X.dtype, device=X.device)
    return torch.linalg.solve(X.T @ X + decay * identity, X.T @ y)


def _check(noise_var: float, prior_precision: float) -> None:
    if noise_var <= 0 or prior_precision <= 0:
        raise ValueError("not positive")


# Alternatives: written without looking at the reference.


@alternative_of("map_linear_gaussian")
def singular_value_filter(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    if noise_var <= 0:
        raise ValueError("noise_var <= 0")
    if prior_precision <= 0:
        raise ValueError("prior_precision <= 0")
    U, s, Vh = torch.linalg.svd(X, full_matrices=False)
    lam = noise_var * prior_precision
    return Vh.T @ (s / (s * s + lam) * (U.T @ y))


@alternative_of("map_linear_gaussian")
def one_kalman_update_per_measurement(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    if noise_var <= 0 or prior_precision <= 0:
        raise ValueError("positive numbers expected")
    p = X.shape[1]
    mean = X.new_zeros(p)
    cov = torch.eye(p, dtype=X.dtype, device=X.device) / prior_precision
    for row, target in zip(X, y, strict=True):
        c = cov @ row
        gain = c / (noise_var + row @ c)
        mean = mean + gain * (target - row @ mean)
        cov = cov - torch.outer(gain, c)
    return mean


@alternative_of("map_linear_gaussian")
def qr_of_augmented_data(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    if min(noise_var, prior_precision) <= 0:
        raise ValueError("not positive")
    n, p = X.shape
    root = noise_var**0.5 * prior_precision**0.5
    A = torch.cat([X, root * torch.eye(p, dtype=X.dtype, device=X.device)])
    Q, R = torch.linalg.qr(A)
    return torch.linalg.solve_triangular(R, (Q[:n].T @ y).unsqueeze(1), upper=True).squeeze(1)


# What students get wrong, and what notices
# penalty prior_precision alone -> weighs_noise_against_prior
# penalty noise_var alone -> weighs_noise_against_prior
# penalty prior_precision/noise_var -> shrinks_with_noise_and_with_the_prior
# penalty noise_var/prior_precision (the prior's variance) -> averages_datum_and_prior_by_their_precisions
# noise_var squared, or its root -> follows_a_change_of_units
# prior_precision squared, or its root -> weighs_noise_against_prior
# no prior at all (least squares, pseudo-inverse) -> is_where_the_log_posterior_is_flat, believes_a_strong_prior
# a factor n, or 1/n (mean squared error) -> averages_repeated_measurements
# a factor 2 or 1/2 in the penalty -> averages_datum_and_prior_by_their_precisions
# the penalty subtracted -> is_where_the_log_posterior_is_flat
# the penalty added to all entries, not to the diagonal -> turns_with_the_coefficients
# X.T @ y divided by noise_var, XᵀX not -> averages_datum_and_prior_by_their_precisions
# the first coefficient taken for an intercept and not penalised -> turns_with_the_coefficients
# X or y centred first -> averages_repeated_measurements passes, is_where_the_log_posterior_is_flat does not
# an identity of size n instead of p -> an error for n != p
# XXᵀ instead of XᵀX -> an error for n != p
# the dual's alpha returned without Xᵀ -> returns_what_is_promised
# predictions X beta instead of beta -> returns_what_is_promised
# a column [p, 1] -> returns_what_is_promised
# refuses n < p, or collinear columns -> agrees_on_edge_cases
# the prior added only where XᵀX is singular -> believes_a_strong_prior
# a jitter of 1e-6 for stability -> agrees_at_extreme_scales
# noise_var = 0 taken as "no noise", prior_precision = 0 as "no prior" -> rejects_zero_noise_var, ..._precision
# only the product checked -> rejects_both_negative
# torch.linalg.inv -> the rules
# X.T @ X += ... on a view of the argument -> keeps_its_arguments
# float64 identity for float32 data -> returns_what_is_promised
