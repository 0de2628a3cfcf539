"""The student's answers poured into a pristine copy of the released notebook.

Cells may have been copied, deleted, split, renamed, reordered, duplicated, their metadata edited: what comes out always
has every released cell once, with the answers in their places and the student's own cells after the cell they followed.
It is for people to read and grade. The engine grades what was handed in, not this.
"""

from __future__ import annotations

import collections
import copy
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from autograder.grading.notebook import text_of
from autograder.nbgrader import clean

Cell = Mapping[str, Any]


def rebuild(released: NotebookNode, submitted: Sequence[Cell]) -> NotebookNode:
    """``released`` with the answers of ``submitted``, all of it harmless to look at. Neither is changed."""
    poured = _pour(released, submitted)
    notebook = copy.deepcopy(released)
    cells: list[NotebookNode] = []
    added = 0
    for index in range(-1, len(notebook.cells)):
        if index >= 0:
            cells.append(_filled(notebook.cells[index], poured.answers[index], poured.outputs.get(index)))
        for extra in poured.extra[index]:
            added += 1
            cells.append(_extra(extra, f"added-{added}"))
    if (notebook.nbformat, notebook.nbformat_minor) < (4, 5):  # cells had no ids then
        for cell in cells:
            cell.pop("id", None)
    notebook.cells = cells
    return notebook


@dataclasses.dataclass
class _Poured:
    """By index of a released cell: the cells that answer it, the outputs it had, and the cells that follow it."""

    answers: dict[int, list[Cell]]
    outputs: dict[int, Any]
    extra: dict[int, list[Cell]]


def _pour(released: NotebookNode, submitted: Sequence[Cell]) -> _Poured:
    poured = _Poured(collections.defaultdict(list), {}, collections.defaultdict(list))
    find = _Finder(released)
    anchor = -1
    seen = {-1}
    for cell in submitted:
        index = find(cell)
        if index is None:
            if text_of(dict(cell)).strip() or cell.get("outputs"):
                poured.extra[anchor].append(cell)
            continue
        anchor = index
        seen.add(index)
        if _is_solution(released.cells[index]):
            poured.answers[index].append(cell)
        else:
            poured.outputs.setdefault(index, cell.get("outputs"))
    _adopt(released, poured, seen)
    return poured


def _adopt(released: NotebookNode, poured: _Poured, seen: set[int]) -> None:
    """Answers whose cells have lost their names are looked for where they belong, among the student's own cells."""
    gaps = collections.defaultdict(list)
    for index, cell in enumerate(released.cells):
        if _is_solution(cell) and index not in seen:
            gaps[max(place for place in seen if place < index), cell.cell_type].append(index)
    for (place, kind), lost in gaps.items():
        found = [cell for cell in poured.extra[place] if cell.get("cell_type") == kind]
        for number, index in enumerate(lost):  # one each in order, the rest to the last
            own = found[number:] if index == lost[-1] else found[number : number + 1]
            poured.answers[index] += own
        if lost:
            poured.extra[place] = [cell for cell in poured.extra[place] if cell.get("cell_type") != kind]


class _Finder:
    """Which released cell a submitted one comes from: by nbgrader's name, by the cell's id, or by its text."""

    def __init__(self, released: NotebookNode) -> None:
        self.names: dict[str, int] = {}
        self.ids: dict[str, int] = {}
        self.texts: dict[tuple[str, str], int] = {}
        for index, cell in enumerate(released.cells):
            if name := cell.metadata.get("nbgrader", {}).get("grade_id"):
                self.names[name] = index
            if "id" in cell:
                self.ids[cell.id] = index
            if not _is_solution(cell):
                self.texts.setdefault((cell.cell_type, cell.source.strip()), index)

    def __call__(self, cell: Cell) -> int | None:
        metadata = cell.get("metadata")
        role = metadata.get("nbgrader") if isinstance(metadata, Mapping) else None
        name = role.get("grade_id") if isinstance(role, Mapping) else None
        if isinstance(name, str) and name in self.names:
            return self.names[name]
        if isinstance(cell.get("id"), str) and cell["id"] in self.ids:
            return self.ids[cell["id"]]
        return self.texts.get((str(cell.get("cell_type")), text_of(dict(cell)).strip()))


def _is_solution(cell: NotebookNode) -> bool:
    return bool(cell.metadata.get("nbgrader", {}).get("solution"))


def _filled(cell: NotebookNode, answers: Sequence[Cell], outputs: Any) -> NotebookNode:
    """A released cell with what was handed in for it. Several parts of one answer are joined, each text once."""
    if answers:
        untouched = cell.source.strip()
        texts = list(dict.fromkeys(text_of(dict(answer)) for answer in answers))
        changed = [text for text in texts if text.strip() not in ("", untouched)]
        pictures = {
            name: data for answer in answers for name, data in clean.attachments(answer.get("attachments")).items()
        }
        if changed and cell.cell_type == "code":
            cell.source = "\n\n".join(changed)
        elif changed:
            cell.source = clean.markdown("\n\n".join(changed), pictures)
        if pictures and cell.cell_type == "markdown":
            cell.attachments = {**cell.get("attachments", {}), **pictures}
        outputs = [output for answer in answers for output in _list(answer.get("outputs"))]
    if cell.cell_type == "code":
        cell.execution_count = None
        cell.outputs = [] if cell.metadata.get("nbgrader", {}).get("grade") else clean.outputs(outputs)
    return cell


def _extra(cell: Cell, id_: str) -> NotebookNode:
    """One of the student's own cells."""
    text = text_of(dict(cell))
    if cell.get("cell_type") == "code":
        return new_code_cell(text, id=id_, outputs=clean.outputs(cell.get("outputs")))
    pictures = clean.attachments(cell.get("attachments"))
    more = {"attachments": pictures} if pictures else {}
    return new_markdown_cell(clean.markdown(text, pictures), id=id_, **more)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
