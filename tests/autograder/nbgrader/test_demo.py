"""``make demo``: what a class gets at the end of a whole course, in the gradebook, on the pages and for Canvas."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SET = "ps00_demo"
SCORES = {  # of 18 points, three of which wait for a person; late penalties taken off
    "alma": 15.0,
    "bruno": 15.0,  # written outside the released notebook
    "chen": 15.0,  # with helpers
    "dara": 8.0,  # six minutes late, within the grace
    "elif": 3.0,  # late, with an extension
    "femi": 11.0,  # a day late, which is free
    "hugo": 6.4,  # three days late, two of them at 10 %
    "ines": 3.0,
    "jonas": 7.0,  # cells copied and deleted
    "kofi": 0.0,  # gave himself a thousand points
    "lena": 4.0,
    "mira": 0.0,  # half a file
}


@pytest.mark.slow
def test_a_class_goes_through_a_whole_course(tmp_path):
    run = subprocess.run(
        [sys.executable, str(ROOT / "tests/demo/cycle.py"), str(tmp_path)], capture_output=True, text=True, timeout=280
    )
    assert run.returncode == 0, run.stderr
    assert "Formgrader" in run.stdout and "left out" in run.stdout, "the student of another course is named"
    with (tmp_path / "canvas.csv").open() as file:
        marks = {row["SIS Login ID"]: row["Four derivations"] for row in csv.DictReader(file)}
    assert {student: float(marks[student]) for student in SCORES} == SCORES
    assert 10 < float(marks["gita"]) < 15, "the second of two hand-ins, nearly right"
    assert "nobody" not in marks
    page = (tmp_path / "course" / "feedback" / "kofi" / SET / f"{SET}.html").read_text()
    assert "<script>document.title" not in page and '"javascript:alert' not in page
    assert not list((tmp_path / "course" / "autograded" / "noor").glob("*")), "nothing was handed in"
