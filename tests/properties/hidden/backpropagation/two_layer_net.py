"""Gradients of a network with one hidden layer: hidden properties and known answers."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, outer

from autograder.testing.answers import alternative_of, misconception_of
from autograder.testing.assertions import assert_close
from autograder.testing.properties import given, properties_of
from autograder.testing.record import Cases
from autograder.testing.strategies import generators, normal
from autograder.testing.student import Student
from tests.properties.public.backpropagation.two_layer_net import SAMPLES, Sample, assert_gradients, gradients

Gradients = tuple[Tensor, Tensor, Tensor]
SOME_SAMPLES = Cases(SAMPLES.dense, SAMPLES.drawn)
IMAGINARY_STEP = 2.0**-100
"""Its square is nothing beside 1, so that the imaginary part of L(p + i s q) / s is the derivative, without a limit."""


@properties_of("two_layer_net_gradients")
@given(case=SOME_SAMPLES, generator=generators())
def test_is_the_slope_in_every_direction(student: Student, case: Sample, generator: torch.Generator) -> None:
    """The gradients, times a change of W, b and a, are the rate at which the loss changes"""
    d = len(case.x)
    change = (normal(generator, case.width, d), normal(generator, case.width), normal(generator, case.width))
    W, b, a = (p + 1j * IMAGINARY_STEP * q for p, q in zip((case.W, case.b, case.a), change, strict=True))
    loss = (case.y - (a * torch.tanh((W * case.x).sum(1) + b)).mean()) ** 2
    slope = sum((g * q).sum() for g, q in zip(gradients(student, case), change, strict=True))
    size = sum(scale * float(q.abs().sum()) for scale, q in zip(case.scales, change, strict=True))
    assert_close(slope, loss.imag / IMAGINARY_STEP, condition=case.condition, scale=size, because="slope of the loss")


@properties_of("two_layer_net_gradients")
@given(case=SAMPLES)
def test_exchanges_the_gradients_of_exchanged_units(student: Student, case: Sample) -> None:
    """The order of the hidden units does not matter, so equal units get equal gradients"""
    dW, db, da = gradients(student, case)
    rolled = dataclasses.replace(case, W=case.W.roll(1, 0), b=case.b.roll(1), a=case.a.roll(1))
    expected = (dW.roll(1, 0), db.roll(1), da.roll(1))
    assert_gradients(gradients(student, rolled), expected, rolled, "of rolled units")


@properties_of("two_layer_net_gradients")
@given(case=SAMPLES)
def test_does_not_see_the_sign_of_a_unit(student: Student, case: Sample) -> None:
    """tanh is odd: w, b, a → -w, -b, -a of one unit leaves ŷ as it is, and flips the gradients of that unit alone"""
    dW, db, da = gradients(student, case)
    sign = torch.ones_like(case.a)
    sign[0] = -1
    flipped = dataclasses.replace(case, W=sign[:, None] * case.W, b=sign * case.b, a=sign * case.a)
    expected = (sign[:, None] * dW, sign * db, sign * da)
    assert_gradients(gradients(student, flipped), expected, flipped, "with the first unit's sign changed")


@properties_of("two_layer_net_gradients")
@given(case=SAMPLES)
def test_starts_as_a_linear_model(student: Student, case: Sample) -> None:
    """At W = 0 and b = 0, where tanh z = z: ∂L/∂b = -2 y a / N, and a learns nothing yet"""
    start = dataclasses.replace(case, W=0 * case.W, b=0 * case.b)
    db = -2 * case.y * case.a / case.width
    expected = (outer(db, case.x), db, torch.zeros_like(case.a))
    assert_gradients(gradients(student, start), expected, start, "at W = 0, b = 0")


@properties_of("two_layer_net_gradients")
@given(case=SAMPLES)
def test_stretches_the_prediction_through_a(student: Student, case: Sample) -> None:
    """ŷ is linear in a, so a · ∂L/∂a = -2 (y - ŷ) ŷ"""
    _, _, da = gradients(student, case)
    expected = -2 * (case.y - case.prediction) * case.prediction
    size = 2 * (abs(case.y) + float(case.a.abs().max())) * float(case.a.abs().max())
    assert_close(float(case.a @ da), expected, condition=case.condition, scale=size, because="a · ∂L/∂a")


@properties_of("two_layer_net_gradients")
@given(case=SAMPLES)
def test_pulls_as_hard_from_either_side(student: Student, case: Sample) -> None:
    """A target as far on the other side of ŷ turns all gradients round"""
    dW, db, da = gradients(student, case)
    mirrored = dataclasses.replace(case, y=2 * case.prediction - case.y)
    # y + 2 max|a| bounds the mirrored target, but the sizes that count are those of the first
    wider = dataclasses.replace(case, y=abs(case.y) + 2 * float(case.a.abs().max()))
    assert_gradients(gradients(student, mirrored), (-dW, -db, -da), wider, "for the mirrored target")


@properties_of("two_layer_net_gradients")
@given(case=SAMPLES)
def test_takes_a_bias_for_a_weight(student: Student, case: Sample) -> None:
    """A further input that is always 1, with weights b, learns what the bias learns"""
    dW, db, da = gradients(student, case)
    W, x = torch.cat([case.W, case.b[:, None]], 1), torch.cat([case.x, torch.ones_like(case.x[:1])])
    absorbed = Sample(W, torch.zeros_like(case.b), case.a, x, case.y)
    expected = (torch.cat([dW, db[:, None]], 1), db, da)
    assert_gradients(gradients(student, absorbed), expected, absorbed, "with the bias as a weight")


@properties_of("two_layer_net_gradients")
@given(case=SAMPLES)
def test_does_not_depend_on_units(student: Student, case: Sample) -> None:
    """In other units of x (and 1/W) and of y (and a) the gradients are the same, in their new units"""
    dW, db, da = gradients(student, case)
    for s, c in ((2.0**60, 2.0**-60), (2.0**-60, 2.0**60)):
        other = Sample(case.W / s, case.b, case.a * c, case.x * s, case.y * c)
        assert_gradients(gradients(student, other), (s * c**2 * dW, c**2 * db, c * da), other, "in other units")


@misconception_of(
    "two_layer_net_gradients",
    hint="ŷ is a mean over the N hidden units: each of them moves it by 1/N of what it does. That factor goes through "
    "the chain rule into every gradient, once.",
)
def no_1_over_N(W: Tensor, b: Tensor, a: Tensor, x: Tensor, y: float) -> Gradients:  # noqa: N802
    h = _hidden(W, b, x)
    return _gradients(-2 * (y - (a * h).mean()), a * (1 - h**2), h, x)


@misconception_of(
    "two_layer_net_gradients",
    hint="Every gradient is half of what it should be: this loss is (y - ŷ)², without the customary 1/2 that would "
    "swallow the 2 of the derivative.",
)
def half_loss(W: Tensor, b: Tensor, a: Tensor, x: Tensor, y: float) -> Gradients:
    h = _hidden(W, b, x)
    return _gradients(-(y - (a * h).mean()) / len(a), a * (1 - h**2), h, x)


@misconception_of(
    "two_layer_net_gradients",
    hint="The sign: d(y - ŷ)²/dŷ = -2 (y - ŷ), because ŷ enters with a minus. Descending along yours would push ŷ away "
    "from y.",
)
def sign(W: Tensor, b: Tensor, a: Tensor, x: Tensor, y: float) -> Gradients:
    h = _hidden(W, b, x)
    return _gradients(2 * (y - (a * h).mean()) / len(a), a * (1 - h**2), h, x)


@misconception_of(
    "two_layer_net_gradients",
    hint="Your network predicts the sum over its hidden units; this one predicts their mean, (1/N) Σ. The 1/N stands "
    "in ŷ itself, not only in front of the gradients.",
)
def sum_in_the_prediction(W: Tensor, b: Tensor, a: Tensor, x: Tensor, y: float) -> Gradients:
    h = _hidden(W, b, x)
    return _gradients(-2 * (y - a @ h) / len(a), a * (1 - h**2), h, x)


@misconception_of(
    "two_layer_net_gradients",
    hint="You differentiated a network without 1/N: ŷ = Σ aᵢ tanh(zᵢ). Here ŷ is the mean over the units, which "
    "changes both the error y - ŷ and, by the chain rule, every gradient.",
)
def no_mean_at_all(W: Tensor, b: Tensor, a: Tensor, x: Tensor, y: float) -> Gradients:
    h = _hidden(W, b, x)
    return _gradients(-2 * (y - a @ h), a * (1 - h**2), h, x)


@misconception_of(
    "two_layer_net_gradients",
    hint="The 1/N is in your gradients twice. It enters once, with ŷ = (1/N) Σ aᵢ tanh(zᵢ); the loss of a single "
    "sample brings no further mean.",
)
def mean_taken_twice(W: Tensor, b: Tensor, a: Tensor, x: Tensor, y: float) -> Gradients:
    h = _hidden(W, b, x)
    return _gradients(-2 * (y - (a * h).mean()) / len(a) ** 2, a * (1 - h**2), h, x)


@misconception_of(
    "two_layer_net_gradients",
    hint="On its way to W and b the error passes through tanh and takes its slope along, 1 - tanh²(z). Without it a "
    "saturated unit would learn as fast as one at rest.",
)
def no_slope_of_tanh(W: Tensor, b: Tensor, a: Tensor, x: Tensor, y: float) -> Gradients:
    h = _hidden(W, b, x)
    return _gradients(_error(a, h, y), a, h, x)


@misconception_of(
    "two_layer_net_gradients",
    hint="The slope belongs at z: tanh'(z) = 1 - tanh²(z) = 1 - h². You took it at the output, 1 - tanh²(h), which is "
    "one tanh too many.",
)
def slope_at_the_output(W: Tensor, b: Tensor, a: Tensor, x: Tensor, y: float) -> Gradients:
    h = _hidden(W, b, x)
    return _gradients(_error(a, h, y), a * (1 - h.tanh() ** 2), h, x)


@misconception_of(
    "two_layer_net_gradients",
    hint="h (1 - h) is the slope of the logistic function. That of tanh is 1 - h²: 1 at z = 0, where yours vanishes.",
)
def slope_of_the_logistic_function(W: Tensor, b: Tensor, a: Tensor, x: Tensor, y: float) -> Gradients:
    h = _hidden(W, b, x)
    return _gradients(_error(a, h, y), a * h * (1 - h), h, x)


@misconception_of(
    "two_layer_net_gradients",
    hint="A unit learns as strongly as it is heard: the gradients of W and b carry its outer weight aᵢ. With aᵢ = 0 "
    "nothing that happens to wᵢ or bᵢ could change the loss.",
)
def no_outer_weight(W: Tensor, b: Tensor, a: Tensor, x: Tensor, y: float) -> Gradients:
    h = _hidden(W, b, x)
    return _gradients(_error(a, h, y), 1 - h**2, h, x)


@misconception_of(
    "two_layer_net_gradients",
    hint="ŷ is linear in a: ∂ŷ/∂aᵢ = tanh(zᵢ)/N, with no further a and no slope of tanh. One printed version of this "
    "formula (eq. 6.21) has both.",
)
def outer_weights_as_printed(W: Tensor, b: Tensor, a: Tensor, x: Tensor, y: float) -> Gradients:
    h = _hidden(W, b, x)
    return _gradients(_error(a, h, y), a * (1 - h**2), a * (1 - h**2), x)


@misconception_of(
    "two_layer_net_gradients",
    hint="Your hidden units do not see their bias: z = W x + b. Gradients belong to the network that makes the "
    "prediction, so the forward pass has to be the same one.",
)
def no_bias(W: Tensor, b: Tensor, a: Tensor, x: Tensor, y: float) -> Gradients:
    h = _hidden(W, 0 * b, x)
    return _gradients(_error(a, h, y), a * (1 - h**2), h, x)


@misconception_of(
    "two_layer_net_gradients",
    hint="Your gradients do not know how far ŷ is from y. They are those of ŷ itself; the outermost link of the chain, "
    "-2 (y - ŷ), is missing, and without it training would never come to rest.",
)
def gradient_of_the_prediction(W: Tensor, b: Tensor, a: Tensor, x: Tensor, y: float) -> Gradients:
    h = _hidden(W, b, x)
    return _gradients(torch.ones_like(h[0]) / len(a), a * (1 - h**2), h, x)


def _hidden(W: Tensor, b: Tensor, x: Tensor) -> Tensor:
    return torch.tanh(W @ x + b)


def _error(a: Tensor, h: Tensor, y: float) -> Tensor:
    return -2 * (y - (a * h).mean()) / len(a)


def _gradients(dy: Tensor, through_z: Tensor, through_a: Tensor, x: Tensor) -> Gradients:
    return dy * outer(through_z, x), dy * through_z, dy * through_a


EQUIVALENT_MUTANTS = {
    "two_layer_net_gradients": {
        "y_hat = a @ hidden / N => y_hat = hidden @ a / N": "the dot product of two vectors is symmetric"
    }
}


# Alternatives: written without looking at the reference.


@alternative_of("two_layer_net_gradients")
def bias_absorbed(W: Tensor, b: Tensor, a: Tensor, x: Tensor, y: float) -> Gradients:
    n, d = W.shape
    xa = torch.cat([x, x.new_ones(1)])
    Wa = torch.cat([W, b.unsqueeze(1)], dim=1)
    h = (Wa * xa).sum(1).tanh()
    dyhat = 2 * ((a * h).mean() - y)
    dh = dyhat * a / n
    G = (dh * (1 - h.square()))[:, None] * xa[None, :]
    return G[:, :d].clone(), G[:, d].clone(), dyhat * h / n


@alternative_of("two_layer_net_gradients")
def tanh_from_sigmoids(W: Tensor, b: Tensor, a: Tensor, x: Tensor, y: float) -> Gradients:
    N = b.shape[0]
    z = torch.mv(W, x).add(b)
    sp, sm = torch.sigmoid(2 * z), torch.sigmoid(-2 * z)
    h = sp - sm
    delta = (torch.dot(a, h).div(N) - y).mul(2.0 / N)
    db = delta * a * (4 * sp * sm)
    return db.unsqueeze(-1) * x, db, delta * h


# What students get wrong, and what notices
# no 1/N in the gradients -> is_the_gradient_of_the_loss, halves_the_gradients_when_every_unit_is_doubled
# 1/N twice -> is_the_gradient_of_the_loss, starts_as_a_linear_model
# the sum instead of the mean in ŷ -> has_nothing_to_learn_from_a_perfect_fit
# d in place of N (the wrong axis of W counted) -> is_the_gradient_of_the_loss
# the loss with 1/2 -> is_the_gradient_of_the_loss, stretches_the_prediction_through_a
# the sign of y - ŷ -> is_the_gradient_of_the_loss, starts_as_a_linear_model
# the gradients of ŷ, not of the loss -> has_nothing_to_learn_from_a_perfect_fit
# |y - ŷ| or its sign for the error -> pulls_as_hard_from_either_side, is_the_slope_in_every_direction
# the error squared -> pulls_as_hard_from_either_side
# no slope of tanh -> is_the_gradient_of_the_loss
# the slope taken at tanh(z) -> is_the_gradient_of_the_loss
# the slope of another function (logistic, relu) -> is_the_gradient_of_the_loss, starts_as_a_linear_model
# tanh from (eᶻ - e⁻ᶻ)/(eᶻ + e⁻ᶻ): nan where a unit is saturated -> agrees_on_edge_cases
# no a in the gradients of W and b -> does_not_see_the_sign_of_a_unit
# a and tanh' in the gradient of a (the printed formula) -> starts_as_a_linear_model
# the bias forgotten in z -> takes_a_bias_for_a_weight
# the gradient of b summed over the units, or times x -> weights_learn_like_biases_times_the_input
# W taken as [d, N] -> an error unless N = d; is_the_slope_in_every_direction
# outer(x, db): ∂L/∂W transposed -> returns_what_is_promised
# the gradients in another order (a, b, W) -> returns_what_is_promised, is_the_gradient_of_the_loss
# all units given the same (mean) gradient -> is_the_slope_in_every_direction
# a step of gradient descent instead of the gradient -> has_nothing_to_learn_from_a_perfect_fit
# finite differences with a step too large -> is_the_gradient_of_the_loss
# loss.backward(), torch.func.grad -> the rules
# a small number added, or values clipped, against division by zero or overflow -> does_not_depend_on_units
# W += ... changes the argument -> keeps_its_arguments
# torch.tensor([...]) of Python floats: float32 for float64 -> returns_what_is_promised
