"""A tiny course for tests of grading runs: one exercise, written by the test, graded by the real engine."""

from __future__ import annotations

import textwrap
from pathlib import Path

PUBLIC = '''
"""Doubling."""

from __future__ import annotations

import dataclasses

from torch import Tensor

from autograder.testing.assertions import assert_close
from autograder.testing.properties import given, properties_of
from autograder.testing.record import BadInput, Case, Cases, Exercise, Function
from autograder.testing.strategies import quarters, tensor


@dataclasses.dataclass(frozen=True)
class Vector(Case):
    """A vector x [3]."""

    x: Tensor


VECTORS = Cases(
    dense=(Vector(tensor([1, 2, 3])), Vector(tensor([-1, 0.5, 4])), Vector(tensor([0.25, -2, 1]))),
    drawn=quarters(3).map(Vector),
    edges={"zero": Vector(tensor([0, 0, 0]))},
)

DOUBLE = Exercise(
    name="double",
    title="Doubling",
    source="test",
    functions=(
        Function(
            "double(x: Tensor[n]) -> Tensor[n]",
            cases=VECTORS,
            bad_inputs=(BadInput("matrix", lambda: (tensor([[1.0]]),), "a matrix raises ValueError"),),
        ),
    ),
)


@properties_of("double", weight=2)
@given(case=VECTORS)
def test_adds_up(student, case):
    """f(x) - x = x"""
    assert_close(student.double(case.x) - case.x, case.x)
'''

HIDDEN = '''
"""Doubling: what students do not see."""

from autograder.testing.answers import alternative_of, misconception_of
from autograder.testing.assertions import assert_close
from autograder.testing.properties import given, properties_of
from tests.properties.public.algebra.doubling import VECTORS


@properties_of("double")
@given(case=VECTORS)
def test_is_odd(student, case):
    """f(-x) = -f(x)"""
    assert_close(student.double(-case.x), -student.double(case.x))


@misconception_of("double", hint="Twice is not the square.")
def squared(x):
    if x.dim() != 1:
        raise ValueError("a vector is needed")
    return x * x


@alternative_of("double")
def summed(x):
    if x.dim() != 1:
        raise ValueError("a vector is needed")
    return x + x
'''

REFERENCE = '''
"""Doubling."""

from torch import Tensor


def double(x: Tensor) -> Tensor:
    """2 x."""
    if x.dim() != 1:
        raise ValueError("a vector is needed")
    return 2 * x
'''

GRADING = """
course: {id: test, title: Test, timezone: Europe/Zurich}
bank: {reference: reference, public: tests/properties/public, hidden: tests/properties/hidden}
limits: {call: 2, exercise: 10, submission: 30, examples: 5}
sets:
  ps: {title: One, exercises: {double: 10}}
"""

RIGHT = """
def double(x):
    if x.dim() != 1:
        raise ValueError("a vector is needed")
    return x + x
"""


def make_course(folder: Path, reference: str = REFERENCE) -> Path:
    """The course in ``folder``; the path of its grading.yml."""
    for path, text in {
        "reference/algebra/doubling.py": reference,
        "tests/properties/public/algebra/doubling.py": PUBLIC,
        "tests/properties/hidden/algebra/doubling.py": HIDDEN,
        "grading.yml": GRADING,
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder / "grading.yml"


def hand_in(folder: Path, answers: dict[str, str]) -> Path:
    """A class: student -> source of ``submission.py``."""
    for student, text in answers.items():
        (folder / student).mkdir(parents=True, exist_ok=True)
        (folder / student / "submission.py").write_text(textwrap.dedent(text))
    return folder


def add_exercise(folder: Path, name: str) -> None:
    """Give the course in ``folder`` its exercise once more, under another name."""
    rooms = {"tests/properties/public": PUBLIC, "tests/properties/hidden": HIDDEN, "reference": REFERENCE}
    for room, text in rooms.items():
        (folder / room / "algebra" / f"{name}.py").write_text(text.replace("double", name))
    path = folder / "grading.yml"
    path.write_text(path.read_text().replace("double: 10", f"double: 10, {name}: 10"))
