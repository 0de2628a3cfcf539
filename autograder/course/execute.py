"""Runs a notebook from top to bottom in a real kernel, and takes its figures out."""

from __future__ import annotations

import base64
import copy
from pathlib import Path

from nbformat import NotebookNode

from autograder.course.prose import BuildError

CELL_SECONDS = 120


def execute(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """The notebook with its outputs, run in ``folder``. Raises BuildError naming the cell that fails."""
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    done = copy.deepcopy(notebook)
    client = NotebookClient(done, timeout=CELL_SECONDS, resources={"metadata": {"path": str(folder)}})
    started = 0

    def note(cell: NotebookNode, cell_index: int) -> None:
        nonlocal started
        started = cell_index

    client.on_cell_start = note
    try:
        client.execute()
    except NoSuchKernel:
        raise BuildError("there is no Jupyter kernel python3 here: install ipykernel") from None
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        cell = done.cells[started]
        reason = getattr(error, "evalue", "") or str(error).strip().splitlines()[-1]
        raise BuildError(f"cell {started + 1} ({cell.id}) fails when it is run: {reason}") from None
    return done


def figures(notebook: NotebookNode) -> dict[str, bytes]:
    """The PNG images among the outputs: ``<cell id>_<number>.png`` -> bytes."""
    found: dict[str, bytes] = {}
    for cell in notebook.cells:
        images = [o.data["image/png"] for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
        found |= {f"{cell.id}_{number}.png": base64.b64decode(image) for number, image in enumerate(images, 1)}
    return found
