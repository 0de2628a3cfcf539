"""What a grading run needs besides submissions: the bank, the store, the keys, and a student for one file."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

from autograder import __version__
from autograder.course.config import Course, check_exercises, check_properties
from autograder.grading.batch import KeyOf
from autograder.grading.child import Settings
from autograder.grading.intake import find_submissions
from autograder.grading.keys import course_key, installed_versions
from autograder.grading.store import StoreError, VerdictStore
from autograder.grading.submission import Submission
from autograder.sandbox.levels import Level, probe
from autograder.sandbox.profiles import PROFILES
from autograder.sandbox.zygote import Zygote
from autograder.testing.bank import Bank, Rooms, load_bank
from autograder.testing.sandboxed import Sandboxed
from autograder.testing.student import Student


def bank_of(course: Course, device: str = "cpu") -> Bank:
    """The course's exercises, from the folders its grading.yml names, with all their properties."""
    return load_bank(Rooms(course.bank.public, course.bank.hidden, course.bank.reference), device=device)


def checked_bank(course: Course, device: str = "cpu") -> Bank:
    """``bank_of`` without what grading.yml calls void. Raises ConfigError where it names what is not there."""
    bank = bank_of(course, device)
    check_exercises(course, bank)
    named = {name: [*(p.name for p in e.properties), *(r.name for r in e.record.rules)] for name, e in bank.items()}
    check_properties(course, named)
    for name, voided in course.void.items():
        bank[name] = dataclasses.replace(bank[name], void=voided)
    return bank


def versions() -> dict[str, str]:
    """The versions a report records."""
    return {"autograder": __version__, **installed_versions()}


def key_of(course: Course, bank: Bank, settings: Settings, level: Level) -> KeyOf:
    """Names the verdict of one exercise of one submission in the store."""
    installed = installed_versions() if settings.shrink else {**installed_versions(), "shrink": "no"}

    def key(submission: Submission, exercise: str) -> str:
        assert submission.sources is not None
        return course_key(
            submission.sources,
            exercise,
            topic=bank[exercise].topic,
            course=course,
            limits=settings.limits,
            seed=settings.seed,
            versions=installed,
            sandbox=level.value,
            device=settings.device,
        )

    return key


@contextlib.contextmanager
def open_store(path: Path, warn: Callable[[str], None]) -> Iterator[VerdictStore | None]:
    """The store in ``path``; None, with a warning, where none can be kept: the class is graded all the same."""
    try:
        store = VerdictStore(path)
    except StoreError as error:
        warn(f"verdicts will not be kept: {error}")
        yield None
        return
    with store:
        yield store


def student_of_file(path: Path, device: str = "cpu") -> Student:
    """The functions of one file across the wall, with a zygote of its own; closing the student ends both."""
    submission = find_submissions([path])[0]
    if submission.sources is None:
        raise ValueError(f"{path}: {' '.join(submission.notes) or 'nothing that could be read'}")
    zygote = Zygote(probe().level, device=None if device == "cpu" else PROFILES[device])

    class OneFile(Sandboxed):
        def close(self) -> None:
            super().close()
            zygote.close()

    return OneFile(zygote.connect(), submission.sources.files, submission.sources.main)
