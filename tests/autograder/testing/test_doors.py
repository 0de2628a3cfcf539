"""pytest is the door for people, the runner that of the grader: both give the same verdicts."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from course_factory import RIGHT, make_course

ANSWERS = {
    "right": RIGHT,
    "squares": "def double(x):\n    if x.dim() != 1: raise ValueError\n    return x * x",
    "changes": "def double(x):\n    if x.dim() != 1: raise ValueError\n    return x.mul_(2)",
}


def through_pytest(course: Path, submission: Path) -> dict[str, bool]:
    command = [sys.executable, "-P", "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "--rootdir", course]
    command += ["-c", "/dev/null", course / "tests" / "properties", "--submission", submission]
    run = subprocess.run(command, cwd=course, capture_output=True, text=True, timeout=200)
    lines = [line.split() for line in run.stdout.splitlines() if line.startswith(("PASSED", "FAILED"))]
    assert lines, run.stdout + run.stderr
    return {words[1].rpartition("::")[2]: words[0] == "PASSED" for words in lines}


def through_the_grader(course: Path, submission: Path) -> dict[str, bool]:
    script = textwrap.dedent("""
        import json, sys
        from pathlib import Path
        from autograder.course.config import load_course
        from autograder.grading.session import bank_of, student_of_file
        from autograder.testing.runner import run_properties
        from autograder.testing.search import Options
        entry = bank_of(load_course(Path(sys.argv[1])))["double"]
        student = student_of_file(Path(sys.argv[2]))
        print(json.dumps({o.declared.name: o.passed for o in run_properties(entry.properties, student, Options(0))}))
        student.close()
    """)
    command = [sys.executable, "-P", "-c", script, course / "grading.yml", submission]
    run = subprocess.run(command, capture_output=True, text=True, timeout=200)
    return json.loads(run.stdout)


@pytest.mark.parametrize("name", ANSWERS)
def test_both_doors_give_the_same_verdict_on_every_property(tmp_path, name):
    make_course(tmp_path)
    submission = tmp_path / "elsewhere" / "submission.py"
    submission.parent.mkdir()
    submission.write_text(ANSWERS[name])
    direct = through_the_grader(tmp_path, submission)
    assert through_pytest(tmp_path, submission) == direct
    assert all(direct.values()) == (name == "right")
