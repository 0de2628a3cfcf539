"""Answers whose verdict is known: misconceptions (wrong, with a hint) and alternatives (right, built differently)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

Answer = Callable[..., Any]


@dataclasses.dataclass(frozen=True)
class KnownAnswer:
    """One known answer to one function of an exercise; the exercise's other functions are the reference's.

    right: an alternative that must pass.  hint: for a misconception, what to think about again.
    """

    exercise: str
    name: str
    function: str
    answer: Answer
    right: bool
    hint: str = ""


def misconception_of(exercise: str, *, hint: str, function: str = "") -> Callable[[Answer], Answer]:
    """Declare a wrong answer with its hint. ``function``: which of several functions of the exercise it answers."""

    def decorate(answer: Answer) -> Answer:
        known = KnownAnswer(exercise, answer.__name__, function or exercise, answer, right=False, hint=hint)
        answer.__dict__["known_answer"] = known
        return answer

    return decorate


def alternative_of(exercise: str, *, function: str = "") -> Callable[[Answer], Answer]:
    """Declare a right answer that is built differently from the reference."""

    def decorate(answer: Answer) -> Answer:
        answer.__dict__["known_answer"] = KnownAnswer(
            exercise, answer.__name__, function or exercise, answer, right=True
        )
        return answer

    return decorate


def known_in(namespace: dict[str, Any]) -> Iterator[KnownAnswer]:
    """The known answers a module declares."""
    for value in namespace.values():
        known = getattr(value, "__dict__", {}).get("known_answer")
        if isinstance(known, KnownAnswer):
            yield known
