"""The staff's page: the class at a glance, what each exercise measured, every student's row, and the faults."""

from __future__ import annotations

import dataclasses
import statistics as stats
from collections.abc import Sequence
from urllib.parse import quote

from markupsafe import Markup

from autograder.feedback.cleaning import clean
from autograder.feedback.environment import environment
from autograder.feedback.view import student_view
from autograder.feedback.words import fix_first, points
from autograder.grading.verdict import ExerciseResult, Report, SubmissionResult, Verdict
from autograder.reports.statistics import exercise_names, faults, in_order, items

_BARS = 10


@dataclasses.dataclass(frozen=True)
class Row:
    """One student's line. link: the relative address of their page."""

    student: str
    link: str
    cells: Sequence[ExerciseResult | None]
    total: str
    open: ExerciseResult | None


def render_index(report: Report, pages: Sequence[tuple[str, SubmissionResult]]) -> str:
    """The class page. pages: (file name, submission), in the order of the table."""
    names = exercise_names(report)
    rows = [_row(name, student_view(submission), names) for name, submission in pages]
    scores = [s.score for s in report.submissions if s.score is not None]
    most = max((s.points for s in report.submissions), default=0.0)
    return (
        environment()
        .get_template("index.html.j2")
        .render(
            report=report,
            rows=rows,
            items=items(report),
            faults=list(faults(report)),
            right=sum(all(e.verdict is Verdict.RIGHT for e in s.exercises) for s in in_order(report)),
            mean=points(stats.fmean(scores)) if scores else "–",
            median=points(stats.median(scores)) if scores else "–",
            most=points(most),
            histogram=_histogram(scores, most),
            versions=[(clean(k, 40), clean(v, 80)) for k, v in list(report.versions.items())[:20]],
            sandbox=clean(report.sandbox, 80),
        )
    )


def _row(page: str, submission: SubmissionResult, names: Sequence[str]) -> Row:
    by_name = {e.name: e for e in submission.exercises}
    return Row(
        student=submission.student,
        link=quote(page),
        cells=[by_name.get(clean(name, 100)) for name in names],
        total=points(submission.score),
        open=fix_first(submission.exercises),
    )


def _histogram(scores: Sequence[float], most: float) -> Markup:
    """How many students reached how many points, in ten bars; nothing for fewer than three scores."""
    if len(scores) < 3 or most <= 0:
        return Markup("")
    counts = [0] * _BARS
    for score in scores:
        counts[min(_BARS - 1, max(0, int(_BARS * score / most)))] += 1
    width, height, bar, base = 340, 120, 32, 98
    body = [f'<line class="grid" x1="8" x2="{width - 8}" y1="{base + 0.5}" y2="{base + 0.5}"/>']
    for position, number in enumerate(counts):
        if number:
            tall = 70 * number / max(counts)
            x = 10 + position * bar
            body.append(f'<rect class="bar" x="{x + 2}" y="{base - tall:.1f}" width="{bar - 4}" height="{tall:.1f}"/>')
            body.append(f'<text x="{x + bar / 2:.0f}" y="{base - tall - 5:.1f}">{number}</text>')
    for share in (0, 0.5, 1):
        body.append(f'<text x="{10 + share * _BARS * bar:.0f}" y="{base + 16}">{points(share * most)}</text>')
    said = ", ".join(str(number) for number in counts)
    label = f"Students by points, in ten equal steps from 0 to {points(most)}: {said}"
    return Markup(
        f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img" aria-label="{label}">{"".join(body)}</svg>'
    )  # numbers only
