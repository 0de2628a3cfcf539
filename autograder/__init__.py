"""Grades derivations: property-based tests of student functions, across a wall the student's code cannot cross."""

import os

# One thread per process, set before torch is imported: its thread pool does not survive a fork, and small matrices
# are faster without one. Classes are graded by many processes instead.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

__version__ = "0.1.0"
