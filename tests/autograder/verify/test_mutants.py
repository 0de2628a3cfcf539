"""Mutants: one small change each, in what the exercise runs and nowhere else."""

from __future__ import annotations

import pytest
import torch

from autograder.verify.mutants import mutants_of

MODULE = '''
"""A module."""

from torch import Tensor

EPS = 1e-3


def step(x: Tensor, g: Tensor, lr: float) -> Tensor:
    """x - lr g / (|g| + eps)."""
    if lr <= 0:
        raise ValueError("lr is not positive: -1 < 0")
    return x - lr * g / (_size(g).sqrt() + EPS)


def _size(g: Tensor) -> Tensor:
    return (g * g).sum(dim=0)


def neighbour(x: Tensor) -> Tensor:
    return x + 1
'''


@pytest.fixture(scope="module")
def mutants():
    return mutants_of(MODULE, ["step"])


def differences(mutants, kind):
    return {mutant.difference for mutant in mutants if mutant.kind == kind}


def test_every_mutant_is_a_module_that_compiles_and_differs(mutants):
    texts = [mutant.text for mutant in mutants]
    assert len(set(texts)) == len(texts) > 20
    for text in texts:
        compile(text, "mutant", "exec")
    assert len({mutant.difference for mutant in mutants}) == len(mutants)


@pytest.mark.parametrize(
    ("kind", "difference"),
    [
        ("operator", "return (g * g).sum(dim=0) => return (g / g).sum(dim=0)"),
        ("comparison", "if lr <= 0: => if lr < 0:"),
        ("sign", "return x - lr * g / (_size(g).sqrt() + EPS) => return -(x - lr * g / (_size(g).sqrt() + EPS))"),
        ("constant", "if lr <= 0: => if lr <= 1:"),
        ("dropped term", "return x - lr * g / (_size(g).sqrt() + EPS) => return x"),
        ("other function", "return (g * g).sum(dim=0) => return (g * g).mean(dim=0)"),
        ("dropped function", "return x - lr * g / (_size(g).sqrt() + EPS) => return x - lr * g / (_size(g) + EPS)"),
        ("axis", "return (g * g).sum(dim=0) => return (g * g).sum(dim=-1)"),
        ("moved eps", "return x - lr * g / (_size(g).sqrt() + EPS) => return x - lr * g / (_size(g) + EPS).sqrt()"),
        (
            "other error",
            "raise ValueError('lr is not positive: -1 < 0') => raise RuntimeError('lr is not positive: -1 < 0')",
        ),
        ("argument g changed in place", "step: argument g changed in place"),
        ("dtype always float32", "step: dtype always float32"),
    ],
)
def test_each_kind_of_mistake_is_made(mutants, kind, difference):
    assert difference in differences(mutants, kind)


def test_the_guard_may_be_forgotten(mutants):
    (dropped,) = [m for m in mutants if m.kind == "dropped statement"]
    assert "raise" not in dropped.text.partition("def _size")[0]


def test_texts_annotations_constants_of_the_module_and_neighbours_stay(mutants):
    for mutant in mutants:
        assert "x - lr g / (|g| + eps)." in mutant.text
        assert "'lr is not positive: -1 < 0'" in mutant.text or mutant.kind == "dropped statement"
        assert "EPS = 0.001" in mutant.text
        assert "return x + 1" in mutant.text


def test_a_transposed_factor_and_a_transposed_product_are_mistakes():
    text = "def f(A, B):\n    return A @ B.mT\n"
    found = differences(mutants_of(text, ["f"]), "transpose")
    assert found == {
        "return A @ B.mT => return B.mT @ A",
        "return A @ B.mT => return A.mT @ B.mT",
        "return A @ B.mT => return A @ B",
    }


def test_wrappers_change_what_they_say_and_nothing_else(mutants):
    def run(kind):
        (text,) = [m.text for m in mutants if m.kind == kind]
        namespace: dict = {}
        exec(text, namespace)
        x, g = torch.ones(2, dtype=torch.float64), torch.tensor([3.0, 4.0], dtype=torch.float64)
        return namespace["step"](x, g, 0.5), x, g

    value, x, g = run("argument x changed in place")
    assert x.tolist() == [2, 2] and g.tolist() == [3, 4]
    lost, x, _ = run("dtype always float32")
    assert lost.dtype is torch.float32 and x.tolist() == [1, 1]
    assert torch.equal(lost, value.float())
    assert run("always zero")[0].tolist() == [0, 0]
