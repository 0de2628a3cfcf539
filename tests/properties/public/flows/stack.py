"""The density of a stack of RealNVP layers: inputs and public properties."""

from __future__ import annotations

import dataclasses
import math

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd.functional import jacobian
from torch.distributions import MultivariateNormal

from autograder.sandbox.inside.functions import Affine, Composition, Described, Entries, Shifted, Trigonometric
from autograder.testing.assertions import assert_close, assert_tensor
from autograder.testing.properties import given, properties_of
from autograder.testing.record import BadInput, Case, Cases, Exercise, Function
from autograder.testing.strategies import (
    assume,
    generator,
    generators,
    normal,
    powers_of_two,
    quarters,
    readable_first,
    sizes,
    tensor,
)
from autograder.testing.student import Student
from tests.properties.public.flows.coupling import affine, constant, network, nothing, short

Layers = list[tuple[Described, Described]]


@dataclasses.dataclass(frozen=True)
class Stack(Case):
    """Rows y [n, D] and the layers (s, t) that may have made them; every layer leaves d coordinates untouched."""

    y: Tensor
    layers: Layers
    d: int

    @property
    def width(self) -> int:
        """The length of a row."""
        return self.y.shape[1]

    @property
    def size(self) -> float:
        """Of the terms of a log-density: of standard normal rows, and of layers with s of a few units."""
        return float(self.y.square().sum(1).max()) / 2 + self.width * (1 + len(self.layers))


def couple(x: Tensor, s: Described, t: Described, d: int) -> Tensor:
    """One affine coupling, in the direction of the generator."""
    kept, changed = x[:, :d], x[:, d:]
    return torch.cat([kept, changed * s(kept).exp() + t(kept)], dim=1)


def generate(z: Tensor, layers: Layers, d: int) -> Tensor:
    """Noise [n, D] through all layers: couple, then flip."""
    for s, t in layers:
        z = couple(z, s, t, d).flip(1)
    return z


def bounded(f: Described) -> Composition:
    """sin(f): within [-1, 1] wherever the layers before may lead."""
    return Composition(Trigonometric(tensor([1]), tensor([1]), tensor([0])), f)


SHAPES = ((2, 1), (3, 1), (3, 2), (4, 2), (5, 2), (5, 3))
"""(D, d) of readable cases."""


def readable_stack(seed: int) -> Stack:
    """One to three layers with short numbers, |s| <= 1; one row."""
    g = generator(seed)
    D, d = SHAPES[seed % len(SHAPES)]
    layers: Layers = []
    for _ in range(1 + seed // len(SHAPES) % 3):
        s = bounded(Affine(short(g, D - d, d, most=1), short(g, D - d, most=1)))
        layers.append((s, Affine(short(g, D - d, d, most=1), short(g, D - d, most=1))))
    return Stack(torch.zeros(1, D, dtype=torch.float64), layers, d)


STACKS = sorted((readable_stack(seed) for seed in range(72)), key=lambda case: case.width * len(case.layers))


@st.composite
def readable_stacks(draw: st.DrawFn) -> Stack:
    """Layers from a fixed list, the simplest first; one or two rows that are drawn."""
    case = draw(st.sampled_from(STACKS))
    return dataclasses.replace(case, y=draw(quarters(draw(sizes(1, 2)), case.width, least=-2, most=2)))


def seeded_stack(g: torch.Generator) -> Stack:
    """Five rows of six numbers, two to four layers of networks, d from 1 to 5."""
    d, count = 1 + int(torch.randint(5, (), generator=g)), 2 + int(torch.randint(3, (), generator=g))
    layers: Layers = [(bounded(network(g, d, 6 - d)), network(g, d, 6 - d)) for _ in range(count)]
    return Stack(1.5 * normal(g, 5, 6), layers, d)


@st.composite
def far_stacks(draw: st.DrawFn) -> Stack:
    """Rows far out in the tails, or very close to the centre; layers that stretch by more than a number can hold."""
    case, stretch = draw(generators().map(seeded_stack)), draw(st.sampled_from([0.0, 20.0, 250.0]))
    layers: Layers = [(Shifted(s, stretch), t) for s, t in case.layers]
    return dataclasses.replace(case, y=case.y * draw(powers_of_two(-20, 20)), layers=layers)


FIRST = (bounded(affine([[0.5], [-1]], [0.25, 0])), affine([[1], [2]], [-1, 0.5]))
SECOND = (bounded(affine([[-0.25], [0.5]], [0.5, -0.25])), affine([[0.5], [-1]], [0, 2]))
PLANAR = [
    (bounded(affine([[0.5]], [0.25])), affine([[-1]], [0.5])),
    (bounded(affine([[-0.75]], [-0.5])), affine([[0.25]], [1])),
]
PAIR = tensor([[1, -0.5], [0.25, 2]])
TRIPLES = tensor([[1, -0.5, 2], [0.25, 1.5, -1]])
CASES = Cases(
    dense=(
        Stack(TRIPLES, [FIRST, SECOND], 1),
        Stack(TRIPLES, [(affine([[0.5, -0.25]], [0.5]), affine([[1, -2]], [0.25]))], 2),
        Stack(tensor([[1, 0.5], [-0.25, 2], [0, -1]]), PLANAR, 1),
        seeded_stack(generator(0)),
        seeded_stack(generator(1)),
    ),
    drawn=readable_first(readable_stacks(), large=generators().map(seeded_stack)),
    edges={
        "no layer": Stack(TRIPLES, [], 1),
        "D = 2, d = 1": Stack(PAIR, PLANAR[:1], 1),
        "n = 1": Stack(TRIPLES[:1], [FIRST, SECOND], 1),
        "three layers": Stack(TRIPLES, [FIRST, SECOND, FIRST], 1),
        "the same layer twice": Stack(TRIPLES, [SECOND, SECOND], 1),
        "s = 0 and t = 0": Stack(TRIPLES, [(nothing(3, 2), nothing(3, 2))], 2),
        "s = 0": Stack(TRIPLES, [(nothing(3, 1), FIRST[1]), (nothing(3, 1), SECOND[1])], 1),
        "t = 0": Stack(TRIPLES, [(FIRST[0], nothing(3, 1)), (SECOND[0], nothing(3, 1))], 1),
        "equal rows": Stack(TRIPLES[:1].repeat(3, 1), [FIRST, SECOND], 1),
        "s and t hand back entries of their argument": Stack(
            tensor([[1, -2, 0.5, 3], [0.5, 1, 2, -1]]), [(Entries(0, 2), Entries(0, 2))] * 2, 2
        ),
    },
    extreme=far_stacks(),
)


def outside(d: int, count: int) -> tuple[Tensor, Layers, int]:
    """Arguments with D = 3, so many layers, and a d that leaves no second block, or no first one."""
    kept = len(range(3)[:d])
    return TRIPLES, [(nothing(3, kept), nothing(3, kept))] * count, d


REALNVP_LOG_PROB = Exercise(
    name="realnvp_log_prob",
    title="Log-density of a RealNVP stack",
    source="000, section 9, eq. 9.6-9.12; 002, eq. 6.2.15-6.2.19",
    functions=(
        Function(
            "realnvp_log_prob(y: Tensor[n, D], layers: list[tuple[Callable, Callable]], d: int) -> Tensor[n]",
            cases=CASES,
            bad_inputs=(
                BadInput("d_zero", lambda: outside(0, 2), "d = 0 raises ValueError"),
                BadInput("d_equal_to_D", lambda: outside(3, 2), "d = D raises ValueError"),
                BadInput("negative_d", lambda: outside(-1, 2), "d < 0 raises ValueError"),
                BadInput("d_larger_than_D", lambda: outside(4, 1), "d > D raises ValueError"),
                BadInput("d_zero_without_layers", lambda: outside(0, 0), "d = 0 raises ValueError without layers, too"),
                BadInput(
                    "d_larger_than_D_without_layers",
                    lambda: outside(4, 0),
                    "d > D raises ValueError without layers, too",
                ),
            ),
        ),
    ),
)


def log_prob(student: Student, y: Tensor, layers: Layers, d: int) -> Tensor:
    """The student's answer, with which one can calculate."""
    return assert_tensor(student.realnvp_log_prob(y, layers, d), shape=(len(y),), dtype=y.dtype)


def standard_normal(z: Tensor) -> Tensor:
    """log N(z; 0, I) of every row."""
    return -z.square().sum(1) / 2 - z.shape[1] / 2 * math.log(2 * math.pi)


@properties_of("realnvp_log_prob")
@given(case=CASES)
def test_is_standard_normal_without_layers(student: Student, case: Stack) -> None:
    """Without layers y is the noise itself, with the density of a standard normal distribution"""
    noise = MultivariateNormal(torch.zeros(case.width).to(case.y), torch.eye(case.width).to(case.y))
    assert_close(student.realnvp_log_prob(case.y, [], case.d), noise.log_prob(case.y), because="no layer")


@properties_of("realnvp_log_prob", weight=2)
@given(case=CASES)
def test_changes_with_the_volume_of_what_is_generated(student: Student, case: Stack) -> None:
    """For y made of noise z: log π(y) = log N(z) - log |det ∂y/∂z|, with the Jacobian by automatic differentiation"""
    z, y = case.y, generate(case.y, case.layers, case.d)
    J = torch.stack([jacobian(lambda row: generate(row[None], case.layers, case.d)[0], row) for row in z])
    log_det = torch.linalg.slogdet(J).logabsdet
    condition = float(torch.linalg.cond(J).max())
    expected = standard_normal(z) - log_det
    assert_close(student.realnvp_log_prob(y, case.layers, case.d), expected, condition=condition, scale=case.size)


@properties_of("realnvp_log_prob", weight=2)
@given(case=CASES, generator=generators())
def test_is_gaussian_for_affine_layers(student: Student, case: Stack, generator: torch.Generator) -> None:
    """With constant s and affine t, y is an affine function of the noise, so it is normally distributed"""
    D, d = case.width, case.d
    layers: Layers = [
        (constant(normal(generator, D - d) / 2, d), Affine(normal(generator, D - d, d) / 2, normal(generator, D - d)))
        for _ in range(3)
    ]
    mean = generate(torch.zeros(1, D).to(case.y), layers, d)
    M = (generate(torch.eye(D).to(case.y), layers, d) - mean).T
    covariance = M @ M.T
    expected = MultivariateNormal(mean[0], covariance).log_prob(case.y)
    condition = D * float(torch.linalg.cond(covariance))
    assert_close(student.realnvp_log_prob(case.y, layers, d), expected, condition=condition, scale=1 + case.size)


@properties_of("realnvp_log_prob")
@given(case=CASES)
def test_takes_off_the_last_layer_first(student: Student, case: Stack) -> None:
    """The last layer moves x to y and divides the density there by exp(Σ s)"""
    assume(len(case.layers) > 0)
    x, before, (s, t) = case.y, case.layers[:-1], case.layers[-1]
    y = couple(x, s, t, case.d).flip(1)
    expected = log_prob(student, x, before, case.d) - s(x[:, : case.d]).sum(1)
    size = case.size + float(expected.abs().max())
    assert_close(student.realnvp_log_prob(y, case.layers, case.d), expected, scale=size, because="with the last layer")
