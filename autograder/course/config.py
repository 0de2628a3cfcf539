"""The course as grading.yml states it: read, checked against grading.schema.json, and turned into plain dataclasses."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import json
import zoneinfo
from collections.abc import Collection, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema

from autograder.course.problems import ConfigError, Key, Problem, did_you_mean, from_schema
from autograder.course.yaml_lines import Document, read_yaml, shown


@dataclasses.dataclass(frozen=True)
class Bank:
    """The folders of the exercises, absolute. Students have neither ``hidden`` nor ``reference``."""

    public: Path
    hidden: Path | None = None
    reference: Path | None = None


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a submission may cost.

    call, exercise, submission: seconds.  memory_mb, reply_mb: MiB of a worker and of one answer.
    examples: random draws per property.
    """

    call: float = 5.0
    exercise: float = 20.0
    submission: float = 120.0
    memory_mb: int = 1024
    reply_mb: int = 32
    examples: int = 20


@dataclasses.dataclass(frozen=True)
class ExercisePolicy:
    """What an exercise is worth in a set. weights: of properties by name, in place of the properties' own."""

    points: float
    weights: Mapping[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class ProblemSet:
    """A problem set. exercises: by name, in the order of the file.  due: aware, in the course's time zone."""

    name: str
    title: str
    exercises: Mapping[str, ExercisePolicy]
    due: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True)
class Course:
    """A course. path: its grading.yml.  sets: by name, in the order of the file.  lines: the line of every key."""

    path: Path
    id: str
    title: str
    timezone: zoneinfo.ZoneInfo
    bank: Bank
    limits: Limits
    sets: Mapping[str, ProblemSet]
    lines: Mapping[Key, int] = dataclasses.field(default_factory=dict, compare=False, repr=False)


@functools.cache
def grading_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of grading.yml."""
    text = resources.files("autograder.course").joinpath("grading.schema.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def load_course(path: Path) -> Course:
    """The course described by ``path``. Raises ConfigError with every problem of the file, ordered by line."""
    document = read_yaml(Path(path).absolute())
    validator = jsonschema.Draft202012Validator(grading_schema())
    problems = list(document.problems)
    for error in validator.iter_errors(document.data):
        problems += from_schema(error, document.lines)
    spoilt = {problem.key for problem in problems}
    problems += [problem for problem in _beyond_schema(document) if problem.key not in spoilt]
    if problems:
        raise ConfigError(*(problem.sentence(document.name) for problem in sorted(set(problems), key=_order)))
    return _course(document)


def check_exercises(course: Course, names_in_bank: Collection[str]) -> None:
    """Raises ConfigError where a set names an exercise that the bank does not have."""
    _raise(
        course,
        [
            Problem(course.lines.get(key, 1), key, f"the bank has no such exercise{did_you_mean(name, names_in_bank)}")
            for set_name, problem_set in course.sets.items()
            for name in problem_set.exercises
            if name not in names_in_bank and (key := ("sets", set_name, "exercises", name))
        ],
    )


def check_weights(course: Course, properties: Mapping[str, Collection[str]]) -> None:
    """Raises ConfigError where a weight is given to a property that its exercise does not have.

    properties: the names of the properties of every exercise.
    """
    _raise(
        course,
        [
            Problem(
                course.lines.get(key, 1), key, f"{name} has no such property{did_you_mean(weighted, properties[name])}"
            )
            for set_name, problem_set in course.sets.items()
            for name, policy in problem_set.exercises.items()
            for weighted in policy.weights
            if name in properties
            and weighted not in properties[name]
            and (key := ("sets", set_name, "exercises", name, "weights", weighted))
        ],
    )


def _raise(course: Course, problems: list[Problem]) -> None:
    if problems:
        raise ConfigError(*(problem.sentence(shown(course.path)) for problem in sorted(problems, key=_order)))


def _order(problem: Problem) -> tuple[int, str, str]:
    return problem.line, str(problem.key), problem.text


def _beyond_schema(document: Document) -> Iterator[Problem]:
    """Problems that a schema cannot state; parts of the wrong type are passed over, the schema reports them."""
    data = _at(document.data)
    zone = _zone(_at(data.get("course")).get("timezone"))
    if isinstance(zone, str):
        yield Problem(document.line(("course", "timezone")), ("course", "timezone"), zone)
    for name, folder in _at(data.get("bank")).items():
        if isinstance(folder, str) and (text := _folder_problem(document.path.parent, folder)):
            yield Problem(document.line(("bank", name)), ("bank", name), text)
    for name, entry in _at(data.get("sets")).items():
        due = _at(entry).get("due")
        text = _due_problem(due, zone) if isinstance(due, str) else ""
        if text:
            key = ("sets", name, "due")
            yield Problem(document.line(key), key, text)


def _at(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _zone(name: Any) -> zoneinfo.ZoneInfo | str | None:
    """The time zone, or what is wrong with its name; None where there is no name."""
    if not isinstance(name, str):
        return None
    known = zoneinfo.available_timezones()
    if not known:
        return "this machine has no time zone data; install tzdata"
    if name not in known:
        return f"{name!r} is not an IANA time zone{did_you_mean(name, known)}"
    return zoneinfo.ZoneInfo(name)


def _folder_problem(root: Path, folder: str) -> str:
    if Path(folder).is_absolute():
        return f"{folder!r} is absolute; write it relative to grading.yml"
    return "" if (root / folder).is_dir() else f"there is no folder {folder!r} beside grading.yml"


def _due_problem(due: str, zone: zoneinfo.ZoneInfo | str | None) -> str:
    try:
        naive = datetime.datetime.fromisoformat(due)
    except ValueError as error:
        return f"{due!r} is not a date: {error}"
    if isinstance(zone, zoneinfo.ZoneInfo) and naive.tzinfo is None:
        there_and_back = naive.replace(tzinfo=zone).astimezone(datetime.UTC).astimezone(zone)
        if there_and_back.replace(tzinfo=None) != naive:
            return f"{due!r} does not exist in {zone.key}, where clocks go forward over it"
    return ""


def _course(document: Document) -> Course:
    data, root = document.data, document.path.parent
    zone = zoneinfo.ZoneInfo(data["course"]["timezone"])
    kinds = {name: type(value) for name, value in dataclasses.asdict(Limits()).items()}
    return Course(
        path=document.path,
        id=data["course"]["id"],
        title=data["course"]["title"],
        timezone=zone,
        bank=Bank(**{name: (root / folder).resolve() for name, folder in data["bank"].items()}),
        limits=Limits(**{name: kinds[name](value) for name, value in data.get("limits", {}).items()}),
        sets={name: _problem_set(name, entry, zone) for name, entry in data["sets"].items()},
        lines=document.lines,
    )


def _problem_set(name: str, entry: dict[str, Any], zone: zoneinfo.ZoneInfo) -> ProblemSet:
    # fold=1: a time that comes twice is meant the second time, in the students' favour.
    due = datetime.datetime.fromisoformat(entry["due"]).replace(tzinfo=zone, fold=1) if "due" in entry else None
    exercises = {exercise: _policy(policy) for exercise, policy in entry["exercises"].items()}
    return ProblemSet(name=name, title=entry["title"], exercises=exercises, due=due)


def _policy(policy: Any) -> ExercisePolicy:
    if not isinstance(policy, dict):
        return ExercisePolicy(float(policy))
    weights = {name: float(weight) for name, weight in policy.get("weights", {}).items()}
    return ExercisePolicy(float(policy["points"]), weights)
