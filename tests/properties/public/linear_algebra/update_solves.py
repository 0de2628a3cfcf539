"""Linear systems whose matrix changes by a little: a solve after a rank-one update."""

from __future__ import annotations

import dataclasses

import torch
from hypothesis import strategies as st
from torch import Tensor, outer
from torch.linalg import matrix_norm, vector_norm

from autograder.sandbox.callables import Reference
from autograder.sandbox.inside.functions import Affine, Described, Entries
from autograder.testing.assertions import assert_close, assert_equal
from autograder.testing.properties import given, properties_of
from autograder.testing.record import BadInput, Case, Cases, Exercise, Function
from autograder.testing.strategies import (
    conditioned,
    generator,
    generators,
    normal,
    powers_of_two,
    quarters,
    readable_first,
    tensor,
)
from autograder.testing.student import Student

DOMAIN = 0.1
"""A + u vᵀ counts as safely invertible where |1 + vᵀA⁻¹u| is larger."""
READABLE = tuple(
    tensor(A)
    for A in (
        [[1]],
        [[-2]],
        [[1, 0], [0, 1]],
        [[1, 2], [0, 1]],
        [[2, 0], [1, -1]],
        [[1, 0, 2], [0, 2, 0], [-1, 1, -1]],
    )
)
"""Matrices whose inverses are multiples of 1/4."""


def solver(A_inv: Tensor) -> Affine:
    """r → A⁻¹r."""
    return Affine(A_inv, torch.zeros_like(A_inv[0]))


@dataclasses.dataclass(frozen=True)
class UpdatedSystem(Case):
    """(A + u vᵀ) x = y with A, A_inv [n, n] and u, v, y [n]; solve maps r to A⁻¹r."""

    A: Tensor
    A_inv: Tensor
    solve: Described
    u: Tensor
    v: Tensor
    y: Tensor

    @property
    def n(self) -> int:
        """The number of unknowns."""
        return len(self.u)

    @property
    def updated(self) -> Tensor:
        """A + u vᵀ."""
        return self.A + outer(self.u, self.v)

    @property
    def denominator(self) -> float:
        """1 + vᵀA⁻¹u = det(A + u vᵀ) / det A."""
        return float(1 + self.v @ self.A_inv @ self.u)

    @property
    def error(self) -> float:
        """The error of x, in roundoffs: that of the number vᵀx changes the whole correction."""
        v, A_inv, w = vector_norm(self.v), matrix_norm(self.A_inv), vector_norm(self.A_inv @ self.u)
        number = float(vector_norm(self.y) * A_inv * v) / abs(self.denominator)
        lost = 1 + float(v * A_inv * vector_norm(self.u)) / abs(self.denominator)
        return float(vector_norm(self.y) * A_inv) + float(w) * number * lost


def in_domain(case: UpdatedSystem) -> bool:
    """Whether the solution may be asked for."""
    return abs(case.denominator) > DOMAIN


def system(A: Tensor, u: Tensor, v: Tensor, y: Tensor) -> UpdatedSystem:
    """A case of a readable matrix; its inverse is exact."""
    A_inv = (torch.linalg.inv(A) * 4).round() / 4 + 0.0
    return UpdatedSystem(A, A_inv, solver(A_inv), u, v, y)


def written(A: Tensor, u: list[float], v: list[float], y: list[float]) -> UpdatedSystem:
    """A case that is written down."""
    return system(A, tensor(u), tensor(v), tensor(y))


@st.composite
def readable_systems(draw: st.DrawFn) -> UpdatedSystem:
    """A readable matrix, the simplest first, and short vectors."""
    A = draw(st.sampled_from(READABLE))
    return system(A, *(draw(quarters(len(A))) for _ in range(3)))


def seeded_system(g: torch.Generator) -> UpdatedSystem:
    """A of condition number 30 and a size up to 9, an update of the size of A."""
    n = 4 + int(torch.randint(6, (), generator=g))
    A = conditioned(g, n, condition=30)
    A_inv = torch.linalg.inv(A)
    return UpdatedSystem(A, A_inv, solver(A_inv), normal(g, n) / n**0.5, normal(g, n) / n**0.5, normal(g, n))


@st.composite
def rescaled_systems(draw: st.DrawFn) -> UpdatedSystem:
    """The same system in other units: A → aA, u → bu, v → (a/b) v leave 1 + vᵀA⁻¹u alone, and y → cy."""
    case = draw(DRAWN)
    a, b, c = (draw(powers_of_two(-40, 40)) for _ in range(3))
    return UpdatedSystem(case.A * a, case.A_inv / a, solver(case.A_inv / a), case.u * b, case.v * (a / b), case.y * c)


DRAWN = readable_first(readable_systems(), large=generators().map(seeded_system)).filter(in_domain)
SYSTEMS = Cases(
    dense=(
        written(READABLE[5], u=[1, -0.5, 2], v=[0.25, 1, -1], y=[3, 0.5, -2]),
        written(READABLE[4], u=[-1.5, 2], v=[1, 0.75], y=[0.5, -3]),
        seeded_system(generator(2)),
        seeded_system(generator(5)),
    ),
    drawn=DRAWN,
    edges={
        "u = 0": written(READABLE[3], u=[0, 0], v=[1, 3], y=[2, -1]),
        "v = 0": written(READABLE[3], u=[1, 3], v=[0, 0], y=[2, -1]),
        "y = 0": written(READABLE[3], u=[1, 3], v=[0.5, 2], y=[0, 0]),
        "y = u": written(READABLE[5], u=[1, 0, 2], v=[0.5, 2, -1], y=[1, 0, 2]),
        "n = 1": written(READABLE[1], u=[3], v=[-0.5], y=[0.25]),
        "vᵀA⁻¹u = 0": written(READABLE[2], u=[1, 0], v=[0, 3], y=[2, 1]),
        "vᵀA⁻¹y = 0": written(READABLE[2], u=[1, 2], v=[0, 3], y=[2, 0]),
        "1 + vᵀA⁻¹u = 1/8": written(READABLE[3], u=[0.25, 0.5], v=[0.5, -1], y=[1, 1.5]),
        "1 + vᵀA⁻¹u = -1/8": written(READABLE[3], u=[0.25, 0.5], v=[0.5, -1.5], y=[1, 1.5]),
        "vᵀA⁻¹u = 4096": written(READABLE[2], u=[64, 0], v=[64, 32], y=[1, 2]),
        "A = I: solve hands back its argument": UpdatedSystem(
            torch.eye(2, dtype=torch.float64),
            torch.eye(2, dtype=torch.float64),
            Entries(0, 2),
            tensor([1, -0.5]),
            tensor([2, 1]),
            tensor([0.5, 3]),
        ),
    },
    extreme=rescaled_systems(),
)


def singular(gap: float) -> tuple[Affine, Tensor, Tensor, Tensor]:
    """Arguments with 1 + vᵀA⁻¹u = gap, exactly."""
    A_inv = tensor([[1, 0.5], [-2, 1]])
    return solver(A_inv), tensor([1, -2]), tensor([0, (1 - gap) / 4]), tensor([1, 3])


RANK_ONE_UPDATE_SOLVE = Exercise(
    name="rank_one_update_solve",
    title="Solve (A + u vᵀ) x = y with two solves of A",
    source="000, section 1.2.3, eq. 1.30-1.35; 001, section 1.2.1, eq. 1.24-1.29",
    functions=(
        Function(
            "rank_one_update_solve(solve: Callable, u: Tensor[n], v: Tensor[n], y: Tensor[n]) -> Tensor[n]",
            cases=SYSTEMS,
            bad_inputs=(
                BadInput("singular_update", lambda: singular(0.0), "1 + vᵀA⁻¹u = 0 raises ValueError"),
                BadInput(
                    "nearly_singular_update", lambda: singular(2.0**-42), "|1 + vᵀA⁻¹u| <= 1e-12 raises ValueError"
                ),
                BadInput(
                    "negative_nearly_singular_update",
                    lambda: singular(-(2.0**-42)),
                    "|1 + vᵀA⁻¹u| <= 1e-12 raises ValueError, also from below",
                ),
                BadInput(
                    "singular_number",
                    lambda: (solver(tensor([[0.5]])), tensor([2]), tensor([-1]), tensor([0])),
                    "a 1 x 1 matrix that becomes 0 raises ValueError, also for y = 0",
                ),
            ),
        ),
    ),
)


def solution(student: Student, case: UpdatedSystem) -> Tensor:
    """The student's x."""
    x: Tensor = student.rank_one_update_solve(case.solve, case.u, case.v, case.y)
    return x


@properties_of("rank_one_update_solve", weight=2)
@given(case=SYSTEMS)
def test_solves_the_updated_system(student: Student, case: UpdatedSystem) -> None:
    """A x + u (v·x) = y"""
    x = solution(student, case)
    size = float(matrix_norm(case.A) + vector_norm(case.u) * vector_norm(case.v)) * case.error
    assert_close(case.A @ x + case.u * (case.v @ x), case.y, scale=size, because="A x + u (v·x)")


@properties_of("rank_one_update_solve", weight=2)
@given(case=SYSTEMS)
def test_calls_solve_twice(student: Student, case: UpdatedSystem) -> None:
    """solve is called exactly twice, with vectors [n], also for u = 0; it is linear, so no third response is needed"""
    lent = Reference(case.solve)
    student.rank_one_update_solve(lent, case.u, case.v, case.y)
    assert_equal(lent.calls, 2, because="calls of solve")
    shapes = [list(getattr(argument, "shape", ())) for point in lent.points for argument in point]
    assert_equal(shapes, [[case.n]] * 2, because="shapes of what solve is given")


@properties_of("rank_one_update_solve")
@given(case=SYSTEMS)
def test_is_the_old_solution_without_an_update(student: Student, case: UpdatedSystem) -> None:
    """u = 0 or v = 0 leaves solve(y)"""
    zero, z = torch.zeros_like(case.u), case.solve(case.y)
    assert_close(student.rank_one_update_solve(case.solve, zero, case.v, case.y), z, because="x for u = 0")
    assert_close(student.rank_one_update_solve(case.solve, case.u, zero, case.y), z, because="x for v = 0")
