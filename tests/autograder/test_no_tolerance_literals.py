"""No guessed tolerance anywhere but in the comparison module: the sources are read, not run."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("autograder", "reference", "tests/properties", "assignments", "student_template")
HOME = ROOT / "autograder/testing/compare.py"
MARKER = "# row threshold"  # a bound that the catalogue's row itself demands
MAY_MARK = (ROOT / "reference", ROOT / "tests/properties")

KEYWORDS = {"rtol", "atol", "abs_tol", "rel_tol"}
CLOSENESS = {"allclose", "isclose", "approx"}
MAGNITUDES = {"abs", "fabs", "absolute", "norm", "vector_norm", "matrix_norm", "dist"}
SMALL = 1e-2


def tolerance_literals(source: str, *, marker: str | None = None) -> Iterator[tuple[int, str]]:
    """(line, what) for every tolerance that is written down; lines that carry the marker are the row's own."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        what = _offence(node)
        if what and not (marker and any(marker in lines[n - 1] for n in range(node.lineno, node.end_lineno + 1))):
            yield node.lineno, what


def _offence(node: ast.AST) -> str:
    if isinstance(node, ast.Call):
        name, owner = _name(node.func), ast.unparse(node.func)
        if name in CLOSENESS or (name == "assert_close" and "testing." in owner):
            return f"{name} has a tolerance of its own"
        given = {keyword.arg for keyword in node.keywords} & KEYWORDS
        return f"{min(given)}=" if given else ""
    if isinstance(node, ast.ImportFrom) and node.module in ("torch.testing", "numpy.testing"):
        return f"{node.module} has tolerances of its own"
    if isinstance(node, ast.arguments):
        return ""
    if isinstance(node, ast.arg) and node.arg in KEYWORDS:
        return f"a parameter {node.arg}"
    if isinstance(node, ast.Compare):
        inside = list(ast.walk(node))
        magnitude = any(isinstance(n, ast.Call) and _name(n.func) in MAGNITUDES for n in inside)
        return "a magnitude compared with a small number" if magnitude and any(map(_small, inside)) else ""
    if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None and _small(node.value):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any("tol" in _name(target).lower() for target in targets):
            return "a tolerance given a number"
    return ""


def _name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _small(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is float and 0 < node.value < SMALL


def sources() -> list[Path]:
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py") if path != HOME)


def test_no_tolerance_is_written_down_outside_the_comparison_module():
    assert any("autograder" in path.parts for path in sources())
    found = [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for path in sources()
        for line, what in tolerance_literals(
            path.read_text(encoding="utf-8"), marker=MARKER if any(map(path.is_relative_to, MAY_MARK)) else None
        )
    ]
    assert not found, "\n".join(found)


BAD = [
    "torch.allclose(a, b)",
    "torch.isclose(a, b, 1e-5)",
    "math.isclose(a, b)",
    "torch.testing.assert_close(a, b)",
    "from torch.testing import assert_close",
    "assert a == pytest.approx(b)",
    "f(a, b, rtol=tolerance)",
    "f(a, b, atol=0)",
    "def check(a, b, rel_tol=1e-3): ...",
    "assert abs(a - b) < 1e-6",
    "if (a - b).abs().max() > 1e-8 * scale: pass",
    "assert 1e-9 >= torch.linalg.norm(r)",
    "TOLERANCE = 1e-6",
]
GOOD = [
    "assert_close(a, b, condition=cond)",
    "assert abs(a - b) < tolerance(a)",
    "x = 1e-5 * y",
    "if sigma <= max(m, n) * eps * top: pass",
    "assert abs(a) < 0.5",
    "eps = 1e-5",
    "def layer_norm(x, eps=1e-5): ...",
]


@pytest.mark.parametrize("source", BAD)
def test_a_written_down_tolerance_is_found(source):
    assert len(list(tolerance_literals(source))) >= 1


@pytest.mark.parametrize("source", GOOD)
def test_other_small_numbers_are_let_through(source):
    assert not list(tolerance_literals(source))


def test_a_threshold_of_the_row_is_let_through_where_it_is_marked():
    source = "if abs(det) < 1e-12:  # row threshold\n    raise ValueError\nif abs(det) < 1e-12:\n    pass\n"
    assert [line for line, _ in tolerance_literals(source, marker=MARKER)] == [3]
    assert [line for line, _ in tolerance_literals(source)] == [1, 3]
