"""What a ReLU does to a Gaussian signal: hidden properties and known answers."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from autograder.testing.answers import alternative_of, misconception_of
from autograder.testing.assertions import assert_close, assert_less
from autograder.testing.properties import given, properties_of
from autograder.testing.quadrature import gauss_hermite, gauss_legendre
from autograder.testing.student import Student
from tests.properties.public.initialization.relu_moments import SIGNALS, GaussianSignal, moments


@properties_of("relu_gaussian_moments")
@given(case=SIGNALS)
def test_obeys_steins_lemma(student: Student, case: GaussianSignal) -> None:
    """E[relu(z)²] = E[z relu(z)] = mu E[relu(z)] + s² P(z > 0): partial integration against a Gaussian"""
    first, second = moments(student, case.mu, case.s)
    active = torch.special.ndtr(case.mu / torch.where(case.s > 0, case.s, 1))
    assert_close(second, case.mu * first + case.s**2 * active, scale=case.scale, because="second moment")


@properties_of("relu_gaussian_moments")
@given(case=SIGNALS)
def test_grows_in_step_with_its_own_integral(student: Student, case: GaussianSignal) -> None:
    """dE₂/dmu = 2 E: between two means the second moment grows by twice the integral of the first"""
    s = case.s.clamp(min=0.25)  # at s = 0 the integrand has a kink
    mu, width = gauss_legendre(40, case.mu, case.mu + 1)
    _, start = moments(student, case.mu, s)
    _, end = moments(student, case.mu + 1, s)
    first, _ = moments(student, mu, s[..., None])
    expected = 2 * (width * first).sum(-1)
    assert_close(end - start, expected, scale=case.scale + 1, because="E₂(mu + 1) - E₂(mu)")


@properties_of("relu_gaussian_moments")
@given(case=SIGNALS)
def test_has_no_units_of_its_own(student: Student, case: GaussianSignal) -> None:
    """For 3z the first moment is three times as large, the second nine times"""
    first, second = moments(student, case.mu, case.s)
    scaled_first, scaled_second = moments(student, 3 * case.mu, 3 * case.s)
    assert_close(scaled_first, 3 * first, scale=9 * case.scale, because="first moment of 3z")
    assert_close(scaled_second, 9 * second, scale=9 * case.scale, because="second moment of 3z")


@properties_of("relu_gaussian_moments")
@given(case=SIGNALS)
def test_treats_every_entry_alone(student: Student, case: GaussianSignal) -> None:
    """Each entry is computed from its own mu and s, whatever the shapes"""
    together = moments(student, case.mu, case.s)
    mu, s = (t.expand(case.shape).reshape(-1) for t in (case.mu, case.s))
    for i in range(len(mu)):
        alone = moments(student, mu[i], s[i])
        expected = [moment.reshape(-1)[i] for moment in together]
        assert_close(list(alone), expected, scale=case.scale, because="an entry alone")


@properties_of("relu_gaussian_moments")
@given(case=SIGNALS)
def test_does_not_add_fluctuations(student: Student, case: GaussianSignal) -> None:
    """Rectified, a signal fluctuates no more than before: 0 ≤ E₂ - E² ≤ s²"""
    first, second = moments(student, case.mu, case.s)
    assert_less(first**2, second, scale=case.scale, because="E² against E₂")
    assert_less(second - first**2, (case.s**2).expand(case.shape), scale=case.scale, because="variance of relu(z)")


@properties_of("relu_gaussian_moments")
@given(case=SIGNALS)
def test_sees_the_total_width_only(student: Student, case: GaussianSignal) -> None:
    """A mean that itself fluctuates with width s is the same as a width of √2 s"""
    s = case.s.clamp(min=0.25)
    x, weights = gauss_hermite(80)
    wide = moments(student, case.mu, math.sqrt(2) * s)
    narrow = moments(student, case.mu[..., None] + s[..., None] * x, s[..., None])
    averages = [(moment * weights).sum(-1) for moment in narrow]
    assert_close(averages, list(wide), scale=2 * case.scale + 1, because="averaged over mu")


@misconception_of(
    "relu_gaussian_moments",
    hint="Kaiming initialization keeps the second moment E[relu(z)²], not the variance: the next layer multiplies the "
    "signal itself, mean included, by its weights.",
)
def variance_returned(mu: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    cdf, pdf = _laws(mu, s)
    first = mu * cdf + s * pdf
    return first, (mu**2 + s**2) * cdf + mu * s * pdf - first**2


@misconception_of(
    "relu_gaussian_moments",
    hint="Only a law that is symmetric about 0 is cut in half. With mu > 0 more than half of the signal passes.",
)
def half_always(mu: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    cdf, pdf = _laws(mu, s)
    return mu * cdf + s * pdf, (mu**2 + s**2) / 2


@misconception_of(
    "relu_gaussian_moments",
    hint="φ is the density of the standard normal law, without units. Scaled by 1/s it is the density of z, and the "
    "factor s in front has been used up.",
)
def pdf_scaled_twice(mu: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    cdf, pdf = _laws(mu, s)
    density = torch.where(s > 0, pdf / torch.where(s > 0, s, 1), 0)
    return mu * cdf + s * density, (mu**2 + s**2) * cdf + mu * s * density


@misconception_of(
    "relu_gaussian_moments",
    hint="Φ(t) = (1 + erf(t/√2))/2: the error function belongs to a Gaussian of variance 1/2, hence the root.",
)
def erf_without_the_root(mu: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    _, pdf = _laws(mu, s)
    cdf = (1 + torch.erf(_ratio(mu, s))) / 2
    return mu * cdf + s * pdf, (mu**2 + s**2) * cdf + mu * s * pdf


@misconception_of(
    "relu_gaussian_moments",
    hint="The mean of relu(z) is not relu of the mean: fluctuations above zero pass and those below are cut, so even a "
    "signal of mean 0 comes out with a positive one.",
)
def relu_of_the_mean(mu: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    relu = _checked(mu, s).clamp(min=0) + 0 * s
    return relu, relu**2


@misconception_of(
    "relu_gaussian_moments",
    hint="You averaged over the active half only: dividing by P(z > 0) gives E[z | z > 0]. The cut values count as "
    "zeros; they do not leave the average.",
)
def average_over_the_active_half(mu: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    cdf, pdf = _laws(mu, s)
    alive = cdf > 0
    cdf_or_one = torch.where(alive, cdf, 1)
    first, second = mu * cdf + s * pdf, (mu**2 + s**2) * cdf + mu * s * pdf
    return first / cdf_or_one, second / cdf_or_one


@misconception_of(
    "relu_gaussian_moments",
    hint="s is the standard deviation: z = mu + s x with a standard normal x, and the variance is s².",
)
def s_taken_for_the_variance(mu: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    _checked(mu, s)
    cdf, pdf = _laws(mu, s.sqrt())
    return mu * cdf + s.sqrt() * pdf, (mu**2 + s) * cdf + mu * s.sqrt() * pdf


@misconception_of(
    "relu_gaussian_moments",
    hint="The cross term mu s φ(mu/s) is added. Check that E₂ tends to mu² + s² for large mu from below, or that "
    "dE₂/dmu = 2E.",
)
def cross_term_subtracted(mu: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    cdf, pdf = _laws(mu, s)
    return mu * cdf + s * pdf, (mu**2 + s**2) * cdf - mu * s * pdf


@misconception_of(
    "relu_gaussian_moments",
    hint="E[relu(z)²] is not E[relu(z)]²: the difference is the variance of the rectified signal.",
)
def square_of_the_mean(mu: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    cdf, pdf = _laws(mu, s)
    first = mu * cdf + s * pdf
    return first, first**2


def _checked(mu: Tensor, s: Tensor) -> Tensor:
    if (s < 0).any():
        raise ValueError("negative s")
    return mu


def _ratio(mu: Tensor, s: Tensor) -> Tensor:
    """mu/s, and where s = 0 a number beyond which nothing happens."""
    return _checked(mu, s) / s.clamp(min=torch.finfo(s.dtype).tiny)


def _laws(mu: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    """Φ and φ at mu/s."""
    t = _ratio(mu, s)
    return torch.special.ndtr(t), torch.exp(-(t**2) / 2) / math.sqrt(2 * math.pi)


EQUIVALENT_MUTANTS = {
    "relu_gaussian_moments": {
        "t = mu / torch.where(noiseless, 1, s) => t = mu / torch.where(noiseless, 2, s)": "not looked at where s = 0",
        "t = mu / torch.where(noiseless, 1, s) => t = mu / torch.where(noiseless, 0, s)": "not looked at where s = 0",
    }
}

# Alternatives: written without looking at the reference.


@alternative_of("relu_gaussian_moments")
def from_the_small_tail(mu: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    """Parity: computes the small tail at -|mu| with erfcx and adds mu or mu^2 + s^2 where mu > 0."""
    if (s < 0).any():
        raise ValueError("s must not be negative")
    mu, s = torch.broadcast_tensors(mu, s)
    live = s > 0
    sd = torch.where(live, s, torch.ones_like(s))
    a = (mu / sd).abs().clamp(max=40.0)
    dens = torch.exp(-a * a / 2) / math.sqrt(2 * math.pi)
    ratio = torch.special.erfcx(a / math.sqrt(2)) * math.sqrt(math.pi / 2)  # Phi(-a) / phi(a)
    t1 = sd * dens * (1 - a * ratio)
    t2 = sd * sd * dens * ((1 + a * a) * ratio - a)
    t1 = torch.where(live, t1.clamp(min=0), torch.zeros_like(t1))
    t2 = torch.where(live, t2.clamp(min=0), torch.zeros_like(t2))
    pos = mu > 0
    E = torch.where(pos, mu + t1, t1)
    E2 = torch.where(pos, mu * mu + s * s - t2, t2)
    return E, E2.clamp(min=0)


@alternative_of("relu_gaussian_moments")
def conditional_moments(mu: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    """Truncated-normal route: P(z > 0) times the conditional moments, log_ndtr for the inverse Mills ratio."""
    if (s < 0).any():
        raise ValueError("s < 0")
    point = s == 0
    sd = s + point.to(s.dtype)
    x = mu / sd
    x = x.clamp(-1e4, 1e4)
    logP = torch.special.log_ndtr(x)
    P = logP.exp()
    hazard = torch.exp(-x * x / 2 - 0.5 * math.log(2 * math.pi) - logP)
    cond1 = mu + sd * hazard
    r = torch.relu(mu)
    E = torch.where(point, r, torch.relu(P * cond1))
    E2 = torch.where(point, r.pow(2), torch.relu(mu * E + sd * sd * P))
    return E, E2


# What students get wrong, and what notices
# variance instead of second moment -> splits_a_signal_by_its_sign, halves_a_symmetric_signal
# (mu² + s²)/2 whatever mu is -> obeys_steins_lemma, keeps_the_promised_accuracy
# relu of the mean -> halves_a_symmetric_signal
# E² for E₂ -> halves_a_symmetric_signal
# density of N(0, s²) where φ belongs -> has_no_units_of_its_own
# φ without 1/√(2π) -> halves_a_symmetric_signal
# erf without √2 -> grows_in_step_with_its_own_integral, obeys_steins_lemma
# (1 - erf)/2, the other tail -> splits_a_signal_by_its_sign
# - mu s φ in the second moment -> grows_in_step_with_its_own_integral
# - s φ in the first moment -> halves_a_symmetric_signal, is_never_negative
# s² forgotten in E₂ -> splits_a_signal_by_its_sign
# mu s Φ for mu s φ and the like -> keeps_the_promised_accuracy
# division by P(z > 0) -> splits_a_signal_by_its_sign
# s taken for the variance -> has_no_units_of_its_own
# only one moment returned, or the two exchanged -> returns_what_is_promised, halves_a_symmetric_signal
# nan where s = 0 -> agrees_on_edge_cases, keeps_the_promised_accuracy
# an if on s.any() == 0: all entries treated alike -> treats_every_entry_alone
# a small number added to s (1e-6) -> keeps_the_promised_accuracy
# -1e-20 far in the tail -> is_never_negative
# a random estimate by sampling -> is_repeatable, keeps_the_promised_accuracy
# mu and s not broadcast -> treats_every_entry_alone, returns_what_is_promised
# no ValueError for negative s, or only where all are negative -> rejects_one_negative_s
