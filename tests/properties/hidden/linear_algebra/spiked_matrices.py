"""A signal of rank one in noise: hidden properties and known answers."""

from __future__ import annotations

import dataclasses
import math

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.linalg import vector_norm

from autograder.testing.answers import alternative_of, misconception_of
from autograder.testing.assertions import assert_close
from autograder.testing.properties import given, properties_of
from autograder.testing.strategies import generators, rotation
from autograder.testing.student import Student
from tests.properties.public.linear_algebra.spiked_matrices import CASES, Spike, spike


@properties_of("recover_spike_from_second_moment")
@given(case=CASES, generator=generators())
def test_turns_with_the_coordinates(student: Student, case: Spike, generator: torch.Generator) -> None:
    """In rotated coordinates, Q M Qᵀ, only P changes: to Q P Qᵀ"""
    Q = rotation(generator, case.n)
    turned = Q @ case.M @ Q.T
    s, P, noise = student.recover_spike_from_second_moment(case.M)
    there = student.recover_spike_from_second_moment((turned + turned.T) / 2)
    assert_close(there[0], s, condition=case.condition, dtype=torch.float64, because="s of Q M Qᵀ")
    assert_close(there[1], Q @ P @ Q.T, condition=case.condition, because="P of Q M Qᵀ")
    assert_close(there[2], noise, condition=case.n, scale=case.top, dtype=torch.float64, because="σ² of Q M Qᵀ")


@properties_of("recover_spike_from_second_moment")
@given(case=CASES, more=st.integers(1, 8))
def test_takes_more_noise_for_noise(student: Student, case: Spike, more: int) -> None:
    """M + c I: the noise grows by c; strength and direction stay"""
    louder = dataclasses.replace(
        case, M=case.M + more * torch.eye(case.n, dtype=torch.float64), noise=case.noise + more
    )
    s, P, noise = student.recover_spike_from_second_moment(case.M)
    there = student.recover_spike_from_second_moment(louder.M)
    assert_close(there[0], s, condition=louder.condition, dtype=torch.float64, because="s of M + c I")
    assert_close(there[1], P, condition=louder.condition, because="P of M + c I")
    assert_close(
        there[2], noise + more, condition=case.n, scale=louder.top, dtype=torch.float64, because="σ² of M + c I"
    )


@properties_of("recover_spike_from_second_moment")
@given(case=CASES)
def test_follows_the_units(student: Student, case: Spike) -> None:
    """9 M: s is 3 times as large, σ² 9 times, and P stays"""
    s, P, noise = student.recover_spike_from_second_moment(case.M)
    there = student.recover_spike_from_second_moment(9 * case.M)
    assert_close(there[0], 3 * s, condition=case.condition, dtype=torch.float64, because="s of 9 M")
    assert_close(there[1], P, condition=case.condition, because="P of 9 M")
    assert_close(there[2], 9 * noise, condition=case.n, scale=9 * case.top, dtype=torch.float64, because="σ² of 9 M")


@properties_of("recover_spike_from_second_moment")
@given(case=CASES, lam=st.sampled_from([-1.5, 0.75, 2.0]))
def test_reads_a_spike_in_goe_noise(student: Student, case: Spike, lam: float) -> None:
    """E[AᵀA] = λ²|x|² x xᵀ + (n + 1) I for A = λ x xᵀ + W: s = |λ| |x|², whatever the sign of λ, and σ² = n + 1"""
    x = case.x / vector_norm(case.x) * 2
    goe = spike(lam * vector_norm(x) * x, case.n + 1.0)
    s, P, noise = student.recover_spike_from_second_moment(goe.M)
    assert_close(s, abs(lam) * 4, condition=goe.condition, dtype=torch.float64, because="s")
    assert_close(P, case.projector, condition=goe.condition, because="P")
    assert_close(noise, case.n + 1.0, condition=goe.n, scale=goe.top, dtype=torch.float64, because="σ²")


@properties_of("recover_spike_from_second_moment")
@given(case=CASES)
def test_leaves_noise_alone_across_the_signal(student: Student, case: Spike) -> None:
    """M P = (s² + σ²) P, and M (I - P) = σ² (I - P)"""
    s, P, noise = student.recover_spike_from_second_moment(case.M)
    rest = torch.eye(case.n, dtype=torch.float64) - P
    assert_close(case.M @ P, (s**2 + noise) * P, condition=case.condition, because="M P")
    assert_close(case.M @ rest, noise * rest, condition=case.condition, scale=case.top, because="M (I - P)")


@misconception_of(
    "recover_spike_from_second_moment",
    hint="The noise floor σ² lifts every eigenvalue, the top one too: subtract it first, s = √(λ_max - σ²).",
)
def no_subtract(M: Tensor) -> tuple[float, Tensor, float]:
    values, P, noise = _eigen(M)
    return math.sqrt(values[-1]), P, noise


@misconception_of(
    "recover_spike_from_second_moment",
    hint="The trace contains the signal: tr M = s² + n σ². The noise level is the mean of the n - 1 lower eigenvalues.",
)
def bulk_max(M: Tensor) -> tuple[float, Tensor, float]:
    values, P, _ = _eigen(M)
    noise = (M.trace() / len(M)).item()
    return math.sqrt(values[-1] - noise), P, noise


@misconception_of(
    "recover_spike_from_second_moment",
    hint="You returned the eigenvector v. Its sign is arbitrary, so nobody can rely on it; the projector v vᵀ has no "
    "sign to choose.",
)
def vector(M: Tensor) -> tuple[float, Tensor, float]:
    values, _, noise = _eigen(M)
    return math.sqrt(values[-1] - noise), torch.linalg.eigh(M).eigenvectors[:, -1], noise


@misconception_of(
    "recover_spike_from_second_moment",
    hint="λ_max - σ² is s²; take the root. M is a second moment, so its eigenvalues are squares of strengths.",
)
def strength_squared(M: Tensor) -> tuple[float, Tensor, float]:
    values, P, noise = _eigen(M)
    return float(values[-1] - noise), P, noise


@misconception_of(
    "recover_spike_from_second_moment",
    hint="The third value is the noise level σ² itself, as it stands in M, not its root σ.",
)
def noise_rooted(M: Tensor) -> tuple[float, Tensor, float]:
    values, P, noise = _eigen(M)
    return math.sqrt(values[-1] - noise), P, math.sqrt(max(noise, 0.0))


@misconception_of(
    "recover_spike_from_second_moment",
    hint="torch.linalg.eigh returns the eigenvectors as columns: the top one is vectors[:, -1]. You took a row.",
)
def row_for_column(M: Tensor) -> tuple[float, Tensor, float]:
    values, _, noise = _eigen(M)
    v = torch.linalg.eigh(M).eigenvectors[-1]
    return math.sqrt(values[-1] - noise), torch.outer(v, v), noise


@misconception_of(
    "recover_spike_from_second_moment",
    hint="torch.linalg.eigh sorts from the smallest eigenvalue up, so the signal stands in the last column, not in the "
    "first.",
)
def lowest_vector(M: Tensor) -> tuple[float, Tensor, float]:
    values, _, noise = _eigen(M)
    v = torch.linalg.eigh(M).eigenvectors[:, 0]
    return math.sqrt(values[-1] - noise), torch.outer(v, v), noise


@misconception_of(
    "recover_spike_from_second_moment",
    hint="You returned s²P, the signal part of M. P itself has trace 1: it only says where the signal points.",
)
def signal_for_projector(M: Tensor) -> tuple[float, Tensor, float]:
    values, P, noise = _eigen(M)
    return math.sqrt(values[-1] - noise), (values[-1] - noise) * P, noise


@misconception_of(
    "recover_spike_from_second_moment",
    hint="One count is off: there are n - 1 lower eigenvalues, so their sum is divided by n - 1, not by n.",
)
def divided_by_n(M: Tensor) -> tuple[float, Tensor, float]:
    values, P, _ = _eigen(M)
    noise = (values[:-1].sum() / len(M)).item()
    return math.sqrt(values[-1] - noise), P, noise


def _eigen(M: Tensor) -> tuple[Tensor, Tensor, float]:
    """The eigenvalues, the projector on the top eigenvector, and the noise level."""
    if len(M) < 2:
        raise ValueError("n < 2")
    values, vectors = torch.linalg.eigh(M)
    return values, torch.outer(vectors[:, -1], vectors[:, -1]), values[:-1].mean().item()


EQUIVALENT_MUTANTS = {
    "recover_spike_from_second_moment": {
        "noise = eigenvalues[:-1].mean() => noise = eigenvalues[:1].mean()": "the lower eigenvalues are all equal",
    }
}

# Alternatives: written without looking at the reference.


@alternative_of("recover_spike_from_second_moment")
def from_trace_and_length(M: Tensor) -> tuple[float, Tensor, float]:
    """No eigenvectors: M - tr(M)/n I = s^2 (P - I/n) has the squared Frobenius norm s^4 (1 - 1/n)."""
    n = M.shape[0]
    if n < 2:
        raise ValueError("one eigenvalue cannot be both signal and noise")
    one = torch.eye(n, dtype=M.dtype, device=M.device)
    deviation = M - torch.trace(M) / n * one
    signal = torch.sqrt(deviation.square().sum() * n / (n - 1))
    return math.sqrt(float(signal)), deviation / signal + one / n, float((torch.trace(M) - signal) / n)


@alternative_of("recover_spike_from_second_moment")
def top_of_a_singular_value_decomposition(M: Tensor) -> tuple[float, Tensor, float]:
    """M is positive semidefinite, so its singular values are its eigenvalues."""
    if len(M) < 2:
        raise ValueError("n < 2")
    U, values, _ = torch.linalg.svd(M)
    noise = values[1:].mean()
    v = U[:, :1]
    return (values[0] - noise).sqrt().item(), v @ v.T, noise.item()


# What students get wrong, and what notices
# √λ_max: the noise floor not subtracted -> adds_up_to_the_second_moment, takes_more_noise_for_noise
# tr M / n as the noise -> splits_the_trace
# the sum of the lower eigenvalues divided by n -> splits_the_trace
# the sum instead of the mean -> splits_the_trace
# s² for s -> follows_the_units
# σ for σ² -> follows_the_units
# v for P, or [n, 1] -> returns_what_is_promised
# s²P for P -> projects_on_one_direction
# a row of the eigenvector matrix -> finds_the_signal_that_was_put_in, turns_with_the_coordinates
# the first column: smallest eigenvalue -> leaves_noise_alone_across_the_signal
# ascending order taken for descending: noise = mean of all but the smallest -> splits_the_trace
# I - P, the projector on the noise -> projects_on_one_direction
# v vᵀ summed to a number (v @ v) -> returns_what_is_promised
# a projector that keeps the sign of x: entries |v_i v_j| -> finds_the_signal_that_was_put_in
# P read off one column of M, not normalised -> projects_on_one_direction
# eig in place of eigh: complex numbers -> returns_what_is_promised
# eig: eigenvalues in no order -> adds_up_to_the_second_moment
# too few steps of power iteration -> finds_the_signal_that_was_put_in ("a weak signal in strong noise")
# tensors of one number for s and σ² -> returns_what_is_promised
# the noise taken as n + 1, as in the notes -> takes_more_noise_for_noise
# n = 1: nan -> rejects_a_number
# IndexError for n = 0 -> rejects_an_empty_matrix
# P in float64 for float32 -> returns_what_is_promised
