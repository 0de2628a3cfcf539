"""Adam: steps of a length that does not depend on the scale of the gradient."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.optim.adam import adam  # what the step of torch.optim.Adam calls

from autograder.testing.assertions import assert_close
from autograder.testing.properties import given, properties_of
from autograder.testing.record import BadInput, Case, Cases, Exercise, Function
from autograder.testing.rules import NO_OPTIM
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

Moments = tuple[Tensor, Tensor]


@dataclasses.dataclass(frozen=True)
class Hyperparameters(Case):
    """What stays the same from step to step. betas = (β₁, β₂)."""

    lr: float
    betas: tuple[float, float]
    eps: float

    def weights(self, T: int) -> Moments:
        """The weights [T] with which the moments hold the gradients of steps 1 to T: (1 - β) βᵀ⁻ˢ."""
        age = torch.arange(T - 1, -1, -1, dtype=torch.float64)
        first, second = ((1 - beta) * tensor(beta) ** age for beta in self.betas)
        return first, second


@dataclasses.dataclass(frozen=True)
class Step(Hyperparameters):
    """The parameters theta [d], their gradient grad [d], and state = (m, v, t): the moments [d] before step t."""

    theta: Tensor
    grad: Tensor
    state: tuple[Tensor, Tensor, int]

    @property
    def size(self) -> float:
        """The size of the terms that may cancel in the new theta."""
        m, v, t = self.state
        first, second = (1 / (1 - beta**t) for beta in self.betas)
        largest = first * torch.maximum(m.abs(), self.grad.abs())
        beta = self.betas[1]
        root = (second * (beta * v + (1 - beta) * self.grad**2)).sqrt()
        return float((self.theta.abs() + abs(self.lr) * largest / (root + self.eps)).max())


@dataclasses.dataclass(frozen=True)
class Training(Hyperparameters):
    """The parameters theta [d] at the start, where both moments are zero, and the gradients [T, d] of T steps."""

    theta: Tensor
    grads: Tensor

    @property
    def size(self) -> float:
        """The size of the terms that may cancel in theta: no step of Adam is much longer than lr at any age."""
        return float(self.theta.abs().max()) + 4 * len(self.grads) * self.lr


def hyperparameters() -> st.SearchStrategy[tuple[float, tuple[float, float], float]]:
    """lr, betas and eps as few digits, off their defaults; eps is large enough for its place to be seen."""
    betas = st.sampled_from([0.5, 0.75, 0.25, 0.875, 0.0])
    return st.tuples(st.sampled_from([1, 0.5, 2, 0.25]), st.tuples(betas, betas), st.sampled_from([0.5, 0.125, 1, 2]))


def seeded_hyperparameters(g: torch.Generator, t: int) -> tuple[float, tuple[float, float], float]:
    """betas whose memory is about t steps long, so that the bias of step t matters, and eps from 1/1000 to 1."""
    lr, x_1, x_2, log_eps = uniform(g, 4).tolist()
    beta_1, beta_2 = (math.exp(-(0.1 + 3 * x) / t) for x in (x_1, x_2))
    return 0.1 + lr, (beta_1, beta_2), 1000 ** (log_eps - 1)


def step(theta: list[float], grad: list[float], m: list[float], v: list[float], t: int, **more: float) -> Step:
    """A case that is written down."""
    betas = (more.get("beta_1", 0.75), more.get("beta_2", 0.5))
    state = (tensor(m), tensor(v), t)
    return Step(more.get("lr", 0.5), betas, more.get("eps", 0.25), tensor(theta), tensor(grad), state)


@st.composite
def readable_steps(draw: st.DrawFn) -> Step:
    """Up to three parameters, one of the first four steps."""
    d, t = draw(sizes(1, 3)), draw(st.integers(1, 4))
    theta, grad, m, v = draw(quarters(4, d))
    return Step(*draw(hyperparameters()), theta, grad, (m, v.abs(), t))


def seeded_step(g: torch.Generator) -> Step:
    """Up to nine parameters, and up to ten thousand steps: as likely one of the first hundred as of the later ones."""
    d, t = 4 + int(torch.randint(6, (), generator=g)), int(10 ** (4 * float(uniform(g))))
    theta, grad, m, root = normal(g, 4, d)
    return Step(*seeded_hyperparameters(g, t), theta, grad, (m, root**2, t))


@st.composite
def readable_trainings(draw: st.DrawFn) -> Training:
    """One to three steps of one or two parameters."""
    theta, *grads = draw(quarters(1 + draw(sizes(1, 3)), draw(sizes(1, 2))))
    return Training(*draw(hyperparameters()), theta, torch.stack(grads))


def seeded_training(g: torch.Generator) -> Training:
    """Six steps of three parameters."""
    return Training(*seeded_hyperparameters(g, 6), normal(g, 3), normal(g, 6, 3))


def in_other_units(case: Step, c: float) -> Step:
    """The same step for a loss that is c times as large: g, m and ε have its units, v those of its square."""
    m, v, t = case.state
    return dataclasses.replace(case, grad=c * case.grad, state=(c * m, c**2 * v, t), eps=c * case.eps)


@st.composite
def rescaled_steps(draw: st.DrawFn) -> Step:
    """The same step in other units of the loss and of theta."""
    c, s = draw(powers_of_two(-40, 40)), draw(powers_of_two(-40, 40))
    case = in_other_units(seeded_step(draw(generators())), c)
    return dataclasses.replace(case, theta=s * case.theta, lr=s * case.lr)


STEPS = Cases(
    dense=(
        step([1, -0.5, 2], grad=[0.5, -1.5, 0.25], m=[-0.25, 1, 0.75], v=[1.5, 0.25, 0.5], t=3),
        step([-2, 3], grad=[2, -0.75], m=[0.5, 1.25], v=[0.5, 2], t=2, lr=1.5, beta_1=0.25, beta_2=0.875, eps=0.5),
        seeded_step(generator(2)),
        seeded_step(generator(3)),
    ),
    drawn=readable_first(readable_steps(), large=generators().map(seeded_step)),
    edges={
        "d = 1": step([1], grad=[-0.5], m=[0.25], v=[1], t=2),
        "the first step": step([1, -2], grad=[0.5, 3], m=[0, 0], v=[0, 0], t=1),
        "g = 0, m = 0, v = 0": step([1, -2], grad=[0, 0], m=[0, 0], v=[0, 0], t=4),
        "g = 0": step([1, -2], grad=[0, 0], m=[0.5, -1], v=[0.25, 2], t=4),
        "beta_1 = 0": step([1, -2], grad=[0.5, 3], m=[2, -1], v=[0.25, 2], t=2, beta_1=0),
        "beta_2 = 0": step([1, -2], grad=[0.5, 3], m=[2, -1], v=[0.25, 2], t=2, beta_2=0),
        "beta_1 = beta_2 = 0": step([1, -2], grad=[0.5, 3], m=[2, -1], v=[0.25, 2], t=1, beta_1=0, beta_2=0),
        "the usual hyperparameters, t = 1": step(
            [0.5, -0.25], grad=[3, -0.5], m=[0, 0], v=[0, 0], t=1, lr=1e-3, beta_1=0.9, beta_2=0.999, eps=1e-8
        ),
        "the usual hyperparameters, t = 100": step(
            [0.5, -0.25], grad=[3, -0.5], m=[1, 2], v=[4, 8], t=100, lr=1e-3, beta_1=0.9, beta_2=0.999, eps=1e-8
        ),
        "a memory of thousands of steps": step(
            [1, -2], grad=[0.5, 3], m=[2, -1], v=[0.25, 2], t=3000, beta_1=1 - 2.0**-11, beta_2=1 - 2.0**-12
        ),
        "t = 1 000 000": step([1, -2], grad=[0.5, 3], m=[2, -1], v=[0.25, 2], t=1_000_000),
        "a gradient as small as eps": step(
            [1, -2], grad=[2.0**-20, -(2.0**-22)], m=[0, 0], v=[0, 0], t=1, lr=1, eps=2.0**-20
        ),
    },
    extreme=rescaled_steps(),
)
TRAININGS = Cases(
    dense=(
        Training(0.5, (0.75, 0.5), 0.25, tensor([1, -2]), tensor([[0.5, 2], [-1.5, 1], [0.25, -3]])),
        Training(2.0, (0.25, 0.875), 0.125, tensor([-1]), tensor([[1.5], [-0.25]])),
        seeded_training(generator(0)),
    ),
    drawn=readable_first(readable_trainings(), large=generators().map(seeded_training)),
)


def miscounted(t: int) -> tuple[Any, ...]:
    """Arguments with a step that does not exist."""
    return tensor([1, -2]), tensor([0.5, 3]), (tensor([2, -1]), tensor([0.25, 2]), t), 0.5, (0.75, 0.5), 0.25


ADAM = Exercise(
    name="adam_step",
    title="One step of Adam",
    source="000, section 6.3.2, algorithm 1; 004, section 1.2.5; 003, Acceleration, adaptivity, and momentum",
    functions=(
        Function(
            "adam_step(theta: Tensor[d], grad: Tensor[d], state: tuple[Tensor[d], Tensor[d], int], lr: float, "
            "betas: tuple[float, float], eps: float) -> tuple[Tensor[d], Tensor[d], Tensor[d]]",
            cases=STEPS,
            bad_inputs=(
                BadInput("step_zero", lambda: miscounted(0), "t = 0 raises ValueError: steps are counted from 1"),
                BadInput("a_negative_step", lambda: miscounted(-2), "t = -2 raises ValueError"),
            ),
        ),
    ),
    rules=(NO_OPTIM,),
)


def update(student: Student, case: Step) -> tuple[Tensor, Tensor, Tensor]:
    """The student's answer: of the promised shapes, or the call does not return."""
    theta, m, v = student.adam_step(case.theta, case.grad, case.state, case.lr, case.betas, case.eps)
    return theta, m, v


@properties_of("adam_step", weight=2)
@given(case=TRAININGS)
def test_trains_like_torch(student: Student, case: Training) -> None:
    """Several steps, each with the moments that the one before returned, lead where torch.optim.Adam leads"""
    theta, m, v = case.theta, torch.zeros_like(case.theta), torch.zeros_like(case.theta)
    for t, grad in enumerate(case.grads, start=1):
        theta, m, v = student.adam_step(theta, grad, (m, v, t), case.lr, case.betas, case.eps)
    expected = trained_by_torch(case)
    assert_close(theta, expected[0], scale=case.size, because="theta")
    size = float(case.grads.abs().max())
    assert_close(m, expected[1], scale=size, because="m")
    assert_close(v, expected[2], scale=size**2, because="v")


def trained_by_torch(case: Training) -> tuple[Tensor, Tensor, Tensor]:
    """theta, m and v after all steps."""
    theta, t = case.theta.clone(), torch.zeros(())
    m, v = torch.zeros_like(theta), torch.zeros_like(theta)
    beta_1, beta_2 = case.betas
    more = {"foreach": False, "amsgrad": False, "maximize": False, "weight_decay": 0.0}
    for grad in case.grads:
        adam([theta], [grad], [m], [v], [], [t], beta1=beta_1, beta2=beta_2, lr=case.lr, eps=case.eps, **more)
    return theta, m, v


@properties_of("adam_step")
@given(case=STEPS)
def test_starts_with_a_step_of_known_length(student: Student, case: Step) -> None:
    """From m = v = 0 the first step is -lr g/(|g| + eps): about lr for every parameter, whatever the betas"""
    zero = torch.zeros_like(case.grad)
    first = dataclasses.replace(case, state=(zero, zero, 1))
    theta, _, _ = update(student, first)
    g = case.grad
    assert_close(theta, case.theta - case.lr * g / (g.abs() + case.eps), scale=first.size, because="theta")


@properties_of("adam_step")
@given(case=STEPS)
def test_lets_the_moments_relax_towards_the_gradient(student: Student, case: Step) -> None:
    """The distance of m from g shrinks by the factor β₁, that of v from g² by β₂"""
    m, v, _ = case.state
    _, new_m, new_v = update(student, case)
    beta_1, beta_2 = case.betas
    g, g2 = case.grad, case.grad.square()
    assert_close(new_m - g, beta_1 * (m - g), scale=float((m.abs() + g.abs()).max()), because="m - g")
    assert_close(new_v - g2, beta_2 * (v - g2), scale=float((v + g2).max()), because="v - g²")


@properties_of("adam_step")
@given(case=STEPS)
def test_repeats_its_step_under_a_constant_gradient(student: Student, case: Step) -> None:
    """If every gradient so far was g, step t is -lr g/(|g| + eps), as the first one was"""
    _, _, t = case.state
    g, (first, second) = case.grad, (beta ** (t - 1) for beta in case.betas)
    steady = dataclasses.replace(case, state=((1 - first) * g, (1 - second) * g.square(), t))
    theta, _, _ = update(student, steady)
    assert_close(theta, case.theta - case.lr * g / (g.abs() + case.eps), scale=steady.size, because="theta")
