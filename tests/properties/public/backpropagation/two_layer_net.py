"""Gradients of a network with one hidden layer, by hand."""

from __future__ import annotations

import dataclasses

import torch
from hypothesis import strategies as st
from torch import Tensor, outer

from autograder.testing.assertions import assert_close
from autograder.testing.properties import given, properties_of
from autograder.testing.record import Case, Cases, Exercise, Function
from autograder.testing.rules import NO_AUTOGRAD
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


@dataclasses.dataclass(frozen=True)
class Sample(Case):
    """A network with N hidden units, W [N, d] and b, a [N], and one sample: the input x [d] and its target y."""

    W: Tensor
    b: Tensor
    a: Tensor
    x: Tensor
    y: float

    @property
    def width(self) -> int:
        """The number N of hidden units."""
        return len(self.a)

    @property
    def prediction(self) -> float:
        """ŷ, the mean over the hidden units."""
        return float((self.a * torch.tanh(self.W @ self.x + self.b)).mean())

    @property
    def condition(self) -> float:
        """Roundoffs of z, of which tanh passes on at most as many: the largest sum of the terms in W x + b."""
        return 1 + float((self.W.abs() @ self.x.abs() + self.b.abs()).max())

    @property
    def scales(self) -> tuple[float, float, float]:
        """The size of the terms that cancel in each gradient: in the error y - ŷ and in 1 - tanh²."""
        a, x = float(self.a.abs().max()), float(self.x.abs().max())
        da = 2 / self.width * (abs(self.y) + a)
        return da * a * x, da * a, da


def net(W: list[list[float]], b: list[float], a: list[float], x: list[float], y: float) -> Sample:
    """A case that is written down."""
    return Sample(tensor(W), tensor(b), tensor(a), tensor(x), y)


@st.composite
def readable_samples(draw: st.DrawFn) -> Sample:
    """Up to three hidden units and inputs; weights of at most 2, so that few units are saturated."""
    N, d = draw(sizes(1, 3)), draw(sizes(1, 3))
    W, b, a, x, y = draw(quarters(N * d + N + N + d + 1, least=-2, most=2)).split([N * d, N, N, d, 1])
    return Sample(W.reshape(N, d), b, a, x, float(y))


def seeded_sample(g: torch.Generator) -> Sample:
    """Four to nine hidden units, of another number of inputs."""
    N, d = 4 + int(torch.randint(6, (), generator=g)), 2 + int(torch.randint(8, (), generator=g))
    return Sample(normal(g, N, d) / d**0.5, normal(g, N) / 2, 2 * normal(g, N), normal(g, d), 2 * float(normal(g)))


@st.composite
def rescaled_samples(draw: st.DrawFn) -> Sample:
    """The same network in other units: of its input (x → sx, W → W/s), and of its output (a → ca, y → cy)."""
    case = seeded_sample(draw(generators()))
    assume(abs(case.y - case.prediction) > abs(case.y) / 8)
    s, c = draw(powers_of_two(-40, 40)), draw(powers_of_two(-40, 40))
    return Sample(case.W / s, case.b, case.a * c, case.x * s, case.y * c)


SAMPLES = Cases(
    dense=(
        net([[0.5, -1, 0.25], [1, 0.75, -0.5]], b=[0.25, -0.5], a=[2, -1.5], x=[1, -0.5, 2], y=1.5),
        net([[-0.5], [0.75], [1.25]], b=[0.5, 1, -0.25], a=[1, 3, -2], x=[0.75], y=-0.5),
        seeded_sample(generator(1)),
        seeded_sample(generator(4)),
    ),
    drawn=readable_first(readable_samples(), large=generators().map(seeded_sample)),
    edges={
        "N = 1": net([[0.5, -0.25]], b=[0.25], a=[1.5], x=[1, 2], y=-1),
        "N = d = 1": net([[0.5]], b=[-0.25], a=[2], x=[1.5], y=0.75),
        "x = 0": net([[1, -2], [0.5, 1]], b=[0.5, -0.75], a=[1, 2], x=[0, 0], y=1),
        "a = 0": net([[1, -2], [0.5, 1]], b=[0.5, -0.75], a=[0, 0], x=[1, 0.5], y=1),
        "W = 0, b = 0": net([[0, 0], [0, 0]], b=[0, 0], a=[1, -2], x=[1, 0.5], y=1),
        "a perfect fit": net([[0, 0], [0, 0]], b=[0, 0], a=[1, -2], x=[1, 0.5], y=0),
        "y = 0": net([[1, -0.5], [0.25, 1]], b=[0.5, -0.75], a=[1, 2], x=[1, 0.5], y=0),
        "equal units": net([[0.5, 1], [0.5, 1]], b=[0.25, 0.25], a=[2, 2], x=[0.5, -1], y=1),
        "saturated units": net([[500, 500], [-500, -250], [0.5, 1]], b=[0, 0, 0.25], a=[2, 1, -1], x=[1, 1], y=2),
    },
    extreme=rescaled_samples(),
)

TWO_LAYER_NET = Exercise(
    name="two_layer_net_gradients",
    title="Problem 1: gradients of the two-layer net with 1/N",
    source="000, problem 1, eq. 1.26-1.28; 001, problem 1, eq. 1.20-1.22; 000, section 6.2.1, eq. 6.17-6.21; "
    "003, Sigmoid networks",
    functions=(
        Function(
            "two_layer_net_gradients(W: Tensor[N, d], b: Tensor[N], a: Tensor[N], x: Tensor[d], y: float) "
            "-> tuple[Tensor[N, d], Tensor[N], Tensor[N]]",
            cases=SAMPLES,
        ),
    ),
    rules=(NO_AUTOGRAD,),
)

Gradients = tuple[Tensor, Tensor, Tensor]


def gradients(student: Student, case: Sample) -> Gradients:
    """The student's answer: of the promised shapes, or the call does not return."""
    dW, db, da = student.two_layer_net_gradients(case.W, case.b, case.a, case.x, case.y)
    return dW, db, da


def assert_gradients(got: Gradients, expected: Gradients, case: Sample, because: str) -> None:
    """Each of the three gradients against the size of the terms that cancel in it."""
    for name, g, e, scale in zip(("∂L/∂W", "∂L/∂b", "∂L/∂a"), got, expected, case.scales, strict=True):
        assert_close(g, e, condition=case.condition, scale=scale, because=f"{name} {because}")


@properties_of("two_layer_net_gradients", weight=2)
@given(case=SAMPLES)
def test_is_the_gradient_of_the_loss(student: Student, case: Sample) -> None:
    """Automatic differentiation of L = (y - ŷ)² gives the same gradients"""
    parameters = [parameter.clone().requires_grad_() for parameter in (case.W, case.b, case.a)]
    W, b, a = parameters
    loss = (case.y - torch.tanh(W @ case.x + b) @ a / case.width).square()
    expected = torch.autograd.grad(loss, parameters)
    assert_gradients(gradients(student, case), expected, case, "by automatic differentiation")


@properties_of("two_layer_net_gradients")
@given(case=SAMPLES)
def test_weights_learn_like_biases_times_the_input(student: Student, case: Sample) -> None:
    """∂L/∂W = (∂L/∂b) xᵀ: a bias is the weight of an input that is always 1"""
    dW, db, _ = gradients(student, case)
    assert_close(dW, outer(db, case.x), scale=case.scales[0], because="∂L/∂W")


@properties_of("two_layer_net_gradients")
@given(case=SAMPLES)
def test_has_nothing_to_learn_from_a_perfect_fit(student: Student, case: Sample) -> None:
    """Where y = ŷ, all gradients vanish"""
    fitted = dataclasses.replace(case, y=case.prediction)
    zero = (torch.zeros_like(case.W), torch.zeros_like(case.b), torch.zeros_like(case.a))
    assert_gradients(gradients(student, fitted), zero, fitted, "at y = ŷ")


@properties_of("two_layer_net_gradients")
@given(case=SAMPLES)
def test_halves_the_gradients_when_every_unit_is_doubled(student: Student, case: Sample) -> None:
    """With two copies of every hidden unit, ŷ is the same and every gradient half as large"""
    dW, db, da = gradients(student, case)
    wide = dataclasses.replace(case, W=case.W.repeat(2, 1), b=case.b.repeat(2), a=case.a.repeat(2))
    expected = (dW.repeat(2, 1) / 2, db.repeat(2) / 2, da.repeat(2) / 2)
    assert_gradients(gradients(student, wide), expected, wide, "of the doubled network")
