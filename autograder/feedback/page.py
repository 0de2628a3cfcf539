"""The page a student receives: one self-contained HTML file, at most LIMIT bytes, that asks the network for nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from autograder.feedback.cleaning import clean, file_name
from autograder.feedback.environment import environment
from autograder.feedback.view import student_view
from autograder.feedback.words import failing, fix_first, next_step, points, summary
from autograder.files import write_atomically
from autograder.grading.verdict import ExerciseResult, PropertyResult, Report, SubmissionResult, Verdict
from autograder.reports.class_page import render_index

LIMIT = 500_000


@dataclasses.dataclass(frozen=True)
class Detail:
    """How much a page shows. exercises: shown at all.  failures, others: properties of an exercise, failed and not."""

    exercises: int = 600
    failures: int = 20
    others: int = 60
    plots: bool = True


@dataclasses.dataclass(frozen=True)
class Shown:
    """One exercise, arranged for reading. first: the failed property to look at, explained in full."""

    result: ExerciseResult
    anchor: str
    lead: str
    next_step: str
    place: str
    line: str
    first: PropertyResult | None
    failed: Sequence[PropertyResult]
    passed: Sequence[PropertyResult]
    not_tried: Sequence[PropertyResult]
    left_out: int


def render_page(result: SubmissionResult, report: Report) -> str:
    """The page of one submission. If it grows beyond LIMIT, details go first, then whole exercises, and it says so."""
    view = student_view(result)
    for detail in _ever_less():
        page = _within_limit(_render(view, report, detail))
        if page is not None:
            return page
    raise ValueError(f"a page without exercises is longer than {LIMIT} bytes")


def write_pages(report: Report, folder: Path) -> list[Path]:
    """One page per submission and an index for staff, readable by their owner alone. Returns what was written."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    taken = {"index"}
    ordered = sorted(report.submissions, key=lambda s: (s.student.casefold(), s.student, s.path))
    names = [f"{file_name(submission.student, taken)}.html" for submission in ordered]
    for name, submission in zip(names, ordered, strict=True):
        _write(folder / name, render_page(submission, report))
    _write(folder / "index.html", render_index(report, list(zip(names, ordered, strict=True))))
    return [folder / name for name in ["index.html", *names]]


def _write(path: Path, page: str) -> None:
    write_atomically(path, page.encode(errors="backslashreplace"), mode=0o600)


def _ever_less() -> Iterator[Detail]:
    yield Detail()
    yield Detail(failures=3, others=12)
    yield Detail(failures=1, others=0, plots=False)
    exercises = 200
    while exercises:
        yield Detail(exercises, failures=1, others=0, plots=False)
        exercises //= 2
    yield Detail(exercises=0)


def _within_limit(pieces: Iterator[str]) -> str | None:
    """The pieces joined, or None as soon as they exceed LIMIT bytes."""
    size, kept = 0, []
    for piece in pieces:
        size += len(piece.encode(errors="backslashreplace"))
        if size > LIMIT:
            return None
        kept.append(piece)
    return "".join(kept)


def _render(view: SubmissionResult, report: Report, detail: Detail) -> Iterator[str]:
    exercises = [_shown(e, f"exercise-{i + 1}", detail) for i, e in enumerate(view.exercises[: detail.exercises])]
    first = fix_first(view.exercises)
    return (
        environment()
        .get_template("page.html.j2")
        .generate(
            view=view,
            report=report,
            detail=detail,
            exercises=exercises,
            left_out=len(view.exercises) - len(exercises),
            first=next((e for e in exercises if e.result is first), None),
            summary=summary(view),
            score=points(view.score),
            versions=[(clean(k, 40), clean(v, 80)) for k, v in list(report.versions.items())[:20]],
            sandbox=clean(report.sandbox, 80),
        )
    )


def _shown(exercise: ExerciseResult, anchor: str, detail: Detail) -> Shown:
    failed = failing(exercise)
    first = failed[0] if failed else None
    passed = [p for p in exercise.properties if p.tried and p.passed]
    not_tried = [p for p in exercise.properties if not p.tried]
    place, _, line = exercise.student_line.partition(": ")
    kept = failed[1 : detail.failures], passed[: detail.others], not_tried[: detail.others]
    return Shown(
        result=exercise,
        anchor=anchor,
        lead=_lead(exercise, first),
        next_step=next_step(exercise),
        place=place,
        line=line,
        first=first,
        failed=kept[0],
        passed=kept[1],
        not_tried=kept[2],
        left_out=len(exercise.properties) - sum(map(len, kept)) - (first is not None),
    )


def _lead(exercise: ExerciseResult, first: PropertyResult | None) -> str:
    """The reason, unless the failed property below it says the same."""
    said = () if first is None else (first.sentence, first.message)
    reason = exercise.reason.rstrip(".").casefold()
    same = any(text and reason in text.casefold() for text in said)
    return "" if same and exercise.verdict is not Verdict.RULE else exercise.reason
