"""Counting rules: what ran, and on which sizes, denies what reading alone cannot see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from autograder.testing.rules import (
    DETERMINANTS,
    FACTORISATIONS,
    INVERSES_AND_SOLVES,
    NO_AUTOGRAD,
    NO_CONV,
    NO_INVERSE,
    NO_INVERSE_OR_SOLVE,
    NoIntermediate,
    NoLargerThan,
    NoMatrixProduct,
    Rule,
)
from autograder.testing.student import Operator

SIGNATURE = "f(A: Tensor[n, n], u: Tensor[n], v: Tensor[n]) -> Tensor[n, n]"


def test_rules_are_values() -> None:
    rules = [NO_INVERSE, NO_AUTOGRAD, NoMatrixProduct(SIGNATURE, "n"), NoIntermediate(SIGNATURE, "n, n")]
    assert len({hash(rule) for rule in rules}) == len(rules)
    assert NoMatrixProduct(SIGNATURE, "n") == NoMatrixProduct(SIGNATURE, "n")
    assert all(rule.name.isidentifier() and rule.sentence for rule in rules)


class Recording(TorchDispatchMode):
    """The operators that torch really runs."""

    def __init__(self) -> None:
        super().__init__()
        self.operators: list[Operator] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        shapes = tuple(tuple(a.shape) for a in args if isinstance(a, torch.Tensor))
        self.operators.append(Operator(func._schema.name, shapes))
        return func(*args, **(kwargs or {}))


def recorded(function: Callable[..., Any]) -> list[Operator]:
    A = torch.eye(5, dtype=torch.float64) * 2 + torch.arange(5, dtype=torch.float64) / 16
    u, v = torch.arange(5, dtype=torch.float64), torch.ones(5, dtype=torch.float64)
    with Recording() as mode:
        function(A, u, v)
    return mode.operators


PRODUCT = NoMatrixProduct(SIGNATURE, "n")
RUNS: list[tuple[str, Callable[..., Any], set[Rule]]] = [
    ("inv", lambda A, u, v: torch.linalg.inv(A), {NO_INVERSE, NO_INVERSE_OR_SOLVE}),
    ("inverse", lambda A, u, v: A.inverse(), {NO_INVERSE, NO_INVERSE_OR_SOLVE}),
    ("pinv", lambda A, u, v: torch.linalg.pinv(A), {NO_INVERSE, NO_INVERSE_OR_SOLVE}),
    ("negative power", lambda A, u, v: torch.linalg.matrix_power(A, -int(v[0])), {NO_INVERSE, NO_INVERSE_OR_SOLVE}),
    ("tensorinv", lambda A, u, v: torch.linalg.tensorinv(A, ind=1), {NO_INVERSE, NO_INVERSE_OR_SOLVE}),
    ("cholesky_inverse", lambda A, u, v: torch.cholesky_inverse(A), {NO_INVERSE, NO_INVERSE_OR_SOLVE}),
    ("solve", lambda A, u, v: torch.linalg.solve(A, u), {NO_INVERSE_OR_SOLVE}),
    ("lstsq", lambda A, u, v: torch.linalg.lstsq(A, u[:, None]), {NO_INVERSE_OR_SOLVE}),
    ("lu_solve", lambda A, u, v: torch.linalg.lu_solve(*torch.linalg.lu_factor(A), A), {NO_INVERSE_OR_SOLVE}),
    ("solve_triangular", lambda A, u, v: torch.linalg.solve_triangular(A, A, upper=True), {NO_INVERSE_OR_SOLVE}),
    ("cholesky_solve", lambda A, u, v: torch.cholesky_solve(A, A), {NO_INVERSE_OR_SOLVE}),
    ("ldl_solve", lambda A, u, v: torch.linalg.ldl_solve(*torch.linalg.ldl_factor(A + A.T), A), {NO_INVERSE_OR_SOLVE}),
    ("matmul", lambda A, u, v: A @ A, {PRODUCT}),
    ("einsum", lambda A, u, v: torch.einsum("ij,jk->ik", A, A), {PRODUCT}),
    ("tensordot", lambda A, u, v: torch.tensordot(A, A, 1), {PRODUCT}),
    ("linear", lambda A, u, v: torch.nn.functional.linear(A, A), {PRODUCT}),
    ("addmm", lambda A, u, v: torch.addmm(A, A, A), {PRODUCT}),
    ("batch", lambda A, u, v: A.expand(2, 5, 5) @ A, {PRODUCT}),
    ("broadcast and sum", lambda A, u, v: (A[:, :, None] * A[None]).sum(1), {PRODUCT}),
    ("outer first", lambda A, u, v: A @ torch.outer(u, v) @ A, {PRODUCT}),
    ("square", lambda A, u, v: torch.linalg.matrix_power(A, 2), {PRODUCT}),
    ("convolution", lambda A, u, v: torch.nn.functional.conv1d(A[None], A[None]), {NO_CONV}),
    ("convolution in 2-d", lambda A, u, v: torch.nn.Conv2d(1, 1, 3, dtype=A.dtype)(A[None, None]), {NO_CONV}),
    ("backward", lambda A, u, v: torch.func.grad(lambda x: (x @ v).tanh())(u), {NO_AUTOGRAD}),
    ("formula", lambda A, u, v: A - torch.outer(A @ u, v @ A) / (1 + v @ A @ u), set()),
    ("columns", lambda A, u, v: A - (A @ u[:, None]) @ (v[None] @ A) / (1 + v @ (A @ u)), set()),
    ("two columns at once", lambda A, u, v: A @ torch.stack([u, v], dim=1), set()),
    ("einsum of vectors", lambda A, u, v: torch.einsum("i,j->ij", torch.einsum("ij,j->i", A, u), v @ A), set()),
    ("addr", lambda A, u, v: torch.addr(A, A @ u, v @ A), set()),
    ("addmm of columns", lambda A, u, v: torch.addmm(A, u[:, None], v[None]), set()),
    ("determinant", lambda A, u, v: torch.linalg.det(A) + torch.logdet(A), set()),
    ("spectrum", lambda A, u, v: (torch.linalg.eigh(A + A.T), torch.linalg.svd(A), torch.matrix_exp(A)), set()),
    ("fft", lambda A, u, v: torch.fft.ifft2(torch.fft.fft2(A)).conj().resolve_conj().real, set()),
    ("patches", lambda A, u, v: torch.nn.functional.unfold(A[None, None], 2), set()),
    ("elementwise", lambda A, u, v: A * A / (1 + A.T**2), set()),
]


@pytest.mark.parametrize(("function", "broken"), [run[1:] for run in RUNS], ids=[run[0] for run in RUNS])
def test_what_torch_runs_breaks_these_rules_and_no_others(function: Callable[..., Any], broken: set[Rule]) -> None:
    rules = (NO_INVERSE, NO_INVERSE_OR_SOLVE, PRODUCT, NO_CONV, NO_AUTOGRAD)
    operators = recorded(function)
    assert {rule for rule in rules if rule.count(operators, matrix(5)) is not None} == broken


def matrix(n: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return torch.eye(n), torch.ones(n), torch.ones(n)


@pytest.mark.parametrize(
    ("operators", "broken"),
    [
        ([Operator("linalg_inv_ex", ((5, 5),))], "ran linalg_inv_ex on a 5 x 5 matrix"),
        ([Operator("mm", ((5, 5), (5, 5))), Operator("linalg_pinv", ((5, 5),))], "ran linalg_pinv on a 5 x 5 matrix"),
        ([Operator("aten::inverse.default", ((2, 5, 5),))], "ran inverse on a tensor of shape (2, 5, 5)"),
        ([Operator("numpy.inv", ((5, 5),))], "ran numpy.inv on a 5 x 5 matrix"),
        ([Operator("numpy.linalg.pinv", ())], "ran numpy.linalg.pinv"),
        ([Operator("mm", ((5, 5), (5, 5))), Operator("_linalg_solve_ex", ((5, 5), (5,)))], None),
        (
            [Operator("resolve_conj", ((5, 5),)), Operator("_fft_c2r", ((5, 5),)), Operator("numpy.invert", ((5,),))],
            None,
        ),
    ],
)
def test_operators_deny_an_inverse(operators: list[Operator], broken: str | None) -> None:
    assert NO_INVERSE.count(operators, matrix(5)) == broken


@pytest.mark.parametrize(
    "name",
    [
        "_linalg_solve_ex",
        "linalg_solve_triangular",
        "triangular_solve",
        "linalg_lu_solve",
        "linalg_lstsq",
        "cholesky_solve",
        "numpy.solve",
    ],
)
def test_operators_deny_a_solve(name: str) -> None:
    assert NO_INVERSE_OR_SOLVE.count([Operator(name, ((5, 5), (5, 1)))], matrix(5)) == f"ran {name} on a 5 x 5 matrix"


@pytest.mark.parametrize(
    ("name", "shapes", "broken"),
    [
        ("mm", ((5, 5), (5, 5)), True),
        ("bmm", ((1, 5, 5), (1, 5, 5)), True),
        ("matmul", ((5, 5), (5, 5)), True),
        ("addmm", ((5, 5), (5, 5), (5, 5)), True),
        ("baddbmm", ((2, 5, 5), (2, 5, 5), (2, 5, 5)), True),
        ("mul", ((5, 5, 1), (1, 5, 5)), True),
        ("mul", ((5, 1, 5), (5, 5)), True),
        ("numpy.matmul", ((5, 5), (5, 5)), True),
        ("mm", ((5, 5), (5, 1)), False),
        ("mm", ((5, 1), (1, 5)), False),
        ("mm", ((5, 5), (5, 2)), False),
        ("bmm", ((1, 5, 1), (1, 1, 5)), False),
        ("bmm", ((1, 5, 5), (1, 5, 1)), False),
        ("addmm", ((5, 5), (5, 1), (1, 5)), False),
        ("mv", ((5, 5), (5,)), False),
        ("mul", ((5, 5), (5, 5)), False),
        ("mul", ((5, 1), (1, 5)), False),
        ("mul", ((5, 5), ()), False),
        ("sub", ((5, 5), (5, 5)), False),
        ("mm", ((3, 3), (3, 3)), False),
        ("mm", (), False),
    ],
)
def test_matrix_products_are_told_by_their_sizes(name: str, shapes: tuple[tuple[int, ...], ...], broken: bool) -> None:
    sentence = NoMatrixProduct(SIGNATURE, "n").count([Operator("add", ((5, 5),)), Operator(name, shapes)], matrix(5))
    assert sentence == ("multiplied two 5 x 5 matrices" if broken else None)


def test_two_columns_are_no_square_matrix() -> None:
    rule = NoMatrixProduct(SIGNATURE, "n")
    assert rule.count([Operator("mm", ((2, 2), (2, 2)))], matrix(2)) is None
    assert rule.count([Operator("mm", ((1, 1), (1, 1)))], matrix(1)) is None
    assert rule.count([Operator("mm", ((5, 5), (5, 5)))], ("not", "tensors")) is None


def test_intermediates_are_told_by_their_shape() -> None:
    signature = "f(x: Tensor[n, d], y: Tensor[m, d]) -> Tensor[n, m]"
    rule = NoIntermediate(signature, "n, m, d")
    arguments = (torch.zeros(4, 2), torch.zeros(3, 2))
    assert rule.name == "no_n_x_m_x_d"
    assert rule.count([Operator("pow", ((4, 3, 2),))], arguments) == "built a tensor of shape (4, 3, 2)"
    assert rule.count([Operator("sub", ((4, 1, 2), (1, 3, 2)))], arguments) is None
    assert NoIntermediate(signature, "n, d").count([Operator("mm", ((4, 2), (2, 3)))], arguments) is None


def test_small_solves_may_be_allowed() -> None:
    rule = NoLargerThan(
        "small", "solves nothing larger than k x k", frozenset({"*solve*"}), "f(U: Tensor[n, k]) -> Tensor[n, n]", "k"
    )
    arguments = (torch.zeros(5, 2),)
    assert rule.count([Operator("_linalg_solve_ex", ((2, 2), (2, 5)))], arguments) is None
    assert (
        rule.count([Operator("_linalg_solve_ex", ((5, 5), (5, 5)))], arguments)
        == "ran _linalg_solve_ex on a 5 x 5 matrix"
    )


LARGE: list[tuple[str, Callable[..., Any]]] = [
    ("inv", torch.linalg.inv),
    ("solve", lambda A: torch.linalg.solve(A, A)),
    ("det", torch.linalg.det),
    ("slogdet", torch.linalg.slogdet),
    ("logdet", lambda A: torch.logdet(A @ A.T)),
    ("lu", torch.linalg.lu),
    ("lu_factor", torch.linalg.lu_factor),
    ("cholesky", lambda A: torch.linalg.cholesky(A @ A.T)),
    ("qr", torch.linalg.qr),
    ("svdvals", torch.linalg.svdvals),
    ("eigvals", torch.linalg.eigvals),
    ("eigh", lambda A: torch.linalg.eigh(A + A.T)),
]


@pytest.mark.parametrize(("label", "function"), LARGE, ids=[label for label, _ in LARGE])
def test_small_matrices_may_be_factorised_and_large_ones_not(label: str, function: Callable[[Any], Any]) -> None:
    signature = "f(A: Tensor[n, n], U: Tensor[n, k]) -> Tensor[n, n]"
    rule = NoLargerThan("small", "small only", INVERSES_AND_SOLVES | DETERMINANTS | FACTORISATIONS, signature, "k")
    A = torch.eye(5, dtype=torch.float64) * 2 + torch.arange(5, dtype=torch.float64) / 16
    arguments = (A, A[:, :2])
    large = recorded(lambda A, u, v: function(A))
    small = recorded(lambda A, u, v: (function(A[:2, :2]), torch.linalg.qr(A[:, :2])))
    assert "5 x 5" in (rule.count(large, arguments) or "")
    assert rule.count(small, arguments) is None
