"""nbgrader's folder of a course, as the commands find it."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from autograder.cli.common import stop
from autograder.course.config import Course
from autograder.course.problems import ConfigError
from autograder.nbgrader.engine import EngineError
from autograder.nbgrader.gradebook import GradebookError


@dataclasses.dataclass(frozen=True)
class Place:
    """root: the folder with source/, submitted/, gradebook.db."""

    root: Path

    @property
    def db_url(self) -> str:
        """The gradebook, as nbgrader names it."""
        return f"sqlite:///{self.root / 'gradebook.db'}"

    def handed_in(self, assignment: str) -> dict[str, Path]:
        """The collected hand-ins of a set, by student."""
        return {path.parent.name: path for path in sorted((self.root / "submitted").glob(f"*/{assignment}"))}


def open_place(course: Course, folder: Path | None) -> Place:
    """The folder, by default ``course`` beside grading.yml; ends the command where there is no gradebook in it."""
    root = (folder or course.path.parent / "course").absolute()
    if not (root / "gradebook.db").is_file():
        stop(f"{root} holds no gradebook.db; name nbgrader's folder with --course, or run nbgrader there first.")
    return Place(root)


@contextlib.contextmanager
def one_sentence() -> Iterator[None]:
    """What cannot be done ends the command with its reason, not with a traceback."""
    try:
        yield
    except (ConfigError, EngineError) as error:
        stop(str(error))
    except GradebookError as error:
        stop(str(error), code=1)
