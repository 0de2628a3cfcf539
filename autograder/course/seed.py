"""The seed of a course's graded runs."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from autograder.course.config import Course
from autograder.files import write_atomically, write_once


def course_seed(course: Course, warn: Callable[[str], None] = lambda message: None) -> int:
    """The seed of graded runs where none is given: drawn once per course, so that students cannot know the draws.

    Of several runs that begin at once the first one's stands. Where none can be kept, ``warn`` is told.
    """
    path = course.path.parent / ".autograder" / "seed"
    seed = secrets.randbits(31)
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_once(path, f"{seed}\n".encode(), mode=0o600)
        if (kept := _read(path)) is not None:
            return kept
        write_atomically(path, f"{seed}\n".encode(), mode=0o600)  # damaged by hand
    except OSError as error:
        warn(
            f"{path} cannot be used ({error.strerror or error}): this run draws other inputs than the next. "
            f"Repeat it with --seed {seed}."
        )
    return seed


def _read(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except ValueError:
        return None
