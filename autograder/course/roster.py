"""The roster: who takes the course, what the learning platform calls them, and who has more time. A CSV file.

Columns: ``id`` (as nbgrader knows the student), and optionally ``lms_id``, ``name``, ``extensions``: sets with the time
they are given, separated by spaces, ``ps00_core:+2d ps01:+12h``. The file holds personal data: keep it outside version
control.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime
import io
import re
from collections.abc import Mapping

from autograder.course.config import Course
from autograder.course.problems import ConfigError, did_you_mean
from autograder.course.yaml_lines import shown

COLUMNS = ("id", "lms_id", "name", "extensions")
LARGEST_FILE = 16 << 20
_EXTENSION = re.compile(r"(?P<set>[A-Za-z0-9][A-Za-z0-9_-]*):\+(?P<count>[0-9]{1,4})(?P<unit>[dh])")
_ID = re.compile(r"[^\s/+*?\[\]\\,;:\"'<>|]{1,128}")


@dataclasses.dataclass(frozen=True)
class Person:
    """One student. extensions: by set."""

    id: str
    lms_id: str = ""
    name: str = ""
    extensions: Mapping[str, datetime.timedelta] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Roster:
    """The students by id, in the order of the file."""

    people: Mapping[str, Person] = dataclasses.field(default_factory=dict)

    def extension(self, student: str, of_set: str) -> datetime.timedelta:
        """What a student was given for a set; nothing for one who is not in the roster."""
        person = self.people.get(student)
        return datetime.timedelta(0) if person is None else person.extensions.get(of_set, datetime.timedelta(0))

    def by_lms(self, lms_id: str) -> Person | None:
        """The student whom the learning platform calls so."""
        return next((person for person in self.people.values() if person.lms_id == lms_id and lms_id), None)


def load_roster(course: Course) -> Roster:
    """The course's roster; an empty one where grading.yml names none. Raises ConfigError with all that is wrong."""
    if course.roster is None:
        return Roster()
    name = shown(course.roster)
    try:
        with course.roster.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        hint = "write one with the columns id,lms_id,name,extensions, or take `roster:` out of grading.yml"
        raise ConfigError(f"{name} cannot be read: {error.strerror or error}; {hint}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{name}: not UTF-8 text; save it as UTF-8.") from None
    if len(data) > LARGEST_FILE:
        raise ConfigError(f"{name} is larger than {LARGEST_FILE >> 20} MiB.")
    return _parsed(text, name, course)


def _parsed(text: str, name: str, course: Course) -> Roster:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    people: dict[str, Person] = {}
    problems: list[str] = []
    lms_ids: dict[str, int] = {}
    try:
        columns = [column.strip() for column in reader.fieldnames or ()]
        reader.fieldnames = columns
        problems += [
            _sentence(name, 1, f"{column!r} is not a column{did_you_mean(column, COLUMNS)}")
            for column in columns
            if column not in COLUMNS
        ]
        if "id" not in columns:
            problems.append(f"{name}, line 1: the column 'id' is missing.")
        for row in [] if problems else reader:
            line = reader.line_num
            cells = {column: (row.get(column) or "").strip() for column in COLUMNS}
            if not any(cells.values()):
                continue
            extensions, wrong = _extensions(cells["extensions"], course)
            if None in row:
                wrong.append("there are more cells than columns")
            if not _ID.fullmatch(cells["id"]) or cells["id"].startswith("."):
                wrong.append(f"{cells['id'][:40]!r} cannot be a student's id")
            elif cells["id"] in people:
                wrong.append(f"the student {cells['id']} is there twice")
            if cells["lms_id"] in lms_ids:
                wrong.append(f"the lms_id {cells['lms_id']} is on line {lms_ids[cells['lms_id']]}, too")
            elif cells["lms_id"]:
                lms_ids[cells["lms_id"]] = line
            problems += [_sentence(name, line, text) for text in wrong]
            people[cells["id"]] = Person(cells["id"], cells["lms_id"], cells["name"], extensions)
    except csv.Error as error:
        problems.append(f"{name}, line {reader.line_num}: not CSV ({error}).")
    if problems:
        raise ConfigError(*problems)
    return Roster(people)


def _sentence(name: str, line: int, text: str) -> str:
    return f"{name}, line {line}: {text}{'' if text.endswith('?') else '.'}"


def _extensions(text: str, course: Course) -> tuple[dict[str, datetime.timedelta], list[str]]:
    """(extensions by set, what is wrong)."""
    found: dict[str, datetime.timedelta] = {}
    wrong: list[str] = []
    for word in text.split():
        match = _EXTENSION.fullmatch(word)
        if match is None:
            wrong.append(
                f"the extension {word[:40]!r} is not of the form ps00_core:+2d (days) or ps00_core:+12h (hours)"
            )
        elif match["set"] not in course.sets:
            wrong.append(f"grading.yml has no set {match['set']!r}{did_you_mean(match['set'], course.sets)}")
        else:
            count = int(match["count"])
            found[match["set"]] = (
                datetime.timedelta(days=count) if match["unit"] == "d" else datetime.timedelta(hours=count)
            )
    return found, wrong
