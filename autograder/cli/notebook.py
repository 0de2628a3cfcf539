"""``check`` in a notebook: the public properties on functions of the running process."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from autograder import CheckFailed
from autograder.cli.check import SEED
from autograder.course.config import Course, load_course
from autograder.course.locate import NAME, find_course
from autograder.course.problems import ConfigError, did_you_mean
from autograder.feedback.text import print_exercise
from autograder.feedback.values import readable
from autograder.feedback.words import points
from autograder.grading.exercise import grade_exercise
from autograder.grading.verdict import Verdict
from autograder.testing.bank import Bank, BankError, Entry, Rooms, load_bank
from autograder.testing.live import Live, own_randomness, sources_of
from autograder.testing.outcomes import Call
from autograder.testing.search import Options

Function = Callable[..., Any]
HERE = "Checked in this process, without the sandbox and the further properties of grading."
_WIDTH = 100


class CheckInterrupted(KeyboardInterrupt):
    """Ctrl-C, or the notebook's stop button, while a function was tried."""

    def _render_traceback_(self) -> list[str]:
        """IPython's protocol: in a notebook nothing but the sentence."""
        return [f"KeyboardInterrupt: {self}"]


def check_here(exercise: str | Function, functions: Sequence[Function], namespace: Mapping[str, Any]) -> None:
    """What ``autograder.check`` does. namespace: where functions that are not given are looked for."""
    course, bank = _course_and_bank()
    console = Console(file=sys.stdout, force_jupyter=False, width=None if sys.stdout.isatty() else _WIDTH)
    if exercise == "":
        _list(console, course, bank)
        return
    if isinstance(exercise, str):
        name = exercise
    else:  # check(adam_step)
        name, functions = getattr(exercise, "__name__", "?"), (exercise, *functions)
    if name not in bank:
        near = did_you_mean(name, bank) or "."
        raise CheckFailed(f"there is no exercise {name!r}{near} check() lists them all.")
    entry = bank[name]
    found = _functions(entry, functions, namespace)
    sources = sources_of(found)
    student = Live(found, sources)
    try:
        with own_randomness(SEED):
            result = grade_exercise(entry, student, sources, Options(SEED, course.limits.examples)).result
    except KeyboardInterrupt:
        raise CheckInterrupted(_where(entry, student.last)) from None
    if "NotImplementedError" in result.reason:
        raise CheckFailed(f"{name} is not begun yet: it still raises NotImplementedError.")
    print_exercise(console, result)
    console.print(HERE, style="dim", highlight=False)
    if result.verdict is not Verdict.RIGHT:
        raise CheckFailed(f"{name}: {result.reason}")


def _course_and_bank() -> tuple[Course, Bank]:
    here = f"Keep this notebook in the folder that you were given, beside {NAME} and the properties"
    try:
        path = find_course(Path.cwd())
        return _loaded(path, path.stat().st_mtime_ns)
    except ConfigError as error:
        raise CheckFailed(f"{_plain(error)} {here}, and start it there (now: {Path.cwd()}).") from None
    except BankError as error:
        raise CheckFailed(f"{error}. {here}.") from None


@functools.lru_cache(maxsize=4)
def _loaded(path: Path, time: int) -> tuple[Course, Bank]:
    """time: of the last change, so that an edited file is read again."""
    course = load_course(path)
    return course, load_bank(Rooms(course.bank.public))


def _plain(error: ConfigError) -> str:
    """Without the advice that is about the command line."""
    text = str(error).replace("; name one with --config", "")
    return text if text.endswith(".") else f"{text}."


def _functions(entry: Entry, given: Sequence[Function], namespace: Mapping[str, Any]) -> dict[str, Function]:
    """The functions of the exercise by name: those given, by their names or in their order, else the caller's."""
    wanted = [function.name for function in entry.record.functions]
    for function in given:
        if not callable(function):
            raise CheckFailed(
                f'check("{entry.record.name}", ...) takes functions, and this is a {type(function).__name__}.'
            )
    if len(given) > len(wanted):
        raise CheckFailed(f"{entry.record.name} asks for {_and(wanted)} alone, and {len(given)} functions were given.")
    named = {getattr(function, "__name__", ""): function for function in given}
    if len(given) == len(wanted) and not set(wanted) <= set(named):
        return dict(zip(wanted, given, strict=True))
    found = {name: named.get(name, namespace.get(name)) for name in wanted}
    missing = [name for name, function in found.items() if not callable(function)]
    if missing:
        raise CheckFailed(
            f"there is no function named {_and(missing)}: run the cell that defines it, "
            f'then check("{entry.record.name}", {", ".join(wanted)}).'
        )
    return {name: function for name, function in found.items() if function is not None}


def _and(names: Sequence[str]) -> str:
    return " and ".join(names)


def _where(entry: Entry, call: Call | None) -> str:
    """On which input a function was when it was stopped."""
    if call is None:
        return f"{entry.record.name} was stopped."
    parameters = entry.record.function(call.function).parsed.parameters if _has(entry, call.function) else ()
    values = [readable(value) for value in call.arguments]
    shown = [f"{n} = {v}" for n, v in zip(parameters, values, strict=False)] or values
    return f"stopped in {call.function}({', '.join(shown)})"


def _has(entry: Entry, function: str) -> bool:
    return any(function == known.name for known in entry.record.functions)


def _list(console: Console, course: Course, bank: Bank) -> None:
    """Every exercise of the course with what to write."""
    for chosen in course.sets.values():
        console.print(f"{chosen.name}: {chosen.title}", markup=False, highlight=False)
        for name, policy in chosen.exercises.items():
            if name in bank:
                signatures = "; ".join(function.signature for function in bank[name].record.functions)
                text = f"  {name} ({points(policy.points)}): {signatures}"
                console.print(text, markup=False, highlight=False, soft_wrap=True)
