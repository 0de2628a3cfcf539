"""The gradebook's backups and locks, and marks as they leave the course."""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import stat
import sys
from pathlib import Path

import pytest
from course_factory import make_course

from autograder.course.config import load_course
from autograder.course.roster import Person, Roster
from autograder.nbgrader import export, gradebook
from autograder.nbgrader.export import Mark


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "gradebook.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE marks (mark)")
    connection.execute("INSERT INTO marks VALUES (1)")
    connection.commit()
    connection.close()
    return path


def test_a_backup_is_a_whole_gradebook_for_its_owner_alone(book):
    copy = gradebook.back_up(f"sqlite:///{book}")
    assert sqlite3.connect(copy).execute("SELECT mark FROM marks").fetchall() == [(1,)]
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert [path.name for path in copy.parent.iterdir()] == [copy.name], "nothing unfinished stays"


def test_only_the_last_backups_are_kept(book, monkeypatch):
    monkeypatch.setattr(gradebook, "KEPT", 3)
    copies = [gradebook.back_up(f"sqlite:///{book}") for _ in range(5)]
    assert sorted(copies[0].parent.glob("*.db")) == copies[2:]


def test_a_locked_gradebook_is_one_sentence_and_no_backup(book, monkeypatch):
    monkeypatch.setattr(gradebook, "PATIENCE", 0.01)
    holder = sqlite3.connect(book, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(gradebook.GradebookError, match=r"gradebook\.db is locked by another program; .* Nothing was"):
        gradebook.back_up(f"sqlite:///{book}")
    holder.execute("ROLLBACK")
    assert not (book.parent / gradebook.BACKUPS).exists()


def test_a_damaged_gradebook_is_one_sentence(book):
    book.write_bytes(b"no database, " * 1000)
    with pytest.raises(gradebook.GradebookError, match=r"gradebook\.db cannot be read"):
        gradebook.back_up(f"sqlite:///{book}")
    assert (
        list((book.parent / gradebook.BACKUPS).glob("*")) == [] if (book.parent / gradebook.BACKUPS).exists() else True
    )


def test_there_is_nothing_to_back_up_before_the_first_run(tmp_path):
    assert gradebook.back_up(f"sqlite:///{tmp_path / 'gradebook.db'}") is None
    assert gradebook.back_up("postgresql://somewhere/else") is None


def test_students_are_called_by_the_rosters_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)  # where alembic is
    roster = Roster(
        {"ana": Person("ana", name="Ana Maria Ruiz"), "ben": Person("ben"), "cem": Person("cem", name="Cem")}
    )
    with gradebook.opened(f"sqlite:///{tmp_path / 'gradebook.db'}", "test") as book:
        gradebook.name_students(book, roster, ["ana", "ben", "stranger"])
        assert [(s.id, s.first_name, s.last_name) for s in book.students] == [("ana", "Ana Maria", "Ruiz")]


MARKS = [
    Mark("=cmd|' /C calc'!A0", "7", "@SUM(1)", "ps", {"double": (7.5, 10.0), "why": (None, 4.0)}, 1.5, 2, "2026-10-24"),
    Mark("ben", "8", 'Ben, B "B"', "ps", {"double": (10.0, 10.0), "why": (0.0, 4.0)}, 0.0, 0, ""),
]


@pytest.fixture
def course(tmp_path):
    return load_course(make_course(tmp_path))


def rows(text):
    return list(csv.reader(io.StringIO(text)))


def test_canvas_gets_its_columns(course):
    header, possible, *students = rows(export.canvas_csv(MARKS, course))
    assert header == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "One"]
    assert (possible[0].strip(), possible[-1]) == ("Points Possible", "14")
    assert students[1] == ['Ben, B "B"', "8", "", "ben", "", "10"]
    assert students[0][-1] == "6", "7.5 less 1.5 for lateness; what waits for a person counts nothing yet"


@pytest.mark.parametrize("write", [export.canvas_csv, export.exercises_csv])
def test_no_cell_begins_like_a_formula(course, write):
    """Numbers apart: -1.5 is what it says."""
    cells = [cell for row in rows(write(MARKS, course)) for cell in row]
    assert "'=cmd|' /C calc'!A0" in cells and "'@SUM(1)" in cells
    suspicious = [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]
    assert all(float(cell) for cell in suspicious)


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_every_beginning_of_a_formula_is_disarmed(text):
    assert export.cell(text) == f"'{text}"


def test_one_row_per_exercise(course):
    found = rows(export.exercises_csv(MARKS[1:], course))
    assert [row[4:] for row in found[1:]] == [
        ["double", "10", "10", "graded"],
        ["why", "0", "4", "graded"],
        ["late penalty", "0", "", "0 days late"],
        ["total", "10", "14", "complete"],
    ]


def test_json_tells_what_waits(course):
    first = json.loads(export.as_json(MARKS, course))["marks"][0]
    assert (first["score"], first["points"], first["waiting"], first["penalty"]) == (6.0, 14.0, ["why"], 1.5)
    assert first["exercises"]["why"] == {"score": None, "points": 4.0}
