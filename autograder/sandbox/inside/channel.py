"""Frames over a stream socket, with a deadline and a size limit.

On the wire: <u32 bytes of the skeleton><u32 bytes of the data><skeleton><data>.
"""

from __future__ import annotations

import contextlib
import os
import select
import struct
import time
from collections.abc import Iterable

from autograder.sandbox.inside.wire import Bounds, Frame, WireError

GREETING_BYTES = 200  # the first thing a worker writes, before it reads anything
READY = b"ready"
_AHEAD = 1 << 16  # bytes that may be read before they are asked for
_HEADER = struct.Struct("<II")


class Channel:
    """One end. accepts: how large a received frame may be.

    With deadlines (of time.monotonic) the socket must not block; without, it must. EOFError when the peer is gone.
    """

    def __init__(self, fd: int, accepts: Bounds) -> None:
        self._fd, self.accepts = fd, accepts
        self._readable, self._writable = select.poll(), select.poll()
        self._ahead, self._at, self._end = memoryview(bytearray(_AHEAD)), 0, 0
        self._readable.register(self._fd, select.POLLIN)
        self._writable.register(self._fd, select.POLLOUT)

    def send(self, *frames: Frame, deadline: float | None = None) -> None:
        """Raises TimeoutError, EOFError."""
        rest = memoryview(packed(frames))
        while rest:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:
                _wait(self._writable, deadline)
            except ConnectionError:
                raise EOFError from None

    def receive(self, deadline: float | None = None) -> tuple[bytearray, bytearray]:
        """Skeleton and data. Raises TimeoutError, EOFError, WireError."""
        skeleton, data = _HEADER.unpack(self.exactly(_HEADER.size, deadline))
        if skeleton > self.accepts.skeleton or data > self.accepts.data:
            raise WireError(f"frame of {skeleton} + {data} bytes")
        return self.exactly(skeleton, deadline), self.exactly(data, deadline)

    def idle(self) -> bool:
        """True when nothing waits to be read: a reply that is there before its request is a forgery."""
        return self._at == self._end and not self._readable.poll(0)

    def more(self) -> bool:
        """Whether something was read that nobody has asked for yet."""
        return self._at < self._end

    def has_written(self) -> bool:
        """Whether something that the peer wrote waits to be read, rather than the end of the channel."""
        if self._at == self._end:
            with contextlib.suppress(BlockingIOError, ConnectionError):
                self._at, self._end = 0, os.readv(self._fd, [self._ahead])
        return self._at < self._end

    def exactly(self, size: int, deadline: float | None) -> bytearray:
        """That many bytes. Raises TimeoutError, EOFError."""
        buffer = bytearray(self._ahead[self._at : min(self._at + size, self._end)])
        self._at += len(buffer)
        if len(buffer) == size:
            return buffer
        buffer, taken = bytearray(size), buffer
        buffer[: len(taken)] = taken
        rest = memoryview(buffer)[len(taken) :]
        while rest:
            if deadline is not None and time.monotonic() > deadline:  # a flood never has to wait
                raise TimeoutError
            try:
                received = os.readv(self._fd, [rest, self._ahead])
            except BlockingIOError:
                _wait(self._readable, deadline)
                continue
            except ConnectionError:
                raise EOFError from None
            if received == 0:
                raise EOFError
            self._at, self._end = 0, max(0, received - len(rest))
            rest = rest[received:]
        return buffer


def packed(frames: Iterable[Frame]) -> bytes:
    """Frames as they are on the wire."""
    return b"".join([part for a, b in frames for part in (_HEADER.pack(len(a), len(b)), a, b)])


def _wait(poll: select.poll, deadline: float | None) -> None:
    left = None if deadline is None else deadline - time.monotonic()
    if left is not None and left <= 0:
        raise TimeoutError
    if not poll.poll(None if left is None else left * 1000):
        raise TimeoutError
