"""``autograder verify``: references are right, right answers pass, mistakes are named, mutants are killed."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from autograder.cli.common import choose, open_course, stop
from autograder.cli.grade import usable_level, warn

if TYPE_CHECKING:
    from autograder.verify.audit import Audit, Auditor

EPILOG = """\b
Examples:
  autograder verify                                        every exercise of the bank
  autograder verify --exercise adam_step                   one exercise
  autograder verify --brief                                the table and what is wrong
  autograder verify --fresh                                forget earlier results

Exit status: 0 verified; 1 something is wrong with an exercise; 2 wrong usage."""


@click.command("verify", epilog=EPILOG)
@click.option("--exercise", "exercises", multiple=True, metavar="NAME", help="Only this exercise (repeatable).")
@click.option("--examples", type=click.IntRange(1), help="Random draws per property (default: from grading.yml).")
@click.option("--jobs", type=click.IntRange(1), help="Answers at a time (default: the cores).")
@click.option("--brief", is_flag=True, help="Only the table and what is wrong, not what kills what.")
@click.option("--fresh", is_flag=True, help="Grade everything again; otherwise only what changed.")
@click.pass_obj
def command(
    config: Path | None,
    exercises: tuple[str, ...],
    examples: int | None,
    jobs: int | None,
    brief: bool,
    fresh: bool,
) -> None:
    """Prove that the grader grades: run answers whose verdict is known, and mutants of every reference."""
    import dataclasses

    course = open_course(config)
    if course.bank.reference is None or course.bank.hidden is None:
        stop("verify needs the references and the hidden properties: bank.reference and bank.hidden in grading.yml.")
    level = usable_level(unsafe=False)
    limits = course.limits if examples is None else dataclasses.replace(course.limits, examples=examples)
    from autograder.sandbox.zygote import Zygote

    with Zygote(level) as zygote:
        from autograder.grading.session import bank_of, key_of, open_store
        from autograder.verify.audit import Auditor

        bank = bank_of(course)
        choose(course, list(bank), (), exercises)
        names = exercises or tuple(bank)
        path = course.path.parent / ".autograder" / "verify.sqlite"
        if fresh:
            path.unlink(missing_ok=True)
        with open_store(path, warn) as store:
            auditor = Auditor(
                bank,
                zygote,
                store,
                limits,
                lambda settings: key_of(course, bank, settings, level),
                jobs or len(os.sched_getaffinity(0)),
            )
            audits = _with_progress(auditor, names)
    console = Console()
    console.width = max(console.width, 130)
    console.print(_table(audits))
    _details(console, audits, brief)
    wrong = sum(bool(audit.problems) for audit in audits)
    counted = sum(len(audit.counted) for audit in audits)
    console.print(
        f"{len(audits) - wrong} of {len(audits)} exercises verified; {counted} mutants, "
        f"{sum(len(audit.survivors) for audit in audits)} survived.",
        highlight=False,
    )
    raise SystemExit(1 if wrong else 0)


def _with_progress(auditor: Auditor, names: Sequence[str]) -> list[Audit]:
    error = Console(stderr=True)
    columns = (TextColumn("verifying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=error, transient=True, disable=not error.is_terminal) as bar:
        row = bar.add_task("", total=auditor.count(names))
        return auditor.audit(names, lambda done: bar.update(row, advance=done))


COLUMNS = ("right", "wrong", "sizes", "scales", "condition", "inputs", "mutants", "killed", "equivalent", "own")
LEGEND = """\
right, wrong: the largest error / tolerance of a right answer, the smallest of a misconception (1 is the border).
sizes, scales, condition: ranges of one run's inputs; inputs: distinct ones of those drawn.
mutants: of the reference; killed: by any property; own: share killed by the hand-written properties alone."""


def _table(audits: Sequence[Audit]) -> Table:
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0), caption=LEGEND, caption_justify="left")
    table.add_column("exercise", no_wrap=True)
    for heading in COLUMNS:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for audit in audits:
        table.add_row(
            audit.entry.record.name,
            f"{audit.right_ratio:.0e}",
            f"{audit.wrong_ratio:.0e}",
            str(audit.draws.sizes),
            str(audit.draws.scales),
            str(audit.draws.conditions),
            f"{len(audit.draws.distinct)}/{audit.draws.inputs}",
            str(len(audit.mutants)),
            str(len(audit.counted) - len(audit.survivors)),
            str(len(audit.mutants) - len(audit.counted)),
            f"{audit.own_share:.0%}",
            "[red]wrong[/red]" if audit.problems else "[green]ok[/green]",
        )
    return table


def _details(console: Console, audits: Sequence[Audit], brief: bool) -> None:
    say = functools.partial(console.print, highlight=False, markup=False, soft_wrap=True)
    for audit in audits:
        name = audit.entry.record.name
        if not brief:
            say(f"\n{name}: mutants that each hand-written property alone kills, of {len(audit.counted)}")
            for own in audit.own:
                say(f"  {audit.killed_by([own]):4d}  {own}")
            for known, result in audit.counted:
                killers = [p.name for p in result.properties if not p.passed and p.tried]
                if killers and not set(killers) & set(audit.own):
                    say(f"        only {', '.join(killers)}: {known.name}")
            for difference, reason in audit.entry.equivalent.items():
                say(f"        equivalent: {difference} ({reason})")
            for erratum in audit.entry.errata:
                answers = ", ".join(answer.__name__ for answer in erratum.answers)
                why = f"graded as {answers}" if answers else erratum.no_code or erratum.kind
                say(f"        erratum: {erratum.place} ({why})")
        for problem in audit.problems:
            say(f"{name}: {problem}", style="red")
