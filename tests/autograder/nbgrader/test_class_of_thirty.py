"""A class of thirty through nbgrader's cycle with ps01_linear_algebra: everybody gets what their answers deserve.

The answers are those whose verdict is known: references, right answers of other authors, misconceptions, nothing.
"""

from __future__ import annotations

import ast
import copy
import json
import os
import random
import shutil
from pathlib import Path

import nbformat
import pytest
from nbgrader_course import autograder, nbgrader

from autograder.course.config import load_course
from autograder.grading.session import bank_of
from autograder.verify.known import known_answers, reference_text

ROOT = Path(__file__).parents[3]
SET = "ps01_linear_algebra"
STUDENTS = [f"student{number:02d}" for number in range(30)]
SHEETS = 15
"""Different hand-ins: who hands in the same is graded once."""


def make_course(folder):
    """The repository's own course and set, with fewer draws; the folder that nbgrader works in."""
    policy = (ROOT / "grading.yml").read_text()
    for room in ("reference", "tests/properties/public", "tests/properties/hidden"):
        policy = policy.replace(f": {room} ", f": {os.path.relpath(ROOT / room, folder)} ")
    (folder / "grading.yml").write_text(policy.replace("examples: 20 ", "examples: 3 "))
    shutil.copytree(ROOT / "assignments" / SET, folder / "assignments" / SET)
    autograder(folder, "build", SET)
    nbgrader(folder / "course", "generate_assignment", SET)
    return folder / "course"


def statements(text):
    """What a text defines at its top level, by name."""
    found = {}
    for statement in ast.parse(text).body:
        for node in ast.walk(statement) if isinstance(statement, (ast.Assign, ast.AnnAssign)) else [statement]:
            name = getattr(node, "id", None) or getattr(node, "name", None)
            if name:
                found[name] = ast.dump(statement)
    return found


def draw_answers(course, dice):
    """Answers that can stand in one notebook: exercise -> (kind, text); a kind "nothing" leaves the stub."""
    chosen, taken = {}, {}
    for name, answers in course.items():
        pool = [answer for answer in answers if dice.random() < 0.7 or answer[0] != "misconception"]
        dice.shuffle(pool)
        for kind, text in [*pool, ("nothing", "")]:
            defined = statements(text)
            if dice.random() < 0.9 and all(taken.get(key, value) == value for key, value in defined.items()):
                chosen[name] = (kind, text)
                taken |= defined
                break
    return chosen


def hand_in(course, student, released, answers):
    notebook = copy.deepcopy(released)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "").removesuffix("_solution")
        if cell.metadata.get("nbgrader", {}).get("solution") and answers.get(name, ("nothing",))[0] != "nothing":
            cell.source = answers[name][1]
    folder = course / "submitted" / student / SET
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{SET}.ipynb")
    (folder / "timestamp.txt").write_text("2027-02-19 12:00:00 UTC\n")


@pytest.mark.slow
def test_everybody_gets_what_their_answers_deserve(tmp_path):
    course, dice = make_course(tmp_path), random.Random(1)
    policy = load_course(tmp_path / "grading.yml")
    exercises = policy.sets[SET].exercises
    bank = bank_of(policy)
    known = {
        name: [
            (k.kind, k.submission.sources.files["submission.py"]) for k in known_answers(entry, reference_text(entry))
        ]
        for name, entry in bank.items()
        if name in exercises
    }
    released = nbformat.read(course / "release" / SET / f"{SET}.ipynb", as_version=4)
    sheets = [draw_answers(known, dice) for _ in range(SHEETS)]
    answers = {student: sheets[number % SHEETS] for number, student in enumerate(STUDENTS)}
    for student in STUDENTS:
        hand_in(course, student, released, answers[student])

    nbgrader(course, "autograde", SET)
    nbgrader(course, "generate_feedback", SET)
    autograder(tmp_path, "export", SET, "--format", "json", "--to", str(tmp_path / "marks.json"))
    marks = {row["student"]: row["exercises"] for row in json.loads((tmp_path / "marks.json").read_text())["marks"]}

    assert sorted(marks) == STUDENTS
    counted = dict.fromkeys(("right", "wrong", "nothing"), 0)
    for student in STUDENTS:
        assert (course / "feedback" / student / SET / f"{SET}.html").stat().st_size > 0
        for name, (kind, _) in answers[student].items():
            score, points = marks[student][name]["score"], exercises[name].points
            if kind in ("reference", "alternative"):
                counted["right"] += 1
                assert score == points, (student, name, kind)
            else:
                counted["nothing" if kind == "nothing" else "wrong"] += 1
                assert 0 <= score < points, (student, name, kind)
    assert min(counted.values()) >= 10, counted
