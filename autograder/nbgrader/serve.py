"""Verdicts on submissions from a fresh process: what is graded is what lies on disk now, whoever asks.

``main`` reads a Request as JSON and writes an Answer. Verdicts that the store knows are
looked up without importing torch or the bank; the others are graded in parallel and stored.
"""

from __future__ import annotations

import dataclasses
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from autograder import __version__
from autograder.course.config import Course, load_course
from autograder.course.problems import ConfigError, did_you_mean
from autograder.course.seed import course_seed
from autograder.grading.intake import IntakeError, find_submissions
from autograder.grading.keys import course_key, installed_versions
from autograder.grading.points import total, with_policy
from autograder.grading.store import StoreError, VerdictStore, store_path
from autograder.grading.submission import Submission
from autograder.grading.verdict import ExerciseResult, Report, SubmissionResult, Verdict
from autograder.sandbox.levels import Level, probe

DEVICE = "cpu"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """config: grading.yml.  submissions: folders, each of one student's hand-in of ``assignment``."""

    config: str
    assignment: str
    submissions: list[str]
    unsafe: bool = False


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """reports: one per submission, in order.  error: one sentence, and then there are none.  graded: anew."""

    reports: list[Report] = []
    error: str = ""
    graded: int = 0
    warnings: list[str] = []


class Refused(Exception):
    """The request cannot be answered; the text says why and what to do."""


def answer(request: Request) -> Answer:
    """The verdicts on all submissions. Never raises for a mistake of the course's or of a student's."""
    try:
        return _answer(request)
    except (ConfigError, IntakeError, Refused) as error:
        return Answer(error=str(error))


def _answer(request: Request) -> Answer:
    course = load_course(Path(request.config))
    if request.assignment not in course.sets:
        raise Refused(
            f"{course.path}: there is no set {request.assignment}{did_you_mean(request.assignment, course.sets)}."
        )
    level = probe().level
    if not level.confines and not request.unsafe:
        raise Refused(
            f"this machine offers only the sandbox level '{level.value}', too little for other people's code; "
            "'autograder doctor' says what is missing."
        )
    submissions = [_submission(Path(path)) for path in request.submissions]
    policies = course.sets[request.assignment].exercises
    seed, warnings = course_seed(course), []
    known: list[dict[str, ExerciseResult]] = [{} for _ in submissions]
    try:
        with VerdictStore(store_path(course.path)) as store:
            lookup = Lookup(course, store, level, seed)
            known = [{name: r for name in policies if (r := lookup(s, name)) is not None} for s in submissions]
    except StoreError as error:
        warnings.append(f"verdicts are not kept: {error}")
    open_ = [number for number, results in enumerate(known) if len(results) < len(policies)]
    results = [
        None if number in open_ else _finished(course, request.assignment, submission, known[number])
        for number, submission in enumerate(submissions)
    ]
    if open_:
        graded = _graded(course, request.assignment, [submissions[number] for number in open_], level, seed, warnings)
        for number, result in zip(open_, graded, strict=True):
            results[number] = result
    versions = {"autograder": __version__, **installed_versions()}
    return Answer(
        reports=[
            Report(schema=1, seed=seed, sandbox=level.value, device=DEVICE, versions=versions, submissions=[result])
            for result in results
            if result is not None
        ],
        graded=len(open_),
        warnings=warnings,
    )


def _submission(folder: Path) -> Submission:
    """One folder's hand-in; a folder that is missing or empty is one with nothing in it."""
    try:
        (found,) = find_submissions([folder])
        return found
    except (IntakeError, ValueError) as error:
        return Submission(str(folder), folder.parent.name, folder.name, notes=(str(error),))


def _finished(
    course: Course, assignment: str, submission: Submission, results: dict[str, ExerciseResult]
) -> SubmissionResult:
    policies = course.sets[assignment].exercises
    exercises = [with_policy(results[name], policy.points, policy.weights) for name, policy in policies.items()]
    return total(submission.path, submission.student, exercises, submission.notes)


@dataclasses.dataclass
class Lookup:
    """Stored verdicts, by keys that are made without loading the bank."""

    course: Course
    store: VerdictStore
    level: Level
    seed: int

    def __post_init__(self) -> None:
        self.versions, self.topics = installed_versions(), topics(self.course.bank.public)

    def key(self, submission: Submission, exercise: str) -> str | None:
        """The name of a verdict in the store; None where it cannot be told without the bank."""
        if submission.sources is None or exercise not in self.topics:
            return None
        return course_key(
            submission.sources,
            exercise,
            topic=self.topics[exercise],
            course=self.course,
            limits=self.course.limits,
            seed=self.seed,
            versions=self.versions,
            sandbox=self.level.value,
            device=DEVICE,
        )

    def __call__(self, submission: Submission, exercise: str) -> ExerciseResult | None:
        """The verdict, if it is known."""
        if submission.sources is None:
            reason = " ".join(["Nothing that could be read was handed in.", *submission.notes])
            return ExerciseResult(
                name=exercise,
                verdict=Verdict.MISSING,
                score=None,
                points=0.0,
                properties=[],
                misconception=None,
                seconds=0.0,
                reason=reason,
            )
        key = self.key(submission, exercise)
        return None if key is None else self.store.get(key)


def lookup_of(course: Course, store: VerdictStore) -> Lookup:
    """The stored verdicts as this machine would make them."""
    return Lookup(course, store, probe().level, course_seed(course))


def topics(public: Path) -> dict[str, str]:
    """The folder of every exercise, by the text of its record. One that is not found here is found by the bank."""
    found = {}
    for path in sorted(public.glob("*/*.py")):
        for name in re.findall(r"\bExercise\(\s*name=\"(\w+)\"", path.read_text("utf-8", "replace")):
            found[name] = path.parent.name
    return found


def _graded(
    course: Course, assignment: str, submissions: Sequence[Submission], level: Level, seed: int, warnings: list[str]
) -> list[SubmissionResult]:
    from autograder.sandbox.zygote import Zygote

    with Zygote(level) as zygote:  # it imports torch while this process does
        from autograder.grading.batch import Batch, Task
        from autograder.grading.child import Settings
        from autograder.grading.session import checked_bank, key_of, open_store

        bank = checked_bank(course)
        settings = Settings(course.limits, seed, DEVICE)
        tasks = [Task(submission, course.sets[assignment].exercises) for submission in submissions]
        with open_store(store_path(course.path), warnings.append) as store:
            batch = Batch(bank, zygote, store, settings, key_of(course, bank, settings, level), _cores())
            results = batch.grade(tasks)
        if batch.store_problem:
            warnings.append(f"verdicts were not kept: {batch.store_problem}")
    return results


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main() -> None:
    """One request from stdin, one answer to stdout."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing else may write into the answer
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=Request)
    out.write(msgspec.json.encode(answer(request)))
    out.close()


if __name__ == "__main__":
    main()
