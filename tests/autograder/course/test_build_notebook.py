"""The built notebook: what nbgrader makes of it, what a student finds in it, and that it is the same every time."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import nbformat
import pytest
import torch
from assignment_factory import POLICY, QUESTION, make_assignment
from nbgrader.nbgraderformat import MetadataValidator

from autograder.course.build import read_set
from autograder.course.config import load_course
from autograder.course.prose import BuildError
from autograder.course.release import student_notebook, write_notebook
from autograder.course.solution import IMPORTS, solution_cell
from autograder.grading.notebook import read_notebook
from autograder.grading.session import bank_of
from autograder.testing.bank import Rooms, load_bank
from autograder.testing.values import leaves

ROOT = Path(__file__).parents[3]


def build(path):
    course = load_course(path)
    return read_set(course, "ps", bank_of(course)).notebook


def by_id(notebook):
    return {cell.id: cell for cell in notebook.cells}


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    return build(make_assignment(tmp_path_factory.mktemp("course")))


def test_cells_have_the_roles_that_nbgrader_grades_by(notebook):
    nbformat.validate(notebook)
    MetadataValidator().validate_nb(notebook)
    roles = {
        cell.metadata.nbgrader.grade_id: (
            cell.cell_type,
            cell.metadata.nbgrader.grade,
            cell.metadata.nbgrader.solution,
            cell.metadata.nbgrader.locked,
            cell.metadata.nbgrader.get("points"),
        )
        for cell in notebook.cells
    }
    assert roles["double_solution"] == ("code", False, True, False, None)
    assert roles["double"] == ("code", True, False, True, 10)
    assert roles["why_odd"] == ("markdown", True, True, False, 2)
    assert [name for name, (*_, points) in roles.items() if points is not None] == ["double", "why_odd"]
    assert all(locked for name, (*_, locked, _) in roles.items() if name not in ("double_solution", "why_odd"))
    assert list(roles) == [cell.id for cell in notebook.cells]
    assert by_id(notebook)["experiment_00_warm_up_1"].metadata.tags == ["experiment"]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code[0].id == "setup"
    assert "from autograder import check" in code[0].source
    assert by_id(notebook)["double"].source == 'check("double", double)'


def test_a_student_reads_every_sentence_and_the_points(notebook):
    cells = by_id(student_notebook(notebook))
    own, further = cells["double_checks"].source.split("Grading tries")
    assert "f(x) - x = x" in own
    assert "a matrix raises ValueError" in own
    assert "f(-x) = -f(x)" in further
    assert "10 points" in cells["double_text"].source
    assert "2 points" in cells["why_odd_text"].source
    assert "12 points" in cells["text_title"].source


def test_a_student_gets_a_stub_and_no_rubric(notebook):
    cells = by_id(student_notebook(notebook))
    stub = cells["double_solution"].source
    assert stub.startswith("def double(x: Tensor) -> Tensor:")
    assert "x: Tensor[n]" in stub
    assert "a matrix raises ValueError" in stub
    assert "2 * x" not in stub
    assert cells["why_odd"].source == "YOUR ANSWER HERE"
    namespace = {}
    exec(f"{IMPORTS}\n\n{stub}", namespace)
    with pytest.raises(NotImplementedError):
        namespace["double"](None)


def test_the_instructor_has_solution_hidden_result_and_rubric(notebook):
    cells = by_id(notebook)
    assert "two times x, entry by entry" in cells["double_solution"].source
    assert "return 2 * x" in cells["double_solution"].source
    assert "every linear map is odd" in cells["why_odd"].source


def test_grading_reads_the_solution_and_neither_experiments_nor_checks(notebook, tmp_path):
    write_notebook(tmp_path / "ps.ipynb", notebook)
    code = read_notebook((tmp_path / "ps.ipynb").read_bytes())
    assert "def double" in code.text
    assert "doubled:" not in code.text
    assert "check(" not in code.text
    assert not code.notes


@pytest.mark.slow
def test_the_same_sources_give_the_same_bytes_elsewhere_and_in_another_process(tmp_path):
    digests = set()
    for seed, place in enumerate(("one", "two/deeper")):
        make_assignment(tmp_path / place)
        environment = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-P", "-m", "autograder", "build", "--course", str(tmp_path / place / "out")]
        run = subprocess.run(
            command, cwd=tmp_path / place, env=environment, capture_output=True, text=True, timeout=200
        )
        assert run.returncode == 0, run.stderr
        source = tmp_path / place / "out" / "source"
        files = {str(f.relative_to(source)): f.read_bytes() for f in sorted(source.rglob("*")) if f.is_file()}
        assert {"ps/ps.ipynb", "ps/README.md", "ps/grading.yml"} < set(files)
        assert sum(name.endswith(".whl") for name in files) == 1
        digests.add(hashlib.sha256(repr(files).encode()).hexdigest())
    assert len(digests) == 1


@pytest.mark.slow
def test_nbgrader_generates_the_release_that_is_built_without_it(notebook, tmp_path):
    folder = tmp_path / "course"
    (folder / "source" / "ps" / "properties").mkdir(parents=True)
    (folder / "source" / "ps" / "properties" / "a.py").write_text("A = 1\n")
    write_notebook(folder / "source" / "ps" / "ps.ipynb", notebook)
    (folder / "nbgrader_config.py").write_text("get_config().CourseDirectory.course_id = 'test'\n")
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", "ps"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "HOME": str(tmp_path)}
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=200)
    assert run.returncode == 0, run.stderr
    assert (folder / "release" / "ps" / "properties" / "a.py").read_text() == "A = 1\n"
    assert nbformat.read(folder / "release" / "ps" / "ps.ipynb", 4) == student_notebook(notebook)


def test_helpers_and_constants_come_with_the_solution_and_nothing_else(tmp_path):
    reference = """
    import math as m
    from torch import Tensor, stack

    FACTOR = 2.0
    UNUSED = 1


    def _scaled(x: Tensor, factor: float) -> Tensor:
        return m.sqrt(factor) * m.sqrt(factor) * x


    def double(x: Tensor) -> Tensor:
        '''Twice.

        No more.
        '''
        if x.dim() != 1:
            raise ValueError("a vector is needed")
        return _scaled(x, FACTOR)


    def _other(x):
        return stack([x])
    """
    path = make_assignment(tmp_path)
    (tmp_path / "reference" / "algebra" / "doubling.py").write_text(textwrap.dedent(reference))
    source = by_id(build(path))["double_solution"].source
    for there in ("import math as m", "FACTOR = 2.0", "def _scaled", "    # No more."):
        assert there in source
    for absent in ("UNUSED", "_other", "stack"):
        assert absent not in source
    namespace = {}
    exec(f"{IMPORTS}\n\n{source}", namespace)
    assert torch.allclose(namespace["double"](torch.ones(3)), 2 * torch.ones(3))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("def double(x: Tensor)", "def double(y: Tensor)", "takes other parameters"),
        ("from torch import Tensor", "from torch import Tensor\nfrom reference.a import f", "reference.a"),
    ],
)
def test_a_reference_that_does_not_fit_is_one_sentence(tmp_path, old, new, says):
    path = make_assignment(tmp_path)
    file = tmp_path / "reference" / "algebra" / "doubling.py"
    (tmp_path / "reference" / "a.py").write_text("def f(x):\n    return 2 * x\n")
    text = file.read_text().replace(old, new)
    file.write_text(
        text.replace("return 2 * x", "return f(x)") if "import f" in new else text.replace("2 * x", "2 * y")
    )
    with pytest.raises(BuildError, match=says):
        build(path)


def bank():
    rooms = ROOT / "tests" / "properties"
    return load_bank(Rooms(rooms / "public", rooms / "hidden", ROOT / "reference"))


def test_every_exercise_of_the_bank_has_a_cell_that_runs_solved_and_unsolved():
    for name, entry in bank().items():
        solved, stub = {}, {}
        exec(f"{IMPORTS}\n\n{solution_cell(entry, 'hidden')}", solved)
        exec(f"{IMPORTS}\n\n{solution_cell(entry, '', solved=False)}", stub)
        for function in entry.record.functions:
            arguments = function.cases.dense[0].arguments(function.parsed)
            with pytest.raises(NotImplementedError):
                stub[function.name](*arguments)
            got = leaves(solved[function.name](*arguments))
            expected = leaves(entry.references[function.name](*arguments))
            assert [str(leaf) for leaf in got] == [str(leaf) for leaf in expected], name
            assert all(parameter in stub[function.name].__doc__ for parameter in function.parsed.parameters)
            assert all(bad.sentence.split()[0] in stub[function.name].__doc__ for bad in function.bad_inputs)


def test_two_references_must_not_define_a_helper_differently(tmp_path):
    path = make_assignment(tmp_path)
    for _, new, reference in (("double", "twice", "x + x"), ("double", "double", "2 * x")):
        for room in ("tests/properties/public", "tests/properties/hidden", "reference"):
            file = tmp_path / room / "algebra" / "doubling.py"
            text = file.read_text()
            other = file.with_name("twice.py")
            if new == "twice":
                other.write_text(
                    text.replace("double", "twice")
                    .replace("DOUBLE", "TWICE")
                    .replace("algebra.doubling", "algebra.twice")
                )
        target = tmp_path / "reference" / "algebra" / ("twice.py" if new == "twice" else "doubling.py")
        text = target.read_text().replace("return 2 * x", "return _helper(x)")
        target.write_text(text + f"\n\ndef _helper(x):\n    return {reference}\n")
    path.write_text(POLICY.replace("double: 10", "double: 10, twice: 1"))
    text = tmp_path / "assignments" / "ps" / "20_more.md"
    text.write_text(":::{exercise} twice\nAgain.\n:::\n")
    with pytest.raises(BuildError, match="define _helper differently"):
        build(path)


def test_points_of_text_and_policy_agree(tmp_path):
    notebook = build(make_assignment(tmp_path, question=QUESTION, policy=POLICY.replace("double: 10", "double: 2.5")))
    points = {cell.id: cell.metadata.nbgrader.points for cell in notebook.cells if cell.metadata.nbgrader.grade}
    assert points == {"double": 2.5, "why_odd": 2}


def test_assets_beside_the_text_go_to_the_students_and_drafts_do_not(tmp_path):
    from autograder.course.build import write_source

    path = make_assignment(tmp_path)
    text = tmp_path / "assignments" / "ps"
    (text / "data").mkdir()
    (text / "data" / "points.csv").write_text("1,2\n")
    (text / ".draft").write_text("no")
    course = load_course(path)
    bank_here = bank_of(course)
    wheel = tmp_path / "autograder-0-py3-none-any.whl"
    wheel.write_bytes(b"")
    write_source(tmp_path / "out" / "ps", read_set(course, "ps", bank_here), course, bank_here, wheel)
    assert (tmp_path / "out" / "ps" / "data" / "points.csv").read_text() == "1,2\n"
    assert not (tmp_path / "out" / "ps" / ".draft").exists()
    shutil.copy(text / "00_warm_up.md", text / "README.txt")
    (text / "grading.yml").write_text("x")
    with pytest.raises(BuildError, match=r"grading.yml.*rename yours"):
        write_source(tmp_path / "out2" / "ps", read_set(course, "ps", bank_here), course, bank_here, wheel)
