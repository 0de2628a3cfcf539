"""Properties tried ahead, many calls at once, end as they do when every call waits for the one before."""

from __future__ import annotations

import dataclasses
import time

import pytest
import torch
from hypothesis import strategies as st

from autograder.sandbox.callables import Reference
from autograder.sandbox.limits import Limits
from autograder.testing.ahead import Ahead
from autograder.testing.assertions import assert_close
from autograder.testing.outcomes import Call, Fault, StudentError
from autograder.testing.properties import declared_in, given, properties_of
from autograder.testing.record import Case, Cases
from autograder.testing.runner import Kind, run_properties
from autograder.testing.sandboxed import Sandboxed
from autograder.testing.search import Options
from autograder.testing.student import Student

LIMITS = Limits(call=2.0, load=30.0)


@dataclasses.dataclass(frozen=True)
class Number(Case):
    x: torch.Tensor


def number(n):
    return Number(torch.tensor([float(n), 1.0], dtype=torch.float64))


NUMBERS = Cases((number(2), number(3), number(4)), st.integers(5, 60).map(number))


@properties_of("double")
@given(case=NUMBERS)
def doubles(student, case):
    """f(x) = 2 x"""
    assert_close(student.double(case.x), 2 * case.x)


@properties_of("double")
@given(case=NUMBERS)
def quadruples_in_two_steps(student, case):
    """f(f(x)) = 4 x"""
    assert_close(student.double(student.double(case.x)), 4 * case.x)


@properties_of("double")
@given(case=NUMBERS)
def asks_its_argument_once(student, case):
    """f(g) evaluates g once, at 0"""
    watched = Reference(lambda x: x + case.x)
    assert_close(student.at_zero(watched), case.x)
    assert watched.calls == 1


PROPERTIES = list(declared_in(globals()))
RIGHT = """
import torch

def double(x):
    return 2 * x

def at_zero(g):
    return g(torch.zeros(2, dtype=torch.float64))
"""


class OneByOne(Sandboxed):
    takes_several = False


@pytest.fixture
def make_student(client):
    students = []

    def make(source, kind=Sandboxed, limits=LIMITS):
        students.append(kind(client, {"submission.py": RIGHT + source}, "submission.py", limits=limits))
        return students[-1]

    yield make
    for student in students:
        student.close()


def told(student):
    """What becomes of every property, in what a teacher and a student are told."""
    outcomes = list(run_properties(PROPERTIES, student, Options(3, shrink=False)))
    return [
        (o.declared.name, o.kind, o.message, o.where, None if o.passed or o.call is None else str(o.call.arguments))
        for o in outcomes
    ]


WRONG = {
    "from the start": "def double(x): return 3 * x",
    "late": "def double(x): return 2 * x if x[0] < 20 else 3 * x",
    "on a fixed input, and raises later": """
def double(x):
    if x[0] == 4: return x
    if x[0] > 10: raise ValueError("no")
    return 2 * x
""",
    "raises": "def double(x): return 2 * x if x[0] < 10 else {}['x']",
    "not plain data": "def double(x): return 2 * x if x[0] < 10 else open",
    "hangs at one input": """
def double(x):
    while x[0] == 4: pass
    return 2 * x
""",
    "ends its process at one input": """
import os
def double(x):
    if x[0] == 4: os._exit(3)
    return 2 * x
""",
    "fails before it ends its process": """
import os
def double(x):
    if x[0] == 4: os._exit(3)
    return 2 * x if x[0] != 3 else x
""",
    "too much memory": "def double(x): return 2 * x if x[0] < 10 else torch.ones(1 << 40)",
    "right only when asked for the first time": """
asked = set()
def double(x):
    known = float(x[0]) in asked
    asked.add(float(x[0]))
    return 3 * x if known else 2 * x
""",
}


@pytest.mark.parametrize("source", WRONG.values(), ids=WRONG)
def test_a_wrong_answer_ends_as_it_does_call_by_call(make_student, source):
    ends = told(make_student(source))
    assert ends == told(make_student(source, OneByOne))
    assert any(kind is not Kind.PASSED for _, kind, *_ in ends)


def test_a_right_answer_is_asked_many_things_at_once(make_student, monkeypatch):
    student, rounds = make_student(""), []
    answers = student.answers
    monkeypatch.setattr(student, "answers", lambda asked, until: rounds.append(len(asked)) or answers(asked, until))
    assert {kind for _, kind, *_ in told(student)} == {Kind.PASSED}
    assert rounds == [23, 23, 23]  # f(x) of the first property; f(x) and then f(f(x)) of the second


def test_what_a_property_leaves_switched_is_its_own(make_student):
    def body(student: Student, quiet: bool) -> None:
        with torch.set_grad_enabled(not quiet):
            student.double(torch.ones(2))
            assert torch.is_grad_enabled() is not quiet
            student.double(torch.ones(2))
            assert torch.is_grad_enabled() is not quiet
        assert torch.is_grad_enabled()

    tried = dataclasses.replace(PROPERTIES[0], body=body, sources={"quiet": (True, False, True, False)})
    assert Ahead([tried], make_student(""), Options()).holds(0)
    assert torch.is_grad_enabled()


def test_a_broken_property_is_a_fault(make_student):
    def body(student: Student, n: int) -> None:
        student.double(torch.ones(2))
        raise Fault("the reference is broken")

    tried = dataclasses.replace(PROPERTIES[0], body=body, sources={"n": (1, 2)})
    with pytest.raises(Fault, match="the reference is broken"):
        list(run_properties([tried], make_student(""), Options()))


def soon():
    return time.monotonic() + 60


def asked(function, *inputs):
    return [(Call(function, (x,)), "value") for x in inputs]


def test_answers_come_in_order_with_what_was_raised(make_student):
    student = make_student("def third(x): return 1 / (x - 2)")
    one, error, three = student.answers(asked("third", 1, 2, 3), soon())
    assert (one, three) == (-1.0, 1.0)
    assert isinstance(error, StudentError)
    assert error.kinds[0] == "ZeroDivisionError"


def test_more_than_a_socket_holds_is_asked_and_answered(make_student):
    inputs = [torch.full((200, 200), float(n), dtype=torch.float64) for n in range(12)]  # 320 kB each
    answers = make_student("").answers(asked("double", *inputs), soon())
    assert all(torch.equal(answer, 2 * x) for answer, x in zip(answers, inputs, strict=True))


@pytest.mark.parametrize(
    "source",
    [
        "def f(x):\n    while x == 2: pass\n    return x",
        "import os\ndef f(x): return x if x < 2 else os._exit(0)",
        "kept = []\ndef keep(g): kept.append(g)\ndef f(x): return x if x < 2 else kept[0](x)",
    ],
    ids=["late", "dead", "calls back"],
)
def test_the_answers_end_where_one_is_missing_and_the_next_call_is_answered(make_student, source):
    student = make_student(source)
    if "keep" in source:
        student.keep(Reference(lambda x: x))
    answers = student.answers(asked("f", 0, 1, 2, 3), time.monotonic() + 1)
    assert answers == [0, 1][: len(answers)]
    assert student.f(1) == 1


def test_answers_that_are_forged_ahead_are_not_taken(make_student):
    """The student's code answers the next question before it is asked, and then again when it is."""
    forges = """
import gc
from autograder.sandbox.inside import worker
def f(x):
    own = next(o for o in gc.get_objects() if isinstance(o, worker.Worker))
    own.channel.send(own.encoder.encode([own.number, "ok", 7, ""]), own.encoder.encode([own.number + 1, "ok", 7, ""]))
    return x
"""
    student = make_student(forges)
    assert len(student.answers(asked("f", 1, 2, 3), soon())) < 3
    ends = [student.answers(asked("double", 1.0), soon()) for _ in range(2)]
    assert ends[-1] == [2.0]


def test_replies_that_are_large_together_are_not_all_held(make_student):
    student = make_student("def f(x): return torch.ones(x)", limits=Limits(reply=1 << 20))
    answers = student.answers(asked("f", *[100_000] * 5), soon())  # 400 kB each
    assert len(answers) == 2
    assert len(student.f(100_000)) == 100_000


def test_what_calls_leave_behind_is_asked_ahead(make_student):
    student = make_student("def changes(x):\n    x += 1\n    x.requires_grad_()\n    return 0")
    x = torch.zeros(2, dtype=torch.float64)
    after, traces = student.answers([(Call("changes", (x,)), "arguments"), (Call("changes", (x,)), "traces")], soon())
    assert torch.equal(after[0].detach(), x + 1)
    assert traces == [("requires_grad", 0)]
