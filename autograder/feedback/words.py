"""What a verdict is called, and what to do next: the words that the terminal, the pages and the class table share."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from autograder.grading.verdict import ExerciseResult, PropertyResult, SubmissionResult, Verdict


@dataclasses.dataclass(frozen=True)
class Words:
    """glyph, ascii: the sign, never without its label.  colour: for rich.  next_step: what helps most now."""

    glyph: str
    ascii: str
    label: str
    colour: str
    sentence: str
    next_step: str = ""


WORDS = {
    Verdict.RIGHT: Words("✓", "+", "Right", "green", "Every property holds."),
    Verdict.WRONG: Words(
        "✗",
        "x",
        "Not right yet",
        "red",
        "Some property does not hold yet.",
        "Work the example by hand, then compare with what your function gives.",
    ),
    Verdict.ERROR: Words(
        "!",
        "!",
        "Stops with an error",
        "red",
        "The function raised an exception where it should have answered.",
        "Run the call yourself: the exception says what happened, the line says where.",
    ),
    Verdict.TIMEOUT: Words(
        "◷",
        "t",
        "Takes too long",
        "yellow",
        "A call took longer than it may.",
        "Look for a loop that may never end, or one over entries that torch can do in a single operation.",
    ),
    Verdict.MEMORY: Words(
        "≫",
        "m",
        "Needs too much memory",
        "yellow",
        "A call needed more memory than it may use.",
        "Look for an intermediate tensor much larger than the input and the answer.",
    ),
    Verdict.RULE: Words(
        "§",
        "r",
        "Another way is asked for",
        "yellow",
        "The function uses something that this exercise excludes.",
        "Read the exercise's rule again: here the way to the answer is the point.",
    ),
    Verdict.MISSING: Words(
        "○",
        "-",
        "Not found",
        "yellow",
        "The submission has no function of this name.",
        "Define the function with exactly this name at the top level of the file, or in a solution cell.",
    ),
    Verdict.FAULT: Words(
        "?",
        "?",
        "Not graded yet",
        "magenta",
        "The grader could not decide this exercise. That is not your doing, and a person will look at it.",
    ),
}

HIDDEN_NEXT_STEP = (
    "This one fails on inputs that are not shown. Think of other sizes, other scales and the edge cases that the "
    "exercise's text names, and try those."
)
HINT_NEXT_STEP = "Follow the hint; the example shows when it is mended."
UNEXPECTED_NEXT_STEP = "Call your function with the input shown, and compare what it does with what the sentence asks."
UNDEFINED_NEXT_STEP = (
    "Run your file, or all cells of a restarted notebook, once from the top: what stops it has to be mended before the "
    "function can be tried."
)


def failing(exercise: ExerciseResult) -> list[PropertyResult]:
    """The properties that were tried and do not hold; first the one of the verdict's sentence, if it can be shown."""

    def position(result: PropertyResult) -> tuple[bool, ...]:
        shown = result.public and result.counterexample is not None
        decides = result.public and bool(result.message) and result.message.casefold() in exercise.reason.casefold()
        return not (shown and decides), not shown, not result.gate, not result.public

    return sorted((p for p in exercise.properties if p.tried and not p.passed), key=position)


def next_step(exercise: ExerciseResult) -> str:
    """What helps most now, in one sentence; "" where there is nothing to do."""
    failed = failing(exercise)
    if exercise.verdict is Verdict.ERROR and not failed:
        return UNDEFINED_NEXT_STEP
    if exercise.verdict in (Verdict.WRONG, Verdict.ERROR) and not any(p.public for p in failed):
        return HIDDEN_NEXT_STEP
    if exercise.misconception is not None:
        return HINT_NEXT_STEP
    if exercise.verdict is Verdict.WRONG and failed[0].counterexample and failed[0].counterexample.expected is None:
        return UNEXPECTED_NEXT_STEP
    return WORDS[exercise.verdict].next_step


def fix_first(exercises: Sequence[ExerciseResult]) -> ExerciseResult | None:
    """Where to begin: the first exercise with an attempt that is not right, else the first without an attempt."""
    open_ = [e for e in exercises if e.verdict not in (Verdict.RIGHT, Verdict.FAULT)]
    return next((e for e in open_ if e.verdict is not Verdict.MISSING), open_[0] if open_ else None)


def summary(result: SubmissionResult) -> str:
    """One encouraging, truthful sentence about the whole submission."""
    right = sum(e.verdict is Verdict.RIGHT for e in result.exercises)
    total = len(result.exercises)
    if total == 0:
        return "No exercise was graded."
    if right == total:
        return "Every property of the exercise holds." if total == 1 else f"All {total} exercises are right."
    held = sum(p.passed for e in result.exercises for p in e.properties if p.tried)
    if right == 0:
        return (
            f"No exercise is right yet, but {count(held, 'property holds', 'properties hold')} already."
            if held
            else ("No exercise is right yet.")
        )
    return f"{right} of {total} exercises {'is' if right == 1 else 'are'} right."


def count(number: int, one: str, many: str) -> str:
    """ "1 property holds", "3 properties hold"."""
    return f"{number} {one if number == 1 else many}"


def points(value: float | None) -> str:
    """A score to two decimals at most; an en dash where there is none."""
    return "–" if value is None else f"{value:.2f}".rstrip("0").rstrip(".") or "0"
