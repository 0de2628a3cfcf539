"""Grades derivations: property-based tests of student functions, across a wall the student's code cannot cross."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

# One thread per process, set before torch is imported: its thread pool does not survive a fork, and small matrices
# are faster without one. Classes are graded by many processes instead.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

__version__ = "0.1.0"


class CheckFailed(AssertionError):
    """What ``check`` raises where something is not right yet, or could not be tried. The message says it all."""

    def _render_traceback_(self) -> list[str]:
        """IPython's protocol: in a notebook nothing but the sentence."""
        return [f"CheckFailed: {self}"]


def check(exercise: str | Callable[..., object] = "", *functions: Callable[..., object]) -> None:
    """Try your functions with the public properties, in this very process: ``check("adam_step", adam_step)``.

    exercise: its name.  functions: yours; by default those of the right names where ``check`` is called. Without
    arguments it lists the exercises. Prints what ``autograder check`` prints; raises CheckFailed where something is
    not right. grading.yml and the folder of properties are looked for from the current folder upwards.
    """
    from autograder.cli.notebook import check_here

    check_here(exercise, functions, sys._getframe(1).f_globals)
