"""Functions of this process as a student: the same answers, errors and evidence as behind the wall."""

from __future__ import annotations

import math

import pytest
import torch

from autograder.sandbox.inside.functions import Affine
from autograder.testing.inprocess import InProcess
from autograder.testing.outcomes import StudentError
from autograder.testing.student import Operator

X = torch.tensor([[2.0, 1.0], [1.0, 3.0]])


def add(a):
    a += 1
    return a


def change(f):
    f.b.fill_(5.0)
    return f.b


def fail():
    raise KeyError("a")


STUDENT = InProcess({"add": add, "change": change, "fail": fail, "number": 3})


def test_calls_work_on_copies():
    f = Affine(X, torch.zeros(2))
    assert torch.equal(STUDENT.add(X), torch.tensor([[3.0, 2.0], [2.0, 4.0]]))
    assert torch.equal(STUDENT.change(f), torch.full((2,), 5.0))
    assert torch.equal(X, torch.tensor([[2.0, 1.0], [1.0, 3.0]]))
    assert not f.b.any()
    assert STUDENT.last.function == "change"


def test_arguments_afterwards_and_operators():
    assert torch.equal(STUDENT.arguments_after("add", [X])[0], X + 1)
    assert STUDENT.operators("add", [X]) == [Operator("add_", ((2, 2),))]
    assert STUDENT.operators("fail", []) == []


def test_errors_are_the_students():
    with pytest.raises(StudentError) as caught:
        STUDENT.fail()
    assert caught.value.kinds[:2] == ("KeyError", "LookupError")


def test_functions_of_a_module_and_a_layout_that_is_kept():
    assert InProcess(math).has("sqrt")
    assert not STUDENT.has("number")
    assert not STUDENT.has("nothing")
    assert InProcess({"stride": lambda a: list(a.stride())}).stride(X.T) == [1, 2]
    assert InProcess(math).fresh(1).sqrt(4.0) == 2.0
