"""``autograder replay``: one stored counterexample, exactly as it was, on the code that failed or on another file."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from autograder.cli.common import open_course, stop

EPILOG = """\b
Examples:
  autograder replay 3f9c1a                 the counterexample whose id begins so
  autograder replay 3f9c1a --submission fixed.py

The ids stand in the JSON of 'autograder grade'. Exit status: 0 the property holds on it now; 1 it fails."""


@click.command("replay", epilog=EPILOG)
@click.argument("counterexample", metavar="ID")
@click.option("--submission", type=click.Path(path_type=Path, exists=True), help="Run it on this file instead.")
@click.pass_obj
def command(config: Path | None, counterexample: str, submission: Path | None) -> None:
    """Run one stored counterexample again. For staff: it may show hidden inputs."""
    course = open_course(config, [submission] if submission else ())
    from autograder.cli.grade import usable_level
    from autograder.feedback.values import readable
    from autograder.grading.child import worker_limits
    from autograder.grading.exact import unpack
    from autograder.grading.intake import IntakeError, find_submissions
    from autograder.grading.session import bank_of
    from autograder.grading.store import StoreError, VerdictStore, store_path
    from autograder.grading.submission import Sources
    from autograder.sandbox.zygote import Zygote
    from autograder.testing.compare import compare
    from autograder.testing.outcomes import Interrupted, StudentError
    from autograder.testing.sandboxed import Sandboxed

    try:
        with VerdictStore(store_path(course.path)) as store:
            stored = store.counterexample(counterexample)
        sources = Sources.decode(stored.sources) if submission is None else find_submissions([submission])[0].sources
    except (StoreError, LookupError, IntakeError) as error:
        stop(str(error).strip("'\""))
    if sources is None:
        stop(f"{submission}: nothing in it could be read.")
    bank = bank_of(course)
    if stored.exercise not in bank:
        stop(f"the bank no longer has the exercise {stored.exercise}.")
    entry = bank[stored.exercise]
    function = entry.record.function(stored.function)
    arguments = unpack(stored.arguments)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{stored.exercise}, property {stored.property}: {stored.function}", markup=False)
    for name, value in zip(function.parsed.parameters, arguments, strict=False):
        console.print(f"  {name} = {readable(value)}", markup=False)
    reference = (entry.references or {}).get(stored.function)
    with Zygote(usable_level(unsafe=False)) as zygote:
        student = Sandboxed(zygote.connect(), sources.files, sources.main, limits=worker_limits(course.limits))
        try:
            got = student.call(stored.function, arguments)
        except (StudentError, Interrupted) as error:
            console.print(f"got: {error}", markup=False)
            raise SystemExit(1) from None
        finally:
            student.close()
    console.print(f"got: {readable(got)}", markup=False)
    if reference is None:
        return
    result = compare(got, arguments, reference, tails=function.tails, through=function.compare_through)
    console.print(f"expected: {readable(result.expected)}", markup=False)
    console.print(result.message or "agrees with the reference", markup=False)
    raise SystemExit(1 if result.verdict == "fail" else 0)
