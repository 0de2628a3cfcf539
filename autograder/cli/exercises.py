"""``autograder exercises``: what there is to do."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from autograder.cli.common import open_course


@click.command("exercises", epilog="\b\nExample:\n  autograder exercises --set ps00_core")
@click.option("--set", "sets", multiple=True, metavar="NAME", help="Only this set (repeatable).")
@click.pass_obj
def command(config: Path | None, sets: tuple[str, ...]) -> None:
    """List the course's exercises: what to write, in which set, for how many points."""
    course = open_course(config)
    from autograder.cli.common import choose
    from autograder.testing.bank import Rooms, load_bank

    bank = load_bank(Rooms(course.bank.public))
    choose(course, list(bank), sets, ())
    console = Console()
    for name, chosen in course.sets.items():
        if sets and name not in sets:
            continue
        due = f", due {chosen.due:%Y-%m-%d %H:%M %Z}" if chosen.due else ""
        table = Table(title=f"{name}: {chosen.title}{due}", title_justify="left", show_lines=False)
        table.add_column("exercise", style="bold", no_wrap=True)
        table.add_column("points", justify="right")
        table.add_column("what to write")
        for exercise, policy in chosen.exercises.items():
            record = bank[exercise].record
            signatures = "\n".join(function.signature for function in record.functions)
            table.add_row(exercise, f"{policy.points:g}", f"{record.title}\n[dim]{_escaped(signatures)}[/dim]")
        console.print(table)


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")
