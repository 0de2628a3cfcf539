"""The gradebook: backed up before each run, brought up to the dates of grading.yml, and read for faults."""

from __future__ import annotations

import contextlib
import datetime
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, SubmittedAssignment

from autograder.course.config import Course, ProblemSet
from autograder.course.late import HandedIn, Lateness, lateness
from autograder.course.roster import Roster

BACKUPS = ".backups"
KEPT = 10
PATIENCE = 5.0  # seconds to wait for whoever holds the gradebook
_SCHEME = "sqlite:///"


class GradebookError(Exception):
    """The gradebook cannot be used now. The text is one sentence and says what to do."""


def file_of(db_url: str) -> Path | None:
    """The file of an SQLite gradebook; None for a database server."""
    return Path(db_url.removeprefix(_SCHEME)) if db_url.startswith(_SCHEME) and db_url != _SCHEME else None


def back_up(db_url: str) -> Path | None:
    """Copy the gradebook into ``.backups`` beside it, whole or not at all, and keep the last KEPT copies.

    None where there is nothing to copy. Raises GradebookError, also where another program holds the gradebook.
    """
    path = file_of(db_url)
    if path is None or not path.is_file():
        return None
    folder = path.parent / BACKUPS
    check_free(db_url)
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S%f")
    copy = folder / f"{path.stem}-{stamp}.db"
    unfinished = folder / f".{copy.name}.unfinished"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        with _explained(path):
            unfinished.touch(mode=0o600)
            _copy(path, unfinished)
        unfinished.replace(copy)
    except OSError as error:
        raise GradebookError(f"the gradebook cannot be backed up to {folder}: {error.strerror or error}.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    for old in sorted(folder.glob(f"{path.stem}-*.db"))[:-KEPT]:
        old.unlink(missing_ok=True)
    return copy


def check_free(db_url: str) -> None:
    """Raises GradebookError where another program holds the gradebook, so that no run fails half-way."""
    path = file_of(db_url)
    if path is not None and path.is_file():
        with _explained(path), contextlib.closing(sqlite3.connect(path, timeout=PATIENCE)) as source:
            source.execute("BEGIN IMMEDIATE")
            source.rollback()


def _copy(path: Path, copy: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
        source.backup(target)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            text = "is locked by another program; wait for it, or close it, and start again"
        elif code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
            text = "cannot be written; check its permissions"
        else:
            text = f"cannot be read ({error}); the last good copies are in {BACKUPS}"
        raise GradebookError(f"{path} {text}. Nothing was changed.") from error


@contextlib.contextmanager
def opened(db_url: str, course_id: str) -> Iterator[Any]:
    """nbgrader's own gradebook."""
    book = Gradebook(db_url, course_id)
    try:
        yield book
    finally:
        book.close()
        book.engine.dispose()


def set_due_dates(book: Any, course: Course) -> None:
    """Give every assignment of the gradebook the due date that grading.yml states."""
    for assignment in book.assignments:
        problem_set = course.sets.get(assignment.name)
        if problem_set is not None and problem_set.due is not None:
            due = problem_set.due.astimezone(datetime.UTC).replace(tzinfo=None)
            if assignment.duedate != due:
                assignment.duedate = due


def late_work(book: Any, course: Course, roster: Roster, student: str) -> dict[str, Lateness]:
    """What lateness costs a student, by set, over all that the gradebook knows of them."""
    return dict(
        lateness(hand_in for s in book.student_submissions(student) if (hand_in := _handed_in(s, course, roster)))
    )


def _handed_in(submission: SubmittedAssignment, course: Course, roster: Roster) -> HandedIn | None:
    problem_set: ProblemSet | None = course.sets.get(submission.assignment.name)
    if problem_set is None or problem_set.due is None or submission.timestamp is None:
        return None
    granted = submission.extension or datetime.timedelta(0)  # in the gradebook; of two extensions the longer one counts
    return HandedIn(
        set=problem_set.name,
        due=problem_set.due,
        at=submission.timestamp.replace(tzinfo=datetime.UTC).astimezone(course.timezone),
        rule=problem_set.late,
        closes=problem_set.closes,
        extension=max(granted, roster.extension(submission.student.id, problem_set.name)),
    )


def recompute_penalties(
    book: Any, course: Course, roster: Roster, *, keep: bool = True
) -> list[tuple[str, str, float, float]]:
    """Bring every late penalty up to date; (student, set, before, now) of those that change. keep: in the gradebook."""
    set_due_dates(book, course)
    changed = []
    for student in book.students:
        for submission in student.submissions:
            cost = late_work(book, course, roster, student.id).get(submission.assignment.name)
            for notebook in submission.notebooks:
                before = notebook.late_submission_penalty or 0.0
                now = penalty(notebook.score, cost)
                if abs(before - now) > 0:
                    notebook.late_submission_penalty = now or None
                    changed.append((student.id, submission.assignment.name, before, now))
    if keep:
        book.db.commit()
    else:
        book.db.rollback()
    return changed


def penalty(score: float | None, cost: Lateness | None) -> float:
    """Points that lateness costs, of a notebook's score."""
    return 0.0 if cost is None else round((score or 0.0) * cost.percent / 100, 4)


def name_students(book: Any, roster: Roster, students: Iterable[str]) -> None:
    """Call students by the roster's names, so that formgrader shows them."""
    for student in students:
        person = roster.people.get(student)
        if person is not None and person.name:
            first, _, last = person.name.rpartition(" ")
            book.update_or_create_student(student, first_name=first or None, last_name=last)


def faults(book: Any, course: Course, assignment: str, student: str) -> list[str]:
    """Exercises that the engine could not grade and that no person has graded yet."""
    problem_set = course.sets.get(assignment)
    submission = book.find_submission(assignment, student)
    return [
        grade.name
        for notebook in submission.notebooks
        for grade in notebook.grades
        if problem_set is not None
        and grade.name in problem_set.exercises
        and grade.auto_score is None
        and grade.manual_score is None
    ]


def private_folders(root: Path) -> None:
    """What holds students' work is for its owner alone."""
    for name in ("submitted", "autograded", "feedback", "downloaded", ".verdicts", BACKUPS):
        folder = root / name
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, exist_ok=True)
            if folder.stat().st_uid == os.geteuid() and folder.stat().st_mode & 0o077:
                folder.chmod(0o700)
