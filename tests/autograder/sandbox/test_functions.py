"""The families of described functions: right values, differentiable, the same on both sides of the wall."""

from __future__ import annotations

import pytest
import torch

from autograder.sandbox.inside.functions import (
    FAMILIES,
    Affine,
    Composition,
    Constant,
    Entries,
    GaussianMixtureLogDensity,
    Gradient,
    Mlp,
    Polynomial,
    Quadratic,
    RowSum,
    Scaled,
    Shifted,
    Sum,
    Trigonometric,
)

torch.manual_seed(0)
A = torch.randn(3, 3, dtype=torch.float64)
W = torch.randn(2, 3, dtype=torch.float64)
b, m = torch.randn(3, dtype=torch.float64), torch.randn(2, dtype=torch.float64)
ROWS = torch.randn(5, 3, dtype=torch.float64)
MEANS = torch.randn(2, 3, dtype=torch.float64)
COVARIANCES = torch.stack([torch.eye(3, dtype=torch.float64), A @ A.T + torch.eye(3, dtype=torch.float64)])
QUADRATIC = Quadratic(A, b, 0.25)
WAVES = Trigonometric(torch.tensor([1.0, 0.5]), torch.tensor([2.0, 3.0]), torch.tensor([0.0, 1.0]))
MIXTURE = GaussianMixtureLogDensity(torch.tensor([0.5, 1.5], dtype=torch.float64), MEANS, COVARIANCES)
MEMBERS = {
    "Affine": Affine(W, m),
    "Composition": Composition(Polynomial(torch.tensor([1.0, 0.0, 2.0])), Affine(W, m)),
    "Constant": Constant(2.5),
    "Entries": Entries(1, 3),
    "GaussianMixtureLogDensity": MIXTURE,
    "Gradient": Gradient(QUADRATIC),
    "Mlp": Mlp((torch.ones(4, 3) / 3, torch.ones(1, 4)), (torch.zeros(4), torch.ones(1))),
    "Polynomial": Polynomial(torch.tensor([1.0, -2.0, 0.5])),
    "Quadratic": QUADRATIC,
    "RowSum": RowSum(WAVES),
    "Scaled": Scaled(QUADRATIC, -2.0),
    "Shifted": Shifted(MIXTURE, 3.0),
    "Sum": Sum(QUADRATIC, MIXTURE),
    "Trigonometric": WAVES,
}
every_family = pytest.mark.parametrize("f", MEMBERS.values(), ids=MEMBERS)


def test_every_family_is_tried_here():
    assert MEMBERS.keys() == FAMILIES.keys()


def mixture_by_distributions(x):
    weights = torch.distributions.Categorical(logits=MIXTURE.log_weights)
    normals = torch.distributions.MultivariateNormal(MEANS, COVARIANCES)
    return torch.distributions.MixtureSameFamily(weights, normals).log_prob(x)


def quadratic_by_loops(x):
    terms = [sum(row[i] * A[i, j] * row[j] for i in range(3) for j in range(3)) / 2 + b @ row + 0.25 for row in x]
    return torch.stack(terms)


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (MEMBERS["Affine"], lambda x: torch.stack([W @ row + m for row in x])),
        (MEMBERS["Composition"], lambda x: torch.stack([1 + 2 * (W @ row + m) ** 2 for row in x])),
        (MEMBERS["Constant"], lambda x: torch.full_like(x, 2.5)),
        (MEMBERS["Entries"], lambda x: torch.stack([x[:, 1], x[:, 2]], dim=1)),
        (MIXTURE, mixture_by_distributions),
        (Gradient(QUADRATIC), lambda x: torch.stack([(A + A.T) @ row / 2 + b for row in x])),
        (MEMBERS["Mlp"], lambda x: 4 * torch.tanh(x.mean(1, keepdim=True)) + 1),
        (MEMBERS["Polynomial"], lambda x: 1 - 2 * x + x**2 / 2),
        (QUADRATIC, quadratic_by_loops),
        (RowSum(Constant(2.0)), lambda x: torch.full_like(x[:, 0], 6.0)),
        (MEMBERS["Scaled"], lambda x: -2 * quadratic_by_loops(x)),
        (MEMBERS["Shifted"], lambda x: mixture_by_distributions(x) + 3),
        (MEMBERS["Sum"], lambda x: quadratic_by_loops(x) + mixture_by_distributions(x)),
        (WAVES, lambda x: torch.sin(2 * x) + torch.sin(3 * x + 1) / 2),
    ],
    ids=lambda part: type(part).__name__,
)
def test_values(f, expected):
    torch.testing.assert_close(f(ROWS), expected(ROWS))


def test_entries_share_the_memory_of_their_argument():
    x = ROWS.clone()
    Entries(0, 2)(x).zero_()
    assert not x[:, :2].any()
    assert x[:, 2].all()


@every_family
def test_single_rows_batches_and_vmap_agree(f):
    batch = f(ROWS)
    torch.testing.assert_close(torch.stack([f(row) for row in ROWS]), batch)
    torch.testing.assert_close(torch.func.vmap(f)(ROWS), batch)
    torch.testing.assert_close(f(ROWS.reshape(5, 1, 3)).flatten(), batch.flatten())


@every_family
def test_autograd_and_torch_func_differentiate_twice(f):
    x = ROWS.clone().requires_grad_()
    assert torch.autograd.gradcheck(f, x)
    assert torch.autograd.gradgradcheck(f, x)
    first = torch.autograd.functional.jacobian(f, ROWS[0])
    torch.testing.assert_close(torch.func.jacrev(f)(ROWS[0]), first)
    torch.testing.assert_close(torch.func.jacfwd(f)(ROWS[0]), first)


@every_family
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_the_type_follows_the_argument(f, dtype):
    assert f(ROWS.to(dtype)).dtype == dtype
    assert f(torch.ones(2, 3, dtype=torch.int64)).is_floating_point()


@every_family
def test_map_changes_every_tensor_also_in_nested_functions(f):
    from autograder.testing.values import leaves, map_tensors

    changed = map_tensors(f, lambda tensor: tensor * 0)
    assert type(changed) is type(f)
    assert all(not leaf.any() for leaf in leaves(changed) if isinstance(leaf, torch.Tensor))


STUDENT = """
import torch

def value(f, x):
    return f(x)

def gradient(f, x):
    return torch.func.grad(lambda x: f(x).sum())(x)

def by_autograd(f, x):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(f(x).sum(), x)[0]

def by_rows(f, x):
    return torch.func.vmap(torch.func.jacrev(f))(x)
"""


@every_family
def test_the_worker_computes_the_same_numbers(f, make_worker):
    """Bit by bit: the member is rebuilt from the same parameters, in the same torch."""
    worker = make_worker(STUDENT)
    here: dict[str, object] = {}
    exec(STUDENT, here)
    for name in ("value", "gradient", "by_autograd", "by_rows"):
        there = worker.call(name, [f, ROWS], seed=0)
        assert torch.equal(there, here[name](f, ROWS).detach()), name


def test_a_described_function_that_comes_back_is_a_handle(make_worker):
    worker = make_worker("def same(f): return f\ndef use(f, x): return f(x)")
    handle = worker.call("same", [QUADRATIC], seed=0)
    assert torch.equal(handle(ROWS), QUADRATIC(ROWS))
    assert torch.equal(worker.call("use", [handle, ROWS], seed=0), QUADRATIC(ROWS))
