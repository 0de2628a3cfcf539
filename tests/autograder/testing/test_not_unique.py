"""Answers that are not unique are judged by what defines them, also where an answer is compared with itself."""

from __future__ import annotations

import dataclasses

import torch
from hypothesis import strategies as st

from autograder.testing.generic import generic_properties
from autograder.testing.inprocess import InProcess
from autograder.testing.record import Case, Cases, Exercise, Function
from autograder.testing.runner import run_properties
from autograder.testing.search import Options


@dataclasses.dataclass(frozen=True)
class Numbers(Case):
    x: torch.Tensor


def numbers(first):
    return Numbers(torch.tensor([[first, 1.0], [4.0, 0.25]], dtype=torch.float64))


NUMBERS = Cases((numbers(4.0), numbers(2.25), numbers(9.0)), st.sampled_from([1.0, 16.0]).map(numbers))
EXERCISE = Exercise(
    name="root",
    title="A square root of each number",
    source="test",
    functions=(
        Function(
            "root(x: Tensor[m, n]) -> Tensor[m, n]",
            cases=NUMBERS,
            compare_through=lambda value, arguments: {"root²": value * value},
        ),
    ),
)


def failures(answer):
    properties = generic_properties(EXERCISE, {"root": lambda x: x.sqrt()})
    outcomes = run_properties(properties, InProcess({"root": answer}), Options(1))
    return {outcome.declared.name: outcome.message for outcome in outcomes if not outcome.passed}


def either_sign(x):
    return x.sqrt() * (2 * torch.randint(2, x.shape) - 1).to(x.dtype)


def test_a_right_answer_may_choose_anew_at_every_call():
    assert failures(either_sign) == {}


def test_what_defines_the_answer_may_not_change():
    found = failures(lambda x: x.sqrt() + torch.rand(()).to(x.dtype) / 2)
    assert "different answers" in found["is_repeatable"]
    assert "output 'root²'" in found["agrees_with_the_reference"]


def test_memory_order_may_not_change_what_defines_the_answer():
    assert set(failures(lambda x: x.sqrt() * (1 if x.is_contiguous() else 2))) == {"accepts_strided_tensors"}


def test_an_answer_without_the_promised_form_is_wrong_and_no_fault():
    found = failures(lambda x: None)
    assert "agrees_with_the_reference" in found and "is_repeatable" not in found
