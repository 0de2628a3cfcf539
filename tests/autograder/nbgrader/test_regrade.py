"""After a test, a date or the policy was mended: what ``autograder regrade`` shows, changes and keeps."""

from __future__ import annotations

import json
import sqlite3

import pytest
from nbgrader.api import Gradebook
from nbgrader_course import answered, autograder, hand_in, make_nbgrader_course, nbgrader, scores

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

NO_ERROR = "def double(x):\n    return x + x"  # wrong only where a matrix should raise ValueError


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Ana is right; Ben and Cem raise no error, and a person gave Cem 5 points for it."""
    course = make_nbgrader_course(tmp_path_factory.mktemp("course"))
    hand_in(course, "ana", answered(course))
    for student in ("ben", "cem"):
        hand_in(course, student, answered(course, NO_ERROR))
    nbgrader(course, "autograde", "ps")
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "test") as book:
        book.find_grade("double", "ps", "ps", "cem").manual_score = 5.0
        book.db.commit()
    return course


class Edited:
    """A file with one text replaced by another, until the end of the block."""

    def __init__(self, path, old, new):
        self.path, self.text = path, path.read_text()
        assert old in self.text
        self.new = self.text.replace(old, new)

    def __enter__(self):
        self.path.write_text(self.new)

    def __exit__(self, *_):
        self.path.write_text(self.text)


def double(course, student):
    return scores(course, student)["double"]


def regrade(course, *arguments, code=0):
    run = autograder(course.parent, "regrade", "ps", *arguments, check=False)
    assert run.returncode == code, run.stdout + run.stderr
    assert "Traceback" not in run.stderr
    return run.stdout


def exported(course, code=0):
    run = autograder(course.parent, "export", "--format", "json", "--to", "-", check=False)
    assert run.returncode == code, run.stderr
    return {mark["student"]: mark["score"] for mark in json.loads(run.stdout)["marks"]}, run.stderr


def test_a_void_property_is_out_for_everyone(course):
    report = json.loads((course / ".verdicts" / "ps" / "ben.json").read_text())
    results = {e["name"]: e for e in report["submissions"][0]["exercises"]}["double"]["properties"]
    failed = [p["name"] for p in results if not p["passed"]]
    policy = course.parent / "grading.yml"
    with Edited(policy, "sets:\n", f"void: {{double: {json.dumps(failed)}}}\nsets:\n"):
        (ben,) = [line.split() for line in regrade(course, "--dry-run").split("\n") if line.startswith("ben")]
    assert ben[-3:] == ["->", "10", "10"]


def test_a_mended_property(course):
    """Shown first, then done: new scores, manual ones kept and named, a backup, everyone else left alone."""
    partial = double(course, "ben")[0]
    assert 0 < partial < 10
    backups = len(list((course / ".backups").glob("*.db")))
    bad_input = '(BadInput("matrix", lambda: (tensor([[1.0]]),), "a matrix raises ValueError"),)'
    with Edited(course.parent / "tests/properties/public/algebra/doubling.py", bad_input, "()"):
        shown = regrade(course, "--dry-run").split("\n")
        (ben,) = [line.split() for line in shown if line.startswith("ben")]
        assert ben == ["ben", "double", f"{partial:.2f}".rstrip("0"), "->", "10", "10"]
        (cem,) = [line for line in shown if line.startswith("cem")]
        assert "a person gave 5, which stands" in cem
        assert not [line for line in shown if line.startswith("ana")]
        assert double(course, "ben")[0] == partial, "a dry run changes nothing"
        said = regrade(course)
        assert "1 new scores stay hidden behind a person's" in said
        assert double(course, "ben") == (10.0, None, False)
        assert double(course, "cem") == (10.0, 5.0, True)
        assert len(list((course / ".backups").glob("*.db"))) > backups


def test_a_fault_waits_for_a_person_and_blocks_feedback_and_export(course):
    """A reference that fails its own properties decides nothing. Whom a person has graded goes on."""
    with Edited(course.parent / "reference/algebra/doubling.py", "return 2 * x", "return 3 * x"):
        said = regrade(course, code=1)
        assert "ben: the grader could not decide double; a person has to." in said
        assert double(course, "ben") == (None, None, True)
        assert double(course, "cem") == (None, 5.0, True)
        marks, left_out = exported(course, code=1)
        assert set(marks) == {"cem"}
        assert left_out.count("is left out of ps: the grader could not decide double;") == 2
        run = nbgrader(course, "generate_feedback", "ps")
        assert "ben gets no feedback on ps yet: the grader could not decide double;" in run.stderr
        assert sorted(path.name for path in (course / "feedback").iterdir() if any(path.iterdir())) == ["cem"]
    regrade(course)
    assert double(course, "ana") == (10.0, None, False)
    assert set(exported(course)[0]) == {"ana", "ben", "cem"}


def test_a_new_due_date_changes_the_penalties(course):
    before = exported(course)[0]["ana"]
    with Edited(course.parent / "grading.yml", "2026-10-24 23:59", "2026-10-21 12:00"):
        assert "late penalty of ana for ps: 0 -> 4.8" in regrade(course, "--dry-run")
        assert exported(course)[0]["ana"] == before - 4.8, "four days, one of them free: 30 % of 16"


def test_wrong_usage_is_one_sentence(course):
    for arguments, says in (
        (["regrade", "pss"], "pss: grading.yml has no such set; did you mean 'ps'?"),
        (
            ["regrade", "ps", "--student", "anna"],
            "--student anna: no graded hand-in of ps is theirs; did you mean 'ana'?",
        ),
        (["export", "--course", "nowhere"], "holds no gradebook.db"),
    ):
        run = autograder(course.parent, *arguments, check=False)
        assert (run.returncode, run.stderr.count("\n")) == (2, 1)
        assert says in run.stderr


def test_forgetting_a_student(course):
    hand_in(course, "dora", answered(course, "def double(x):\n    return x * x  # dora_was_here"))
    nbgrader(course, "autograde", "ps")
    nbgrader(course, "generate_feedback", "ps", "--student", "dora")
    asked = autograder(course.parent, "forget", "dora", input="n\n", check=False)
    assert asked.returncode == 1 and "scores and comments" in asked.stdout
    assert (course / "submitted" / "dora").exists()
    said = autograder(course.parent, "forget", "dora", "--yes").stdout
    assert "removed dora from the gradebook" in said and "not removed: the roster's line" in said
    for path in course.parent.rglob("*"):
        assert "dora" not in path.name
        assert not path.is_file() or b"dora" not in path.read_bytes(), path
    assert double(course, "ana") == (10.0, None, False)
    nobody = autograder(course.parent, "forget", "dora", "--yes", check=False)
    assert (nobody.returncode, nobody.stderr.count("\n")) == (1, 1)
    with sqlite3.connect(course / "gradebook.db") as book:
        assert book.execute("PRAGMA integrity_check").fetchone() == ("ok",)
