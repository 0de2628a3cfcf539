"""``autograder regrade``: after a test, a date or the policy was mended, bring the gradebook up to date."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from autograder.cli.common import known_set, open_course, stop
from autograder.feedback.words import points

if TYPE_CHECKING:
    from autograder.course.config import Course
    from autograder.nbgrader.place import Place
    from autograder.nbgrader.regrade import Change

EPILOG = """\b
Examples:
  autograder regrade ps00_core --dry-run     who would get what, old -> new; nothing is changed
  autograder regrade ps00_core               grade anew what changed, keep what people graded
  To take a property out for everyone, name it under void: in grading.yml, then regrade.

Exit status: 0 done; 1 something waits for a person; 2 wrong usage or configuration."""


@click.command("regrade", epilog=EPILOG)
@click.argument("assignment", metavar="SET")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--student", "students", multiple=True, metavar="ID", help="Only this student (repeatable).")
@click.option(
    "--course", "folder", type=click.Path(path_type=Path), metavar="FOLDER", help="nbgrader's folder (default: course)."
)
@click.pass_obj
def command(
    config: Path | None, assignment: str, dry_run: bool, students: tuple[str, ...], folder: Path | None
) -> None:
    """Grade a set anew where a verdict changed, and say for whom it did.

    Only what a changed property, reference, limit or submission touches is run again. Scores that a person gave stay;
    where they hide a new automatic score, they are listed. The gradebook is backed up first.
    """
    course = open_course(config)
    known_set(course, assignment)
    from autograder.course.roster import load_roster
    from autograder.nbgrader import gradebook
    from autograder.nbgrader.place import one_sentence, open_place

    place = open_place(course, folder)
    with one_sentence():
        roster = load_roster(course)
        gradebook.check_free(place.db_url)
        folders, lost = _graded(course, place, assignment, students)
        found, anew = _compare(course, place, assignment, folders)
        _show(found, len(folders), lost)
        if anew and not dry_run:
            _autograde(place.root, assignment, sorted(set(place.handed_in(assignment)) - set(anew)))
        elif not dry_run:
            gradebook.back_up(place.db_url)
        with gradebook.opened(place.db_url, course.id) as book:
            moved = gradebook.recompute_penalties(book, course, roster, keep=not dry_run)
            faults = {student: gradebook.faults(book, course, assignment, student) for student in folders}
    console = Console(highlight=False, soft_wrap=True)
    for student, of_set, before, now in moved:
        console.print(f"late penalty of {student} for {of_set}: {points(before)} -> {points(now)}", markup=False)
    for student, names in faults.items():
        if names:
            console.print(f"{student}: the grader could not decide {', '.join(names)}; a person has to.", markup=False)
    raise SystemExit(1 if not dry_run and (any(faults.values()) or lost) else 0)


def _graded(
    course: Course, place: Place, assignment: str, students: Sequence[str]
) -> tuple[dict[str, Path], Sequence[str]]:
    """(folders of the graded hand-ins by student, students whose hand-in is gone)."""
    from autograder.course.problems import did_you_mean
    from autograder.nbgrader import gradebook

    with gradebook.opened(place.db_url, course.id) as book:
        known = any(each.name == assignment for each in book.assignments)
        graded = sorted(s.student.id for s in book.assignment_submissions(assignment)) if known else []
    for student in students:
        if student not in graded:
            stop(f"--student {student}: no graded hand-in of {assignment} is theirs{did_you_mean(student, graded)}.")
    graded = [student for student in graded if not students or student in students]
    if not graded:
        stop(f"nothing of {assignment} has been graded yet; run 'nbgrader autograde {assignment}' first.", code=1)
    folders = place.handed_in(assignment)
    lost = [student for student in graded if student not in folders]
    return {student: folders[student] for student in graded if student in folders}, lost


def _compare(
    course: Course, place: Place, assignment: str, folders: Mapping[str, Path]
) -> tuple[list[Change], list[str]]:
    """(what changes, whom to grade anew), after the engine was asked about all of them."""
    from autograder.nbgrader import gradebook
    from autograder.nbgrader.engine import ask
    from autograder.nbgrader.regrade import changes

    answer = ask(course.path, assignment, list(folders.values()))
    if answer.graded:
        Console(stderr=True).print(f"{answer.graded} hand-ins had something to run", style="dim", highlight=False)
    with gradebook.opened(place.db_url, course.id) as book:
        return changes(book, place.root, assignment, dict(zip(folders, answer.reports, strict=True)))


def _show(moved: Sequence[Change], looked_at: int, lost: Sequence[str]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    if moved:
        table = Table("student", "exercise", "old", "", "new", "of", "", box=None, header_style="bold", pad_edge=False)
        for change in moved:
            manual = "" if change.manual is None else f"(a person gave {points(change.manual)}, which stands)"
            cells = [change.student, change.exercise, points(change.before), "->", points(change.now)]
            table.add_row(*map(Text, [*cells, points(change.points)]), Text(manual, "yellow"))
        console.print(table)
    students = len({change.student for change in moved})
    console.print(f"{looked_at} hand-ins looked at: {len(moved)} scores of {students} students change.")
    hidden = sum(change.manual is not None for change in moved)
    if hidden:
        console.print(f"{hidden} new scores stay hidden behind a person's: look at them in formgrader.")
    for student in lost:
        console.print(f"{student}: the hand-in is not in submitted/ any more; the old scores stay.", markup=False)


def _autograde(root: Path, assignment: str, leave_out: Sequence[str]) -> None:
    """Through nbgrader's own command, for those whose verdicts changed."""
    command = [sys.executable, "-P", "-m", "nbgrader", "autograde", assignment, "--force", "--log-level=ERROR"]
    if leave_out:
        command.append(f"--CourseDirectory.student_id_exclude={','.join(leave_out)}")
    run = subprocess.run(command, cwd=root, check=False, env={**os.environ, "PYTHONWARNINGS": "ignore"})
    if run.returncode:
        stop(f"nbgrader autograde {assignment} failed for the reasons above; .backups has the gradebook as it was.", 1)
