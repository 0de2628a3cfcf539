"""``nbgrader validate``, which is also what its button runs: the verdict of the public check."""

from __future__ import annotations

import nbformat
import pytest
from nbgrader_course import answered, make_nbgrader_course, nbgrader

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_the_public_checks_verdict(tmp_path):
    course = make_nbgrader_course(tmp_path)
    path = course / "release" / "ps" / "ps.ipynb"
    nbformat.write(answered(course), path)
    assert "Success! Your notebook passes all the tests." in nbgrader(course, "validate", path).stdout
    nbformat.write(answered(course, "def double(x):\n    return x * x"), path)
    said = nbgrader(course, "validate", path, check=False)
    assert "VALIDATION FAILED ON 1 CELL(S)" in said.stdout + said.stderr
    assert 'check("double", double)' in said.stdout and "CheckFailed: double" in said.stdout
