"""What an exercise's draws look like, and how far right and wrong answers are from the tolerance."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import msgspec
import torch

from autograder.grading.exact import pack
from autograder.sandbox.inside.wire import UnsendableError
from autograder.testing.bank import Entry
from autograder.testing.compare import compare, typical_sizes
from autograder.testing.inprocess import InProcess
from autograder.testing.properties import Property
from autograder.testing.record import Case, Function
from autograder.testing.runner import run_property
from autograder.testing.search import Options
from autograder.testing.student import Student
from autograder.testing.values import leaves, map_tensors, upcast


@dataclasses.dataclass
class Range:
    """The smallest and the largest number seen."""

    low: float = math.inf
    high: float = -math.inf

    def see(self, value: float) -> None:
        """Widen the range; what is not finite is passed over."""
        if math.isfinite(value):
            self.low, self.high = min(self.low, value), max(self.high, value)

    def __str__(self) -> str:
        if self.high < self.low:
            return "-"
        return f"{self.low:.2g}" if self.low == self.high else f"{self.low:.2g}-{self.high:.2g}"


@dataclasses.dataclass
class Draws:
    """sizes: numbers of a tensor.  scales: its largest entry.  conditions: of square matrices.  distinct: inputs."""

    sizes: Range = dataclasses.field(default_factory=Range)
    scales: Range = dataclasses.field(default_factory=Range)
    conditions: Range = dataclasses.field(default_factory=Range)
    inputs: int = 0
    undecided: int = 0
    distinct: set[bytes] = dataclasses.field(default_factory=set)

    def see(self, arguments: tuple[Any, ...]) -> None:
        """Record one input."""
        self.inputs += 1
        try:
            self.distinct.add(pack(arguments))
        except UnsendableError:
            self.distinct.add(msgspec.msgpack.encode(self.inputs))
        for leaf in leaves(arguments):
            if not isinstance(leaf, torch.Tensor):
                continue
            self.sizes.see(leaf.numel())
            if leaf.numel() and leaf.is_floating_point():
                self.scales.see(float(leaf.abs().max()))
                if leaf.dim() == 2 and leaf.shape[0] == leaf.shape[1] > 1 and bool(leaf.isfinite().all()):
                    self.conditions.see(float(torch.linalg.cond(leaf)))


def draws_of(entry: Entry, seed: int, examples: int) -> Draws:
    """What one run draws for the value property, over all functions of the exercise."""
    draws = Draws()
    for function in entry.record.functions:

        def see(student: Student, case: Case, function: Function = function) -> None:
            draws.see(case.arguments(function.parsed))

        _run(entry, function, see, seed, examples)
    return draws


def ratio_of(entry: Entry, answers: dict[str, Callable[..., Any]], seed: int, examples: int) -> float:
    """The largest error / tolerance of these answers on ordinary draws; inf for a wrong form or an exception."""
    worst = 0.0
    references = entry.references or {}
    for function in entry.record.functions:
        answer = answers.get(function.name, references[function.name])
        typical = _typical(function, references[function.name])

        def see(
            student: Student,
            case: Case,
            function: Function = function,
            answer: Callable[..., Any] = answer,
            typical: list[float] | None = typical,
        ) -> None:
            nonlocal worst
            arguments = case.arguments(function.parsed)
            reference = references[function.name]
            try:
                got = answer(*map_tensors(arguments, torch.Tensor.clone))
            except Exception:
                worst = math.inf
                return
            result = compare(
                got,
                arguments,
                reference,
                expected=reference(*upcast(arguments)),
                typical=typical,
                tails=function.tails,
                through=function.compare_through,
            )
            if result.verdict != "skip":
                worst = max(worst, result.ratio)

        _run(entry, function, see, seed, examples)
    return worst


def _typical(function: Function, reference: Callable[..., Any]) -> list[float] | None:
    """The usual size of each output, which tells a true zero from a rounded one, as for the value property."""
    if function.compare_through is not None:
        return None
    return typical_sizes([reference(*upcast(case.arguments(function.parsed))) for case in function.cases.dense])


def _run(entry: Entry, function: Function, body: Callable[..., None], seed: int, examples: int) -> None:
    """Run ``body`` on the inputs that the value property draws under this seed."""
    gate = next(p for p in entry.properties if p.gate)
    drawn = Property(entry.record.name, gate.name, "", body, {"case": function.cases})
    outcome = run_property(drawn, InProcess(dict(entry.references or {})), Options(seed, examples))
    if not outcome.passed:
        raise RuntimeError(f"{entry.record.name}: {outcome.message}")
