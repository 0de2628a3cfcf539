"""The authors' guide: its example is verified as it stands there, and the names it uses exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autograder.course.config import load_course
from autograder.grading.session import bank_of, key_of
from autograder.sandbox.levels import probe
from autograder.sandbox.zygote import Zygote
from autograder.verify.audit import Auditor

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "assignments" / "README.md").read_text("utf-8")
GRADING = """
course: {id: guide, title: Guide, timezone: Europe/Paris}
bank: {reference: reference, public: tests/properties/public, hidden: tests/properties/hidden}
sets: {ps: {title: One, exercises: {part_along: 1}}}
"""


@pytest.mark.slow
def test_the_example_is_verified_as_it_stands(tmp_path):
    blocks = re.findall(r"```python\n# (\S+\.py) (.*?)```", GUIDE, re.DOTALL)
    assert len(blocks) == 3
    for name, text in blocks:
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(f"# {text}", "utf-8")
    (tmp_path / "grading.yml").write_text(GRADING)
    course = load_course(tmp_path / "grading.yml")
    bank = bank_of(course)
    with Zygote(probe().level) as zygote:
        keys = lambda settings: key_of(course, bank, settings, zygote.level)
        (audit,) = Auditor(bank, zygote, None, course.limits, keys, jobs=2).audit(["part_along"])
    assert audit.problems == []


def test_the_files_it_names_exist():
    subjects = {path.relative_to(path.parents[1]).as_posix() for path in (ROOT / "reference").glob("*/*.py")}
    names = re.findall(r"`(\w+/\w+\.py)`", GUIDE)
    assert len(names) >= 4
    assert set(names) <= subjects | {"TOPIC/SUBJECT.py", "student_template/submission.py"}
