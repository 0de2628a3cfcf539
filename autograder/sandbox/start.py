"""Workers for a student's own code on the student's own machine, by the strongest means there are."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Protocol, Self

from autograder.sandbox.levels import Level, probe
from autograder.sandbox.process import Client


class Workers(Protocol):
    """A zygote, or the plain processes in its place."""

    level: Level

    def connect(self) -> Client:
        """A new line."""

    def close(self) -> None:
        """End everything."""

    def __enter__(self) -> Self:
        """Part of with."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Part of with."""


def start_workers(*, quick: bool = False) -> Workers:
    """A zygote on Linux; elsewhere plain processes over pipes. quick: as in Zygote."""
    if sys.platform == "linux":
        from autograder.sandbox.zygote import Zygote

        return Zygote(probe().level, quick=quick)
    from autograder.sandbox.plain import PlainProcesses

    return PlainProcesses(quick=quick)
