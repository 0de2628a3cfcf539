"""``autograder release``: what students get, as a zip."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
from rich.console import Console

from autograder.cli.build import build_one, make_wheel, prepare, report
from autograder.cli.common import stop

EPILOG = """\b
Examples:
  autograder release ps00_core                       ps00_core.zip in this folder
  autograder release ps00_core --zip web/ps00.zip    for a course page or an LMS

With nbgrader's exchange use 'autograder build' and nbgrader's own commands instead.

Exit status: 0 written; 1 the set cannot be built, or would give away what students must not have; 2 wrong usage."""


@click.command("release", epilog=EPILOG)
@click.argument("name", metavar="SET")
@click.option("--zip", "target", type=click.Path(path_type=Path, dir_okay=False), help="Where to (default: SET.zip).")
@click.pass_obj
def command(config: Path | None, name: str, target: Path | None) -> None:
    """Write the zip for students: notebook without solutions, README, public properties, and the wheel for the check.

    It is searched for references, hidden properties, hints and seeds before it is written.
    """
    course, bank, (name,) = prepare(config, [name])
    target = target or Path(f"{name}.zip")
    console = Console(highlight=False, soft_wrap=True)
    from autograder.course.prose import BuildError
    from autograder.course.release import write_release, zipped
    from autograder.files import write_atomically

    with (
        tempfile.TemporaryDirectory(prefix="autograder-release-") as temporary,
        console.status(f"Building {name}"),
    ):
        folder = Path(temporary)
        try:
            build_one(course, bank, name, folder / "source" / name, make_wheel(folder))
            write_release(folder / "source" / name, folder / name)
            zipped(folder / name, folder / "release.zip")
            write_atomically(target, (folder / "release.zip").read_bytes())
        except BuildError as error:
            report(error)
            raise SystemExit(1) from None
        except OSError as error:
            stop(f"{error.filename or target} could not be written: {error.strerror}", code=1)
    console.print(f"{target}: {target.stat().st_size / 1024:.0f} KiB for students", markup=False)
