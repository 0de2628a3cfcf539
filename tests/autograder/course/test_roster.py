"""The roster: what it says, and what is wrong with it, line by line."""

from __future__ import annotations

import datetime

import pytest
from course_factory import make_course

from autograder.course.config import load_course
from autograder.course.problems import ConfigError
from autograder.course.roster import Person, load_roster


@pytest.fixture
def course(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = make_course(tmp_path)
    path.write_text(path.read_text() + "roster: roster.csv\n")

    def write(text, encoding="utf-8"):
        (tmp_path / "roster.csv").write_bytes(text.encode(encoding))
        return load_course(path)

    return write


def problems(course):
    with pytest.raises(ConfigError) as caught:
        load_roster(course)
    return list(caught.value.problems)


def test_everything_a_roster_says(course):
    roster = load_roster(
        course('id,lms_id,name,extensions\nana,17,"Noether, Ana",ps:+2d\nben,,,\n\ncem,18,Cem,ps:+12h\n')
    )
    assert roster.people["ana"] == Person("ana", "17", "Noether, Ana", {"ps": datetime.timedelta(days=2)})
    assert roster.people["ben"] == Person("ben")
    assert roster.extension("cem", "ps") == datetime.timedelta(hours=12)
    assert roster.extension("nobody", "ps") == datetime.timedelta(0)
    assert (roster.by_lms("18").id, roster.by_lms(""), roster.by_lms("99")) == ("cem", None, None)


def test_as_a_spreadsheet_saves_it(course):
    roster = load_roster(course("lms_id,id\r\n17,ana\r\n", "utf-8-sig"))
    assert roster.people == {"ana": Person("ana", "17")}


def test_no_roster_is_an_empty_one(tmp_path):
    assert load_roster(load_course(make_course(tmp_path))).people == {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name\nAna\n", "line 1: the column 'id' is missing."),
        ("id,lmsid\nana,1\n", "line 1: 'lmsid' is not a column; did you mean 'lms_id'?"),
        ("id\nana\nana\n", "line 3: the student ana is there twice."),
        ("id,lms_id\nana,7\nben,7\n", "line 3: the lms_id 7 is on line 2, too."),
        ("id\n../ana\n", "line 2: '../ana' cannot be a student's id."),
        ("id,name\n,Ana\n", "line 2: '' cannot be a student's id."),
        ("id\nana,1,2\n", "line 2: there are more cells than columns."),
        ("id,extensions\nana,ps:2\n", "line 2: the extension 'ps:2' is not of the form ps00_core:+2d"),
        ("id,extensions\nana,pss:+2d\n", "line 2: grading.yml has no set 'pss'; did you mean 'ps'?"),
        ('id\n"ana\n', "not CSV"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(course, text, sentence):
    (found,) = problems(course(text))
    assert found.startswith("roster.csv, ")
    assert sentence in found


def test_a_roster_that_is_named_but_missing(course, tmp_path):
    named = course("id\n")
    (tmp_path / "roster.csv").unlink()
    assert problems(named)[0].startswith("roster.csv cannot be read: No such file or directory; write one with")
