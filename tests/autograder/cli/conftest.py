"""What a student has on his machine."""

from __future__ import annotations

import shutil

import pytest
from course_factory import make_course


@pytest.fixture
def homework(tmp_path):
    """The public properties and a grading.yml without reference or hidden room."""
    make_course(tmp_path)
    shutil.rmtree(tmp_path / "reference")
    shutil.rmtree(tmp_path / "tests" / "properties" / "hidden")
    policy = tmp_path / "grading.yml"
    text = policy.read_text()
    policy.write_text(text.replace("reference: reference, ", "").replace(", hidden: tests/properties/hidden", ""))
    return tmp_path
