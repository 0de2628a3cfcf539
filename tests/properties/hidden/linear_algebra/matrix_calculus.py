"""Derivatives of quadratic and bilinear forms: hidden properties and known answers."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.linalg import matrix_norm, vector_norm

from autograder.testing.answers import alternative_of, misconception_of
from autograder.testing.assertions import assert_close
from autograder.testing.errata import Erratum
from autograder.testing.properties import given, properties_of
from autograder.testing.strategies import generators, normal
from autograder.testing.student import Student
from tests.properties.public.linear_algebra.matrix_calculus import FORMS, VECTORS, QuadraticForm, Vectors


@properties_of("quadratic_form_derivatives")
@given(case=FORMS)
def test_agrees_with_automatic_differentiation(student: Student, case: QuadraticForm) -> None:
    """The same as torch.autograd.functional.jacobian and hessian"""
    gradient, hessian = student.quadratic_form_derivatives(case.M, case.x)
    expected = torch.autograd.functional.jacobian(case.at, case.x)
    assert_close(gradient, expected[None, :], scale=case.size, because="gradient")
    curvature = torch.autograd.functional.hessian(case.at, case.x)
    assert_close(hessian, curvature, scale=float(matrix_norm(case.M)), because="Hessian")


@properties_of("quadratic_form_derivatives")
@given(case=FORMS)
def test_has_a_symmetric_hessian(student: Student, case: QuadraticForm) -> None:
    """The order of two derivatives does not matter: the Hessian is symmetric"""
    _, hessian = student.quadratic_form_derivatives(case.M, case.x)
    assert_close(hessian, hessian.T, scale=float(matrix_norm(case.M)), because="Hessian and its transpose")


@properties_of("quadratic_form_derivatives")
@given(case=FORMS, generator=generators())
def test_transforms_with_the_coordinates(student: Student, case: QuadraticForm, generator: torch.Generator) -> None:
    """x = T y: the form TᵀM T has the gradient (gradient) T and the Hessian Tᵀ(Hessian) T"""
    d = len(case.x)
    T = torch.eye(d, dtype=torch.float64) + normal(generator, d, d).triu(1)
    y = torch.linalg.solve(T, case.x)
    gradient, hessian = student.quadratic_form_derivatives(case.M, T @ y)
    there, curvature = student.quadratic_form_derivatives(T.T @ case.M @ T, y)
    scale = float(matrix_norm(T) ** 2 * matrix_norm(case.M))
    assert_close(there, gradient @ T, scale=scale * float(matrix_norm(T) * vector_norm(y)), because="gradient in y")
    assert_close(curvature, T.T @ hessian @ T, scale=scale, because="Hessian in y")


@properties_of("quadratic_form_derivatives")
@given(case=FORMS)
def test_predicts_the_gradient_elsewhere(student: Student, case: QuadraticForm) -> None:
    """The gradient at x + h is that at x plus hᵀ(Hessian); the Hessian is the same everywhere"""
    h = torch.linspace(-1, 2, len(case.x), dtype=torch.float64)
    gradient, hessian = student.quadratic_form_derivatives(case.M, case.x)
    there, curvature = student.quadratic_form_derivatives(case.M, case.x + h)
    scale = case.size + float(matrix_norm(case.M) * vector_norm(h))
    assert_close(there, gradient + h @ hessian, scale=scale, because="gradient at x + h")
    assert_close(curvature, hessian, scale=float(matrix_norm(case.M)), because="Hessian at x + h")


@misconception_of(
    "quadratic_form_derivatives",
    hint="2 M x is right only for a symmetric M. x stands on both sides of M, and each side gives a term: M x from "
    "one, Mᵀx from the other.",
)
def symmetric_only(M: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    return (2 * M @ x)[None, :], M + M.T


@misconception_of(
    "quadratic_form_derivatives",
    hint="2 M x and 2 M are right only for a symmetric M. The form sees only the symmetric part of M: put (M + Mᵀ)/2 "
    "in place of M.",
)
def taken_for_symmetric(M: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    return (2 * M @ x)[None, :], 2 * M


@misconception_of(
    "quadratic_form_derivatives",
    hint="The numbers are right; the notes write a gradient as a row, of shape [1, d], so that gradient times step is "
    "a product of matrices.",
)
def column(M: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    return (M + M.T) @ x, M + M.T


@misconception_of(
    "quadratic_form_derivatives",
    hint="The numbers are right, but this is a column [d, 1]; the notes write a gradient as a row, of shape [1, d].",
)
def upright_column(M: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    return ((M + M.T) @ x)[:, None], M + M.T


@misconception_of(
    "quadratic_form_derivatives",
    hint="A Hessian is symmetric, because the order of two derivatives does not matter. 2 M is not, unless M is: it is "
    "M + Mᵀ.",
)
def hessian_2M(M: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:  # noqa: N802
    return (x @ (M + M.T))[None, :], 2 * M


@misconception_of(
    "quadratic_form_derivatives",
    hint="The product rule has two terms: x stands on both sides of M, and you have differentiated one of them.",
)
def one_side_only(M: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    return (x @ M)[None, :], M


@misconception_of(
    "quadratic_form_derivatives",
    hint="A factor of 2 is missing: these are the derivatives of ½ xᵀM x, the form of an energy ½ k x². Here there is "
    "no ½ in front.",
)
def derivatives_of_half_the_form(M: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    return (x @ (M + M.T))[None, :] / 2, (M + M.T) / 2


@misconception_of(
    "quadratic_form_derivatives",
    hint="The gradient is right. The Hessian is the derivative of xᵀ(M + Mᵀ), and that is M + Mᵀ without a ½: the ½ of "
    "Taylor's formula stands outside the Hessian.",
)
def halved_hessian(M: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    return (x @ (M + M.T))[None, :], (M + M.T) / 2


@properties_of("bilinear_form_matrix_gradients")
@given(case=VECTORS)
def test_agrees_with_automatic_differentiation_of_both_forms(student: Student, case: Vectors) -> None:
    """The same as torch.autograd.grad of aᵀM b and of aᵀMᵀb"""
    a, b = case.a, case.b
    M = torch.ones(len(a), len(b), dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(a @ M @ b, M)
    assert_close(student.grad_bilinear(a, b), expected, because="derivative of aᵀM b")
    N = torch.ones(len(b), len(a), dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(a @ N.T @ b, N)
    assert_close(student.grad_bilinear_transposed(a, b), expected, because="derivative of aᵀMᵀb")


@properties_of("bilinear_form_matrix_gradients")
@given(case=VECTORS)
def test_is_linear_in_each_vector(student: Student, case: Vectors) -> None:
    """The derivative doubles with a, and doubles with b"""
    for name in ("grad_bilinear", "grad_bilinear_transposed"):
        once = student.call(name, (case.a, case.b))
        assert_close(student.call(name, (-2 * case.a, case.b)), -2 * once, because=f"{name}(-2a, b)")
        assert_close(student.call(name, (case.a, 4 * case.b)), 4 * once, because=f"{name}(a, 4b)")


@properties_of("bilinear_form_matrix_gradients")
@given(case=VECTORS)
def test_maps_one_vector_to_the_other(student: Student, case: Vectors) -> None:
    """G b = |b|² a and aᵀG = |a|² bᵀ: a matrix of rank one, as long as |a| |b|"""
    G = student.grad_bilinear(case.a, case.b)
    assert_close(G @ case.b, (case.b @ case.b) * case.a, because="G b")
    assert_close(case.a @ G, (case.a @ case.a) * case.b, because="aᵀG")
    assert_close(matrix_norm(G), torch.tensor(case.size, dtype=torch.float64), because="|G|")


@properties_of("bilinear_form_matrix_gradients")
@given(case=VECTORS)
def test_raises_the_form_when_m_follows_it(student: Student, case: Vectors) -> None:
    """The step M → M + G raises aᵀM b by |a|² |b|², and likewise for the transposed form"""
    a, b = case.a, case.b
    gain = torch.tensor(case.size**2, dtype=torch.float64)
    assert_close(a @ student.grad_bilinear(a, b) @ b, gain, because="aᵀG b")
    assert_close(a @ student.grad_bilinear_transposed(a, b).T @ b, gain, because="aᵀGᵀb")


@misconception_of(
    "bilinear_form_matrix_gradients",
    function="grad_bilinear",
    hint="Rows and columns are exchanged: aᵀM b = Σ a_i M_ij b_j, so entry [i, j] is a_i b_j, and a counts the rows. "
    "Shapes with m ≠ n show it at once.",
)
def swapped(a: Tensor, b: Tensor) -> Tensor:
    return torch.outer(b, a)


@misconception_of(
    "bilinear_form_matrix_gradients",
    function="grad_bilinear",
    hint="The derivative with respect to a matrix is a matrix: how much the form changes with each entry. The inner "
    "product a · b is one number, and asks for equal lengths.",
)
def inner(a: Tensor, b: Tensor) -> Tensor:
    return a @ b


@misconception_of(
    "bilinear_form_matrix_gradients",
    function="grad_bilinear_transposed",
    hint="The transpose swaps the roles: aᵀMᵀb = bᵀM a, so now b counts the rows of M.",
)
def same(a: Tensor, b: Tensor) -> Tensor:
    return torch.outer(a, b)


@misconception_of(
    "bilinear_form_matrix_gradients",
    function="grad_bilinear_transposed",
    hint="Side by side, b and a do not make a matrix: a product of two vectors in torch is the inner product, one "
    "number. What is meant is the outer product b aᵀ, a column times a row.",
)
def product_without_transpose(a: Tensor, b: Tensor) -> Tensor:
    return b @ a


@misconception_of(
    "bilinear_form_matrix_gradients",
    function="grad_bilinear",
    hint="a * b multiplies entry by entry, and even that only for equal lengths. You need every a_i with every b_j: a "
    "column times a row.",
)
def entry_by_entry_product(a: Tensor, b: Tensor) -> Tensor:
    return a * b


@misconception_of(
    "bilinear_form_matrix_gradients",
    function="grad_bilinear",
    hint="M is a general matrix here, so its entries are independent. Averaging with the transpose would be the "
    "derivative for a symmetric M only.",
)
def symmetrised(a: Tensor, b: Tensor) -> Tensor:
    G = torch.outer(a, b)
    return (G + G.T) / 2


@misconception_of(
    "bilinear_form_matrix_gradients",
    function="grad_bilinear",
    hint="You summed Σ a_i over the rows: each row of your derivative is the same. Entry [i, j] keeps its own a_i, "
    "because M_ij meets only that one.",
)
def summed_over_rows(a: Tensor, b: Tensor) -> Tensor:
    return a.sum() * b.expand(len(a), len(b)).clone()


ERRATA = (
    Erratum(
        "bilinear_form_matrix_gradients",
        "000",
        "eq. 1.23",
        printed="∂(aᵀMᵀb)/∂M = b a",
        correct="∂(aᵀMᵀb)/∂M = b aᵀ, the outer product",
        counterexample="for column vectors b a is not defined; for M [2, 3] the derivative must be [2, 3]",
        kind="notation",
        answers=(product_without_transpose,),
    ),
)
_GRADIENT = "return ((x @ hessian)[None, :], hessian) => return (({})[None, :], hessian)"
EQUIVALENT_MUTANTS = {
    "quadratic_form_derivatives": {
        _GRADIENT.format("hessian @ x"): "the Hessian is symmetric",
        _GRADIENT.format("x @ hessian.mT"): "the Hessian is symmetric",
    }
}

# Alternatives: written without looking at the reference.


@alternative_of("quadratic_form_derivatives")
def index_by_index(M: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """d/dx_k of sum_ij M_ij x_i x_j, written as sums over indices."""
    d = len(x)
    gradient, hessian = torch.zeros_like(x).reshape(1, d).clone(), torch.zeros_like(M)
    for k in range(d):
        for j in range(d):
            gradient[0, k] += M[k, j] * x[j] + M[j, k] * x[j]
            hessian[k, j] = M[k, j] + M[j, k]
    return gradient, hessian


@alternative_of("quadratic_form_derivatives")
def twice_the_symmetric_part(M: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Only the symmetric part of M enters the form; for a symmetric S the derivatives are 2 x^T S and 2 S."""
    S = torch.lerp(M, M.mT, 0.5)
    return 2 * (S @ x.unsqueeze(-1)).mT, 2 * S


@alternative_of("quadratic_form_derivatives")
def differences_that_are_exact(M: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """A parabola's slope is its central difference for any step: rows are x + h e_i and x - h e_i."""

    def form(points: Tensor) -> Tensor:
        return torch.einsum("...i,ij,...j->...", points, M, points)

    e = torch.eye(len(x), dtype=x.dtype, device=x.device)
    h = x.abs().max() if bool((x != 0).any()) else torch.ones((), dtype=x.dtype, device=x.device)
    gradient = (form(x + h * e) - form(x - h * e)) / (2 * h)
    hessian = form(e[:, None] + e[None, :]) - form(e)[:, None] - form(e)[None, :]
    return gradient[None, :], hessian


@alternative_of("bilinear_form_matrix_gradients", function="grad_bilinear")
def broadcast_product(a: Tensor, b: Tensor) -> Tensor:
    """a as a column times b as a row."""
    return a[:, None] * b


@alternative_of("bilinear_form_matrix_gradients", function="grad_bilinear")
def one_entry_at_a_time(a: Tensor, b: Tensor) -> Tensor:
    """The form is linear, so its derivative along E_ij is its value a^T E_ij b there."""
    m, n = a.numel(), b.numel()
    G = a.new_empty(m, n)
    for i in range(m):
        for j in range(n):
            E = torch.zeros(m, n, dtype=a.dtype, device=a.device)
            E[i, j] = 1
            G[i, j] = a @ E @ b
    return G


@alternative_of("bilinear_form_matrix_gradients", function="grad_bilinear_transposed")
def column_times_row(a: Tensor, b: Tensor) -> Tensor:
    """a^T M^T b = sum_ij M_ij b_i a_j: the column b times the row a."""
    return torch.matmul(b.reshape(-1, 1), a.reshape(1, -1))


@alternative_of("bilinear_form_matrix_gradients", function="grad_bilinear_transposed")
def transposed_outer_product(a: Tensor, b: Tensor) -> Tensor:
    """The derivative with respect to M^T is a b^T; in the layout of M it is transposed."""
    return torch.einsum("j,i->ji", a, b).T.contiguous()


# What students get wrong about xᵀM x, and what notices
# 2 M x for a general M -> is_the_slope_in_every_direction, sees_only_the_symmetric_part
# 2 xᵀM -> is_the_slope_in_every_direction
# M x or xᵀM: one side of the product rule -> obeys_eulers_theorem
# Mᵀx - M x or another sign -> sees_only_the_symmetric_part, is_the_slope_in_every_direction
# ½: derivatives of ½ xᵀM x -> obeys_eulers_theorem, is_the_curvature_in_every_direction
# shape [d] or [d, 1] -> returns_what_is_promised
# 2 M as the Hessian -> has_a_symmetric_hessian
# M as the Hessian -> is_the_curvature_in_every_direction
# (M + Mᵀ)/2 as the Hessian -> is_the_curvature_in_every_direction
# a Hessian that depends on x -> predicts_the_gradient_elsewhere
# the diagonal counted once: M + Mᵀ - diag(M) -> is_the_curvature_in_every_direction
# only the upper triangle of M read -> sees_only_the_symmetric_part
# MᵀM, as for |M x|² -> agrees_with_automatic_differentiation
# the value of the form returned as well or instead -> returns_what_is_promised
# (Hessian, gradient): outputs exchanged -> returns_what_is_promised
# finite differences with a tiny step: digits lost -> agrees_on_edge_cases, agrees_at_extreme_scales
# torch.autograd, torch.func -> the rule
# M += M.T in place -> keeps_its_arguments
# a result that shares memory with M where x = 0 (returns M itself) -> is_the_curvature_in_every_direction
# float64 constants for float32 inputs -> returns_what_is_promised

# What students get wrong about aᵀM b and aᵀMᵀb, and what notices
# b aᵀ for the first, a bᵀ for the second, or both alike -> the two *_change_of_the_form, returns_what_is_promised
# the inner product a · b -> returns_what_is_promised
# a * b -> returns_what_is_promised
# right for m = n only (reshape to [m, m]) -> picks_one_entry_with_unit_vectors
# a transposed layout, [n, m] -> returns_what_is_promised; for m = n: picks_one_entry_with_unit_vectors
# symmetrised or skew parts -> maps_one_vector_to_the_other
# a factor 2 or ½ -> raises_the_form_when_m_follows_it
# a sign -> is_the_change_of_the_form
# a bᵀ / (|a| |b|): normalised -> is_linear_in_each_vector
# |a_i| or |b_j| -> is_linear_in_each_vector, agrees_with_automatic_differentiation_of_both_forms
# a_i a_j or b_i b_j -> maps_one_vector_to_the_other
# b repeated, a summed -> picks_one_entry_with_unit_vectors
# the second function ignoring one argument -> transposing_exchanges_the_vectors
# kron in the wrong order, reshaped -> picks_one_entry_with_unit_vectors
# squeezed for length 1: shape [n] instead of [1, n] -> returns_what_is_promised
# a[:, None] * b[:, None] -> returns_what_is_promised
# a list or numpy array -> returns_what_is_promised
# torch.autograd -> the rule
# dtype lost through .numpy() or torch.tensor([...]) -> returns_what_is_promised
# a.unsqueeze_() in place -> keeps_its_arguments
