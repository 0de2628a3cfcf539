"""A run over a class: stored verdicts, confirmed timeouts, deaths that are not the student's."""

from __future__ import annotations

import dataclasses
import os
import signal

import pytest
from course_factory import RIGHT, make_course

from autograder.course.config import load_course
from autograder.grading import batch as module
from autograder.grading.batch import Batch, Task
from autograder.grading.child import Child, Settings
from autograder.grading.session import bank_of, checked_bank, key_of
from autograder.grading.store import StoreError, VerdictStore
from autograder.grading.submission import Sources, Submission
from autograder.grading.verdict import Verdict
from autograder.sandbox.levels import probe
from autograder.sandbox.zygote import Zygote

LOOP = "def double(x):\n    while True: pass"


@pytest.fixture(scope="module")
def zygote():
    with Zygote(probe().level) as started:
        yield started


@pytest.fixture
def course(tmp_path):
    return load_course(make_course(tmp_path))


@pytest.fixture
def run(course, zygote, tmp_path):
    bank = bank_of(course)
    limits = dataclasses.replace(course.limits, call=0.5)
    settings = Settings(limits, seed=1)
    with VerdictStore(tmp_path / "store.sqlite") as store:
        yield Batch(bank, zygote, store, settings, key_of(course, bank, settings, zygote.level), jobs=2)


def task(course, text, student="s"):
    submission = Submission(student, student, "", Sources({"submission.py": text}, "submission.py"))
    return Task(submission, course.sets["ps"].exercises)


def verdicts(results):
    return [submission.exercises[0].verdict for submission in results]


class CountedChildren:
    """Counts the children a run forks; ``after`` is called with each."""

    def __init__(self, monkeypatch, after=lambda child: None):
        self.count = 0

        class Counted(Child):
            def __init__(child, *arguments):  # noqa: N805
                super().__init__(*arguments)
                self.count += 1
                after(child)

        monkeypatch.setattr(module, "Child", Counted)


def test_a_stored_verdict_is_not_reached_again(run, course, monkeypatch):
    first = run.grade([task(course, RIGHT)])
    children = CountedChildren(monkeypatch)
    assert run.grade([task(course, RIGHT)]) == first
    assert children.count == 0


def test_results_come_in_the_order_of_the_tasks(run, course):
    tasks = [task(course, f"{RIGHT}\n# {n}" if n % 2 else LOOP.replace("pass", f"{n}"), f"s{n}") for n in range(6)]
    results = run.grade(tasks)
    assert [r.student for r in results] == [f"s{n}" for n in range(6)]
    assert verdicts(results) == [Verdict.TIMEOUT, Verdict.RIGHT] * 3


def test_a_timeout_is_confirmed_alone_before_it_is_stored(run, course, monkeypatch):
    children = CountedChildren(monkeypatch)
    assert verdicts(run.grade([task(course, LOOP)])) == [Verdict.TIMEOUT]
    assert children.count == 2
    assert verdicts(run.grade([task(course, LOOP)])) == [Verdict.TIMEOUT]
    assert children.count == 2, "a confirmed timeout is a verdict like any other"


def test_a_child_that_dies_once_costs_nobody_anything(run, course, monkeypatch):
    killed = []

    def kill_first(child):
        if not killed:
            killed.append(child.pid)
            os.kill(child.pid, signal.SIGKILL)

    CountedChildren(monkeypatch, kill_first)
    assert verdicts(run.grade([task(course, RIGHT)])) == [Verdict.RIGHT]
    assert killed


def test_a_child_that_always_dies_is_a_fault_and_not_stored(run, course, monkeypatch):
    with monkeypatch.context() as patched:
        CountedChildren(patched, lambda child: os.kill(child.pid, signal.SIGKILL))
        (result,) = run.grade([task(course, RIGHT)])
    assert (result.exercises[0].verdict, result.score) == (Verdict.FAULT, None)
    assert verdicts(run.grade([task(course, RIGHT)])) == [Verdict.RIGHT]


def test_a_dead_zygote_is_replaced_before_the_next_submission(run, course, zygote):
    os.kill(zygote.pid, signal.SIGKILL)
    assert verdicts(run.grade([task(course, RIGHT)])) == [Verdict.RIGHT]


def test_a_zygote_that_dies_during_a_submission_is_not_the_students_doing(run, course, zygote, monkeypatch):
    killed = []

    def kill_zygote(child):
        if not killed:
            killed.append(zygote.pid)
            os.kill(zygote.pid, signal.SIGKILL)

    CountedChildren(monkeypatch, kill_zygote)
    assert verdicts(run.grade([task(course, RIGHT)])) == [Verdict.RIGHT]


def test_a_store_that_fails_loses_no_verdict_of_this_run(run, course, monkeypatch):
    def full(*arguments):
        raise StoreError("the disk is full")

    monkeypatch.setattr(run.store, "put", full)
    assert verdicts(run.grade([task(course, RIGHT)])) == [Verdict.RIGHT]
    assert run.store_problem == "the disk is full"


def test_nothing_readable_is_missing(run, course):
    submission = Submission("p", "s", "", None, ("the archive is damaged",))
    (result,) = run.grade([Task(submission, course.sets["ps"].exercises)])
    assert (result.exercises[0].verdict, result.score) == (Verdict.MISSING, 0)


def test_progress_counts_every_exercise_once(run, course):
    steps = []
    run.grade([task(course, RIGHT), task(course, LOOP, "t")], lambda submission, done: steps.append(done))
    assert sum(steps) == 2


def test_a_void_property_counts_for_nobody_and_does_not_run(course, zygote):
    no_error = "def double(x):\n    return x + x"  # accepts a matrix, which only one property looks at
    settings = Settings(course.limits, seed=1)

    def graded(course):
        bank = checked_bank(course)
        key = key_of(course, bank, settings, zygote.level)
        handed_in = task(course, no_error)
        (result,) = Batch(bank, zygote, None, settings, key, jobs=1).grade([handed_in])
        return result.exercises[0], key(handed_in.submission, "double")

    before, key_before = graded(course)
    assert before.verdict is Verdict.WRONG
    failed = [p.name for p in before.properties if not p.passed]
    after, key_after = graded(dataclasses.replace(course, void={"double": tuple(failed)}))
    assert (after.verdict, after.score) == (Verdict.RIGHT, 10.0)
    assert {p.name for p in before.properties} - {p.name for p in after.properties} == set(failed)
    assert key_after != key_before
