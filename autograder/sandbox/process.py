"""What a conversation needs of whoever starts its workers: a zygote's line, or plain processes of one's own."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from autograder.sandbox.inside.wire import Bounds, Frame
from autograder.sandbox.levels import Level
from autograder.sandbox.limits import Limits


class Channel(Protocol):
    """Frames with deadlines (of time.monotonic). TimeoutError when one is over, EOFError when the peer is gone."""

    def send(self, *frames: Frame, deadline: float | None = None) -> None:
        """Send frames, one after another."""

    def receive(self, deadline: float | None = None) -> tuple[bytearray, bytearray]:
        """Skeleton and data of the next frame; also WireError for one that is too large."""

    def exactly(self, size: int, deadline: float | None) -> bytearray:
        """That many bytes."""

    def idle(self) -> bool:
        """True when nothing waits to be read."""

    def has_written(self) -> bool:
        """Whether something that the peer wrote waits to be read, rather than the end of the channel."""


class Process(Protocol):
    """One running worker."""

    def channel(self, accepts: Bounds) -> Channel:
        """The grader's end of its channel; asked for once."""

    def ended(self, seconds: float) -> bool:
        """Whether it ends within that time."""

    def end(self) -> tuple[int, float]:
        """Hang up, kill and reap. -> (exit status, negative for a signal; seconds of processor time). Raises Fault."""


class Client(Protocol):
    """Starts workers, for one process of the grader at a time."""

    @property
    def level(self) -> Level:
        """How strongly its workers are confined."""

    @property
    def beside(self) -> Client | None:
        """A client whose workers may use a device, if there is one."""

    def spawn(self, limits: Limits) -> Process:
        """A fresh worker. Raises Fault."""

    def close(self) -> None:
        """End its workers. Twice is fine."""

    def __enter__(self) -> Self:
        """Part of with."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
