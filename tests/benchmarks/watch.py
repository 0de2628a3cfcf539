"""How long an author waits for a verdict: from saving one function to its verdict, against a cold check of it.

    python tests/benchmarks/watch.py

All figures come from one run, so the ratios hold even where the machine is busy with other things.
"""

from __future__ import annotations

import ast
import datetime
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-P", "-m", "autograder", "--config", str(ROOT / "grading.yml"), "check"]
EXERCISES = ("sherman_morrison", "tweedie_posterior_mean", "relu_gaussian_moments", "init_weights")
ROUNDS = 7


def edited(text: str, function: str, number: int) -> str:
    """The text with one more statement in a function, which leaves its values as they are."""
    last = next(s for s in ast.parse(text).body if isinstance(s, ast.FunctionDef) and s.name == function).body[-1]
    lines = text.splitlines(keepends=True)
    lines.insert(last.lineno - 1, f"{' ' * last.col_offset}unused_{number} = {number}\n")
    return "".join(lines)


def cold(file: Path, exercise: str) -> float:
    """Seconds of a check of one exercise from the command line."""
    start = time.perf_counter()
    subprocess.run([*COMMAND, str(file), "--exercise", exercise], check=True, capture_output=True)
    return time.perf_counter() - start


def warm(file: Path) -> dict[str, list[float]]:
    """Seconds from a save to the verdict, by exercise."""
    text = file.read_text()
    seconds: dict[str, list[float]] = {name: [] for name in EXERCISES}
    watch = subprocess.Popen([*COMMAND, str(file), "--watch"], stdout=subprocess.PIPE, text=True)
    assert watch.stdout is not None
    _until(watch.stdout, "Ctrl-C ends it")
    for number in range(ROUNDS):
        for name in EXERCISES:
            text = edited(text, name, number)
            other = file.with_name("saved")
            other.write_text(text)
            start = time.perf_counter()
            other.replace(file)
            _until(watch.stdout, f"{name}  Right")
            seconds[name].append(time.perf_counter() - start)
            _until(watch.stdout, "Ctrl-C ends it")
    watch.send_signal(signal.SIGINT)
    watch.wait()
    return seconds


def _until(lines, text: str) -> None:
    for line in lines:
        if text in line:
            return
    raise SystemExit(f"the watch ended before it said {text!r}")


def main() -> None:
    """Measure and print."""
    table = Table("exercise", "save to verdict", "fastest", "cold check", "ratio", box=box.SIMPLE)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "submission.py"
        shutil.copy(ROOT / "tests" / "demo" / "class" / "alma" / "submission.py", file)
        slow = {name: cold(file, name) for name in EXERCISES}
        for name, seconds in warm(file).items():
            middle = statistics.median(seconds)
            table.add_row(
                name, f"{middle:.2f} s", f"{min(seconds):.2f} s", f"{slow[name]:.2f} s", f"1/{slow[name] / middle:.0f}"
            )
    console = Console(highlight=False)
    console.print(f"{datetime.date.today()}, {platform.machine()}, median of {ROUNDS} saves")
    console.print(table)


if __name__ == "__main__":
    main()
