"""How far a function is from being equivariant: inputs and public properties."""

from __future__ import annotations

import dataclasses

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.linalg import vector_norm

from autograder.sandbox.inside.functions import (
    Affine,
    Composition,
    Described,
    Entries,
    Gradient,
    Mlp,
    Polynomial,
    Quadratic,
    Scaled,
    Trigonometric,
)
from autograder.testing.assertions import assert_close, assert_tensor
from autograder.testing.properties import given, properties_of
from autograder.testing.record import Case, Cases, Exercise, Function
from autograder.testing.strategies import (
    assume,
    generator,
    generators,
    normal,
    powers_of_two,
    quarters,
    readable_first,
    rotation,
    sizes,
    tensor,
    uniform,
)
from autograder.testing.student import Student


@dataclasses.dataclass(frozen=True)
class Action(Case):
    """A function f from [d] to [k], matrices rho_in [G, d, d] and rho_out [G, k, k] that act on both, samples X [n, d].

    The matrices need not be orthogonal, nor make up a group.
    """

    f: Described
    rho_in: Tensor
    rho_out: Tensor
    X: Tensor

    @property
    def size(self) -> float:
        """Of the terms that cancel where f is equivariant."""
        first = self.rho_out.abs().amax((1, 2)).max() * self.f(self.X).abs().max()
        acted = torch.einsum("gij,nj->gni", self.rho_in, self.X)
        return float(first * self.rho_out.shape[1] + self.f(acted).abs().max())


def action(f: Described, rho_in: list[object], rho_out: list[object], X: list[list[float]]) -> Action:
    """A case that is written down."""
    return Action(f, tensor(rho_in), tensor(rho_out), tensor(X))


def unit(n: int) -> Tensor:
    """The identity matrix."""
    return torch.eye(n, dtype=torch.float64)


def short(g: torch.Generator, *shape: int) -> Tensor:
    """Multiples of 1/2 in [-2, 2]."""
    return torch.randint(-4, 5, shape, generator=g).double() / 2


def whole(g: torch.Generator, below: int) -> int:
    """A random whole number in [0, below)."""
    return int(torch.randint(below, (), generator=g))


def readable_map(seed: int) -> Action:
    """A map with short numbers, affine or with a square behind it, and up to two matrices; one sample."""
    g = generator(seed)
    d, k, G = 1 + seed % 3, 1 + whole(g, 3), 1 + seed // 3 % 2
    f: Described = Affine(short(g, k, d), short(g, k))
    if seed % 2:
        f = Composition(Polynomial(tensor([0.5, -1, 0.25])), f)
    return Action(f, short(g, G, d, d), short(g, G, k, k), short(g, 1, d))


MAPS = sorted(map(readable_map, range(60)), key=lambda case: case.rho_in.numel() + case.rho_out.numel())


@st.composite
def readable_actions(draw: st.DrawFn) -> Action:
    """A map from a fixed list, the smallest first, at up to three samples that are drawn."""
    case = draw(st.sampled_from(MAPS))
    return dataclasses.replace(case, X=draw(quarters(draw(sizes(1, 3)), case.X.shape[1])))


def seeded_action(g: torch.Generator) -> Action:
    """Three to five matrices, from four dimensions to three or the other way round, at six samples."""
    d, k, G = (4, 3, 3 + whole(g, 3)) if whole(g, 2) else (3, 4, 3 + whole(g, 3))
    network = Mlp((normal(g, 6, d), normal(g, k, 6)), (normal(g, 6), normal(g, k)))
    waves = Composition(
        Trigonometric(normal(g, 2), 1 + uniform(g, 2), normal(g, 2)), Affine(normal(g, k, d), normal(g, k))
    )
    f = (network, waves)[whole(g, 2)]
    return Action(f, normal(g, G, d, d), normal(g, G, k, k), normal(g, 6, d))


@st.composite
def rescaled_actions(draw: st.DrawFn) -> Action:
    """A linear map and its samples in other units."""
    g = draw(generators())
    f = Scaled(Affine(normal(g, 2, 3), torch.zeros(2).double()), draw(powers_of_two(-40, 40)))
    return Action(f, normal(g, 2, 3, 3), normal(g, 2, 2, 2), normal(g, 4, 3) * draw(powers_of_two(-40, 40)))


SHEAR, TURN = [[1, 0.5], [0, 1]], [[0, -1], [1, 0]]
SWIRL = Affine(tensor([[1, -2], [0.5, 3], [-1, 0.25]]), tensor([1, 0, -0.5]))
CENTRAL_FORCE = Gradient(Composition(Polynomial(tensor([0, 0.5, -0.25])), Quadratic(2 * unit(2), tensor([0, 0]))))
"""(1 - |x|²) x, the force of a potential that depends on the distance alone."""
ON_THREE = [[1, 0.5, 0], [-1, 2, 0], [0.25, 0, -1]]
ACTIONS = Cases(
    dense=(
        action(
            SWIRL, [SHEAR, [[0.5, 2], [-1, 1]]], [ON_THREE, [[2, 0, 1], [0, 1, -1], [1, 0, 0]]], [[1, -2], [0.5, 3]]
        ),
        action(
            Composition(Affine(tensor([[1, -2]]), tensor([0.5])), Polynomial(tensor([0, 1, 0.5]))),
            [[[2, 1], [-0.5, 1]]],
            [[[-1.5]]],
            [[1, 2], [-0.5, 1], [3, -1]],
        ),
        seeded_action(generator(0)),
        seeded_action(generator(1)),
    ),
    drawn=readable_first(readable_actions(), large=generators().map(seeded_action)),
    edges={
        "k = 1 with rho_out = 1: invariance": action(
            Composition(Affine(tensor([[1, -1]]), tensor([2])), Polynomial(tensor([0, 0, 1]))),
            [TURN, SHEAR],
            [[[1]], [[1]]],
            [[1, 2], [-3, 0.5]],
        ),
        "an invariant function": action(
            Composition(Affine(tensor([[1, 1]]), tensor([2])), Polynomial(tensor([0, 0, 1]))),
            [TURN],
            [[[1]]],
            [[1, 2], [-3, 0.5]],
        ),
        "an equivariant function": action(CENTRAL_FORCE, [TURN], [TURN], [[1, 2], [0.5, -1]]),
        "the identity alone": action(SWIRL, [[[1, 0], [0, 1]]], [[[1, 0, 0], [0, 1, 0], [0, 0, 1]]], [[1, -2]]),
        "G = n = d = k = 1": action(Affine(tensor([[2]]), tensor([1])), [[[3]]], [[[-2]]], [[0.5]]),
        "f hands back its argument": action(Entries(0, 2), [SHEAR, TURN], [TURN, SHEAR], [[1, -2], [0.5, 3]]),
        "f hands back entries of its argument": action(Entries(1, 3), [ON_THREE] * 2, [SHEAR, TURN], [[1, -2, 0.5]]),
        "the worst sample comes first": action(SWIRL, [SHEAR], [ON_THREE], [[8, -4], [1, 0], [0, 1]]),
        "the worst sample comes last": action(SWIRL, [SHEAR], [ON_THREE], [[1, 0], [0, 1], [8, -4]]),
        "the worst element comes first": action(
            CENTRAL_FORCE, [[[2, 1], [0, 1]], TURN, SHEAR], [[[1, 0], [3, 1]], TURN, SHEAR], [[1, 0.5]]
        ),
        "the worst element comes last": action(
            CENTRAL_FORCE, [SHEAR, TURN, [[2, 1], [0, 1]]], [SHEAR, TURN, [[1, 0], [3, 1]]], [[1, 0.5]]
        ),
    },
    extreme=rescaled_actions(),
)

EQUIVARIANCE_ERROR = Exercise(
    name="equivariance_error",
    title="Measuring equivariance",
    source="000, section 7.1, definitions 8-9, eq. 7.2-7.3, and section 7.2.3, fact 4; 003, Geometric deep learning",
    functions=(
        Function(
            "equivariance_error(f: Callable[[Tensor[d]], Tensor[k]], rho_in: Tensor[G, d, d], "
            "rho_out: Tensor[G, k, k], X: Tensor[n, d]) -> Tensor[]",
            cases=ACTIONS,
        ),
    ),
)


def error(student: Student, f: object, rho_in: Tensor, rho_out: Tensor, X: Tensor) -> Tensor:
    """The student's answer, with which one can calculate."""
    return assert_tensor(student.equivariance_error(f, rho_in, rho_out, X), shape=(), dtype=X.dtype)


@properties_of("equivariance_error", weight=2)
@given(case=ACTIONS)
def test_sees_how_far_an_offset_is_moved(student: Student, case: Action) -> None:
    """f(x) = x + b, acted on alike before and after, deviates by (rho - 1) b: the longest of these is the error"""
    b = case.X[0] + 1
    deviations = case.rho_in @ b - b
    got = student.equivariance_error(Affine(unit(len(b)), b), case.rho_in, case.rho_in, case.X)
    size = float(case.rho_in.abs().max() * (case.X.abs().max() + b.abs().max()) + b.abs().max()) * len(b)
    assert_close(got, vector_norm(deviations, dim=-1).max(), scale=size, because="f(x) = x + b")


@properties_of("equivariance_error", weight=2)
@given(case=ACTIONS, generator=generators())
def test_finds_the_longest_column_for_a_linear_map(student: Student, case: Action, generator: torch.Generator) -> None:
    """For f(x) = W x on the basis vectors it is the longest column of rho_out W - W rho_in"""
    k, d = case.rho_out.shape[1], case.rho_in.shape[1]
    W = normal(generator, k, d)
    columns = vector_norm(case.rho_out @ W - W @ case.rho_in, dim=1)
    got = student.equivariance_error(Affine(W, torch.zeros(k).double()), case.rho_in, case.rho_out, unit(d))
    size = float(W.abs().max() * (case.rho_out.abs().max() + case.rho_in.abs().max())) * (k + d)
    assert_close(got, columns.max(), scale=size, because="f(x) = W x at the basis vectors")


@properties_of("equivariance_error")
@given(generator=generators())
def test_vanishes_for_a_central_force(student: Student, generator: torch.Generator) -> None:
    """(1 - |x|²) x, the force of a central potential, commutes with a rotation by any angle"""
    R = torch.stack([rotation(generator, 2), rotation(generator, 2)])
    case = Action(CENTRAL_FORCE, R, R, normal(generator, 3, 2))
    got = student.equivariance_error(case.f, case.rho_in, case.rho_out, case.X)
    assert_close(got, tensor(0), scale=case.size, because="a central force")


@properties_of("equivariance_error")
@given(case=ACTIONS)
def test_is_zero_for_the_identity_alone(student: Student, case: Action) -> None:
    """Where the only group element is the identity every function is equivariant"""
    k, d = case.rho_out.shape[1], case.rho_in.shape[1]
    got = student.equivariance_error(case.f, unit(d)[None], unit(k)[None], case.X)
    assert_close(got, tensor(0), scale=case.size, because="with the identity alone")


@properties_of("equivariance_error", weight=2)
@given(case=ACTIONS)
def test_is_the_worst_case(student: Student, case: Action) -> None:
    """The error is the largest of the errors of single group elements, and of single samples"""
    assume(len(case.rho_in) * len(case.X) > 1)
    got = error(student, case.f, case.rho_in, case.rho_out, case.X)
    elements = [
        error(student, case.f, g_in[None], g_out[None], case.X)
        for g_in, g_out in zip(case.rho_in, case.rho_out, strict=True)
    ]
    assert_close(got, torch.stack(elements).max(), scale=case.size, because="all group elements")
    samples = [error(student, case.f, case.rho_in, case.rho_out, x[None]) for x in case.X]
    assert_close(got, torch.stack(samples).max(), scale=case.size, because="all samples")
