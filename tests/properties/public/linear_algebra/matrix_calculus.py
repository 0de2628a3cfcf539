"""Derivatives of quadratic and bilinear forms."""

from __future__ import annotations

import dataclasses

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.linalg import matrix_norm, vector_norm

from autograder.testing.assertions import assert_close
from autograder.testing.properties import given, properties_of
from autograder.testing.record import Case, Cases, Exercise, Function
from autograder.testing.rules import NO_AUTOGRAD
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
class QuadraticForm(Case):
    """The form xᵀM x at a point x [d]; M [d, d] need not be symmetric."""

    M: Tensor
    x: Tensor

    def at(self, point: Tensor) -> Tensor:
        """The value of the form."""
        return point @ self.M @ point

    @property
    def size(self) -> float:
        """The size of the terms that the gradient sums."""
        return float(matrix_norm(self.M) * vector_norm(self.x))


def form(M: list[list[float]], x: list[float]) -> QuadraticForm:
    """A case that is written down."""
    return QuadraticForm(tensor(M), tensor(x))


def seeded_form(g: torch.Generator) -> QuadraticForm:
    """Up to 12 dimensions; M is neither symmetric nor skew."""
    d = 3 + int(torch.randint(10, (), generator=g))
    return QuadraticForm(normal(g, d, d) + 1 / 2, normal(g, d))


@st.composite
def rescaled_forms(draw: st.DrawFn) -> QuadraticForm:
    """The same form in other units."""
    case = seeded_form(draw(generators()))
    return QuadraticForm(case.M * draw(powers_of_two(-100, 100)), case.x * draw(powers_of_two(-100, 100)))


FORMS = Cases(
    dense=(
        form([[1, 2, 0.5], [-1, 0.25, 3], [0, 1.5, -2]], x=[1, -0.5, 2]),
        form([[2, -1], [0.5, -3]], x=[-1.5, 4]),
        seeded_form(generator(1)),
        seeded_form(generator(2)),
    ),
    drawn=readable_first(
        sizes(1, 4).flatmap(lambda d: st.builds(QuadraticForm, quarters(d, d), quarters(d))),
        large=generators().map(seeded_form),
    ),
    edges={
        "x = 0": form([[1, 2], [-3, 0.5]], x=[0, 0]),
        "d = 1": form([[-2.5]], x=[3]),
        "d = 1, x = 0": form([[4]], x=[0]),
        "M = 0": form([[0, 0], [0, 0]], x=[1, 2]),
        "symmetric M": form([[1, 2], [2, -3]], x=[1, -0.5]),
        "skew M": form([[0, 2, -1], [-2, 0, 0.5], [1, -0.5, 0]], x=[1, -0.5, 2]),
        "one off-diagonal entry": form([[0, 1], [0, 0]], x=[3, 5]),
    },
    extreme=rescaled_forms(),
)
QUADRATIC_FORM_DERIVATIVES = Exercise(
    name="quadratic_form_derivatives",
    title="Gradient (row vector) and Hessian of xᵀM x",
    source="000, section 1.2.1, eq. 1.20-1.21; 003, gradient of xᵀA x",
    functions=(
        Function(
            "quadratic_form_derivatives(M: Tensor[d, d], x: Tensor[d]) -> tuple[Tensor[1, d], Tensor[d, d]]",
            cases=FORMS,
        ),
    ),
    rules=(NO_AUTOGRAD,),
)


def steps(case: QuadraticForm) -> Tensor:
    """Directions in which to go, as long as x is: readable numbers in general position."""
    d = len(case.x)
    length = max(float(case.x.abs().max()), 1.0)
    return length * ((torch.arange(3 * d) * 7 % 11).reshape(3, d) / 4 - 1).double()


@properties_of("quadratic_form_derivatives", weight=2)
@given(case=FORMS)
def test_is_the_slope_in_every_direction(student: Student, case: QuadraticForm) -> None:
    """gradient h = (f(x + h) - f(x - h)) / 2, exactly, for a step h of any length: f is a parabola"""
    gradient, _ = student.quadratic_form_derivatives(case.M, case.x)
    for h in steps(case):
        expected = (case.at(case.x + h) - case.at(case.x - h)) / 2
        scale = float(matrix_norm(case.M) * (vector_norm(case.x) + vector_norm(h)) ** 2)
        assert_close(gradient[0] @ h, expected, scale=scale, because="gradient h")


@properties_of("quadratic_form_derivatives", weight=2)
@given(case=FORMS)
def test_is_the_curvature_in_every_direction(student: Student, case: QuadraticForm) -> None:
    """hᵀ(Hessian) k = f(h + k) - f(h) - f(k), exactly, for all steps h and k"""
    _, hessian = student.quadratic_form_derivatives(case.M, case.x)
    one = torch.eye(len(case.x), dtype=torch.float64)
    for h, k in ((h, k) for h in one for k in one):
        expected = case.at(h + k) - case.at(h) - case.at(k)
        assert_close(h @ hessian @ k, expected, scale=float(matrix_norm(case.M)), because="hᵀ(Hessian) k")


@properties_of("quadratic_form_derivatives")
@given(case=FORMS)
def test_obeys_eulers_theorem(student: Student, case: QuadraticForm) -> None:
    """gradient x = 2 xᵀM x: f is homogeneous of degree 2"""
    gradient, _ = student.quadratic_form_derivatives(case.M, case.x)
    scale = case.size * float(vector_norm(case.x))
    assert_close(gradient[0] @ case.x, 2 * case.at(case.x), scale=scale, because="gradient x")


@properties_of("quadratic_form_derivatives")
@given(case=FORMS)
def test_sees_only_the_symmetric_part(student: Student, case: QuadraticForm) -> None:
    """A skew M gives f = 0 everywhere, so both derivatives are 0"""
    gradient, hessian = student.quadratic_form_derivatives(case.M - case.M.T, case.x)
    assert_close(gradient, torch.zeros_like(case.x)[None, :], scale=case.size, because="gradient for a skew M")
    assert_close(hessian, 0 * case.M, scale=float(matrix_norm(case.M)), because="Hessian for a skew M")


@dataclasses.dataclass(frozen=True)
class Vectors(Case):
    """The vectors a and b of a bilinear form."""

    a: Tensor
    b: Tensor

    @property
    def size(self) -> float:
        """|a| |b|, the size of the derivative."""
        return float(vector_norm(self.a) * vector_norm(self.b))


def vectors(a: list[float], b: list[float]) -> Vectors:
    """A case that is written down."""
    return Vectors(tensor(a), tensor(b))


def seeded_vectors(g: torch.Generator) -> Vectors:
    """Two lengths up to 12 that differ."""
    m, more = (int(n) for n in torch.randint(1, 7, (2,), generator=g))
    lengths = (m, m + more) if torch.rand((), generator=g) < 0.5 else (m + more, m)
    return Vectors(*(normal(g, n) for n in lengths))


@st.composite
def rescaled_vectors(draw: st.DrawFn) -> Vectors:
    """The same vectors in other units."""
    case = seeded_vectors(draw(generators()))
    return Vectors(case.a * draw(powers_of_two(-200, 200)), case.b * draw(powers_of_two(-200, 200)))


VECTORS = Cases(
    dense=(
        vectors([1, -2, 0.5], [3, 0.25]),
        vectors([-1.5, 2], [1, 0.75, -4, 0.5]),
        seeded_vectors(generator(1)),
        seeded_vectors(generator(4)),
    ),
    drawn=readable_first(
        st.tuples(sizes(1, 4), sizes(1, 4)).flatmap(lambda s: st.builds(Vectors, quarters(s[0]), quarters(s[1]))),
        large=generators().map(seeded_vectors),
    ),
    edges={
        "a of length 1": vectors([2], [1, -3, 0.5]),
        "b of length 1": vectors([1, -3, 0.5], [2]),
        "both of length 1": vectors([-2], [3]),
        "equal lengths": vectors([1, 2], [3, -4]),
        "a = 0": vectors([0, 0, 0], [1, 2]),
        "a = b": vectors([1, -2, 3], [1, -2, 3]),
        "orthogonal, equal lengths": vectors([1, 2], [2, -1]),
    },
    extreme=rescaled_vectors(),
)
BILINEAR_FORM_MATRIX_GRADIENTS = Exercise(
    name="bilinear_form_matrix_gradients",
    title="Derivatives of aᵀM b and aᵀMᵀb with respect to M",
    source="000, section 1.2.1, eq. 1.22-1.23",
    functions=(
        Function("grad_bilinear(a: Tensor[m], b: Tensor[n]) -> Tensor[m, n]", cases=VECTORS),
        Function("grad_bilinear_transposed(a: Tensor[n], b: Tensor[m]) -> Tensor[m, n]", cases=VECTORS),
    ),
    rules=(NO_AUTOGRAD,),
)


@properties_of("bilinear_form_matrix_gradients", weight=2)
@given(case=VECTORS, generator=generators())
def test_is_the_change_of_the_form(student: Student, case: Vectors, generator: torch.Generator) -> None:
    """Changing M by E changes aᵀM b by Σ G_ij E_ij = aᵀE b"""
    G = student.grad_bilinear(case.a, case.b)
    E = normal(generator, len(case.a), len(case.b))
    scale = case.size * float(matrix_norm(E))
    assert_close((G * E).sum(), case.a @ E @ case.b, scale=scale, because="Σ G_ij E_ij")


@properties_of("bilinear_form_matrix_gradients", weight=2)
@given(case=VECTORS, generator=generators())
def test_is_the_change_of_the_transposed_form(student: Student, case: Vectors, generator: torch.Generator) -> None:
    """Changing M by E changes aᵀMᵀb by Σ G_ij E_ij = aᵀEᵀb"""
    G = student.grad_bilinear_transposed(case.a, case.b)
    E = normal(generator, len(case.b), len(case.a))
    scale = case.size * float(matrix_norm(E))
    assert_close((G * E).sum(), case.a @ E.T @ case.b, scale=scale, because="Σ G_ij E_ij")


@properties_of("bilinear_form_matrix_gradients")
@given(case=VECTORS)
def test_transposing_exchanges_the_vectors(student: Student, case: Vectors) -> None:
    """aᵀMᵀb = bᵀM a, so both have the same derivative"""
    expected = student.grad_bilinear(case.b, case.a)
    assert_close(student.grad_bilinear_transposed(case.a, case.b), expected, because="derivative of aᵀMᵀb")


@properties_of("bilinear_form_matrix_gradients")
@given(case=VECTORS)
def test_picks_one_entry_with_unit_vectors(student: Student, case: Vectors) -> None:
    """a and b with a single 1 read one entry of M: the derivative is 1 there and 0 elsewhere"""
    m, n = len(case.a), len(case.b)
    for i, j in ((0, n - 1), (m - 1, 0), (m // 2, n // 2)):
        a, b, expected = torch.zeros_like(case.a), torch.zeros_like(case.b), torch.zeros(m, n, dtype=torch.float64)
        a[i], b[j], expected[i, j] = 1, 1, 1
        assert_close(student.grad_bilinear(a, b), expected, because=f"d M_{i}{j} / dM")
        assert_close(student.grad_bilinear_transposed(b, a), expected, because=f"d M_{i}{j} / dM")
