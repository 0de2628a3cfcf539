"""What a ReLU does to a Gaussian signal."""

from __future__ import annotations

import dataclasses
import math

import torch
from hypothesis import strategies as st
from torch import Tensor

from autograder.testing.assertions import assert_close, assert_less, assert_parts, assert_tensor
from autograder.testing.properties import given, properties_of
from autograder.testing.quadrature import gauss_legendre
from autograder.testing.record import BadInput, Case, Cases, Exercise, Function
from autograder.testing.strategies import (
    assume,
    generator,
    generators,
    normal,
    powers_of_two,
    quarters,
    readable_first,
    tensor,
    uniform,
)
from autograder.testing.student import Student

PROMISED = 1e-10
"""The accuracy that the exercise asks for, in units of max(1, mu² + s²)."""
SHAPES = (((), ()), ((2,), (2,)), ((3,), ()), ((), (2,)), ((2, 1), (3,)), ((2, 2), (2, 2)))
"""Shapes of mu and s that broadcast."""


@dataclasses.dataclass(frozen=True)
class GaussianSignal(Case):
    """z ~ N(mu, s²), entry by entry; mu and s broadcast."""

    mu: Tensor
    s: Tensor

    @property
    def shape(self) -> torch.Size:
        """The shape of both moments."""
        return torch.broadcast_shapes(self.mu.shape, self.s.shape)

    @property
    def power(self) -> Tensor:
        """E[z²] = mu² + s²."""
        return self.mu**2 + self.s**2

    @property
    def scale(self) -> float:
        """What accuracy is measured by: max(1, mu² + s²)."""
        return max(1.0, float(self.power.max())) if self.power.numel() else 1.0


def signal(mu: list[float] | float, s: list[float] | float) -> GaussianSignal:
    """A case that is written down."""
    return GaussianSignal(tensor(mu), tensor(s))


@st.composite
def readable_signals(draw: st.DrawFn) -> GaussianSignal:
    """s = 0 is as likely as any other quarter. Somewhere a signal passes: mere roundoff is a matter for the tails."""
    mu, s = draw(st.sampled_from(SHAPES))
    case = GaussianSignal(draw(quarters(*mu)), draw(quarters(*s, least=0)))
    assume(bool((case.mu + case.s > 0).any()))
    return case


def seeded_signal(g: torch.Generator) -> GaussianSignal:
    """A layer's worth of signals, one in five of them without noise."""
    s = 3 * uniform(g, 5)
    return GaussianSignal(2 * normal(g, 4, 5), s * (torch.arange(5) != torch.randint(5, (), generator=g)))


@st.composite
def rescaled_signals(draw: st.DrawFn) -> GaussianSignal:
    """Other units, mean and width of comparable size."""
    ratio, s = draw(quarters(2, least=-1, most=3)), draw(quarters(2, least=0.5)) * draw(powers_of_two(-10, 30))
    return GaussianSignal(ratio * s, s)


@st.composite
def tails(draw: st.DrawFn) -> GaussianSignal:
    """Means up to 40 widths below zero, where both moments vanish or nearly do."""
    ratio, s = draw(quarters(2, least=-40, most=-1)), draw(quarters(2, least=0.25))
    return GaussianSignal(ratio * s, s)


SIGNALS = Cases(
    dense=(
        signal([1.5, -0.75, 0.25], [0.5, 2, 1.25]),
        signal([[-2], [0.5], [3]], [1.5, 0.75]),
        signal(0.5, [0.25, 0, 3, 1]),
        seeded_signal(generator(0)),
    ),
    drawn=readable_first(readable_signals(), large=generators().map(seeded_signal)),
    edges={
        "s = 0": signal([2, -3, 0, 0.5], [0, 0, 0, 0]),
        "s = 0 in some places": signal([2, -3, -0.5, 0, 1], [0, 1, 0, 2, 0.5]),
        "mu = s = 0": signal([0, 1], [0, 0]),
        "mu = 0": signal([0, 0, 0], [0.5, 1, 3]),
        "mu very negative": signal([-40, -8, -100, -5], [1, 0.5, 0.25, 0.5]),
        "mu very positive": signal([40, 8, 100, 5], [1, 0.5, 0.25, 0.5]),
        "s tiny": signal([1, -1, 2], [2.0**-600, 2.0**-600, 2.0**-1000]),
        "one entry": signal([-0.5], [1.5]),
        "no entry": signal([], []),
    },
    extreme=rescaled_signals(),
)
TAILS = Cases(
    dense=(
        signal([-40, -8, -6], [1, 1, 1]),
        signal([-5.125, -4.5, -5.5], [1, 1, 1]),
        signal([-40, -60, -1.5], [5, 2, 0.25]),
        signal([-7.9375, -8.03125, -38.375, -38.5625, -39], [1, 1, 1, 1, 1]),  # rounding alone decides the sign
    ),
    drawn=tails(),
)

RELU_MOMENTS = Exercise(
    name="relu_gaussian_moments",
    title="First and second moment of ReLU of a Gaussian",
    source="000, section 6.2.3, eq. 6.35-6.37; 003, Tricks of the trade, Initialization",
    functions=(
        Function(
            "relu_gaussian_moments(mu: Tensor[...], s: Tensor[...]) -> tuple[Tensor[...], Tensor[...]]",
            cases=SIGNALS,
            bad_inputs=(
                BadInput("negative_s", lambda: (tensor([1, 2]), tensor([-1, -0.5])), "negative s raises ValueError"),
                BadInput(
                    "one_negative_s",
                    lambda: (tensor([1, 2, 0]), tensor([1, 0, -0.25])),
                    "a single negative entry of s raises ValueError",
                ),
            ),
        ),
    ),
)


def moments(student: Student, mu: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    """The student's two moments, with which one can calculate."""
    first, second = assert_parts(student.relu_gaussian_moments(mu, s), 2)
    shape = torch.broadcast_shapes(mu.shape, s.shape)
    return (
        assert_tensor(first, shape=shape, dtype=mu.dtype, name="first moment"),
        assert_tensor(second, shape=shape, dtype=mu.dtype, name="second moment"),
    )


@properties_of("relu_gaussian_moments")
@given(case=SIGNALS)
def test_halves_a_symmetric_signal(student: Student, case: GaussianSignal) -> None:
    """At mu = 0 the second moment is s²/2, the mean s/√(2π)"""
    first, second = moments(student, torch.zeros_like(case.s), case.s)
    assert_close(second, case.s**2 / 2, scale=case.scale, because="second moment at mu = 0")
    assert_close(first, case.s / math.sqrt(2 * math.pi), scale=case.scale, because="first moment at mu = 0")


@properties_of("relu_gaussian_moments")
@given(case=SIGNALS)
def test_splits_a_signal_by_its_sign(student: Student, case: GaussianSignal) -> None:
    """z = relu(z) - relu(-z) and z² = relu(z)² + relu(-z)², so the moments at mu and -mu give mu and mu² + s²"""
    first, second = moments(student, case.mu, case.s)
    mirrored_first, mirrored_second = moments(student, -case.mu, case.s)
    mean = case.mu.expand(case.shape)
    assert_close(first - mirrored_first, mean, scale=case.scale, because="E(mu) - E(-mu)")
    assert_close(second + mirrored_second, case.power, scale=case.scale, because="E₂(mu) + E₂(-mu)")


@properties_of("relu_gaussian_moments")
@given(case=TAILS)
def test_is_never_negative(student: Student, case: GaussianSignal) -> None:
    """However negative mu is, neither moment falls below 0"""
    for name, moment in zip(("first moment", "second moment"), moments(student, case.mu, case.s), strict=True):
        assert_less(0.0, moment, because=name)


@properties_of("relu_gaussian_moments", weight=2)
@given(case=Cases((*SIGNALS.dense, *TAILS.dense), st.one_of(SIGNALS.drawn, TAILS.drawn), SIGNALS.edges))
def test_keeps_the_promised_accuracy(student: Student, case: GaussianSignal) -> None:
    """The moments are those of a numerical integral, to 1e-10 max(1, mu² + s²), in the tails as well"""
    allowed = PROMISED * case.power.clamp(min=1)
    names = ("first moment", "second moment")
    for name, got, exact in zip(names, moments(student, case.mu, case.s), integrals(case), strict=True):
        assert_less((got - exact).abs(), allowed, because=f"error of the {name}")


def integrals(case: GaussianSignal) -> tuple[Tensor, Tensor]:
    """∫ (mu + s x)^k φ(x) dx over x > -mu/s, for k = 1, 2, from the kink to where φ has died away."""
    mu, s = (t.expand(case.shape) for t in (case.mu, case.s))
    low = (-mu / s.clamp(min=PROMISED)).clamp(-13, 50)
    x, dx = gauss_legendre(100, low, low.clamp(min=0) + 13)
    weight = dx * torch.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    z = (mu[..., None] + s[..., None] * x).clamp(min=0)
    return (weight * z).sum(-1), (weight * z**2).sum(-1)


@properties_of("relu_gaussian_moments")
@given(case=SIGNALS, step=st.integers(1, 12))
def test_follows_the_mean_but_not_faster(student: Student, case: GaussianSignal, step: int) -> None:
    """When mu grows by h the first moment grows too, by no more than h"""
    h = step / 4
    before, _ = moments(student, case.mu, case.s)
    after, _ = moments(student, case.mu + h, case.s)
    assert_less(before, after, scale=case.scale, because=f"E(mu) against E(mu + {h})")
    assert_less(after, before + h, scale=case.scale, because=f"E(mu + {h}) against E(mu) + {h}")
