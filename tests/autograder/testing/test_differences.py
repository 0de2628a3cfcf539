"""What a student reads about a wrong value, and that no value breaks the reading."""

import math

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.testing.compare import compare

WORDS = [
    ([[1.0]], torch.ones(2), "returns a list instead of a tensor"),
    (None, torch.ones(2), "returns None instead of a tensor"),
    (1.0, torch.tensor(1.0), "returns a float instead of a tensor"),
    (torch.tensor(1.0), 1.0, "returns a tensor instead of a float"),
    (True, 1.0, "returns a bool instead of a float"),
    (1.0, 1, "returns a float instead of an int"),
    ("a", torch.ones(2), "returns a string instead of a tensor"),
    (torch.ones(3, 2).double(), torch.ones(2, 3).double(), "returns shape (3, 2) instead of (2, 3)"),
    (torch.ones(2), torch.ones(2).double(), "returns dtype float32 instead of float64"),
    (torch.ones(2).long(), torch.ones(2).double(), "returns dtype int64 instead of float64"),
    (torch.ones(2).cfloat(), torch.ones(2).double(), "returns dtype complex64 instead of float64"),
    ((1.0, 2.0, 3.0), (1.0, 2.0), "returns 3 outputs instead of 2"),
    (1.0, (1.0, 2.0), "returns a float instead of a tuple"),
    ((1.0, "b"), (1.0, 2.0), "second output is a string instead of a float"),
    ((1.0, [2.0]), (1.0, [2.0, 3.0]), "second output has 1 parts instead of 2"),
    ({"a": 1.0}, {"b": 1.0}, "returns the keys 'a' instead of 'b'"),
    ({"b": None}, {"b": 1.0}, "output 'b' is None instead of a float"),
    (0.5, 0.25, "returns 0.5 instead of 0.25"),
    (10**300, 0.25, "returns an integer of about 300 digits instead of 0.25"),
    (3, 4, "returns 3 instead of 4"),
    ("x" * 1000, "y", "returns '" + "x" * 60 + "'... instead of 'y'"),
    (torch.tensor([1, 2]), torch.tensor([1, 3]), "entry [1] is 2 instead of 3"),
    (torch.tensor([True]), torch.tensor([False]), "entry [0] is True instead of False"),
    (1 + 2j, 1 - 2j, "returns 1+2j instead of 1-2j"),
    (1.00001, 1.0, "returns 1.00001 instead of 1"),
    (1.0000001, 1.0, "returns 1.0000001 instead of 1"),
    (1.0, abs, "returns a float instead of a function"),
]


@pytest.mark.parametrize(("got", "expected", "words"), WORDS)
def test_a_student_reads_what_is_wrong(got, expected, words):
    x = torch.tensor([0.3], dtype=torch.float64)
    result = compare(got, (x,), lambda x: expected)
    assert result.verdict == "fail" and words in result.message and result.ratio > 1


def test_the_first_wrong_entry_is_named_in_row_major_order():
    x = torch.tensor([[0.1, 0.25], [0.3, 0.4]], dtype=torch.float64)
    got = x.clone()
    got[0, 1], got[1, 0] = 0.5, 99.0
    result = compare(got, (x,), lambda x: x * 1)
    assert (result.message, result.where) == (
        "entry [0, 1] is 0.5 instead of 0.25",
        "entry [0, 1]: 0.5 instead of 0.25",
    )
    assert torch.equal(result.expected, x)
    result = compare((x, got), (x,), lambda x: (x, x))
    assert result.where == "second output, entry [0, 1]: 0.5 instead of 0.25"
    assert compare([x, x.clone()], (x,), lambda x: (x, x)).verdict == "pass"


ANYTHING = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.complex_numbers(),
        st.text(max_size=3),
        st.binary(max_size=3),
        st.sampled_from([10**4000, -(10**400)]),
        st.builds(
            lambda shape, dtype: torch.zeros(shape, dtype=dtype),
            st.lists(st.integers(0, 3), max_size=3),
            st.sampled_from(
                [torch.float64, torch.float32, torch.int64, torch.bool, torch.complex128, torch.uint8, torch.bfloat16]
            ),
        ),
        st.sampled_from([math.nan, math.inf]).map(lambda v: torch.full((2,), v, dtype=torch.float64)),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.one_of(st.text(max_size=2), st.integers()), inner, max_size=2),
    ),
    max_leaves=5,
)


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(got=ANYTHING, expected=ANYTHING)
def test_no_value_breaks_the_grader(got, expected):
    x = torch.tensor([0.3], dtype=torch.float64)
    for options in ({}, {"tails": True}, {"typical": [1.0]}, {"expected": expected}, {"dtype": torch.float32}):
        result = compare(got, (x,), lambda x: expected, **options)
        assert result.verdict in ("pass", "fail")
        assert (result.message == "") == (result.verdict == "pass")
        assert len(result.message) < 400 and result.message.isprintable()


def test_a_deep_answer_costs_nothing():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert compare(deep, (1.0,), lambda x: torch.ones(2)).message == "returns a list instead of a tensor"
    assert compare([deep, 1.0], (1.0,), lambda x: (1.0, 1.0)).message == "first output is a list instead of a float"
