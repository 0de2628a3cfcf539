"""grading.yml is found from the current folder upwards, and never taken from where submissions lie."""

from pathlib import Path

import pytest

from autograder.course.locate import find_course
from autograder.course.problems import ConfigError


@pytest.fixture
def course(tmp_path):
    """A course with a class of two, one of whom hands in a grading.yml."""
    (tmp_path / "grading.yml").write_text("course\n")
    for student in ("ada", "bob"):
        (tmp_path / "class" / student).mkdir(parents=True)
        (tmp_path / "class" / student / "submission.py").write_text("")
    (tmp_path / "class" / "bob" / "grading.yml").write_text("mine\n")
    return tmp_path


def test_the_nearest_one_upwards(course):
    assert find_course(course) == course / "grading.yml"
    below = course / "a" / "b"
    below.mkdir(parents=True)
    assert find_course(below) == course / "grading.yml"
    (course / "a" / "grading.yml").write_text("")
    assert find_course(below) == course / "a" / "grading.yml"


def test_none_to_be_found(tmp_path, monkeypatch):
    monkeypatch.setattr("autograder.course.locate.NAME", "no-such-name.yml")
    with pytest.raises(ConfigError, match="--config"):
        find_course(tmp_path)


def test_the_one_that_is_named(course):
    named = course / "other.yml"
    named.write_text("")
    assert find_course(course / "class", submissions=[course / "class"], config=named) == named
    assert find_course(course / "class", config=course) == course / "grading.yml", "a folder stands for its file"
    with pytest.raises(ConfigError, match=r"absent\.yml does not exist"):
        find_course(course, config=course / "absent.yml")


def test_a_class_below_the_course_is_fine(course):
    assert find_course(course, submissions=[course / "class"]) == course / "grading.yml"
    assert find_course(course, submissions=[course / "class" / "bob" / "submission.py"]) == course / "grading.yml"


@pytest.mark.parametrize("submissions", ["class", "class/bob", "class/bob/submission.py", ".", "class/../class/bob"])
def test_one_handed_in_is_refused_not_passed_over(course, submissions):
    with pytest.raises(ConfigError, match="lies among the submissions"):
        find_course(course / "class" / "bob", submissions=[course / submissions])


def test_one_handed_in_is_refused_when_named(course):
    with pytest.raises(ConfigError, match="lies among the submissions"):
        find_course(course, submissions=[course / "class"], config=course / "class" / "bob" / "grading.yml")


def test_beside_an_archive_it_is_the_graders(course):
    assert find_course(course, submissions=[course / "class.zip"]) == course / "grading.yml"


def test_relative_submissions(course, monkeypatch):
    monkeypatch.chdir(course / "class" / "bob")
    with pytest.raises(ConfigError, match="lies among the submissions"):
        find_course(course / "class" / "bob", submissions=[Path()])


def test_links_do_not_hide_where_it_lies(course):
    """Neither a link into the submissions, nor a link handed in, nor a submissions folder named through a link."""
    handed_in = course / "class" / "bob" / "grading.yml"
    inward = course / "inward.yml"
    inward.symlink_to(handed_in)
    with pytest.raises(ConfigError, match="lies among the submissions"):
        find_course(course, submissions=[course / "class"], config=inward)
    handed_in.unlink()
    handed_in.symlink_to(course / "grading.yml")
    with pytest.raises(ConfigError, match="lies among the submissions"):
        find_course(course / "class" / "bob", submissions=[course / "class"])
    (course / "alias").symlink_to(course / "class")
    with pytest.raises(ConfigError, match="lies among the submissions"):
        find_course(course / "class" / "bob", submissions=[course / "alias"])


def test_a_strangers_file_where_everyone_may_write(tmp_path, monkeypatch):
    """What somebody leaves in /tmp is not picked up by who works below it."""
    (tmp_path / "grading.yml").write_text("")
    (tmp_path / "work").mkdir()
    tmp_path.chmod(0o755)
    monkeypatch.setattr("os.geteuid", lambda: (tmp_path / "grading.yml").stat().st_uid + 1)
    assert find_course(tmp_path / "work") == tmp_path / "grading.yml", "a colleague's folder is fine"
    tmp_path.chmod(0o777)
    with pytest.raises(ConfigError, match="belongs to somebody else"):
        find_course(tmp_path / "work")
    assert find_course(tmp_path / "work", config=tmp_path / "grading.yml")
