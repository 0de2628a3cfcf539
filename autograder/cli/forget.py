"""``autograder forget``: remove what the course keeps about a student."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from autograder.cli.common import open_course, stop

EPILOG = """\b
Examples:
  autograder forget ana          shows what there is, asks, removes it
  autograder forget ana --yes    does not ask

Exit status: 0 done; 1 nothing is known about the student, or it could not be removed; 2 wrong usage."""


@click.command("forget", epilog=EPILOG)
@click.argument("student", metavar="STUDENT")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--course", "folder", type=click.Path(path_type=Path), metavar="FOLDER", help="nbgrader's folder (default: course)."
)
@click.pass_obj
def command(config: Path | None, student: str, yes: bool, folder: Path | None) -> None:
    """Remove a student: gradebook and its backups, hand-ins, graded copies, feedback, stored verdicts.

    The roster, downloaded archives and what the exchange holds are yours to clean: they are named at the end.
    """
    course = open_course(config)
    from autograder.nbgrader import gradebook
    from autograder.nbgrader.forget import forget, held
    from autograder.nbgrader.place import one_sentence, open_place

    place = open_place(course, folder)
    console = Console(highlight=False, soft_wrap=True)
    with one_sentence():
        gradebook.check_free(place.db_url)
        found = held(course, place, student)
        if not found.anything:
            stop(f"nothing is known about a student {student} in {place.root}; ids are those of nbgrader.", code=1)
        for line in found.sentences():
            console.print(line, markup=False)
        if not yes:
            click.confirm(f"Remove all of this about {student}? It cannot be undone.", abort=True)
        for line in forget(course, place, student, found):
            console.print(line, markup=False)
