"""``nbgrader zip_collect``: what Canvas and Moodle give for download, sorted by student with the help of the roster.

The archive's files are unpacked (nothing is followed, no path is believed), the hand-in that counts is chosen, and
everything nbgrader will later need is laid beside it: the time of the hand-in and the secret that feedback is filed
under. Times are those the archive gives its files, read in the course's time zone.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import re
import secrets
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from nbgrader.plugins import ExtractorPlugin, FileNameCollectorPlugin

from autograder.course.config import Course
from autograder.course.problems import ConfigError
from autograder.course.roster import Person, Roster
from autograder.feedback.cleaning import clean
from autograder.grading.names import is_debris, version
from autograder.nbgrader.collect import chosen
from autograder.nbgrader.setting import course_of, roster_of

LARGEST_FILE = 20 << 20
LARGEST_IN_ALL = 4 << 30
MOST_FILES = 20_000
# Canvas: "doeana_LATE_1234_98765_ps00-1.ipynb"; Moodle: a folder "Ana Doe_1234_assignsubmission_file_".
_CANVAS = re.compile(r"(?P<name>.+?)_(?P<late>LATE_)?(?P<lms>\d+)_(?P<upload>\d+)_(?P<file>.+)")
_MOODLE = re.compile(r"(?P<name>[^/]+?)_(?P<lms>\d+)_assignsubmission_(file|onlinetext)_?/?(?P<file>.*)")
KEPT = (".ipynb", ".py")


@dataclasses.dataclass(frozen=True)
class Found:
    """One file of a download. lms: whom the learning platform says it is from.  when: aware."""

    lms: str
    name: str
    file: str
    when: datetime.datetime
    data: bytes


def read_download(path: Path, zone: datetime.tzinfo) -> Iterator[Found | str]:
    """The students' files in one archive, or a bare file of one; a sentence for each that is left out."""
    if path.suffix.lower() != ".zip":
        stamp = datetime.datetime.fromtimestamp(path.stat().st_mtime, zone)
        yield _found(path.name, stamp, path.read_bytes())
        return
    try:
        with zipfile.ZipFile(path) as archive:
            yield from _members(path.name, archive, zone)
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError) as error:
        yield f"{path.name} cannot be read as an archive ({clean(str(error), 80)}); download it again."


def _members(shown: str, archive: zipfile.ZipFile, zone: datetime.tzinfo) -> Iterator[Found | str]:
    total = 0
    for number, info in enumerate(archive.infolist()):
        name = clean(info.filename, 200)
        if number >= MOST_FILES:
            yield f"{shown}: more than {MOST_FILES} files; the rest was left out."
            return
        if info.is_dir() or any(map(is_debris, {*PurePosixPath(info.filename).parts} - {".."})):
            continue
        mode = info.external_attr >> 16
        total += info.file_size
        if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            yield f"{shown}: {name}: a link is not followed."
        elif info.file_size > LARGEST_FILE or total > LARGEST_IN_ALL:
            yield f"{shown}: {name}: larger than {LARGEST_FILE >> 20} MiB; it was left out."
        else:
            try:
                with archive.open(info) as file:
                    data = file.read(LARGEST_FILE + 1)
                when = datetime.datetime(*info.date_time, tzinfo=zone)
            except (zipfile.BadZipFile, ValueError, RuntimeError, NotImplementedError, EOFError, OSError) as error:
                yield f"{shown}: {name}: it cannot be unpacked ({clean(str(error), 80)})."
                continue
            if len(data) > LARGEST_FILE:
                yield f"{shown}: {name}: larger than it says; it was left out."
                continue
            yield _found(info.filename, when, data)


def _found(name: str, when: datetime.datetime, data: bytes) -> Found | str:
    """Whose file it is, by its name; a sentence where it is nobody's."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    for match in (_MOODLE.fullmatch("/".join(parts[-2:])), _MOODLE.fullmatch(parts[-1]), _CANVAS.fullmatch(parts[-1])):
        if match is not None and match["file"]:
            return Found(match["lms"], match["name"], PurePosixPath(match["file"]).name, when, data)
    return f"{clean(name, 200)}: neither Canvas nor Moodle names files like this; it was left out."


class Unpack(ExtractorPlugin):
    """Unpacks downloads into one folder per student, ready for nbgrader."""

    def extract(self, archive_path: str, extracted_path: str) -> None:
        """Part of nbgrader's protocol. What cannot be read costs itself, and is named in one sentence."""
        assignment = self.parent.coursedir.assignment_id
        try:
            course, roster = course_of(self), roster_of(self)
        except ConfigError as error:
            self.parent.fail(str(error))
            return
        if assignment not in course.sets:
            self.parent.fail(f"{course.path} has no set {assignment}.")
        hand_ins: dict[str, list[Found]] = collections.defaultdict(list)
        for path in sorted(p for p in Path(archive_path).rglob("*") if p.is_file() and not is_debris(p.name)):
            for found in read_download(path, course.timezone):
                if isinstance(found, str):
                    self.log.warning(found)
                elif (person := _person(found, roster)) is None:
                    self.log.warning(
                        f"{clean(found.file, 80)}: nobody in the roster has the lms_id {found.lms}; it was left out."
                    )
                else:
                    hand_ins[person.id].append(found)
        for student, files in hand_ins.items():
            self._lay_out(Path(extracted_path) / student, files, student, course, roster)

    def _lay_out(self, folder: Path, files: list[Found], student: str, course: Course, roster: Roster) -> None:
        assignment = self.parent.coursedir.assignment_id
        notebooks = [found for found in files if found.file.lower().endswith(".ipynb")]
        if not notebooks:
            self.log.warning(f"{student} handed in no notebook; a .py file is graded in its place, if there is one.")
        counts = chosen(
            [(found.when, found) for found in _in_order(notebooks or files)], course, roster, student, assignment
        )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{assignment}.ipynb" if notebooks else "submission.py"
        (folder / name).write_bytes(counts.data)
        (folder / "timestamp.txt").write_text(f"{counts.when.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S} UTC\n")
        (folder / "submission_secret.txt").write_text(secrets.token_hex(64))


def _person(found: Found, roster: Roster) -> Person | None:
    """The student behind a file. Without a roster the platform's own id serves."""
    return roster.by_lms(found.lms) if roster.people else Person(found.lms, found.lms)


def _in_order(files: list[Found]) -> list[Found]:
    """Uploads of the same second in the order of their numbers: "ps-2.ipynb" after "ps-1.ipynb"."""
    return sorted(files, key=lambda found: (found.when, version(PurePosixPath(found.file).stem)[1]))


class Assign(FileNameCollectorPlugin):
    """Tells nbgrader whose file it is that ``Unpack`` laid out."""

    def collect(self, submitted_file: str) -> dict[str, Any] | None:
        """Part of nbgrader's protocol."""
        path = Path(submitted_file)
        if path.name == "submission_secret.txt" or path.name == "timestamp.txt" or path.suffix in KEPT:
            return {"student_id": path.parent.name, "file_id": path.name}
        return None
