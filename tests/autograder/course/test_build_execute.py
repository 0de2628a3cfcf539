"""Every instructor's notebook runs from top to bottom in a real kernel, in the folder that goes to the students."""

from __future__ import annotations

from pathlib import Path

import pytest
from assignment_factory import WARM_UP, make_assignment

from autograder.course.build import read_set, write_source
from autograder.course.config import load_course
from autograder.course.execute import execute, figures
from autograder.course.prose import BuildError
from autograder.files import write_atomically
from autograder.grading.session import bank_of

ROOT = Path(__file__).parents[3]
COURSE = load_course(ROOT / "grading.yml")
FIGURES = ROOT / "build" / "figures"
"""Kept so that people look at them."""


def built(course, name, folder):
    """The set and its folder; the engine itself stands in for the wheel."""
    bank = bank_of(course)
    made = read_set(course, name, bank)
    wheel = folder / "autograder-0-py3-none-any.whl"
    wheel.write_bytes(b"")
    write_source(folder / name, made, course, bank, wheel)
    return made, folder / name


@pytest.mark.slow
@pytest.mark.parametrize("name", COURSE.sets)
def test_an_instructors_notebook_runs_from_top_to_bottom(name, tmp_path):
    made, folder = built(COURSE, name, tmp_path)
    done = execute(made.notebook, folder)
    wrong = [
        (cell.id, output.ename, output.evalue)
        for cell in done.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error" and "raises-exception" not in cell.metadata.get("tags", [])
    ]
    assert wrong == []
    assert all(cell.execution_count for cell in done.cells if cell.cell_type == "code")
    checks = [cell for cell in done.cells if cell.cell_type == "code" and cell.metadata.nbgrader.grade]
    assert len(checks) == len(COURSE.sets[name].exercises)
    assert all(cell.outputs for cell in checks)
    target = FIGURES / name
    target.mkdir(parents=True, exist_ok=True)
    for file, image in figures(done).items():
        write_atomically(target / file, image)
        assert image.startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_cell_that_fails_is_named(tmp_path):
    path = make_assignment(tmp_path, WARM_UP.replace('print("doubled:"', 'print("doubled:" + 1'))
    made, folder = built(load_course(path), "ps", tmp_path)
    with pytest.raises(BuildError, match=r"cell 8 \(experiment_00_warm_up_1\) fails when it is run"):
        execute(made.notebook, folder)
