"""Files of a student's under the names of modules: neither the worker nor the grader imports them by mistake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from course_factory import RIGHT, make_course

from autograder.sandbox.worker import Worker

NAMES = (
    "torch autograder hypothesis numpy msgspec json random math os sys types typing rich click yaml jinja2 nbformat "
    "reference tests conftest sitecustomize usercustomize encodings site _pytest pytest pytest_timeout"
)
MODULES = NAMES.split()
CODE = "raise RuntimeError('a module of the student stands where another was meant')\n"
X = torch.tensor([1.0, 2.0])


def test_helpers_under_the_names_of_modules_the_worker_has_loaded(client):
    files = {f"{name}.py": CODE for name in MODULES}
    files |= {f"autograder/sandbox/inside/{name}.py": CODE for name in ("wire", "channel", "worker", "observe")}
    files["submission.py"] = "import torch, json, numpy, random\nimport torch.nn.functional\ndef f(x): return x + 1\n"
    worker = Worker(client, files, "submission.py")
    assert worker.load().failures == ()
    assert torch.equal(worker.call("f", [X], seed=0), X + 1)
    assert worker.call("f", [X], seed=0, want="operators") == [("add", ((2,),))]
    worker.stop()


@pytest.fixture
def trapped(tmp_path):
    """A folder of submissions in which a student has put every file that a careless grader would pick up."""
    make_course(tmp_path / "course")
    folder = tmp_path / "submitted"
    for place in (folder, folder / "mal"):
        place.mkdir()
        for name in MODULES:
            (place / f"{name}.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'a').write({name!r})\n")
        (place / "pytest.ini").write_text("[pytest]\naddopts = --version\n")
        (place / "grading.yml").write_text("course: {id: mine}\n")
        (place / "pyvenv.cfg").write_text("home = /nowhere\n")
        (place / "x.pth").write_text(f"import os; open({str(tmp_path / 'imported')!r}, 'a')\n")
    (folder / "mal" / "submission.py").write_text(RIGHT)
    return folder


@pytest.mark.parametrize("command", ["autograder", "-P -m autograder"])
def test_grading_from_within_the_folder_of_submissions(trapped, command):
    script = [str(Path(sys.executable).with_name("autograder"))]
    command = script if command == "autograder" else [sys.executable, *command.split()]
    course = trapped.parent / "course" / "grading.yml"
    run = subprocess.run(
        [*command, "--config", str(course), "grade", "mal", "--json", "-"],
        cwd=trapped,
        env={**os.environ, "PYTHONPATH": "", "PYTEST_ADDOPTS": "--version", "PYTHONSTARTUP": "sitecustomize.py"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    (submission,) = json.loads(run.stdout)["submissions"]
    assert [exercise["verdict"] for exercise in submission["exercises"]] == ["right"]
    assert not (trapped.parent / "imported").exists()
