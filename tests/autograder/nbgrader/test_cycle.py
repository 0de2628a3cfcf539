"""nbgrader by its own command line: autograde, feedback, export, regrade, forget, for honest and other notebooks."""

from __future__ import annotations

import copy
import json
import re
import sqlite3
import stat

import nbformat
import pytest
from course_factory import RIGHT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from nbgrader_course import PNG, TRIPLE, answered, autograder, hand_in, make_nbgrader_course, nbgrader, scores

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SECRET = "what-the-student-wrote"
SQUARE = "def double(x):\n    if x.dim() != 1:\n        raise ValueError\n    return x * x"
RIGHT_SCORES = {"double": 10.0, "triple": 6.0}


def named(notebook, name):
    return next(cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == name)


def deleted(notebook):
    notebook.cells = [c for c in notebook.cells if "solution" in str(c.metadata) and c.metadata.nbgrader.solution]


def duplicated(notebook):
    notebook.cells = [c for cell in notebook.cells for c in (cell, copy.deepcopy(cell))]


def renamed(notebook):
    for cell in notebook.cells:
        cell.metadata.nbgrader.grade_id += "_mine"


def flipped(notebook):
    for cell in notebook.cells:
        role = cell.metadata.nbgrader
        role.solution, role.locked, role.points = not role.solution, not role.locked, 1000


def split(notebook):
    place = notebook.cells.index(named(notebook, "double_solution"))
    second = copy.deepcopy(notebook.cells[place])
    notebook.cells[place].source, second.source = (
        "factor = 2",
        "def double(x):\n    if x.dim() != 1:\n        raise ValueError\n    return factor * x",
    )
    notebook.cells.insert(place + 1, second)


def helped(notebook):
    place = notebook.cells.index(named(notebook, "double_solution"))
    notebook.cells.insert(place, new_code_cell("def helper(x):\n    return x + x"))
    notebook.cells[
        place + 1
    ].source = "def double(x):\n    if x.dim() != 1:\n        raise ValueError\n    return helper(x)"


def cheating(notebook):
    """A grade cell that prints full marks, and pages that would run scripts."""
    named(notebook, "double_solution").source = SQUARE
    named(notebook, "double").source = "10.0"
    named(notebook, "double").outputs = [new_output("execute_result", data={"text/plain": "10.0"}, execution_count=1)]
    html = "<script>document.title = 'taken'</script>"
    named(notebook, "double_solution").outputs = [new_output("display_data", data={"text/html": html})]
    named(notebook, "why").source = f"{SECRET} {html} <img src=x onerror=\"document.title='taken'\">"
    notebook.cells.append(new_markdown_cell(f"{html} [x](javascript:alert(1))"))


def pictured(notebook):
    named(notebook, "why").source = "![p](attachment:p.png) ![q](attachment:lost.png)"
    named(notebook, "why").attachments = {"p.png": {"image/png": PNG}}


EDITS = {f.__name__: f for f in (deleted, duplicated, renamed, flipped, split, helped, pictured)}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = make_nbgrader_course(tmp_path_factory.mktemp("course"))
    hand_in(course, "ana", answered(course))
    hand_in(course, "ben", answered(course, SQUARE), at="2026-10-26 22:00:00 UTC")  # two days more: on time
    hand_in(course, "cem", answered(course, triple="def triple(x): return x"), at="2026-10-26 22:00:00 UTC")
    for name, edit in EDITS.items():
        notebook = answered(course)
        edit(notebook)
        hand_in(course, name, notebook)
    notebook = answered(course)
    cheating(notebook)
    hand_in(course, "cheat", notebook)
    hand_in(course, "broken", '{"cells": [')
    hand_in(course, "empty", None)
    (hand_in(course, "module", None) / "submission.py").write_text(f"{RIGHT}\n{TRIPLE}")
    return course


@pytest.fixture(scope="module")
def graded(course):
    return nbgrader(course, "autograde", "ps")


@pytest.fixture(scope="module")
def returned(course, graded):
    return nbgrader(course, "generate_feedback", "ps")


def automatic(course, student):
    return {name: auto for name, (auto, _, _) in scores(course, student).items() if name != "why"}


@pytest.mark.parametrize("student", ["ana", *EDITS, "module"])
def test_right_answers_get_their_points_whatever_was_done_to_the_cells(course, graded, student):
    assert automatic(course, student) == RIGHT_SCORES


def test_wrong_answers_do_not(course, graded):
    assert automatic(course, "ben") == {"double": 0.0, "triple": 6.0}
    assert automatic(course, "cheat") == {"double": 0.0, "triple": 6.0}
    assert automatic(course, "cem")["triple"] == 0.0


def test_what_cannot_be_read_scores_nothing_and_stops_nobody(course, graded):
    assert automatic(course, "broken") == automatic(course, "empty") == {"double": 0.0, "triple": 0.0}
    assert scores(course, "broken")["why"] == (None, None, True), "an answer may be in it: for a person"
    assert "Traceback" not in graded.stderr


def test_written_answers_wait_for_a_person(course, graded):
    for student in ("ana", "renamed", "pictured"):
        assert scores(course, student)["why"] == (None, None, True)


def test_the_reasons_are_the_comment_of_the_solution_cell(course, graded):
    with sqlite3.connect(course / "gradebook.db") as book:
        comments = [
            row[0] for row in book.execute("SELECT auto_comment FROM comment WHERE auto_comment LIKE '%odd%' OR 1")
        ]
    told = " ".join(filter(None, comments))
    assert "Not right yet" in told and "Twice is not the square" in told


def test_every_grade_cell_holds_one_number(course, graded):
    notebook = nbformat.read(course / "autograded" / "cheat" / "ps" / "ps.ipynb", as_version=4)
    (output,) = named(notebook, "double").outputs
    assert (output.output_type, output.data["text/plain"]) == ("execute_result", "0.0")


def test_pictures_survive(course, returned):
    page = (course / "feedback" / "pictured" / "ps" / "ps.html").read_text()
    assert f"data:image/png;base64,{PNG}" in page
    assert "attachment:lost.png" in page, "what is missing is named"


def test_late_days_extension_and_percent(course, graded):
    """Cem: due 24 Oct 23:59, in at 23:00 on 26 Oct, two days, one of them free: 10 % of 10 points."""
    with sqlite3.connect(course / "gradebook.db") as book:
        rows = book.execute(
            "SELECT s.student_id, n.late_submission_penalty FROM submitted_assignment s "
            "JOIN submitted_notebook n ON n.assignment_id = s.id WHERE n.late_submission_penalty IS NOT NULL"
        )
        assert dict(rows.fetchall()) == {"cem": 1.0}


def test_the_feedback_carries_the_engines_page_and_runs_nothing(course, returned):
    for student in ("cheat", "ana"):
        page = (course / "feedback" / student / "ps" / "ps.html").read_text()
        frame = re.search(r'<iframe title="[^"]*" sandbox="" srcdoc="([^"]*)"', page)
        assert frame and "double" in frame[1]
        assert "<script>document.title" not in page
        assert not re.search(r"<(img|svg)[^>]* onerror|href=\"javascript:", page)
    assert "taken" in (course / "feedback" / "cheat" / "ps" / "ps.html").read_text(), "what was written is still told"


def test_feedback_holds_nothing_for_staff_alone(course, returned):
    names = {path.name for path in (course / "feedback").rglob("*") if path.is_file()}
    assert not [name for name in names if name.endswith(".json")]


def test_no_students_text_in_the_logs(graded, returned):
    assert SECRET not in graded.stdout + graded.stderr + returned.stdout + returned.stderr


@pytest.mark.parametrize("room", ["submitted", "autograded", "feedback", ".verdicts", ".backups"])
def test_folders_with_students_work_are_for_their_owner(course, returned, room):
    assert stat.S_IMODE((course / room).stat().st_mode) == 0o700


def test_known_verdicts_are_looked_up_without_torch(course, graded, tmp_path):
    (tmp_path / "torch.py").write_text("raise SystemExit('torch was imported')")
    run = nbgrader(course, "autograde", "ps", "--force", "--student", "ana", environment={"PYTHONPATH": str(tmp_path)})
    assert "Autograding" in run.stderr
    assert automatic(course, "ana") == RIGHT_SCORES


def test_a_wrong_student_id_is_one_sentence(course, graded):
    run = nbgrader(course, "autograde", "ps", "--student", "nobody", check=False)
    assert run.returncode == 1
    assert "No notebooks were matched" in run.stderr and "Traceback" not in run.stderr


def test_a_locked_gradebook_is_one_sentence_and_loses_nothing(course, graded):
    before = scores(course, "ana")
    holder = sqlite3.connect(course / "gradebook.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    run = nbgrader(course, "autograde", "ps", "--force", check=False)
    exported = autograder(course.parent, "export", check=False)
    holder.execute("ROLLBACK")
    holder.close()
    assert run.returncode == 1
    assert run.stderr.count("gradebook.db is locked by another program") == 1 and "Traceback" not in run.stderr
    assert exported.returncode == 1 and "is locked by another program" in exported.stderr
    assert scores(course, "ana") == before


def test_a_mistake_in_grading_yml_is_one_sentence(course, graded):
    policy = course.parent / "grading.yml"
    text = policy.read_text()
    try:
        policy.write_text(text.replace("triple: 6", "tripel: 6"))
        run = nbgrader(course, "autograde", "ps", "--force", check=False)
    finally:
        policy.write_text(text)
    assert run.returncode == 1
    assert (
        "grading.yml, line 11: sets.ps.exercises.tripel: the bank has no such exercise; did you mean 'triple'?"
        in run.stderr
    )
    assert "Traceback" not in run.stderr
    assert automatic(course, "ana") == RIGHT_SCORES


def test_exports(course, graded):
    nbgrader(course, "export", "--exporter", "autograder.nbgrader.export.Canvas", "--to", "canvas.csv")
    lines = (course / "canvas.csv").read_text().splitlines()
    assert lines[0] == "Student,ID,SIS User ID,SIS Login ID,Section,One"
    assert "Cem C,103,,cem,,9" in lines
    marks = json.loads(autograder(course.parent, "export", "ps", "--format", "json", "--to", "-").stdout)["marks"]
    assert {m["student"]: m["score"] for m in marks}["ana"] == 16.0
    assert stat.S_IMODE((course / "canvas.csv").stat().st_mode) == 0o600
