"""What a grader without this project would do: one pytest process per submission, one test per case.

    pytest tests/benchmarks/plain_tests.py

In the environment are SUBMISSION, a file, and CASES, a pickled {function: [(arguments, expected), ...]}.

Used by costs.py alone, and kept out of the test suite by its name.
"""

from __future__ import annotations

import os
import pickle
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch

FUNCTIONS = runpy.run_path(os.environ["SUBMISSION"])
CASES = [
    (function, arguments, expected)
    for function, cases in pickle.loads(Path(os.environ["CASES"]).read_bytes()).items()
    for arguments, expected in cases
]


@pytest.mark.parametrize(("function", "arguments", "expected"), CASES)
def test_value(function: str, arguments: tuple[Any, ...], expected: Any) -> None:
    """One case."""
    torch.testing.assert_close(FUNCTIONS[function](*arguments), expected)
