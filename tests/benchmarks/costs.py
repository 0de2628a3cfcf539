"""What the wall and the properties cost on this machine: medians, and ratios against one unprotected process.

    python tests/benchmarks/costs.py

All figures come from one run, so the ratios hold even where the machine is busy with other things.
"""

from __future__ import annotations

import datetime
import platform
import runpy
import statistics
import time
from pathlib import Path

import torch
from rich import box
from rich.console import Console
from rich.table import Table

from autograder.course.config import Limits
from autograder.grading.child import worker_limits
from autograder.grading.intake import find_submissions
from autograder.sandbox.levels import probe
from autograder.sandbox.worker import Worker
from autograder.sandbox.zygote import Client, Zygote
from autograder.testing.bank import Rooms, load_bank
from autograder.testing.inprocess import InProcess
from autograder.testing.runner import run_properties
from autograder.testing.sandboxed import Sandboxed
from autograder.testing.search import Options
from autograder.testing.student import Student

ROOT = Path(__file__).parents[2]
EXERCISES = (("sherman_morrison",), ("tweedie_posterior_mean",), ("relu_gaussian_moments", "init_weights"))
ECHO = {"submission.py": "def echo(x):\n    return x\n"}


def median(action, rounds: int) -> float:
    """Median seconds of ``action``."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def start_and_end(client: Client) -> None:
    """One worker from fork to a loaded submission, and its end."""
    worker = Worker(client, ECHO, "submission.py")
    worker.load()
    worker.stop()


def properties_of(student: Student, bank: dict, names: tuple[str, ...]) -> int:  # type: ignore[type-arg]
    """Run every property of the exercises; how many there were."""
    count = 0
    for name in names:
        for outcome in run_properties(bank[name].properties, student, Options(1)):
            assert outcome.passed, outcome
            count += 1
    return count


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    rows: list[tuple[str, str]] = []
    rooms = ROOT / "tests" / "properties"
    bank = load_bank(Rooms(rooms / "public", rooms / "hidden", ROOT / "reference"))
    path = ROOT / "tests" / "demo" / "class" / "alma" / "submission.py"
    sources = find_submissions([path])[0].sources
    assert sources is not None
    start = time.perf_counter()
    with Zygote(probe().level) as zygote, zygote.connect() as client:
        rows.append(("zygote, once per run", f"{time.perf_counter() - start:.2f} s"))
        rows.append(("worker: start, load, end", f"{1e3 * median(lambda: start_and_end(client), 30):.1f} ms"))
        worker = Worker(client, ECHO, "submission.py")
        small, large = torch.ones(3, 3, dtype=torch.float64), torch.ones(100, 100, dtype=torch.float64)
        for label, tensor in (("call, 3 x 3", small), ("call, 100 x 100", large)):
            seconds = median(lambda tensor=tensor: worker.call("echo", (tensor,), 1), 1000)
            rows.append((label, f"{1e6 * seconds:.0f} us"))
        worker.stop()
        walled = unprotected = 0.0
        count = 0
        functions = runpy.run_path(str(path))
        for names in EXERCISES:
            student = Sandboxed(client, sources.files, sources.main, limits=worker_limits(Limits()))
            count += properties_of(student, bank, names)  # both ways once, so that neither pays for first uses
            properties_of(InProcess(functions), bank, names)
            walled += median(lambda student=student, names=names: properties_of(student, bank, names), 5)
            unprotected += median(lambda names=names: properties_of(InProcess(functions), bank, names), 5)
            student.close()
    rows.append(("property, mean of all", f"{1e3 * walled / count:.1f} ms"))
    rows.append((f"submission, {len(EXERCISES)} exercises, {count} properties", f"{walled:.2f} s"))
    rows.append(("the same, unprotected, in one process", f"{unprotected:.2f} s"))
    rows.append(("ratio", f"{walled / unprotected:.2f}"))
    table = Table("what", "cost", box=box.SIMPLE)
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False)
    console.print(f"{datetime.date.today()}, {platform.machine()}, {probe().level.value}")
    console.print(table)


if __name__ == "__main__":
    main()
