"""``autograder grade --device cuda``, and the same through pytest, on a machine without a GPU."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[3]
no_device = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")


@no_device
def test_without_a_device_the_command_says_so(tmp_path):
    (tmp_path / "submission.py").write_text("def f():\n    return 1\n")
    command = [sys.executable, "-m", "autograder", "grade", str(tmp_path / "submission.py"), "--device", "cuda"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 2
    assert "--device cuda" in done.stderr and "grade on the CPU" in done.stderr and "Traceback" not in done.stderr


@no_device
def test_without_a_device_pytest_skips_the_property_and_says_why():
    file = "tests/properties/public/initialization/scales.py"
    command = [sys.executable, "-m", "pytest", "-p", "no:xdist", "-rs", file, "-k", "cuda"]
    done = subprocess.run(
        [*command, "--properties-device", "cuda"], cwd=ROOT, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout
    assert "1 skipped" in done.stdout and "no CUDA device on this machine" in done.stdout
