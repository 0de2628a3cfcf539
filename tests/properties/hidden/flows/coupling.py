"""The affine coupling layer of RealNVP: hidden properties and known answers of both directions."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from autograder.sandbox.inside.functions import Affine, Composition, Scaled, Sum
from autograder.testing.answers import alternative_of, misconception_of
from autograder.testing.assertions import assert_close
from autograder.testing.properties import given, properties_of
from autograder.testing.strategies import generators, normal
from autograder.testing.student import Student
from tests.properties.public.flows.coupling import (
    CASES,
    Coupling,
    constant,
    forward,
    inverse,
    network,
    nothing,
)

Conditioner = Callable[[Tensor], Tensor]


@properties_of("realnvp_forward")
@given(case=CASES)
def test_couples_every_row_alone(student: Student, case: Coupling) -> None:
    """What becomes of one row does not depend on the others"""
    y, log_det = forward(student, case.x, case.s, case.t, case.d)
    for i in range(len(case.x)):
        row, its_log_det = forward(student, case.x[i : i + 1], case.s, case.t, case.d)
        assert_close(row, y[i : i + 1], scale=case.forward_size, because="a row alone")
        size = float(case.log_scale.abs().sum(1).max())
        assert_close(its_log_det, log_det[i : i + 1], scale=size, because="log det of a row alone")


@properties_of("realnvp_forward")
@given(case=CASES, generator=generators())
def test_adds_log_determinants(student: Student, case: Coupling, generator: torch.Generator) -> None:
    """Of two couplings that keep the same block the log-determinants add up, and so do their s"""
    d, m = case.d, case.x.shape[1] - case.d
    s2, t2 = network(generator, d, m), network(generator, d, m)
    y, first = forward(student, case.x, case.s, case.t, d)
    _, second = forward(student, y, s2, t2, d)
    _, both = forward(student, case.x, Sum(case.s, s2), t2, d)
    size = float((case.log_scale.abs() + s2(case.kept).abs()).sum(1).max())
    assert_close(first + second, both, scale=size, because="sum of two log-determinants")


@properties_of("realnvp_forward")
@given(case=CASES, generator=generators())
def test_adds_shifts(student: Student, case: Coupling, generator: torch.Generator) -> None:
    """With s = 0 volumes are kept, and two shifts one after the other are one"""
    D, d = case.x.shape[1], case.d
    t2 = network(generator, d, D - d)
    between, log_det = forward(student, case.x, nothing(D, d), case.t, d)
    y, _ = forward(student, between, nothing(D, d), t2, d)
    at_once, _ = forward(student, case.x, nothing(D, d), Sum(case.t, t2), d)
    size = float((case.rows.abs().max() + case.shift.abs() + t2(case.kept).abs()).max())
    assert_close(log_det, torch.zeros_like(log_det), because="log det for s = 0")
    assert_close(y, at_once, scale=size, because="two shifts")


@properties_of("realnvp_forward")
@given(case=CASES, generator=generators())
def test_is_linear_in_the_second_block(student: Student, case: Coupling, generator: torch.Generator) -> None:
    """s and t see the first block only: a step in the second is stretched by exp(s), whatever was there before"""
    step = torch.zeros_like(case.x)
    step[:, case.d :] = normal(generator, *case.changed.shape)
    y, log_det = forward(student, case.x, case.s, case.t, case.d)
    there, same = forward(student, case.x + step, case.s, case.t, case.d)
    stretched = torch.zeros_like(case.x)
    stretched[:, case.d :] = step[:, case.d :] * case.log_scale.exp()
    size = case.forward_size + float(stretched.abs().max())
    assert_close(there - y, stretched, scale=size, because="what a step in the second block does to y")
    assert_close(same, log_det, scale=float(case.log_scale.abs().sum(1).max()), because="log det after that step")


@properties_of("realnvp_forward")
@given(case=CASES, generator=generators())
def test_numbers_its_coordinates_as_s_and_t_do(student: Student, case: Coupling, generator: torch.Generator) -> None:
    """If the coordinates of the second block, of s and of t change places together, those of y do"""
    d, order = case.d, torch.randperm(case.changed.shape[1], generator=generator)
    y, log_det = forward(student, case.x, case.s, case.t, d)
    exchange = Affine(torch.eye(len(order), dtype=torch.float64)[order], torch.zeros(len(order)).double())
    s, t = Composition(exchange, case.s), Composition(exchange, case.t)
    got, same = forward(student, torch.cat([case.kept, case.changed[:, order]], dim=1), s, t, d)
    expected = torch.cat([y[:, :d], y[:, d:][:, order]], dim=1)
    assert_close(got, expected, scale=case.forward_size, because="y")
    assert_close(same, log_det, scale=float(case.log_scale.abs().sum(1).max()), because="log det")


@properties_of("realnvp_inverse")
@given(case=CASES)
def test_uncouples_every_row_alone(student: Student, case: Coupling) -> None:
    """What becomes of one row does not depend on the others"""
    x = inverse(student, case.y, case.s, case.t, case.d)
    for i in range(len(case.y)):
        row = student.realnvp_inverse(case.y[i : i + 1], case.s, case.t, case.d)
        assert_close(row, x[i : i + 1], scale=case.inverse_size, because="a row alone")


@properties_of("realnvp_inverse")
@given(case=CASES, generator=generators())
def test_shrinks_what_the_coupling_stretches(student: Student, case: Coupling, generator: torch.Generator) -> None:
    """s and t see the first block only: a step in the second block of y is one of exp(-s) times that size in x"""
    step = torch.zeros_like(case.y)
    step[:, case.d :] = normal(generator, *case.changed.shape)
    x = inverse(student, case.y, case.s, case.t, case.d)
    there = inverse(student, case.y + step, case.s, case.t, case.d)
    shrunk = torch.zeros_like(case.y)
    shrunk[:, case.d :] = step[:, case.d :] * torch.exp(-case.log_scale)
    size = case.inverse_size + float(shrunk.abs().max())
    assert_close(there - x, shrunk, scale=size, because="what a step in the second block does to x")


@properties_of("realnvp_inverse")
@given(case=CASES)
def test_is_undone_by_the_opposite_scale(student: Student, case: Coupling) -> None:
    """With t = 0, uncoupling with s and then with -s leads back"""
    zero = nothing(case.y.shape[1], case.d)
    x = inverse(student, case.y, case.s, zero, case.d)
    back = student.realnvp_inverse(x, Scaled(case.s, -1.0), zero, case.d)
    assert_close(back, case.y, because="there and back")


@properties_of("realnvp_inverse")
@given(case=CASES)
def test_removes_the_shift_before_the_scale(student: Student, case: Coupling) -> None:
    """Where y is the shift t itself the second block of x is 0; one scale above it, it is 1"""
    d, m = case.d, case.changed.shape[1]
    log_scale = constant(case.log_scale[0], d)
    shifted = torch.cat([case.kept, case.shift], dim=1)
    x = inverse(student, shifted, log_scale, case.t, d)
    size = float((case.shift.abs() * torch.exp(-case.log_scale[0])).max())
    assert_close(x[:, d:], torch.zeros_like(case.changed), scale=size, because="second block for y = t")
    one_above = torch.cat([case.kept, case.shift + case.log_scale[0].exp()], dim=1)
    x = inverse(student, one_above, log_scale, case.t, d)
    ones = torch.ones(len(case.y), m, dtype=torch.float64)
    assert_close(x[:, d:], ones, scale=1 + size, because="second block for y = t + exp(s)")


@misconception_of(
    "realnvp_forward",
    hint="s has D - d components, one for each coordinate that is scaled: sum over all of them. A printed formula "
    "ends the sum at d; with D = 3, d = 1 and s = (1, 2) it gives 1 instead of 3.",
)
def sum_d(x: Tensor, s: Conditioner, t: Conditioner, d: int) -> tuple[Tensor, Tensor]:
    kept, changed = _split(x, d)
    return torch.cat([kept, changed * s(kept).exp() + t(kept)], 1), s(kept)[:, :d].sum(1)


@misconception_of(
    "realnvp_forward",
    hint="Scale first, then shift: x exp(s) + t. In yours the shift is scaled, too.",
)
def shift_first(x: Tensor, s: Conditioner, t: Conditioner, d: int) -> tuple[Tensor, Tensor]:
    kept, changed = _split(x, d)
    return torch.cat([kept, (changed + t(kept)) * s(kept).exp()], 1), s(kept).sum(1)


@misconception_of(
    "realnvp_forward",
    hint="s and t must see the first block, which is not changed and so is still there when the layer is inverted. "
    "From the second block the Jacobian would not be triangular either.",
)
def conditioner_on_second(x: Tensor, s: Conditioner, t: Conditioner, d: int) -> tuple[Tensor, Tensor]:
    kept, changed = _split(x, d)
    return torch.cat([kept, changed * s(changed).exp() + t(changed)], 1), s(changed).sum(1)


@misconception_of(
    "realnvp_forward",
    hint="The scale is exp(s), which is positive for every s; s is its logarithm. Multiplying by s itself is not "
    "invertible where s = 0.",
)
def scale_without_exp(x: Tensor, s: Conditioner, t: Conditioner, d: int) -> tuple[Tensor, Tensor]:
    kept, changed = _split(x, d)
    return torch.cat([kept, changed * s(kept) + t(kept)], 1), s(kept).abs().log().sum(1)


@misconception_of(
    "realnvp_forward",
    hint="You return the determinant, the product of the exp(s). Asked for is its logarithm: Σ s, no exponentials.",
)
def determinant_itself(x: Tensor, s: Conditioner, t: Conditioner, d: int) -> tuple[Tensor, Tensor]:
    kept, changed = _split(x, d)
    return torch.cat([kept, changed * s(kept).exp() + t(kept)], 1), s(kept).exp().prod(1)


@misconception_of(
    "realnvp_forward",
    hint="The sign of log det: where s > 0 the map stretches, so |det ∂y/∂x| > 1. Minus Σ s belongs to the inverse "
    "map, or to the density.",
)
def log_det_of_the_inverse(x: Tensor, s: Conditioner, t: Conditioner, d: int) -> tuple[Tensor, Tensor]:
    kept, changed = _split(x, d)
    return torch.cat([kept, changed * s(kept).exp() + t(kept)], 1), -s(kept).sum(1)


@misconception_of(
    "realnvp_forward",
    hint="Every row of the batch has a log-determinant of its own; you added all of them up.",
)
def one_log_det_for_the_batch(x: Tensor, s: Conditioner, t: Conditioner, d: int) -> tuple[Tensor, Tensor]:
    kept, changed = _split(x, d)
    return torch.cat([kept, changed * s(kept).exp() + t(kept)], 1), s(kept).sum().expand(len(x)).clone()


@misconception_of(
    "realnvp_forward",
    hint="log det is the sum of s over D - d coordinates, not their mean: a volume is the product of the stretches.",
)
def mean_of_s(x: Tensor, s: Conditioner, t: Conditioner, d: int) -> tuple[Tensor, Tensor]:
    kept, changed = _split(x, d)
    return torch.cat([kept, changed * s(kept).exp() + t(kept)], 1), s(kept).mean(1)


@misconception_of(
    "realnvp_inverse",
    hint="Undo the last step first, as with shoes and socks: take the shift away, then divide by the scale.",
)
def order(y: Tensor, s: Conditioner, t: Conditioner, d: int) -> Tensor:
    kept, changed = _split(y, d)
    return torch.cat([kept, changed * torch.exp(-s(kept)) - t(kept)], 1)


@misconception_of(
    "realnvp_inverse",
    hint="The inverse of multiplying by exp(s) is multiplying by exp(-s): what was stretched must shrink.",
)
def sign(y: Tensor, s: Conditioner, t: Conditioner, d: int) -> Tensor:
    kept, changed = _split(y, d)
    return torch.cat([kept, (changed - t(kept)) * s(kept).exp()], 1)


@misconception_of(
    "realnvp_inverse",
    hint="You divide by s, but the scale is exp(s). For s = 0 the layer only shifts, and yours divides by zero.",
)
def divides_by_s(y: Tensor, s: Conditioner, t: Conditioner, d: int) -> Tensor:
    kept, changed = _split(y, d)
    return torch.cat([kept, (changed - t(kept)) / s(kept)], 1)


@misconception_of(
    "realnvp_inverse",
    hint="The shift is taken away, not added once more: y = x exp(s) + t, solved for x.",
)
def shift_added(y: Tensor, s: Conditioner, t: Conditioner, d: int) -> Tensor:
    kept, changed = _split(y, d)
    return torch.cat([kept, (changed + t(kept)) * torch.exp(-s(kept))], 1)


@misconception_of(
    "realnvp_inverse",
    hint="That is the forward direction, x exp(s) + t. Asked for is the way back.",
)
def forward_again(y: Tensor, s: Conditioner, t: Conditioner, d: int) -> Tensor:
    kept, changed = _split(y, d)
    return torch.cat([kept, changed * s(kept).exp() + t(kept)], 1)


@misconception_of(
    "realnvp_inverse",
    hint="s and t were evaluated on the first block, which y still holds unchanged: evaluate them there again, not on "
    "the second block.",
)
def conditioners_of_the_second_block(y: Tensor, s: Conditioner, t: Conditioner, d: int) -> Tensor:
    kept, changed = _split(y, d)
    return torch.cat([kept, (changed - t(changed)) * torch.exp(-s(changed))], 1)


@misconception_of(
    "realnvp_inverse",
    hint="You exchanged the blocks: the first d coordinates come first in x as well.",
)
def blocks_exchanged(y: Tensor, s: Conditioner, t: Conditioner, d: int) -> Tensor:
    kept, changed = _split(y, d)
    return torch.cat([(changed - t(kept)) * torch.exp(-s(kept)), kept], 1)


def _split(rows: Tensor, d: int) -> tuple[Tensor, Tensor]:
    if not 0 < d < rows.shape[1]:
        raise ValueError("d is out of range")
    return rows[:, :d], rows[:, d:]


EQUIVALENT_MUTANTS = {
    "realnvp_forward": {
        "y = torch.cat([kept, changed * log_scale.exp() + t(kept)], dim=1) => "
        "y = torch.cat([kept, changed * log_scale.exp() + t(kept)], dim=-1)": "axis 1 of a matrix is its last",
        "return (y, log_scale.sum(dim=1)) => return (y, log_scale.sum(dim=-1))": "axis 1 of a matrix is its last",
    },
    "realnvp_inverse": {
        "return torch.cat([kept, (changed - t(kept)) * torch.exp(-s(kept))], dim=1) => "
        "return torch.cat([kept, (changed - t(kept)) * torch.exp(-s(kept))], dim=-1)": "axis 1 of a matrix is its last",
    },
}


# Alternatives: written without looking at the reference.


@alternative_of("realnvp_forward")
def with_zeros_for_the_first_block(x: Tensor, s: Conditioner, t: Conditioner, d: int) -> tuple[Tensor, Tensor]:
    if d <= 0 or x.shape[-1] <= d:
        raise ValueError("need 0 < d < D")
    first = x.narrow(1, 0, d)
    zeros = torch.zeros_like(first)
    S = torch.cat([zeros, s(first)], 1)
    T = torch.cat([zeros, t(first)], 1)
    return x * S.exp() + T, S.sum(1)


@alternative_of("realnvp_forward")
def with_a_matrix_for_every_row(x: Tensor, s: Conditioner, t: Conditioner, d: int) -> tuple[Tensor, Tensor]:
    if d >= x.shape[1] or d <= 0:
        raise ValueError("invalid d")
    a = x[:, :d]
    ls = s(a)
    A = torch.diag_embed(torch.exp(ls))
    b = torch.bmm(A, x[:, d:].unsqueeze(2)).squeeze(2) + t(a)
    return torch.column_stack([a, b]), ls @ torch.ones(ls.shape[1], dtype=ls.dtype, device=ls.device)


@alternative_of("realnvp_inverse")
def shrinks_the_shift_apart(y: Tensor, s: Conditioner, t: Conditioner, d: int) -> Tensor:
    D = y.shape[1]
    if d < 1 or D - d < 1:
        raise ValueError("both blocks must be non-empty")
    keep, rest = y.split([d, D - d], dim=1)
    w = s(keep).neg().exp()
    return torch.hstack([keep, torch.addcmul(rest * w, t(keep), w, value=-1)])


@alternative_of("realnvp_inverse")
def by_a_triangular_solve(y: Tensor, s: Conditioner, t: Conditioner, d: int) -> Tensor:
    _, D = y.shape
    if d >= D or d <= 0:
        raise ValueError("bad d")
    a = y[:, :d]
    ls = s(a)
    A = torch.diag_embed(torch.exp(ls))
    rhs = (y[:, d:] - t(a)).unsqueeze(-1)
    b = torch.linalg.solve_triangular(A, rhs, upper=False).squeeze(-1)
    return torch.column_stack([a, b])


# What students get wrong, and what notices
#
# forward
# sum of s over the first d -> has_the_log_determinant_of_its_jacobian
# mean or batch sum of s -> has_the_log_determinant_of_its_jacobian, couples_every_row_alone
# exp(s), its product, or a minus sign as log det -> has_the_log_determinant_of_its_jacobian, adds_log_determinants
# t added into log det -> adds_shifts
# (x + t) exp(s) -> can_be_undone, scales_before_it_shifts
# x s + t, x (1 + s) + t -> can_be_undone, adds_log_determinants
# x exp(s) - t -> can_be_undone
# s and t of the second block -> is_linear_in_the_second_block (an error unless D = 2 d)
# s and t of the whole row -> an error: every property
# s of the scaled or shifted second block -> is_linear_in_the_second_block
# D // 2 in place of d -> can_be_undone (cases with d far from D / 2)
# the last d coordinates kept -> can_be_undone
# the blocks put together in the wrong order -> can_be_undone
# torch.cat along the rows: an error, or another shape -> returns_what_is_promised
# only the second block returned -> returns_what_is_promised
# y and log det as a list, or exchanged -> returns_what_is_promised
# x[:, d:] *= ... changes the argument -> keeps_its_arguments
# s(x1).exp_(), which writes into x where s hands back its argument -> agrees_on_edge_cases, can_be_undone
# s clamped, or tanh(s) for stability -> scales_before_it_shifts (any c)
# log of the product of the exp(s), which overflows -> scales_before_it_shifts, agrees_at_extreme_scales
# no error for d = 0 or d = D, or an error for d = 1 -> rejects_d_zero, rejects_d_equal_to_D
# a negative d taken for an index from the end -> rejects_negative_d
#
# inverse
# y exp(-s) - t -> is_taken_back_to_y_by_the_coupling, removes_the_shift_before_the_scale
# s clamped -> takes_the_shift_away_and_then_divides (any c)
# exp(+s) -> shrinks_what_the_coupling_stretches
# (y - t) / s -> is_undone_by_the_opposite_scale, changes_nothing_without_conditioners_either
# (y + t) exp(-s) -> removes_the_shift_before_the_scale
# the forward direction once more -> finds_the_x_that_made_y
# s and t of the second block, or of what was recovered of it -> shrinks_what_the_coupling_stretches
# solved by iteration or by autograd -> evaluates_each_conditioner_once
# s called for the shift and again for the scale -> evaluates_each_conditioner_once
# s and t called row by row -> evaluates_each_conditioner_once
# (x, log det) returned -> returns_what_is_promised
