"""Adam: hidden properties and known answers."""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import Tensor

from autograder.testing.answers import alternative_of, misconception_of
from autograder.testing.assertions import assert_close
from autograder.testing.properties import given, properties_of
from autograder.testing.student import Student
from tests.properties.public.optimization.adam import STEPS, TRAININGS, Step, Training, in_other_units, update

State = tuple[Tensor, Tensor, int]
Betas = tuple[float, float]
Updated = tuple[Tensor, Tensor, Tensor]


@properties_of("adam_step")
@given(case=TRAININGS)
def test_averages_all_gradients_so_far(student: Student, case: Training) -> None:
    """m̂ and v̂ are weighted means of all g and g², with weights in proportion to βᵗ⁻ˢ for the gradient of step s"""
    T, past, last = len(case.grads), case.grads[:-1], case.grads[-1]
    before, after = case.weights(T - 1), case.weights(T)
    state = (before[0] @ past, before[1] @ past.square(), T)
    theta, m, v = student.adam_step(case.theta, last, state, case.lr, case.betas, case.eps)
    size = float(case.grads.abs().max())
    assert_close(m, after[0] @ case.grads, scale=size, because="m")
    assert_close(v, after[1] @ case.grads.square(), scale=size**2, because="v")
    first, second = (weights / weights.sum() for weights in after)
    m_hat, v_hat = first @ case.grads, second @ case.grads.square()
    expected = case.theta - case.lr * m_hat / (v_hat.sqrt() + case.eps)
    assert_close(theta, expected, scale=case.size, because="theta")


@properties_of("adam_step")
@given(case=STEPS)
def test_does_not_depend_on_the_units_of_the_loss(student: Student, case: Step) -> None:
    """With g, m and eps c times and v c² times as large, theta is the same: Adam's step has no units but those of lr"""
    theta, m, v = update(student, case)
    size = float((case.state[0].abs() + case.grad.abs()).max())
    for c in (2.0**-100, 2.0**100):
        got = update(student, in_other_units(case, c))
        assert_close(got[0], theta, scale=case.size, because="theta")
        assert_close(got[1], c * m, scale=c * size, because="m")
        assert_close(got[2], c**2 * v, because="v")


@properties_of("adam_step")
@given(case=STEPS)
def test_steps_from_where_theta_is(student: Student, case: Step) -> None:
    """Nothing but the starting point depends on theta: the step is the same everywhere, and in proportion to lr"""
    theta, m, v = update(student, case)
    elsewhere = dataclasses.replace(case, theta=3 - 2 * case.theta, lr=2 * case.lr)
    moved, m_there, v_there = update(student, elsewhere)
    assert_close(moved - elsewhere.theta, 2 * (theta - case.theta), scale=2 * case.size + 3, because="step for 2 lr")
    assert_close(m_there, m, because="m")
    assert_close(v_there, v, because="v")


@properties_of("adam_step")
@given(case=STEPS)
def test_mirrors_with_a_coordinate(student: Student, case: Step) -> None:
    """Turning one axis round (theta, g and m change sign) turns theta and m round on that axis, and leaves v"""
    theta, m, v = update(student, case)
    sign = torch.ones_like(case.theta)
    sign[0] = -1
    old_m, old_v, t = case.state
    mirrored = dataclasses.replace(case, theta=sign * case.theta, grad=sign * case.grad, state=(sign * old_m, old_v, t))
    got = update(student, mirrored)
    assert_close(got[0], sign * theta, scale=case.size, because="theta")
    assert_close(got[1], sign * m, because="m")
    assert_close(got[2], v, because="v")


@properties_of("adam_step")
@given(case=STEPS)
def test_moves_every_parameter_alone(student: Student, case: Step) -> None:
    """A parameter moves as if it were the only one"""
    together = update(student, case)
    m, v, t = case.state
    for i in {0, len(m) - 1}:
        one = slice(i, i + 1)
        alone = dataclasses.replace(case, theta=case.theta[one], grad=case.grad[one], state=(m[one], v[one], t))
        for name, got, expected in zip(("theta", "m", "v"), update(student, alone), together, strict=True):
            assert_close(got, expected[one], scale=case.size if name == "theta" else None, because=f"{name} alone")


@properties_of("adam_step")
@given(case=STEPS)
def test_forgets_the_past_where_beta_is_zero(student: Student, case: Step) -> None:
    """With betas = (0, 0) the step is -lr g/(|g| + eps) whatever the moments were, and they become g and g²"""
    theta, m, v = update(student, dataclasses.replace(case, betas=(0.0, 0.0)))
    g = case.grad
    size = float(case.theta.abs().max()) + case.lr
    assert_close(theta, case.theta - case.lr * g / (g.abs() + case.eps), scale=size, because="theta")
    assert_close(m, g, because="m")
    assert_close(v, g.square(), because="v")


@misconception_of(
    "adam_step",
    hint="The moments start at zero and are drawn towards it in the first steps. Divide by 1 - βᵗ: without that, the "
    "first step with the usual betas would be 0.1/√0.001, more than three times too long.",
)
def no_bias_correction(theta: Tensor, grad: Tensor, state: State, lr: float, betas: Betas, eps: float) -> Updated:
    m, v = _moments(grad, state, betas)
    return theta - lr * m / (v.sqrt() + eps), m, v


@misconception_of(
    "adam_step",
    hint="eps is added to the root, √v̂ + eps, not under it: it is a length of gradient, not the square of one. For "
    "gradients near 1e-6 and eps = 1e-8 the step under the root is a hundred times too short.",
)
def eps_inside(theta: Tensor, grad: Tensor, state: State, lr: float, betas: Betas, eps: float) -> Updated:
    m, v = _moments(grad, state, betas)
    m_hat, v_hat = _corrected(m, v, state, betas)
    return theta - lr * m_hat / (v_hat + eps).sqrt(), m, v


@misconception_of(
    "adam_step",
    hint="The corrected moments are for this step only. Return m and v as they were before the correction: the next "
    "step will correct them afresh, and what is corrected twice is too large.",
)
def correction_on_state(theta: Tensor, grad: Tensor, state: State, lr: float, betas: Betas, eps: float) -> Updated:
    m, v = _moments(grad, state, betas)
    m_hat, v_hat = _corrected(m, v, state, betas)
    return theta - lr * m_hat / (v_hat.sqrt() + eps), m_hat, v_hat


@misconception_of(
    "adam_step",
    hint="t in the state is the number of this very step, counted from 1: use βᵗ, not βᵗ⁺¹. In the first step the "
    "corrected m̂ must be g itself.",
)
def counted_from_zero(theta: Tensor, grad: Tensor, state: State, lr: float, betas: Betas, eps: float) -> Updated:
    m, v = _moments(grad, state, betas)
    m_hat, v_hat = _corrected(m, v, (m, v, state[2] + 1), betas)
    return theta - lr * m_hat / (v_hat.sqrt() + eps), m, v


@misconception_of(
    "adam_step",
    hint="The weights of the gradients seen so far add up to 1 - βᵗ, not to 1 - β: the correction fades as t grows. "
    "Yours is that of the first step, at every step.",
)
def correction_without_t(theta: Tensor, grad: Tensor, state: State, lr: float, betas: Betas, eps: float) -> Updated:
    m, v = _moments(grad, state, betas)
    m_hat, v_hat = _corrected(m, v, (m, v, 1), betas)
    return theta - lr * m_hat / (v_hat.sqrt() + eps), m, v


@misconception_of(
    "adam_step",
    hint="eps meets the corrected root, √v̂ + eps. You added it to √v first and corrected afterwards, as some "
    "libraries do: in the first steps that amounts to a much larger eps.",
)
def eps_before_the_correction(
    theta: Tensor, grad: Tensor, state: State, lr: float, betas: Betas, eps: float
) -> Updated:
    m, v = _moments(grad, state, betas)
    rate = lr * (1 - betas[1] ** state[2]) ** 0.5 / (1 - betas[0] ** state[2])
    return theta - rate * m / (v.sqrt() + eps), m, v


@misconception_of(
    "adam_step",
    hint="betas = (β₁, β₂): the first belongs to m, the mean of g, and the second to v, the mean of g². Yours are "
    "exchanged.",
)
def exchanged_betas(theta: Tensor, grad: Tensor, state: State, lr: float, betas: Betas, eps: float) -> Updated:
    m, v = _moments(grad, state, betas[::-1])
    m_hat, v_hat = _corrected(m, v, state, betas[::-1])
    return theta - lr * m_hat / (v_hat.sqrt() + eps), m, v


@misconception_of(
    "adam_step",
    hint="Which part is kept? β is the memory: m ← β₁ m + (1 - β₁) g, so that with β₁ = 0.9 the past weighs nine "
    "tenths. Yours keeps one tenth.",
)
def exchanged_weights(theta: Tensor, grad: Tensor, state: State, lr: float, betas: Betas, eps: float) -> Updated:
    m, v = _moments(grad, state, (1 - betas[0], 1 - betas[1]))
    m_hat, v_hat = _corrected(m, v, state, betas)
    return theta - lr * m_hat / (v_hat.sqrt() + eps), m, v


@misconception_of(
    "adam_step",
    hint="The step uses the moments that already contain this gradient. Yours uses those of the step before: the "
    "first step would stand still.",
)
def old_moments(theta: Tensor, grad: Tensor, state: State, lr: float, betas: Betas, eps: float) -> Updated:
    m, v = _moments(grad, state, betas)
    m_hat, v_hat = _corrected(state[0], state[1], state, betas)
    return theta - lr * m_hat / (v_hat.sqrt() + eps), m, v


@misconception_of(
    "adam_step",
    hint="Units: m̂ has those of a gradient, v̂ those of its square. Only the root of v̂ makes the step a pure number "
    "times lr.",
)
def no_root(theta: Tensor, grad: Tensor, state: State, lr: float, betas: Betas, eps: float) -> Updated:
    m, v = _moments(grad, state, betas)
    m_hat, v_hat = _corrected(m, v, state, betas)
    return theta - lr * m_hat / (v_hat + eps), m, v


@misconception_of(
    "adam_step",
    hint="Both moments are biased towards zero, m as well as v. You corrected v alone.",
)
def only_v_corrected(theta: Tensor, grad: Tensor, state: State, lr: float, betas: Betas, eps: float) -> Updated:
    m, v = _moments(grad, state, betas)
    _, v_hat = _corrected(m, v, state, betas)
    return theta - lr * m / (v_hat.sqrt() + eps), m, v


@misconception_of(
    "adam_step",
    hint="Both moments are biased towards zero, v as well as m. You corrected m alone, which makes the first steps far "
    "too long.",
)
def only_m_corrected(theta: Tensor, grad: Tensor, state: State, lr: float, betas: Betas, eps: float) -> Updated:
    m, v = _moments(grad, state, betas)
    m_hat, _ = _corrected(m, v, state, betas)
    return theta - lr * m_hat / (v.sqrt() + eps), m, v


@misconception_of(
    "adam_step",
    hint="v is the mean of the squared gradients, each squared before it is averaged. You squared the mean m, so that "
    "gradients of opposite signs cancel where they should add up.",
)
def square_of_the_mean(theta: Tensor, grad: Tensor, state: State, lr: float, betas: Betas, eps: float) -> Updated:
    m, _ = _moments(grad, state, betas)
    v = betas[1] * state[1] + (1 - betas[1]) * m**2
    m_hat, v_hat = _corrected(m, v, state, betas)
    return theta - lr * m_hat / (v_hat.sqrt() + eps), m, v


@misconception_of(
    "adam_step",
    hint="You climb: the gradient points uphill, so the step must be subtracted from theta.",
)
def ascent(theta: Tensor, grad: Tensor, state: State, lr: float, betas: Betas, eps: float) -> Updated:
    m, v = _moments(grad, state, betas)
    m_hat, v_hat = _corrected(m, v, state, betas)
    return theta + lr * m_hat / (v_hat.sqrt() + eps), m, v


@misconception_of(
    "adam_step",
    hint="Every parameter has its own v: g² is taken entry by entry. You used the squared length of the whole "
    "gradient, so one steep direction slows down all the others.",
)
def one_length_for_all(theta: Tensor, grad: Tensor, state: State, lr: float, betas: Betas, eps: float) -> Updated:
    m, _ = _moments(grad, state, betas)
    v = betas[1] * state[1] + (1 - betas[1]) * grad.square().sum()
    m_hat, v_hat = _corrected(m, v, state, betas)
    return theta - lr * m_hat / (v_hat.sqrt() + eps), m, v


def _moments(grad: Tensor, state: State, betas: Betas) -> tuple[Tensor, Tensor]:
    m, v, t = state
    if t < 1:
        raise ValueError("steps are counted from 1")
    return betas[0] * m + (1 - betas[0]) * grad, betas[1] * v + (1 - betas[1]) * grad**2


def _corrected(m: Tensor, v: Tensor, state: State, betas: Betas) -> tuple[Tensor, Tensor]:
    return m / (1 - betas[0] ** state[2]), v / (1 - betas[1] ** state[2])


# Alternatives: written without looking at the reference.


@alternative_of("adam_step")
def coordinate_by_coordinate(
    theta: Tensor, grad: Tensor, state: State, lr: float, betas: Betas, eps: float
) -> tuple[Tensor, ...]:
    m0, v0, t = state
    if t < 1:
        raise ValueError("t must be at least 1")
    (b1, b2), new = betas, ([], [], [])
    for th, g, m, v in zip(theta.tolist(), grad.tolist(), m0.tolist(), v0.tolist(), strict=True):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        new[0].append(th - lr * (m / (1 - b1**t)) / (math.sqrt(v / (1 - b2**t)) + eps))
        new[1].append(m)
        new[2].append(v)
    return tuple(torch.tensor(c, dtype=theta.dtype, device=theta.device) for c in new)


@alternative_of("adam_step")
def moments_by_their_change(theta: Tensor, grad: Tensor, state: State, lr: float, betas: Betas, eps: float) -> Updated:
    m, v, t = state
    if t < 1:
        raise ValueError("bad step")
    k1, k2 = 1 - betas[0], 1 - betas[1]
    m = m + k1 * (grad - m)
    v = v + k2 * (grad * grad - v)
    c1 = 1.0 if betas[0] == 0 else -math.expm1(t * math.log(betas[0]))
    c2 = 1.0 if betas[1] == 0 else -math.expm1(t * math.log(betas[1]))
    scale = lr * math.sqrt(c2) / c1
    return theta - scale * (m / (v.sqrt() + eps * math.sqrt(c2))), m, v


# What students get wrong, and what notices
# no bias correction -> starts_with_a_step_of_known_length, trains_like_torch
# only one moment corrected -> starts_with_a_step_of_known_length
# 1 - β instead of 1 - βᵗ -> repeats_its_step_under_a_constant_gradient
# 1 - βᵗ⁺¹, 1 - βᵗ⁻¹ (t miscounted), 1 - β t -> repeats_its_step_under_a_constant_gradient
# no correction after the first hundred or thousand steps -> repeats_its_step_under_a_constant_gradient
# corrected moments returned -> lets_the_moments_relax_towards_the_gradient, trains_like_torch
# eps under the root -> starts_with_a_step_of_known_length, does_not_depend_on_the_units_of_the_loss
# eps added before the correction -> starts_with_a_step_of_known_length, repeats_its_step_under_a_constant_gradient
# eps added to the moment, or forgotten -> does_not_depend_on_the_units_of_the_loss; nan on "g = 0, m = 0, v = 0"
# β₁ and β₂ exchanged -> lets_the_moments_relax_towards_the_gradient
# β and 1 - β exchanged -> lets_the_moments_relax_towards_the_gradient
# betas, eps or lr replaced by the usual values -> trains_like_torch
# 1 - β forgotten in front of the gradient -> lets_the_moments_relax_towards_the_gradient
# the step made with the old moments -> starts_with_a_step_of_known_length
# g instead of m̂ in the step (RMSProp) -> averages_all_gradients_so_far
# g² instead of v̂ in the step -> averages_all_gradients_so_far
# v from m², or from g, not from g² -> lets_the_moments_relax_towards_the_gradient, mirrors_with_a_coordinate
# no root, or a root of m as well -> does_not_depend_on_the_units_of_the_loss
# uphill instead of downhill -> starts_with_a_step_of_known_length
# theta forgotten: only the step returned -> steps_from_where_theta_is
# the norm of the gradient for all parameters -> moves_every_parameter_alone
# a gradient that is clipped or normalised first -> trains_like_torch
# eps, g or v floored or clipped at a small number -> does_not_depend_on_the_units_of_the_loss
# weight decay added -> steps_from_where_theta_is
# the largest v kept (AMSGrad) -> lets_the_moments_relax_towards_the_gradient
# (m, v, theta): another order -> trains_like_torch
# no error for t = 0: division by zero, nan -> rejects_step_zero
# an error only for t = 0 -> rejects_a_negative_step
# m.mul_(...) on the state itself -> keeps_its_arguments
# torch.optim.Adam -> the rules
# float32 inside -> agrees_with_the_reference
