"""How a submission is loaded in the sandbox: statement by statement, from memory, with nothing else in reach."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from autograder.sandbox.worker import Worker
from autograder.testing.outcomes import StudentError

X = torch.tensor([[2.0, 1.0], [1.0, 3.0]])


def test_a_failing_statement_costs_only_itself(make_worker):
    worker = make_worker("before = 1\n\n1 / 0\nimport nothing_like_this\ndef f():\n    return before + 1\n")
    loaded = worker.load()
    assert [(failure.file, failure.line, failure.kinds[0]) for failure in loaded.failures] == [
        ("submission.py", 3, "ZeroDivisionError"),
        ("submission.py", 4, "ModuleNotFoundError"),
    ]
    assert worker.call("f", [], seed=0) == 2


def test_the_line_of_a_failure_is_where_it_arose(make_worker):
    worker = make_worker("def g():\n    raise KeyError('a')\n\ng()\n")
    (failure,) = worker.load().failures
    assert (failure.line, failure.kinds[:2], failure.text) == (2, ("KeyError", "LookupError"), "'a'")


def test_leaving_the_interpreter_is_a_failing_statement(make_worker):
    worker = make_worker("import sys\nsys.exit(0)\ndef f(): return 1")
    assert worker.load().failures[0].kinds[0] == "SystemExit"
    assert worker.call("f", [], seed=0) == 1


@pytest.mark.parametrize("source", ["def f(:\n    return 1\n", "x = 1\x00", "(" * 10_000, "\ndef f():\nreturn 1\n"])
def test_a_text_that_does_not_parse_costs_the_file(make_worker, source):
    loaded = make_worker(source).load()
    assert loaded.names == frozenset()
    assert len(loaded.failures) == 1


def test_a_syntax_error_is_reported_with_its_line(make_worker):
    (failure,) = make_worker("x = 1\ndef f(:\n    return 1\n").load().failures
    assert (failure.line, failure.kinds[0]) == (2, "SyntaxError")


def test_future_imports_apply_to_the_statements_after_them(make_worker):
    worker = make_worker('"""doc"""\nfrom __future__ import annotations\ndef f(x: undefined): return __doc__')
    assert worker.load().failures == ()
    assert worker.call("f", [1], seed=0) == "doc"


def test_helper_modules_and_packages_are_imported_from_memory(make_worker):
    files = {
        "helpers/linear.py": "from . import scale\nimport constants\ndef f(x): return scale.double(x) + constants.ONE",
        "helpers/scale.py": "def double(x): return 2 * x",
        "constants.py": "ONE = 1",
        "package/__init__.py": "from package.inner import *",
        "package/inner.py": "def g(): return 7",
    }
    worker = make_worker(
        "import helpers.linear\nfrom package import g\ndef f(x): return helpers.linear.f(x)", files=files
    )
    assert worker.load().failures == ()
    assert worker.call("f", [3], seed=0) == 7
    assert worker.call("g", [], seed=0) == 7


def test_a_failing_helper_is_reported_where_it_fails(make_worker):
    worker = make_worker("import helper\n", files={"helper.py": "\n\nraise OSError('x')\n"})
    (failure,) = worker.load().failures
    assert (failure.file, failure.line) == ("helper.py", 3)


def test_helpers_beside_a_main_file_in_a_folder(client):
    files = {"hw1/solution-1.py": "import helper\ndef f(): return helper.x", "hw1/helper.py": "x = 4"}
    worker = Worker(client, files, "hw1/solution-1.py")
    assert worker.call("f", [], seed=0) == 4
    worker.stop()


def test_the_main_module_behaves_as_an_imported_one(make_worker):
    source = """
import dataclasses, inspect, typing, sys, torch
@dataclasses.dataclass
class Point:
    x: float
def source_text(): return inspect.getsource(Point)
def name(): return [__name__, __file__, sys.modules[__name__] is sys.modules["submission"]]
@torch.jit.script
def scripted(x: torch.Tensor) -> torch.Tensor:
    return x + 1
if __name__ == "__main__":
    raise RuntimeError
"""
    worker = make_worker(source)
    assert worker.load().failures == ()
    assert "x: float" in worker.call("source_text", [], seed=0)
    assert worker.call("name", [], seed=0) == ["submission", "submission.py", True]
    assert torch.equal(worker.call("scripted", [X], seed=0), X + 1)


def test_plots_bars_and_widgets_are_inert(make_worker):
    source = """
import torch
import matplotlib; matplotlib.use("Agg")
import matplotlib.pyplot as plt
import seaborn as sns, plotly.graph_objects as go
from mpl_toolkits.mplot3d import Axes3D
from matplotlib import colors
from pylab import *
from IPython.display import display, HTML
from ipywidgets import interact, FloatSlider
from tqdm.notebook import tqdm
from tqdm import trange
sns.set_theme()
plt.rcParams["figure.dpi"] = 150
fig, ax = plt.subplots(figsize=(3, 3))
fig, (left, right) = plt.subplots(1, 2)
fig, axes = plt.subplots(2, 2)
for axis in axes.flat: axis.plot([1], [2], label="a")
axes[0, 1].set_title("t")
line, = ax.plot([1, 2], [3, 4]); line.set_color("r")
counts, edges, patches = ax.hist([1, 2])
with plt.style.context("dark"): plt.show()
class MyNorm(colors.Normalize): pass
@interact(x=(0, 1))
def f(x):
    for i in tqdm(range(3), desc="d"): x = x + i
    with tqdm(total=3) as bar: bar.update(1)
    for i in trange(2): x = x + i
    plt.plot(x); display(HTML("b"))
    return x
"""
    worker = make_worker(source)
    assert worker.load().failures == ()
    assert worker.call("f", [1.0], seed=0) == 5.0


def test_nothing_of_the_project_can_be_imported_or_found(make_worker):
    source = """
import os, sys
def attempt(name):
    __import__(name)
def files():
    found = []
    for root, folders, names in os.walk("/"):
        if root.startswith(("/usr", "/packages", "/sys", sys.prefix)): folders.clear(); continue
        found += [os.path.join(root, name) for name in names]
    return found
"""
    worker = make_worker(source)
    for name in (
        "autograder.testing",
        "autograder.sandbox.worker",
        "autograder.grading",
        "reference",
        "tests",
        "pytest",
    ):
        with pytest.raises(StudentError, match="ModuleNotFoundError"):
            worker.call("attempt", [name], seed=0)
    ours = {path.name for path in Path(__file__).parents[3].joinpath("autograder/sandbox/inside").glob("*.py")}
    visible = [path for path in worker.call("files", [], seed=0) if path.startswith("/project")]
    assert {Path(path).name for path in visible if path.endswith(".py")} <= ours
    assert all("/inside/" in path for path in visible)
