"""The verdicts behind the gradebook's scores: ``.verdicts/SET/STUDENT.json`` in the course folder.

They are for staff, since they may hold hidden counterexamples: beside the notebooks nbgrader would copy them into the
feedback.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from autograder.files import write_atomically
from autograder.grading.schema import encode_report
from autograder.grading.verdict import Report

FOLDER = ".verdicts"


def place(root: Path, assignment: str, student: str) -> Path:
    """Where the verdicts on one hand-in are kept."""
    return root / FOLDER / assignment / f"{student}.json"


def write(root: Path, about: Mapping[str, str], report: Report) -> None:
    """Keep a report. about: nbgrader's names for "student" and "assignment"."""
    path = place(root, about["assignment"], about["student"])
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(path, encode_report(report), mode=0o600)


def read(root: Path, about: Mapping[str, str]) -> Report | None:
    """What was kept; None where there is nothing that can be read."""
    return load(place(root, about["assignment"], about["student"]))


def load(path: Path) -> Report | None:
    """The report in a file; None where there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except (OSError, msgspec.DecodeError):
        return None
