"""The Python of a notebook: which cells run, and where each line came from.

Only the text of the code cells is wanted, out of files that may be damaged, old or hand-edited, so the JSON is read
leniently (formats 2 to 4) instead of through nbformat, which refuses a cell without metadata.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from autograder.grading.folder import MEBI
from autograder.grading.magics import without_magics
from autograder.grading.names import RefusedError, printable
from autograder.grading.syntax import only_definitions, problem

SOURCE_LIMIT = MEBI
_CELLS = 5000
_CONTAINERS = 1_000_000
_TAGS_NOT_RUN = {"experiment", "skip", "no-grade"}


@dataclasses.dataclass(frozen=True)
class NotebookCode:
    """text: one module.  cells: as in Sources.  notes: one sentence per cell that was left out."""

    text: str
    cells: tuple[tuple[int, int], ...]
    notes: tuple[str, ...]


def read_notebook(data: bytes) -> NotebookCode:
    """The code cells that run, joined in their order; RefusedError if ``data`` is no notebook.

    Run: cells to be filled in (nbgrader's "solution") and cells the student added. Of the instructor's locked cells
    only imports, definitions and literal constants are kept, since answers may use them; not their experiments. Test
    cells, and cells tagged "experiment", "skip" or "no-grade", do not run. Cells are numbered among all cells, text
    included, from 1. A cell that does not compile costs only itself. As in a notebook, ``from __future__ import`` may
    stand in any cell: the text is to be run statement by statement.
    """
    lines: list[str] = []
    cells: list[tuple[int, int]] = []
    notes: list[str] = []
    for number, text in _running(cells_of(data)):
        python = _python(text)
        if python is None:
            notes.append(f"cell {number} was not run: it is not Python ({printable(text.strip().split()[0], 20)}).")
        elif reason := problem(python):
            notes.append(f"cell {number} was left out: {printable(reason, 160)}.")
        else:
            cells.append((len(lines) + 1, number))
            lines += python.removesuffix("\n").split("\n")
    return NotebookCode("\n".join([*lines, ""]), tuple(cells), tuple(notes))


def cells_of(data: bytes) -> list[dict[str, Any]]:
    """The cells of a notebook as they lie in the file, nothing believed; RefusedError if ``data`` is no notebook."""
    return _cells(_document(data))


def text_of(cell: dict[str, Any]) -> str:
    """The source of a cell, with "\\n" line ends; "" where there is none."""
    return _text(cell)


def _document(data: bytes) -> Any:
    if not data.strip():
        raise RefusedError("it is empty.")
    if data.count(b"[") + data.count(b"{") > _CONTAINERS:  # 20 MiB of "[],[]," would become a gigabyte of lists
        raise RefusedError("its outputs are too large; clear them and save it again.")
    try:
        return json.loads(data)
    except (ValueError, RecursionError, MemoryError):
        raise RefusedError("it is damaged, or not a notebook (its JSON cannot be read).") from None


def _cells(document: Any) -> list[dict[str, Any]]:
    """The cells of a notebook of any format; what is no cell becomes an empty one, so that numbers stay right."""
    if not isinstance(document, dict):
        raise RefusedError("it is not a notebook.")
    sheets = document.get("worksheets") if "cells" not in document else [document]  # format 3 and older
    lists = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)] if isinstance(sheets, list) else []
    if not any(isinstance(cells, list) for cells in lists):
        raise RefusedError("it is not a notebook (it has no cells).")
    found = [cell if isinstance(cell, dict) else {} for cells in lists if isinstance(cells, list) for cell in cells]
    if len(found) > _CELLS:
        raise RefusedError(f"a notebook of more than {_CELLS} cells is not read.")
    return found


def _running(cells: list[dict[str, Any]]) -> Iterator[tuple[int, str]]:
    """(number, text) of every cell of which something runs."""
    total = 0
    for number, cell in enumerate(cells, 1):
        if cell.get("cell_type") != "code":
            continue
        metadata = _dict(cell.get("metadata"))
        tags = metadata.get("tags")
        if isinstance(tags, list) and any(isinstance(tag, str) and tag.lower() in _TAGS_NOT_RUN for tag in tags):
            continue
        text = _text(cell)
        total += len(text.encode("utf-8", "replace"))
        if total > SOURCE_LIMIT:
            raise RefusedError(f"a notebook with more than {SOURCE_LIMIT // MEBI} MiB of code is not read.")
        role = _dict(metadata.get("nbgrader"))
        if role.get("grade") and not role.get("solution"):
            continue
        if role.get("locked") and not role.get("solution"):
            text = only_definitions(_python(text) or "")
        if text.strip():
            yield number, text


def _python(text: str) -> str | None:
    """A cell's text as Python, if it is any: outdented as notebooks do, commands inert only where it needs that."""
    first = next((line for line in text.split("\n") if line.strip()), "")
    if indent := first[: len(first) - len(first.lstrip(" \t"))]:
        text = "\n".join(line.removeprefix(indent) for line in text.split("\n"))
    return without_magics(text) if problem(text) else text


def _text(cell: dict[str, Any]) -> str:
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    return source.replace("\r\n", "\n").replace("\r", "\n") if isinstance(source, str) else ""


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
