"""What becomes of a property, whatever the student's function does."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import strategies as st

from autograder.testing.assertions import assert_close
from autograder.testing.inprocess import InProcess
from autograder.testing.outcomes import Died, Fault, OutOfMemory, StudentError, TimedOut, Unsendable
from autograder.testing.properties import declared_in, given, properties_of
from autograder.testing.record import Case, Cases
from autograder.testing.runner import Kind, run_properties, run_property
from autograder.testing.search import Options
from autograder.testing.signature import Signature


@dataclasses.dataclass(frozen=True)
class Square(Case):
    A: torch.Tensor


def square(n):
    return Square(torch.arange(n * n, dtype=torch.float64).reshape(n, n) + torch.eye(n, dtype=torch.float64))


SQUARES = Cases((square(2), square(3), square(4)), st.integers(1, 3).map(square))


@properties_of("double")
@given(case=SQUARES)
def doubles(student, case):
    """f(A) = 2 A"""
    assert_close(student.double(case.A), 2 * case.A)


@properties_of("double")
@given(case=SQUARES)
def inverse_of_double(student, case):
    """f(A) f(A)ᵀ has a square root"""
    torch.linalg.cholesky(student.double(case.A) @ student.double(case.A).mT)


DOUBLES, INVERTS = (
    dataclasses.replace(declared, promises={"double": Signature.parse("double(A: Tensor[n, n]) -> Tensor[n, n]")})
    for declared in declared_in(globals())
)


class Raising(InProcess):
    """A student whose every call ends in one way."""

    def __init__(self, error):
        super().__init__({})
        self.error, self.calls = error, 0

    def _call(self, function, arguments):
        self.calls += 1
        raise self.error


def run(answer, declared=DOUBLES):
    return run_property(declared, InProcess({"double": answer}), Options(1))


def test_a_right_answer_passes():
    assert run(lambda A: 2 * A).passed


def test_a_wrong_value_is_wrong_with_its_counterexample():
    outcome = run(lambda A: 3 * A)
    assert outcome.kind is Kind.WRONG
    assert outcome.call.arguments[0].tolist() == [[1.0]]
    assert (outcome.expected.tolist(), outcome.got.tolist()) == ([[2.0]], [[3.0]])


@pytest.mark.parametrize("answer", ["text", None, [1.0], 2.0, torch.ones(3), torch.ones(2, 2, dtype=torch.int64)])
def test_an_answer_of_the_wrong_form_is_wrong_and_never_breaks_a_property(answer):
    for declared in (DOUBLES, INVERTS):
        outcome = run(lambda A: answer, declared)
        assert outcome.kind is Kind.WRONG
        assert outcome.message.startswith("returns")


def test_inf_where_a_property_inverts_is_wrong():
    outcome = run(lambda A: torch.full_like(A, torch.nan), INVERTS)
    assert outcome.kind is Kind.WRONG
    assert "inf or nan" in outcome.message


def test_a_property_that_breaks_by_itself_is_a_fault():
    with pytest.raises(Fault, match="inverse_of_double"):
        run(torch.zeros_like, INVERTS)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (StudentError(("KeyError",), "x"), Kind.ERROR),
        (Unsendable("a value of type generator"), Kind.WRONG),
        (TimedOut("too long"), Kind.TIMEOUT),
        (OutOfMemory("too much"), Kind.MEMORY),
        (Died("left"), Kind.ERROR),
    ],
)
def test_each_ending_of_a_call_has_its_kind(error, kind):
    assert run_property(DOUBLES, Raising(error), Options(1)).kind is kind


def test_after_two_interruptions_the_rest_is_not_tried():
    student = Raising(TimedOut("too long"))
    kinds = [outcome.kind for outcome in run_properties([DOUBLES] * 4, student, Options(1))]
    assert kinds == [Kind.TIMEOUT, Kind.TIMEOUT, Kind.NOT_TRIED, Kind.NOT_TRIED]
    assert student.calls == 2


def test_exceptions_do_not_end_the_exercise():
    student = Raising(StudentError(("ValueError",), "x"))
    assert [outcome.kind for outcome in run_properties([DOUBLES] * 4, student, Options(1))] == [Kind.ERROR] * 4


def test_a_property_needs_a_sentence():
    with pytest.raises(ValueError, match="docstring"):

        @properties_of("double")
        def test_silent(student):
            pass
