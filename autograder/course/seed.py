"""The seed of a course's graded runs."""

from __future__ import annotations

import secrets

from autograder.course.config import Course
from autograder.files import write_atomically


def course_seed(course: Course) -> int:
    """The seed of graded runs where none is given: drawn once per course, so that students cannot know the draws."""
    path = course.path.parent / ".autograder" / "seed"
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        seed = secrets.randbits(31)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(path, f"{seed}\n".encode(), mode=0o600)
        except OSError:
            pass  # nothing can be kept here: the store says so too
        return seed
