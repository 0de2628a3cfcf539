"""A submission behind the wall, as a property sees it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from autograder.sandbox.limits import Limits
from autograder.sandbox.process import Client
from autograder.sandbox.worker import LoadFailure, Worker
from autograder.testing.student import Ask, Operator, Student

_STRIDE = 0x9E3779B97F4A7C15
"""Between the seeds of one call and the next: an odd number without a pattern, so that none comes twice."""


class Sandboxed(Student):
    """Runs in a worker, which is started on the first use and replaced after it ended.

    The worker's random generators are set before every call from (seed, number of the call).
    """

    def __init__(
        self, client: Client, sources: Mapping[str, str], main: str, *, seed: int = 0, limits: Limits | None = None
    ) -> None:
        self._worker = Worker(client, sources, main, limits)
        self._on_device: Worker | None = None
        self._base, self._calls = int.from_bytes(hashlib.sha256(str(seed).encode()).digest()[:7], "big"), 0

    @property
    def failures(self) -> tuple[LoadFailure, ...]:
        """The statements of the submission that raised when it was loaded. Untrusted text."""
        return self._worker.load().failures

    @property
    def output(self) -> str:
        """What the last call printed, cut. Untrusted text."""
        return self._worker.output

    def has(self, function: str) -> bool:
        """Whether the submission defines a callable of that name. Raises an Interrupted or Fault."""
        return function in self._worker.load().names

    def arguments_after(self, function: str, arguments: Sequence[Any]) -> tuple[Any, ...]:
        """The arguments as they are after the call (self-reported: it can only deny)."""
        after: tuple[Any, ...] = self._worker.call(function, arguments, self._next_seed(), "arguments")
        return after

    def operators(self, function: str, arguments: Sequence[Any]) -> list[Operator]:
        """The operators that ran during one call; none where the call fails (self-reported: it can only deny)."""
        operators = self._worker.call(function, arguments, self._next_seed(), "operators")
        return [Operator(name, shapes) for name, shapes in operators]

    def traces(self, function: str, arguments: Sequence[Any]) -> list[tuple[str, int]]:
        """What a call leaves behind besides its answer (self-reported: it can only deny)."""
        found: list[tuple[str, int]] = self._worker.call(function, arguments, self._next_seed(), "traces")
        return found

    def call_on(self, device: str, function: str, arguments: Sequence[Any]) -> tuple[list[str], Any]:
        """The kinds of devices of the answer's tensors (self-reported: it can only deny), and the answer."""
        if self._on_device is None:
            worker = self._worker
            self._on_device = Worker(worker.client.beside or worker.client, worker.sources, worker.main, worker.limits)
        return self._on_device.call_on(device, function, arguments, self._next_seed())

    def fresh(self, seed: int) -> Sandboxed:
        """The same submission in a fresh worker whose random generator starts elsewhere; close it after use."""
        worker = self._worker
        return Sandboxed(worker.client, worker.sources, worker.main, seed=seed, limits=worker.limits)

    def close(self) -> None:
        """End the worker; a later call starts another."""
        self._worker.stop()
        if self._on_device is not None:
            self._on_device.stop()

    def _call(self, function: str, arguments: tuple[Any, ...]) -> Any:
        return self._worker.call(function, arguments, self._next_seed())

    takes_several = True

    def answers(self, asked: Sequence[Ask], until: float) -> list[Any]:
        """Values and StudentErrors; fewer than asked for where the worker had to be ended."""
        return self._worker.call_ahead([(call, self._next_seed(), want) for call, want in asked], until)

    def _next_seed(self) -> int:
        self._calls += 1
        return (self._base + self._calls * _STRIDE) % 2**56
