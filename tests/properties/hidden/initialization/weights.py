"""The scale of a network's first weights: hidden properties and known answers."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from autograder.testing.answers import alternative_of, misconception_of
from autograder.testing.assertions import assert_close
from autograder.testing.properties import given, properties_of
from autograder.testing.strategies import generators, normal, uniform
from autograder.testing.student import Student
from tests.properties.public.initialization.weights import DRAWS, SCHEMES, Draw, weights

LIBRARY: dict[tuple[str, str], Callable[..., Tensor]] = {
    ("lecun", "normal"): lambda W, g: torch.nn.init.kaiming_normal_(W, nonlinearity="linear", generator=g),
    ("lecun", "uniform"): lambda W, g: torch.nn.init.kaiming_uniform_(W, nonlinearity="linear", generator=g),
    ("glorot", "normal"): lambda W, g: torch.nn.init.xavier_normal_(W, generator=g),
    ("glorot", "uniform"): lambda W, g: torch.nn.init.xavier_uniform_(W, generator=g),
    ("kaiming", "normal"): lambda W, g: torch.nn.init.kaiming_normal_(W, nonlinearity="relu", generator=g),
    ("kaiming", "uniform"): lambda W, g: torch.nn.init.kaiming_uniform_(W, nonlinearity="relu", generator=g),
}


@properties_of("init_weights")
@given(case=DRAWS, generator=generators())
def test_turns_torchs_noise_into_torchs_weights(student: Student, case: Draw, generator: torch.Generator) -> None:
    """From the same random numbers, W is what torch.nn.init draws"""
    start, shape = generator.get_state(), case.noise.shape
    noise = (normal if case.law == "normal" else uniform)(generator, *shape)
    generator.set_state(start)
    expected = LIBRARY[case.scheme, case.law](torch.empty(shape, dtype=torch.float64), generator)
    got = student.init_weights(noise, case.scheme, case.law)
    assert_close(got, expected, scale=float(expected.abs().max()), because=f"{case.scheme}, {case.law}")


@properties_of("init_weights")
@given(case=DRAWS)
def test_shares_glorot_between_forward_and_backward(student: Student, case: Draw) -> None:
    """Glorot's scheme does not know forward from backward: it commutes with the transpose"""
    W = weights(student, case.noise, "glorot", case.law)
    transposed = student.init_weights(case.noise.T.contiguous(), "glorot", case.law)
    assert_close(transposed, W.T, because="weights of the transposed noise")


@properties_of("init_weights")
@given(case=DRAWS)
def test_orders_the_schemes(student: Student, case: Draw) -> None:
    """Kaiming is √2 LeCun, and Glorot is LeCun with the mean fan in the place of fan_in"""
    lecun, glorot, kaiming = (weights(student, case.noise, scheme, case.law) for scheme in SCHEMES)
    assert_close(kaiming, math.sqrt(2) * lecun, because="kaiming against √2 lecun")
    mean_fan = (case.fan_in + case.fan_out) / 2
    assert_close(glorot, math.sqrt(case.fan_in / mean_fan) * lecun, because="glorot against lecun")


@properties_of("init_weights")
@given(case=DRAWS)
def test_lets_more_outputs_change_nothing_forward(student: Student, case: Draw) -> None:
    """LeCun and Kaiming count the inputs only: copies of the outputs leave the weights of the first ones alone"""
    for scheme in ("lecun", "kaiming"):
        W = weights(student, case.noise, scheme, case.law)
        twice = weights(student, case.noise.repeat(2, 1), scheme, case.law)
        assert_close(twice[: case.fan_out], W, because=f"{scheme} with twice as many outputs")


@misconception_of(
    "init_weights",
    hint="A uniform variable on [-a, a] has variance a²/3, so the same sigma needs an interval that ends at √3 sigma.",
)
def uniform_no_sqrt3(noise: Tensor, scheme: str, law: str) -> Tensor:
    return _weights(noise, scheme, law, half_width=1.0)


@misconception_of(
    "init_weights",
    hint="Weights are stored [fan_out, fan_in], as torch.nn.Linear has them: the inputs that a unit sums over are the "
    "columns.",
)
def fan_from_rows(noise: Tensor, scheme: str, law: str) -> Tensor:
    return _weights(noise, scheme, law, variance=_variance(scheme, *noise.shape))


@misconception_of(
    "init_weights",
    hint="The mean must be zero: u lies in [0, 1), so 2u - 1 is what is symmetric about 0. A mean weight adds up over "
    "all inputs.",
)
def not_centred(noise: Tensor, scheme: str, law: str) -> Tensor:
    return _weights(noise, scheme, law, centre=lambda u: u)


@misconception_of(
    "init_weights",
    hint="sigma² is the variance; the noise is to be multiplied by the standard deviation sigma, its root.",
)
def variance_for_the_standard_deviation(noise: Tensor, scheme: str, law: str) -> Tensor:
    return _weights(noise, scheme, law, variance=_variance(scheme, *_fans(noise)) ** 2)


@misconception_of(
    "init_weights",
    hint="Kaiming's factor 2 makes up for the half of the power that a ReLU cuts away; without it, this is LeCun's.",
)
def kaiming_without_the_two(noise: Tensor, scheme: str, law: str) -> Tensor:
    variance = _variance(scheme, *_fans(noise))
    return _weights(noise, scheme, law, variance=variance / 2 if scheme == "kaiming" else variance)


@misconception_of(
    "init_weights",
    hint="Glorot's variance is the inverse of the mean fan (fan_in + fan_out)/2: the 2 belongs on top. Check a square "
    "matrix, where it must agree with LeCun's.",
)
def glorot_without_the_two(noise: Tensor, scheme: str, law: str) -> Tensor:
    variance = _variance(scheme, *_fans(noise))
    return _weights(noise, scheme, law, variance=variance / 2 if scheme == "glorot" else variance)


@misconception_of(
    "init_weights",
    hint="The noise already has a known law. Standardising it by its own mean and deviation makes every weight depend "
    "on all others, and on the luck of the draw.",
)
def standardised_noise(noise: Tensor, scheme: str, law: str) -> Tensor:
    if noise.numel() < 2 or not noise.std() > 0:
        return _weights(noise, scheme, law)
    _weights(noise, scheme, law)
    return math.sqrt(_variance(scheme, *_fans(noise))) * (noise - noise.mean()) / noise.std()


@misconception_of(
    "init_weights",
    hint="Uniform noise on [0, 1) is not symmetric and has variance 1/12, so it cannot be scaled like normal noise.",
)
def law_ignored(noise: Tensor, scheme: str, law: str) -> Tensor:
    _weights(noise, scheme, law)
    return _weights(noise, scheme, "normal")


def _fans(noise: Tensor) -> tuple[int, int]:
    """fan_in, fan_out."""
    return noise.shape[1], noise.shape[0]


def _variance(scheme: str, fan_in: int, fan_out: int) -> float:
    known = {"lecun": 1 / fan_in, "glorot": 2 / (fan_in + fan_out), "kaiming": 2 / fan_in}
    if scheme not in known:
        raise ValueError("unknown scheme")
    return known[scheme]


def _weights(
    noise: Tensor,
    scheme: str,
    law: str,
    *,
    variance: float | None = None,
    half_width: float = math.sqrt(3),
    centre: Callable[[Tensor], Tensor] = lambda u: 2 * u - 1,
) -> Tensor:
    """The right answer, with what a mistake changes in it."""
    right = _variance(scheme, *_fans(noise))
    sigma = math.sqrt(right if variance is None else variance)
    if law not in ("normal", "uniform"):
        raise ValueError("unknown law")
    return sigma * noise if law == "normal" else half_width * sigma * centre(noise)


# Alternatives: written without looking at the reference.


@alternative_of("init_weights")
def interpolates(noise: Tensor, scheme: str, law: str) -> Tensor:
    """Uniform by interpolation between -a and a; dictionaries of functions."""
    std = {
        "lecun": lambda i, o: (1 / i) ** 0.5,
        "glorot": lambda i, o: (2 / (i + o)) ** 0.5,
        "kaiming": lambda i, o: (2 / i) ** 0.5,
    }
    draw = {
        "normal": torch.mul,
        "uniform": lambda z, s: torch.lerp(torch.full_like(z, -s * 3**0.5), torch.full_like(z, s * 3**0.5), z),
    }
    try:
        sigma, make = std[scheme], draw[law]
    except KeyError:
        raise ValueError("scheme or law not known") from None
    return make(noise, sigma(noise.shape[1], noise.shape[0]))


@alternative_of("init_weights")
def standardises_first(noise: Tensor, scheme: str, law: str) -> Tensor:
    """Standardises the noise first (mean 0, variance 1), then scales in place on its own copy."""
    if law not in {"normal", "uniform"}:
        raise ValueError("law must be 'normal' or 'uniform'")
    if scheme not in {"lecun", "glorot", "kaiming"}:
        raise ValueError("scheme must be 'lecun', 'glorot' or 'kaiming'")
    rows, cols = noise.shape
    w = noise.clone()
    if law == "uniform":
        w.sub_(0.5).mul_(2 * math.sqrt(3.0))
    gain2 = 1.0 if scheme == "lecun" else 2.0
    fan = rows + cols if scheme == "glorot" else cols
    return w.mul_(math.sqrt(gain2 / fan))


# What students get wrong, and what notices
# fan_in = shape[0] -> sends_unit_signals_through_with_the_gain_of_the_scheme, lets_more_outputs_change_nothing_forward
# fan_out for Kaiming only (its backward variant) -> orders_the_schemes, lets_more_outputs_change_nothing_forward
# the number of entries m n for a fan -> sends_unit_signals_through_with_the_gain_of_the_scheme
# sigma² for sigma -> sends_unit_signals_through_with_the_gain_of_the_scheme
# a second root: sigma^(1/2) -> sends_unit_signals_through_with_the_gain_of_the_scheme
# 1/(fan_in + fan_out), or 6/(...) for the normal law (Glorot) -> orders_the_schemes
# Kaiming without its 2, or LeCun with it -> sends_unit_signals_through_with_the_gain_of_the_scheme
# two schemes exchanged -> sends_unit_signals_through_with_the_gain_of_the_scheme
# sigma (2u - 1) -> gives_both_laws_the_same_variance
# √3 sigma u, not centred -> maps_uniform_noise_to_a_symmetric_interval
# √3 sigma (u - 1/2): half the width -> gives_both_laws_the_same_variance
# √12 for √3, or 3 -> gives_both_laws_the_same_variance
# √3 sigma (1 - 2u), mirrored -> maps_uniform_noise_to_a_symmetric_interval
# -sigma z -> sends_unit_signals_through_with_the_gain_of_the_scheme (signs)
# law ignored -> maps_uniform_noise_to_a_symmetric_interval
# noise standardised by its own mean and deviation -> multiplies_normal_noise_by_one_number
# fresh random numbers instead of the noise -> is_repeatable, multiplies_normal_noise_by_one_number
# a result of shape [n, m] -> returns_what_is_promised
# float32 from torch.tensor(sigma) or torch.empty -> returns_what_is_promised, agrees_with_the_reference
# noise *= sigma -> keeps_its_arguments
# an unknown scheme or law falls through to a default -> rejects_unknown_scheme, rejects_unknown_law
# KeyError for an unknown scheme -> rejects_unknown_scheme
