"""A result in the terminal: readable, plain in a pipe, and never more than text."""

from __future__ import annotations

import io

import msgspec
import pytest
from rich.console import Console

from autograder.feedback.text import print_exercise, print_result
from autograder.reports.class_table import print_class


def printed(result, **settings) -> str:
    console = Console(file=io.StringIO(), width=100, **settings)
    print_result(console, result)
    return console.file.getvalue()


@pytest.fixture
def students(sample):
    return {s.student: s for s in sample.sample_report().submissions}


def test_a_pipe_gets_plain_text(students):
    for student in students.values():
        assert "\x1b" not in printed(student)


def test_a_terminal_gets_colours_unless_it_asks_for_none(students, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[31m" in printed(students["Ada Lovelace"], force_terminal=True, color_system="standard")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[31m" not in printed(students["Ada Lovelace"], force_terminal=True, color_system="standard")


def test_what_a_wrong_answer_shows(students, sample):
    text = printed(students["Ada Lovelace"])
    lines = text.splitlines()
    assert lines[0] == "✗ sherman_morrison  Not right yet  0/3"
    assert "    A_inv     [[  1, 0.5,    0]," in lines
    assert "               [1.5,   0,    1]]" in lines
    assert "    u         [1, -0.5, 2]" in lines
    for part in (
        "Hint: The correction is divided by",
        sample.IDENTITY,
        "entry [0, 0]",
        "Fix this first: sherman_morrison",
    ):
        assert part in text
    assert "4.25 of 9 points" in text


def test_markup_in_a_students_text_is_only_text(sample):
    text = "[bold red]x[/bold red] [link=http://evil]y[/link] :smile:"
    assert text in printed(sample.submission("bob", sample.raising(text, text)))


def test_hidden_inputs_do_not_appear(students, sample):
    for student in students.values():
        assert sample.SECRET not in printed(student)
    assert "on inputs that are not shown" in printed(students["heidi"])


def test_huge_text_is_cut(students):
    assert len(printed(students["ivan"])) < 12_000


def test_an_own_check_shows_no_mark(sample):
    console = Console(file=io.StringIO(), width=100)
    print_exercise(console, sample.wrong_matrix())
    assert console.file.getvalue().startswith("✗ sherman_morrison  Not right yet\n")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_a_terminal_without_unicode_gets_what_it_can_show(students, sample, encoding):
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding=encoding), width=100)
    for student in students.values():
        print_result(console, student)
    print_class(console, sample.sample_report())
    console.file.flush()
    text = raw.getvalue().decode(encoding)
    assert "x sherman_morrison  Not right yet" in text and "+ right 3" in text


def test_a_submission_without_exercises(sample):
    empty = msgspec.structs.replace(sample.submission("zoe"), exercises=[], score=0.0)
    assert "No exercise was graded." in printed(empty)
