"""A whole class: what the store knows is taken from it, the rest is graded in parallel, and nothing is lost.

A child that dies is tried again once; the exercise at which it dies twice is a fault, the others go on. A fault is
tried again once, too, in a fresh child: a zygote or a worker may have been killed. A timeout is confirmed alone, when
nothing else runs, before it counts.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import selectors
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from autograder.course.config import ExercisePolicy
from autograder.grading.child import Child, Settings
from autograder.grading.credit import total, with_policy
from autograder.grading.exercise import Graded, fault_result, missing_result
from autograder.grading.store import StoreError, VerdictStore
from autograder.grading.submission import Submission
from autograder.grading.verdict import ExerciseResult, SubmissionResult, Verdict
from autograder.sandbox.zygote import Client, Zygote
from autograder.testing.bank import Bank
from autograder.testing.inprocess import InProcess
from autograder.testing.outcomes import Fault
from autograder.testing.runner import run_properties
from autograder.testing.search import Options

MAX_DEATHS = 2
"""A child that dies so often at one exercise makes it a fault."""
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

        A reference that fails its own properties would fail every right answer, so its exercise is a fault.
        """
        options = Options(self.settings.seed, self.settings.limits.examples, shrink=False)
        for name in sorted(names - self._rehearsed.keys()):
            references = self.bank[name].references
            self._rehearsed[name] = ""
            if references is None:
                continue
            try:
                for outcome in run_properties(self.bank[name].properties, InProcess(references), options):
                    if not outcome.passed:
                        self._rehearsed[name] = f"the reference fails {outcome.declared.name}: {outcome.message}"
            except Fault as fault:
                self._rehearsed[name] = f"the reference cannot be checked: {fault}"

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
                    selector.register(self._start(task), selectors.EVENT_READ, task)
                for key, _ in selector.select(_TICK):
                    child, task = key.fileobj, key.data
                    assert isinstance(child, Child)
                    alive = child.read()
                    self._take(task, child, progress)
                    if not alive:
                        self._end(selector, child)
                        if self._goes_on(task):
                            queue.append(task)
                for key in list(selector.get_map().values()):
                    if isinstance(key.fileobj, Child) and time.monotonic() > key.fileobj.deadline:
                        self._end(selector, key.fileobj)
                        if self._goes_on(key.data):
                            queue.append(key.data)
        finally:
            for key in list(selector.get_map().values()):
                if isinstance(key.fileobj, Child):
                    self._end(selector, key.fileobj)
            selector.close()

    @staticmethod
    def _end(selector: selectors.BaseSelector, child: Child) -> None:
        selector.unregister(child)
        child.end()

    def _start(self, task: Task) -> Child:
        sources = task.submission.sources
        assert sources is not None
        return Child(sources, [self.bank[name] for name in task.todo], self._connect(), self.settings)

    def _connect(self) -> Client:
        """A line to the zygote, which is replaced where it has died, be it at this very moment."""
        if self.zygote.alive():
            with contextlib.suppress(Fault):
                return self.zygote.connect()
        self.zygote.restart()
        return self.zygote.connect()

    def _take(self, task: Task, child: Child, progress: Progress) -> None:
        """Keep and store what a child has finished."""
        for done in child.done:
            name = done.result.name
            if name not in task.todo:
                continue
            if done.result.verdict is Verdict.FAULT and name not in task.faulted:
                task.faulted.add(name)
                continue  # the exercise stays to be done
            task.todo.remove(name)
            task.deaths = 0
            self._keep(task, done)
            if not task.confirming:
                progress(task.submission, 1)
        child.done.clear()

    def _keep(self, task: Task, done: Graded) -> None:
        result = done.result
        task.results[result.name] = result
        if result.verdict is Verdict.TIMEOUT and not task.confirming:
            if task not in self._unconfirmed:
                self._unconfirmed.append(task)
            return
        if self.store is not None and result.verdict is not Verdict.FAULT:
            try:
                self.store.put(self.key_of(task.submission, result.name), result, done.counterexamples)
            except StoreError as error:  # the verdict stands; it will only be reached again next time
                self.store, self.store_problem = None, str(error)

    def _goes_on(self, task: Task) -> bool:
        """After a child's end: whether something is left to do. The exercise at which it died twice is a fault."""
        if not task.todo:
            return False
        task.deaths += 1
        if task.deaths >= MAX_DEATHS:
            name = task.todo.pop(0)
            task.results[name] = fault_result(self.bank[name], "the grading process died twice")
            task.deaths = 0
        return bool(task.todo)


def _capital(note: str) -> str:
    return f"{note[:1].upper()}{note[1:].rstrip('.')}."
