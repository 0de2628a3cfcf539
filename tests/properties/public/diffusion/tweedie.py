"""Denoising by the score: Tweedie's formula."""

from __future__ import annotations

import dataclasses

import torch
from hypothesis import strategies as st
from torch import Tensor

from autograder.sandbox.inside.functions import (
    Described,
    GaussianMixtureLogDensity,
    Mlp,
    Polynomial,
    Quadratic,
    RowSum,
    Shifted,
    Trigonometric,
)
from autograder.testing.assertions import assert_close, assert_tensor
from autograder.testing.properties import given, properties_of
from autograder.testing.record import BadInput, Case, Cases, Exercise, Function
from autograder.testing.strategies import (
    generator,
    generators,
    normal,
    powers_of_two,
    quarters,
    readable_first,
    sizes,
    tensor,
    uniform,
)
from autograder.testing.student import Student


@dataclasses.dataclass(frozen=True)
class Observation(Case):
    """Rows y [n, d] and some differentiable log_p of them, known up to a constant; no prior is spelled out."""

    log_p: Described
    y: Tensor
    sigma: float


@dataclasses.dataclass(frozen=True)
class GaussianPrior(Case):
    """x ~ N(mean, variance I), with mean [d]; observed are the rows of y [n, d] = x + sigma z."""

    mean: Tensor
    variance: float
    y: Tensor
    sigma: float

    @property
    def log_p(self) -> Quadratic:
        """y ~ N(mean, (variance + sigma²) I), not normalised."""
        precision = 1 / (self.variance + self.sigma**2)
        return Quadratic(-precision * torch.eye(len(self.mean)).to(self.mean), precision * self.mean)

    @property
    def posterior_mean(self) -> Tensor:
        """The prior's mean and the observation, weighted by their precisions."""
        return self.mean + self.variance / (self.variance + self.sigma**2) * (self.y - self.mean)


@dataclasses.dataclass(frozen=True)
class PointCloud(Case):
    """x is point k of cloud [K, d] with probability proportional to exp(log_weights[k]); y [n, d] = x + sigma z."""

    cloud: Tensor
    log_weights: Tensor
    y: Tensor
    sigma: float

    @property
    def log_p(self) -> GaussianMixtureLogDensity:
        """A Gaussian of width sigma around every point."""
        K, d = self.cloud.shape
        covariance = self.sigma**2 * torch.eye(d).to(self.cloud)
        return GaussianMixtureLogDensity(self.log_weights, self.cloud, covariance.repeat(K, 1, 1))

    @property
    def posterior(self) -> Tensor:
        """Bayes: the probability [n, K] of each point, given each row of y."""
        squared_distances = (self.y[:, None] - self.cloud).square().sum(-1)
        return torch.softmax(self.log_weights - squared_distances / (2 * self.sigma**2), dim=-1)

    @property
    def condition(self) -> float:
        """A roundoff of the exponent is one of the posterior's logarithm."""
        return 1 + float((self.y[:, None] - self.cloud).square().sum(-1).max()) / self.sigma**2


@st.composite
def readable_gaussians(draw: st.DrawFn) -> GaussianPrior:
    """Up to three rows in one or two dimensions."""
    n, d = draw(sizes(1, 3)), draw(sizes(1, 2))
    variance, sigma = draw(st.integers(1, 12)) / 4, draw(st.integers(1, 8)) / 4
    return GaussianPrior(draw(quarters(d)), variance, draw(quarters(n, d)), sigma)


def seeded_gaussian(g: torch.Generator) -> GaussianPrior:
    """Seven rows in five dimensions."""
    variance, sigma = (0.2 + 3 * uniform(g, 2)).tolist()
    return GaussianPrior(2 * normal(g, 5), variance, 3 * normal(g, 7, 5), sigma)


def distinct(rows: Tensor) -> bool:
    """Whether no row occurs twice."""
    return len(rows.unique(dim=0)) == len(rows)


@st.composite
def readable_clouds(draw: st.DrawFn) -> PointCloud:
    """Two or three points on a line or in a plane."""
    n, d, K = draw(sizes(1, 2)), draw(sizes(1, 2)), draw(sizes(2, 3))
    cloud = draw(quarters(K, d, least=-2, most=2).filter(distinct))
    return PointCloud(cloud, draw(quarters(K, least=-1, most=1)), draw(quarters(n, d)), draw(st.integers(3, 10)) / 4)


def seeded_cloud(g: torch.Generator) -> PointCloud:
    """Six points in four dimensions, sigma from half their distance to several times it."""
    sigma = 0.5 + 2 * float(uniform(g))
    return PointCloud(normal(g, 6, 4), normal(g, 6), 2 * normal(g, 5, 4), sigma)


def seeded_landscape(g: torch.Generator) -> Observation:
    """Tweedie's formula asks for a gradient only: any smooth function will do."""
    weights, biases = (normal(g, 6, 3), normal(g, 1, 6)), (normal(g, 6), normal(g, 1))
    wells = RowSum(Polynomial(tensor([0.3, -0.5, 0.2, 0.1, -0.05])))
    waves = RowSum(Trigonometric(normal(g, 2), 1 + uniform(g, 2), normal(g, 2)))
    landscape = (RowSum(Mlp(weights, biases)), wells, waves)[int(torch.randint(3, (), generator=g))]
    return Observation(landscape, normal(g, 4, 3), 0.3 + 2 * float(uniform(g)))


@st.composite
def far_observations(draw: st.DrawFn) -> PointCloud:
    """Sixty sigma from the cloud p underflows and only log p is left; in tiny and huge units of length."""
    K, unit = draw(sizes(2, 3)), draw(powers_of_two(-30, 30))
    cloud, y, far = (
        draw(quarters(K, 1, least=1).filter(distinct)),
        draw(quarters(2, 1, least=1)),
        draw(st.sampled_from([1, 16])),
    )
    return PointCloud(cloud * unit, draw(quarters(K, least=-1, most=1)), y * (far * unit), unit)


GAUSSIANS = Cases(
    dense=(
        GaussianPrior(tensor([1, -0.5]), 0.75, tensor([[2, 1], [-1, 3], [0.5, -2]]), 1.5),
        GaussianPrior(tensor([-2]), 2.0, tensor([[3], [-1]]), 0.5),
        seeded_gaussian(generator(0)),
    ),
    drawn=readable_first(readable_gaussians(), large=generators().map(seeded_gaussian)),
)
CLOUDS = Cases(
    dense=(
        PointCloud(tensor([[1, 0], [-1, 2], [0, -1]]), tensor([0, 0.5, -0.5]), tensor([[0.5, 1], [-2, 0.25]]), 1.25),
        PointCloud(tensor([[-1], [1]]), tensor([0, 0]), tensor([[0.5], [-0.25], [2]]), 0.75),
        seeded_cloud(generator(1)),
    ),
    drawn=readable_first(readable_clouds(), large=generators().map(seeded_cloud)),
    edges={
        "a single point": PointCloud(tensor([[1, 2]]), tensor([0]), tensor([[0, 0.5], [3, 1]]), 0.5),
        "sigma much larger than the cloud": PointCloud(
            tensor([[0.5], [-1]]), tensor([0, 1]), tensor([[2], [1]]), 1024.0
        ),
        "sigma much smaller than the distances": PointCloud(
            tensor([[1], [-1]]), tensor([0, 1]), tensor([[0.5]]), 0.125
        ),
    },
)
SINGLE_ROW = tensor([[0.5, -1.5]])
OBSERVATIONS = Cases(
    dense=(
        *GAUSSIANS.dense,
        *CLOUDS.dense,
        *(seeded_landscape(generator(seed)) for seed in range(3)),
    ),
    drawn=readable_first(readable_gaussians(), readable_clouds(), large=generators().map(seeded_landscape)),
    edges={
        "sigma = 0": Observation(Quadratic(tensor([[-2, 1], [1, -3]]), tensor([1, 0])), tensor([[1, 2], [0, -1]]), 0.0),
        "n = d = 1": GaussianPrior(tensor([1]), 1.0, tensor([[2]]), 0.5),
        "one row": GaussianPrior(tensor([1, 0.5]), 1.5, SINGLE_ROW, 0.5),
        "equal rows": GaussianPrior(tensor([1, 0.5]), 1.5, SINGLE_ROW.repeat(3, 1), 0.5),
        **CLOUDS.edges,
    },
    extreme=far_observations(),
)

STANDARD_NORMAL = Quadratic(tensor([[-1]]), tensor([0]))
TWEEDIE = Exercise(
    name="tweedie_posterior_mean",
    title="Tweedie's formula",
    source="002, section 6.3, theorem 3, eq. 6.3.16-6.3.21; 000, section 11.2, eq. 11.25-11.34",
    functions=(
        Function(
            "tweedie_posterior_mean(log_p: Callable, y: Tensor[n, d], sigma: float) -> Tensor[n, d]",
            cases=OBSERVATIONS,
            bad_inputs=(
                BadInput(
                    "negative_sigma",
                    lambda: (STANDARD_NORMAL, tensor([[1], [-2]]), -0.5),
                    "sigma < 0 raises ValueError",
                ),
            ),
        ),
    ),
)


def posterior_mean(student: Student, log_p: Described, y: Tensor, sigma: float) -> Tensor:
    """The student's answer, with which one can calculate."""
    return assert_tensor(student.tweedie_posterior_mean(log_p, y, sigma), shape=y.shape, dtype=y.dtype)


@properties_of("tweedie_posterior_mean", weight=2)
@given(case=GAUSSIANS)
def test_shrinks_towards_the_mean_of_a_gaussian(student: Student, case: GaussianPrior) -> None:
    """For x ~ N(m, v I) the best prediction is m + v/(v + sigma²) (y - m)"""
    got = student.tweedie_posterior_mean(case.log_p, case.y, case.sigma)
    assert_close(got, case.posterior_mean, scale=float(case.y.abs().max() + case.mean.abs().max()))


@properties_of("tweedie_posterior_mean", weight=2)
@given(case=CLOUDS)
def test_weighs_the_points_of_a_cloud(student: Student, case: PointCloud) -> None:
    """If x is one of finitely many points, the best prediction is their average, weighted by Bayes' rule"""
    got = student.tweedie_posterior_mean(case.log_p, case.y, case.sigma)
    size = float(case.y.abs().max() + case.cloud.abs().max())
    assert_close(got, case.posterior @ case.cloud, condition=case.condition, scale=size)


@properties_of("tweedie_posterior_mean")
@given(case=OBSERVATIONS, log_factor=st.integers(-40, 40))
def test_needs_no_normalisation(student: Student, case: Observation, log_factor: int) -> None:
    """A constant added to log p, a factor of p, changes nothing"""
    expected = posterior_mean(student, case.log_p, case.y, case.sigma)
    got = student.tweedie_posterior_mean(Shifted(case.log_p, float(log_factor)), case.y, case.sigma)
    assert_close(got, expected, because=f"with log p + {log_factor}")


@properties_of("tweedie_posterior_mean")
@given(case=OBSERVATIONS)
def test_moves_with_the_square_of_sigma(student: Student, case: Observation) -> None:
    """For one and the same log p, doubling sigma moves the prediction four times as far from y"""
    once = posterior_mean(student, case.log_p, case.y, case.sigma) - case.y
    twice = posterior_mean(student, case.log_p, case.y, 2 * case.sigma) - case.y
    assert_close(twice, 4 * once, scale=float((case.y.abs() + once.abs()).sum()), because="prediction - y at 2 sigma")
