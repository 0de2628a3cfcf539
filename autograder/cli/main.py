"""The command ``autograder``. Exit codes: 0 done, 1 something could not be graded or verified, 2 wrong usage."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

import click

from autograder import __version__

COMMANDS = (
    "grade",
    "check",
    "verify",
    "build",
    "release",
    "regrade",
    "export",
    "forget",
    "exercises",
    "doctor",
    "replay",
)


class Commands(click.Group):
    """Loads a command's module only when it is used: torch takes a second to import."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Part of click's group protocol."""
        return [name for name in COMMANDS if _is_here(name)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Part of click's group protocol."""
        if cmd_name not in COMMANDS or not _is_here(cmd_name):
            return None
        command: click.Command = importlib.import_module(f"autograder.cli.{cmd_name}").command
        return command


def _is_here(name: str) -> bool:
    """What students install has some of the commands only."""
    return importlib.util.find_spec(f"autograder.cli.{name}") is not None


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="autograder")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The course's grading.yml (default: the first one found from this folder upwards).",
)
@click.pass_context
def main(ctx: click.Context, config: Path | None) -> None:
    """Grade derivations in torch: property-based tests across a wall the student's code cannot cross.

    \b
    Students:  autograder check submission.py
    TAs:       autograder grade submitted/ --html pages/ --json results.json
    Authors:   autograder verify
    """
    ctx.obj = config
