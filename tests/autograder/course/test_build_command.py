"""``autograder build`` as an instructor types it: whole or not at all, and one sentence per mistake."""

from __future__ import annotations

import pytest
from assignment_factory import POLICY, WARM_UP, make_assignment
from click.testing import CliRunner

from autograder.cli.main import main
from autograder.course import wheel


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A wheel takes a second; what is in it is tested elsewhere."""

    def stand_in(folder):
        path = folder / "autograder-0.1.0-py3-none-any.whl"
        path.write_bytes(b"a wheel")
        return path

    monkeypatch.setattr(wheel, "build_wheel", stand_in)


def build(folder, *arguments):
    return CliRunner().invoke(main, ["--config", str(folder), "build", *map(str, arguments)], catch_exceptions=False)


def test_the_default_course_folder_lies_beside_grading_yml(tmp_path):
    make_assignment(tmp_path)
    run = build(tmp_path)
    assert run.exit_code == 0, run.output
    assert "ps (1 exercise, 1 written question, 1 experiment; 12 points)" in run.output
    source = tmp_path / "course" / "source" / "ps"
    there = {str(file.relative_to(source)) for file in source.rglob("*") if file.is_file()}
    properties = "properties/public/algebra/doubling.py"
    assert there == {"README.md", "grading.yml", "ps.ipynb", properties, "autograder-0.1.0-py3-none-any.whl"}
    assert [entry.name for entry in (tmp_path / "course" / "source").iterdir()] == ["ps"]
    assert "configure(get_config(), '../grading.yml')" in (tmp_path / "course" / "nbgrader_config.py").read_text()


def test_an_existing_nbgrader_config_is_kept(tmp_path):
    make_assignment(tmp_path)
    config = tmp_path / "elsewhere" / "nbgrader_config.py"
    config.parent.mkdir()
    config.write_text("# mine\n")
    assert build(tmp_path, "--course", config.parent).exit_code == 0
    assert config.read_text() == "# mine\n"


def test_a_mistake_leaves_the_former_build_as_it_was(tmp_path):
    make_assignment(tmp_path)
    assert build(tmp_path).exit_code == 0
    source = tmp_path / "course" / "source"
    before = {file: file.read_bytes() for file in source.rglob("*") if file.is_file()}
    (tmp_path / "assignments" / "ps" / "00_warm_up.md").write_text(WARM_UP.replace("{exercise}", "{exercis}"))
    run = build(tmp_path)
    assert run.exit_code == 1
    assert "unknown directive 'exercis'" in run.stderr
    assert "Traceback" not in run.output
    assert {file: file.read_bytes() for file in source.rglob("*") if file.is_file()} == before


def test_check_writes_nothing(tmp_path):
    make_assignment(tmp_path)
    run = build(tmp_path, "--check")
    assert run.exit_code == 0
    assert "nothing is wrong" in run.output
    assert not (tmp_path / "course").exists()


def test_a_set_that_is_right_is_built_although_another_is_wrong(tmp_path):
    make_assignment(tmp_path, policy=POLICY + "  other: {title: Two, exercises: {double: 1}}\n")
    run = build(tmp_path)
    assert run.exit_code == 1
    assert "assignments/other: there is no such folder" in run.stderr
    assert (tmp_path / "course" / "source" / "ps" / "ps.ipynb").exists()


def test_files_that_were_put_beside_by_hand_are_not_lost(tmp_path):
    make_assignment(tmp_path)
    assert build(tmp_path).exit_code == 0
    precious = tmp_path / "course" / "source" / "ps" / "data.csv"
    precious.write_text("1,2\n")
    run = build(tmp_path)
    assert run.exit_code == 1
    assert "data.csv was not built and would be lost" in run.stderr
    assert precious.read_text() == "1,2\n"


def test_an_older_wheel_is_replaced(tmp_path):
    make_assignment(tmp_path)
    assert build(tmp_path).exit_code == 0
    source = tmp_path / "course" / "source" / "ps"
    (source / "autograder-0.0.9-py3-none-any.whl").write_bytes(b"old")
    assert build(tmp_path).exit_code == 0
    assert [file.name for file in source.glob("*.whl")] == ["autograder-0.1.0-py3-none-any.whl"]


@pytest.mark.parametrize(
    ("change", "arguments", "code", "says"),
    [
        (None, ["pss"], 2, "no set 'pss'; did you mean 'ps'?"),
        (("hidden: tests/properties/hidden", ""), [], 2, "bank.reference and bank.hidden"),
        (("double: 10", "duble: 10"), [], 2, "the bank has no such exercise; did you mean 'double'?"),
    ],
)
def test_wrong_usage_and_policy_are_one_sentence(tmp_path, change, arguments, code, says):
    policy = POLICY.replace(*change) if change else POLICY
    make_assignment(tmp_path, policy=policy.replace("properties/public, }", "properties/public}"))
    run = build(tmp_path, *arguments)
    assert (run.exit_code, says in run.stderr) == (code, True), run.stderr


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    make_assignment(tmp_path)
    (tmp_path / "course").write_text("a file")
    run = build(tmp_path)
    assert run.exit_code in (1, 2)
    assert "Traceback" not in run.output
    assert "course" in run.stderr


@pytest.mark.parametrize("name", ["build", "release"])
def test_the_help_has_examples(name):
    text = CliRunner().invoke(main, [name, "--help"]).output
    assert "Examples:" in text
    assert f"autograder {name} ps00_core" in text
    assert "Exit status" in text
