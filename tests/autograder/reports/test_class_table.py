"""The class in the terminal and on its page, with statistics worked out by hand."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from autograder.feedback.page import write_pages
from autograder.grading.verdict import Verdict
from autograder.reports.class_table import class_table, print_class
from autograder.reports.statistics import exercise_names, faults, in_order, items

SAMPLE = Path(__file__).parents[1] / "feedback" / "sample_class.py"


@pytest.fixture(scope="module")
def sample():
    spec = importlib.util.spec_from_file_location("sample_class_of_reports", SAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def printed(report, width: int = 100, **settings) -> str:
    console = Console(file=io.StringIO(), width=width, **settings)
    print_class(console, report)
    return console.file.getvalue()


def many_exercises(sample, number: int):
    names = [f"a_rather_long_exercise_name_{i}" for i in range(number)]
    submissions = [
        msgspec.structs.replace(
            s, exercises=[msgspec.structs.replace(s.exercises[i % 3], name=name) for i, name in enumerate(names)]
        )
        for s in sample.sample_report().submissions
    ]
    return msgspec.structs.replace(sample.sample_report(), submissions=submissions)


def test_a_row_per_student_in_alphabetical_order(sample):
    lines = printed(sample.sample_report()).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("student"))
    rows = lines[start + 1 : start + 13]
    assert [row.split()[0] for row in rows[1:11]] == [
        "Ada", "bob", "carla", "dmitri", "eve", "farid", "grace", "heidi", "ivan", "zoe_brandt",
    ]  # fmt: skip
    assert " ".join(rows[1].split()) == "Ada Lovelace ✗ wrong 0 ✗ wrong 1.25 ✓ right 3 4.25/9 forgets the denominator"
    assert "–/9" in rows[7]


@pytest.mark.parametrize("number", [1, 3, 4, 5, 12, 30])
@pytest.mark.parametrize("terminal", [False, True])
def test_the_table_fits_a_hundred_columns(sample, number, terminal):
    report = many_exercises(sample, number)
    console = Console(file=io.StringIO(), width=100, force_terminal=terminal, no_color=True)
    console.print(class_table(report))
    width = console.measure(class_table(report)).maximum
    assert width <= 100
    assert len(console.file.getvalue().splitlines()) <= 12 + 8


def test_a_narrow_pipe_still_gets_a_hundred_columns(sample):
    assert "✗ wrong 1.25" in printed(sample.sample_report(), width=40)


def test_markup_in_names_is_only_text(sample):
    report = msgspec.structs.replace(sample.sample_report(), submissions=[sample.submission("[red]x[/red]")])
    assert "[red]x[/red]" in printed(report)


def test_faults_are_listed_at_the_end_with_their_reason(sample):
    text = printed(sample.sample_report())
    assert text.rstrip().splitlines()[-1] == (
        "  grace, tweedie_posterior_mean: the reference needs the package scipy, which is not installed"
    )
    assert [f.student for f in faults(sample.sample_report())] == ["grace"]


def test_hidden_inputs_appear_neither_in_the_table_nor_in_the_summary(sample):
    assert sample.SECRET not in printed(sample.sample_report())


def test_statistics_of_an_exercise(sample):
    report = sample.sample_report()
    assert exercise_names(report) == list(sample.TITLES)
    sherman, tweedie, relu = items(report)
    # 12 submissions: 6 right (3 points), 4 wrong (0, 0, 0, 2), 1 error (1.5), 1 rule (0)
    assert sherman.verdicts == {Verdict.RULE: 1, Verdict.ERROR: 1, Verdict.WRONG: 4, Verdict.RIGHT: 6}
    assert sherman.mean == (6 * 3 + 2 + 1.5) / 12
    assert sherman.right == 0.5
    assert sherman.often_fails == (sample.IDENTITY, 3)
    assert sherman.usual_slip == ("forgets the denominator", 3)
    # the fault counts in no mean: 10 right and one 1.25 among 11
    assert (tweedie.graded, tweedie.right) == (11, 10 / 11)
    assert tweedie.mean == (30 + 1.25) / 11
    assert relu.often_fails == ("Mean and variance agree with the closed form.", 2)


def test_discrimination_is_the_correlation_with_the_rest(sample):
    def scored(student: str, one: float, other: float):
        exercises = [
            sample.exercise("one", Verdict.WRONG, one, "x"),
            sample.exercise("other", Verdict.WRONG, other, "x"),
        ]
        return msgspec.structs.replace(sample.submission(student), exercises=exercises, score=one + other)

    def discrimination(*scores: tuple[float, float]) -> float | None:
        submissions = [scored(str(i), *pair) for i, pair in enumerate(scores)]
        return items(msgspec.structs.replace(sample.sample_report(), submissions=submissions))[0].discrimination

    assert discrimination((0, 1), (1, 2), (2, 3)) == pytest.approx(1.0)
    assert discrimination((0, 3), (1, 2), (2, 1)) == pytest.approx(-1.0)
    assert discrimination((0, 1), (1, 0), (0, -1), (-1, 0)) == pytest.approx(0.0)
    assert discrimination((1, 1), (1, 2), (1, 3)) is None
    assert discrimination((0, 1), (1, 2)) is None


def test_order_does_not_depend_on_the_order_of_submissions(sample):
    report = sample.sample_report()
    turned = msgspec.structs.replace(report, submissions=report.submissions[::-1])
    assert [s.student for s in in_order(turned)] == [s.student for s in in_order(report)]
    assert items(turned)[0].often_fails == items(report)[0].often_fails


def test_the_index_shows_the_class_and_escapes_it(sample, tmp_path):
    write_pages(sample.sample_report(), tmp_path)
    page = (tmp_path / "index.html").read_text()
    for part in ("../../etc/&lt;b&gt;passwd&lt;/b&gt;", "which is not installed", "91 %", "forgets the denominator"):
        assert part in page
    assert "<script" not in page and sample.SECRET not in page


@pytest.mark.parametrize("number", [0, 1, 2])
def test_tiny_classes(sample, tmp_path, number):
    report = msgspec.structs.replace(
        sample.sample_report(), submissions=[sample.submission(f"s{i}") for i in range(number)]
    )
    written = write_pages(report, tmp_path)
    assert len(written) == number + 1
    printed(report)
