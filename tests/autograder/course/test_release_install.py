"""A student's side: the unpacked zip, the wheel installed from it, and no repository in sight."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import zipfile

import nbformat
import pytest
import yaml
from assignment_factory import WARM_UP, make_assignment
from click.testing import CliRunner

from autograder.cli.main import main

RIGHT = "    if x.dim() != 1:\n        raise ValueError('a vector is needed')\n    return x + x"
WRONG = "    if x.dim() != 1:\n        raise ValueError('a vector is needed')\n    return 3 * x"
PLACEHOLDER = "    # YOUR CODE HERE\n    raise NotImplementedError()"
UNREACHABLE = ("verify", "reports", "nbgrader", "cli/grade", "cli/build", "cli/release", "course/build", "course/leaks")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The student's folder, unpacked."""
    folder = tmp_path_factory.mktemp("course")
    make_assignment(folder, WARM_UP)
    target = tmp_path_factory.mktemp("student")
    run = CliRunner().invoke(main, ["--config", str(folder), "release", "ps", "--zip", str(target / "ps.zip")])
    assert run.exit_code == 0, run.output
    with zipfile.ZipFile(target / "ps.zip") as archive:
        archive.extractall(target)
    return target / "ps"


@pytest.fixture(scope="module")
def installed(home, tmp_path_factory):
    """Where the wheel was installed, without network or dependencies."""
    target = tmp_path_factory.mktemp("site")
    (wheel,) = home.glob("autograder-*.whl")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-index", "--no-compile", "--target", str(target), str(wheel)]
    subprocess.run(command, check=True, timeout=200)
    return target


def run(installed, folder, *arguments):
    """``arguments`` after python, with the installed wheel before anything else."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))}
    environment = {**kept, "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "120"}
    command = [sys.executable, "-P", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=200)


def answered(home, folder, answer):
    """A copy of the student's notebook with ``answer`` in the place of the placeholder."""
    notebook = nbformat.read(home / "ps.ipynb", 4)
    cell = next(cell for cell in notebook.cells if cell.id == "double_solution")
    assert PLACEHOLDER in cell.source
    cell.source = cell.source.replace(PLACEHOLDER, answer)
    nbformat.write(notebook, folder / "answer.ipynb")
    return folder / "answer.ipynb"


@pytest.mark.slow
def test_the_installed_engine_is_the_wheels_and_every_module_of_it_can_be_imported(home, installed):
    modules = sorted(
        ".".join(file.relative_to(installed).with_suffix("").parts).removesuffix(".__init__")
        for file in (installed / "autograder").rglob("*.py")
        if file.stem != "__main__"
    )
    assert "autograder.testing.record" in modules
    imports = f"import importlib, autograder\n[importlib.import_module(name) for name in {modules}]\n"
    code = f"{imports}print(autograder.__file__)"
    done = run(installed, home, "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(installed / "autograder" / "__init__.py")


def test_the_wheel_holds_what_students_need_and_nothing_for_teachers(installed):
    there = {str(file.relative_to(installed / "autograder")) for file in (installed / "autograder").rglob("*.py")}
    assert {"cli/check.py", "cli/exercises.py", "cli/doctor.py", "sandbox/inside/worker.py"} <= there
    assert [name for name in there if name.startswith(UNREACHABLE)] == []
    assert not (installed / "reference").exists()
    assert not (installed / "tests").exists()


def test_requirements_are_ranges_and_those_that_are_imported(installed):
    (metadata,) = installed.glob("autograder-*.dist-info/METADATA")
    needed = [line.split(": ", 1)[1] for line in metadata.read_text().splitlines() if line.startswith("Requires-Dist")]
    names = {requirement.split(">")[0] for requirement in needed}
    assert {"torch", "hypothesis", "click", "msgspec"} <= names
    assert not {"nbgrader", "jupytext", "pytest", "jinja2"} & names
    assert all(">=" in requirement and "==" not in requirement.split(";")[0] for requirement in needed)


def test_the_command_knows_the_students_commands_only(home, installed):
    done = run(installed, home, "-m", "autograder", "--help")
    assert done.returncode == 0, done.stderr
    listed = done.stdout.partition("Commands:")[2]
    assert [name for name in ("check", "doctor", "exercises") if name not in listed] == []
    assert [name for name in ("verify", "build", "release", "grade") if f"  {name} " in listed] == []
    assert run(installed, home, "-m", "autograder", "build").returncode == 2


def test_the_policy_of_students_names_neither_reference_nor_hidden_room(home):
    policy = yaml.safe_load((home / "grading.yml").read_text())
    assert policy["bank"] == {"public": "properties/public"}
    assert policy["sets"]["ps"]["exercises"] == {"double": 10}
    assert policy["sets"]["ps"]["written"] == {"why_odd": 2}


@pytest.mark.slow
def test_a_student_checks_right_wrong_and_unbegun_answers(home, installed, tmp_path):
    listed = run(installed, home, "-m", "autograder", "exercises")
    assert listed.returncode == 0, listed.stderr
    assert "double(x: Tensor[n]) -> Tensor[n]" in listed.stdout
    unbegun = run(installed, home, "-m", "autograder", "check")
    assert (unbegun.returncode, "None of the course's exercises" in unbegun.stdout) == (1, True), unbegun.stderr
    right = run(installed, home, "-m", "autograder", "check", answered(home, tmp_path, RIGHT))
    assert (right.returncode, "Every public property holds" in right.stdout) == (0, True), right.stdout + right.stderr
    wrong = run(installed, home, "-m", "autograder", "check", answered(home, tmp_path, WRONG))
    assert wrong.returncode == 1
    assert "f(x) - x = x" in wrong.stdout
    assert "Traceback" not in wrong.stderr


@pytest.mark.slow
def test_the_cells_of_the_notebook_check_in_its_own_process(home, installed, tmp_path):
    """Setup, solution and grade cell as one script, in the student's folder."""
    scripts = {}
    for name, answer in {"right": RIGHT, "wrong": WRONG, "unbegun": PLACEHOLDER}.items():
        notebook = nbformat.read(answered(home, tmp_path, answer), 4)
        cells = {cell.id: cell.source for cell in notebook.cells}
        scripts[name] = "\n\n".join(cells[cell] for cell in ("setup", "double_solution", "double"))
        ast.parse(scripts[name])
    right = run(installed, home, "-c", scripts["right"])
    assert right.returncode == 0, right.stderr
    wrong = run(installed, home, "-c", scripts["wrong"])
    assert wrong.returncode == 1
    assert "CheckFailed" in wrong.stderr
    assert "f(x) - x = x" in wrong.stdout + wrong.stderr
    assert "not begun" in run(installed, home, "-c", scripts["unbegun"]).stderr


def test_without_autograder_the_first_cell_says_what_to_install(home, tmp_path):
    notebook = nbformat.read(home / "ps.ipynb", 4)
    (setup,) = [cell.source for cell in notebook.cells if cell.id == "setup"]
    code = f"import sys; sys.modules['autograder'] = None\n{setup}"
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert "ImportError: autograder is not installed for this notebook: run '%pip install" in done.stderr
    assert "During handling" not in done.stderr


def test_the_readme_says_how_to_install_check_and_hand_in(home):
    text = (home / "README.md").read_text()
    (wheel,) = home.glob("autograder-*.whl")
    for said in (
        f"pip install {wheel.name}",
        "--no-index --no-deps",
        "Colab",
        "autograder check",
        "Hand in `ps.ipynb`",
    ):
        assert said in text


@pytest.mark.slow
def test_the_same_release_is_the_same_zip(tmp_path, home):
    make_assignment(tmp_path, WARM_UP)
    target = tmp_path / "again.zip"
    run = CliRunner().invoke(main, ["--config", str(tmp_path), "release", "ps", "--zip", str(target)])
    assert run.exit_code == 0, run.output
    assert target.read_bytes() == (home.parent / "ps.zip").read_bytes()
