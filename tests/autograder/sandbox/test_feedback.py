"""What a student returned may be handed to the student again, as properties do: that is never a grader fault."""

from __future__ import annotations

import pytest
import torch

from autograder.sandbox.callables import Reference
from autograder.testing.outcomes import StudentError, Unsendable

SOURCE = """
import torch
class Model: pass
def nested(n):
    value = 1.0
    for _ in range(n): value = [value]
    return value
def named(n):
    value = 1.0
    for _ in range(n): value = {"a": (value,)}
    return value
def make(text, f): return eval(text)
def take(value, *rest): return 1
"""


@pytest.mark.parametrize("kind", ["nested", "named"])
def test_nested_values(make_worker, kind):
    worker = make_worker(SOURCE)
    returned = 0
    for depth in range(1, 25):
        try:
            value = worker.call(kind, [depth], seed=0)
        except Unsendable:
            continue
        returned += 1
        assert worker.call("take", [value, [value]], seed=0) == 1
    assert returned >= 4
    assert worker.starts == 1


@pytest.mark.parametrize(
    "text",
    [
        "2 ** 63 - 1",
        "-2 ** 63",
        "float('nan')",
        "complex(float('inf'), -0.0)",
        "'x' * 65536",
        "{'k' * 65536: None}",
        "bytes([255]) * 65536",
        "chr(0xD800) + chr(0)",
        "torch.float16",
        "torch.zeros(0, 10 ** 15)",
        "torch.zeros([1] * 16)",
        "torch.zeros(2, 0, dtype=torch.bool)",
        "torch.ones(3).expand(4, 3).T",
        "torch.ones(4, dtype=torch.complex64).conj()",
        "torch.nn.Parameter(torch.ones(2))",
        "[None, True, (), [], {}]",
        "[1.0] * 9900",
        "f",
        "lambda: 1",
        "Model()",
        "[Model(), f, make]",
        "torch.zeros(8 << 20)",
    ],
)
def test_values_of_every_kind(make_worker, text):
    worker = make_worker(SOURCE)
    value = worker.call("make", [text, Reference(torch.sin)], seed=0)
    assert worker.call("take", [value, value], seed=0) == 1
    assert worker.starts == 1


@pytest.mark.parametrize("text", ["torch.zeros([1] * 17)", "2 ** 63", "'x' * 65537", "[1.0] * 10001"])
def test_what_is_too_much_is_said_at_once(make_worker, text):
    worker = make_worker(SOURCE)
    with pytest.raises(StudentError):
        worker.call("make", [text, None], seed=0)
    assert worker.starts == 1
