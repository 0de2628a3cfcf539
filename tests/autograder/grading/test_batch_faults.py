"""What breaks during a run, of the machine's or of the course's, becomes a fault that says so; the run goes on."""

from __future__ import annotations

import os
import signal

import pytest
from course_factory import REFERENCE, RIGHT, make_course

from autograder.course.config import load_course
from autograder.grading import batch as module
from autograder.grading.batch import Batch, Task
from autograder.grading.child import Child, Settings
from autograder.grading.session import bank_of, key_of
from autograder.grading.store import VerdictStore
from autograder.grading.submission import Sources, Submission
from autograder.grading.verdict import Verdict
from autograder.sandbox.levels import probe
from autograder.sandbox.zygote import Zygote
from autograder.testing.outcomes import Fault


@pytest.fixture(scope="module")
def zygote():
    with Zygote(probe().level) as started:
        yield started


@pytest.fixture
def course(tmp_path):
    return load_course(make_course(tmp_path))


def batch_of(course, zygote, store=None, **limits):
    import dataclasses

    bank, settings = bank_of(course), Settings(dataclasses.replace(course.limits, **limits), seed=1)
    return Batch(bank, zygote, store, settings, key_of(course, bank, settings, zygote.level), jobs=2)


def task(course, text=RIGHT, student="s"):
    submission = Submission(student, student, "", Sources({"submission.py": text}, "submission.py"))
    return Task(submission, course.sets["ps"].exercises)


def only(results):
    return results[0].exercises[0]


class NoSandbox:
    """A zygote that never comes up."""

    level = probe().level
    starts = 0

    def alive(self):
        return False

    def restart(self):
        self.starts += 1
        raise Fault("the sandbox does not start (for a test)")


def test_a_sandbox_that_does_not_start_is_a_fault_for_everyone(course):
    zygote = NoSandbox()
    results = batch_of(course, zygote).grade([task(course, student=name) for name in "abc"])
    assert [r.score for r in results] == [None] * 3
    assert all("the sandbox does not start (for a test)" in r.exercises[0].reason for r in results)
    assert zygote.starts == 3, "a sandbox that does not start is not tried again for every student"


def test_a_process_that_cannot_be_had_is_a_fault(course, zygote, monkeypatch):
    def none_left(*arguments):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(module, "Child", none_left)
    result = only(batch_of(course, zygote).grade([task(course)]))
    assert result.verdict is Verdict.FAULT and "Resource temporarily unavailable" in result.reason


@pytest.mark.parametrize("body", ["while True:\n        x = x + 0", "import time\n    time.sleep(1000)"])
def test_a_reference_that_hangs_is_a_fault_and_nobodys_zero(tmp_path, zygote, body):
    course = load_course(make_course(tmp_path, REFERENCE.replace("return 2 * x", body + "\n    return 2 * x")))
    result = only(batch_of(course, zygote, exercise=0.5).grade([task(course)]))
    assert (result.verdict, result.score) == (Verdict.FAULT, None)
    assert "the reference cannot be checked: it takes more than 0.5 s" in result.reason


def test_a_reference_that_ends_the_process_is_a_fault(tmp_path, zygote):
    reference = REFERENCE.replace("return 2 * x", 'raise SystemExit("enough")')
    result = only(batch_of(load_course(make_course(tmp_path, reference)), zygote).grade([task_in(tmp_path)]))
    assert result.verdict is Verdict.FAULT and "it ends the process (enough)" in result.reason


def task_in(folder):
    return task(load_course(folder / "grading.yml"))


def test_a_fault_says_how_the_process_ended(course, zygote, monkeypatch):
    class Killed(Child):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            os.kill(self.pid, signal.SIGKILL)

    monkeypatch.setattr(module, "Child", Killed)
    result = only(batch_of(course, zygote).grade([task(course)]))
    assert "ended early twice, the last time because it was killed (SIGKILL)" in result.reason


def test_a_process_that_does_not_end_is_stopped_and_named(course, zygote, monkeypatch):
    class Stopped(Child):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            os.kill(self.pid, signal.SIGSTOP)
            self.deadline = 0.0

    monkeypatch.setattr(module, "Child", Stopped)
    result = only(batch_of(course, zygote).grade([task(course)]))
    assert result.verdict is Verdict.FAULT
    assert "did not come to an end and was stopped" in result.reason


def test_a_verdict_that_another_run_stored_meanwhile_is_taken_over(course, zygote, tmp_path, monkeypatch):
    """Before the exercise begins it is not graded again; after it has ended the stored verdict stands."""
    path = tmp_path / "verdicts.sqlite"
    with VerdictStore(path) as store, VerdictStore(path) as other:
        ours, theirs = batch_of(course, zygote, store), batch_of(course, zygote, other)
        rehearse, standing = ours._rehearse, []
        with monkeypatch.context() as patched:
            meanwhile = lambda names: (standing.extend(theirs.grade([task(course)])), rehearse(names))
            patched.setattr(ours, "_rehearse", meanwhile)
            patched.setattr(ours, "_connect", lambda: pytest.fail("graded again"))
            assert ours.grade([task(course)]) == standing

        changed = RIGHT + "# later"

        class Slow(Child):
            def __init__(child, *arguments):  # noqa: N805
                super().__init__(*arguments)
                if len(standing) == 1:
                    standing.append(None)  # only once
                    standing[1:] = theirs.grade([task(course, changed)])

        monkeypatch.setattr(module, "Child", Slow)
        assert ours.grade([task(course, changed)]) == standing[1:], "to the very seconds it took"


def test_a_result_that_cannot_be_written_down_is_a_fault(course, zygote, tmp_path, monkeypatch):
    with VerdictStore(tmp_path / "verdicts.sqlite") as store:

        def refuse(*arguments):
            raise ValueError("$.seconds is nan, which JSON cannot say")

        monkeypatch.setattr(store, "put", refuse)
        result = only(batch_of(course, zygote, store).grade([task(course)]))
    assert result.verdict is Verdict.FAULT and "$.seconds is nan" in result.reason


def test_progress_counts_what_became_a_fault(course):
    steps = []
    batch_of(course, NoSandbox()).grade([task(course)], lambda submission, done: steps.append(done))
    assert sum(steps) == 1
