"""The search for counterexamples: what is drawn, what is shrunk, and what ends it."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time

import pytest
import torch
from hypothesis import strategies as st

from autograder.testing.inprocess import InProcess
from autograder.testing.outcomes import TimedOut, WrongAnswer
from autograder.testing.record import Case, Cases
from autograder.testing.search import Options, inputs_of, search
from autograder.testing.strategies import generators


@dataclasses.dataclass(frozen=True)
class Vector(Case):
    x: torch.Tensor


def vector(numbers):
    return Vector(torch.tensor(numbers, dtype=torch.float64))


DENSE = (vector([1.0, 2.0, 3.0]), vector([-1.0, 0.5]), vector([7.0]))
DRAWN = st.lists(st.integers(-100, 100), min_size=1, max_size=5).map(lambda n: vector([float(k) for k in n]))
VECTORS = Cases(DENSE, DRAWN, edges={"zero": vector([0.0])})


class Recorder:
    """A property body that remembers its inputs and fails where it is told to."""

    def __init__(self, wrong=lambda case: False):
        self.seen, self.wrong = [], wrong

    def __call__(self, student, case, **others):
        student.f(case.x)
        self.seen.append(case.x.tolist())
        if self.wrong(case):
            raise WrongAnswer("wrong")


def student():
    return InProcess({"f": lambda x: x})


def test_fixed_cases_come_first_every_time():
    body = Recorder()
    search(body, {"case": VECTORS}, student(), Options(seed=5), "exercise", "name")
    fixed = [case.x.tolist() for case in VECTORS.fixed()]
    assert body.seen[: len(fixed)] == fixed
    assert len(body.seen) == len(fixed) + Options().examples


def test_equal_seeds_draw_equal_inputs_and_other_seeds_or_properties_others():
    def drawn(seed, name):
        body = Recorder()
        search(body, {"case": VECTORS}, student(), Options(seed=seed), "exercise", name)
        return body.seen

    assert drawn(1, "a") == drawn(1, "a")
    assert drawn(1, "a") != drawn(2, "a")
    assert drawn(1, "a") != drawn(1, "b")


def test_two_seeds_draw_different_inputs_although_ci_is_set():
    """Under CI=true Hypothesis's own profile would draw the same inputs for every seed."""
    script = (
        "from hypothesis import strategies as st\n"
        "from autograder.testing.pool import pool\n"
        "s = {'n': st.integers(0, 10**9)}\n"
        "print(pool(s, 1, 20) != pool(s, 2, 20), len(pool(s, 1, 20)))\n"
    )
    environment = {**os.environ, "CI": "true"}
    found = subprocess.run([sys.executable, "-P", "-c", script], env=environment, capture_output=True, text=True)
    assert found.stdout.split() == ["True", "20"], found.stderr


def test_a_failure_is_shrunk_to_the_simplest_input():
    asked = student()
    with pytest.raises(WrongAnswer):
        search(Recorder(lambda case: float(case.x.abs().max()) >= 8), {"case": VECTORS}, asked, Options(1), "e", "n")
    assert asked.last.arguments[0].tolist() in ([8.0], [-8.0])


def test_a_fixed_case_that_fails_is_reported_where_nothing_simpler_is_found():
    asked = student()
    special = DENSE[1].x.tolist()
    with pytest.raises(WrongAnswer):
        search(Recorder(lambda case: case.x.tolist() == special), {"case": VECTORS}, asked, Options(1), "e", "n")
    assert asked.last.arguments[0].tolist() == special


def test_without_shrinking_the_first_failure_ends_the_search():
    body = Recorder(lambda case: True)
    with pytest.raises(WrongAnswer):
        search(body, {"case": VECTORS}, student(), Options(1, shrink=False), "e", "n")
    assert len(body.seen) == 1


def test_the_search_for_a_simpler_input_is_bounded():
    body = Recorder(lambda case: True)
    with pytest.raises(WrongAnswer):
        search(body, {"case": Cases(DENSE, DRAWN)}, student(), Options(1), "e", "n")
    assert len(body.seen) <= 2 + 150


def test_a_property_that_fails_only_sometimes_says_so():
    answers = iter([False, True] + [True] * 1000)

    def body(student, case):
        student.f(case.x)
        if not next(answers):
            raise WrongAnswer("wrong")

    with pytest.raises(WrongAnswer, match="different answers for the same input"):
        search(body, {"case": VECTORS}, student(), Options(1), "e", "n")


def test_past_the_deadline_no_further_input_is_tried():
    body = Recorder()
    with pytest.raises(TimedOut):
        search(body, {"case": VECTORS}, student(), Options(1, deadline=time.monotonic() - 1), "e", "n")
    assert not body.seen


def test_an_interruption_is_not_shrunk():
    calls = []

    def body(student, case):
        calls.append(case)
        raise TimedOut("too long")

    with pytest.raises(TimedOut):
        search(body, {"case": VECTORS}, student(), Options(1), "e", "n")
    assert len(calls) == 1


def test_every_fixed_case_meets_several_draws_of_the_other_parameters():
    sources = {"case": VECTORS, "shift": st.integers(-50, 50)}
    inputs = list(inputs_of(sources, Options(3), 17))
    for fixed in VECTORS.fixed():
        shifts = {drawn["shift"] for drawn in inputs if drawn["case"] is fixed}
        assert len(shifts) >= 2


def test_a_rejected_input_counts_neither_way():
    from autograder.testing.strategies import assume

    def body(student, case):
        assume(len(case.x) == 1)
        raise WrongAnswer("wrong")

    with pytest.raises(WrongAnswer):
        search(body, {"case": VECTORS}, student(), Options(1), "e", "n")
    search(lambda student, case: assume(False), {"case": VECTORS}, student(), Options(1), "e", "n")


def test_every_attempt_gets_a_drawn_generator_as_it_was_drawn():
    seen = []

    def body(student, case, generator):
        seen.append(torch.rand((), generator=generator).item())

    sources = {"case": VECTORS, "generator": generators()}
    for _ in range(2):  # the draws of a run are shared
        search(body, sources, student(), Options(seed=9), "exercise", "name")
    half = len(seen) // 2
    assert seen[:half] == seen[half:] and len(set(seen)) > half // 2
