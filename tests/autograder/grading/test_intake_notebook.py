"""Notebooks to Python: which cells run, where their lines stand, and what becomes of what is no Python."""

from __future__ import annotations

import ast
import json
from typing import Any

import nbformat
import pytest
from nbformat.v3 import new_code_cell, new_notebook, new_text_cell, new_worksheet

from autograder.grading.magics import without_magics
from autograder.grading.names import RefusedError
from autograder.grading.notebook import NotebookCode, read_notebook
from autograder.grading.submission import Sources


def cell(source: str | list[str], kind: str = "code", tags: tuple[str, ...] = (), **flags: bool) -> dict[str, Any]:
    metadata: dict[str, Any] = {"nbgrader": {"grade_id": "x", **flags}} if flags else {}
    return {"cell_type": kind, "metadata": metadata | ({"tags": list(tags)} if tags else {}), "source": source}


def read(*cells: Any, **document: Any) -> NotebookCode:
    return read_notebook(json.dumps({"nbformat": 4, "cells": cells, **document}).encode())


def names(code: NotebookCode) -> set[str]:
    """The names that the notebook's text assigns or defines, when run."""
    scope: dict[str, Any] = {}
    exec(code.text, scope)
    return set(scope) - {"__builtins__"}


def test_lines_are_found_again_in_their_cells() -> None:
    code = read(cell("# Title", "markdown"), cell("a = 1\nb = 2"), cell("", "code"), cell("c = 3\n\nd = 4\n"))
    sources = Sources({"submission.py": code.text}, "submission.py", code.cells)
    places = {
        text: sources.locate("submission.py", number) for number, text in enumerate(code.text.split("\n"), 1) if text
    }
    assert places == {
        "a = 1": "cell 2, line 1",
        "b = 2": "cell 2, line 2",
        "c = 3": "cell 4, line 1",
        "d = 4": "cell 4, line 3",
    }


@pytest.mark.parametrize("version", [3, 4])
def test_text_and_order_are_those_that_nbformat_reads(version: int) -> None:
    cells = ["x = 1\ny = 2", "def f():\n    return 'é'\n", "z = 3"]
    if version == 3:
        sheet = new_worksheet(cells=[new_text_cell("markdown", "# T"), *(new_code_cell(input=c) for c in cells)])
        data = nbformat.writes(new_notebook(worksheets=[sheet]), version=3)
    else:
        v4 = nbformat.v4
        data = nbformat.writes(v4.new_notebook(cells=[v4.new_markdown_cell("# T"), *map(v4.new_code_cell, cells)]))
    reference = [c.source for c in nbformat.reads(data, as_version=4).cells if c.cell_type == "code"]
    code = read_notebook(data.encode())
    assert code.text.split() == "\n".join(reference).split()
    assert [number for _, number in code.cells] == [2, 3, 4]


def test_what_a_released_notebook_runs() -> None:
    code = read(
        cell("import math\nEPS = 1e-3\ndef given():\n    return math\nplot = given()", locked=True, solution=False),
        cell("answer = 1", solution=True, locked=False, grade=False),
        cell("manual = 1", solution=True, grade=True),
        cell("assert answer\ntest = 1", grade=True, locked=True),
        cell("added = 1"),
        cell("figure = 1", tags=("experiment",)),
        cell("skipped = 1", tags=("Skip", "other")),
        cell("ungraded = 1", tags=("no-grade",)),
        cell("raw = 1", "raw"),
        cell("late = EPS", solution=True),
    )
    assert names(code) == {"math", "EPS", "given", "answer", "manual", "added", "late"}
    assert code.cells[-1][1] == 10 and code.notes == ()


def test_a_plain_notebook_runs_whole() -> None:
    assert names(read(cell("a = 1"), cell(["b = 2\n", "c = 3"]), cell("d = 4", tags=("experiment",)))) == set("abc")


def test_a_cell_that_does_not_compile_costs_only_itself() -> None:
    code = read(cell("a = 1"), cell("b = 2\ndef f(:\n  pass"), cell("c = 3"))
    assert names(code) == {"a", "c"} and code.cells == ((1, 1), (2, 3))
    assert code.notes == ("cell 2 was left out: line 2: invalid syntax.",)


@pytest.mark.parametrize(
    "broken",
    ["await f()", "return 1", "x = '\ud800'", "a\0b", "(" * 500, "-" * 100_000 + "1", "import " + "a." * 300 + "b"],
)
def test_a_cell_that_no_module_may_hold(broken: str) -> None:
    code = read(cell(broken), cell("a = 1"))
    assert names(code) == {"a"} and code.notes[0].startswith("cell 1 was left out: ")
    assert code.notes[0].isprintable()


def test_a_note_cannot_carry_what_its_student_likes() -> None:
    (note,) = read(cell("def f(a, \x1b[2J\u202e):")).notes
    assert note.isprintable()


MAGICS = {
    "%matplotlib inline\nx = 1": {"x"},
    "!pip install 'x\nx = 1": {"x"},
    "pip install torch\nx = 1": {"x"},
    "x = 1\n?help\nhelp?\nx.real??": {"x"},
    "files = !ls *.py\nx = 1": {"files", "x"},
    "here = %pwd\nx = 1": {"here", "x"},
    "!echo \\\n  it's\nx = 1": {"x"},
    "%%time\nx = 1": {"x"},
    "\n%%capture out\n%matplotlib inline\nx = 1": {"x"},
    "%%timeit -n 1\nx = 1": {"x"},
    "%time x = max(\n 1, 2)": {"x"},
    "if True:\n    !ls\n    x = 1": {"x"},
    "    x = 1\n    y = 2": {"x", "y"},
    "x = '''\n%time\n!ls\n'''\n%time": {"x"},
    "x = (5\n%2)\n%time": {"x"},
    "x = 5 \\\n%2\n!ls": {"x"},
    "x = '# (' # '''\n!ls": {"x"},
    "x = 5 != 6\n!ls": {"x"},
    "%pip install x; y": set(),
}


@pytest.mark.parametrize(("text", "expected"), MAGICS.items())
def test_commands_are_inert_and_keep_their_lines(text: str, expected: set[str]) -> None:
    code = read(cell(text))
    assert names(code) == expected and code.notes == ()
    assert code.text.count("\n") == text.count("\n") + 1


def test_commands_inside_strings_and_expressions_are_left_alone() -> None:
    text = 's = """\n%time\n!ls\nhelp?\n"""\nn = (7\n%4)\n%matplotlib inline\n'
    scope: dict[str, Any] = {}
    exec(read(cell(text)).text, scope)
    assert scope["s"] == "\n%time\n!ls\nhelp?\n" and scope["n"] == 3


@pytest.mark.parametrize("magic", ["bash", "html", "writefile x.py", "javascript", "!"])
def test_a_cell_for_another_program_is_left_out(magic: str) -> None:
    code = read(cell(f"%%{magic}\nx = 1"), cell("y = 2"))
    assert names(code) == {"y"}
    (note,) = code.notes
    assert note.startswith("cell 1 was not run") and magic.split()[0] in note


def test_python_is_never_rewritten() -> None:
    for text in ["x = 5\nx %= 3", "a = b'%' % ()\n", "print('!ls')", "# %%bash\nx = 1", '"""\n%%time\n"""']:
        assert read(cell(text)).text == text.removesuffix("\n") + "\n"
        assert without_magics(text) == text


def test_future_imports_stand_where_they_stood() -> None:
    code = read(cell("a = 1"), cell("from __future__ import annotations\nb = 2"))
    assert code.cells == ((1, 1), (2, 2)) and code.notes == ()
    assert isinstance(ast.parse(code.text).body[1], ast.ImportFrom)


def test_missing_and_odd_fields_do_no_harm() -> None:
    odd: list[Any] = [
        {"cell_type": "code", "source": "a = 1"},
        {"cell_type": "code", "source": "b = 1", "metadata": None},
        {"cell_type": "code", "source": "c = 1", "metadata": {"nbgrader": [], "tags": "skip"}},
        {"cell_type": "code", "source": ["d = 1\n", 7, "e = 1"], "metadata": {"tags": [None, {}]}},
        {"cell_type": "code", "source": {"x": 1}},
        {"cell_type": ["code"], "source": "no = 1"},
        None,
        "text",
        {},
    ]
    code = read(*odd)
    assert names(code) == set("abcde") and code.notes == ()
    assert [number for _, number in code.cells] == [1, 2, 3, 4]


def test_a_byte_order_mark_windows_lines_and_nan_in_outputs() -> None:
    text = '{"cells": [{"cell_type": "code", "source": "a = 1\\r\\nb = 2", "outputs": [NaN]}]}'
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert read_notebook(text.encode(encoding)).text == "a = 1\nb = 2\n"


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b'{"cells": [', "damaged"),
        (b"<html>", "damaged"),
        (b"\xff\xfe\xff", "damaged"),
        (b"[" * 100_000, "damaged"),
        (b"1" * 10_000, "damaged"),
        (b"[]", "not a notebook"),
        (b'{"cells": 3}', "not a notebook"),
        (b'{"cells": [], "x": [' + b"[]," * 1_100_000 + b"[]]}", "outputs"),
        (b'{"worksheets": [1]}', "not a notebook"),
        (b'{"cells": [%s]}' % b",".join([b"{}"] * 6000), "cells"),
        (json.dumps({"cells": [cell("#" * (1 << 20))] * 2}).encode(), "1 MiB"),
    ],
)
def test_what_is_no_notebook_says_so(data: bytes, word: str) -> None:
    with pytest.raises(RefusedError, match=word):
        read_notebook(data)
