"""What the students hand in, as the learning platform gives it for download: one archive, odd names included.

Each student's functions (``class/<student>/``) are poured into the released notebook, as somebody who works in it would
have done; some of the notebooks are then damaged, copied, late, or not notebooks at all.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
import datetime
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output

CLASS = Path(__file__).parent / "class"
SCRIPT = "<script>document.title = 'taken over'</script>"
DUE = datetime.datetime(2026, 9, 21, 23, 59)

GOOD = "A ReLU keeps half of the second moment of a symmetric input, so the weights need twice the variance."
FULL = f"{GOOD} Without it the activations shrink by two with every layer: after thirty, by a billion."


@dataclasses.dataclass(frozen=True)
class HandIn:
    """hours: after the due date.  lms_id, upload: numbers of the learning platform.  answer: to the written question.

    change: what became of the notebook.
    """

    student: str
    lms_id: int
    hours: float = -6.0
    answer: str = FULL
    change: Callable[[NotebookNode], bytes] | None = None
    upload: int = 9000
    name: str = "ps00_demo.ipynb"


def _bytes(notebook: NotebookNode) -> bytes:
    return nbformat.writes(notebook).encode()


def _cut_short(notebook: NotebookNode) -> bytes:
    """As after a lost connection."""
    data = _bytes(notebook)
    return data[: len(data) // 2]


def _rearranged(notebook: NotebookNode) -> bytes:
    """Grade cells deleted, an answer's cell copied with its id, a cell of their own added."""
    cells = [cell for cell in notebook.cells if not cell.metadata.get("nbgrader", {}).get("grade")]
    solutions = [cell for cell in cells if cell.metadata.get("nbgrader", {}).get("solution")]
    cells.insert(cells.index(solutions[0]) + 1, copy.deepcopy(solutions[0]))
    cells.append(new_code_cell("print('my notes')"))
    notebook.cells = cells
    return json.dumps(notebook).encode()  # nbformat would give the copy an id of its own


def _promoted(notebook: NotebookNode) -> bytes:
    """Points and flags changed, and a page that would like to press the TA's buttons."""
    for cell in notebook.cells:
        role = cell.metadata.get("nbgrader", {})
        if role.get("grade") and role.get("locked"):
            role["points"] = 1000
            cell.source = "assert True"
            cell.outputs = [new_output("execute_result", data={"text/plain": "1000", "text/html": SCRIPT})]
    return _bytes(notebook)


HAND_INS = (
    HandIn("alma", 101),
    HandIn("bruno", 102, answer=GOOD),
    HandIn("chen", 103, hours=-30),
    HandIn("dara", 104, hours=0.1, answer="Because Kaiming said so."),  # within the grace
    HandIn("elif", 105, hours=40, answer=GOOD),  # has an extension of two days
    HandIn("femi", 106, hours=20),  # one late day, which is free
    HandIn("gita", 107, hours=-50, answer="", upload=9001),
    HandIn("gita", 107, hours=-2, upload=9002, name="ps00_demo-1.ipynb"),  # a second hand-in
    HandIn("hugo", 108, hours=60, answer=GOOD),  # three days late, one of them free
    HandIn("ines", 109, answer=""),
    HandIn("jonas", 110, change=_rearranged),
    HandIn("kofi", 111, change=_promoted, answer=f"![x](javascript:alert(1)) {SCRIPT}"),
    HandIn("lena", 112, name="my homework (final).ipynb"),
    HandIn("mira", 113, change=_cut_short),
    HandIn("nobody", 999, name="wrong course.ipynb"),  # not in the roster
)
COPIES = {"mira": "alma", "nobody": "alma"}
"""Whose functions they hand in that have none of their own."""


def write_download(released: Path, target: Path) -> None:
    """The archive that the learning platform would give, from the notebook as it was released."""
    notebook = nbformat.read(released, as_version=4)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, hand_in in enumerate(HAND_INS):
            moment = DUE + datetime.timedelta(hours=hand_in.hours)
            late = "LATE_" if hand_in.hours > 0 else ""
            name = f"{hand_in.student}_{late}{hand_in.lms_id}_{hand_in.upload + number}_{hand_in.name}"
            info = zipfile.ZipInfo(name, moment.timetuple()[:6])
            archive.writestr(info, _file(notebook, hand_in))


def _file(released: NotebookNode, hand_in: HandIn) -> bytes:
    folder = CLASS / COPIES.get(hand_in.student, hand_in.student)
    own = folder / "submission.ipynb"
    if own.is_file():  # written elsewhere, and not in the released notebook
        return own.read_bytes()
    helpers = {path.stem: path.read_text() for path in folder.glob("*.py") if path.stem != "submission"}
    notebook = poured(released, (folder / "submission.py").read_text(), helpers, hand_in.answer)
    return _bytes(notebook) if hand_in.change is None else hand_in.change(notebook)


def poured(released: NotebookNode, text: str, helpers: dict[str, str], answer: str) -> NotebookNode:
    """The released notebook with a module's functions in their cells, and what else it has in a cell before them."""
    notebook = copy.deepcopy(released)
    cells = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in notebook.cells}
    before = [helper.strip() for helper in helpers.values()]
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.ImportFrom) and statement.module in helpers:
            continue
        source = ast.get_source_segment(text, statement) or ""
        solution = cells.get(f"{statement.name}_solution") if isinstance(statement, ast.FunctionDef) else None
        if solution is not None:
            solution.source = source
        else:
            before.append(source)
    first = next(i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code")
    notebook.cells.insert(first + 1, new_code_cell("\n\n".join(before)))
    if answer:
        cells["factor_of_two"].source = answer
    return notebook
