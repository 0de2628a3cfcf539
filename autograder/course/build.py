"""From the text of a set to its folder in nbgrader's ``source/``, whole or not at all."""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from nbformat import NotebookNode

from autograder.course.config import Course, ProblemSet
from autograder.course.leaks import Leak, Secret, leaks_in, secrets_in, secrets_of_text
from autograder.course.notebook import instructor_notebook, sentences
from autograder.course.prose import Block, BuildError, Code, Posed, read_prose
from autograder.course.release import write_notebook, write_release, write_student_files
from autograder.course.solution import solution_cell
from autograder.course.yaml_lines import shown
from autograder.files import write_atomically
from autograder.testing.bank import Bank

ASSIGNMENTS = "assignments"
_NBGRADER_CONFIG = """\
# The course's policy is in grading.yml; this tells nbgrader to grade by it.
from autograder.nbgrader.configure import configure

configure(get_config(), {path!r})
"""


@dataclasses.dataclass(frozen=True)
class BuiltSet:
    """A set's notebook for instructors, and where it comes from."""

    problem_set: ProblemSet
    notebook: NotebookNode
    blocks: tuple[Block, ...]

    @property
    def experiments(self) -> int:
        """How many experiment cells it has."""
        return sum(isinstance(block, Code) and "experiment" in block.tags for block in self.blocks)


def read_set(course: Course, name: str, bank: Bank) -> BuiltSet:
    """The notebook of a set, in memory. Raises BuildError with all that is wrong."""
    folder = text_folder(course, name)
    if not folder.is_dir():
        raise BuildError(f"{shown(folder)}: there is no such folder; it holds the text (*.md) of the set {name}")
    blocks = read_prose(folder)
    problem_set = course.sets[name]
    return BuiltSet(problem_set, instructor_notebook(course, problem_set, blocks, bank), tuple(blocks))


def text_folder(course: Course, name: str) -> Path:
    """Where the text of a set lies: beside grading.yml."""
    return course.path.parent / ASSIGNMENTS / name


def write_source(folder: Path, built: BuiltSet, course: Course, bank: Bank, wheel: Path, seed: str = "") -> None:
    """Everything of a set into a new ``folder``: instructor's notebook, students' files, files beside the text.

    Raises BuildError, having looked at what students would get of it, where that holds a secret.
    """
    folder.mkdir(parents=True)
    name = built.problem_set.name
    write_student_files(folder, course, built.problem_set, bank, wheel)
    for file in _files_beside(text_folder(course, name)):
        target = folder / file.relative_to(text_folder(course, name))
        if target.exists() or target.name == f"{name}.ipynb":
            raise BuildError(f"{shown(file)}: the build writes a file of this name; rename yours")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    write_notebook(folder / f"{name}.ipynb", built.notebook)
    with tempfile.TemporaryDirectory() as temporary:
        release = Path(temporary) / name
        write_release(folder, release)
        secrets = course_secrets(course, bank, seed)
        for block in built.blocks:
            if isinstance(block, Posed):
                secrets += secrets_of_text(block.private, f"{block.place}")
        leaks = leaks_in(release, secrets)
    if leaks:
        raise BuildError(*(f"{name}: students would get what they must not have: {leak}" for leak in _few(leaks)))


def replace_source(course_folder: Path, name: str, fresh: Path) -> Path:
    """Put a built folder in the place of ``source/<name>``. Raises BuildError rather than losing other files."""
    target = course_folder / "source" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        made = {entry.name for entry in fresh.iterdir()}
        for entry in sorted(target.iterdir()):
            foreign = entry.name not in made and entry.suffix != ".whl" and not entry.name.startswith((".", "__"))
            if foreign:
                raise BuildError(
                    f"{shown(entry)} was not built and would be lost: move it to {ASSIGNMENTS}/{name}/ (what lies "
                    "there goes to the students), or delete it"
                )
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{name}.") as temporary:
        new, old = Path(temporary) / "new", Path(temporary) / "old"
        shutil.copytree(fresh, new)
        if target.exists():
            target.rename(old)
        try:
            new.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
    return target


def write_nbgrader_config(course_folder: Path, course: Course) -> bool:
    """nbgrader_config.py of a course folder that has none; whether one was written."""
    path = course_folder / "nbgrader_config.py"
    if path.exists():
        return False
    course_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    policy, root = course.path.resolve(), course_folder.resolve()
    inside = root.is_relative_to(policy.parent)  # then both move together
    named = os.path.relpath(policy, root) if inside else str(policy)
    write_atomically(path, _NBGRADER_CONFIG.format(path=named).encode())
    return True


def course_secrets(course: Course, bank: Bank, seed: str = "") -> list[Secret]:
    """What no student may have; the stubs and the sentences of all properties are published on purpose."""
    rooms = [room for room in (course.bank.reference, course.bank.hidden) if room is not None]
    published: list[str] = []
    for entry in bank.values():
        own, further = sentences(entry)
        published += [entry.record.name, *own, *further]
        if entry.references:
            published.append(solution_cell(entry, "", solved=False))
    return secrets_in(rooms, [course.bank.public], published, seed)


def _files_beside(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        inside = file.relative_to(folder).parts
        if file.is_file() and file.suffix != ".md" and not any(part.startswith((".", "__")) for part in inside):
            yield file


def _few(leaks: Sequence[Leak]) -> list[Leak]:
    """One leak per file: the first says enough."""
    return list({leak.place: leak for leak in reversed(leaks)}.values())[::-1]
