"""What students get: their notebook, README, reduced grading.yml, public properties, and the wheel."""

from __future__ import annotations

import ast
import copy
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbformat import NotebookNode

from autograder.course.config import Course, ProblemSet
from autograder.course.prose import BuildError
from autograder.course.yaml_lines import shown
from autograder.testing.bank import PUBLIC, Bank

PROPERTIES = "properties/public"
"""Where the public properties lie in a student's folder."""
_FORMAT = "%Y-%m-%dT%H:%M"
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)

_README = """\
# {title}

{due}Your work is `{name}.ipynb`. Python 3.11 or newer and the wheel in this folder are all it needs:

    python -m pip install {wheel}

This fetches torch and a few small packages where they are missing. Where they are installed already, no network is
needed: `python -m pip install --no-index --no-deps {wheel}`.

In Colab: upload the zip of this folder, then run in a cell

    !unzip -o {name}.zip
    %cd {name}
    %pip install {wheel}

## Check yourself

In the notebook, the cell `check("...", ...)` below each exercise tries its public properties. In a terminal, in this
folder:

    autograder check                       # everything you have begun
    autograder check --exercise {example}
    autograder exercises                   # what there is to do, and for how many points

The command runs your functions apart from everything else, as grading does. `properties/public/` holds what it tries,
in plain Python. Grading tries further properties, on other inputs; the notebook states every one of them in a sentence.

## Hand in

Hand in `{name}.ipynb`, and the modules (`.py`) of your own that it imports, if any. Graded are the cells that you fill
in and those you add; experiments are not run. Keep the cells that are there: do not rename functions, and answer
written questions in the cell below each question. A function that still raises NotImplementedError counts as not begun.
"""


def write_student_files(folder: Path, course: Course, problem_set: ProblemSet, bank: Bank, wheel: Path) -> None:
    """README.md, grading.yml, properties/ and the wheel into ``folder``: everything but the notebook."""
    due = f"Due {problem_set.due:%A, %d %B %Y, %H:%M} ({course.timezone.key}). " if problem_set.due else ""
    text = _README.format(
        title=problem_set.title,
        due=due,
        name=problem_set.name,
        wheel=wheel.name,
        example=next(iter(problem_set.exercises), "NAME"),
    )
    (folder / "README.md").write_text(text, "utf-8")
    (folder / "grading.yml").write_text(student_policy(course, problem_set), "utf-8")
    for file in public_files(course, problem_set, bank):
        target = folder / PROPERTIES / file.relative_to(course.bank.public)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    shutil.copyfile(wheel, folder / wheel.name)


def student_policy(course: Course, problem_set: ProblemSet) -> str:
    """grading.yml for students: one set, its points and dates; no weights, no other room of the bank."""
    chosen: dict[str, Any] = {"title": problem_set.title}
    for name in ("due", "closes"):
        if date := getattr(problem_set, name):
            chosen[name] = date.strftime(_FORMAT)
    chosen["exercises"] = {name: _number(policy.points) for name, policy in problem_set.exercises.items()}
    if problem_set.written:
        chosen["written"] = {name: _number(points) for name, points in problem_set.written.items()}
    policy = {
        "course": {"id": course.id, "title": course.title, "timezone": course.timezone.key},
        "bank": {"public": PROPERTIES},
        "limits": {name: _number(value) for name, value in vars(course.limits).items()},
        "sets": {problem_set.name: chosen},
    }
    return yaml.safe_dump(policy, sort_keys=False, allow_unicode=True)


def public_files(course: Course, problem_set: ProblemSet, bank: Bank) -> list[Path]:
    """The modules of the public room that the set's exercises need, also by way of others."""
    room = course.bank.public
    todo = [room / bank[name].topic / f"{bank[name].subject}.py" for name in problem_set.exercises]
    found: set[Path] = set()
    while todo:
        file = todo.pop()
        if file not in found and file.is_file():
            found.add(file)
            todo += _public_imports(room, file)
    return sorted(found)


def _public_imports(room: Path, file: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PUBLIC}."):
            inside = room.joinpath(*(node.module or "").removeprefix(f"{PUBLIC}.").split("."))
            yield inside.with_suffix(".py")
            yield from (inside / f"{alias.name}.py" for alias in node.names)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            if any(name.partition(".")[0] in ("tests", "reference") for name in names):
                raise BuildError(f"{shown(file)}, line {node.lineno}: public properties may import public ones only")


def student_notebook(instructor: NotebookNode) -> NotebookNode:
    """The notebook that nbgrader's generate_assignment makes of the instructor's, without its gradebook."""
    from nbgrader import preprocessors as steps

    notebook: NotebookNode = copy.deepcopy(instructor)
    resources: dict[str, Any] = {"nbgrader": {}}
    for step in (
        steps.LockCells,
        steps.ClearSolutions,
        steps.ClearOutput,
        steps.CheckCellMetadata,
        steps.ClearHiddenTests,
        steps.ClearMarkScheme,
        steps.ComputeChecksums,
        steps.CheckCellMetadata,
    ):
        notebook, resources = step().preprocess(notebook, resources)
    return notebook


def write_release(source: Path, target: Path) -> None:
    """``source`` (a built set) as students get it: the notebook cleared, everything else as it is."""
    shutil.copytree(source, target)
    for file in target.glob("*.ipynb"):
        write_notebook(file, student_notebook(nbformat.read(file, as_version=4)))


def write_notebook(path: Path, notebook: NotebookNode) -> None:
    """As nbformat writes it, with sorted keys."""
    path.write_text(nbformat.writes(notebook, version=nbformat.NO_CONVERT) + "\n", "utf-8")


def zipped(folder: Path, target: Path) -> None:
    """``folder`` as a zip whose bytes depend on names and contents alone; its entries stand below the folder's name."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            entry = zipfile.ZipInfo(f"{folder.name}/{file.relative_to(folder).as_posix()}", _ZIP_TIME)
            entry.external_attr = 0o100644 << 16
            entry.create_system = 3
            archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)


def _number(value: float) -> float | int:
    return int(value) if value == int(value) else value
