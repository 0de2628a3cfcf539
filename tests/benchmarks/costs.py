"""What the wall and the properties cost on this machine, in the README's table, from one run: so the ratios hold even
where the machine is busy with other things.

    python tests/benchmarks/costs.py

Seconds of processor time are those of all processes: the grader's, the zygote's and the workers'. The unprotected run
tries the same properties, with the same inputs and comparisons, on the same functions in one process.
"""

from __future__ import annotations

import autograder  # noqa: F401  # before torch: it keeps libraries of linear algebra to one thread

# isort: split
import dataclasses
import datetime
import os
import pickle
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch
from rich.console import Console

from autograder.course.config import ExercisePolicy, Limits
from autograder.grading.batch import Batch, Task
from autograder.grading.child import Settings
from autograder.grading.intake import find_submissions
from autograder.sandbox.levels import probe
from autograder.sandbox.worker import Worker
from autograder.sandbox.zygote import Client, Zygote
from autograder.testing.bank import Bank, Entry, Rooms, load_bank
from autograder.testing.inprocess import InProcess
from autograder.testing.outcomes import Call
from autograder.testing.runner import run_properties
from autograder.testing.sandboxed import Sandboxed
from autograder.testing.search import Options
from autograder.testing.student import Student

ROOT = Path(__file__).parents[2]
SUBMISSION = ROOT / "tests" / "demo" / "class" / "alma" / "submission.py"
THREE = ("sherman_morrison", "tweedie_posterior_mean", "relu_gaussian_moments")
FOURTEEN = (
    *("two_layer_net_gradients", "tweedie_posterior_mean", "circular_conv2d", "equivariance_error", "realnvp_forward"),
    *("realnvp_inverse", "realnvp_log_prob", "relu_gaussian_moments", "init_std", "init_weights", "sherman_morrison"),
    *("adam_step", "map_linear_gaussian", "generalized_least_squares"),
)
ECHO = {"submission.py": "def echo(x):\n    return x\n"}
CLASS, CASES, ROUNDS, PYTESTS = 50, 20, 5, 6
Rows = Iterator[tuple[str, str]]


def median(action: Callable[[], object], rounds: int) -> float:
    """Median seconds of ``action``."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def calls(client: Client) -> Rows:
    """A worker and its calls."""
    workers: list[Worker] = []

    def start() -> None:
        workers.append(Worker(client, ECHO, "submission.py"))
        workers[-1].load()

    yield "worker: start and load", f"{1e3 * median(start, 30):.1f} ms"
    yield "worker: end", f"{1e3 * median(lambda: workers.pop().stop(), 30):.1f} ms"
    worker = Worker(client, ECHO, "submission.py")
    small, large = torch.ones(3, 3, dtype=torch.float64), torch.ones(100, 100, dtype=torch.float64)
    for label, tensor in (("3 x 3", small), ("100 x 100", large)):
        seconds = median(lambda tensor=tensor: worker.call("echo", (tensor,), 1), 2000)
        yield f"one call, {label}", f"{1e6 * seconds:.0f} us"
    many = [(Call("echo", (small,)), 1, "value")] * 200
    seconds = median(lambda: worker.call_ahead(many, time.monotonic() + 60), 50) / len(many)
    yield "one of many calls sent together, 3 x 3", f"{1e6 * seconds:.0f} us"
    worker.stop()


def processor_time(zygote: Zygote | None = None) -> float:
    """Seconds that this process, its children, the zygote and the workers that have ended have used."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.process_time() + children.ru_utime + children.ru_stime
    if zygote is None:
        return seconds
    fields = Path(f"/proc/{zygote.pid}/stat").read_text().rpartition(")")[2].split()
    return seconds + sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def hold(entry: Entry, student: Student) -> int:
    """Run every property; how many there were."""
    outcomes = list(run_properties(entry.properties, student, Options(1)))
    student.close()
    assert all(outcome.passed for outcome in outcomes), [o for o in outcomes if not o.passed]
    return len(outcomes)


def answers(entry: Entry) -> dict[str, str]:
    """The reference as a submission."""
    return {"submission.py": (ROOT / "reference" / entry.topic / f"{entry.subject}.py").read_text()}


def properties(bank: Bank, zygote: Zygote, client: Client) -> Rows:
    """Right answers behind the wall and without one."""
    walled, unprotected, count = dict[str, float](), dict[str, float](), dict[str, int]()
    for name, entry in bank.items():
        seconds = []
        for _ in range(1 + ROUNDS):
            start = processor_time(zygote)
            count[name] = hold(entry, Sandboxed(client, answers(entry), "submission.py"))
            middle = processor_time(zygote)
            hold(entry, InProcess(dict(entry.references or {})))
            seconds.append((middle - start, processor_time(zygote) - middle))
        walled[name], unprotected[name] = map(statistics.median, zip(*seconds[1:], strict=True))  # less the first uses

    def row(label: str, names: Iterable[str]) -> tuple[str, str]:
        a, b = sum(walled[name] for name in names), sum(unprotected[name] for name in names)
        return label, f"{a:.2f} s, unprotected {b:.2f} s, ratio {a / b:.2f}"

    yield row(f"one right submission, {len(THREE)} exercises, {sum(count[n] for n in THREE)} properties", THREE)
    yield row(f"the same, {len(FOURTEEN)} exercises, {sum(count[n] for n in FOURTEEN)} properties", FOURTEEN)
    yield row(f"the same, all {len(bank)} exercises, {sum(count.values())} properties", tuple(bank))


PYTEST = [
    *(sys.executable, "-m", "pytest", "-q", "-c", os.devnull, str(ROOT / "tests" / "benchmarks" / "plain_tests.py")),
    *(f"-pno:{plugin}" for plugin in ("autograder", "hypothesispytest", "cacheprovider", "timeout", "xdist")),
]
GRADE = [sys.executable, "-P", "-m", "autograder"]


def classes(bank: Bank, folder: Path) -> Rows:
    """Submissions per minute of two cores, against a fresh pytest process for each; from their processor time."""
    gates = {name: gate_only(bank[name]) for name in THREE}
    value = graded_per_minute(gates, folder)
    everything = graded_per_minute({name: bank[name] for name in THREE}, folder)
    plain = pytest_per_minute(gates, folder)
    what = f"a class of {CLASS}, {len(THREE)} functions x {CASES} cases"
    yield what, f"{value:.0f} per minute; a pytest process for each: {plain:.0f}; ratio {value / plain:.1f}"
    yield "the same with every property of the three", f"{everything:.0f} per minute"


def gate_only(entry: Entry) -> Entry:
    """The exercise with nothing but the comparison of values."""
    others = [tried.name for tried in (*entry.properties, *entry.record.rules) if not getattr(tried, "gate", False)]
    return dataclasses.replace(entry, void=tuple(others))


def graded_per_minute(bank: Bank, folder: Path) -> float:
    """From the start of the sandbox to the last verdict, two at a time."""
    path = folder / "class"
    for number in range(CLASS):
        (path / f"student{number}").mkdir(parents=True, exist_ok=True)
        (path / f"student{number}" / "submission.py").write_text(f"{SUBMISSION.read_text()}\n# {number}\n")
    tasks = [Task(submission, dict.fromkeys(bank, ExercisePolicy(1.0))) for submission in find_submissions([path])]
    assert len(tasks) == CLASS
    start = processor_time()
    with Zygote() as zygote:
        results = Batch(bank, zygote, None, Settings(Limits()), lambda *_: "", jobs=2).grade(tasks)
        seconds = processor_time(zygote) - start
    assert all(exercise.verdict.value == "right" for result in results for exercise in result.exercises)
    return 2 * 60 * CLASS / seconds


def pytest_per_minute(bank: Bank, folder: Path) -> float:
    """Two processes at a time, without plug-ins that they do not need."""
    cases = {}
    for name, entry in bank.items():
        function = entry.record.function(name)
        drawn = [case.arguments(function.parsed) for case in function.cases.dense * CASES][:CASES]
        cases[name] = [(arguments, entry.references[name](*arguments)) for arguments in drawn]
    (folder / "cases").write_bytes(pickle.dumps(cases))
    environment = {**os.environ, "SUBMISSION": str(SUBMISSION), "CASES": str(folder / "cases"), "OMP_NUM_THREADS": "1"}
    start, running = processor_time(), list[subprocess.Popen[bytes]]()
    for _ in range(PYTESTS):
        if len(running) == 2:
            running.pop(0).wait()
        running.append(subprocess.Popen(PYTEST, env=environment, stdout=subprocess.DEVNULL))
    assert all(process.wait() == 0 for process in running)
    return 2 * 60 * PYTESTS / (processor_time() - start)


def memory(folder: Path) -> Rows:
    """The largest proportional set size of a run with two streams and all its processes."""
    options = [option for name in THREE for option in ("--exercise", name)]
    course = folder / "course"  # with a store of its own
    course.mkdir()
    for name in ("grading.yml", "reference", "tests", "assignments"):
        (course / name).symlink_to(ROOT / name)
    command = [*GRADE, "--config", str(course / "grading.yml"), "grade", "--jobs", "2", str(folder / "class"), *options]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    largest = 0
    while run.poll() is None:
        largest = max(largest, sum(map(proportional_size, tree(run.pid))))
    assert run.returncode == 0
    yield "memory of a run with two streams, all processes", f"{largest >> 20} MB"


def tree(pid: int) -> Iterator[int]:
    """A process and those below it."""
    yield pid
    try:
        children = [int(child) for f in Path(f"/proc/{pid}/task").glob("*/children") for child in f.read_text().split()]
    except OSError:
        return
    for child in children:
        yield from tree(child)


def proportional_size(pid: int) -> int:
    """Bytes, with what is shared divided among those who share it; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:")), 0)


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    rooms = ROOT / "tests" / "properties"
    bank = load_bank(Rooms(rooms / "public", rooms / "hidden", ROOT / "reference"))
    console, folder = Console(highlight=False, soft_wrap=True), Path(tempfile.mkdtemp(prefix="costs-"))
    console.print(f"{datetime.date.today()}, {os.cpu_count()} x {platform.machine()}, {probe().level.value}\n")
    console.print("| what | cost |\n|---|---|")

    def show(rows: Rows) -> None:
        for row in rows:
            console.print(f"| {' | '.join(row)} |")

    try:
        start = time.perf_counter()
        with Zygote() as zygote, zygote.connect() as client:
            show(iter([("zygote, once per run (imports torch)", f"{time.perf_counter() - start:.1f} s")]))
            show(calls(client))
            show(properties(bank, zygote, client))
        show(classes(bank, folder))
        show(memory(folder))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
