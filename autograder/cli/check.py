"""``autograder check``: a student's own check with the public properties. No reference is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from autograder.cli.common import choose, open_course, stop

if TYPE_CHECKING:
    from autograder.course.config import Course
    from autograder.grading.submission import Submission
    from autograder.sandbox.zygote import Zygote
    from autograder.testing.bank import Bank

EPILOG = """\b
Examples:
  autograder check                              the submission in this folder
  autograder check homework.ipynb               a notebook
  autograder check --exercise sherman_morrison  one exercise

Exit status: 0 every property holds; 1 something is not right yet; 2 wrong usage."""

SEED = 0
"""The draws of a student's own check are the same every time; a graded run draws others."""
NAMES = ("submission.py", "submission.ipynb", "solution.py", "solution.ipynb")


@click.command("check", epilog=EPILOG)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--exercise", "exercises", multiple=True, metavar="NAME", help="Only this exercise (repeatable).")
@click.pass_obj
def command(config: Path | None, file: Path | None, exercises: tuple[str, ...]) -> None:
    """Check your own functions with the public properties.

    FILE is your module or notebook (default: the one in this folder). Exercises you have not begun are passed over.
    """
    file = file or _only_candidate(Path.cwd())
    if not file.exists():
        stop(f"{file} does not exist.")
    course = open_course(config)
    from autograder.sandbox.levels import probe
    from autograder.sandbox.zygote import Zygote

    with Zygote(probe().level, quick=True) as zygote:  # it imports torch while this process does
        from autograder.grading.intake import IntakeError, find_submissions
        from autograder.testing.bank import Rooms, load_bank

        whole = load_bank(Rooms(course.bank.public))
        choose(course, list(whole), (), exercises)
        bank = {name: entry for name, entry in whole.items() if not exercises or name in exercises}
        try:
            submission = find_submissions([file])[0]
        except IntakeError as error:
            stop(str(error))
        console = Console()
        for note in submission.notes:
            console.print(f"Note: {note}", markup=False, highlight=False)
        if submission.sources is None:
            stop(f"{file}: nothing in it could be read.", code=1)
        right = _check(console, course, bank, zygote, submission, bool(exercises))
    raise SystemExit(0 if right else 1)


def _only_candidate(folder: Path) -> Path:
    """The submission in the folder, where there is exactly one."""
    for name in NAMES:
        if (folder / name).is_file():
            return folder / name
    found = sorted([*folder.glob("*.py"), *folder.glob("*.ipynb")])
    if len(found) == 1:
        return found[0]
    stop(f"there is no submission.py or submission.ipynb in {folder}; name your file: autograder check FILE.")


def _check(console: Console, course: Course, bank: Bank, zygote: Zygote, submission: Submission, asked: bool) -> bool:
    """Print each exercise's verdict as soon as it is known."""
    from autograder.feedback.text import print_exercise
    from autograder.grading.child import Settings, grade_entries
    from autograder.grading.points import with_policy
    from autograder.grading.verdict import Verdict

    assert submission.sources is not None
    settings = Settings(course.limits, SEED)
    points = {n: p.points for chosen in course.sets.values() for n, p in chosen.exercises.items()}
    begun, right = 0, True
    waiting: list[str] = []
    entries = [entry for name, entry in bank.items() if asked or name in points]
    for graded in grade_entries(submission.sources, entries, zygote.connect(), settings):
        result = with_policy(graded.result, points.get(graded.result.name, 1.0), {})
        if result.verdict is Verdict.MISSING or "NotImplementedError" in result.reason:
            waiting.append(result.name)
            if not asked:
                continue
        begun += 1
        right = right and result.verdict is Verdict.RIGHT
        print_exercise(console, result)
    if not begun:
        console.print("None of the course's exercises is in this file yet. 'autograder exercises' lists them.")
    elif right and waiting and not asked:
        console.print(f"Every public property holds. Next: {waiting[0]}.")
    elif right:
        console.print("Every public property holds. Grading tries further ones on other inputs.")
    return right and begun > 0
