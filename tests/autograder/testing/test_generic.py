"""The generic properties: each fails where it should, on functions that are right but for one thing."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import strategies as st

from autograder.testing.generic import generic_properties
from autograder.testing.inprocess import InProcess
from autograder.testing.record import BadInput, Case, Cases, Exercise, Function
from autograder.testing.runner import run_properties
from autograder.testing.search import Options


@dataclasses.dataclass(frozen=True)
class Pair(Case):
    A: torch.Tensor
    x: torch.Tensor


def pair(rows, columns, scale=1.0):
    A = torch.arange(rows * columns, dtype=torch.float64).reshape(rows, columns) / 4 - 1
    return Pair(A * scale, torch.linspace(-1, 2, columns, dtype=torch.float64) * scale)


PAIRS = Cases(
    (pair(2, 3), pair(3, 2), pair(4, 4)),
    st.builds(pair, st.integers(1, 4), st.integers(2, 5)),
    edges={"one number": pair(1, 1)},
    extreme=st.builds(pair, st.just(3), st.just(2), st.sampled_from([1e-150, 1e150])),
)
EXERCISE = Exercise(
    name="apply",
    title="Apply a matrix",
    source="test",
    functions=(
        Function(
            "apply(A: Tensor[m, n], x: Tensor[n]) -> Tensor[m]",
            cases=PAIRS,
            bad_inputs=(BadInput("wrong_length", lambda: (pair(2, 3).A, pair(2, 2).x), "raises ValueError"),),
        ),
    ),
)


def right(A, x):
    if A.shape[1] != len(x):
        raise ValueError("lengths differ")
    return A @ x


def failures(answer, hidden=None):
    properties = generic_properties(EXERCISE, {"apply": right}, hidden)
    outcomes = run_properties(properties, InProcess({"apply": answer}), Options(1))
    return {outcome.declared.name: outcome.message for outcome in outcomes if not outcome.passed}


def changed_in_place(A, x):
    value = right(A, x)
    x.mul_(2)
    return value


def assumes_contiguous(A, x):
    return right(torch.as_strided(A, A.shape, (A.shape[1], 1)), x)


def noisy(A, x):
    return right(A, x) * (1 + torch.rand((), dtype=A.dtype) / 1000)


calls = []


def remembers(A, x):
    calls.append(1)
    return right(A, x) * (2 if len(calls) % 5 == 0 else 1)


def switches_gradients(A, x):
    torch.set_grad_enabled(not torch.is_grad_enabled())
    return right(A, x)


def leaves_gradients_on(A, x):
    torch.set_grad_enabled(True)
    return right(A, x)


def changes_default_dtype(A, x):
    other = torch.float64 if torch.get_default_dtype() is torch.float32 else torch.float32
    torch.set_default_dtype(other)
    return right(A, x)


def marks_its_argument(A, x):
    return (right(A, x.requires_grad_())).detach()


def collects_gradients(A, x):
    x.requires_grad_().sum().backward()
    x.requires_grad_(False)
    return right(A, x)


@pytest.fixture(autouse=True)
def modes():
    yield
    torch.set_grad_enabled(True)
    torch.set_default_dtype(torch.float32)


def test_a_right_answer_passes_all():
    assert failures(right) == {}


@pytest.mark.parametrize(
    ("answer", "name", "says"),
    [
        (lambda A, x: right(A, x) + 1e-5, "agrees_with_the_reference", "instead of"),
        (lambda A, x: right(A, x) if A.numel() > 1 else A @ x * 2, "agrees_on_edge_cases", "one number: "),
        (lambda A, x: right(A * A.norm(), x) / A.norm(), "agrees_at_extreme_scales", "entry [0] is 0"),
        (lambda A, x: right(A, x).double(), "agrees_in_float32", "float64 instead of float32"),
        (lambda A, x: right(A, x).float(), "returns_what_is_promised", "float32"),
        (lambda A, x: right(A, x)[None], "returns_what_is_promised", "shape"),
        (lambda A, x: right(A, x).tolist(), "returns_what_is_promised", "list"),
        (changed_in_place, "keeps_its_arguments", "x in place"),
        (switches_gradients, "leaves_no_traces", "gradients switched"),
        (leaves_gradients_on, "leaves_no_traces", "gradients switched"),
        (changes_default_dtype, "leaves_no_traces", "default dtype"),
        (marks_its_argument, "leaves_no_traces", "requires_grad of its argument x"),
        (collects_gradients, "leaves_no_traces", ".grad of its argument x"),
        (assumes_contiguous, "accepts_strided_tensors", "non-contiguous"),
        (noisy, "is_repeatable", "different answers"),
        (remembers, "is_repeatable", "different answers"),
        (lambda A, x: A[:, : len(x)] @ x, "rejects_wrong_length", "instead of raising ValueError"),
        (lambda A, x: A @ x, "rejects_wrong_length", "RuntimeError instead of ValueError"),
    ],
)
def test_each_property_sees_what_it_is_for(answer, name, says):
    assert says in failures(answer)[name]


def test_hidden_cases_are_a_property_of_their_own_and_not_public():
    only_there = Cases((pair(5, 5), pair(5, 6), pair(6, 5)), st.just(pair(5, 5)))
    found = failures(lambda A, x: right(A, x) * (2 if len(A) > 4 else 1), {"apply": only_there})
    assert list(found) == ["agrees_on_hidden_inputs"]
    (declared,) = [p for p in generic_properties(EXERCISE, {"apply": right}, {"apply": only_there}) if not p.public]
    assert declared.name == "agrees_on_hidden_inputs"
