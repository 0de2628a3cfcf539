"""``autograder check`` and the small commands, as students and TAs type them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from course_factory import RIGHT, add_exercise

from autograder.testing.bank import Rooms, load_bank

ROOT = Path(__file__).parents[3]


def autograder(*arguments, cwd):
    command = [sys.executable, "-P", "-m", "autograder", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=200)


def test_a_right_function_holds_without_any_reference(homework):
    (homework / "submission.py").write_text(RIGHT)
    run = autograder("check", cwd=homework)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Every public property holds" in run.stdout
    assert "1 of 1 right." in run.stdout


def test_a_wrong_function_gets_its_sentence_and_an_example(homework):
    (homework / "submission.py").write_text("def double(x):\n    if x.dim() != 1: raise ValueError\n    return 3 * x")
    run = autograder("check", cwd=homework)
    assert run.returncode == 1
    assert "f(x) - x = x" in run.stdout
    assert "instead of" in run.stdout


@pytest.mark.parametrize("text", ["", "def double(x):\n    raise NotImplementedError\n"])
def test_what_is_not_begun_is_passed_over(homework, text):
    (homework / "submission.py").write_text(text)
    run = autograder("check", cwd=homework)
    assert run.returncode == 1
    assert "None of the course's exercises" in run.stdout
    assert "instead of" not in run.stdout


def test_what_comes_next_is_named_with_its_points_in_the_order_of_the_course(homework):
    (homework / "tests/properties/hidden/algebra").mkdir(parents=True)
    (homework / "reference/algebra").mkdir(parents=True)
    add_exercise(homework, "again")
    (homework / "submission.py").write_text(f"{RIGHT}\n\ndef again(x):\n    raise NotImplementedError\n")
    run = autograder("check", cwd=homework)
    assert run.stdout.rstrip().endswith("1 of 2 right, next: again (10 points).")
    assert run.returncode == 0


def test_asked_for_by_name_it_says_what_is_missing(homework):
    (homework / "submission.py").write_text("")
    run = autograder("check", "--exercise", "double", cwd=homework)
    assert "no function named double" in run.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["nowhere.py"], "nowhere.py"), (["--exercise", "duble"], "double"), ([], "submission.py")],
)
def test_wrong_usage_is_one_sentence(homework, arguments, says):
    if "--exercise" in arguments:
        (homework / "submission.py").write_text(RIGHT)
    run = autograder("check", *arguments, cwd=homework)
    assert run.returncode == 2
    assert says in run.stderr
    assert "Traceback" not in run.stderr


def test_exercises_lists_what_to_write_and_for_how_many_points(homework):
    run = autograder("exercises", cwd=homework)
    assert run.returncode == 0
    assert "double(x: Tensor[n]) -> Tensor[n]" in run.stdout
    assert "10" in run.stdout


def test_doctor_names_the_level_of_this_machine(homework):
    from autograder.sandbox.levels import probe

    run = autograder("doctor", cwd=homework)
    assert probe().level.value in run.stdout
    assert run.returncode == (0 if probe().level.confines else 1)


def test_verify_without_references_says_what_it_needs(homework):
    run = autograder("verify", cwd=homework)
    assert run.returncode == 2
    assert "bank.reference" in run.stderr


@pytest.mark.parametrize("command", ["grade", "check", "verify", "exercises", "doctor", "replay"])
def test_every_command_explains_itself_with_examples_without_torch(command, tmp_path):
    run = autograder(command, "--help", cwd=tmp_path)
    assert run.returncode == 0
    assert f"autograder {command}" in run.stdout or command == "doctor"
    assert "Exit status" in run.stdout or command == "exercises"


def test_the_student_template_has_the_signatures_of_the_records():
    tree = ast.parse((ROOT / "student_template" / "submission.py").read_text())
    stubs = {node.name: [a.arg for a in node.args.args] for node in tree.body if isinstance(node, ast.FunctionDef)}
    bank = load_bank(Rooms(ROOT / "tests" / "properties" / "public"))
    assert stubs
    for name, parameters in stubs.items():
        (function,) = bank[name].record.functions
        assert list(function.parsed.parameters) == parameters
