"""The inverse of a matrix that changes by an update of rank k: hidden properties and known answers."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.linalg import matrix_norm

from autograder.testing.answers import alternative_of, misconception_of
from autograder.testing.assertions import assert_close, assert_raises
from autograder.testing.errata import Erratum
from autograder.testing.properties import given, properties_of
from autograder.testing.strategies import assume, conditioned, generators, normal, powers_of_two, rotation, sizes
from autograder.testing.student import Student
from tests.properties.public.linear_algebra.low_rank_updates import (
    UPDATES,
    LowRankUpdate,
    eye,
    in_domain,
    with_capacitance,
)


def answer(student: Student, case: LowRankUpdate) -> Tensor:
    """The student's inverse of the updated matrix."""
    X: Tensor = student.woodbury(case.A_inv, case.U, case.C, case.V)
    return X


@properties_of("woodbury")
@given(case=UPDATES)
def test_transposes_with_its_arguments(student: Student, case: LowRankUpdate) -> None:
    """(A + U C V)ᵀ = Aᵀ + Vᵀ Cᵀ Uᵀ, so the inverse is transposed as well"""
    transposed = student.woodbury(*(M.T.contiguous() for M in (case.A_inv, case.V, case.C, case.U)))
    assert_close(transposed, answer(student, case).T, condition=case.condition, because="A⁻ᵀ, Vᵀ, Cᵀ, Uᵀ")


@properties_of("woodbury")
@given(case=UPDATES)
def test_depends_on_the_product_alone(student: Student, case: LowRankUpdate) -> None:
    """U (C) V, (U C) I V and U I (C V) are one matrix: it does not matter which factor carries C"""
    one = eye(len(case.C))
    X = answer(student, case)
    in_U = student.woodbury(case.A_inv, case.U @ case.C, one, case.V)
    in_V = student.woodbury(case.A_inv, case.U, one, case.C @ case.V)
    magnified = case.condition * float(1 + matrix_norm(case.C) * matrix_norm(case.V) * matrix_norm(case.U))
    assert_close(in_U, X, condition=magnified, because="(U C) I V")
    assert_close(in_V, X, condition=magnified, because="U I (C V)")


@properties_of("woodbury")
@given(case=UPDATES, generator=generators())
def test_does_not_see_the_basis_of_the_small_space(
    student: Student, case: LowRankUpdate, generator: torch.Generator
) -> None:
    """U C V = (U T) (T⁻¹ C T) (T⁻¹ V) for every invertible T [k, k]"""
    k = len(case.C)
    T = conditioned(generator, k, condition=4)
    T_inv = torch.linalg.inv(T)
    turned = LowRankUpdate(case.A, case.A_inv, case.U @ T, T_inv @ case.C @ T, T_inv @ case.V)
    assert_close(
        answer(student, turned), answer(student, case), condition=turned.condition, because="U T, T⁻¹C T, T⁻¹V"
    )


@properties_of("woodbury")
@given(case=UPDATES, generator=generators())
def test_is_sherman_morrison_for_one_column(student: Student, case: LowRankUpdate, generator: torch.Generator) -> None:
    """For k = 1 and C = 1 it is the Sherman-Morrison formula"""
    u, v = normal(generator, 2, len(case.A))
    single = LowRankUpdate(case.A, case.A_inv, u[:, None] / matrix_norm(case.A_inv), eye(1), v[None, :])
    assume(in_domain(single))
    u = single.U[:, 0]
    expected = case.A_inv - torch.outer(case.A_inv @ u, v @ case.A_inv) / (1 + v @ case.A_inv @ u)
    assert_close(answer(student, single), expected, condition=single.condition, because="u 1 vᵀ")


@properties_of("woodbury")
@given(case=UPDATES, generator=generators())
def test_takes_columns_together_or_in_turn(student: Student, case: LowRankUpdate, generator: torch.Generator) -> None:
    """U C V + U' C' V' at once, with C and C' as diagonal blocks, or one after the other"""
    n = len(case.A)
    scale = matrix_norm(case.A) / n
    more = LowRankUpdate(
        case.updated, case.inverse, normal(generator, n, 2) * scale, normal(generator, 2, 2), normal(generator, 2, n)
    )
    U, C = torch.cat([case.U, more.U], 1), torch.block_diag(case.C, more.C)
    both = LowRankUpdate(case.A, case.A_inv, U, C, torch.cat([case.V, more.V]))
    assume(in_domain(both))
    in_turn = student.woodbury(answer(student, case), more.U, more.C, more.V)
    condition = case.condition * more.condition + both.condition
    assert_close(answer(student, both), in_turn, condition=condition, because="both at once")


@properties_of("woodbury")
@given(k=sizes(1, 5), size=powers_of_two(-60, 60), generator=generators())
def test_refuses_what_is_singular_up_to_rounding(
    student: Student, k: int, size: float, generator: torch.Generator
) -> None:
    """A smallest singular value of I + C V A⁻¹U below 10 k eps max(1, the largest) raises ValueError"""
    for dtype in (torch.float64, torch.float32):
        least = 6 * k * torch.finfo(dtype).eps * (max(1.0, size) if k > 1 else 1.0)
        singular_values = torch.full((k,), max(size, least), dtype=torch.float64)
        singular_values[-1] = least
        K = rotation(generator, k) * singular_values @ rotation(generator, k)
        assert_raises(student, "woodbury", with_capacitance(K.to(dtype)), ValueError)


@misconception_of(
    "woodbury",
    hint="The correction is subtracted. Try numbers: for A = U = C = V = 1 the matrix grows from 1 to 2, so its "
    "inverse shrinks from 1 to 1/2.",
)
def plus_sign(A_inv: Tensor, U: Tensor, C: Tensor, V: Tensor) -> Tensor:
    return A_inv + A_inv @ U @ torch.linalg.solve(_capacitance(A_inv, U, C, V), C @ V @ A_inv)


@misconception_of(
    "woodbury",
    hint="The correction is subtracted: for A = U = C = V = 1 the matrix grows from 1 to 2, so its inverse shrinks "
    "from 1 to 1/2. The form with C⁻¹ also fails for a singular C; (I + C V A⁻¹U)⁻¹ C does without it.",
)
def as_printed(A_inv: Tensor, U: Tensor, C: Tensor, V: Tensor) -> Tensor:
    return A_inv + A_inv @ U @ torch.linalg.inv(torch.linalg.inv(C) + V @ A_inv @ U) @ V @ A_inv


@misconception_of(
    "woodbury",
    hint="The k x k block is C⁻¹ + V A⁻¹U: think of C as a spring constant, then compliances add, C⁻¹ and V A⁻¹U. "
    "Check the units of what you add.",
)
def c_not_inverted(A_inv: Tensor, U: Tensor, C: Tensor, V: Tensor) -> Tensor:
    _capacitance(A_inv, U, C, V)
    return A_inv - A_inv @ U @ torch.linalg.solve(C + V @ A_inv @ U, V @ A_inv)


@misconception_of(
    "woodbury",
    hint="C and V A⁻¹U do not commute. Pulling C out of (C⁻¹ + V A⁻¹U)⁻¹ to the right gives (I + C V A⁻¹U)⁻¹ C; "
    "pulling it to the left gives C (I + V A⁻¹U C)⁻¹. You mixed the two.",
)
def order(A_inv: Tensor, U: Tensor, C: Tensor, V: Tensor) -> Tensor:
    _capacitance(A_inv, U, C, V)
    K = torch.eye(len(C), dtype=C.dtype, device=C.device) + V @ A_inv @ U @ C
    return A_inv - A_inv @ U @ torch.linalg.solve(K, C @ V @ A_inv)


@misconception_of(
    "woodbury",
    hint="Your formula inverts C, and C may be singular: C = 0 is no update at all and must give A⁻¹ back. Multiply "
    "through: (C⁻¹ + V A⁻¹U)⁻¹ = (I + C V A⁻¹U)⁻¹ C needs no C⁻¹.",
)
def needs_an_invertible_c(A_inv: Tensor, U: Tensor, C: Tensor, V: Tensor) -> Tensor:
    _capacitance(A_inv, U, C, V)
    return A_inv - A_inv @ U @ torch.linalg.inv(torch.linalg.inv(C) + V @ A_inv @ U) @ V @ A_inv


@misconception_of(
    "woodbury",
    hint="A⁻¹ - A⁻¹U C V A⁻¹ is first-order perturbation theory. The update also acts on its own response; summing "
    "that geometric series gives the factor (I + C V A⁻¹U)⁻¹.",
)
def first_order_only(A_inv: Tensor, U: Tensor, C: Tensor, V: Tensor) -> Tensor:
    _capacitance(A_inv, U, C, V)
    return A_inv - A_inv @ U @ C @ V @ A_inv


@misconception_of(
    "woodbury",
    hint="In the k x k block, A⁻¹ stands between V and U: I + C V A⁻¹U. V U alone has other units, and forgets how the "
    "old matrix carries the response from U to V.",
)
def metric_forgotten(A_inv: Tensor, U: Tensor, C: Tensor, V: Tensor) -> Tensor:
    _capacitance(A_inv, U, C, V)
    K = torch.eye(len(C), dtype=C.dtype, device=C.device) + C @ V @ U
    return A_inv - A_inv @ U @ torch.linalg.solve(K, C @ V @ A_inv)


@misconception_of(
    "woodbury",
    hint="A factor C is missing on the right: (C⁻¹ + V A⁻¹U)⁻¹ = (I + C V A⁻¹U)⁻¹ C. Without it, C = 0 would still "
    "change A⁻¹.",
)
def c_lost_on_the_right(A_inv: Tensor, U: Tensor, C: Tensor, V: Tensor) -> Tensor:
    return A_inv - A_inv @ U @ torch.linalg.solve(_capacitance(A_inv, U, C, V), V @ A_inv)


@misconception_of(
    "woodbury",
    hint="You returned the correction A⁻¹U (I + C V A⁻¹U)⁻¹ C V A⁻¹ itself. It still has to be taken from A⁻¹.",
)
def correction_alone(A_inv: Tensor, U: Tensor, C: Tensor, V: Tensor) -> Tensor:
    return A_inv @ U @ torch.linalg.solve(_capacitance(A_inv, U, C, V), C @ V @ A_inv)


@misconception_of(
    "woodbury",
    hint="The formula is right. A singular update has to be refused, though: look at the smallest singular value of I "
    "+ C V A⁻¹U. LU only complains when a pivot is exactly zero, and after rounding it hardly ever is.",
)
def singular_update_accepted(A_inv: Tensor, U: Tensor, C: Tensor, V: Tensor) -> Tensor:
    one = torch.eye(len(C), dtype=C.dtype, device=C.device)
    try:
        return A_inv - A_inv @ U @ torch.linalg.solve(one + C @ V @ A_inv @ U, C @ V @ A_inv)
    except torch.linalg.LinAlgError as error:
        raise ValueError("singular") from error


def _capacitance(A_inv: Tensor, U: Tensor, C: Tensor, V: Tensor) -> Tensor:
    """I + C V A⁻¹U, if it is not singular."""
    K = torch.eye(len(C), dtype=A_inv.dtype, device=A_inv.device) + C @ V @ A_inv @ U
    _check_regular(K)
    return K


def _check_regular(K: Tensor) -> None:
    s = torch.linalg.svdvals(K)
    if s[-1] <= 10 * len(K) * torch.finfo(K.dtype).eps * max(1.0, float(s[0])):  # row threshold
        raise ValueError("A + U C V is singular")


ERRATA = (
    Erratum(
        "woodbury",
        "000",
        "eq. 1.36",
        printed="(A + U C V)⁻¹ = A⁻¹ + A⁻¹U (C⁻¹ + V A⁻¹U)⁻¹ V A⁻¹",
        correct="(A + U C V)⁻¹ = A⁻¹ - A⁻¹U (C⁻¹ + V A⁻¹U)⁻¹ V A⁻¹",
        counterexample="n = k = 1, A = C = U = V = 1: printed 1 + 1/2, but the inverse of 2 is 1/2",
        answers=(plus_sign, as_printed),
    ),
    Erratum(
        "woodbury",
        "001",
        "eq. 1.30",
        printed="(A + U C V)⁻¹ = A⁻¹ + A⁻¹U (C⁻¹ + V A⁻¹U)⁻¹ V A⁻¹",
        correct="(A + U C V)⁻¹ = A⁻¹ - A⁻¹U (C⁻¹ + V A⁻¹U)⁻¹ V A⁻¹",
        counterexample="n = k = 1, all 1: printed 1 + 1/2, but the inverse of 2 is 1/2",
        answers=(plus_sign, as_printed),
    ),
)

_GUARD = "if singular_values[-1] {} ROUNDOFFS * len(C) * eps * singular_values[0].clamp(min={}):"
EQUIVALENT_MUTANTS = {
    "woodbury": {
        f"{_GUARD.format('<=', 1)} => {_GUARD.format('<', 1)}": "equality cannot be hit",
        f"{_GUARD.format('<=', 1)} => {_GUARD.format('<=', 2)}": "differs only outside the domain, by a factor of two",
    }
}

# Alternatives: written without looking at the reference.


@alternative_of("woodbury")
def solved_from_the_right(A_inv: Tensor, U: Tensor, C: Tensor, V: Tensor) -> Tensor:
    """A^-1 U C (I + V A^-1 U C)^-1 V A^-1: the same correction with C pushed through, solved from the right."""
    k = C.shape[0]
    G = V @ A_inv
    W = A_inv @ U @ C
    K = torch.eye(k, dtype=A_inv.dtype, device=A_inv.device) + G @ U @ C
    _check_regular(torch.eye(k, dtype=A_inv.dtype, device=A_inv.device) + C @ G @ U)
    return A_inv - torch.linalg.solve(K, W, left=False) @ G


@alternative_of("woodbury")
def elimination_by_hand(A_inv: Tensor, U: Tensor, C: Tensor, V: Tensor) -> Tensor:
    """(I + C V A^-1 U) X = C V A^-1 by elimination with row exchanges, written out."""
    k = len(C)
    M = C @ (V @ (A_inv @ U))
    M = M + torch.eye(k, dtype=M.dtype, device=M.device)
    _check_regular(M)
    rows = torch.cat([M, C @ (V @ A_inv)], dim=1)
    for j in range(k):
        p = j + int(rows[j:, j].abs().argmax())
        if p != j:
            order = list(range(k))
            order[j], order[p] = order[p], order[j]
            rows = rows[order]
        rows[j] = rows[j] / rows[j, j]
        for i in range(k):
            if i != j:
                rows[i] = rows[i] - rows[i, j] * rows[j]
    return A_inv - A_inv @ (U @ rows[:, k:])


# What students get wrong, and what notices
# + instead of - -> inverts_the_updated_matrix
# C + V A⁻¹U for C⁻¹ + V A⁻¹U -> inverts_the_updated_matrix
# (I + V A⁻¹U C)⁻¹ C: C on the wrong side -> inverts_the_updated_matrix, does_not_see_the_basis_of_the_small_space
# C⁻¹ of a singular C -> changes_nothing_without_an_update, agrees_on_edge_cases
# pinv(C) for C⁻¹ -> inverts_the_updated_matrix (the edge cases with a singular C)
# a small number added to C before it is inverted -> changes_nothing_without_an_update
# no C on the right of the capacitance -> changes_nothing_without_an_update
# I + V A⁻¹U: C forgotten in the capacitance -> depends_on_the_product_alone
# I + C V U: A⁻¹ forgotten -> inverts_the_updated_matrix
# no capacitance at all (first order) -> is_undone_by_the_opposite_update
# only the correction -> changes_nothing_without_an_update
# Uᵀ for V (only for symmetric updates) -> returns_what_is_promised, transposes_with_its_arguments
# (A⁻¹U)ᵀ for V A⁻¹ (A taken for symmetric) -> transposes_with_its_arguments
# A and A⁻¹ mixed up: the inverse of A⁻¹ + U C V -> changes_nothing_without_an_update
# an n x n inverse or solve, in any spelling -> the rule
# torch.linalg.solve(A_inv, ...) to get A back -> the rule
# n x n identity in the capacitance -> fails to run wherever k != n: inverts_the_updated_matrix
# no error for a singular update -> rejects_singular_update
# LinAlgError only: exact zero pivots -> rejects_nearly_singular_update
# the determinant or an absolute threshold decides -> rejects_large_nearly_singular_update
# the condition number decides, so a tiny multiple of I passes -> rejects_small_capacitance
# the threshold of float64 used in float32 -> rejects_nearly_singular_update_in_float32
# k columns one by one, each needing an invertible step -> inverts_the_updated_matrix (an edge case)
# elimination without row exchanges -> inverts_the_updated_matrix (the same edge case)
# torch.eye(k) in float32 -> returns_what_is_promised
