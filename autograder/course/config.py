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

from autograder.course.dates import date_problem, instant
from autograder.course.late import LateRule
from autograder.course.problems import ConfigError, Key, Problem, did_you_mean, from_schema
from autograder.course.schemas import jsonschema
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
    """A problem set. exercises: by name, in the order of the file.  due, closes: aware, in the course's time zone.

    written: questions that a person grades, with their points.  late: the rule in force, the set's over the course's.
    After ``closes`` nothing earns points.
    """

    name: str
    title: str
    exercises: Mapping[str, ExercisePolicy]
    due: datetime.datetime | None = None
    closes: datetime.datetime | None = None
    written: Mapping[str, float] = dataclasses.field(default_factory=dict)
    late: LateRule = dataclasses.field(default_factory=LateRule)


@dataclasses.dataclass(frozen=True)
class Course:
    """A course. path: its grading.yml.  sets: by name, in the order of the file.  lines: the line of every key.

    which: of several hand-ins, "last" or "last_on_time".  roster: absolute; the file may be missing.
    void: the properties, by exercise, that count for nobody.
    """

    path: Path
    id: str
    title: str
    timezone: zoneinfo.ZoneInfo
    bank: Bank
    limits: Limits
    sets: Mapping[str, ProblemSet]
    which: str = "last"
    roster: Path | None = None
    void: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
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
    """Raises ConfigError where a set or ``void`` names an exercise that the bank does not have."""
    named: list[Key] = [
        ("sets", of, "exercises", name) for of, chosen in course.sets.items() for name in chosen.exercises
    ]
    named += [("void", name) for name in course.void]
    _raise(
        course,
        [
            Problem(course.lines.get(key, 1), key, f"the bank has no such exercise{did_you_mean(name, names_in_bank)}")
            for key in named
            if (name := str(key[-1])) not in names_in_bank
        ],
    )


def check_properties(course: Course, properties: Mapping[str, Collection[str]]) -> None:
    """Raises ConfigError where a weight or ``void`` names a property that its exercise does not have.

    properties: the names of the properties of every exercise of the bank.
    """
    named: list[tuple[Key, str, str]] = [
        (("sets", set_name, "exercises", name, "weights", weighted), name, weighted)
        for set_name, problem_set in course.sets.items()
        for name, policy in problem_set.exercises.items()
        for weighted in policy.weights
    ]
    for name, voided in course.void.items():
        named += [(("void", name, number), name, property) for number, property in enumerate(voided)]
    problems = []
    for key, name, property in named:
        if property not in properties.get(name, [property]):
            text = f"{name} has no such property{did_you_mean(property, properties[name])}"
            problems.append(
                Problem(course.lines.get(key, 1), key, text if key[0] == "sets" else f"{property!r}: {text}")
            )
    _raise(course, problems)


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
        for key, text in _set_problems(("sets", name), _at(entry), zone):
            yield Problem(document.line(key), key, text)


def _set_problems(key: Key, entry: dict[str, Any], zone: zoneinfo.ZoneInfo | str | None) -> Iterator[tuple[Key, str]]:
    """What is wrong with the dates and the written questions of a set."""
    known = zone if isinstance(zone, zoneinfo.ZoneInfo) else None
    dates = {name: entry[name] for name in ("due", "closes") if isinstance(entry.get(name), str)}
    wrong = {name: text for name, date in dates.items() if (text := date_problem(date, known))}
    yield from (((*key, name), text) for name, text in wrong.items())
    if known is not None and len(dates) == 2 and not wrong:
        due, closes = instant(dates["due"], known), instant(dates["closes"], known)
        if closes < due:
            yield (*key, "closes"), f"{dates['closes']!r} is before the set is due ({dates['due']!r})"
    if "closes" in entry and "due" not in entry:
        yield (*key, "closes"), "needs a date on which the set is due"
    for name in _at(entry.get("written")):
        if name in _at(entry.get("exercises")):
            yield (*key, "written", name), "is an exercise of this set, too; give the question another name"


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
        sets={name: _problem_set(name, entry, zone, data.get("late", {})) for name, entry in data["sets"].items()},
        which=data.get("which", "last"),
        roster=root / data["roster"] if "roster" in data else None,
        void={name: tuple(properties) for name, properties in data.get("void", {}).items()},
        lines=document.lines,
    )


def _problem_set(name: str, entry: dict[str, Any], zone: zoneinfo.ZoneInfo, late: dict[str, Any]) -> ProblemSet:
    return ProblemSet(
        name=name,
        title=entry["title"],
        exercises={exercise: _policy(policy) for exercise, policy in entry["exercises"].items()},
        due=instant(entry["due"], zone) if "due" in entry else None,
        closes=instant(entry["closes"], zone) if "closes" in entry else None,
        written={question: float(points) for question, points in entry.get("written", {}).items()},
        late=LateRule(**{key: float(value) for key, value in {**late, **entry.get("late", {})}.items()}),
    )


def _policy(policy: Any) -> ExercisePolicy:
    if not isinstance(policy, dict):
        return ExercisePolicy(float(policy))
    weights = {name: float(weight) for name, weight in policy.get("weights", {}).items()}
    return ExercisePolicy(float(policy["points"]), weights)
