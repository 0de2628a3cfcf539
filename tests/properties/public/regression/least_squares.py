"""Least squares with correlated noise."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.linalg import vector_norm

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
    rotation,
    tensor,
    uniform,
)
from autograder.testing.student import Student

EPS = torch.finfo(torch.float64).eps


@dataclasses.dataclass(frozen=True)
class Measurement(Case):
    """Measured y [n] = X beta + noise with covariance Sigma [n, n]; X [n, p] of full column rank."""

    X: Tensor
    Sigma: Tensor
    y: Tensor

    @property
    def p(self) -> int:
        """The number of coefficients."""
        return self.X.shape[1]

    def whiten(self, columns: Tensor) -> Tensor:
        """L⁻¹ columns, with Sigma = L Lᵀ: the same columns measured with independent noise of variance 1."""
        L = torch.linalg.cholesky(self.Sigma)
        return torch.linalg.solve_triangular(L, columns.reshape(len(L), -1), upper=False).reshape(columns.shape)

    @property
    def size(self) -> Tensor:
        """[p]: the length of every whitened column; beta * size does not depend on the units of the columns."""
        return vector_norm(self.whiten(self.X), dim=0)

    @property
    def condition(self) -> float:
        """Of the normal equations, in the best units of the columns, and of Sigma."""
        columns = self.whiten(self.X) / self.size
        return float(torch.linalg.cond(columns) ** 2 * torch.linalg.cond(self.Sigma))

    @property
    def longest(self) -> float:
        """What beta * size is made of: whitened y, divided by the smallest singular value of the columns."""
        columns = self.whiten(self.X) / self.size
        return float(vector_norm(self.whiten(self.y)) * (1 + 1 / torch.linalg.svdvals(columns)[-1]))


def measured(X: Sequence[Sequence[float]], Sigma: Sequence[Sequence[float]], y: Sequence[float]) -> Measurement:
    """A case that is written down."""
    return Measurement(tensor(X), tensor(Sigma), tensor(y))


def symmetric(Sigma: Tensor) -> Tensor:
    """Equal to its transpose to the last bit."""
    return (Sigma + Sigma.T) / 2


def covariance(g: torch.Generator, n: int) -> Tensor:
    """A random covariance [n, n] of condition number 25, not diagonal for n > 1."""
    Q = rotation(g, n)
    return symmetric(Q * torch.linspace(0.1, 2.5, n, dtype=torch.float64) @ Q.T)


def readable_setup(g: torch.Generator) -> tuple[Tensor, Tensor]:
    """X and Sigma of up to four measurements: halves and whole numbers."""
    p = 1 + int(torch.randint(2, (), generator=g))
    n = p + int(torch.randint(3, (), generator=g))
    X = torch.randint(-4, 5, (n, p), generator=g).double() / 2
    L = torch.randint(-1, 2, (n, n), generator=g).double().tril(-1) + torch.eye(n, dtype=torch.float64)
    return X, L * tensor([1, 2, 0.5])[torch.randint(3, (n,), generator=g)] @ L.T


def easy(setup: tuple[Tensor, Tensor]) -> bool:
    """Whether X has full rank with room to spare, and Sigma tells correlated from independent noise."""
    X, Sigma = setup
    correlated = len(Sigma) == 1 or bool(Sigma.triu(1).any())
    return correlated and bool(torch.linalg.svdvals(X)[-1] > 1 / 4) and bool(torch.linalg.cond(Sigma) < 30)


SETUPS = sorted(
    filter(easy, (readable_setup(generator(seed)) for seed in range(150))),
    key=lambda setup: (setup[0].numel() + setup[1].numel(), float(setup[0].abs().sum() + setup[1].abs().sum())),
)


@st.composite
def readable_measurements(draw: st.DrawFn) -> Measurement:
    """X and Sigma from a fixed list, the simplest first."""
    X, Sigma = draw(st.sampled_from(SETUPS))
    return Measurement(X, Sigma, draw(quarters(len(X))))


def seeded_measurement(g: torch.Generator) -> Measurement:
    """Up to ten measurements of up to five coefficients; the last column in units up to 2¹² times as large.

    That is far from a rank below p, but not for who looks for the rank of XᵀX in single precision.
    """
    p = 2 + int(torch.randint(4, (), generator=g))
    n = p + int(torch.randint(6, (), generator=g))
    X = normal(g, n, p) + 2 * torch.eye(n, p, dtype=torch.float64)
    X[:, -1] *= 2.0 ** -(6 * int(torch.randint(3, (), generator=g)))
    return Measurement(X, covariance(g, n) * (0.5 + 2 * float(uniform(g))), 2 * normal(g, n))


def decided(case: Measurement) -> bool:
    """Whether every right algorithm gives the same digits, the normal equations among them."""
    return case.condition < 1e5


def explains(case: Measurement) -> bool:
    """Whether the estimate is more than a rounded 0."""
    columns = case.whiten(case.X) / case.size
    return float(vector_norm(columns.T @ case.whiten(case.y))) > 0.1 * float(vector_norm(case.whiten(case.y)))


@st.composite
def rescaled_measurements(draw: st.DrawFn) -> Measurement:
    """Other units of X, of y, and of Sigma."""
    case = draw(DRAWN.filter(explains))
    x, y, noise = draw(powers_of_two(-30, 30)), draw(powers_of_two(-30, 30)), draw(powers_of_two(-30, 30))
    return Measurement(case.X * x, case.Sigma * noise, case.y * y)


DRAWN = readable_first(readable_measurements(), large=generators().map(seeded_measurement)).filter(decided)
UNEQUAL: list[list[float]] = [[1, 0.5, 0], [0.5, 2, -1], [0, -1, 4]]
MEASUREMENTS = Cases(
    dense=(
        measured([[1, -0.5], [2, 1], [0.5, 3]], UNEQUAL, y=[1, -2, 0.5]),
        measured([[1], [-2], [0.5]], [[2, 1, 0.5], [1, 1, 0], [0.5, 0, 3]], y=[2, 1, -1]),
        measured(
            [[2, -1], [0.5, 1], [1, 3], [-1.5, 0.5]],
            [[2, 1, 0, 0.5], [1, 4, -1, 0], [0, -1, 1, 0.25], [0.5, 0, 0.25, 0.5]],
            y=[1, 0.5, -3, 2],
        ),
        seeded_measurement(generator(2)),
        measured([[1, 2.0**-13], [2, 2.0**-14], [-1, 2.0**-12]], UNEQUAL, y=[1, -2, 0.5]),
    ),
    drawn=DRAWN,
    edges={
        "n = p = 1": measured([[2]], [[0.5]], y=[3]),
        "n = p": measured([[1, 2], [-1, 0.5]], [[2, 1], [1, 3]], y=[2, 1]),
        "p = 1": measured([[1], [1], [1]], UNEQUAL, y=[2, -1, 3]),
        "Sigma = c I": measured([[1, -0.5], [2, 1], [0.5, 3]], [[4, 0, 0], [0, 4, 0], [0, 0, 4]], y=[1, -2, 0.5]),
        "Sigma diagonal": measured([[1, -0.5], [2, 1], [0.5, 3]], [[1, 0, 0], [0, 4, 0], [0, 0, 0.25]], y=[1, -2, 0.5]),
        "y = 0": measured([[1, -0.5], [2, 1], [0.5, 3]], UNEQUAL, y=[0, 0, 0]),
        "X beta = y": measured([[1, -0.5], [2, 1], [0.5, 3]], UNEQUAL, y=[0, 4, 6.5]),
        "strong correlation": measured([[1, 0], [1, 1]], [[1, 0.96875], [0.96875, 1]], y=[1, 2]),
        "columns in small units": measured([[2.0**-40, 0], [2.0**-40, 2.0**-40]], [[2, 1], [1, 3]], y=[1, 2]),
    },
    extreme=rescaled_measurements(),
)


def dependent(X: Sequence[Sequence[float]]) -> tuple[Tensor, Tensor, Tensor]:
    """Arguments with an X of too low a rank."""
    n = len(X)
    neighbours = torch.ones(n, n, dtype=torch.float64).tril(1).triu(-1)
    return tensor(X), 2 * torch.eye(n, dtype=torch.float64) + neighbours / 2, torch.arange(n, dtype=torch.float64)


GENERALIZED_LEAST_SQUARES = Exercise(
    name="generalized_least_squares",
    title="Gaussian MLE / generalized least squares (n >= p)",
    source="000, section 1.2.4, eq. 1.37-1.43, and 4.1, eq. 4.12-4.14; 001, section 5.1, eq. 5.12-5.14",
    functions=(
        Function(
            "generalized_least_squares(X: Tensor[n, p], Sigma: Tensor[n, n], y: Tensor[n]) -> Tensor[p]",
            cases=MEASUREMENTS,
            bad_inputs=(
                BadInput(
                    "more_coefficients_than_data",
                    lambda: dependent([[1, 0, 2], [0, 1, -1]]),
                    "n < p raises ValueError",
                ),
                BadInput(
                    "dependent_columns",
                    lambda: dependent([[1, 2], [2, 4], [-1, -2]]),
                    "linearly dependent columns raise ValueError",
                ),
                BadInput("a_zero_matrix", lambda: dependent([[0], [0], [0]]), "X = 0 raises ValueError"),
                BadInput(
                    "nearly_dependent_columns",
                    lambda: dependent([[1024, 0], [0, 3 * 1024 * EPS], [0, 0], [0, 0]]),
                    "sigma_min(X) <= max(n, p) eps sigma_max(X) raises ValueError",
                ),
            ),
        ),
    ),
    rules=(NO_INVERSE,),
)


def estimate(student: Student, case: Measurement) -> Tensor:
    """The student's answer, with which one can calculate."""
    got = student.generalized_least_squares(case.X, case.Sigma, case.y)
    return assert_tensor(got, shape=(case.p,), dtype=case.X.dtype)


@properties_of("generalized_least_squares", weight=2)
@given(case=MEASUREMENTS)
def test_leaves_a_residual_orthogonal_to_the_columns(student: Student, case: Measurement) -> None:
    """XᵀSigma⁻¹(y - X beta) = 0: nothing is left that the columns of X could explain"""
    residual = case.whiten(case.y - case.X @ estimate(student, case))
    overlap = (case.whiten(case.X) / case.size).T @ residual
    zero = torch.zeros(case.p, dtype=torch.float64)
    assert_close(
        overlap, zero, condition=case.condition, scale=case.longest, because="XᵀSigma⁻¹(y - X beta), normalised"
    )


@properties_of("generalized_least_squares")
@given(case=MEASUREMENTS)
def test_finds_the_truth_without_noise(student: Student, case: Measurement) -> None:
    """For y = X b the estimate is b, whatever Sigma is"""
    b = (1 + torch.arange(case.p, dtype=torch.float64)) / case.size
    got = estimate(student, dataclasses.replace(case, y=case.X @ b))
    assert_close(got * case.size, b * case.size, condition=case.condition, because="beta / b, numbered")


@properties_of("generalized_least_squares")
@given(case=MEASUREMENTS, factor=powers_of_two(-6, 6))
def test_does_not_need_the_strength_of_the_noise(student: Student, case: Measurement, factor: float) -> None:
    """Sigma → c Sigma changes nothing: correlations and ratios of variances matter, not their size"""
    expected = estimate(student, case)
    got = estimate(student, dataclasses.replace(case, Sigma=factor * case.Sigma))
    assert_close(
        got * case.size, expected * case.size, condition=case.condition, scale=case.longest, because="beta * size"
    )


@properties_of("generalized_least_squares")
@given(case=MEASUREMENTS)
def test_weighs_by_the_inverse_covariance(student: Student, case: Measurement) -> None:
    """For a single column X, the estimate is the average XᵀSigma⁻¹y / XᵀSigma⁻¹X"""
    column = case.X[:, :1]
    single = dataclasses.replace(case, X=column)
    weights = torch.linalg.solve(case.Sigma, column)[:, 0]
    got = estimate(student, single)
    assert_close(
        got * single.size,
        (weights @ case.y / (weights @ column)) * single.size,
        condition=single.condition,
        scale=single.longest,
        because="beta * |L⁻¹X|",
    )
