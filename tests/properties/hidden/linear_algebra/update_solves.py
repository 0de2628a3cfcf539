"""Linear systems whose matrix changes by a little: hidden properties and known answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch
from torch import Tensor
from torch.linalg import matrix_norm, vector_norm

from autograder.testing.answers import alternative_of, misconception_of
from autograder.testing.assertions import assert_close, assert_raises
from autograder.testing.properties import given, properties_of
from autograder.testing.strategies import assume, generators, normal
from autograder.testing.student import Student
from tests.properties.public.linear_algebra.update_solves import (
    SYSTEMS,
    UpdatedSystem,
    in_domain,
    solution,
    solver,
)

Solve = Callable[[Tensor], Tensor]


@properties_of("rank_one_update_solve")
@given(case=SYSTEMS, generator=generators())
def test_is_linear_in_y(student: Student, case: UpdatedSystem, generator: torch.Generator) -> None:
    """Half of y plus -2 times another right-hand side has half of x plus -2 times the other solution"""
    other = dataclasses.replace(case, y=normal(generator, case.n))
    both = dataclasses.replace(case, y=0.5 * case.y - 2 * other.y)
    expected = 0.5 * solution(student, case) - 2 * solution(student, other)
    size = case.error + other.error
    assert_close(solution(student, both), expected, scale=size, because="x for y/2 - 2y'")


@properties_of("rank_one_update_solve")
@given(case=SYSTEMS, generator=generators())
def test_finds_the_x_that_y_was_made_of(student: Student, case: UpdatedSystem, generator: torch.Generator) -> None:
    """For y = A x + u (v·x) it finds this x again"""
    x = normal(generator, case.n)
    made = dataclasses.replace(case, y=case.A @ x + case.u * (case.v @ x))
    assert_close(solution(student, made), x, scale=made.error, because="x")


@properties_of("rank_one_update_solve")
@given(case=SYSTEMS)
def test_screens_the_response_to_u(student: Student, case: UpdatedSystem) -> None:
    """For y = u the solution is the old response A⁻¹u, screened: divided by a number"""
    of_u = dataclasses.replace(case, y=case.u)
    screened = case.A_inv @ case.u / case.denominator
    assert_close(solution(student, of_u), screened, scale=of_u.error, because="x for y = u")


@properties_of("rank_one_update_solve")
@given(case=SYSTEMS)
def test_depends_on_the_product_of_u_and_v_alone(student: Student, case: UpdatedSystem) -> None:
    """(cu) vᵀ = u (cv)ᵀ: it does not matter which of the two vectors carries a factor"""
    moved = dataclasses.replace(case, u=case.u * -4, v=case.v / -4)
    assert_close(solution(student, moved), solution(student, case), scale=case.error, because="x for -4u, -v/4")


@properties_of("rank_one_update_solve")
@given(case=SYSTEMS)
def test_is_undone_by_the_opposite_update(student: Student, case: UpdatedSystem) -> None:
    """With a solver of A + u vᵀ, the update -u vᵀ leads back to A⁻¹y"""
    inverse = torch.linalg.inv(case.updated)
    back = UpdatedSystem(case.updated, inverse, solver(inverse), -case.u, case.v, case.y)
    assume(in_domain(back))
    size = back.error * float(1 + matrix_norm(case.updated) * matrix_norm(inverse))
    assert_close(solution(student, back), case.A_inv @ case.y, scale=size, because="there and back")


@properties_of("rank_one_update_solve")
@given(case=SYSTEMS, generator=generators())
def test_is_reciprocal(student: Student, case: UpdatedSystem, generator: torch.Generator) -> None:
    """What b sees of the response to y in A + u vᵀ is what y sees of the response to b in Aᵀ + v uᵀ"""
    b = normal(generator, case.n)
    A_inv_T = case.A_inv.T.contiguous()
    mirrored = UpdatedSystem(case.A.T, A_inv_T, solver(A_inv_T), case.v, case.u, b)
    size = float(vector_norm(b)) * case.error + float(vector_norm(case.y)) * mirrored.error
    assert_close(b @ solution(student, case), case.y @ solution(student, mirrored), scale=size, because="b·x and y·x'")


@properties_of("rank_one_update_solve")
@given(case=SYSTEMS)
def test_refuses_what_makes_the_matrix_singular(student: Student, case: UpdatedSystem) -> None:
    """v along one axis, so long that 1 + vᵀA⁻¹u = 0, raises ValueError, for every y"""
    w, v = case.solve(case.u), torch.zeros_like(case.v)
    assume(bool(w.any()))
    largest = w.abs().argmax()
    v[largest] = -1 / w[largest]
    assert_raises(student, "rank_one_update_solve", (case.solve, case.u, v, case.y), ValueError)


@misconception_of(
    "rank_one_update_solve",
    hint="The sign of the correction: u (v·x) stands on the left with a plus, so it arrives on the right with a minus. "
    "Try n = 1 with every number 1: x must be 1/2.",
)
def plus(solve: Solve, u: Tensor, v: Tensor, y: Tensor) -> Tensor:
    z, w = solve(y), solve(u)
    return z + w * (v @ z) / _guarded(1 + v @ w)


@misconception_of(
    "rank_one_update_solve",
    hint="A⁻¹ has nothing to do with v: v only measures. What responds is the source y and the source u, so those two "
    "are worth a call of solve.",
)
def uses_v_solve(solve: Solve, u: Tensor, v: Tensor, y: Tensor) -> Tensor:
    z, w = solve(y), solve(v)
    return z - w * (v @ z) / _guarded(1 + v @ solve(u))


@misconception_of(
    "rank_one_update_solve",
    hint="The solution must be linear in y, so y cannot stand in the denominator: it is the response to u that feeds "
    "back on itself there.",
)
def y_in_denominator(solve: Solve, u: Tensor, v: Tensor, y: Tensor) -> Tensor:
    z, w = solve(y), solve(u)
    _guarded(1 + v @ w)
    return z - w * (v @ z) / (1 + v @ z)


@misconception_of(
    "rank_one_update_solve",
    hint="You took v·z for v·x: that is the first step of an iteration, or first-order perturbation theory. v·x also "
    "contains the response to u; its equation has one unknown, so solve it.",
)
def first_order_only(solve: Solve, u: Tensor, v: Tensor, y: Tensor) -> Tensor:
    z, w = solve(y), solve(u)
    _guarded(1 + v @ w)
    return z - w * (v @ z)


@misconception_of(
    "rank_one_update_solve",
    hint="* multiplies entry by entry, so nothing is summed. v·z and v·w are numbers: use @ between vectors.",
)
def entry_by_entry(solve: Solve, u: Tensor, v: Tensor, y: Tensor) -> Tensor:
    z, w = solve(y), solve(u)
    _guarded(1 + v @ w)
    return z - w * (v * z) / (1 + v * w)


@misconception_of(
    "rank_one_update_solve",
    hint="Project x = z - w (v·x) on v once more: v·x stands twice on the same side, with a plus.",
)
def minus_in_the_denominator(solve: Solve, u: Tensor, v: Tensor, y: Tensor) -> Tensor:
    z, w = solve(y), solve(u)
    _guarded(1 + v @ w)
    return z - w * (v @ z) / (1 - v @ w)


@misconception_of(
    "rank_one_update_solve",
    hint="Which vector is solved for, and which one measures? In u vᵀ, u is the source and v the detector; you have "
    "exchanged them.",
)
def exchanged_vectors(solve: Solve, u: Tensor, v: Tensor, y: Tensor) -> Tensor:
    z, w = solve(y), solve(v)
    return z - w * (u @ z) / _guarded(1 + u @ w)


def _guarded(denominator: Tensor) -> Tensor:
    if denominator.abs() <= 1e-12:  # row threshold
        raise ValueError("singular update")
    return denominator


EQUIVALENT_MUTANTS = {
    "rank_one_update_solve": {
        "denominator = 1 + v @ w => denominator = 1 + w @ v": "the scalar product is symmetric",
        "v_x = v @ z / denominator => v_x = z @ v / denominator": "the scalar product is symmetric",
        "if denominator.abs() <= SINGULAR_UPDATE: => if denominator.abs() < SINGULAR_UPDATE:": "1e-12 is never hit",
    }
}

# Alternatives: by other routes, from the statement.


@alternative_of("rank_one_update_solve")
def small_system_in_full(solve: Solve, u: Tensor, v: Tensor, y: Tensor) -> Tensor:
    """(I + w vᵀ) x = z, written out as an n x n system."""
    w, z = solve(u), solve(y)
    if torch.abs(1 + (v * w).sum()) <= 1e-12:  # row threshold
        raise ValueError("no solution")
    return torch.linalg.solve(torch.eye(len(u), dtype=u.dtype, device=u.device) + torch.outer(w, v), z)


@alternative_of("rank_one_update_solve")
def entry_by_entry_in_a_loop(solve: Solve, u: Tensor, v: Tensor, y: Tensor) -> Tensor:
    """The number s = v·x first, in loops; then x entry by entry."""
    response, source = solve(y), solve(u)
    top, bottom = torch.zeros_like(u[0]), torch.ones_like(u[0])
    for i in range(u.numel()):
        top = top + v[i] * response[i]
        bottom = bottom + v[i] * source[i]
    if -1e-12 <= bottom <= 1e-12:  # row threshold
        raise ValueError("no solution")
    s = top / bottom
    return torch.stack([response[i] - s * source[i] for i in range(u.numel())])


# What students get wrong, and what notices
# + instead of - -> solves_the_updated_system
# solve(v) for solve(u) -> solves_the_updated_system, calls_solve_twice
# 1 + v·z in the denominator -> is_linear_in_y
# no denominator, one step of an iteration -> solves_the_updated_system, screens_the_response_to_u
# 1 - v·w in the denominator -> screens_the_response_to_u
# |1 + v·w| in the denominator -> solves_the_updated_system (negative denominators)
# u and v exchanged -> is_reciprocal, solves_the_updated_system
# w·z for v·z, u·z for v·z -> depends_on_the_product_of_u_and_v_alone
# u instead of w = A⁻¹u in the correction -> solves_the_updated_system
# * for @ between vectors -> solves_the_updated_system
# a third solve for y - u (v·x) -> calls_solve_twice
# A⁻¹ column by column -> calls_solve_twice
# both right-hand sides stacked in one call -> calls_solve_twice
# one call where u = 0 -> calls_solve_twice (an edge case)
# v·x returned, or x without the correction's z -> returns_what_is_promised, is_the_old_solution_without_an_update
# an iteration x ← solve(y - u (v·x)) until it converges -> calls_solve_twice
# solve(u) written to in place, which is u where A = I -> keeps_its_arguments (an edge case)
# no error for a singular update: inf or nan -> rejects_singular_update
# error only for exactly 0 -> rejects_nearly_singular_update
# error for every denominator <= 1e-12, so for negative ones -> solves_the_updated_system
# an early return of 0 for y = 0, before the check -> rejects_singular_number
# a small number added to the denominator -> solves_the_updated_system (denominators of 1/8)
