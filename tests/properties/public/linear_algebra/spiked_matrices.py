"""A signal of rank one in noise, seen in the second moment of the data."""

from __future__ import annotations

import dataclasses

import torch
from hypothesis import strategies as st
from torch import Tensor, outer
from torch.linalg import vector_norm

from autograder.testing.assertions import assert_close
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

DOMAIN = 0.1
"""The signal is at least as strong."""


@dataclasses.dataclass(frozen=True)
class Spike(Case):
    """M = x xᵀ + σ² I [n, n]: a signal of strength s = |x| along x in noise of variance σ²."""

    M: Tensor
    x: Tensor
    noise: float

    @property
    def n(self) -> int:
        """The dimension."""
        return len(self.x)

    @property
    def strength(self) -> float:
        """s."""
        return float(vector_norm(self.x))

    @property
    def projector(self) -> Tensor:
        """P, on the direction of x."""
        v = self.x / self.strength
        return outer(v, v)

    @property
    def top(self) -> float:
        """The largest eigenvalue: signal and noise."""
        return self.strength**2 + self.noise

    @property
    def condition(self) -> float:
        """What a roundoff of M does to P: the largest eigenvalue over the gap to the others."""
        return self.n * self.top / self.strength**2


def spike(x: Tensor, noise: float) -> Spike:
    """The case with that signal and noise."""
    return Spike(outer(x, x) + noise * torch.eye(len(x), dtype=torch.float64), x, noise)


def in_domain(case: Spike) -> bool:
    """Whether the signal is strong enough."""
    return case.strength > DOMAIN


def seeded_spike(g: torch.Generator) -> Spike:
    """Up to 12 dimensions, a strength between 0.2 and 5, noise between 0.01 and 100."""
    n = 3 + int(torch.randint(10, (), generator=g))
    x = normal(g, n)
    strength, noise = 0.2 * 25 ** float(uniform(g)), 10 ** (4 * float(uniform(g)) - 2)
    return spike(x / vector_norm(x) * strength, noise)


@st.composite
def rescaled_spikes(draw: st.DrawFn) -> Spike:
    """A strong signal in strong noise, in smaller units."""
    case = draw(SPIKES)
    unit = draw(powers_of_two(0, 200))
    return spike(case.x * unit, (case.noise + 1) * unit**2)


READABLE = sizes(2, 4).flatmap(lambda n: st.builds(spike, quarters(n), st.integers(1, 16).map(lambda k: k / 4)))
SPIKES = readable_first(READABLE, large=generators().map(seeded_spike)).filter(in_domain)
CASES = Cases(
    dense=(
        spike(tensor([1, -2, 0.5]), 0.75),
        spike(tensor([-1.5, 2]), 3),
        spike(tensor([0.5, 1, -1, 0.25]), 2.5),
        seeded_spike(generator(1)),
        seeded_spike(generator(2)),
    ),
    drawn=SPIKES,
    edges={
        "n = 2": spike(tensor([3, 4]), 1),
        "no noise": spike(tensor([0.5, -1, 1]), 0),
        "little noise": spike(tensor([0.5, -1, 1]), 2.0**-12),
        "along the first axis": spike(tensor([2, 0, 0]), 1),
        "along the last axis": spike(tensor([0, 0, -2]), 1),
        "a weak signal": spike(tensor([0.125, 0]), 1),
        "a weak signal in strong noise": spike(tensor([0.125, 0.125, 0.25]), 64),
        "a strong signal": spike(tensor([64, -32, 96]), 0.25),
    },
    extreme=rescaled_spikes(),
)
RECOVER_SPIKE = Exercise(
    name="recover_spike_from_second_moment",
    title="Read signal strength, direction and noise off E[AᵀA]",
    source="000, section 1.1.3, the eigensystem after eq. 1.14",
    functions=(
        Function(
            "recover_spike_from_second_moment(M: Tensor[n, n]) -> tuple[float, Tensor[n, n], float]",
            cases=CASES,
            bad_inputs=(
                BadInput("a_number", lambda: (tensor([[2]]),), "n = 1 raises ValueError"),
                BadInput(
                    "an_empty_matrix", lambda: (torch.zeros(0, 0, dtype=torch.float64),), "n = 0 raises ValueError"
                ),
            ),
        ),
    ),
)


@properties_of("recover_spike_from_second_moment", weight=2)
@given(case=CASES)
def test_adds_up_to_the_second_moment(student: Student, case: Spike) -> None:
    """s²P + σ²I = M"""
    s, P, noise = student.recover_spike_from_second_moment(case.M)
    total = s**2 * P + noise * torch.eye(case.n, dtype=torch.float64)
    assert_close(total, case.M, condition=case.n, scale=case.top, because="s²P + σ²I")


@properties_of("recover_spike_from_second_moment")
@given(case=CASES)
def test_projects_on_one_direction(student: Student, case: Spike) -> None:
    """P P = P = Pᵀ and tr P = 1: a projector on a line"""
    _, P, _ = student.recover_spike_from_second_moment(case.M)
    assert_close(P @ P, P, condition=case.condition, because="P P")
    assert_close(P, P.T, condition=case.condition, because="P and Pᵀ")
    assert_close(P.trace(), tensor(1), condition=case.condition, because="tr P")


@properties_of("recover_spike_from_second_moment", weight=2)
@given(case=CASES)
def test_finds_the_signal_that_was_put_in(student: Student, case: Spike) -> None:
    """M = x xᵀ + σ²I has s = |x|, P = x xᵀ/|x|² and the noise σ²"""
    s, P, noise = student.recover_spike_from_second_moment(case.M)
    assert_close(s, case.strength, condition=case.condition, dtype=torch.float64, because="s")
    assert_close(P, case.projector, condition=case.condition, because="P")
    assert_close(noise, case.noise, condition=case.n, scale=case.top, dtype=torch.float64, because="σ²")


@properties_of("recover_spike_from_second_moment")
@given(case=CASES)
def test_splits_the_trace(student: Student, case: Spike) -> None:
    """tr M = s² + n σ²: the noise is in every direction, the signal in one"""
    s, _, noise = student.recover_spike_from_second_moment(case.M)
    assert_close(tensor(s**2 + case.n * noise), case.M.trace(), condition=case.n, because="s² + n σ²")
