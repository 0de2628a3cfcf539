"""The class in the terminal: a table of at most WIDTH columns, one summary line per exercise, and the faults."""

from __future__ import annotations

import re

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from autograder.feedback.cleaning import clean, cut
from autograder.feedback.terminal import legible
from autograder.feedback.view import student_view
from autograder.feedback.words import WORDS, count, failing, fix_first, points
from autograder.grading.verdict import ExerciseResult, Report, SubmissionResult, Verdict
from autograder.reports.statistics import Item, exercise_names, faults, in_order, items

WIDTH = 100
_HEADING = 12
_STUDENT = 18
_COLUMNS = 4  # exercises with a column each; more of them share one column of signs


def print_class(console: Console, report: Report) -> None:
    """The table, the summary and the faults. In a pipe they get WIDTH columns, in a terminal what there is."""
    with legible(console, WIDTH):
        console.print(class_table(report, console.width), "", summary_lines(report), sep="\n", highlight=False)


def class_table(report: Report, width: int = WIDTH) -> Table:
    """Student, each exercise's verdict and score, total, and where to look first, in ``width`` columns."""
    names = exercise_names(report)
    wide = len(names) <= _COLUMNS
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0), width=None)
    table.add_column("student", no_wrap=True, max_width=_STUDENT, overflow="ellipsis")
    if wide:
        for name in names:
            table.add_column(_heading(name), min_width=9, max_width=12, vertical="top")
    else:
        table.add_column("exercises", max_width=36)
    table.add_column("total", justify="right", no_wrap=True)
    student = min(_STUDENT, max((cell_len(s.student) for s in report.submissions), default=0))
    rest = _rest(width, max(student, 7), len(names) if wide else 0)
    table.add_column("look first at", no_wrap=True, overflow="ellipsis", max_width=rest)
    for submission in map(student_view, in_order(report)):
        by_name = {e.name: e for e in submission.exercises}
        results = [by_name.get(name) for name in names]
        cells = [_cell(e) for e in results] if wide else [Text.assemble(*(_sign(e) for e in results))]
        table.add_row(Text(submission.student), *cells, _total(submission), Text(_reason(submission)))
    return table


def _rest(width: int, student: int, columns: int) -> int:
    """What is left of ``width`` for the reason, beside a student, a total and ``columns`` exercises."""
    return max(18, width - (student + 2) - 9 - (14 * columns or 38))


def summary_lines(report: Report) -> RenderableType:
    """Per exercise the counts of its verdicts, the mean and the usual mistakes; then what could not be graded."""
    lines = [_line(item) for item in items(report)]
    broken = list(faults(report))
    if broken:
        lines += [Text(), Text(f"Not graded ({len(broken)}), to be looked at by a person:", style="bold magenta")]
        lines += [Text(f"  {fault.student}, {fault.exercise}: {fault.reason}") for fault in broken]
    return Group(*lines)


def _heading(name: str) -> Text:
    """The name, broken after underscores to the width of a column."""
    lines = [""]
    for part in re.findall(r"[^_]*_*", clean(name, 60)):
        if len(lines[-1]) + len(part) > _HEADING:
            lines.append("")
        lines[-1] += part
    return Text("\n".join(line for line in lines if line))


def _cell(exercise: ExerciseResult | None) -> Text:
    if exercise is None:
        return Text("")
    word = WORDS[exercise.verdict]
    score = "" if exercise.score is None else f" {points(exercise.score)}"
    return Text.assemble((f"{word.glyph} {exercise.verdict}", word.colour), score)


def _sign(exercise: ExerciseResult | None) -> tuple[str, str]:
    return (" ", "") if exercise is None else (WORDS[exercise.verdict].glyph, WORDS[exercise.verdict].colour)


def _total(submission: SubmissionResult) -> Text:
    text = f"{points(submission.score)}/{points(submission.points)}"
    return Text(text, style="" if submission.score is None else "bold")


def _reason(submission: SubmissionResult) -> str:
    """The first thing to fix, in the words of its property."""
    exercise = next((e for e in submission.exercises if e.verdict is Verdict.FAULT), None)
    exercise = exercise or fix_first(submission.exercises)
    if exercise is None:
        return ""
    if exercise.misconception is not None:
        return exercise.misconception.name.replace("_", " ")
    failed = failing(exercise)
    if exercise.verdict is Verdict.WRONG and failed:
        return failed[0].sentence
    return exercise.reason


def _line(item: Item) -> Text:
    line = Text.assemble((item.name, "bold"), ": ")
    counts = [(f"{number} {verdict}", WORDS[verdict].colour) for verdict, number in item.verdicts.items()]
    for position, part in enumerate(reversed(counts)):
        line.append(", " if position else "").append(*part)
    if item.mean is not None:
        line.append(f"; mean {points(item.mean)} of {points(item.points)}")
    if item.often_fails is not None:
        line.append(f"\n  fails most often ({item.often_fails[1]}): {cut(item.often_fails[0], 75)}", style="dim")
    if item.usual_slip is not None:
        times = count(item.usual_slip[1], "time", "times")
        line.append(f"\n  usual slip ({times}): {cut(item.usual_slip[0], 75)}", style="dim")
    return line
