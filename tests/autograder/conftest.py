"""The tests of the engine draw the same inputs every time, and are not judged by how fast this machine is today."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("engine", derandomize=True, database=None, deadline=None)
settings.load_profile("engine")
