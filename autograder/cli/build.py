"""``autograder build``: notebooks for nbgrader, made of text, references and grading.yml."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from autograder.cli.common import choose, open_course, stop

if TYPE_CHECKING:
    from autograder.course.build import BuiltSet
    from autograder.course.config import Course
    from autograder.testing.bank import Bank

EPILOG = """\b
Examples:
  autograder build                               every set, into course/source/
  autograder build ps00_core --course ~/fall26   one set, another course folder
  autograder build --check                       only say what is wrong
  autograder build --figures build/figures       also run the notebooks; keep their figures

Then, in the course folder: nbgrader generate_assignment ps00_core

Exit status: 0 built (or nothing wrong); 1 an assignment cannot be built; 2 wrong usage or configuration."""


@click.command("build", epilog=EPILOG)
@click.argument("sets", nargs=-1, metavar="[SET]...")
@click.option(
    "--course",
    "course_folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="nbgrader's course folder (default: course/ beside grading.yml).",
)
@click.option("--check", is_flag=True, help="Write nothing, only say what is wrong.")
@click.option(
    "--figures",
    "figures_folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Run every notebook from top to bottom and write its figures there, as PNG.",
)
@click.pass_obj
def command(
    config: Path | None, sets: tuple[str, ...], course_folder: Path | None, check: bool, figures_folder: Path | None
) -> None:
    """Build the instructor's notebooks and what goes to the students with them.

    The text is assignments/SET/*.md, the solutions are the references, the points stand in grading.yml. The folder
    source/SET/ is replaced as a whole, or not at all.
    """
    course, bank, names = prepare(config, sets)
    folder = course_folder or course.path.parent / "course"
    console = Console(highlight=False, soft_wrap=True)
    from autograder.course.build import replace_source, write_nbgrader_config
    from autograder.course.prose import BuildError

    failed = False
    with tempfile.TemporaryDirectory(prefix="autograder-build-") as temporary:
        with console.status("Building the students' wheel"):
            wheel = make_wheel(Path(temporary))
        for name in names:
            fresh = Path(temporary) / "source" / name
            try:
                with console.status(f"Building {name}"):
                    built = build_one(course, bank, name, fresh, wheel)
                if figures_folder is not None:
                    with console.status(f"Running {name}"):
                        _keep_figures(console, built, fresh, figures_folder)
                where = "nothing is wrong" if check else str(replace_source(folder, name, fresh))
            except BuildError as error:
                failed = True
                report(error)
                continue
            except OSError as error:
                stop(f"{error.filename or folder} could not be written: {error.strerror}", code=1)
            console.print(f"{_summary(built)}: {where}", markup=False)
        if not check and not failed and write_nbgrader_config(folder, course):
            console.print(f"Wrote {folder / 'nbgrader_config.py'}", markup=False)
    raise SystemExit(1 if failed else 0)


def prepare(config: Path | None, sets: Sequence[str]) -> tuple[Course, Bank, list[str]]:
    """The course, its bank, and the sets that were asked for; ends the command where one does not exist."""
    from autograder.course.problems import did_you_mean

    course = open_course(config)
    for name in sets:
        if name not in course.sets:
            stop(f"{course.path.name} has no set {name!r}{did_you_mean(name, course.sets)}.")
    if course.bank.reference is None or course.bank.hidden is None:
        stop(
            "a build needs bank.reference and bank.hidden in grading.yml: solutions, and sentences of what is checked."
        )
    from autograder.grading.session import bank_of
    from autograder.testing.bank import BankError

    try:
        bank = bank_of(course)
    except BankError as error:
        stop(str(error))
    choose(course, list(bank), (), ())
    return course, bank, list(sets or course.sets)


def make_wheel(folder: Path) -> Path:
    """The students' wheel; ends the command where it cannot be built."""
    from autograder.course.prose import BuildError
    from autograder.course.wheel import build_wheel

    try:
        return build_wheel(folder)
    except BuildError as error:
        stop(str(error), code=1)


def build_one(course: Course, bank: Bank, name: str, fresh: Path, wheel: Path) -> BuiltSet:
    """One set into the new folder ``fresh``."""
    from autograder.course.build import read_set, write_source

    seed = course.path.parent / ".autograder" / "seed"
    built = read_set(course, name, bank)
    write_source(fresh, built, course, bank, wheel, seed.read_text().strip() if seed.is_file() else "")
    return built


def report(error: Exception) -> None:
    """Every problem of a set, on stderr."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(str(error), markup=False)


def _summary(built: BuiltSet) -> str:
    from autograder.course.notebook import counted, total_points

    chosen = built.problem_set
    parts = [
        (len(chosen.exercises), "exercise"),
        (len(chosen.written), "written question"),
        (built.experiments, "experiment"),
    ]
    listed = ", ".join(f"{number} {word}{'' if number == 1 else 's'}" for number, word in parts if number)
    return f"{chosen.name} ({listed}; {counted(total_points(chosen))})"


def _keep_figures(console: Console, built: BuiltSet, fresh: Path, folder: Path) -> None:
    from autograder.course.execute import execute, figures
    from autograder.files import write_atomically

    target = folder / built.problem_set.name
    target.mkdir(parents=True, exist_ok=True)
    kept = figures(execute(built.notebook, fresh))
    for name, image in kept.items():
        write_atomically(target / name, image)
    console.print(f"{len(kept)} figures: {target}", markup=False)
