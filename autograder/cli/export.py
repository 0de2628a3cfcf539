"""``autograder export``: the gradebook's marks for the registrar, the learning platform, or a program."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from autograder.cli.common import known_set, open_course, stop

EPILOG = """\b
Examples:
  autograder export                                     one row per student and exercise: exercises.csv
  autograder export --format canvas --to canvas.csv     as Canvas imports it
  autograder export ps00_core --format json --to -      one set, to standard output
  nbgrader export --exporter autograder.nbgrader.export.Canvas --to canvas.csv   the same through nbgrader

Exit status: 0 done; 1 somebody was left out, since a fault is unresolved; 2 wrong usage or configuration."""


@click.command("export", epilog=EPILOG)
@click.argument("sets", metavar="[SET...]", nargs=-1)
@click.option("--format", "kind", type=click.Choice(["csv", "canvas", "json"]), default="csv", show_default=True)
@click.option("--to", metavar="FILE|-", help="Where to; - is standard output (default: a file named after the format).")
@click.option(
    "--course", "folder", type=click.Path(path_type=Path), metavar="FOLDER", help="nbgrader's folder (default: course)."
)
@click.pass_obj
def command(config: Path | None, sets: tuple[str, ...], kind: str, to: str | None, folder: Path | None) -> None:
    """Write the marks, late penalties taken off, to a file for its owner alone.

    A student with an unresolved fault is left out of the set, with a sentence that says so.
    """
    course = open_course(config)
    for name in sets:
        known_set(course, name)
    from autograder.course.roster import load_roster
    from autograder.files import write_atomically
    from autograder.nbgrader import gradebook
    from autograder.nbgrader.export import FORMATS, marks
    from autograder.nbgrader.place import one_sentence, open_place

    place = open_place(course, folder)
    left_out: list[str] = []
    with one_sentence():
        roster = load_roster(course)
        gradebook.check_free(place.db_url)
        with gradebook.opened(place.db_url, course.id) as book:
            found = marks(book, course, roster, sets, left_out.append)
    write, default = FORMATS[kind]
    text, console = write(found, course), Console(stderr=True, highlight=False, soft_wrap=True)
    for sentence in left_out:
        console.print(f"autograder: {sentence}", markup=False)
    if to == "-":
        click.echo(text, nl=False)
    else:
        target = Path(to or default)
        try:
            write_atomically(target, text.encode("utf-8"), mode=0o600)
        except OSError as error:
            stop(f"{target} could not be written: {error.strerror}", code=1)
        console.print(f"{len(found)} marks written to {target}", markup=False)
    raise SystemExit(1 if left_out else 0)
