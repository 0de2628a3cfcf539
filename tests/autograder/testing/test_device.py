"""The property that CPU and GPU agree: what it rejects, and that every reference has it where there is a GPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from autograder.testing.bank import Rooms, load_bank
from autograder.testing.generic import generic_properties
from autograder.testing.inprocess import InProcess
from autograder.testing.record import Case, Cases, Exercise, Function
from autograder.testing.runner import run_property
from autograder.testing.search import Options

ROOT = Path(__file__).parents[3]
BANK = load_bank(
    Rooms(ROOT / "tests/properties/public", ROOT / "tests/properties/hidden", ROOT / "reference"), device="cuda"
)


class Number(Case):
    def __init__(self, x):
        self.x = x

    def arguments(self, signature):
        return (self.x,)


def double(x):
    return 2 * x


EXERCISE = Exercise(
    name="double",
    title="Twice",
    source="test",
    functions=(
        Function(
            "double(x: Tensor[n]) -> Tensor[n]",
            cases=Cases(tuple(Number(torch.arange(n, dtype=torch.float64) + 0.25) for n in (2, 3, 5)), None),
        ),
    ),
)


class Elsewhere(InProcess):
    """Says that its answers lie where it was told."""

    def __init__(self, functions, place):
        super().__init__(functions)
        self.place = place

    def call_on(self, device, function, arguments):
        return [self.place], self._call(function, arguments)


def outcome_of(answer, place):
    (declared,) = [
        p for p in generic_properties(EXERCISE, {"double": double}, device="cuda") if p.name == "agrees_on_cuda"
    ]
    return run_property(declared, Elsewhere({"double": answer}, place), Options(0))


def test_an_answer_that_agrees_and_stays_passes():
    assert outcome_of(double, "cuda").passed


def test_an_answer_on_the_cpu_is_sent_back_with_what_to_do():
    outcome = outcome_of(double, "cpu")
    assert not outcome.passed and "device=x.device" in outcome.message


def test_another_value_fails():
    assert not outcome_of(lambda x: 2 * x + 1e-6, "cuda").passed


def test_it_is_there_only_when_a_device_was_asked_for():
    names = [p.name for p in generic_properties(EXERCISE, {"double": double})]
    assert "agrees_on_cuda" not in names


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
@pytest.mark.parametrize("name", list(BANK))
def test_every_reference_agrees_on_the_gpu(name):
    entry = BANK[name]
    student = InProcess(dict(entry.references or {}))
    properties = [declared for declared in entry.properties if declared.name.startswith("agrees_on_cuda")]
    assert len(properties) == len(entry.record.functions)
    for declared in properties:
        outcome = run_property(declared, student, Options(0))
        assert outcome.passed, outcome.message
