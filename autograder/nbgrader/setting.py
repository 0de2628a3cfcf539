"""What nbgrader_config.py says, as the steps find it: every step carries the whole configuration."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from autograder.course.config import Course, load_course
from autograder.course.roster import Roster, load_roster


def grading_file(step: Any) -> Path:
    """The grading.yml that ``configure`` was given."""
    return Path(step.config.Autograder.grading_file)


def unsafe(step: Any) -> bool:
    """Whether to grade even where students' code cannot be confined."""
    return bool(step.config.Autograder.get("unsafe", False))


def course_of(step: Any) -> Course:
    """The course, as grading.yml states it now. Raises ConfigError."""
    path = grading_file(step)
    return _course(path, path.stat().st_mtime_ns if path.exists() else 0)


def roster_of(step: Any) -> Roster:
    """The roster, as it stands now. Raises ConfigError."""
    course = course_of(step)
    return _roster(
        course.path, course.roster.stat().st_mtime_ns if course.roster and course.roster.exists() else 0, course.roster
    )


@functools.lru_cache(maxsize=4)
def _course(path: Path, changed: int) -> Course:
    return load_course(path)


@functools.lru_cache(maxsize=4)
def _roster(path: Path, changed: int, roster: Path | None) -> Roster:
    return load_roster(load_course(path))
