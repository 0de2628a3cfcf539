"""A worker whose replies are written beforehand: what a hostile process may send, without a process."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterable
from typing import Any

import torch

from autograder.sandbox.callables import Reference
from autograder.sandbox.inside import wire
from autograder.sandbox.inside.channel import GREETING_BYTES, READY
from autograder.sandbox.levels import Level
from autograder.sandbox.worker import Worker
from autograder.testing.outcomes import Interrupted, StudentError, Unsendable

FRAME = struct.Struct("<HH")
WANTS = ("value", "arguments", "operators", "traces")


def written(frames: Iterable[wire.Frame]) -> bytes:
    """Frames as a script's data."""
    return b"".join(FRAME.pack(len(skeleton), len(data)) + bytes(skeleton) + bytes(data) for skeleton, data in frames)


def talk(data: bytes, want: Any) -> int:
    """Load and call until the script ends or the worker is given up; what else than an outcome is raised comes through.

    -> calls that were answered.
    """
    script, answered = Script(data), 0
    worker = Worker(script, {"submission.py": ""}, "submission.py")
    arguments = [torch.ones(2), (1.0, {"a": [None]}), Reference(torch.sin)]
    with contextlib.suppress(Interrupted, StudentError, Unsendable, RecursionError):
        while True:
            worker.call("f", arguments, seed=0, want=want)
            answered += 1
            if not script.data:
                break
    return answered


class Script:
    """The client, the process and the channel of a conversation, all in one."""

    level, beside = Level.FULL, None

    def __init__(self, data: bytes) -> None:
        self.data = data

    def spawn(self, limits: Any) -> Script:
        return self

    def channel(self, accepts: wire.Bounds) -> Script:
        return self

    def exactly(self, size: int, deadline: float | None) -> bytearray:
        return bytearray(READY.ljust(GREETING_BYTES))

    def idle(self) -> bool:
        return True

    def send(self, *frames: Any, deadline: float | None = None) -> None:
        pass

    def receive(self, deadline: float | None = None) -> tuple[bytearray, bytearray]:
        if len(self.data) < FRAME.size:
            raise EOFError
        skeleton, data = FRAME.unpack_from(self.data)
        body = self.data[FRAME.size :]
        self.data = body[skeleton + data :]
        return bytearray(body[:skeleton]), bytearray(body[skeleton : skeleton + data])

    def has_written(self) -> bool:
        return False

    def ended(self, seconds: float) -> bool:
        return True

    def end(self) -> tuple[int, float]:
        return 0, 0.0

    def close(self) -> None:
        pass
