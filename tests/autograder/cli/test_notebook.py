"""``from autograder import check``: the same verdicts in a notebook's own process, and clean errors."""

from __future__ import annotations

import random
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

import autograder
from autograder import CheckFailed, check


@pytest.fixture
def notebook(homework, monkeypatch):
    monkeypatch.chdir(homework)
    return homework


def double(x):
    if x.dim() != 1:
        raise ValueError("a vector is needed")
    return helped(x)


def helped(x):
    print("noise")
    return x + x


def test_importing_it_costs_nothing():
    program = (
        "import sys, autograder; autograder.check; print(sorted({'torch', 'hypothesis', 'rich'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert run.stdout.strip() == "[]", run.stderr


def test_a_right_function_holds_and_says_where_it_was_tried(notebook, capsys):
    check("double", double)
    out = capsys.readouterr().out
    assert "double  Right" in out
    assert "without the sandbox" in out
    assert "noise" not in out


def test_it_finds_the_function_where_it_is_called_or_takes_it_as_it_is(notebook, capsys):
    check("double")
    check(double)
    check("double", lambda vector: double(vector))  # noqa: PLW0108
    assert capsys.readouterr().out.count("Right") == 3


def test_a_wrong_function_prints_its_example_and_raises_one_sentence(notebook, capsys):
    with pytest.raises(CheckFailed) as caught:
        check("double", lambda x: double(x) + x)
    out = capsys.readouterr().out
    assert "f(x) - x = x" in out
    assert "instead of" in out
    (shown,) = caught.value._render_traceback_()
    assert shown == f"CheckFailed: {caught.value}"
    assert "\n" not in shown
    assert isinstance(caught.value, AssertionError)


def test_an_exception_is_shown_with_the_line_of_the_helper_that_raised_it(notebook, capsys):
    def double(x):
        return broken(x)

    with pytest.raises(CheckFailed, match="nothing_at_all"):
        check("double", double)
    line = broken.__code__.co_firstlineno + 1
    assert f"test_notebook.py, line {line}: return x.nothing_at_all" in " ".join(capsys.readouterr().out.split())


def broken(x):
    return x.nothing_at_all


def test_a_function_that_leaves_is_no_reason_for_the_notebook_to_end(notebook):
    with pytest.raises(CheckFailed, match="SystemExit"):
        check("double", lambda x: sys.exit(3))


def not_begun(x):
    raise NotImplementedError


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("duble", double), "did you mean 'double'"),
        (("double", not_begun), "not begun"),
        (("double", 3), "takes functions"),
        (("double", double, double), "2 functions were given"),
    ],
)
def test_wrong_usage_is_one_sentence(notebook, arguments, says):
    with pytest.raises(CheckFailed, match=says):
        check(*arguments)


def test_a_function_that_is_not_defined_is_named(notebook):
    namespace = {"check": check}
    with pytest.raises(CheckFailed, match="no function named double: run the cell"):
        exec("check('double')", namespace)


def test_without_arguments_it_lists_the_exercises(notebook, capsys):
    check()
    assert "double (10): double(x: Tensor[n]) -> Tensor[n]" in capsys.readouterr().out


@pytest.mark.parametrize("lost", ["grading.yml", "tests"])
def test_a_notebook_that_was_moved_is_told_where_it_belongs(notebook, lost):
    (notebook / lost).rename(notebook / "elsewhere")
    with pytest.raises(CheckFailed, match="Keep this notebook in the folder"):
        check("double", double)


def test_the_generators_of_the_notebook_go_on_as_if_nothing_had_been(notebook):
    def draws():
        return torch.rand(2).tolist(), np.random.rand(), random.random()

    for seed in (torch.manual_seed, np.random.seed, random.seed):
        seed(7)
    expected = draws()
    for seed in (torch.manual_seed, np.random.seed, random.seed):
        seed(7)
    check("double", double)
    assert draws() == expected


def test_stopping_it_says_on_which_input_the_function_was(notebook):
    def stopped(x):
        signal.raise_signal(signal.SIGINT)
        while True:
            pass

    with pytest.raises(KeyboardInterrupt, match=r"stopped in double\(x = \[1, 2, 3\]\)") as caught:
        check("double", stopped)
    (shown,) = caught.value._render_traceback_()
    assert "\n" not in shown


def test_rules_are_read_through_helpers_aliases_and_imports():
    from autograder.testing.calls import uses
    from autograder.testing.live import sources_of

    namespace: dict[str, object] = {}
    exec(compile(CELL, "cell.py", "exec"), namespace)
    sys.modules["linecache"].cache["cell.py"] = (len(CELL), None, CELL.splitlines(True), "cell.py")
    sources = sources_of({"solve": namespace["solve"]})
    found = [use for use in uses(sources, ["solve"]) if use.name == "torch.linalg.inv"]
    assert found
    assert sources.locate("submission.py", found[0].line) == "cell.py, line 5"
    assert "unrelated" not in sources.files["submission.py"]


CELL = """from torch.linalg import inv
import torch.nn.functional as F

def helper(A):
    return inv(A)

def unrelated(A):
    return F.relu(A)

def solve(A):
    return helper(A)
"""


@pytest.mark.slow
def test_in_a_real_notebook_the_error_is_one_line(homework):
    import nbformat
    from nbclient import NotebookClient

    cells = [
        "from autograder import check",
        "def double(x):\n    return 3 * x",
        'check("double", double)',
        "def double(x):\n    return x.nothing_at_all",
        'check("double", double)',
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(notebook, allow_errors=True, timeout=120, resources={"metadata": {"path": str(homework)}})
    client.execute()
    errors = [out for cell in notebook.cells for out in cell.outputs if out.output_type == "error"]
    texts = ["".join(out.text for out in cell.outputs if out.output_type == "stream") for cell in notebook.cells]
    assert [error.ename for error in errors] == ["CheckFailed", "CheckFailed"]
    assert all(len(error.traceback) == 1 and "\n" not in error.traceback[0] for error in errors)
    assert "instead of" in texts[2]
    assert "In[4], line 2: return x.nothing_at_all" in " ".join(texts[4].split())


def test_the_package_names_what_it_offers():
    assert autograder.check.__doc__
    assert issubclass(CheckFailed, AssertionError)
