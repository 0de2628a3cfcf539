"""Denoising by the score: hidden properties and known answers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from autograder.sandbox.inside.functions import GaussianMixtureLogDensity, Scaled, Sum
from autograder.testing.answers import alternative_of, misconception_of
from autograder.testing.assertions import assert_close, assert_less
from autograder.testing.properties import given, properties_of
from autograder.testing.strategies import generators, normal, rotation
from autograder.testing.student import Student
from tests.properties.public.diffusion.tweedie import (
    CLOUDS,
    GAUSSIANS,
    OBSERVATIONS,
    GaussianPrior,
    Observation,
    PointCloud,
    posterior_mean,
)

LogDensity = Callable[[Tensor], Tensor]


@properties_of("tweedie_posterior_mean")
@given(case=OBSERVATIONS)
def test_predicts_every_row_alone(student: Student, case: Observation) -> None:
    """The prediction for one observation does not depend on which others are in the batch"""
    case = case.map(Tensor.float)  # single precision, in which networks are mostly evaluated
    together = posterior_mean(student, case.log_p, case.y, case.sigma)
    size = float((case.y.abs() + together.abs()).sum())
    for i in range(len(case.y)):
        alone = student.tweedie_posterior_mean(case.log_p, case.y[i : i + 1], case.sigma)
        assert_close(alone, together[i : i + 1], scale=size, because="a row alone")


@properties_of("tweedie_posterior_mean")
@given(generator=generators())
def test_is_the_wiener_filter_for_a_correlated_gaussian(student: Student, generator: torch.Generator) -> None:
    """For x ~ N(0, C) the best prediction is the linear filter C (C + sigma² I)⁻¹ y"""
    factor, y, sigma = normal(generator, 3, 3), normal(generator, 4, 3), 0.7
    C, noise = factor @ factor.T, sigma**2 * torch.eye(3, dtype=torch.float64)
    log_p = GaussianMixtureLogDensity(torch.zeros(1).double(), torch.zeros(1, 3).double(), (C + noise)[None])
    filtered = torch.linalg.solve(C + noise, C @ y.T).T
    condition = float(torch.linalg.cond(C + noise))
    assert_close(student.tweedie_posterior_mean(log_p, y, sigma), filtered, condition=condition)


@properties_of("tweedie_posterior_mean")
@given(case=CLOUDS, generator=generators())
def test_turns_and_moves_with_the_coordinates(student: Student, case: PointCloud, generator: torch.Generator) -> None:
    """Turning and shifting prior and observation together turns and shifts the prediction"""
    d = case.y.shape[1]
    R, shift = rotation(generator, d), 3 * normal(generator, d)
    moved = PointCloud(case.cloud @ R.T + shift, case.log_weights, case.y @ R.T + shift, case.sigma)
    expected = posterior_mean(student, case.log_p, case.y, case.sigma) @ R.T + shift
    got = student.tweedie_posterior_mean(moved.log_p, moved.y, moved.sigma)
    assert_close(got, expected, condition=case.condition, scale=float(moved.y.abs().sum() + expected.abs().sum()))


@properties_of("tweedie_posterior_mean")
@given(case=CLOUDS)
def test_stays_among_the_possible_points(student: Student, case: PointCloud) -> None:
    """An average of the points of a cloud lies between its extreme points, however far out y is"""
    got = posterior_mean(student, case.log_p, 4 * case.y, case.sigma)
    size = 16 * case.condition * float(case.y.abs().max() + case.cloud.abs().max())
    assert_less(case.cloud.min(0).values.expand_as(got), got, scale=size, because="lowest point of the cloud")
    assert_less(got, case.cloud.max(0).values.expand_as(got), scale=size, because="prediction")


@properties_of("tweedie_posterior_mean")
@given(case=CLOUDS)
def test_leaves_no_error_that_y_could_explain(student: Student, case: PointCloud) -> None:
    """The error that remains is uncorrelated with the observation: E[(x - prediction) y] = 0"""
    points = case.cloud[:, :1]  # one coordinate is enough for the integral over y
    low, high = float(points.min()) - 12 * case.sigma, float(points.max()) + 12 * case.sigma
    y = torch.arange(low, high, case.sigma / 4, dtype=torch.float64)  # for Gaussians a sum on a grid is the integral
    line = PointCloud(points, case.log_weights, y[:, None], case.sigma)
    p = torch.softmax(line.log_p(line.y), dim=0)  # p(y) dy
    predictions = posterior_mean(student, line.log_p, line.y, case.sigma)[:, 0]
    x_times_y = (
        torch.softmax(case.log_weights, dim=0) @ points.square()
    )  # E[x y] = E[x²]: the noise is independent of x
    size = float(points.abs().max()) + 12 * case.sigma
    assert_close(p @ (predictions * y), x_times_y[0], scale=size**2, because="E[prediction y]")


@properties_of("tweedie_posterior_mean")
@given(first=GAUSSIANS)
def test_adds_what_independent_densities_say(student: Student, first: GaussianPrior) -> None:
    """The step y → E[x | y] is linear in log p: for log p + log q / 2 the steps add up, one of them halved"""
    y, sigma = first.y, first.sigma
    second = GaussianPrior(first.mean + 1, 2 * first.variance, y, sigma)
    step_p = posterior_mean(student, first.log_p, y, sigma) - y
    step_q = posterior_mean(student, second.log_p, y, sigma) - y
    both = posterior_mean(student, Sum(first.log_p, Scaled(second.log_p, 0.5)), y, sigma) - y
    size = float((y.abs() + step_p.abs() + step_q.abs()).max())
    assert_close(both, step_p + 0.5 * step_q, scale=size, because="step for log p + log q / 2")


@misconception_of(
    "tweedie_posterior_mean",
    hint="Units: the score has dimension 1/length, so only sigma² times it can be added to a position.",
)
def sigma_not_squared(log_p: LogDensity, y: Tensor, sigma: float) -> Tensor:
    return y + _checked(sigma) * _score(log_p, y)


@misconception_of(
    "tweedie_posterior_mean",
    hint="Denoising moves towards higher density. In your answer the observation is pushed further away from the data.",
)
def minus_sign(log_p: LogDensity, y: Tensor, sigma: float) -> Tensor:
    return y - _checked(sigma) ** 2 * _score(log_p, y)


@misconception_of(
    "tweedie_posterior_mean",
    hint="You took the gradient of p, not of log p. Divide by p: otherwise the step depends on a normalisation that "
    "nobody knows.",
)
def density_gradient(log_p: LogDensity, y: Tensor, sigma: float) -> Tensor:
    return y + _checked(sigma) ** 2 * _score(lambda x: log_p(x).exp(), y)


@misconception_of(
    "tweedie_posterior_mean",
    hint="Differentiating the mean over the batch divides every row's score by n. Rows are independent: the gradient "
    "of their sum already holds each row's own.",
)
def mean_over_the_batch(log_p: LogDensity, y: Tensor, sigma: float) -> Tensor:
    return y + _checked(sigma) ** 2 * _score(lambda x: log_p(x) / len(x), y)


@misconception_of(
    "tweedie_posterior_mean",
    hint="sigma² ∇ log p is how far the prediction lies from y. The observation itself is still to be added.",
)
def step_alone(log_p: LogDensity, y: Tensor, sigma: float) -> Tensor:
    return _checked(sigma) ** 2 * _score(log_p, y)


@misconception_of(
    "tweedie_posterior_mean",
    hint="-sigma ∇ log p is the predicted noise E[z | y], what a diffusion model often learns. Asked for is "
    "E[x | y] = y - sigma E[z | y].",
)
def predicted_noise(log_p: LogDensity, y: Tensor, sigma: float) -> Tensor:
    return -_checked(sigma) * _score(log_p, y)


@misconception_of(
    "tweedie_posterior_mean",
    hint="sigma²/2 ∇ log p is the drift of Langevin dynamics, one step of sampling. The posterior mean takes the full "
    "sigma²: for x ~ N(0, v) it must give v/(v + sigma²) y.",
)
def langevin_step(log_p: LogDensity, y: Tensor, sigma: float) -> Tensor:
    return y + _checked(sigma) ** 2 / 2 * _score(log_p, y)


@misconception_of(
    "tweedie_posterior_mean",
    hint="The gradient belongs to the observation at which it was taken, row by row; yours is one and the same for all "
    "rows.",
)
def one_score_for_all(log_p: LogDensity, y: Tensor, sigma: float) -> Tensor:
    return y + _checked(sigma) ** 2 * _score(log_p, y).sum(0)


def _score(log_p: LogDensity, y: Tensor) -> Tensor:
    y = y.detach().clone().requires_grad_()
    return torch.autograd.grad(log_p(y).sum(), y)[0]


def _checked(sigma: float) -> float:
    if sigma < 0:
        raise ValueError("negative sigma")
    return sigma


EQUIVALENT_MUTANTS = {
    "tweedie_posterior_mean": {
        "point = y.detach().clone().requires_grad_() => point = y.detach().requires_grad_()": "one copy is enough",
        "point = y.detach().clone().requires_grad_() => point = y.clone().requires_grad_()": "one copy is enough",
    }
}

# Alternatives: written without looking at the reference.


@alternative_of("tweedie_posterior_mean")
def pulls_ones_back(log_p: Callable[[Tensor], Tensor], y: Tensor, sigma: float) -> Tensor:
    """Torch.func.vjp with a cotangent of ones (one per row)."""
    if not sigma >= 0:
        raise ValueError("sigma < 0")
    y0 = y.detach()
    if sigma == 0.0:
        return y0 + 0
    values, pullback = torch.func.vjp(log_p, y0)
    (score,) = pullback(torch.ones_like(values))
    return torch.add(y0, score.detach(), alpha=sigma**2)


@alternative_of("tweedie_posterior_mean")
def gradient_of_the_potential(log_p: Callable[[Tensor], Tensor], y: Tensor, sigma: float) -> Tensor:
    """The posterior mean is sigma² times one gradient: that of |y|²/(2 sigma²) + log p."""
    if sigma < 0:
        raise ValueError("sigma < 0")
    x = y.detach().clone()
    if sigma == 0:
        return x
    with torch.enable_grad():
        x.requires_grad_(True)
        potential = 0.5 * (x * x).sum() + sigma**2 * log_p(x).sum()
        mean = torch.autograd.grad(potential, x)[0]
    return mean.detach()


# What students get wrong, and what notices
# y + sigma grad -> moves_with_the_square_of_sigma, shrinks_towards_the_mean_of_a_gaussian
# y - sigma² grad -> shrinks_towards_the_mean_of_a_gaussian, stays_among_the_possible_points
# gradient of p -> needs_no_normalisation
# gradient of p divided by a p that underflows: nan -> agrees_at_extreme_scales
# log_p(y).mean(): score divided by n -> predicts_every_row_alone
# log_p(y)[0]: only the first row moves -> predicts_every_row_alone
# log_p(y).backward() on a vector: an error unless n = 1 -> shrinks_towards_the_mean_of_a_gaussian
# the score summed over rows, or over coordinates -> predicts_every_row_alone, weighs_the_points_of_a_cloud
# the step without y -> shrinks_towards_the_mean_of_a_gaussian
# E[z | y] instead of E[x | y] -> leaves_no_error_that_y_could_explain
# sigma²/2 (Langevin) -> weighs_the_points_of_a_cloud
# sigma taken for the variance -> moves_with_the_square_of_sigma
# a Gaussian prior assumed: v/(v + sigma²) y -> weighs_the_points_of_a_cloud
# the nearest or most likely point (mode instead of mean) -> weighs_the_points_of_a_cloud
# a step of a finite difference chosen too large -> is_the_wiener_filter_for_a_correlated_gaussian
# the score normalised to length 1 -> adds_what_independent_densities_say
# y.requires_grad_() on the argument itself, or y += ... -> keeps_its_arguments
# a result in which gradients of several calls add up (y.grad not cleared) -> is_repeatable
# no ValueError for a negative sigma -> rejects_negative_sigma
# ValueError, or nan, for sigma = 0 -> agrees_on_edge_cases
# float32 inside -> agrees_with_the_reference
