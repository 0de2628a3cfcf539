"""kill -9 of the whole command at random moments of its life, and of a zygote under two submissions."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import course_factory
import msgspec
import pytest
from course_factory import RIGHT, hand_in, make_course

from autograder.course.config import load_course
from autograder.grading import batch as module
from autograder.grading.batch import Batch, Task
from autograder.grading.child import Child, Settings
from autograder.grading.session import bank_of, key_of
from autograder.grading.store import store_path
from autograder.grading.submission import Sources, Submission
from autograder.grading.verdict import Verdict
from autograder.sandbox.levels import Level
from autograder.sandbox.zygote import Zygote

EXERCISES = ("double", "twofold", "twice")
ANSWERS = {
    "ada": RIGHT,
    "bob": RIGHT.replace("x + x", "x * x"),
    "cyd": RIGHT.replace("x + x", "x.no_such_thing"),
    "dan": "def double(x:\n",
    "eve": RIGHT.replace("x + x", "(_ for _ in x)"),
    "fay": "import os\n" + RIGHT.replace("return", "os._exit(0)\n    return"),
    "gus": RIGHT.replace("x + x", "2 * x"),
}
"""Right, wrong, and broken, and none so slow that a loaded machine would change its verdict."""


def whole_answer(text: str) -> str:
    return text + "".join(text.replace("double", name) for name in EXERCISES[1:])


CLASS = {student: whole_answer(text) for student, text in ANSWERS.items()}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """The tiny course with its exercise three times, and the class."""
    folder = tmp_path_factory.mktemp("course")
    path = make_course(folder)
    for name in EXERCISES[1:]:
        for room, text in (("public", course_factory.PUBLIC), ("hidden", course_factory.HIDDEN)):
            (folder / f"tests/properties/{room}/algebra/{name}.py").write_text(text.replace("double", name))
        (folder / f"reference/algebra/{name}.py").write_text(course_factory.REFERENCE.replace("double", name))
    path.write_text(path.read_text().replace("double: 10", ", ".join(f"{name}: 10" for name in EXERCISES)))
    hand_in(folder / "class", CLASS)
    return load_course(path)


@pytest.fixture(scope="module")
def zygote():
    with Zygote(Level.FULL) as started:
        yield started


def tasks_of(course):
    for student, text in CLASS.items():
        submission = Submission(student, student, "", Sources({"submission.py": text}, "submission.py"))
        yield Task(submission, course.sets["ps"].exercises)


def batch_of(course, zygote, store, jobs=2):
    bank, settings = bank_of(course), Settings(course.limits, seed=1)
    return Batch(bank, zygote, store, settings, key_of(course, bank, settings, zygote.level), jobs)


def plain(results):
    """Results without the seconds they took."""

    def untimed(value):
        if isinstance(value, dict):
            return {key: untimed(item) for key, item in value.items() if key != "seconds"}
        return [untimed(item) for item in value] if isinstance(value, list) else value

    return untimed(msgspec.to_builtins(results))


@pytest.fixture(scope="module")
def undisturbed(course, zygote):
    """What a run gives that nobody disturbs, and the seconds it takes the second time."""
    batch_of(course, zygote, None).grade(list(tasks_of(course)))
    start = time.monotonic()
    results = batch_of(course, zygote, None).grade(list(tasks_of(course)))
    verdicts = {e.verdict for r in results for e in r.exercises}
    assert verdicts == {Verdict.RIGHT, Verdict.WRONG, Verdict.ERROR}
    return plain(results), time.monotonic() - start


def stored(path: Path) -> dict[str, bytes]:
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = connection.execute("SELECT key, result || created FROM verdicts").fetchall()
    finally:
        connection.close()
    assert len(dict(rows)) == len(rows)
    return dict(rows)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_zygote_killed_under_two_submissions_is_forgiven_to_both(course, zygote, undisturbed, monkeypatch):
    """One of them notices only after the zygote has been replaced for the other."""
    killed = []

    class Slow(Child):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            if len(killed) < 2:
                os.kill(self.pid, signal.SIGSTOP)
                killed.append(self.pid)
            if len(killed) == 2:
                killed.append(0)
                os.kill(zygote.pid, signal.SIGKILL)
                os.kill(killed[0], signal.SIGCONT)
            elif len(killed) == 3:
                killed.append(0)
                assert zygote.alive()
                os.kill(killed[1], signal.SIGCONT)

    monkeypatch.setattr(module, "Child", Slow)
    assert plain(batch_of(course, zygote, None, jobs=2).grade(list(tasks_of(course)))) == undisturbed[0]
    assert len(killed) == 4


SUPERVISOR = """
import ctypes, os, subprocess, sys
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0  # what its descendants leave behind becomes its own
run = subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
try:
    run.wait(float(sys.argv[1]))
except subprocess.TimeoutExpired:
    run.kill()
    run.wait()
try:
    while True:  # until the last of them has ended
        os.wait()
except ChildProcessError:
    pass
"""


def command_line_rounds(course, folder, seed, rounds):
    """``autograder grade`` as a process, killed at random moments; it must leave no process behind (or this hangs)."""
    root, chance = course.path.parent, random.Random(seed)
    grade = [sys.executable, "-P", "-m", "autograder", "grade", "class", "--seed", str(seed)]
    start = time.monotonic()
    run = subprocess.run(
        [*grade, "--json", folder / "first.json"], cwd=root, capture_output=True, text=True, check=False, timeout=200
    )
    assert run.returncode == 0, run.stderr
    duration = time.monotonic() - start
    path = store_path(course.path)
    path.unlink()
    before: dict[str, bytes] = {}
    for _ in range(rounds):
        moment = chance.uniform(0, duration)
        supervisor = [sys.executable, "-c", SUPERVISOR, str(moment), *grade, "--json", str(folder / "killed.json")]
        subprocess.run(supervisor, cwd=root, check=True, timeout=120)
        after = stored(path) if path.exists() and path.stat().st_size else {}
        assert before.items() <= after.items()
        before = after
    run = subprocess.run(
        [*grade, "--json", folder / "last.json"], cwd=root, capture_output=True, text=True, check=False, timeout=200
    )
    assert run.returncode == 0, run.stderr
    first, last = (plain(json.loads((folder / f"{name}.json").read_text())) for name in ("first", "last"))
    assert first == last
    assert before.items() <= stored(path).items()
    assert len(stored(path)) == len(CLASS) * len(EXERCISES)
    path.unlink()


@pytest.mark.slow
def test_the_command_killed_at_random_moments_leaves_nothing_running(course, tmp_path):
    command_line_rounds(course, tmp_path, seed=0, rounds=2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_the_command_killed_at_many_random_moments(course, tmp_path, seed):
    command_line_rounds(course, tmp_path, seed=seed, rounds=12)


def test_the_supervisor_would_see_what_is_left_behind():
    """The check can fail: it waits for a grandchild whose parent was killed."""
    orphan = "import subprocess; subprocess.Popen(['sleep', '1000']); import signal; signal.pause()"
    supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISOR, "1", sys.executable, "-c", orphan])
    with pytest.raises(subprocess.TimeoutExpired):
        supervisor.wait(3)
    left = children_of(supervisor.pid)
    assert len(left) == 1
    os.kill(left[0], signal.SIGKILL)
    assert supervisor.wait(30) == 0
