"""Verdicts and the versioned JSON of a grading run. The JSON is for staff: it may hold hidden counterexamples."""

from __future__ import annotations

import enum
from typing import Any

import msgspec


class Verdict(enum.StrEnum):
    """What became of one exercise. Earlier members take precedence; RIGHT and MISSING stand alone."""

    FAULT = "fault"
    RULE = "rule"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    ERROR = "error"
    WRONG = "wrong"
    MISSING = "missing"
    RIGHT = "right"


class Counterexample(msgspec.Struct, frozen=True, kw_only=True):
    """One input on which a property fails.

    id: names the exact stored values, for ``autograder replay``.  arguments: by parameter name, as readable text.
    expected, got: readable text or None.  where: the first differing entry.  plot: data of a small plot, or None:
    {"kind": "heatmap", "values": [[...]]} or {"kind": "curve", "x": [...], "expected": [...], "got": [...]}.
    """

    id: str
    function: str
    arguments: dict[str, str]
    expected: str | None = None
    got: str | None = None
    where: str = ""
    plot: dict[str, Any] | None = None


class PropertyResult(msgspec.Struct, frozen=True, kw_only=True):
    """One property. sentence: its docstring.  message: what happened, safe for the student to read."""

    name: str
    public: bool
    passed: bool
    message: str
    counterexample: Counterexample | None
    sentence: str
    weight: float = 1.0
    gate: bool = False  # below it the score of the exercise is 0
    tried: bool = True


class Misconception(msgspec.Struct, frozen=True, kw_only=True):
    """A known mistake that gives the student's answers."""

    name: str
    hint: str


class ExerciseResult(msgspec.Struct, frozen=True, kw_only=True):
    """One exercise of one submission. score is None for a fault.  reason: the verdict in one sentence."""

    name: str
    verdict: Verdict
    score: float | None
    points: float
    properties: list[PropertyResult]
    misconception: Misconception | None
    seconds: float
    reason: str
    title: str = ""
    student_line: str = ""  # for an exception: the student's own line, "cell 3, line 2: return A @ B"


class SubmissionResult(msgspec.Struct, frozen=True, kw_only=True):
    """One submission. score is None while any exercise is a fault.  notes: what intake had to say about the files."""

    path: str
    student: str
    score: float | None
    points: float
    exercises: list[ExerciseResult]
    notes: list[str] = []


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A grading run, as ``autograder grade --json`` writes it."""

    schema: int
    seed: int
    sandbox: str
    device: str
    versions: dict[str, str]
    submissions: list[SubmissionResult]
