"""The student's answers in a pristine copy of the released notebook, whatever was done to the cells."""

from __future__ import annotations

import copy
import json
import random

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader_course import PNG, instructor_notebook

from autograder.grading.notebook import cells_of
from autograder.nbgrader.rebuild import rebuild

ANSWERS = {
    "double_solution": "def double(x):\n    return x + x",
    "triple_solution": "def triple(x): ...",
    "why": "Since.",
}


@pytest.fixture
def released():
    notebook = instructor_notebook()
    for cell in notebook.cells:
        cell.source = cell.source.replace("    return 2 * x", "    ...")
    return notebook


@pytest.fixture
def submitted(released):
    notebook = copy.deepcopy(released)
    for cell in notebook.cells:
        cell.source = ANSWERS.get(name_of(cell), cell.source)
    return notebook


def name_of(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def by_name(notebook, name):
    (cell,) = [cell for cell in notebook.cells if name_of(cell) == name]
    return cell


def poured(released, submitted):
    """Through the file, as it is handed in; the released cells must all be there, once, in order."""
    rebuilt = rebuild(released, cells_of(json.dumps(submitted).encode()))
    assert [name_of(cell) for cell in rebuilt.cells if name_of(cell)] == [name_of(cell) for cell in released.cells]
    for cell, original in zip([c for c in rebuilt.cells if name_of(c)], released.cells, strict=True):
        assert cell.metadata == original.metadata
        if not original.metadata.nbgrader.solution:
            assert cell.source == original.source
    nbformat.validate(rebuilt)
    return rebuilt


def answers(notebook):
    return {name: by_name(notebook, name).source for name in ANSWERS}


def index(notebook, name):
    return [name_of(cell) for cell in notebook.cells].index(name)


def test_an_untouched_structure_gives_the_answers(released, submitted):
    assert answers(poured(released, submitted)) == ANSWERS


def test_edited_instructor_cells_are_restored(released, submitted):
    by_name(submitted, "double").source = "assert True"
    by_name(submitted, "text_top").source = "mine"
    by_name(submitted, "double").metadata.nbgrader.update(points=100, solution=True)
    assert answers(poured(released, submitted)) == ANSWERS


def test_deleted_cells_come_back(released, submitted):
    submitted.cells = [cell for cell in submitted.cells if name_of(cell) in ANSWERS]
    assert answers(poured(released, submitted)) == ANSWERS


def test_nothing_handed_in_is_the_released_notebook(released):
    assert [cell.source for cell in rebuild(released, []).cells] == [cell.source for cell in released.cells]


def test_a_copied_cell_is_read_once(released, submitted):
    place = index(submitted, "double_solution")
    submitted.cells.insert(place + 1, copy.deepcopy(submitted.cells[place]))
    assert answers(poured(released, submitted)) == ANSWERS


def test_a_duplicate_of_the_empty_cell_hides_nothing(released, submitted):
    empty = copy.deepcopy(by_name(released, "why"))
    submitted.cells.insert(0, empty)
    assert answers(poured(released, submitted)) == ANSWERS


def test_a_split_cell_is_joined(released, submitted):
    place = index(submitted, "double_solution")
    second = copy.deepcopy(submitted.cells[place])
    submitted.cells[place].source, second.source = "import math", "def double(x): return x"
    submitted.cells.insert(place + 1, second)
    assert answers(poured(released, submitted))["double_solution"] == "import math\n\ndef double(x): return x"


def test_a_renamed_answer_is_found_at_its_place(released, submitted):
    for name in ANSWERS:
        cell = by_name(submitted, name)
        cell.metadata.nbgrader.grade_id, cell.id = f"{name}_2", f"new-{name}"
    assert answers(poured(released, submitted)) == ANSWERS


def test_an_answer_without_metadata_is_found_at_its_place(released, submitted):
    for number, name in enumerate(ANSWERS):
        cell = by_name(submitted, name)
        cell.metadata, cell.id = nbformat.NotebookNode(), f"x{number}"
    assert answers(poured(released, submitted)) == ANSWERS


def test_an_answer_in_a_cell_of_the_wrong_type_is_an_answer(released, submitted):
    cell = by_name(submitted, "why")
    submitted.cells[index(submitted, "why")] = new_code_cell(cell.source, metadata=cell.metadata, id=cell.id)
    rebuilt = poured(released, submitted)
    assert by_name(rebuilt, "why").cell_type == "markdown"
    assert answers(rebuilt) == ANSWERS


def test_own_cells_are_kept_where_they_stood(released, submitted):
    place = index(submitted, "double_solution")
    own = [new_code_cell("def helper(): pass"), new_markdown_cell("My <b>note</b>")]
    submitted.cells[place + 1 : place + 1] = own
    rebuilt = poured(released, submitted)
    after = rebuilt.cells[index(rebuilt, "double_solution") + 1 :][:2]
    assert [cell.source for cell in after] == ["def helper(): pass", "My < b>note< /b>"]
    assert all(not cell.metadata for cell in after)


def test_submitted_outputs_are_shown_but_never_in_a_grade_cell(released, submitted):
    output = [{"output_type": "execute_result", "data": {"text/plain": "10.0"}, "metadata": {}, "execution_count": 1}]
    for name in ("double", "double_solution", "experiment_1"):
        by_name(submitted, name).outputs = [nbformat.from_dict(o) for o in output]
    rebuilt = poured(released, submitted)
    assert by_name(rebuilt, "double").outputs == []
    for name in ("double_solution", "experiment_1"):
        notice, shown = by_name(rebuilt, name).outputs
        assert "not verified" in notice.text
        assert shown.text == "10.0\n"


def test_pictures_of_a_written_answer_survive(released, submitted):
    cell = by_name(submitted, "why")
    cell.source = "See ![a](attachment:a.png) and ![b](attachment:lost.png)."
    cell.attachments = {"a.png": {"image/png": PNG}, "b.svg": {"image/svg+xml": "<svg/>"}}
    rebuilt = by_name(poured(released, submitted), "why")
    assert rebuilt.source == "See ![a](attachment:a.png) and ![b] (attachment:lost.png)."
    assert rebuilt.attachments == {"a.png": {"image/png": PNG}}


def test_odd_cells_stop_nothing(released):
    odd = [
        {},
        {"cell_type": 3, "source": 5},
        {"cell_type": "code", "metadata": [], "outputs": 7},
        {"metadata": {"nbgrader": 1}},
    ]
    odd += [
        {"cell_type": "markdown", "source": ["a", None], "attachments": [1], "id": 9},
        {"cell_type": "raw", "source": "<b>"},
    ]
    odd += [{"cell_type": "code", "source": "x = 1", "metadata": {"nbgrader": {"grade_id": ["why"]}}}]
    rebuilt = rebuild(released, odd)
    nbformat.validate(rebuilt)
    assert [name_of(c) for c in rebuilt.cells if name_of(c)] == [name_of(cell) for cell in released.cells]


@pytest.mark.parametrize("seed", range(20))
def test_any_shuffling_and_doubling_keeps_every_answer(released, submitted, seed):
    chance = random.Random(seed)
    cells = [*submitted.cells, *(copy.deepcopy(cell) for cell in submitted.cells if chance.random() < 0.5)]
    chance.shuffle(cells)
    submitted.cells = cells
    assert answers(poured(released, submitted)) == ANSWERS
