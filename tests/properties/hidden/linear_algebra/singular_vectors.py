"""The singular value decomposition from AᵀA: hidden properties and known answers."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.linalg import matrix_norm

from autograder.testing.answers import alternative_of, misconception_of
from autograder.testing.assertions import assert_close, assert_equal
from autograder.testing.errata import Erratum
from autograder.testing.properties import given, properties_of
from autograder.testing.strategies import generators, powers_of_two, rotation
from autograder.testing.student import Student
from tests.properties.public.linear_algebra.singular_vectors import CASES, Matrix

SINGLE = 2.0**29
"""A roundoff of float32, in roundoffs of float64."""


@properties_of("svd_from_eigh", weight=2)
@given(case=CASES)
def test_pairs_each_v_with_its_u(student: Student, case: Matrix) -> None:
    """A v_i = σ_i u_i and Aᵀu_i = σ_i v_i: the signs of u_i and v_i hang together"""
    U, s, V = student.svd_from_eigh(case.A)
    k = case.k
    for got, expected, name in ((case.A @ V[:, :k], U[:, :k] * s, "A V"), (case.A.T @ U[:, :k], V[:, :k] * s, "Aᵀ U")):
        assert_close(got, expected, condition=case.condition, scale=case.largest, because=name)


@properties_of("svd_from_eigh")
@given(case=CASES)
def test_fills_both_null_spaces(student: Student, case: Matrix) -> None:
    """Beyond the rank, A maps the columns of V to 0 and Aᵀ those of U"""
    U, _, V = student.svd_from_eigh(case.A)
    for image, name in ((case.A @ V[:, case.rank :], "A v"), (case.A.T @ U[:, case.rank :], "Aᵀ u")):
        assert_close(image, 0 * image, condition=case.condition, scale=case.largest, because=name)


@properties_of("svd_from_eigh")
@given(case=CASES)
def test_diagonalises_the_gram_matrix(student: Student, case: Matrix) -> None:
    """AᵀA V = V Σᵀ Σ: the columns of V are eigenvectors, with eigenvalues s², and 0 beyond"""
    _, s, V = student.svd_from_eigh(case.A)
    squares = torch.zeros(case.A.shape[1], dtype=torch.float64)
    squares[: case.k] = s**2
    gram = case.A.T @ case.A
    assert_close(gram @ V, V * squares, condition=case.condition**0.5, scale=case.largest**2, because="AᵀA V")


@properties_of("svd_from_eigh")
@given(case=CASES, generator=generators())
def test_does_not_see_rotations(student: Student, case: Matrix, generator: torch.Generator) -> None:
    """Rotating before and after A, or transposing it, leaves the singular values alone"""
    m, n = case.A.shape
    _, s, _ = student.svd_from_eigh(case.A)
    turned = rotation(generator, m) @ case.A @ rotation(generator, n)
    for A, name in ((turned, "s of Q A R"), (case.A.T.contiguous(), "s of Aᵀ")):
        got = student.svd_from_eigh(A)[1]
        assert_close(got, s, condition=case.condition**0.5, scale=case.largest, because=name)


@properties_of("svd_from_eigh")
@given(case=CASES)
def test_keeps_the_length_of_the_matrix(student: Student, case: Matrix) -> None:
    """The sum of the σ_i² is that of all squared entries"""
    _, s, _ = student.svd_from_eigh(case.A)
    assert_close(s.square().sum(), matrix_norm(case.A) ** 2, condition=case.condition**0.5, because="Σ σ_i²")


@properties_of("svd_from_eigh", weight=2)
@given(case=CASES, unit=powers_of_two(-35, 35))
def test_works_in_double_precision_inside(student: Student, case: Matrix, unit: float) -> None:
    """A float32 matrix gets the answer of float64, rounded: AᵀA has squared what float32 can hold"""
    A = (case.A * unit * unit).float()
    inputs = Matrix(A.double())
    U, s, V = (part.double() for part in student.svd_from_eigh(A))
    expected = torch.where(inputs.singular_values > 1e-6 * inputs.largest, inputs.singular_values, 0.0)  # row threshold
    condition = SINGLE + case.condition
    assert_close(s, expected, condition=SINGLE, scale=inputs.largest, because="s in float32")
    assert_equal(int(s.count_nonzero()), int(expected.count_nonzero()), because="the rank in float32")
    assert_close(U.T @ U, torch.eye(len(A), dtype=torch.float64), condition=condition, because="UᵀU in float32")
    product = U[:, : case.k] * s @ V[:, : case.k].T
    assert_close(product, A.double(), condition=condition, scale=inputs.largest, because="U Σ Vᵀ in float32")


@misconception_of(
    "svd_from_eigh",
    hint="For σ_i = 0 this is 0/0, and for a rounded zero it is noise over noise. A says nothing about those u_i: "
    "complete U with any orthonormal basis of what is left, for instance by a QR decomposition. The rank counts the "
    "non-zero singular values only.",
)
def divide_by_zero(A: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    B, squares, V, k = _eigen(A)
    s = squares[:k].clamp(min=0).sqrt()
    U = B @ V[:, :k] / s
    if len(B) > k:
        U = torch.cat([U, torch.linalg.qr(U.nan_to_num(), mode="complete").Q[:, k:]], 1)
    return U.to(A.dtype), s.to(A.dtype), V.to(A.dtype)


@misconception_of(
    "svd_from_eigh",
    hint="torch.linalg.eigh sorts from the smallest eigenvalue up; singular values go from the largest down. Flip the "
    "values AND the columns of V.",
)
def ascending(A: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    U, s, V = _right(A)
    k = len(s)
    U, V = torch.cat([U[:, :k].flip(1), U[:, k:]], 1), torch.cat([V[:, :k].flip(1), V[:, k:]], 1)
    return U.to(A.dtype), s.flip(0).to(A.dtype), V.to(A.dtype)


@misconception_of(
    "svd_from_eigh",
    hint="eigh(A Aᵀ) chooses the sign of each u_i, and a rotation among equal σ_i, without asking V. They are tied: A "
    "v_i = σ_i u_i. Make the u_i from the v_i.",
)
def independent_signs(A: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    B, squares, V, k = _eigen(A)
    U = torch.linalg.eigh(B @ B.T).eigenvectors.flip(1)
    return U.to(A.dtype), _cut(squares[:k].clamp(min=0).sqrt()).to(A.dtype), V.to(A.dtype)


@misconception_of(
    "svd_from_eigh",
    hint="You returned Vᵀ. torch.linalg.svd does so, too, but here V itself is asked for: its columns are the v_i.",
)
def v_transposed(A: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    U, s, V = _right(A)
    return U.to(A.dtype), s.to(A.dtype), V.T.to(A.dtype)


@misconception_of(
    "svd_from_eigh",
    hint="The eigenvalues of AᵀA are the squares σ_i². AᵀA stretches twice, A once: take the square root.",
)
def eigenvalues_returned(A: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    U, s, V = _right(A)
    return U.to(A.dtype), (s**2).to(A.dtype), V.to(A.dtype)


@misconception_of(
    "svd_from_eigh",
    hint="This is the reduced decomposition: U [m, r] and V [n, r]. Here both are full rotations, [m, m] and [n, n]: "
    "complete their columns to a basis of the whole space.",
)
def reduced(A: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    U, s, V = _right(A)
    k = len(s)
    return U[:, :k].to(A.dtype), s.to(A.dtype), V[:, :k].to(A.dtype)


@misconception_of(
    "svd_from_eigh",
    hint="The columns of U beyond the rank are zero vectors, so U is no rotation. Any unit vectors will do that are "
    "orthogonal to the others and to each other.",
)
def completed_with_zeros(A: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    U, s, V = _right(A)
    r = int(s.count_nonzero())
    U = torch.cat([U[:, :r], torch.zeros_like(U[:, r:])], 1)
    return U.to(A.dtype), s.to(A.dtype), V.to(A.dtype)


@misconception_of(
    "svd_from_eigh",
    hint="You worked in the precision of A. AᵀA squares the singular values, so in float32 those below 1/3000 of the "
    "largest drown in the rounding. Compute in float64 and cast back at the end.",
)
def in_single_precision(A: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    eigenvalues, vectors = torch.linalg.eigh(A.T @ A)
    V = vectors.flip(1)
    s = _cut(eigenvalues.flip(0)[: min(A.shape)].clamp(min=0).sqrt())
    r = int(s.count_nonzero())
    reached = A @ V[:, :r] / s[:r]
    return torch.cat([reached, torch.linalg.qr(reached, mode="complete").Q[:, r:]], 1), s, V


@misconception_of(
    "svd_from_eigh",
    hint="Rounding turns an eigenvalue 0 of AᵀA into about 1e-16, and its root into 1e-8: no longer small enough to be "
    "overlooked. Set the σ_i below 1e-6 σ_1 to exactly 0.",
)
def rounded_zeros_kept(A: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    U, _, V = _right(A)
    squares = _eigen(A)[1]
    return U.to(A.dtype), squares[: min(A.shape)].abs().sqrt().to(A.dtype), V.to(A.dtype)


def _eigen(A: Tensor) -> tuple[Tensor, Tensor, Tensor, int]:
    """A in double precision, the eigenvalues of AᵀA from the largest down, V, and the number of singular values."""
    B = A.double()
    squares, vectors = torch.linalg.eigh(B.T @ B)
    return B, squares.flip(0), vectors.flip(1), min(B.shape)


def _cut(s: Tensor) -> Tensor:
    return torch.where(s > 1e-6 * s[0], s, torch.zeros_like(s))  # row threshold


def _right(A: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A right answer, in double precision."""
    B, squares, V, k = _eigen(A)
    s = _cut(squares[:k].clamp(min=0).sqrt())
    r = int(s.count_nonzero())
    reached = B @ V[:, :r] / s[:r]
    return torch.cat([reached, torch.linalg.qr(reached, mode="complete").Q[:, r:]], 1), s, V


ERRATA = (
    Erratum(
        "svd_from_eigh",
        "000",
        "Def. 2",
        printed="r is the rank, or equivalently the number of singular values",
        correct="r is the number of non-zero singular values",
        counterexample="A = diag(1, 0) has two singular values and rank 1",
        answers=(divide_by_zero,),
    ),
    Erratum(
        "svd_from_eigh",
        "001",
        "Def. 2",
        printed="r is the rank, or equivalently the number of singular values",
        correct="r is the number of non-zero singular values",
        counterexample="A = diag(1, 0) has two singular values and rank 1",
        answers=(divide_by_zero,),
    ),
)

_ROOTS = "s = eigenvalues.flip(0)[:min(A.shape)].clamp(min=0).sqrt() => s = eigenvalues"
EQUIVALENT_MUTANTS = {
    "svd_from_eigh": {
        f"{_ROOTS}.flip(0)[:min(A.shape)].sqrt()": "nan is not above the threshold, so it becomes 0",
        f"{_ROOTS}.flip(0)[:min(A.shape)].clamp(min=-1).sqrt()": "nan is not above the threshold, so it becomes 0",
        f"{_ROOTS}.flip(-1)[:min(A.shape)].clamp(min=0).sqrt()": "a vector has one axis",
        "s = torch.where(s > RANK * s[0], s, 0.0) => s = torch.where(s >= RANK * s[0], s, 0.0)": "equal for 0 only",
        "U = torch.cat([reached, basis[:, r:]], dim=1) => U = torch.cat([reached, basis[:, r:]], dim=-1)": "two axes",
    }
}

# Alternatives: written without looking at the reference.


@alternative_of("svd_from_eigh")
def gram_schmidt_completion(A: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Vector by vector; U is completed by orthogonalising the unit vectors, twice, with the largest remainder first."""
    B = A.double()
    m, n = B.shape
    k = min(m, n)
    eigenvalues, vectors = torch.linalg.eigh(B.T @ B)
    order = torch.argsort(eigenvalues, descending=True)
    V = vectors[:, order]
    images = B @ V
    lengths = images.norm(dim=0)
    s = torch.zeros(k, dtype=torch.float64, device=B.device)
    columns: list[Tensor] = []
    for i in range(k):
        if lengths[i] > 1e-6 * lengths.max():  # row threshold
            s[i] = lengths[i]
            columns.append(images[:, i] / lengths[i])
    while len(columns) < m:
        rest = torch.eye(m, dtype=torch.float64, device=B.device)
        for _ in range(2):
            for c in columns:
                rest = rest - torch.outer(c, c @ rest)
        sizes = rest.norm(dim=0)
        columns.append(rest[:, sizes.argmax()] / sizes.max())
    U = torch.stack(columns, dim=1)
    return U.to(A.dtype), s.to(A.dtype), V.to(A.dtype)


@alternative_of("svd_from_eigh")
def random_completion(A: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Random signs, and U completed by random vectors that QR makes orthonormal: another answer at every call."""
    B = A.to(torch.float64)
    m, n = B.shape
    squares, V = torch.linalg.eigh(B.mT @ B)
    squares, V = squares.flip(0), V.flip(1)
    sigma = squares.clamp(min=0).sqrt()[: min(m, n)]
    sigma = torch.where(sigma > 1e-6 * sigma[0], sigma, torch.zeros_like(sigma))  # row threshold
    r = int((sigma > 0).sum())
    signs = torch.where(torch.rand(n, device=B.device) < 0.5, -1.0, 1.0).double()  # the signs of V are free
    V = V * signs
    seen = B @ V[:, :r] / sigma[:r]
    random = torch.randn(m, m - r, dtype=torch.float64, device=B.device)
    Q = torch.linalg.qr(torch.cat([seen, random], 1))[0]
    U = torch.cat([seen, Q[:, r:]], 1)
    return U.to(A.dtype), sigma.to(A.dtype), V.to(A.dtype)


@alternative_of("svd_from_eigh")
def kernel_of_the_transpose(A: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """U is completed by eigenvectors of U_r U_r^T with eigenvalue 0: the projector on what A does not reach."""
    B = A.double()
    k = min(B.shape)
    squares, V = torch.linalg.eigh(B.T.matmul(B))
    squares, V = torch.flip(squares, [0]), torch.fliplr(V)
    s = torch.sqrt(torch.relu(squares))
    r = int(torch.sum(s[:k] > 1e-6 * s[0]))  # row threshold
    s = torch.cat([s[:r], s.new_zeros(k - r)])
    U_r = torch.einsum("ij,jk->ik", B, V[:, :r]) / s[:r]
    _, W = torch.linalg.eigh(U_r @ U_r.T)
    U = torch.hstack([U_r, W[:, : B.shape[0] - r]])
    return U.to(A.dtype), s.to(A.dtype), V.to(A.dtype)


# What students get wrong, and what notices
# u_i = A v_i / σ_i for σ_i = 0: nan, or noise over noise -> has_orthonormal_columns_in_u (singular edge cases)
# the order of eigh kept -> sorts_the_singular_values, finds_the_singular_values
# values flipped and columns not -> multiplies_back_to_the_matrix, diagonalises_the_gram_matrix
# U from eigh(A Aᵀ): signs of its own -> multiplies_back_to_the_matrix, pairs_each_v_with_its_u
# signs repaired, but not the rotation among equal σ -> multiplies_back_to_the_matrix ("repeated singular values")
# Vᵀ for V -> diagonalises_the_gram_matrix
# rows of eigh's matrix taken for eigenvectors -> diagonalises_the_gram_matrix
# σ² for σ -> finds_the_singular_values, keeps_the_length_of_the_matrix
# n values for a wide matrix, or r of them -> returns_what_is_promised
# U [m, k] or V [n, k] -> returns_what_is_promised
# U completed with zeros -> has_orthonormal_columns_in_u
# U completed with unit vectors e_i as they are -> has_orthonormal_columns_in_u
# U completed without the null space of a rank-deficient A -> fills_both_null_spaces
# the sign of QR kept: Q in place of A V / σ -> pairs_each_v_with_its_u
# sqrt of -1e-17: nan -> agrees_on_edge_cases ("rank 1")
# 1e-8 for a σ that is 0 -> finds_the_singular_values
# an absolute threshold -> agrees_at_extreme_scales
# the threshold on σ² instead of σ -> finds_the_singular_values ("a small singular value")
# the zero matrix: 0/0 in the relative threshold -> agrees_on_edge_cases ("zero matrix")
# computed in float32 -> works_in_double_precision_inside
# float64 returned for float32 -> returns_what_is_promised
# torch.linalg.svd in disguise (pinv, matrix_rank, norm of order 2) -> the rule
# A_flat modified in place, A.double() taken for a copy -> keeps_its_arguments
