"""The scale of a network's first weights."""

from __future__ import annotations

import dataclasses
import math

import torch
from hypothesis import strategies as st
from torch import Tensor

from autograder.testing.assertions import assert_close, assert_less, assert_tensor
from autograder.testing.properties import given, properties_of
from autograder.testing.record import BadInput, Case, Cases, Exercise, Function
from autograder.testing.strategies import (
    eighths,
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

SCHEMES = ("lecun", "glorot", "kaiming")
LAWS = ("normal", "uniform")


@dataclasses.dataclass(frozen=True)
class Draw(Case):
    """Noise [fan_out, fan_in] of a law, to become weights by a scheme."""

    noise: Tensor
    scheme: str
    law: str

    @property
    def fan_out(self) -> int:
        """Rows: the outputs of the layer."""
        return self.noise.shape[0]

    @property
    def fan_in(self) -> int:
        """Columns: the inputs of the layer."""
        return self.noise.shape[1]


def noise_of(law: str, *shape: int) -> st.SearchStrategy[Tensor]:
    """Readable noise in the range of the law."""
    return quarters(*shape) if law == "normal" else eighths(*shape)


@st.composite
def readable_draws(draw: st.DrawFn) -> Draw:
    """Up to 3 x 4."""
    scheme, law = draw(st.sampled_from(SCHEMES)), draw(st.sampled_from(LAWS))
    return Draw(draw(noise_of(law, draw(sizes(1, 3)), draw(sizes(1, 4)))), scheme, law)


def seeded_draw(g: torch.Generator) -> Draw:
    """A layer of up to 20 x 20, wide or narrow."""
    scheme, law, m, n = (int(torch.randint(high, (), generator=g)) for high in (3, 2, 20, 20))
    make = (normal, uniform)[law]
    return Draw(make(g, 1 + m, 1 + n), SCHEMES[scheme], LAWS[law])


@st.composite
def strong_or_faint_noise(draw: st.DrawFn) -> Draw:
    """Weights are linear in normal noise, at any scale; uniform noise may come close to its ends."""
    scheme = draw(st.sampled_from(SCHEMES))
    faint = draw(quarters(2, 3)) * draw(powers_of_two(-40, 40))
    near_the_ends = draw(st.sampled_from([tensor([[0, 1 - 2**-53, 2**-30]]), tensor([[2**-53], [1 - 2**-30]])]))
    return draw(st.sampled_from([Draw(faint, scheme, "normal"), Draw(near_the_ends, scheme, "uniform")]))


WIDE = tensor([[0.5, -1.25, 2, 0.25, -3], [1, 0.75, -0.5, -2, 1.5]])
FLAT = tensor([[0.125, 0.5, 0.875], [0.25, 0, 0.625]])
DRAWS = Cases(
    dense=(
        *(Draw(noise, scheme, "normal") for noise, scheme in ((WIDE, "lecun"), (WIDE, "glorot"), (WIDE.T, "kaiming"))),
        *(Draw(noise, scheme, "uniform") for noise, scheme in ((FLAT, "lecun"), (FLAT.T, "glorot"), (FLAT, "kaiming"))),
        Draw(normal(generator(0), 7, 12), "kaiming", "normal"),
        Draw(uniform(generator(1), 11, 4), "glorot", "uniform"),
    ),
    drawn=readable_first(readable_draws(), large=generators().map(seeded_draw)),
    edges={
        **{f"square, {scheme}": Draw(WIDE[:, :2], scheme, "normal") for scheme in SCHEMES},
        **{f"1 x 1, {scheme}": Draw(tensor([[0.75]]), scheme, "uniform") for scheme in SCHEMES},
        **{f"one output, {scheme}": Draw(WIDE[:1], scheme, "normal") for scheme in SCHEMES},
        **{f"one input, {scheme}": Draw(FLAT[:, :1], scheme, "uniform") for scheme in SCHEMES},
        "noise 0 and almost 1": Draw(tensor([[0, 1 - 2**-20, 0.5]]), "kaiming", "uniform"),
        "no noise": Draw(torch.zeros_like(WIDE), "glorot", "normal"),
    },
    extreme=strong_or_faint_noise(),
)

INIT_WEIGHTS = Exercise(
    name="init_weights",
    title="Drawing an initial weight matrix",
    source="003, Tricks of the trade, Initialization; 000, eq. 6.34, 6.38; 004, section 1.2.6",
    functions=(
        Function(
            "init_weights(noise: Tensor[m, n], scheme: str, law: str) -> Tensor[m, n]",
            cases=DRAWS,
            bad_inputs=(
                BadInput(
                    "unknown_scheme", lambda: (WIDE, "orthogonal", "normal"), "an unknown scheme raises ValueError"
                ),
                BadInput("unknown_law", lambda: (WIDE, "lecun", "cauchy"), "an unknown law raises ValueError"),
                BadInput(
                    "misspelt_scheme", lambda: (FLAT, "Kaiming", "uniform"), "'Kaiming' is not 'kaiming': ValueError"
                ),
                BadInput("longer_law", lambda: (FLAT, "glorot", "uniform_"), "'uniform_' is not 'uniform': ValueError"),
                BadInput(
                    "longer_scheme", lambda: (FLAT, "kaiming_", "normal"), "'kaiming_' is not 'kaiming': ValueError"
                ),
                BadInput("empty_scheme", lambda: (FLAT, "", "uniform"), "an empty scheme raises ValueError"),
                BadInput("empty_law", lambda: (FLAT, "glorot", ""), "an empty law raises ValueError"),
            ),
        ),
    ),
)


def weights(student: Student, noise: Tensor, scheme: str, law: str) -> Tensor:
    """The student's answer, with which one can calculate."""
    return assert_tensor(student.init_weights(noise, scheme, law), shape=noise.shape, dtype=noise.dtype)


def standard_deviation(case: Draw) -> float:
    """sigma, by which the signal's power grows as the scheme wants it."""
    return math.sqrt(gain(case.scheme, case.fan_out, case.fan_in) / case.fan_in)


def gain(scheme: str, fan_out: int, fan_in: int) -> float:
    """By how much a layer multiplies the power of its input: fan_in sigma²."""
    return {"lecun": 1.0, "glorot": 2 * fan_in / (fan_in + fan_out), "kaiming": 2.0}[scheme]


@properties_of("init_weights", weight=2)
@given(case=DRAWS)
def test_sends_unit_signals_through_with_the_gain_of_the_scheme(student: Student, case: Draw) -> None:
    """From noise ±1, rows get squared length 1 (lecun), 2 (kaiming), 2 fan_in/(fan_in + fan_out) (glorot)"""
    signs = torch.where(case.noise > 0.3, 1.0, -1.0).double()
    W = weights(student, signs, case.scheme, "normal")
    expected = tensor([gain(case.scheme, case.fan_out, case.fan_in)] * case.fan_out)
    assert_close((W**2).sum(1), expected, because="squared length of the rows")
    assert_close(W.sign(), signs, because="signs of W")


@properties_of("init_weights")
@given(case=DRAWS)
def test_multiplies_normal_noise_by_one_number(student: Student, case: Draw) -> None:
    """For normal noise W is the noise times a constant: no shift, no dependence on the other entries"""
    z = case.noise
    constant = weights(student, torch.ones_like(z), case.scheme, "normal")[0, 0]
    assert_close(student.init_weights(z, case.scheme, "normal"), constant * z, because="W for noise z")


@properties_of("init_weights", weight=2)
@given(case=DRAWS)
def test_gives_both_laws_the_same_variance(student: Student, case: Draw) -> None:
    """Noise evenly spread over [0, 1) gives weights of mean 0, with the variance of the normal law"""
    count = case.noise.numel()
    even = ((torch.arange(count).double() + 0.5) / count).reshape(case.noise.shape)
    W = weights(student, even, case.scheme, "uniform")
    sigma = standard_deviation(case)
    assert_close(W.mean(), tensor(0), scale=sigma, because="mean of W")
    # Evenly spread points miss the part of the variance that lies inside the intervals between them.
    variance = tensor(sigma**2 * (1 - 1 / count**2))
    assert_close((W**2).mean(), variance, scale=sigma**2, because="variance of W")


@properties_of("init_weights")
@given(case=DRAWS)
def test_maps_uniform_noise_to_a_symmetric_interval(student: Student, case: Draw) -> None:
    """For uniform noise W(0) = -√3 sigma, W(1/2) = 0, W(1 - u) = -W(u), and |W| is at most √3 sigma"""
    u = (1 + case.noise.abs().clamp(max=4)) / 8
    W = weights(student, u, case.scheme, "uniform")
    middle = student.init_weights(torch.full_like(u, 0.5), case.scheme, "uniform")
    lowest = student.init_weights(torch.zeros_like(u), case.scheme, "uniform")
    sigma = standard_deviation(case)
    assert_close(lowest, torch.full_like(u, -math.sqrt(3) * sigma), because="W for noise 0")
    assert_close(middle, torch.zeros_like(u), scale=sigma, because="W for noise 1/2")
    assert_close(student.init_weights(1 - u, case.scheme, "uniform"), -W, scale=sigma, because="W for noise 1 - u")
    assert_less(W.abs(), torch.full_like(W, math.sqrt(3) * sigma), because="|W|")
