"""Readable text of values, and the way back from text to Python."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autograder.feedback.snippet import snippet
from autograder.feedback.values import LIMIT, readable, readable_pair
from autograder.sandbox.callables import Reference
from autograder.sandbox.inside.functions import Affine

F64 = torch.float64


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (torch.tensor([[1, 0.5], [0, -2]], dtype=F64), "[[1, 0.5], [0, -2]]"),
        (torch.tensor([1.5, 2]), "[1.5, 2] (float32)"),
        (torch.tensor([0.1]), "[0.1] (float32)"),
        (torch.tensor([1, 2]), "[1, 2] (int64)"),
        (torch.tensor([True, False]), "[True, False] (bool)"),
        (torch.tensor(0.25, dtype=F64), "tensor(0.25)"),
        (torch.empty(0, 3, dtype=F64), "empty(0, 3)"),
        (torch.tensor([math.inf, -math.inf, math.nan, -0.0], dtype=F64), "[inf, -inf, nan, -0.0]"),
        (torch.tensor([1e-14, 1e16, 0.1, 1 / 3], dtype=F64), "[1e-14, 1e16, 0.1, 0.3333333333333333]"),
        (torch.tensor([1 + 2j, complex(0, -0.5)]), "[1+2j, 0-0.5j] (complex64)"),
        (torch.arange(100), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, …, 99] (int64, shape 100)"),
        (torch.tensor([1.0], dtype=torch.bfloat16), "[1] (bfloat16)"),
        (2.0, "2.0"),
        (True, "True"),
        (3, "3"),
        (None, "None"),
        (1 - 2j, "1-2j"),
        ((1, 0.5), "(1, 0.5)"),
        ((1,), "(1,)"),
        ([3, 4], "[3, 4] (list)"),
        ({"mode": "fan_in"}, "{'mode': 'fan_in'}"),
        ("two\nlines\x1b[31m\u202e", r"'two\nlines\x1b[31m\u202e'"),
        (torch.float32, "torch.float32"),
        (10**100, "<an integer of 333 bits>"),
        (object(), "<object>"),
        (Affine(torch.eye(2, dtype=F64), torch.zeros(2, dtype=F64)), "Affine(W=[[1, 0], [0, 1]], b=[0, 0])"),
    ],
)
def test_text(value, text):
    assert readable(value) == text


@pytest.mark.parametrize(
    "value",
    [
        torch.rand(30, 40, dtype=F64),
        torch.rand(3, 4, 5, 6, dtype=F64),
        torch.zeros(*[2] * 12),
        "x" * 10_000,
        [[[["deep"] * 50] * 50] * 50] * 50,
        {f"key{i}": torch.rand(9, 9) for i in range(100)},
        tuple(torch.rand(5, 5, dtype=F64) for _ in range(40)),
        Affine(torch.rand(50, 50, dtype=F64), torch.rand(50, dtype=F64)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_large_values_stay_short_and_say_so(value):
    text = readable(value)
    assert len(text) <= LIMIT
    assert "…" in text
    assert "\n" not in text


def test_a_shortened_matrix_names_its_shape_and_shows_its_corners():
    matrix = torch.arange(100.0, dtype=F64).reshape(10, 10)
    text = readable(matrix)
    assert text.startswith("[[0, 1, ") and text.endswith("99]] (shape 10×10)")


def test_long_but_complete_arguments_are_marked_as_rounded():
    assert readable(torch.full((6, 6), 1 / 3, dtype=F64)).endswith("(rounded)")
    assert not readable(torch.full((2, 2), 1 / 3, dtype=F64)).endswith("(rounded)")


def test_answers_show_six_digits_and_more_only_where_they_differ_later():
    third = torch.tensor([1 / 3], dtype=F64)
    assert readable_pair(third, 2 * third) == ("[0.333333]", "[0.666667]")
    assert readable_pair(third, third + 1e-8) == ("[0.333333333]", "[0.333333343]")
    assert readable_pair(third, third.float()) == ("[0.333333]", "[0.333333] (float32)")


def test_both_answers_are_cut_alike():
    small, large = torch.zeros(7, 7, dtype=F64), torch.rand(7, 7, dtype=F64) * 1e9 + 0.123456789
    texts = readable_pair(small, large)
    assert texts[0].count(",") == texts[1].count(",")


def test_sparse_and_meta_tensors_are_named_not_read():
    assert readable(torch.eye(2).to_sparse()) == "<a sparse_coo tensor>"
    assert "tensor" in readable(torch.empty(2, device="meta"))


def _run(function: str, arguments: dict[str, object]) -> tuple[object, ...]:
    code = snippet(function, {name: readable(value) for name, value in arguments.items()})
    assert code is not None
    seen: list[tuple[object, ...]] = []
    exec(code, {function: lambda *values: seen.append(values)})
    return seen[0]


def same(ours: object, theirs: object) -> bool:
    """Equal in type, dtype, shape and number, nan equal to nan, through nested lists, tuples and dicts."""
    if type(ours) is not type(theirs):
        return False
    if isinstance(ours, torch.Tensor) and isinstance(theirs, torch.Tensor):
        alike = ours.dtype == theirs.dtype and ours.shape == theirs.shape
        return alike and torch.equal(torch.nan_to_num(ours), torch.nan_to_num(theirs))
    if isinstance(ours, (tuple, list)) and isinstance(theirs, (tuple, list)):
        return len(ours) == len(theirs) and all(same(a, b) for a, b in zip(ours, theirs, strict=True))
    return ours == theirs


@pytest.mark.parametrize(
    "value",
    [
        torch.tensor([[1, 0.1], [-1e-14, 3]], dtype=F64),
        torch.tensor([0.1, 1 / 3]),
        torch.tensor([1, -2]),
        torch.tensor(0.1),
        torch.tensor(2.0, dtype=F64),
        torch.empty(0, 3),
        torch.empty(0, dtype=F64),
        torch.tensor([math.inf, -math.inf, math.nan], dtype=F64),
        torch.tensor([True]),
        torch.tensor([1 - 2j, 0.5j], dtype=torch.complex128),
        [3, 4],
        [torch.tensor([1.0]), 2.5],
        (torch.tensor([1.0], dtype=F64), 2, None, "a'b\\"),
        {"a": [1], "b": -0.5},
        -math.inf,
        1e300,
    ],
    ids=str,
)
def test_a_snippet_gives_the_arguments_back(value):
    assert same(_run("f", {"x": value, "y": 1}), (value, 1))


@given(st.lists(st.floats(width=64), min_size=1, max_size=12))
def test_a_snippet_is_exact_for_any_short_vector(numbers):
    vector = torch.tensor(numbers, dtype=F64)
    (back,) = _run("f", {"x": vector})
    assert torch.equal(back.view(torch.int64)[~vector.isnan()], vector.view(torch.int64)[~vector.isnan()])


def test_a_snippet_rebuilds_a_described_function():
    point = torch.tensor([1.0, -2.0], dtype=F64)
    member = Affine(torch.tensor([[1.0, 0.5], [0.0, 2.0]], dtype=F64), torch.tensor([0.25, 0.0], dtype=F64))
    (back,) = _run("f", {"flow": member})
    assert type(back) is Affine
    assert torch.equal(back(point), member(point))


def test_a_lent_function_reads_like_the_function_itself():
    member = Affine(torch.eye(1, dtype=F64), torch.zeros(1, dtype=F64))
    assert readable(Reference(member)) == readable(member) == "Affine(W=[[1]], b=[0])"


def test_rounded_arguments_give_a_snippet_that_says_so():
    code = snippet("f", {"x": readable(torch.full((6, 6), 1 / 3, dtype=F64))})
    assert code is not None and "rounded" in code and "0.333333," in code


@pytest.mark.parametrize(
    "text",
    ["[1, 2, …, 9] (shape 9)", "GaussianMixture(means=[[0]])", "<object>", "__import__('os')", "x", "[x for x in y]",
     "'a'… (100 characters)", "[1] (os)", "tensor(open)", "1 if 2 else 3", "(" * 300, "..."],
)  # fmt: skip
def test_no_snippet_for_what_is_not_a_complete_literal(text):
    assert snippet("f", {"x": text}) is None


@pytest.mark.parametrize("name", ["f(); import os", "", "argument 3"])
def test_no_snippet_for_odd_names(name):
    assert snippet(name, {"x": "1"}) is None
    assert snippet("f", {name: "1"}) is None
