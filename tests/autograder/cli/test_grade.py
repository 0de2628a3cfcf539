"""``autograder grade`` as a TA and a script use it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from course_factory import REFERENCE, RIGHT, hand_in, make_course

from autograder.grading.schema import report_schema

CLASS = {
    "right": RIGHT,
    "squares": "def double(x):\n    if x.dim() != 1: raise ValueError\n    return x * x",
    "zeros": "def double(x):\n    return x * 0",
    "no_error": "def double(x):\n    return x + x",
    "raises": "def double(x):\n    return [1, 2, 3][len(x)] + x",
    "hangs": "def double(x):\n    while True: pass",
    "hungry": "def double(x):\n    return bytes(1 << 40)",
    "leaves": "import os\ndef double(x):\n    os._exit(0)",
    "broken": "def double(x:\n    return x",
    "absent": "def triple(x):\n    return 3 * x",
    "spy": """
        def double(x):
            name = "".join(str(v) for v in x.tolist())
            raise type("Secret" + name, (KeyError,), {})("input " + name)
    """,
}


def autograder(*arguments, cwd):
    command = [sys.executable, "-P", "-m", "autograder", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=240)


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    root = tmp_path_factory.mktemp("course")
    make_course(root)
    hand_in(root / "class", CLASS)
    run = autograder("grade", "class", "--json", "out.json", "--html", "pages", "--seed", 7, cwd=root)
    assert run.returncode == 0, run.stderr + run.stdout
    return root, run, json.loads((root / "out.json").read_text())


def exercise(report, student):
    (submission,) = [s for s in report["submissions"] if s["student"] == student]
    return submission["exercises"][0]


def test_every_submission_has_its_verdict(graded):
    _, _, report = graded
    verdicts = {s["student"]: s["exercises"][0]["verdict"] for s in report["submissions"]}
    assert verdicts == {
        "right": "right",
        "squares": "wrong",
        "zeros": "wrong",
        "no_error": "wrong",
        "raises": "error",
        "hangs": "timeout",
        "hungry": "memory",
        "leaves": "error",
        "broken": "error",
        "absent": "missing",
        "spy": "error",
    }


def test_the_report_follows_its_published_schema_and_names_the_run(graded):
    _, _, report = graded
    jsonschema.validate(report, report_schema())
    assert (report["schema"], report["seed"], report["device"]) == (1, 7, "cpu")
    assert report["sandbox"] in ("bubblewrap+landlock+seccomp", "landlock+seccomp", "bubblewrap+seccomp")
    assert report["versions"]["torch"]


def test_credit_needs_the_gate_and_then_follows_the_weights(graded):
    _, _, report = graded
    assert exercise(report, "right")["score"] == 10
    assert exercise(report, "zeros")["score"] == 0, "zeros satisfy the odd symmetry, which earns nothing below the gate"
    partial = exercise(report, "no_error")
    failed = [p["name"] for p in partial["properties"] if not p["passed"]]
    assert failed == ["rejects_matrix"]
    assert 5 < partial["score"] < 10


def test_a_known_misconception_is_named(graded):
    _, _, report = graded
    assert exercise(report, "squares")["misconception"] == {"name": "squared", "hint": "Twice is not the square."}
    assert exercise(report, "zeros")["misconception"] is None


def test_public_failures_carry_a_readable_counterexample_and_hidden_ones_only_the_sentence(graded):
    _, _, report = graded
    properties = {p["name"]: p for p in exercise(report, "squares")["properties"]}
    shown = properties["agrees_with_the_reference"]
    assert shown["public"] and not shown["passed"]
    assert shown["counterexample"]["arguments"]["x"].count(",") == 2
    assert shown["counterexample"]["expected"] != shown["counterexample"]["got"]
    hidden = properties["is_odd"]
    assert not hidden["public"]
    assert hidden["message"] == "does not hold on inputs that are not shown"


def test_a_hidden_input_cannot_leave_by_the_name_or_text_of_an_exception(graded):
    root, _, report = graded
    hidden = [p for p in exercise(report, "spy")["properties"] if not p["public"]]
    assert hidden
    for result in hidden:
        assert result["message"].startswith("raises KeyError")
        assert "Secret" not in result["message"] and "input" not in result["message"]
    page = (root / "pages" / "spy.html").read_text()
    for result in hidden:
        numbers = result["counterexample"]["arguments"]["x"] if result["counterexample"] else "no counterexample"
        public = {
            p["counterexample"]["arguments"]["x"]
            for p in exercise(report, "spy")["properties"]
            if p["public"] and p["counterexample"]
        }
        assert numbers in public or numbers not in page


def test_an_exception_shows_the_students_own_line(graded):
    _, _, report = graded
    assert "line 2" in exercise(report, "raises")["student_line"]
    assert "IndexError" in exercise(report, "raises")["reason"]
    assert "line 1" in exercise(report, "broken")["reason"]


def test_an_undisturbed_second_run_takes_every_verdict_from_the_store(graded):
    root, _, report = graded
    again = autograder("grade", "class", "--json", "-", "--seed", 7, cwd=root)
    assert again.returncode == 0
    assert json.loads(again.stdout)["submissions"] == report["submissions"]


def test_json_to_standard_output_is_nothing_but_json(graded):
    root, _, _ = graded
    run = autograder("grade", "class/right", "--json", "-", "--seed", 7, cwd=root)
    assert json.loads(run.stdout)["submissions"][0]["student"] == "right"


def test_a_stored_counterexample_can_be_replayed_on_the_old_and_on_a_mended_file(graded):
    root, _, report = graded
    name = next(p["counterexample"]["id"] for p in exercise(report, "squares")["properties"] if p["counterexample"])
    old = autograder("replay", name, cwd=root)
    assert old.returncode == 1 and "expected" in old.stdout
    mended = autograder("replay", name, "--submission", "class/right/submission.py", cwd=root)
    assert mended.returncode == 0, mended.stdout + mended.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "nowhere"),
        (["class", "--exercise", "duble"], "double"),
        (["class", "--assignment", "ps9"], "ps9"),
        (["class", "--jobs", "0"], "jobs"),
        ([], "PATH"),
    ],
)
def test_wrong_usage_is_one_clear_message_and_exit_code_2(graded, arguments, says):
    root, _, _ = graded
    run = autograder("grade", *arguments, cwd=root)
    assert run.returncode == 2
    assert says in run.stderr
    assert "Traceback" not in run.stderr


def test_a_broken_reference_is_a_fault_without_a_score(tmp_path):
    make_course(tmp_path, REFERENCE.replace("return 2 * x", "return 2 * x if x.sum() < 5 else 3 * x"))
    hand_in(tmp_path / "class", {"right": RIGHT})
    run = autograder("grade", "class", "--json", "-", cwd=tmp_path)
    assert run.returncode == 1
    (submission,) = json.loads(run.stdout)["submissions"]
    assert submission["score"] is None
    assert submission["exercises"][0]["verdict"] == "fault"
    assert submission["exercises"][0]["score"] is None


def test_grading_yml_among_the_submissions_is_refused(tmp_path):
    make_course(tmp_path / "class")
    hand_in(tmp_path / "class", {"right": RIGHT})
    run = autograder("grade", "../class", cwd=tmp_path / "class")
    assert run.returncode == 2
    assert "grading.yml" in run.stderr


def test_a_students_hypothesis_beside_the_submission_is_never_imported(tmp_path):
    make_course(tmp_path)
    hand_in(tmp_path / "class", {"right": RIGHT})
    canary = tmp_path / "canary"
    for name in ("hypothesis.py", "torch.py", "conftest.py", "sitecustomize.py"):
        (tmp_path / "class" / "right" / name).write_text(f"open({str(canary)!r}, 'w')\n")
    command = [
        Path(sys.executable).with_name("autograder"),
        "--config",
        "../../grading.yml",
        "grade",
        ".",
        "--json",
        "-",
    ]
    run = subprocess.run(command, cwd=tmp_path / "class" / "right", capture_output=True, text=True, timeout=240)
    assert not canary.exists()
    assert json.loads(run.stdout)["submissions"], run.stderr


def test_a_misspelt_weight_is_named_with_its_line(tmp_path):
    policy = make_course(tmp_path)
    text = policy.read_text().replace("double: 10", "double: {points: 10, weights: {adds_upp: 3}}")
    policy.write_text(text)
    hand_in(tmp_path / "class", {"right": RIGHT})
    run = autograder("grade", "class", cwd=tmp_path)
    assert run.returncode == 2
    assert "adds_up" in run.stderr and "line" in run.stderr
