"""A whole class: what the store knows is taken from it, the rest is graded in parallel, and nothing is lost.

A child that dies is tried again once; the exercise at which it dies twice is a fault, the others go on. A fault is
tried again once, too, in a fresh child: a zygote or a worker may have been killed. A timeout is confirmed alone, when
nothing else runs, before it counts. Whatever cannot be done becomes a fault that says what happened; the run goes on.
"""

from __future__ import annotations

import collections
import dataclasses
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from autograder.course.config import ExercisePolicy
from autograder.grading.child import Child, Settings
from autograder.grading.exercise import Graded, fault_result, missing_result
from autograder.grading.points import total, with_policy
from autograder.grading.store import StoreError, VerdictStore
from autograder.grading.submission import Submission
from autograder.grading.verdict import ExerciseResult, SubmissionResult, Verdict
from autograder.sandbox.zygote import Client, Zygote
from autograder.testing.bank import Bank
from autograder.testing.deadline import at_most
from autograder.testing.inprocess import InProcess
from autograder.testing.outcomes import Fault
from autograder.testing.runner import run_properties
from autograder.testing.search import Options

MAX_DEATHS = 2
"""A child that dies so often at one exercise makes it a fault."""
MAX_STARTS = 3
"""After so many attempts in a row to start the sandbox, what is left of the run is a fault."""
_TICK = 0.5

KeyOf = Callable[[Submission, str], str]
Progress = Callable[[Submission, int], None]


@dataclasses.dataclass(eq=False)
class Task:
    """One submission with the exercises it is graded on, in the course's order."""

    submission: Submission
    policies: Mapping[str, ExercisePolicy]
    results: dict[str, ExerciseResult] = dataclasses.field(default_factory=dict)
    todo: list[str] = dataclasses.field(default_factory=list)
    faulted: set[str] = dataclasses.field(default_factory=set)
    deaths: int = 0
    confirming: bool = False

    def finish(self) -> SubmissionResult:
        """The submission's results under the course's policy."""
        exercises = [
            with_policy(self.results[name], policy.points, policy.weights) for name, policy in self.policies.items()
        ]
        notes = [note for note in self.submission.notes if "left out" in note]
        exercises = [
            msgspec.structs.replace(result, reason=" ".join([result.reason, *map(_capital, notes)]))
            if result.verdict is Verdict.MISSING
            else result
            for result in exercises
        ]
        return total(self.submission.path, self.submission.student, exercises, self.submission.notes)


class Batch:
    """A grading run. ``key_of`` names a verdict in the store."""

    def __init__(
        self, bank: Bank, zygote: Zygote, store: VerdictStore | None, settings: Settings, key_of: KeyOf, jobs: int
    ) -> None:
        self.bank, self.zygote, self.store, self.settings = bank, zygote, store, settings
        self.key_of, self.jobs = key_of, max(1, jobs)
        self._unconfirmed: list[Task] = []
        self._rehearsed: dict[str, str] = {}
        self._no_sandbox = ""
        self.store_problem = ""

    def grade(
        self, tasks: Sequence[Task], progress: Progress = lambda submission, done: None
    ) -> list[SubmissionResult]:
        """Every task's result, in order. ``progress`` is told how many exercises of a submission were finished."""
        for task in tasks:
            self._recall(task)
            progress(task.submission, len(task.results))
        self._rehearse({name for task in tasks for name in task.todo})
        for task in tasks:
            self._set_aside(task, progress)
        self._run([task for task in tasks if task.todo], self.jobs, progress)
        timeouts = list(self._timeouts(tasks))
        self._run(timeouts, 1, progress)
        return [task.finish() for task in tasks]

    def _recall(self, task: Task) -> None:
        """Take from the store what it knows."""
        for name in task.policies:
            if task.submission.sources is None:
                task.results[name] = missing_result(self.bank[name], "Nothing that could be read was handed in.")
                continue
            known = self._known(task.submission, name)
            if known is not None:
                task.results[name] = known
            else:
                task.todo.append(name)

    def _known(self, submission: Submission, name: str) -> ExerciseResult | None:
        if self.store is None:
            return None
        try:
            return self.store.get(self.key_of(submission, name))
        except StoreError as error:
            self.store, self.store_problem = None, str(error)
            return None

    def _rehearse(self, names: set[str]) -> None:
        """Run the references here, before the first fork: children inherit the draws and the expected values.

        A reference that fails its own properties, or takes longer than a student may, would fail every right answer, so
        its exercise is a fault.
        """
        for name in sorted(names - self._rehearsed.keys()):
            self._rehearsed[name] = self._rehearsal(name)

    def _rehearsal(self, name: str) -> str:
        """What is wrong with the reference of one exercise, or "". A fault is confirmed: the machine may be busy."""
        references, seconds, problem = self.bank[name].references, self.settings.limits.exercise, ""
        late = f"it takes more than {seconds:g} s, which is all that a student has"
        if references is None:
            return problem
        options = Options(self.settings.seed, self.settings.limits.examples, shrink=False)
        for _ in range(2):
            try:
                with at_most(seconds, late):
                    for outcome in run_properties(self.bank[name].properties, InProcess(references), options):
                        if not outcome.passed:
                            return f"the reference fails {outcome.declared.name}: {outcome.message}"
                return ""
            except (Fault, SystemExit) as fault:
                what = f"it ends the process ({fault})" if isinstance(fault, SystemExit) else str(fault)
                problem = f"the reference cannot be checked: {what}"
        return problem

    def _set_aside(self, task: Task, progress: Progress) -> None:
        """Exercises whose reference is broken are not tried."""
        for name in [name for name in task.todo if self._rehearsed[name]]:
            task.todo.remove(name)
            task.results[name] = fault_result(self.bank[name], self._rehearsed[name])
            progress(task.submission, 1)

    def _timeouts(self, tasks: Sequence[Task]) -> Iterator[Task]:
        """Exercises whose timeout has not been confirmed, to be run alone."""
        for task in tasks:
            if task in self._unconfirmed:
                task.todo = [name for name, result in task.results.items() if result.verdict is Verdict.TIMEOUT]
                task.confirming, task.deaths = True, 0
                yield task

    def _run(self, tasks: Sequence[Task], jobs: int, progress: Progress) -> None:
        queue = collections.deque(tasks)
        selector = selectors.DefaultSelector()
        try:
            while queue or selector.get_map():
                while queue and len(selector.get_map()) < jobs:
                    task = queue.popleft()
                    started = self._start(task, progress)
                    if started is not None:
                        selector.register(started, selectors.EVENT_READ, task)
                for key, _ in selector.select(_TICK) if selector.get_map() else ():
                    child, task = key.fileobj, key.data
                    assert isinstance(child, Child)
                    alive = child.read()
                    useful = self._take(task, child, progress)
                    if not (alive and useful):
                        how = self._end(selector, child)
                        if self._goes_on(task, how, progress):
                            queue.append(task)
                for key in list(selector.get_map().values()):
                    if isinstance(key.fileobj, Child) and time.monotonic() > key.fileobj.deadline:
                        self._end(selector, key.fileobj)
                        if self._goes_on(key.data, "it did not come to an end and was stopped", progress):
                            queue.append(key.data)
        finally:
            for key in list(selector.get_map().values()):
                if isinstance(key.fileobj, Child):
                    self._end(selector, key.fileobj)
            selector.close()

    @staticmethod
    def _end(selector: selectors.BaseSelector, child: Child) -> str:
        """How a child ended, in words."""
        selector.unregister(child)
        status = os.waitstatus_to_exitcode(child.end())
        return f"it was killed ({signal.Signals(-status).name})" if status < 0 else f"its exit status was {status}"

    def _start(self, task: Task, progress: Progress) -> Child | None:
        """None where nothing is left to do, or where no child can be had: what is left is then a fault."""
        sources = task.submission.sources
        assert sources is not None
        for name in [] if task.confirming else list(task.todo):  # another run may have been here
            known = self._known(task.submission, name)
            if known is not None:
                self._settle(task, known, progress)
        if not task.todo:
            return None
        try:
            return Child(sources, [self.bank[name] for name in task.todo], self._connect(), self.settings)
        except (Fault, OSError) as error:
            for name in list(task.todo):
                self._settle(task, fault_result(self.bank[name], str(error)), progress)
            return None

    def _connect(self) -> Client:
        """A line to the zygote, which is replaced where it has died, be it at this very moment. Raises Fault."""
        for attempt in range(MAX_STARTS):
            if self._no_sandbox:
                break
            try:
                if attempt or not self.zygote.alive():
                    self.zygote.restart()
                return self.zygote.connect()
            except (Fault, OSError) as error:
                if attempt == MAX_STARTS - 1:
                    self._no_sandbox = str(error)
        raise Fault(self._no_sandbox)

    def _settle(self, task: Task, result: ExerciseResult, progress: Progress) -> None:
        """The exercise is done."""
        task.todo.remove(result.name)
        task.results[result.name] = result
        if not task.confirming:
            progress(task.submission, 1)

    def _take(self, task: Task, child: Child, progress: Progress) -> bool:
        """Keep and store what a child has finished; False once it can do no more, since its sandbox has died."""
        for done in child.done:
            name = done.result.name
            if name not in task.todo:
                continue
            if done.result.verdict is Verdict.FAULT and name not in task.faulted:
                task.faulted.add(name)  # the exercise stays to be done
                if not self.zygote.alive():
                    child.done.clear()
                    return False
                continue
            task.deaths = 0
            self._settle(task, self._kept(task, done), progress)
        child.done.clear()
        return True

    def _kept(self, task: Task, done: Graded) -> ExerciseResult:
        """The result that stands, after it was stored: another run's, if that was first."""
        result = done.result
        if result.verdict is Verdict.TIMEOUT and not task.confirming:
            if task not in self._unconfirmed:
                self._unconfirmed.append(task)
            return result
        if self.store is not None and result.verdict is not Verdict.FAULT:
            try:
                return self.store.put(self.key_of(task.submission, result.name), result, done.counterexamples)
            except StoreError as error:  # the verdict stands; it will only be reached again next time
                self.store, self.store_problem = None, str(error)
            except ValueError as error:
                return fault_result(self.bank[result.name], f"its result cannot be written down: {error}")
        return result

    def _goes_on(self, task: Task, how: str, progress: Progress) -> bool:
        """After a child's end: whether something is left to do. The exercise at which it died twice is a fault."""
        if not task.todo:
            return False
        task.deaths += 1
        if task.deaths >= MAX_DEATHS:
            why = f"the grading process ended early twice, the last time because {how}"
            self._settle(task, fault_result(self.bank[task.todo[0]], why), progress)
            task.deaths = 0
        return bool(task.todo)


def _capital(note: str) -> str:
    return f"{note[:1].upper()}{note[1:].rstrip('.')}."
