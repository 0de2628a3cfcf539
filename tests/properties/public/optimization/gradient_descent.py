"""Gradient descent: inputs and public properties."""

from __future__ import annotations

import dataclasses

import torch
from hypothesis import strategies as st
from torch import Tensor

from autograder.sandbox.callables import Reference
from autograder.sandbox.inside.functions import Affine, Constant, Described, Entries, Gradient, Mlp, RowSum, Scaled
from autograder.sandbox.inside.functions import Trigonometric as Waves
from autograder.testing.assertions import assert_close, assert_equal, assert_tensor
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


@dataclasses.dataclass(frozen=True)
class Descent(Case):
    """A walk of so many steps from theta0 [d]; grad [d] → [d] need not be the gradient of anything."""

    grad: Described
    theta0: Tensor
    lr: float
    steps: int

    @property
    def condition(self) -> float:
        """How much a roundoff grows: in these cases, at most three times in each step."""
        return 3.0**self.steps


def descent(W: list[list[float]], b: list[float], theta0: list[float], lr: float, steps: int) -> Descent:
    """A case that is written down: the gradient W theta + b."""
    return Descent(Affine(tensor(W), tensor(b)), tensor(theta0), lr, steps)


@st.composite
def readable_descents(draw: st.DrawFn) -> Descent:
    """Up to three steps in one or two dimensions, in a field that is affine."""
    d = draw(sizes(1, 2))
    field = Affine(draw(quarters(d, d, least=-1, most=1)), draw(quarters(d)))
    return Descent(field, draw(quarters(d)), draw(st.sampled_from([0.5, 1.0, 0.25, 0.75])), draw(st.integers(0, 3)))


def landscape(g: torch.Generator, d: int) -> Described:
    """A potential with hills and valleys: a network, or waves along every axis."""
    if int(torch.randint(2, (), generator=g)):
        return RowSum(Mlp((normal(g, 5, d) / 2, normal(g, 1, 5) / 2), (normal(g, 5), normal(g, 1))))
    return RowSum(Waves(normal(g, 2) / 2, 0.5 + uniform(g, 2), normal(g, 2)))


def seeded_descent(g: torch.Generator) -> Descent:
    """Up to eight steps in four dimensions, down a potential or in a field with curls."""
    steps = 1 + int(torch.randint(8, (), generator=g))
    field: Described = Gradient(landscape(g, 4))
    if int(torch.randint(2, (), generator=g)):
        field = Mlp((normal(g, 6, 4) / 3, normal(g, 4, 6) / 3), (normal(g, 6), normal(g, 4)))
    return Descent(field, 2 * normal(g, 4), 0.05 + 0.6 * float(uniform(g)), steps)


@st.composite
def rescaled_descents(draw: st.DrawFn) -> Descent:
    """The same walk in other units of length and of the loss."""
    g, length, loss = draw(generators()), draw(powers_of_two(-40, 40)), draw(powers_of_two(-40, 40))
    field = Affine(normal(g, 3, 3) / 3 * (loss / length**2), normal(g, 3) * (loss / length))
    return Descent(field, normal(g, 3) * length, 0.5 * length**2 / loss, 4)


DESCENTS = Cases(
    dense=(
        descent([[1, -0.5], [0.25, 2]], b=[0.5, -1], theta0=[1, -2], lr=0.25, steps=3),
        descent([[0.5, 1, -1], [-0.5, 0.25, 0], [2, -1, 1]], b=[0, 1, -0.5], theta0=[2, 0.5, -1], lr=0.5, steps=2),
        descent([[1.5]], b=[-0.75], theta0=[3], lr=0.75, steps=5),
        seeded_descent(generator(0)),
        seeded_descent(generator(2)),
        seeded_descent(generator(5)),
    ),
    drawn=readable_first(readable_descents(), large=generators().map(seeded_descent)),
    edges={
        "steps = 0": descent([[1, -0.5], [0.25, 2]], b=[0.5, -1], theta0=[1, -2], lr=0.25, steps=0),
        "steps = 1": descent([[1, -0.5], [0.25, 2]], b=[0.5, -1], theta0=[1, -2], lr=0.25, steps=1),
        "steps = 1, d = 1": descent([[2]], b=[-1], theta0=[0.5], lr=0.25, steps=1),
        "lr = 0": descent([[1, -0.5], [0.25, 2]], b=[0.5, -1], theta0=[1, -2], lr=0.0, steps=3),
        "no gradient anywhere": Descent(Constant(0.0), tensor([1, -2]), 0.5, 3),
        "a step that is too long: the walk diverges": descent([[5]], b=[1], theta0=[1], lr=0.75, steps=6),
        "a hundred steps": descent([[1, 0.5], [0.5, 2]], b=[0.5, -1], theta0=[1, -2], lr=0.125, steps=100),
        "grad hands back its argument": Descent(Entries(0, 2), tensor([1, -2]), 0.25, 3),
    },
    extreme=rescaled_descents(),
)


def backwards(steps: int) -> tuple[Affine, Tensor, float, int]:
    """Arguments with a number of steps that no walk has."""
    return Affine(tensor([[1, -0.5], [0.25, 2]]), tensor([0.5, -1])), tensor([1, -2]), 0.25, steps


GRADIENT_DESCENT = Exercise(
    name="gradient_descent",
    title="Gradient descent trajectory",
    source="004, section 1.2; 003, Gradient descent",
    functions=(
        Function(
            "gradient_descent(grad: Callable, theta0: Tensor[d], lr: float, steps: int) -> Tensor[steps + 1, d]",
            cases=DESCENTS,
            bad_inputs=(
                BadInput("minus_one_step", lambda: backwards(-1), "steps = -1 raises ValueError"),
                BadInput("minus_three_steps", lambda: backwards(-3), "steps = -3 raises ValueError"),
            ),
        ),
    ),
    rules=(NO_OPTIM,),
)


def walk(student: Student, case: Descent, grad: object = None) -> Tensor:
    """The student's path, with which one can calculate."""
    path = student.gradient_descent(case.grad if grad is None else grad, case.theta0, case.lr, case.steps)
    return assert_tensor(path, shape=(case.steps + 1, len(case.theta0)), dtype=case.theta0.dtype)


def size_of(path: Tensor, change: Tensor) -> float:
    """Of the terms that cancel where a step leads close to 0."""
    return float(path.abs().max() + change.abs().max()) if len(change) else float(path.abs().max())


@properties_of("gradient_descent")
@given(case=DESCENTS)
def test_starts_at_theta0(student: Student, case: Descent) -> None:
    """The first row is theta0, and for no steps it is the only one"""
    assert_equal(walk(student, case)[0], case.theta0, because="first row")
    stay = walk(student, dataclasses.replace(case, steps=0))
    assert_equal(stay, case.theta0[None], because="rows for steps = 0")


@properties_of("gradient_descent", weight=2)
@given(case=DESCENTS)
def test_takes_every_step_against_the_gradient(student: Student, case: Descent) -> None:
    """Every row is the one above it minus lr times the gradient there"""
    path = walk(student, case)
    here, there = path[:-1], path[1:]
    change = case.lr * torch.stack([case.grad(theta) for theta in here]) if case.steps else torch.zeros_like(here)
    assert_close(there, here - change, scale=size_of(path, change), because="rows after the first")


@properties_of("gradient_descent")
@given(case=DESCENTS)
def test_asks_for_one_gradient_in_a_step(student: Student, case: Descent) -> None:
    """grad is called exactly once in each step, and nowhere but on the path"""
    watched = Reference(case.grad)
    path = walk(student, case, watched)
    assert_equal(watched.calls, case.steps, because="calls of grad")
    for t, (point,) in enumerate(watched.points):
        assert_close(point, path[t], scale=float(path.abs().max()), because=f"argument of call {t + 1}")


@properties_of("gradient_descent")
@given(case=DESCENTS)
def test_stays_where_the_gradient_vanishes(student: Student, case: Descent) -> None:
    """Where there is no slope there is no motion: all rows are theta0"""
    path = walk(student, case, Constant(0.0))
    assert_equal(path, case.theta0.expand(case.steps + 1, -1), because="path without a gradient")


@properties_of("gradient_descent")
@given(case=DESCENTS, c=powers_of_two(-20, 20))
def test_depends_on_lr_times_the_gradient_alone(student: Student, case: Descent, c: float) -> None:
    """A gradient c times as large and an lr c times as small lead along the same path"""
    path = walk(student, case)
    got = walk(student, dataclasses.replace(case, grad=Scaled(case.grad, c), lr=case.lr / c))
    assert_close(got, path, condition=case.condition, because=f"path for grad * {c:g}, lr / {c:g}")
