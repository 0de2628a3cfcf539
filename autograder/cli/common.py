"""What several commands share: the course, the bank, the wall, and errors without tracebacks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from autograder.course.config import Course, check_exercises, load_course
from autograder.course.locate import find_course
from autograder.course.problems import ConfigError


def stop(message: str, code: int = 2) -> NoReturn:
    """End the command with one message on stderr. code 2: wrong usage or configuration."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"autograder: {message}", markup=False)
    raise SystemExit(code)


def open_course(config: Path | None, submissions: Sequence[Path] = ()) -> Course:
    """The course in force; ends the command with the problems of its grading.yml."""
    try:
        return load_course(find_course(Path.cwd(), submissions=submissions, config=config))
    except ConfigError as error:
        stop(str(error))


def known_set(course: Course, name: str) -> None:
    """End the command where a set that was named does not exist."""
    from autograder.course.problems import did_you_mean

    if name not in course.sets:
        stop(f"{name}: {course.path.name} has no such set{did_you_mean(name, course.sets)}.")


def choose(course: Course, names_in_bank: Sequence[str], assignments: Sequence[str], exercises: Sequence[str]) -> None:
    """End the command where a set or an exercise that was asked for does not exist."""
    from autograder.course.problems import did_you_mean

    try:
        check_exercises(course, names_in_bank)
    except ConfigError as error:
        stop(str(error))
    for name in assignments:
        if name not in course.sets:
            stop(f"--assignment {name}: {course.path.name} has no such set{did_you_mean(name, course.sets)}.")
    for name in exercises:
        if name not in names_in_bank:
            stop(f"--exercise {name}: the bank has no such exercise{did_you_mean(name, names_in_bank)}.")
