"""A submission's results in the terminal: colours only where it is one, plain text in a pipe, NO_COLOR respected."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from autograder.feedback.grid import aligned
from autograder.feedback.terminal import legible
from autograder.feedback.view import exercise_view, student_view
from autograder.feedback.words import WORDS, count, failing, fix_first, next_step, points, summary
from autograder.grading.verdict import Counterexample, ExerciseResult, PropertyResult, SubmissionResult, Verdict


def print_result(console: Console, result: SubmissionResult) -> None:
    """One block per exercise: verdict, the failed property, its example, the hint, the next step; then the total.

    Everything is printed as ``rich.text.Text``, in which square brackets are only brackets.
    """
    view = student_view(result)
    printer = _Printer(console)
    with legible(console):
        for exercise in view.exercises:
            printer.exercise(exercise, mark=f"  {points(exercise.score)}/{points(exercise.points)}")
        printer.end(view)


def print_exercise(console: Console, exercise: ExerciseResult) -> None:
    """One block, without a mark: for a student's own check, which knows the public properties only."""
    with legible(console):
        _Printer(console).exercise(exercise_view(exercise))


class _Printer:
    def __init__(self, console: Console) -> None:
        self.console = console

    def line(self, *parts: str | tuple[str, str], indent: int = 0) -> None:
        self.console.print(Padding(Text.assemble(*parts), (0, 0, 0, indent), expand=False), highlight=False)

    def exercise(self, exercise: ExerciseResult, mark: str = "") -> None:
        word = WORDS[exercise.verdict]
        self.line((f"{word.glyph} ", word.colour), (exercise.name, "bold"), f"  {word.label}", (mark, "dim"))
        failed = failing(exercise)
        if not failed or exercise.verdict in (Verdict.RULE, Verdict.FAULT):
            self.line(exercise.reason, indent=2)
        if exercise.misconception is not None:
            self.line(("Hint: ", "bold yellow"), exercise.misconception.hint, indent=2)
        if failed:
            self.failed(failed[0])
        if exercise.student_line:
            self.line(("your line  ", "dim"), exercise.student_line, indent=4)
        if exercise.verdict is not Verdict.RIGHT:
            self.rest(exercise, failed)
        self.console.print()

    def failed(self, result: PropertyResult) -> None:
        self.line(result.sentence, indent=2)
        if result.message and result.message.rstrip(".") != result.sentence.rstrip("."):
            self.line(result.message, indent=4)
        if result.counterexample is not None:
            self.example(result.counterexample)
        elif not result.public:
            self.line(("on inputs that are not shown", "dim"), indent=4)

    def example(self, example: Counterexample) -> None:
        answers = [("expected", example.expected, "green"), ("got", example.got, "red")]
        width = max(8, *(len(name) for name in example.arguments), 0) if example.arguments else 8
        for name, text in example.arguments.items():
            self.value(f"{name:<{width}}  ", text, "")
        for name, answer, colour in answers:
            if answer is not None:
                self.value(f"{name:<{width}}  ", answer, colour)
        if example.where:
            self.line((f"{'first':<{width}}  ", "dim"), example.where, indent=4)

    def value(self, name: str, text: str, colour: str) -> None:
        """A matrix in rows below each other, as far as they fit."""
        lines = aligned(text)
        if max(map(len, lines)) + len(name) + 4 > self.console.width:
            lines = [text]
        self.line((name, "dim"), (f"\n{' ' * len(name)}".join(lines), colour), indent=4)

    def rest(self, exercise: ExerciseResult, failed: list[PropertyResult]) -> None:
        held = sum(p.passed for p in exercise.properties if p.tried)
        left = sum(not p.tried for p in exercise.properties)
        parts = [f"{len(failed) - 1} more not yet"] if len(failed) > 1 else []
        parts += [count(held, "property holds", "properties hold")] if held else []
        parts += [f"{left} not tried"] if left else []
        if parts:
            self.line((", ".join(parts), "dim"), indent=2)
        if next_step(exercise):
            self.line(("Next: ", "bold"), next_step(exercise), indent=2)

    def end(self, view: SubmissionResult) -> None:
        for note in view.notes:
            self.line(("note  ", "dim"), note)
        total = f"{points(view.score)} of {points(view.points)} points" if view.score is not None else "No total yet"
        self.line((f"{total}. ", "bold"), summary(view))
        first = fix_first(view.exercises)
        if first is not None and len(view.exercises) > 1:
            self.line("Fix this first: ", (first.name, "bold"))
