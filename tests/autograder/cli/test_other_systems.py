"""``autograder check`` where there is no fork, no socket to pass files over, and none of Unix's own modules."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from course_factory import add_exercise, make_course
from other_system import launcher

WITHOUT_UNICODE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "cp1252"}
RIGHT = "    if x.dim() != 1:\n        raise ValueError('a vector is needed')\n    return x + x\n"
ANSWERS = {
    "double": RIGHT,
    "wrong": "    return 3 * x\n",
    "raises": "    return x.nothing\n",
    "hangs": "    while True:\n        pass\n",
    "crashes": "    import os\n    os._exit(3)\n",
    "prints": "    print('é' * 100000)\n    os.write(1, b'noise')\n" + RIGHT,
    "changing": "    return x + torch.rand(())\n",
    "prepared": "    raise NotImplementedError\n",
}
"""A submission of every kind; that of the exercise "missing" is not there."""


@pytest.fixture
def other(request, tmp_path):
    folder = tmp_path / "system"
    folder.mkdir()
    return launcher(request.param, folder)


def run(*command, cwd, **environment):
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=280,
    )


@pytest.mark.parametrize("other", ["win32"], indirect=True)
def test_what_a_check_needs_can_be_imported(other, tmp_path):
    modules = "cli.check, cli.watch, cli.notebook, sandbox.plain, sandbox.inside.plain, sandbox.inside.worker"
    names = ", ".join(f"autograder.{name}" for name in modules.split(", "))
    found = run(
        other, "-c", f"import {names}\nimport os, sys\nprint(sys.platform, hasattr(os, 'pidfd_open'))", cwd=tmp_path
    )
    assert found.stdout.split() == [other.stem, "False"], found.stderr


@pytest.mark.parametrize("other", ["win32"], indirect=True)
def test_the_zygote_cannot_be_used_there(other, tmp_path):
    found = run(other, "-c", "import autograder.sandbox.inside.zygote", cwd=tmp_path)
    assert "on this system" in found.stderr


@pytest.mark.slow
@pytest.mark.parametrize("other", ["win32", "darwin"], indirect=True)
def test_every_kind_of_answer_gets_the_verdict_of_the_sandbox(other, tmp_path):
    make_course(tmp_path)
    for name in [*list(ANSWERS)[1:], "missing"]:
        add_exercise(tmp_path, name)
    shutil.rmtree(tmp_path / "reference")
    shutil.rmtree(tmp_path / "tests" / "properties" / "hidden")
    policy = tmp_path / "grading.yml"
    text = policy.read_text().replace("reference: reference, ", "").replace(", hidden: tests/properties/hidden", "")
    policy.write_text(text.replace("call: 2", "call: 0.5").replace("submission: 30", "submission: 200"))
    functions = [f"def {name}(x):\n{body}" for name, body in ANSWERS.items()]
    (tmp_path / "submission.py").write_text("import os\n\nimport torch\n\n\n" + "\n\n".join(functions), "utf-8")
    names = [argument for name in [*ANSWERS, "missing"] for argument in ("--exercise", name)]
    walled = run(sys.executable, "-P", "-m", "autograder", "check", *names, cwd=tmp_path, **WITHOUT_UNICODE)
    plain = run(other, "-m", "autograder", "check", *names, cwd=tmp_path, **WITHOUT_UNICODE)
    said, *shown = plain.stdout.split("\n", 2)[0], plain.stdout
    assert "plain process" in said, plain.stderr
    assert walled.returncode == plain.returncode == 1
    assert verdicts(plain.stdout) == verdicts(walled.stdout)
    assert verdicts(plain.stdout)["hangs"] == "Takes too long"
    assert verdicts(plain.stdout)["double"] == verdicts(plain.stdout)["prints"] == "Right"
    assert shown[0].split(said)[1].split("\n", 2)[2].split() == walled.stdout.split()
    assert not plain.stderr


def verdicts(text):
    """Exercise -> verdict, from the lines that begin a block."""
    lines = [line.split(maxsplit=2) for line in text.splitlines() if line and not line.startswith(" ")]
    return {line[1]: line[2] for line in lines if len(line) == 3 and line[1] in [*ANSWERS, "missing"]}
