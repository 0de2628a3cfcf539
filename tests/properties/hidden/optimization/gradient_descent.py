"""Gradient descent: hidden properties and known answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from itertools import accumulate, repeat

import torch
from hypothesis import strategies as st
from torch import Tensor

from autograder.sandbox.inside.functions import Affine, Composition
from autograder.testing.answers import alternative_of, misconception_of
from autograder.testing.assertions import assert_close, assert_less, assert_raises
from autograder.testing.properties import given, properties_of
from autograder.testing.strategies import generators, rotation
from autograder.testing.student import Student
from tests.properties.public.optimization.gradient_descent import DESCENTS, Descent, walk

Field = Callable[[Tensor], Tensor]


def valley(generator: torch.Generator, d: int) -> tuple[Tensor, Tensor]:
    """A positive definite A with eigenvalues in [1/4, 5/4], and the bottom of the valley."""
    R = rotation(generator, d)
    curvatures = 0.25 + torch.rand(d, generator=generator, dtype=torch.float64)
    return R * curvatures @ R.T, torch.randn(d, generator=generator, dtype=torch.float64)


@properties_of("gradient_descent", weight=2)
@given(case=DESCENTS, generator=generators())
def test_shrinks_the_error_by_a_matrix_power(student: Student, case: Descent, generator: torch.Generator) -> None:
    """In a quadratic valley with Hessian A the distance from the bottom after t steps is (I - lr A)ᵗ times the first"""
    A, bottom = valley(generator, len(case.theta0))
    lr = min(case.lr, 1.5)
    inside = dataclasses.replace(case, grad=Affine(A, -A @ bottom), lr=lr)
    path = walk(student, inside)
    values, vectors = torch.linalg.eigh(A)
    shrunk = (1 - lr * values) ** torch.arange(case.steps + 1)[:, None]
    expected = bottom + (shrunk * (vectors.T @ (case.theta0 - bottom))) @ vectors.T
    size = float(case.theta0.abs().max() + bottom.abs().max())
    assert_close(path, expected, condition=10.0 * (case.steps + 1), scale=size, because="path in the valley")


@properties_of("gradient_descent")
@given(case=DESCENTS, generator=generators())
def test_never_climbs_in_a_valley(student: Student, case: Descent, generator: torch.Generator) -> None:
    """With lr below 1/(largest curvature) every step of a walk in a valley lowers the loss"""
    A, bottom = valley(generator, len(case.theta0))
    inside = dataclasses.replace(case, grad=Affine(A, -A @ bottom), lr=0.75)
    away = walk(student, inside) - bottom
    loss = 0.5 * ((away @ A) * away).sum(1)
    assert_less(loss[1:], loss[:-1], scale=float(loss.abs().max()), because="loss after a step")


@properties_of("gradient_descent")
@given(case=DESCENTS)
def test_goes_straight_down_a_slope(student: Student, case: Descent) -> None:
    """Under a constant gradient g row t is theta0 - t lr g"""
    d = len(case.theta0)
    g = torch.arange(1, d + 1, dtype=torch.float64) / 4 * case.theta0.abs().max()
    slope = Affine(torch.zeros(d, d, dtype=torch.float64), g)
    t = torch.arange(case.steps + 1, dtype=torch.float64)
    size = float(case.theta0.abs().max() + case.steps * abs(case.lr) * g.max())
    expected = case.theta0 - case.lr * torch.outer(t, g)
    assert_close(walk(student, case, slope), expected, condition=case.steps + 1, scale=size, because="path on a slope")


@properties_of("gradient_descent")
@given(case=DESCENTS, pause=st.integers(0, 3))
def test_can_be_interrupted(student: Student, case: Descent, pause: int) -> None:
    """Nothing is remembered but the place: a walk that goes on from its last row is one long walk"""
    first = min(pause, case.steps)
    path = walk(student, case)
    before = walk(student, dataclasses.replace(case, steps=first))
    after = walk(student, dataclasses.replace(case, theta0=before[-1], steps=case.steps - first))
    got = torch.cat([before, after[1:]])
    assert_close(got, path, condition=case.condition, because=f"path with a pause after step {first}")


@properties_of("gradient_descent")
@given(case=DESCENTS, generator=generators())
def test_turns_with_the_landscape(student: Student, case: Descent, generator: torch.Generator) -> None:
    """No axis is special: in a landscape turned by R the path from R theta0 is R times the path"""
    d = len(case.theta0)
    R, zero = rotation(generator, d), torch.zeros(d, dtype=torch.float64)
    turned = Composition(Affine(R, zero), Composition(case.grad, Affine(R.T, zero)))
    path = walk(student, case)
    got = walk(student, dataclasses.replace(case, grad=turned, theta0=R @ case.theta0))
    assert_close(got, path @ R.T, condition=case.condition, because="path in the turned landscape")


@properties_of("gradient_descent")
@given(case=DESCENTS, steps=st.integers(-9, -1))
def test_refuses_a_negative_number_of_steps(student: Student, case: Descent, steps: int) -> None:
    """steps < 0 raises ValueError, whatever the gradient and the start"""
    assert_raises(student, "gradient_descent", (case.grad, case.theta0, case.lr, steps), ValueError)


@misconception_of(
    "gradient_descent",
    hint="The gradient points uphill. To go down, subtract it: one of the sources says it the wrong way round in its "
    "text, though not in its formula.",
)
def ascent(grad: Field, theta0: Tensor, lr: float, steps: int) -> Tensor:
    return _walk(theta0, steps, lambda theta: theta + lr * grad(theta))


@misconception_of(
    "gradient_descent",
    hint="You return where the walk ends. The whole path is asked for, one point per row, theta0 first.",
)
def last_only(grad: Field, theta0: Tensor, lr: float, steps: int) -> Tensor:
    return _walk(theta0, steps, lambda theta: theta - lr * grad(theta))[-1]


@misconception_of(
    "gradient_descent",
    hint="The slope changes as you walk. You use the gradient at theta0 in every step; ask for it again where you are.",
)
def stale(grad: Field, theta0: Tensor, lr: float, steps: int) -> Tensor:
    first = grad(theta0) if steps > 0 else theta0
    return _walk(theta0, steps, lambda theta: theta - lr * first)


@misconception_of(
    "gradient_descent",
    hint="One row is missing: steps counts the moves, and a path of so many moves has one point more. The first is "
    "theta0.",
)
def start_left_out(grad: Field, theta0: Tensor, lr: float, steps: int) -> Tensor:
    return _walk(theta0, steps, lambda theta: theta - lr * grad(theta))[1:]


@misconception_of(
    "gradient_descent",
    hint="You write every step into one tensor and store that tensor again and again: in the end all rows show the "
    "last point. Make a new tensor in each step.",
)
def one_tensor_stored_often(grad: Field, theta0: Tensor, lr: float, steps: int) -> Tensor:
    last = _walk(theta0, steps, lambda theta: theta - lr * grad(theta))[-1]
    return last.expand(steps + 1, -1).clone()


@misconception_of(
    "gradient_descent",
    hint="Each step has the length lr |gradient|, so the walk slows down as the ground gets flat. You divide by the "
    "length of the gradient: such a walk keeps jumping over the bottom.",
)
def steps_of_one_length(grad: Field, theta0: Tensor, lr: float, steps: int) -> Tensor:
    def move(theta: Tensor) -> Tensor:
        g = grad(theta)
        return theta - lr * g / (g.square().sum().sqrt() + 1e-12)

    return _walk(theta0, steps, move)


@misconception_of(
    "gradient_descent",
    hint="lr stays as it is. You let it decay with the number of the step, which is a schedule, and another exercise.",
)
def decaying_rate(grad: Field, theta0: Tensor, lr: float, steps: int) -> Tensor:
    t = iter(range(1, steps + 1))
    return _walk(theta0, steps, lambda theta: theta - lr / next(t) * grad(theta))


@misconception_of(
    "gradient_descent",
    hint="You took the sign of the gradient: every coordinate then moves by lr, on however flat a slope.",
)
def signs_only(grad: Field, theta0: Tensor, lr: float, steps: int) -> Tensor:
    return _walk(theta0, steps, lambda theta: theta - lr * grad(theta).sign())


def _walk(theta: Tensor, steps: int, move: Field) -> Tensor:
    if steps < 0:
        raise ValueError("a negative number of steps")
    rows = [theta]
    for _ in range(steps):
        theta = move(theta)
        rows.append(theta)
    return torch.stack(rows)


# Alternatives: built differently from the reference.


@alternative_of("gradient_descent")
def table_filled_in_place(grad: Field, theta0: Tensor, lr: float, steps: int) -> Tensor:
    if not steps >= 0:
        raise ValueError("steps must be >= 0")
    table = theta0.new_empty((steps + 1, theta0.numel()))
    table[0] = theta0
    for t in range(steps):
        table[t + 1] = torch.sub(table[t], grad(table[t].clone()), alpha=lr)
    return table


@alternative_of("gradient_descent")
def distance_travelled(grad: Field, theta0: Tensor, lr: float, steps: int) -> Tensor:
    if steps <= -1:
        raise ValueError(steps)
    gone = torch.zeros_like(theta0)
    rows = [theta0.clone()]
    while len(rows) <= steps:
        gone = gone + grad(rows[-1])
        rows.append(theta0 - lr * gone)
    return torch.cat([row[None] for row in rows])


@alternative_of("gradient_descent")
def folded(grad: Field, theta0: Tensor, lr: float, steps: int) -> Tensor:
    if steps < 0:
        raise ValueError("cannot walk backwards")
    walk = accumulate(repeat(None, steps), lambda theta, _: theta.add(grad(theta).mul(-lr)), initial=theta0)
    return torch.vstack(list(walk))


# What students get wrong, and what notices
# uphill -> takes_every_step_against_the_gradient, never_climbs_in_a_valley
# the last point only -> returns_what_is_promised
# theta0 left out, or the last point -> returns_what_is_promised, starts_at_theta0
# one step too many -> asks_for_one_gradient_in_a_step, returns_what_is_promised
# the gradient at theta0 in every step -> shrinks_the_error_by_a_matrix_power
# theta -= ... on one tensor stored again and again -> starts_at_theta0, takes_every_step_against_the_gradient
# theta0 -= ... on the argument itself -> keeps_its_arguments
# grad(theta) *= lr where grad hands back its argument -> agrees_on_edge_cases
# a gradient of length 1, clipped or only its sign -> depends_on_lr_times_the_gradient_alone
# lr / t, lr / (t + 1), lr / d -> goes_straight_down_a_slope
# lr forgotten, or squared -> depends_on_lr_times_the_gradient_alone
# lr / 2, 2 lr (a factor from x²/2) -> takes_every_step_against_the_gradient
# momentum -> can_be_interrupted
# Adam or another rule for each axis -> turns_with_the_landscape
# stops early where the gradient is small -> returns_what_is_promised, stays_where_the_gradient_vanishes
# stops where the loss rises -> agrees_on_edge_cases: the walk diverges
# grad called once more at the end, or twice in a step -> asks_for_one_gradient_in_a_step
# grad called with the whole path, or with a row [1, d] -> asks_for_one_gradient_in_a_step
# points as columns [d, steps + 1] -> returns_what_is_promised
# a list of points -> returns_what_is_promised
# weight decay -> stays_where_the_gradient_vanishes
# no rows for steps = 0 -> starts_at_theta0
# nothing raised for steps < 0: range(-1) is empty -> refuses_a_negative_number_of_steps
# torch.optim.SGD -> the rules
