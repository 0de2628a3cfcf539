"""A tiny nbgrader course for tests: the exercises of ``course_factory``, a written question, real nbgrader commands."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
from course_factory import HIDDEN, PUBLIC, REFERENCE, RIGHT, make_course
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"0" * 20).decode()
TRIPLE = "def triple(x):\n    if x.dim() != 1:\n        raise ValueError('a vector is needed')\n    return 3 * x\n"
POLICY = """
course: {id: test, title: Test, timezone: Europe/Zurich}
bank: {reference: reference, public: tests/properties/public, hidden: tests/properties/hidden}
limits: {call: 2, exercise: 10, submission: 30, examples: 5}
late: {grace_minutes: 10, late_days: 1, percent_per_day: 10, max_percent: 50}
roster: roster.csv
sets:
  ps:
    title: One
    due: "2026-10-24 23:59"
    exercises: {double: 10, triple: 6}
    written: {why: 4}
"""
ROSTER = "id,lms_id,name,extensions\nana,101,Ana A,\nben,102,Ben B,ps:+2d\ncem,103,Cem C,\n"


def role(grade_id, *, grade=False, solution=False, points=0, kind="code"):
    locked = not solution
    data = {"schema_version": 3, "grade_id": grade_id, "grade": grade, "solution": solution, "locked": locked}
    return {"nbgrader": {**data, "task": False, "cell_type": kind, **({"points": points} if grade else {})}}


def instructor_notebook():
    """The instructor's version: statements, solutions, grade cells, an experiment, a written question."""
    notebook = new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    cells = [new_markdown_cell("# One\nDoubling and tripling.", metadata=role("text_top", kind="markdown"))]
    cells.append(new_code_cell("import torch\nfrom autograder import check", metadata=role("imports")))
    for name, points, times in (("double", 10, 2), ("triple", 6, 3)):
        body = f"    ### BEGIN SOLUTION\n    return {times} * x\n    ### END SOLUTION"
        stub = f'def {name}(x):\n    """{times} x."""\n{body}'
        cells.append(new_markdown_cell(f"## {name}", metadata=role(f"text_{name}", kind="markdown")))
        cells.append(new_code_cell(stub, metadata=role(f"{name}_solution", solution=True)))
        cells.append(new_code_cell(f'check("{name}", {name})', metadata=role(name, grade=True, points=points)))
        if name == "double":  # what is saved after a written question must be saved, too
            cells.append(_question())
    experiment = role("experiment_1") | {"tags": ["experiment"]}
    cells.append(new_code_cell("print(double(torch.ones(2)))", metadata=experiment))
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    notebook.cells = cells
    return notebook


def _question():
    text = "Why?\n\n=== BEGIN MARK SCHEME ===\nBecause.\n=== END MARK SCHEME ==="
    return new_markdown_cell(text, metadata=role("why", grade=True, solution=True, points=4, kind="markdown"))


def make_nbgrader_course(root: Path, policy: str = POLICY) -> Path:
    """The course with its set ``ps`` generated; the folder that nbgrader works in."""
    root.mkdir(parents=True, exist_ok=True)
    make_course(root)
    second = {
        "double": "triple",
        "DOUBLE": "TRIPLE",
        "doubling": "tripling",
        "2 * x": "3 * x",
        "f(x) - x = x": "f(x) = 3 x",
    }
    for room, text in (
        ("tests/properties/public", PUBLIC),
        ("tests/properties/hidden", HIDDEN),
        ("reference", REFERENCE),
    ):
        for old, new in second.items():
            text = text.replace(old, new)
        text = text.replace(
            "assert_close(student.triple(case.x) - case.x, case.x)", "assert_close(student.triple(case.x), 3 * case.x)"
        )
        text = text.replace("return x + x", "return x + x + x")
        (root / room / "algebra" / "tripling.py").write_text(text)
    (root / "grading.yml").write_text(policy)
    (root / "roster.csv").write_text(ROSTER)
    course = root / "course"
    (course / "source" / "ps").mkdir(parents=True)
    (course / "nbgrader_config.py").write_text(
        "from autograder.nbgrader.configure import configure\n\n"
        f"configure(get_config(), {str(root / 'grading.yml')!r})\n"
    )
    nbformat.write(instructor_notebook(), course / "source" / "ps" / "ps.ipynb")
    nbgrader(course, "generate_assignment", "ps")
    return course


def nbgrader(course: Path, *arguments: object, check: bool = True, environment: dict[str, str] | None = None):
    """``nbgrader ...`` in the course folder, without an activated environment."""
    env = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")} | {"PATH": "/usr/bin:/bin"}
    run = subprocess.run(
        [sys.executable, "-P", "-m", "nbgrader", *map(str, arguments)],
        cwd=course,
        env=env | (environment or {}),
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert not check or run.returncode == 0, run.stdout + run.stderr
    return run


def autograder(root: Path, *arguments: object, check: bool = True, **options):
    """``autograder ...`` in the folder of grading.yml."""
    command = [sys.executable, "-P", "-m", "autograder", *map(str, arguments)]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=240, **options)
    assert not check or run.returncode == 0, run.stdout + run.stderr
    return run


def released(course: Path):
    """The notebook as a student gets it."""
    return nbformat.read(course / "release" / "ps" / "ps.ipynb", as_version=4)


def answered(course: Path, double: str = RIGHT, triple: str = TRIPLE, why: str = "Because of $2 < 3$."):
    """A student's notebook."""
    notebook = released(course)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        texts = {"double_solution": double, "triple_solution": triple, "why": why}
        if texts.get(name):
            cell.source = texts[name]
    return notebook


def hand_in(course: Path, student: str, notebook, at: str = "2026-10-24 12:00:00 UTC") -> Path:
    """As collected from the exchange; ``notebook`` may be text of any kind."""
    folder = course / "submitted" / student / "ps"
    folder.mkdir(parents=True, exist_ok=True)
    if notebook is not None:
        text = notebook if isinstance(notebook, str) else json.dumps(notebook)
        (folder / "ps.ipynb").write_text(text)
    (folder / "timestamp.txt").write_text(at)
    return folder


def scores(course: Path, student: str) -> dict[str, tuple[float | None, float | None, bool]]:
    """By grade cell: automatic score, manual score, whether a person is asked for."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "test") as book:
        return {
            grade.name: (grade.auto_score, grade.manual_score, grade.needs_manual_grade)
            for notebook in book.find_submission("ps", student).notebooks
            for grade in notebook.grades
        }
