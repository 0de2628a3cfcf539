"""How far a student has come, and what to do next: the sentence at the end of a check."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Sequence

from autograder.course.config import Course, ProblemSet
from autograder.feedback.words import points
from autograder.grading.verdict import ExerciseResult, Verdict


@dataclasses.dataclass
class Standing:
    """The verdicts known so far. asked: the exercises that were asked for; none means those of the course's sets."""

    course: Course
    asked: Sequence[str] = ()
    results: dict[str, ExerciseResult] = dataclasses.field(default_factory=dict)

    def to_try(self, in_bank: Iterable[str]) -> list[str]:
        """The exercises to try, in the order of grading.yml; what is in no set comes last, if it was asked for."""
        known = list(in_bank)
        ordered = dict.fromkeys(name for chosen in self.course.sets.values() for name in chosen.exercises)
        if self.asked:
            return [name for name in (*ordered, *(name for name in known if name not in ordered)) if name in self.asked]
        return [name for name in ordered if name in known]

    @property
    def begun(self) -> list[str]:
        """Exercises with an attempt, right or not."""
        return [name for name, result in self.results.items() if has_begun(result)]

    @property
    def right(self) -> bool:
        """Whether something was begun and all of it is right; of what was asked for, everything."""
        counted = self.results if self.asked else self.begun
        return bool(counted) and all(self.results[name].verdict is Verdict.RIGHT for name in counted)

    def sentences(self) -> list[str]:
        """What to print at the end: one line, or one per set that was begun."""
        if not self.begun and not self.asked:
            first = self._next(list(self.course.sets.values()))
            none = "None of the course's exercises is in this file yet. 'autograder exercises' lists them."
            return [f"{none} Begin with {first}." if first else none]
        lines = ["Every public property holds. Grading tries further ones on other inputs."] if self.right else []
        if self.asked:
            return [*lines, self._line(self.asked, self._sets(self.asked))]
        begun = self._sets(self.begun)
        several = len(self.course.sets) > 1
        return lines + [(f"{s.name}: " if several else "") + self._line(s.exercises, [s]) for s in begun]

    def _line(self, names: Collection[str], sets: Sequence[ProblemSet]) -> str:
        right = sum(name in self.results and self.results[name].verdict is Verdict.RIGHT for name in names)
        following = self._next(sets)
        return f"{right} of {len(names)} right" + (f", next: {following}." if following else ".")

    def _sets(self, names: Collection[str]) -> list[ProblemSet]:
        return [chosen for chosen in self.course.sets.values() if any(name in chosen.exercises for name in names)]

    def _next(self, sets: Sequence[ProblemSet]) -> str:
        """The first exercise that is not right; after those asked for, the one that follows the last of them."""
        for chosen in sets:
            names = list(chosen.exercises)
            asked = [index for index, name in enumerate(names) if name in self.asked]
            open_ = [name for name in names if name not in self.results or not self._is_right(name)]
            if asked:
                open_ = [n for n in open_ if n in self.asked] or [n for n in names[asked[-1] + 1 :] if n in open_]
            if open_:
                return f"{open_[0]} ({_points(chosen.exercises[open_[0]].points)})"
        return ""

    def _is_right(self, name: str) -> bool:
        return self.results[name].verdict is Verdict.RIGHT


def has_begun(result: ExerciseResult) -> bool:
    """Whether there is more than nothing, or a placeholder."""
    return result.verdict is not Verdict.MISSING and "NotImplementedError" not in result.reason


def _points(value: float) -> str:
    return f"{points(value)} point" + ("" if value == 1 else "s")
