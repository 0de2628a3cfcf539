"""Which exercises an edit can concern: nothing may be overlooked, and little need be tried again."""

from __future__ import annotations

import pytest

from autograder.grading.changes import concerned
from autograder.grading.submission import Sources

EXERCISES = {"f": ["f"], "g": ["g"], "h": ["h1", "h2"]}
BEFORE = """
import torch

SCALE = 2

def helper(x):
    return SCALE * x

def f(x, start=helper):
    return helper(x)

def g(x):
    return x

def h1(x):
    return h2(x)

def h2(x):
    return x

class Net:
    pass
"""


def sources(text, **files):
    return Sources({"submission.py": text, **files}, "submission.py")


def changed(old, new, before=BEFORE):
    assert old in before
    return concerned(sources(before), sources(before.replace(old, new, 1)), EXERCISES)


@pytest.mark.parametrize(
    ("old", "new", "direct"),
    [
        ("def g(x):\n    return x", "def g(x):\n    return x + 1", ["g"]),
        ("return SCALE * x", "return x", ["f"]),
        ("def h2(x):\n    return x", "def h2(x):\n    return -x", ["h"]),
        ("def h2(x):\n    return x", "", ["h"]),
        ("def g(x):\n    return x", "# moved on\n\ndef g(x):\n    return x  # a remark", []),
        ("class Net", "def unused(x):\n    return f(x)\n\nclass Net", []),
        ("def helper(x):\n    return SCALE * x\n\n", "", ["f"]),
    ],
)
def test_an_edited_function_concerns_those_that_reach_it(old, new, direct):
    assert changed(old, new) == (direct, [])


@pytest.mark.parametrize(
    ("old", "new", "direct"),
    [
        ("SCALE = 2", "SCALE = 3", []),
        ("import torch", "import torch, math", []),
        ("    pass", "    x = 1", []),
        ("import torch", "import torch\nprint(g(1))", []),
        ("def g(x):", "@torch.no_grad()\ndef g(x):", ["g"]),
        ("def g(x):", "def g(x, start=f(1)):", ["g"]),
        ("return x", "return eval('helper')(x)", ["g"]),
        ("def g(x):", "def torch(x):\n    return x\n\ndef g(x):", []),
    ],
)
def test_what_may_do_more_than_define_concerns_every_exercise(old, new, direct):
    found, others = changed(old, new)
    assert set(found) >= set(direct)
    assert set(found) | set(others) == set(EXERCISES)


def test_the_order_of_definitions_counts():
    moved = BEFORE.replace("def helper(x):\n    return SCALE * x\n", "") + "\ndef helper(x):\n    return SCALE * x\n"
    direct, others = concerned(sources(BEFORE), sources(moved), EXERCISES)
    assert set(direct) | set(others) == set(EXERCISES)


def test_a_function_that_loading_calls_concerns_every_exercise():
    before = BEFORE + "\nTABLE = g(3)\n"
    direct, others = changed("def g(x):\n    return x", "def g(x):\n    return 5", before)
    assert direct == ["g"]
    assert others == ["f", "h"]


def test_what_only_runs_as_a_script_concerns_no_exercise():
    before = BEFORE + '\nif __name__ == "__main__":\n    print(g(1))\n'
    assert changed("print(g(1))", "print(g(2), f(1))", before) == ([], [])
    assert changed("def g(x):\n    return x", "def g(x):\n    return 5", before) == (["g"], [])


def test_a_function_that_is_defined_twice_counts_both_times():
    before = BEFORE + "\ndef g(x):\n    return 2\n"
    assert changed("def g(x):\n    return 2", "def g(x):\n    return 3", before) == (["g"], [])
    assert changed("def g(x):\n    return x", "def g(x):\n    return 4", before) == (["g"], [])


def test_helper_files_and_broken_texts_concern_every_exercise():
    with_helper = sources(BEFORE, **{"helper.py": "A = 1\n"})
    direct, others = concerned(with_helper, sources(BEFORE, **{"helper.py": "A = 2\n"}), EXERCISES)
    assert set(direct) | set(others) == set(EXERCISES)
    assert concerned(sources(BEFORE), sources("def f(:"), EXERCISES) == ([], list(EXERCISES))
