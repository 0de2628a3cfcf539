"""``autograder check``: a student's own check with the public properties. No reference is needed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from autograder.cli.common import choose, open_course, stop

if TYPE_CHECKING:
    from autograder.cli.standing import Standing
    from autograder.course.config import Course
    from autograder.grading.submission import Submission
    from autograder.grading.verdict import ExerciseResult
    from autograder.sandbox.process import Client
    from autograder.sandbox.start import Workers
    from autograder.testing.bank import Bank

EPILOG = """\b
Examples:
  autograder check                              the submission in this folder
  autograder check homework.ipynb               a notebook
  autograder check --exercise sherman_morrison  one exercise
  autograder check --watch                      again whenever the file is saved; Ctrl-C ends it

Exit status: 0 every property holds; 1 something is not right yet; 2 wrong usage. With --watch: of the last check."""

SEED = 0
"""The draws of a student's own check are the same every time; a graded run draws others."""
NAMES = ("submission.py", "submission.ipynb", "solution.py", "solution.ipynb")
PLAIN = "Your code runs as a plain process of this computer, without the sandbox in which it is graded."


@click.command("check", epilog=EPILOG)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--exercise", "exercises", multiple=True, metavar="NAME", help="Only this exercise (repeatable).")
@click.option("--watch", is_flag=True, help="Stay, and check again what changed whenever the file is saved.")
@click.pass_obj
def command(config: Path | None, file: Path | None, exercises: tuple[str, ...], watch: bool) -> None:
    """Check your own functions with the public properties.

    FILE is your module or notebook (default: the one in this folder). Exercises you have not begun are passed over.
    """
    file = file or only_candidate(Path.cwd())
    if not file.exists():
        stop(f"{file} does not exist.")
    course = open_course(config)
    from autograder.sandbox.start import start_workers
    from autograder.testing.outcomes import Fault

    try:
        with start_workers(quick=not watch) as workers:  # they import torch while this process does
            checker = _prepare(course, workers, exercises)
            if not workers.level.confines:
                checker.console.print(PLAIN, highlight=False)
            if watch:
                from autograder.cli.watch import watch_file

                right = watch_file(checker, file)
            else:
                right = _once(checker, file)
    except Fault as fault:
        stop(f"your code could not be tried: {fault}", code=1)
    raise SystemExit(0 if right else 1)


@dataclasses.dataclass
class Checker:
    """Tries exercises of a submission, and prints what came of it."""

    console: Console
    course: Course
    bank: Bank
    workers: Workers
    asked: tuple[str, ...]

    def results(self, submission: Submission, names: Sequence[str], client: Client) -> Iterator[ExerciseResult]:
        """Each exercise's result as soon as it is known."""
        from autograder.grading.child import Settings, grade_entries
        from autograder.grading.points import with_policy

        assert submission.sources is not None
        points = {n: p.points for chosen in self.course.sets.values() for n, p in chosen.exercises.items()}
        entries = [self.bank[name] for name in names]
        for graded in grade_entries(submission.sources, entries, client, Settings(self.course.limits, SEED)):
            yield with_policy(graded.result, points.get(graded.result.name, 1.0), {})

    def take(self, standing: Standing, result: ExerciseResult, show: bool = True) -> None:
        """Remember a result and print it, unless it is about what was not begun and not asked for."""
        from autograder.cli.standing import has_begun
        from autograder.feedback.text import print_exercise

        standing.results[result.name] = result
        if show and (self.asked or has_begun(result)):
            print_exercise(self.console, result)

    def end(self, standing: Standing) -> None:
        """Say how far that is, and what comes next."""
        for sentence in standing.sentences():
            self.console.print(sentence, highlight=False, markup=False)


def read_submission(file: Path, problem: Callable[[str], None]) -> Submission | None:
    """The submission in ``file``, its notes told as problems where there is nothing else in it."""
    from autograder.grading.intake import IntakeError, find_submissions

    try:
        submission = find_submissions([file])[0]
    except IntakeError as error:
        problem(str(error))
        return None
    if submission.sources is None:
        problem(" ".join(submission.notes) or f"{file}: nothing in it could be read.")
        return None
    return submission


def only_candidate(folder: Path) -> Path:
    """The submission in the folder, where there is exactly one."""
    for name in NAMES:
        if (folder / name).is_file():
            return folder / name
    found = sorted([*folder.glob("*.py"), *folder.glob("*.ipynb")])
    if len(found) == 1:
        return found[0]
    stop(f"there is no submission.py or submission.ipynb in {folder}; name your file: autograder check FILE.")


def _prepare(course: Course, workers: Workers, exercises: tuple[str, ...]) -> Checker:
    from autograder.testing.bank import BankError, Rooms, load_bank

    try:
        bank = load_bank(Rooms(course.bank.public))
    except BankError as error:
        stop(str(error))
    choose(course, list(bank), (), exercises)
    return Checker(Console(), course, bank, workers, exercises)


def _once(checker: Checker, file: Path) -> bool:
    """Check the file as it is now."""
    from autograder.cli.standing import Standing

    submission = read_submission(file, lambda text: stop(text, code=1))
    assert submission is not None
    for note in submission.notes:
        checker.console.print(f"Note: {note}", markup=False, highlight=False)
    standing = Standing(checker.course, checker.asked)
    with checker.workers.connect() as client:
        for result in checker.results(submission, standing.to_try(checker.bank), client):
            checker.take(standing, result)
    checker.end(standing)
    return standing.right
