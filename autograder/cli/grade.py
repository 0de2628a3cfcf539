"""``autograder grade``: a folder of submissions in, a verdict with reasons for every student out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from autograder.cli.common import choose, open_course, stop
from autograder.course.config import Course, ExercisePolicy
from autograder.course.problems import ConfigError
from autograder.course.seed import course_seed
from autograder.sandbox.levels import Level

if TYPE_CHECKING:
    from autograder.grading.batch import Task
    from autograder.grading.submission import Submission
    from autograder.grading.verdict import Report
    from autograder.sandbox.zygote import Zygote

EPILOG = """\b
Examples:
  autograder grade submitted/                         every student, every set
  autograder grade hw.zip --exercise sherman_morrison one archive, one exercise
  autograder grade submitted/ --assignment ps00_core --html pages/ --json results.json
  autograder grade submitted/ --json - | jq '.submissions[].score'

Exit status: 0 all graded, whatever the marks; 1 something could not be graded, kept or written;
2 wrong usage."""


@click.command("grade", epilog=EPILOG)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--assignment", "assignments", multiple=True, metavar="NAME", help="Only this set (repeatable).")
@click.option("--exercise", "exercises", multiple=True, metavar="NAME", help="Only this exercise (repeatable).")
@click.option("--json", "json_to", metavar="FILE|-", help="Write the report as JSON; - is standard output.")
@click.option("--html", "html_to", metavar="DIR", type=click.Path(path_type=Path), help="Write a page per student.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Seed of all draws (default: the course's own).")
@click.option("--examples", type=click.IntRange(1), help="Random draws per property (default: from grading.yml).")
@click.option("--jobs", type=click.IntRange(1), help="Submissions at a time (default: the cores).")
@click.option(
    "--device",
    type=click.Choice(["cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="cuda: answers must agree on the GPU, too, in workers that are confined less (see the README).",
)
@click.option("--unsafe", is_flag=True, help="Grade even where this machine cannot confine the students' code.")
@click.pass_obj
def command(
    config: Path | None,
    paths: tuple[Path, ...],
    assignments: tuple[str, ...],
    exercises: tuple[str, ...],
    json_to: str | None,
    html_to: Path | None,
    seed: int | None,
    examples: int | None,
    jobs: int | None,
    device: str,
    unsafe: bool,
) -> None:
    """Grade submissions and say why.

    PATH is a file (.py or .ipynb), an archive, or a folder whose entries are students.
    """
    course = open_course(config, paths)
    level = usable_level(unsafe)
    require_device(device)
    problems: list[str] = []

    def complain(message: str) -> None:
        problems.append(message)
        warn(message)

    report = _graded(course, level, paths, assignments, exercises, seed, examples, jobs, device, complain)
    _write(report, json_to, html_to, complain)
    raise SystemExit(1 if problems or any(submission.score is None for submission in report.submissions) else 0)


def usable_level(unsafe: bool) -> Level:
    """The strongest level of this machine; ends the command where it is too weak for other people's code."""
    from autograder.sandbox.levels import probe

    level = probe().level
    if not level.confines and not unsafe:
        stop(
            f"this machine offers only the sandbox level '{level.value}', too little for other people's code. "
            "Run 'autograder doctor' to see what is missing, or repeat with --unsafe at your own risk."
        )
    return level


def require_device(device: str) -> None:
    """End the command where this machine does not have the device."""
    from autograder.sandbox.profiles import PROFILES

    if device == "cpu":
        return
    if PROFILES[device].present_nodes():
        import torch

        if torch.cuda.is_available():
            return
        stop(f"--device {device}: this torch ({torch.__version__}) cannot use the GPU here; install a build with CUDA.")
    stop(f"--device {device}: this machine has no such device (no /dev/nvidia*); grade on the CPU.")


def _graded(
    course: Course,
    level: Level,
    paths: Sequence[Path],
    assignments: Sequence[str],
    exercises: Sequence[str],
    seed: int | None,
    examples: int | None,
    jobs: int | None,
    device: str,
    complain: Callable[[str], None],
) -> Report:
    """The verdicts. ``complain`` is told what goes wrong beside the grading, which goes on."""
    import dataclasses

    from autograder.grading.intake import IntakeError, find_submissions

    try:
        submissions = find_submissions(paths, assignments)
    except IntakeError as error:
        stop(str(error))
    limits = course.limits if examples is None else dataclasses.replace(course.limits, examples=examples)
    with _sandbox(level, device) as zygote:  # it imports torch while this process does
        from autograder.grading.batch import Batch
        from autograder.grading.child import Settings
        from autograder.grading.session import checked_bank, key_of, open_store, versions
        from autograder.grading.store import store_path
        from autograder.grading.verdict import Report

        try:
            bank = checked_bank(course, device)
        except ConfigError as error:
            stop(str(error))
        choose(course, list(bank), assignments, exercises)
        seed = course_seed(course, complain) if seed is None else seed
        settings = Settings(limits, seed, device)
        tasks = [_task(course, submission, assignments, exercises) for submission in submissions]
        with open_store(store_path(course.path), complain) as store, _progress(tasks) as advance:
            key = key_of(course, bank, settings, level)
            batch = Batch(bank, zygote, store, settings, key, jobs or len(os.sched_getaffinity(0)))
            results = batch.grade(tasks, advance)
        if batch.store_problem:
            complain(f"not all verdicts were kept: {batch.store_problem}")
    return Report(schema=1, seed=seed, sandbox=level.value, device=device, versions=versions(), submissions=results)


@contextlib.contextmanager
def _sandbox(level: Level, device: str) -> Iterator[Zygote]:
    from autograder.sandbox.profiles import PROFILES
    from autograder.sandbox.zygote import Zygote

    try:
        zygote = Zygote(level, device=None if device == "cpu" else PROFILES[device])
    except OSError as error:
        stop(f"the sandbox cannot be started: {error.strerror or error}.", code=1)
    with zygote:
        yield zygote


def _task(course: Course, submission: Submission, assignments: Sequence[str], exercises: Sequence[str]) -> Task:
    """Which exercises a submission is graded on: those of its set, or of the sets asked for, or of all."""
    from autograder.grading.batch import Task

    names = [submission.assignment] if submission.assignment in course.sets else (assignments or course.sets)
    offered = {name: policy for chosen in names for name, policy in course.sets[chosen].exercises.items()}
    if not exercises:
        return Task(submission, offered)
    anywhere = {name: policy for chosen in course.sets.values() for name, policy in chosen.exercises.items()}
    return Task(submission, {name: anywhere.get(name, ExercisePolicy(points=1.0)) for name in exercises})


@contextlib.contextmanager
def _progress(tasks: Sequence[Task]) -> Iterator[Callable[[Submission, int], None]]:
    """A bar over all exercises of all submissions, with the time left; silent where stderr is not a terminal."""
    bar = Progress(
        TextColumn("grading {task.description:<24.24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not Console(stderr=True).is_terminal,
    )
    with bar:
        row = bar.add_task("", total=sum(len(task.policies) for task in tasks))

        def advance(submission: Submission, done: int) -> None:
            bar.update(row, advance=done, description=submission.student)

        yield advance


def warn(message: str) -> None:
    """One line on stderr."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"autograder: {message}", markup=False)


def _write(report: Report, json_to: str | None, html_to: Path | None, complain: Callable[[str], None]) -> None:
    """The report to where it was asked for, then the table to the terminal, out of the way of JSON.

    What cannot be written costs nothing else.
    """
    from autograder.feedback.page import write_pages
    from autograder.feedback.text import print_result
    from autograder.grading.schema import write_report
    from autograder.reports.class_table import print_class

    console, pages = Console(stderr=json_to == "-"), list[Path]()

    def show() -> None:
        if len(report.submissions) == 1:
            print_result(console, report.submissions[0])
        else:
            print_class(console, report)
        if pages:
            console.print(f"Pages: {pages[0]}", highlight=False, soft_wrap=True, markup=False)
        console.file.flush()

    outputs: list[tuple[str, Callable[[], object]]] = []
    if html_to is not None:
        outputs.append((str(html_to), lambda: pages.extend(write_pages(report, html_to))))
    if json_to is not None:
        outputs.append(("standard output" if json_to == "-" else json_to, lambda: write_report(json_to, report)))
    for name, write in [*outputs, ("standard error" if console.stderr else "standard output", show)]:
        try:
            write()
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            complain(f"{getattr(error, 'filename', None) or name} could not be written: {why}.")
            if name == "standard output":  # or Python says it again when it ends
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
