"""The density of a stack of RealNVP layers: hidden properties and known answers."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from autograder.sandbox.inside.functions import Scaled
from autograder.testing.answers import alternative_of, misconception_of
from autograder.testing.assertions import assert_close
from autograder.testing.properties import given, properties_of
from autograder.testing.strategies import generators, powers_of_two, tensor
from autograder.testing.student import Student
from tests.properties.public.flows.coupling import affine, constant, network, nothing
from tests.properties.public.flows.stack import (
    CASES,
    Layers,
    Stack,
    bounded,
    generate,
    log_prob,
    standard_normal,
)

GENTLE: Layers = [
    (Scaled(bounded(affine([[1]], [0.25])), 0.25), affine([[-0.25]], [0.5])),
    (Scaled(bounded(affine([[-0.75]], [-0.5])), 0.25), affine([[0.5]], [1])),
]
Layer = tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]


@properties_of("realnvp_log_prob")
def test_is_normalised(student: Student) -> None:
    """The density integrates to 1 over the plane"""
    h, line = 0.25, torch.arange(-12, 12, 0.25, dtype=torch.float64)
    for layers in (GENTLE, [*GENTLE, GENTLE[0]]):
        density = log_prob(student, torch.cartesian_prod(line, line), layers, 1).exp()
        # For a smooth density that vanishes at the ends, a sum on a grid is the integral.
        assert_close(density.sum() * h**2, tensor(1), because=f"integral over the plane with {len(layers)} layers")


@properties_of("realnvp_log_prob")
@given(case=CASES)
def test_scores_every_row_alone(student: Student, case: Stack) -> None:
    """The log-density of one row does not depend on the others"""
    together = log_prob(student, case.y, case.layers, case.d)
    for i in range(len(case.y)):
        alone = student.realnvp_log_prob(case.y[i : i + 1], case.layers, case.d)
        size = case.size + float(together.abs().max())
        assert_close(alone, together[i : i + 1], scale=size, because="a row alone")


@properties_of("realnvp_log_prob")
@given(case=CASES)
def test_flips_after_a_layer_that_does_nothing(student: Student, case: Stack) -> None:
    """After a last layer with s = t = 0 the same density stands at the flipped coordinates"""
    zero = (nothing(case.width, case.d), nothing(case.width, case.d))
    expected = log_prob(student, case.y, case.layers, case.d)
    got = student.realnvp_log_prob(case.y.flip(1), [*case.layers, zero], case.d)
    assert_close(got, expected, scale=case.size, because="s = t = 0 in the last layer")


@properties_of("realnvp_log_prob")
@given(case=CASES)
def test_does_not_see_that_the_noise_is_flipped(student: Student, case: Stack) -> None:
    """A first layer with s = t = 0 flips the noise, whose coordinates are all alike: no density changes"""
    zero = (nothing(case.width, case.d), nothing(case.width, case.d))
    expected = log_prob(student, case.y, case.layers, case.d)
    got = student.realnvp_log_prob(case.y, [zero, *case.layers], case.d)
    assert_close(got, expected, scale=case.size, because="s = t = 0 in the first layer")


@properties_of("realnvp_log_prob")
@given(case=CASES, generator=generators())
def test_keeps_volumes_where_it_only_shifts(student: Student, case: Stack, generator: torch.Generator) -> None:
    """With s = 0 in every layer, y has the density of the noise it was made of"""
    D, d = case.width, case.d
    layers: Layers = [(nothing(D, d), network(generator, d, D - d)) for _ in range(3)]
    got = student.realnvp_log_prob(generate(case.y, layers, d), layers, d)
    assert_close(got, standard_normal(case.y), scale=case.size, because="s = 0")


@properties_of("realnvp_log_prob")
@given(case=CASES, c=powers_of_two(-300, 300))
def test_spreads_the_noise_over_any_volume(student: Student, case: Stack, c: float) -> None:
    """With t = 0 and s = log c in three layers y is stretched noise: log N(z) falls by 3 (D - d) log c, for any c"""
    m, s = case.width - case.d, math.log(c)
    layers: Layers = [(constant(tensor([s] * m), case.d), nothing(case.width, case.d))] * 3
    expected = standard_normal(case.y) - 3 * m * s
    got = student.realnvp_log_prob(generate(case.y, layers, case.d), layers, case.d)
    assert_close(got, expected, scale=case.size + abs(3 * m * s), condition=1 + abs(s), because="t = 0, s = log c")


@properties_of("realnvp_log_prob")
@given(case=CASES, generator=generators())
def test_falls_by_s_where_it_only_scales(student: Student, case: Stack, generator: torch.Generator) -> None:
    """At y = 0 and with t = 0 the noise is 0, too: there the log-density is that of the noise less every s"""
    D, d = case.width, case.d
    layers: Layers = [(bounded(network(generator, d, D - d)), nothing(D, d)) for _ in range(3)]
    y = torch.zeros_like(case.y)
    expected = standard_normal(y) - sum(s(y[:, :d]).sum(1) for s, _ in layers)
    assert_close(student.realnvp_log_prob(y, layers, d), expected, scale=3 * D, because="t = 0 at y = 0")


@misconception_of(
    "realnvp_log_prob",
    hint="Every layer ends with a flip. To undo it, start with the flip: unflip, then uncouple. Without flips the "
    "first d coordinates would stay pure noise through all layers.",
)
def no_flip(y: Tensor, layers: list[Layer], d: int) -> Tensor:
    log_det = _checked(y, d)
    for s, t in reversed(layers):
        y, log_det = _uncoupled(y, log_det, s, t, d)
    return _normal(y) - log_det


@misconception_of(
    "realnvp_log_prob",
    hint="Where the generator stretches space, s > 0, the same probability is spread over more volume: the s are taken "
    "from the log-density, not added.",
)
def plus(y: Tensor, layers: list[Layer], d: int) -> Tensor:
    log_det = _checked(y, d)
    for s, t in reversed(layers):
        y, log_det = _uncoupled(y.flip(1), log_det, s, t, d)
    return _normal(y) + log_det


@misconception_of(
    "realnvp_log_prob",
    hint="You undo the first layer first. What was done last must be undone first: go through the layers backwards.",
)
def layer_order(y: Tensor, layers: list[Layer], d: int) -> Tensor:
    log_det = _checked(y, d)
    for s, t in layers:
        y, log_det = _uncoupled(y.flip(1), log_det, s, t, d)
    return _normal(y) - log_det


@misconception_of(
    "realnvp_log_prob",
    hint="You uncouple before you unflip. The generator couples and then flips; on the way back the flip comes first.",
)
def flip_after_uncoupling(y: Tensor, layers: list[Layer], d: int) -> Tensor:
    log_det = _checked(y, d)
    for s, t in reversed(layers):
        y, log_det = _uncoupled(y, log_det, s, t, d)
        y = y.flip(1)
    return _normal(y) - log_det


@misconception_of(
    "realnvp_log_prob",
    hint="The normalisation of the standard normal density is missing, D/2 log 2π. Without layers exp of your answer "
    "does not integrate to 1.",
)
def no_normalisation(y: Tensor, layers: list[Layer], d: int) -> Tensor:
    log_det = _checked(y, d)
    for s, t in reversed(layers):
        y, log_det = _uncoupled(y.flip(1), log_det, s, t, d)
    return -0.5 * y.square().sum(1) - log_det


@misconception_of(
    "realnvp_log_prob",
    hint="1/2 log 2π belongs to each of the D coordinates: in D dimensions the constant is D/2 log 2π.",
)
def normalisation_of_one_dimension(y: Tensor, layers: list[Layer], d: int) -> Tensor:
    log_det = _checked(y, d)
    for s, t in reversed(layers):
        y, log_det = _uncoupled(y.flip(1), log_det, s, t, d)
    return -0.5 * y.square().sum(1) - 0.5 * math.log(2 * math.pi) - log_det


@misconception_of(
    "realnvp_log_prob",
    hint="The layers map noise to data. You push y through them once more instead of back: every coupling must be "
    "inverted, (y - t) exp(-s).",
)
def forward_through_the_layers(y: Tensor, layers: list[Layer], d: int) -> Tensor:
    log_det = _checked(y, d)
    for s, t in layers:
        kept, changed = y[:, :d], y[:, d:]
        log_det = log_det + s(kept).sum(1)
        y = torch.cat([kept, changed * s(kept).exp() + t(kept)], 1).flip(1)
    return _normal(y) - log_det


@misconception_of(
    "realnvp_log_prob",
    hint="You evaluate the normal density at y itself. It is the density of the noise: find the z that made y first.",
)
def density_of_the_noise_at_y(y: Tensor, layers: list[Layer], d: int) -> Tensor:
    log_det, z = _checked(y, d), y
    for s, t in reversed(layers):
        z, log_det = _uncoupled(z.flip(1), log_det, s, t, d)
    return _normal(y) - log_det


@misconception_of(
    "realnvp_log_prob",
    hint="Volumes change in every layer: the Σ s of all layers add up. Yours holds the one that was computed last.",
)
def volume_of_one_layer(y: Tensor, layers: list[Layer], d: int) -> Tensor:
    log_det = _checked(y, d)
    for s, t in reversed(layers):
        y, log_det = _uncoupled(y.flip(1), torch.zeros_like(log_det), s, t, d)
    return _normal(y) - log_det


@misconception_of(
    "realnvp_log_prob",
    hint="The values are right, but the range of d is checked only inside the layers: without any layer a d outside "
    "0 < d < D must raise ValueError, too.",
)
def checks_d_in_the_layers_only(y: Tensor, layers: list[Layer], d: int) -> Tensor:
    log_det = torch.zeros_like(y[:, 0])
    for s, t in reversed(layers):
        _checked(y, d)
        y, log_det = _uncoupled(y.flip(1), log_det, s, t, d)
    return _normal(y) - log_det


def _checked(y: Tensor, d: int) -> Tensor:
    if not 0 < d < y.shape[1]:
        raise ValueError("d is out of range")
    return torch.zeros_like(y[:, 0])


def _uncoupled(
    y: Tensor, log_det: Tensor, s: Callable[[Tensor], Tensor], t: Callable[[Tensor], Tensor], d: int
) -> tuple[Tensor, Tensor]:
    kept, changed = y[:, :d], y[:, d:]
    return torch.cat([kept, (changed - t(kept)) * torch.exp(-s(kept))], 1), log_det + s(kept).sum(1)


def _normal(z: Tensor) -> Tensor:
    return -0.5 * z.square().sum(1) - 0.5 * z.shape[1] * math.log(2 * math.pi)


EQUIVALENT_MUTANTS = {
    "realnvp_log_prob": {
        "z = torch.cat([kept, (changed - t(kept)) * torch.exp(-log_scale)], dim=1) => "
        "z = torch.cat([kept, (changed - t(kept)) * torch.exp(-log_scale)], dim=-1)": "axis 1 of a matrix is its last",
        "log_det = log_det + log_scale.sum(dim=1) => "
        "log_det = log_det + log_scale.sum(dim=-1)": "axis 1 of a matrix is its last",
        "log_normal = -0.5 * (z.square().sum(dim=1) + D * math.log(2 * math.pi)) => "
        "log_normal = -0.5 * (z.square().sum(dim=-1) + D * math.log(2 * math.pi))": "axis 1 of a matrix is its last",
    }
}


# Alternatives: written without looking at the reference.


@alternative_of("realnvp_log_prob")
def by_recursion(y: Tensor, layers: list[Layer], d: int) -> Tensor:
    if not 0 < d < y.shape[1]:
        raise ValueError("d out of range")

    def density(y: Tensor, layers: list[Layer]) -> Tensor:
        if len(layers) == 0:
            return -0.5 * (y * y + math.log(2 * math.pi)).sum(dim=1)
        s, t = layers[-1]
        u = y.flip(1)
        a, b = u[:, :d], u[:, d:]
        ls = s(a)
        x = torch.cat([a, (b - t(a)) / ls.exp()], 1)
        return density(x, layers[:-1]) - ls.sum(1)

    return density(y, layers)


@alternative_of("realnvp_log_prob")
def reads_the_columns_from_either_end(y: Tensor, layers: list[Layer], d: int) -> Tensor:
    _, D = y.shape
    if d <= 0 or d >= D:
        raise ValueError("invalid d")
    columns = list(y.unbind(1))
    order = list(range(D))
    out = torch.full_like(y[:, 0], -0.5 * D * math.log(2 * math.pi))
    for s, t in layers[::-1]:
        order = order[::-1]
        a = torch.stack([columns[j] for j in order[:d]], 1)
        ls, sh = s(a), t(a)
        for i, j in enumerate(order[d:]):
            columns[j] = (columns[j] - sh[:, i]) * (-ls[:, i]).exp()
            out = out - ls[:, i]
    for c in columns:
        out = out - c * c / 2
    return out


# What students get wrong, and what notices
# no flip -> flips_after_a_layer_that_does_nothing, changes_with_the_volume_of_what_is_generated
# the flip undone after the coupling -> flips_after_a_layer_that_does_nothing
# one flip too many, or too few, at an end -> flips_after_a_layer_that_does_nothing
# the halves exchanged instead of a flip -> is_gaussian_for_affine_layers (D > 2)
# flip of the rows, dims = 0 -> scores_every_row_alone
# first layer undone first -> takes_off_the_last_layer_first
# the layers applied forwards -> keeps_volumes_where_it_only_shifts
# + Σ s -> is_normalised, falls_by_s_where_it_only_scales
# Σ s of the last layer only, or of the first -> takes_off_the_last_layer_first
# Σ s over the batch, or a mean -> scores_every_row_alone, falls_by_s_where_it_only_scales
# Σ s over the first d -> changes_with_the_volume_of_what_is_generated
# s of the coordinates after the inversion of the wrong block -> keeps_volumes_where_it_only_shifts
# y exp(-s) - t -> is_gaussian_for_affine_layers
# exp(+s) -> is_gaussian_for_affine_layers
# N(y) for N(z) -> keeps_volumes_where_it_only_shifts
# no D/2 log 2π, or 1/2 log 2π, log 2π, log π -> is_standard_normal_without_layers
# -|z|² without the 1/2, or |z| for |z|² -> is_standard_normal_without_layers
# log of the product of the exp(s), which overflows -> spreads_the_noise_over_any_volume, agrees_at_extreme_scales
# s clamped -> spreads_the_noise_over_any_volume
# the density instead of its logarithm: 0 in the tails -> agrees_at_extreme_scales
# d // 2, D // 2 in place of d -> changes_with_the_volume_of_what_is_generated
# one number for the batch -> returns_what_is_promised
# layers.reverse(), which changes the argument -> keeps_its_arguments
# y[:, d:] -= ..., which changes the argument -> keeps_its_arguments
# s(kept).exp_() where s hands back its argument -> agrees_on_edge_cases
# no error for d outside the range, or only where there are layers -> rejects_...
# an error, or 0, for an empty list of layers -> is_standard_normal_without_layers
# torch.zeros(n) in float32 -> returns_what_is_promised
