"""Removing what a course keeps about one student."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import sqlite3
from pathlib import Path

from nbgrader.api import MissingEntry

from autograder.course.config import Course
from autograder.grading.intake import IntakeError, find_submissions
from autograder.grading.store import StoreError, VerdictStore, store_path
from autograder.grading.submission import Submission
from autograder.grading.verdict import Counterexample, Report
from autograder.nbgrader import gradebook, kept
from autograder.nbgrader.place import Place
from autograder.nbgrader.serve import lookup_of

ROOMS = ("submitted", "autograded", "feedback")


@dataclasses.dataclass(frozen=True)
class Held:
    """What there is about a student. books: the gradebook and its backups that know them."""

    folders: list[Path]
    reports: list[Path]
    books: list[Path]
    submissions: list[Submission]

    @property
    def anything(self) -> bool:
        """Whether anything is known at all."""
        return bool(self.folders or self.reports or self.books)

    def sentences(self) -> list[str]:
        """What there is, one line each."""
        lines = [f"{folder}: {sum(path.is_file() for path in folder.rglob('*'))} files" for folder in self.folders]
        lines += [f"{path}: verdicts" for path in self.reports]
        return lines + [f"{path}: scores and comments" for path in self.books]


def held(course: Course, place: Place, student: str) -> Held:
    """What the course's folders, gradebook and backups hold about a student."""
    if not student or "/" in student or student.startswith("."):
        return Held([], [], [], [])
    folders = [folder for room in ROOMS if (folder := place.root / room / student).is_dir() and not folder.is_symlink()]
    reports = sorted((place.root / kept.FOLDER).glob(f"*/{student}.json"))
    books = [place.root / "gradebook.db", *sorted((place.root / gradebook.BACKUPS).glob("*.db"))]
    knowing = [path for path in books if _knows(path, course, student)]
    try:
        submissions = find_submissions([place.root / "submitted" / student]) if folders else []
    except IntakeError:
        submissions = []
    return Held(folders, reports, knowing, submissions)


def forget(course: Course, place: Place, student: str, found: Held) -> list[str]:
    """Remove it; what was removed, and what is left to others, one line each."""
    lines = [f"removed {_verdicts(course, found)} stored verdicts and counterexamples"]
    for path in found.books:
        with gradebook.opened(f"sqlite:///{path}", course.id) as book:
            book.remove_student(student)
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("VACUUM")  # what was deleted is no longer in the file
    lines.append(f"removed {student} from the gradebook and {max(0, len(found.books) - 1)} backups")
    for report in found.reports:
        report.unlink()
    for folder in found.folders:
        shutil.rmtree(folder)
        lines.append(f"removed {folder}")
    lines.append("not removed: the roster's line, archives in downloaded/, and what lies in nbgrader's exchange")
    return lines


def _knows(path: Path, course: Course, student: str) -> bool:
    with gradebook.opened(f"sqlite:///{path}", course.id) as book:
        try:
            book.find_student(student)
        except MissingEntry:
            return False
        return True


def _verdicts(course: Course, found: Held) -> int:
    """Remove from the store what came from these sources."""
    examples = {
        example.id for path in found.reports if (report := kept.load(path)) is not None for example in _examples(report)
    }
    sources = [submission.sources.encode() for submission in found.submissions if submission.sources is not None]
    try:
        with VerdictStore(store_path(course.path)) as store:
            lookup = lookup_of(course, store)
            names = {name for problem_set in course.sets.values() for name in problem_set.exercises}
            keys = [key for s in found.submissions for name in names if (key := lookup.key(s, name)) is not None]
            return store.forget(keys, sources, examples)
    except StoreError as error:
        raise gradebook.GradebookError(str(error)) from error


def _examples(report: Report) -> list[Counterexample]:
    return [
        p.counterexample
        for submission in report.submissions
        for exercise in submission.exercises
        for p in exercise.properties
        if p.counterexample is not None
    ]
