"""Grades derivations: property-based tests of student functions, across a wall the student's code cannot cross."""

__version__ = "0.1.0"
