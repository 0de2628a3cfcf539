"""What is wrong with the text of a set is said with file, line and cell; everything at once."""

from __future__ import annotations

import pytest
from assignment_factory import POLICY, QUESTION, WARM_UP, make_assignment

from autograder.course.build import read_set
from autograder.course.config import load_course
from autograder.course.prose import BuildError, Code, Posed, Text, read_prose
from autograder.grading.session import bank_of


def problems_of(path):
    course = load_course(path)
    with pytest.raises(BuildError) as caught:
        read_set(course, "ps", bank_of(course))
    return caught.value.problems


def test_blocks_come_in_order_and_know_their_lines(tmp_path):
    make_assignment(tmp_path)
    blocks = read_prose(tmp_path / "assignments" / "ps")
    assert [type(block) for block in blocks] == [Text, Posed, Code, Posed]
    lines = WARM_UP.splitlines()
    assert lines[blocks[1].place.line - 1] == "::::{exercise} double"
    assert lines[blocks[2].place.line - 1].startswith("```{code-cell}") or lines[blocks[2].place.line - 1].startswith(
        ":tags"
    )
    assert blocks[1].text == "Return $2x$ for a vector $x$."
    assert blocks[1].private == "two times x, entry by entry, is the whole result"
    assert blocks[2].tags == ("experiment",)
    assert blocks[3].name == "why_odd"
    assert "linear" in blocks[3].private
    assert "linear" not in blocks[3].text


def line_of(text, start):
    return next(number for number, line in enumerate(text.splitlines(), 1) if line.startswith(start))


@pytest.mark.parametrize(
    ("broken", "at", "says"),
    [
        (WARM_UP.replace("{exercise} double", "{excercise} double"), "::::{exc", "did you mean 'exercise'"),
        (WARM_UP.replace("{exercise} double", "{exercise}"), "::::{exercise}", "needs a name"),
        (WARM_UP.replace("{exercise} double", "{exercise} duble"), "::::{exercise}", "did you mean 'double'"),
        (WARM_UP.replace("{hidden}", "{rubric}"), ":::{rubric}", "only {hidden} may stand"),
        (WARM_UP.replace("[experiment]", "[experimnt]"), "```{code-cell}", "did you mean 'experiment'"),
        (WARM_UP.replace("[experiment]", "[raises-exception]"), "```{code-cell}", "either experiment or given"),
        (WARM_UP.replace(":tags: [experiment]", ":name: x\n:tags: [experiment]"), "```{code-cell}", "takes tags only"),
        (WARM_UP.replace("Return $2x$", "### BEGIN SOLUTION"), "### BEGIN", "BEGIN SOLUTION"),
        (WARM_UP + "\n### BEGIN HIDDEN TESTS\n", "### BEGIN", "BEGIN HIDDEN TESTS"),
        (WARM_UP + "\n:::{hidden} alone\nx\n:::\n", ":::{hidden} alone", "inside of {exercise} only"),
        (WARM_UP + "\n:::{exercise} double\nAgain.\n:::\n", ":::{exercise}", "already"),
        (WARM_UP + "\n:::{exercise} half\nOther.\n", ":::{exercise}", "is not closed"),
        (WARM_UP + '\n+++ {"a": 1}\n\nMore.\n', "More", "no metadata"),
        (WARM_UP + "\n```{raw-cell}\nx\n```\n", "```{raw-cell}", "raw cells"),
    ],
)
def test_a_mistake_in_the_text_is_named_with_its_line(tmp_path, broken, at, says):
    problems = problems_of(make_assignment(tmp_path, broken))
    line = line_of(broken, at)
    near = [p for p in problems if says in p]
    assert near, problems
    assert any(f"00_warm_up.md, line {number}, cell" in near[0] for number in (line, line + 1)), (near, line)


@pytest.mark.parametrize(
    ("question", "policy", "says"),
    [
        (QUESTION, POLICY.replace(", written: {why_odd: 2}", ""), "gives it no points in sets.ps.written"),
        (QUESTION.replace("{rubric}", "{rubrik}"), POLICY, "only {rubric} may stand"),
        (QUESTION.split(":::{rubric}")[0] + "::::\n", POLICY, "has no {rubric}"),
        ("Nothing is asked here.\n", POLICY, "sets.ps.written.why_odd: no text poses it"),
        (QUESTION.replace("Why is doubling odd?", ""), POLICY, "says nothing"),
    ],
)
def test_a_written_question_needs_points_and_a_rubric(tmp_path, question, policy, says):
    problems = problems_of(make_assignment(tmp_path, question=question, policy=policy))
    assert any(says in problem for problem in problems), problems


def test_an_exercise_without_text_is_named_with_its_line_in_grading_yml(tmp_path):
    path = make_assignment(tmp_path, "Only words.\n")
    (problem,) = problems_of(path)
    line = line_of(path.read_text(), "  ps:")
    assert f"grading.yml, line {line}: sets.ps.exercises.double: no text poses it" in problem


def test_all_problems_are_told_at_once(tmp_path):
    broken = WARM_UP.replace("[experiment]", "[other]") + "\n:::{nothing} here\n:::\n"
    problems = problems_of(make_assignment(tmp_path, broken, QUESTION.replace("{written}", "{writen}")))
    assert len(problems) >= 3


@pytest.mark.parametrize("text", [b"\xff\xfe", b"---\na: [\n---\n"])
def test_a_file_that_is_no_text_is_one_sentence(tmp_path, text):
    path = make_assignment(tmp_path)
    (tmp_path / "assignments" / "ps" / "05_more.md").write_bytes(text)
    (problem,) = problems_of(path)
    assert "05_more.md" in problem


def test_a_set_without_text_is_one_sentence(tmp_path):
    path = make_assignment(tmp_path)
    for file in (tmp_path / "assignments" / "ps").iterdir():
        file.unlink()
    (problem,) = problems_of(path)
    assert "no text" in problem
