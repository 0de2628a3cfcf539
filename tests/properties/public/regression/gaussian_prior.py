"""Linear regression with a Gaussian prior: the most probable coefficients."""

from __future__ import annotations

import dataclasses

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Normal
from torch.linalg import matrix_norm, vector_norm

from autograder.testing.assertions import assert_close, assert_tensor
from autograder.testing.properties import given, properties_of
from autograder.testing.record import BadInput, Case, Cases, Exercise, Function
from autograder.testing.rules import NO_INVERSE
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
class Measurement(Case):
    """Measured y [n] = X beta + noise of variance noise_var, beta [p] ~ N(0, I/prior_precision); X [n, p]."""

    X: Tensor
    y: Tensor
    noise_var: float
    prior_precision: float

    @property
    def p(self) -> int:
        """The number of coefficients."""
        return self.X.shape[1]

    @property
    def decay(self) -> float:
        """The weight decay that this prior amounts to."""
        return self.noise_var * self.prior_precision

    @property
    def condition(self) -> float:
        """Of XᵀX + noise_var prior_precision I, up to a factor p."""
        size = float(matrix_norm(self.X))
        return 1 + size * size / self.decay

    @property
    def longest(self) -> float:
        """No answer is longer: s/(s² + decay) <= 1/(2 √decay) for every singular value s of X."""
        return float(vector_norm(self.y)) / (2 * self.decay**0.5)


def measured(X: list[list[float]], y: list[float], noise_var: float, prior_precision: float) -> Measurement:
    """A case that is written down."""
    return Measurement(tensor(X).reshape(len(y), -1), tensor(y), noise_var, prior_precision)


@st.composite
def readable_measurements(draw: st.DrawFn) -> Measurement:
    """Up to three measurements of up to three coefficients."""
    n, p = draw(sizes(1, 3)), draw(sizes(1, 3))
    noise_var, prior_precision = draw(st.integers(1, 16)) / 4, draw(st.integers(1, 16)) / 4
    return Measurement(draw(quarters(n, p)), draw(quarters(n)), noise_var, prior_precision)


def seeded_measurement(g: torch.Generator) -> Measurement:
    """Up to ten measurements of up to seven coefficients, as often too few as too many."""
    n, p = 2 + int(torch.randint(9, (), generator=g)), 2 + int(torch.randint(6, (), generator=g))
    noise_var, prior_precision = (0.05 + 3 * uniform(g, 2)).tolist()
    return Measurement(normal(g, n, p), 2 * normal(g, n), noise_var, prior_precision)


def explains(case: Measurement) -> bool:
    """Whether the answer is more than a rounded 0."""
    return float(vector_norm(case.X.T @ case.y)) > 0.1 * float(matrix_norm(case.X) * vector_norm(case.y))


@st.composite
def rescaled_measurements(draw: st.DrawFn) -> Measurement:
    """Other units of X and y: a variance is a square, a precision the inverse of one."""
    case = draw(DRAWN.filter(explains))
    x, y = draw(powers_of_two(-20, 20)), draw(powers_of_two(-20, 20))
    return Measurement(case.X * x, case.y * y, case.noise_var * y**2, case.prior_precision * (x / y) ** 2)


DRAWN = readable_first(readable_measurements(), large=generators().map(seeded_measurement))
MEASUREMENTS = Cases(
    dense=(
        measured([[1, -0.5], [2, 1], [0.5, 3]], y=[1, -2, 0.5], noise_var=0.5, prior_precision=3.0),
        measured([[2, 1, -1], [0.5, -2, 1.5]], y=[3, -1], noise_var=2.5, prior_precision=0.25),
        seeded_measurement(generator(0)),
        seeded_measurement(generator(3)),
    ),
    drawn=DRAWN,
    edges={
        "n = p = 1": measured([[2]], y=[3], noise_var=0.5, prior_precision=4.0),
        "n < p": measured([[1, 2, -1, 0.5]], y=[2], noise_var=0.75, prior_precision=1.5),
        "n = p": measured([[1, 2], [-1, 0.5]], y=[2, 1], noise_var=0.75, prior_precision=1.5),
        "equal columns": measured([[1, 1], [2, 2], [-1, -1]], y=[1, 3, 0], noise_var=0.5, prior_precision=0.25),
        "a column of zeros": measured([[1, 0], [2, 0]], y=[1, 3], noise_var=0.5, prior_precision=0.25),
        "X = 0": measured([[0, 0], [0, 0], [0, 0]], y=[1, 3, -2], noise_var=0.5, prior_precision=0.25),
        "y = 0": measured([[1, 2], [-1, 0.5]], y=[0, 0], noise_var=0.5, prior_precision=0.25),
        "noise_var = prior_precision = 1": measured([[1, 2], [3, 1]], y=[1, 2], noise_var=1.0, prior_precision=1.0),
        "hardly any prior": measured([[1, 2], [3, 1], [1, 0]], y=[1, 2, 4], noise_var=0.5, prior_precision=2.0**-14),
        "hardly any data": measured([[1, 2], [3, 1], [1, 0]], y=[1, 2, 4], noise_var=2.0**30, prior_precision=0.5),
    },
    extreme=rescaled_measurements(),
)


def arguments(noise_var: float, prior_precision: float) -> tuple[Tensor, Tensor, float, float]:
    """Data for which the decay is the only thing that can be wrong."""
    return tensor([[1, 2], [0, -1], [2, 0.5]]), tensor([1, 2, -1]), noise_var, prior_precision


MAP_LINEAR_GAUSSIAN = Exercise(
    name="map_linear_gaussian",
    title="MAP estimate with a Gaussian prior",
    source="000, section 3.3, eq. 3.10-3.13; 001, section 4.3, eq. 4.10-4.13; 003, Bayesian learning, Weight decay",
    functions=(
        Function(
            "map_linear_gaussian(X: Tensor[n, p], y: Tensor[n], noise_var: float, prior_precision: float) -> Tensor[p]",
            cases=MEASUREMENTS,
            bad_inputs=(
                BadInput("zero_noise_var", lambda: arguments(0.0, 0.5), "noise_var = 0 raises ValueError"),
                BadInput("zero_prior_precision", lambda: arguments(0.5, 0.0), "prior_precision = 0 raises ValueError"),
                BadInput(
                    "both_negative",
                    lambda: arguments(-0.5, -0.25),
                    "both negative raises ValueError, though their product is positive",
                ),
            ),
        ),
    ),
    rules=(NO_INVERSE,),
)


def most_probable(student: Student, case: Measurement) -> Tensor:
    """The student's answer, with which one can calculate."""
    got = student.map_linear_gaussian(case.X, case.y, case.noise_var, case.prior_precision)
    return assert_tensor(got, shape=(case.p,), dtype=case.X.dtype)


@properties_of("map_linear_gaussian", weight=2)
@given(case=MEASUREMENTS)
def test_is_where_the_log_posterior_is_flat(student: Student, case: Measurement) -> None:
    """The gradient of log p(y | beta) + log p(beta) vanishes: no direction makes beta more probable"""
    beta = most_probable(student, case).clone().requires_grad_()
    likelihood = Normal(case.X @ beta, case.noise_var**0.5, validate_args=False).log_prob(case.y).sum()
    prior = Normal(torch.zeros_like(beta), case.prior_precision**-0.5, validate_args=False).log_prob(beta).sum()
    (slope,) = torch.autograd.grad(likelihood + prior, beta)
    # noise_var times the slope is Xᵀ(y - X beta) - decay beta: three terms that cancel, none larger than |X| |y|
    size = float(matrix_norm(case.X) * vector_norm(case.y))
    flat = torch.zeros_like(slope)
    assert_close(
        slope * case.noise_var, flat, condition=case.condition, scale=size, because="noise_var times the slope"
    )


@properties_of("map_linear_gaussian")
@given(case=MEASUREMENTS, factor=powers_of_two(-3, 3))
def test_weighs_noise_against_prior(student: Student, case: Measurement, factor: float) -> None:
    """Only the product counts: noise_var multiplied and prior_precision divided by a number changes nothing"""
    expected = most_probable(student, case)
    got = student.map_linear_gaussian(case.X, case.y, case.noise_var * factor, case.prior_precision / factor)
    assert_close(got, expected, condition=case.condition, because=f"noise_var * {factor}, prior_precision / {factor}")


@properties_of("map_linear_gaussian")
@given(case=MEASUREMENTS)
def test_averages_repeated_measurements(student: Student, case: Measurement) -> None:
    """Two equal measurements say as much as one with half of the noise variance"""
    expected = most_probable(student, dataclasses.replace(case, noise_var=case.noise_var / 2))
    X, y = torch.cat([case.X, case.X]), torch.cat([case.y, case.y])
    got = student.map_linear_gaussian(X, y, case.noise_var, case.prior_precision)
    assert_close(got, expected, condition=case.condition, because="every row twice")


@properties_of("map_linear_gaussian", weight=2)
@given(case=MEASUREMENTS)
def test_averages_datum_and_prior_by_their_precisions(student: Student, case: Measurement) -> None:
    """Each coefficient measured once, directly: the weights of y and of the prior's mean 0 are their precisions"""
    n = len(case.y)
    identity = torch.eye(n, dtype=torch.float64)
    precision = 1 / case.noise_var
    expected = precision / (precision + case.prior_precision) * case.y
    got = student.map_linear_gaussian(identity, case.y, case.noise_var, case.prior_precision)
    assert_close(got, expected, because="for X = I")
