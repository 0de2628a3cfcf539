"""Finds grading.yml, which never comes from where submissions lie: it names the code that the grader trusts."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from autograder.course.problems import ConfigError
from autograder.course.yaml_lines import shown

NAME = "grading.yml"


def find_course(start: Path, *, submissions: Sequence[Path] = (), config: Path | None = None) -> Path:
    """The course's grading.yml: ``config`` where given, else the first one found from ``start`` upwards.

    submissions: what is to be graded. A grading.yml in or below one of these folders is refused, and so is one that
    was found, not named, beside a submitted module or notebook (an archive may lie beside it). Raises ConfigError.
    """
    if config is not None:
        path = Path(config).absolute()
        path = path / NAME if path.is_dir() else path
        if not path.exists():
            raise ConfigError(f"{shown(path)} does not exist.")
        _refuse_among(path, [folder for folder in submissions if folder.is_dir()])
        return path
    start = Path(start).absolute()
    for folder in (start, *start.parents):
        path = folder / NAME
        if path.exists():
            _refuse_among(path, [_students_folder(place) for place in submissions])
            _refuse_from_strangers(path)
            return path
    raise ConfigError(f"There is no {NAME} in {start} or above; name one with --config.")


def _students_folder(submission: Path) -> Path:
    alone = submission.suffix in (".py", ".ipynb") and not submission.is_dir()
    return submission.absolute().parent if alone else submission


def _refuse_among(path: Path, folders: Sequence[Path]) -> None:
    """Both where the file is named and where it really lies must be outside."""
    places = {Path(os.path.normpath(path)), path.resolve()}
    for folder in folders:
        roots = {Path(os.path.normpath(folder.absolute())), folder.resolve()}
        if any(place.is_relative_to(root) for place in places for root in roots):
            raise ConfigError(
                f"{shown(path)} lies among the submissions ({shown(folder.absolute())}), where a student may have "
                "put it; keep the course's file elsewhere and name it with --config."
            )


def _refuse_from_strangers(path: Path) -> None:
    """In a folder where everyone may write (/tmp), somebody else's file is not picked up by chance."""
    if not hasattr(os, "geteuid"):  # Windows, where these bits say nothing
        return
    if path.parent.stat().st_mode & stat.S_IWOTH and path.stat().st_uid != os.geteuid():
        raise ConfigError(
            f"{shown(path)} belongs to somebody else and lies where everyone may write; "
            "name it with --config to trust it."
        )
