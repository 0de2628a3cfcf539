"""The affine coupling layer of RealNVP: inputs and public properties of both directions."""

from __future__ import annotations

import dataclasses
import math

import torch
from hypothesis import strategies as st
from torch import Tensor

from autograder.sandbox.callables import Reference
from autograder.sandbox.inside.functions import Affine, Described, Entries, Mlp, Scaled, Shifted
from autograder.testing.assertions import assert_close, assert_equal, assert_parts, assert_tensor
from autograder.testing.properties import given, properties_of
from autograder.testing.record import BadInput, Case, Cases, Exercise, Function
from autograder.testing.strategies import (
    generator,
    generators,
    normal,
    powers_of_two,
    quarters,
    readable_first,
    sizes,
    tensor,
)
from autograder.testing.student import Student


@dataclasses.dataclass(frozen=True)
class Coupling(Case):
    """Rows [n, D] that go into either direction of a coupling; s and t map [n, d] to [n, D - d]."""

    rows: Tensor
    s: Described
    t: Described
    d: int

    @property
    def x(self) -> Tensor:
        """The argument of the forward direction."""
        return self.rows

    @property
    def y(self) -> Tensor:
        """The argument of the inverse direction."""
        return self.rows

    @property
    def kept(self) -> Tensor:
        """The first block, which both directions leave as it is."""
        return self.rows[:, : self.d]

    @property
    def changed(self) -> Tensor:
        """The second block."""
        return self.rows[:, self.d :]

    @property
    def log_scale(self) -> Tensor:
        """s of the first block."""
        return self.s(self.kept)

    @property
    def shift(self) -> Tensor:
        """t of the first block."""
        return self.t(self.kept)

    @property
    def forward_size(self) -> float:
        """Of the terms of y."""
        return float((self.changed.abs() * self.log_scale.exp() + self.shift.abs()).max() + self.kept.abs().max())

    @property
    def inverse_size(self) -> float:
        """Of the terms of x."""
        terms = (self.changed.abs() + self.shift.abs()) * torch.exp(-self.log_scale)
        return float(terms.max() + self.kept.abs().max())


def coupling(rows: list[list[float]], s: Described, t: Described, d: int) -> Coupling:
    """A case that is written down."""
    return Coupling(tensor(rows), s, t, d)


def affine(W: list[list[float]], b: list[float]) -> Affine:
    """A conditioner that is written down: x ↦ W x + b."""
    return Affine(tensor(W), tensor(b))


def constant(b: Tensor, d: int) -> Affine:
    """The conditioner that gives b [D - d] for every row of length d."""
    return Affine(torch.zeros(len(b), d, dtype=torch.float64), b)


def nothing(D: int, d: int) -> Affine:
    """The conditioner that gives zeros."""
    return constant(torch.zeros(D - d, dtype=torch.float64), d)


def short(g: torch.Generator, *shape: int, most: float) -> Tensor:
    """Multiples of 1/4 up to ``most`` in size."""
    steps = int(4 * most)
    return torch.randint(-steps, steps + 1, shape, generator=g).double() / 4


def network(g: torch.Generator, d: int, m: int) -> Mlp:
    """A smooth conditioner from d to m numbers that stays within a few units."""
    return Mlp((normal(g, 5, d), normal(g, m, 5) / 4), (normal(g, 5), normal(g, m) / 2))


SHAPES = ((2, 1), (3, 1), (3, 2), (4, 2), (5, 2), (5, 3))
"""(D, d) of readable cases."""


def readable_coupling(seed: int) -> Coupling:
    """Affine conditioners with short numbers, |s| < 4 for rows within [-2, 2]; one row."""
    g = generator(seed)
    D, d = SHAPES[seed % len(SHAPES)]
    s = Affine(short(g, D - d, d, most=0.5), short(g, D - d, most=1))
    t = Affine(short(g, D - d, d, most=2), short(g, D - d, most=2))
    return Coupling(torch.zeros(1, D, dtype=torch.float64), s, t, d)


COUPLINGS = sorted((readable_coupling(seed) for seed in range(60)), key=lambda case: case.rows.shape[1])


@st.composite
def readable_couplings(draw: st.DrawFn) -> Coupling:
    """Conditioners from a fixed list, the smallest first; up to three rows that are drawn."""
    case = draw(st.sampled_from(COUPLINGS))
    rows = draw(quarters(draw(sizes(1, 3)), case.rows.shape[1], least=-2, most=2))
    return dataclasses.replace(case, rows=rows)


def seeded_coupling(g: torch.Generator) -> Coupling:
    """Six rows of seven numbers; networks as conditioners, d from 1 to 6."""
    d = 1 + int(torch.randint(6, (), generator=g))
    return Coupling(normal(g, 6, 7), network(g, d, 7 - d), network(g, d, 7 - d), d)


@st.composite
def rescaled_couplings(draw: st.DrawFn) -> Coupling:
    """Rows and shifts in other units; scales that are tiny or huge, though their product may not be a number."""
    case, unit = draw(generators().map(seeded_coupling)), draw(powers_of_two(-40, 40))
    stretch = draw(st.sampled_from([0.0, 10.0, -10.0, 50.0, -50.0, 250.0, -250.0]))
    return dataclasses.replace(case, rows=case.rows * unit, s=Shifted(case.s, stretch), t=Scaled(case.t, unit))


ROWS = [[1, -2, 0.5, 3, -1], [0.25, 1, -1.5, 2, 0.5]]
CASES = Cases(
    dense=(
        coupling(
            ROWS,
            affine([[0.5, -0.25]] * 2 + [[0, 1]], [0.25, -0.5, 1]),
            affine([[1, 2], [-1, 0.5], [3, 0]], [1, 0, -2]),
            2,
        ),
        coupling([[1, 0.5], [-2, 3], [0.5, -1]], affine([[0.75]], [-0.5]), affine([[-2]], [0.25]), 1),
        coupling(
            ROWS, affine([[0.25, -1, 0.5], [1, 0, -0.5]], [0, 0.75]), affine([[1, 0, 2], [0.5, -1, 0]], [0.5, -1]), 3
        ),
        seeded_coupling(generator(0)),
        seeded_coupling(generator(1)),
    ),
    drawn=readable_first(readable_couplings(), large=generators().map(seeded_coupling)),
    edges={
        "d = 1, D = 5": coupling(
            ROWS, affine([[0.5], [-1], [0.25], [0]], [0, 1, -0.5, 2]), affine([[2], [0], [-1], [3]], [1, 0, 0.5, -2]), 1
        ),
        "d = 4, D = 5": coupling(ROWS, affine([[0.5, -1, 0.25, 0]], [1]), affine([[2, 0, -1, 3]], [0.5]), 4),
        "n = 1": coupling([[1, -0.5, 2]], affine([[0.5], [-1]], [0.25, 0]), affine([[1], [2]], [0, -1]), 1),
        "n = 1, D = 2": coupling([[1, -0.5]], affine([[0.5]], [0.25]), affine([[-1]], [2]), 1),
        "s = 0 and t = 0": coupling(ROWS, nothing(5, 2), nothing(5, 2), 2),
        "s = 0": coupling(ROWS, nothing(5, 3), affine([[1, 0, 2], [0.5, -1, 0]], [0.5, -1]), 3),
        "t = 0": coupling(ROWS, affine([[0.25, -1, 0.5], [1, 0, -0.5]], [0, 0.75]), nothing(5, 3), 3),
        "equal rows": coupling([ROWS[0]] * 3, affine([[0.5, -1]] * 3, [0, 0.5, 1]), affine([[1, 0]] * 3, [1, 2, 3]), 2),
        "s and t hand back entries of their argument": coupling(ROWS, Entries(0, 2), Entries(1, 3), 3),
        "s and t hand back their argument": coupling(
            [[1, -2, 0.5, 3], [0.5, 1, 2, -1]], Entries(0, 2), Entries(0, 2), 2
        ),
    },
    extreme=rescaled_couplings(),
)


def outside(d: int) -> tuple[Tensor, Affine, Affine, int]:
    """Arguments with D = 3 and a d that leaves no second block, or no first one."""
    kept = len(range(3)[:d])
    return tensor([[1, 2, 3], [-1, 0.5, 2]]), nothing(3, kept), nothing(3, kept), d


def outside_the_range(*where: int) -> tuple[BadInput, ...]:
    """A bad input for each of these d; D = 3."""
    names = {0: "d_zero", 3: "d_equal_to_D", -1: "negative_d", 4: "d_larger_than_D"}
    return tuple(BadInput(names[d], lambda d=d: outside(d), f"d = {d} with D = 3 raises ValueError") for d in where)


REALNVP_FORWARD = Exercise(
    name="realnvp_forward",
    title="RealNVP affine coupling, forward",
    source="000, section 9.1.1, eq. 9.8 and 9.12 (corrected); 002, eq. 6.2.16, 6.2.18",
    functions=(
        Function(
            "realnvp_forward(x: Tensor[n, D], s: Callable, t: Callable, d: int) -> tuple[Tensor[n, D], Tensor[n]]",
            cases=CASES,
            bad_inputs=outside_the_range(0, 3, -1, 4),
        ),
    ),
)
REALNVP_INVERSE = Exercise(
    name="realnvp_inverse",
    title="RealNVP affine coupling, inverse",
    source="000, section 9.1.1, eq. 9.9 (corrected); 002, eq. 6.2.17",
    functions=(
        Function(
            "realnvp_inverse(y: Tensor[n, D], s: Callable, t: Callable, d: int) -> Tensor[n, D]",
            cases=CASES,
            bad_inputs=outside_the_range(0, 3, -1, 4),
        ),
    ),
)


def forward(student: Student, x: Tensor, s: object, t: object, d: int) -> tuple[Tensor, Tensor]:
    """The student's y and log-determinant, with which one can calculate."""
    y, log_det = assert_parts(student.realnvp_forward(x, s, t, d), 2)
    return (
        assert_tensor(y, shape=x.shape, dtype=x.dtype, name="y"),
        assert_tensor(log_det, shape=(len(x),), dtype=x.dtype, name="log det"),
    )


def inverse(student: Student, y: Tensor, s: object, t: object, d: int) -> Tensor:
    """The student's x, with which one can calculate."""
    return assert_tensor(student.realnvp_inverse(y, s, t, d), shape=y.shape, dtype=y.dtype)


def constants(case: Coupling, number: float) -> Tensor:
    """The same number for every coordinate of the second block."""
    return torch.full_like(case.changed[0], number)


def half_integers(case: Coupling) -> Tensor:
    """1/2, 3/2, 5/2, ... for the coordinates of the second block."""
    return constants(case, 1.0).cumsum(0) - 0.5


@properties_of("realnvp_forward", weight=2)
@given(case=CASES)
def test_can_be_undone(student: Student, case: Coupling) -> None:
    """From y one gets x back: the first block is there as it was, and (y - t) exp(-s) is the second"""
    y, _ = forward(student, case.x, case.s, case.t, case.d)
    changed = (y[:, case.d :] - case.shift) * torch.exp(-case.log_scale)
    size = float((case.changed.abs() + case.shift.abs() * torch.exp(-case.log_scale)).max())
    assert_close(y[:, : case.d], case.kept, because="first block of y")
    assert_close(changed, case.changed, scale=size, because="second block of y, undone")


@properties_of("realnvp_forward", weight=2)
@given(case=CASES)
def test_has_the_log_determinant_of_its_jacobian(student: Student, case: Coupling) -> None:
    """log det is the logarithm of the volume that unit steps along the second block span in y"""
    (n, D), d = case.x.shape, case.d
    steps = torch.cat([torch.zeros(1, D), torch.eye(D)[d:]]).to(case.x)
    y, log_det = forward(student, (case.x[:, None] + steps).reshape(-1, D), case.s, case.t, d)
    y = y.reshape(n, 1 + D - d, D)
    volume = torch.linalg.slogdet(y[:, 1:, d:] - y[:, :1, d:]).logabsdet  # y is linear in the second block: no limit
    magnified = case.changed.abs() + 1 + case.shift.abs() * torch.exp(-case.log_scale)
    condition, size = float(magnified.max()) * D, float(case.log_scale.abs().sum(1).max()) + 1
    expected = volume[:, None].expand(n, 1 + D - d)
    got = log_det.reshape(n, 1 + D - d)
    assert_close(
        got, expected, condition=condition, scale=size, because="log det of rows that differ in the second block"
    )


@properties_of("realnvp_forward")
@given(case=CASES)
def test_changes_nothing_without_conditioners(student: Student, case: Coupling) -> None:
    """s = 0 and t = 0 give y = x and log det = 0"""
    zero = nothing(case.x.shape[1], case.d)
    y, log_det = forward(student, case.x, zero, zero, case.d)
    assert_close(y, case.x, because="y")
    assert_close(log_det, torch.zeros_like(log_det), because="log det")


@properties_of("realnvp_forward")
@given(case=CASES, c=powers_of_two(-300, 300))
def test_scales_before_it_shifts(student: Student, case: Coupling, c: float) -> None:
    """With s = log c and t constant the second block becomes c x + t, and log det = (D - d) log c: for any c"""
    shift, log_c = half_integers(case), constants(case, math.log(c))
    m = len(shift)
    y, log_det = forward(student, case.x, constant(log_c, case.d), constant(shift, case.d), case.d)
    assert_close(y[:, case.d :], c * case.changed + shift, scale=c * float(case.changed.abs().max()) + m, because="y")
    assert_close(log_det, log_c.sum().expand(len(case.x)), because="log det")


@properties_of("realnvp_inverse", weight=2)
@given(case=CASES)
def test_is_taken_back_to_y_by_the_coupling(student: Student, case: Coupling) -> None:
    """The coupling takes the answer x back to y"""
    x = inverse(student, case.y, case.s, case.t, case.d)
    kept, changed = x[:, : case.d], x[:, case.d :]
    assert_close(kept, case.kept, because="first block of x")
    back = changed * case.log_scale.exp() + case.shift
    size = float((case.changed.abs() + case.shift.abs()).max())
    assert_close(back, case.changed, scale=size, because="second block of x, coupled again")


@properties_of("realnvp_inverse", weight=2)
@given(case=CASES)
def test_finds_the_x_that_made_y(student: Student, case: Coupling) -> None:
    """From the y that a coupling made of x it finds that x"""
    made = torch.cat([case.kept, case.changed * case.log_scale.exp() + case.shift], dim=1)
    got = student.realnvp_inverse(made, case.s, case.t, case.d)
    size = float((case.changed.abs() + case.shift.abs() * torch.exp(-case.log_scale)).max() + case.kept.abs().max())
    assert_close(got, case.rows, scale=size, because="x")


@properties_of("realnvp_inverse")
@given(case=CASES, c=powers_of_two(-300, 300))
def test_takes_the_shift_away_and_then_divides(student: Student, case: Coupling, c: float) -> None:
    """With s = log c and t constant the second block becomes (y - t) / c: for any c"""
    shift, log_c = half_integers(case), constants(case, math.log(c))
    x = inverse(student, case.y, constant(log_c, case.d), constant(shift, case.d), case.d)
    size = (float(case.changed.abs().max()) + len(shift)) / c
    assert_close(x[:, case.d :], (case.changed - shift) / c, scale=size, because="second block of x")


@properties_of("realnvp_inverse")
@given(case=CASES)
def test_changes_nothing_without_conditioners_either(student: Student, case: Coupling) -> None:
    """s = 0 and t = 0 give x = y"""
    zero = nothing(case.y.shape[1], case.d)
    assert_close(student.realnvp_inverse(case.y, zero, zero, case.d), case.y, because="x")


@properties_of("realnvp_inverse")
@given(case=CASES)
def test_evaluates_each_conditioner_once(student: Student, case: Coupling) -> None:
    """s and t are each called once, with the first block: inverting costs no more than applying"""
    s, t = Reference(case.s), Reference(case.t)
    inverse(student, case.y, s, t, case.d)
    for name, conditioner in (("s", s), ("t", t)):
        assert_equal(conditioner.calls, 1, because=f"calls of {name}")
        assert_close(conditioner.points, [(case.kept,)], because=f"what {name} is given")
