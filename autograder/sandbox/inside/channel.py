"""Frames over a stream socket, with a deadline and a size limit.

On the wire: <u32 bytes of the skeleton><u32 bytes of the data><skeleton><data>.
"""

from __future__ import annotations

import os
import select
import struct
import time

from autograder.sandbox.inside.wire import Bounds, Frame, WireError

GREETING_BYTES = 200  # the first thing a worker writes, before it reads anything
READY = b"ready"
_HEADER = struct.Struct("<II")


class Channel:
    """One end. accepts: how large a received frame may be.

    With deadlines (of time.monotonic) the socket must not block; without, it must. EOFError when the peer is gone.
    """

    def __init__(self, fd: int, accepts: Bounds) -> None:
        self._fd, self.accepts = fd, accepts
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(self._fd, select.POLLIN)
        self._writable.register(self._fd, select.POLLOUT)

    def send(self, frame: Frame, deadline: float | None = None) -> None:
        """Raises TimeoutError, EOFError."""
        skeleton, data = frame
        buffers = [memoryview(_HEADER.pack(len(skeleton), len(data)) + skeleton), memoryview(data)]
        while any(buffers):
            try:
                sent = os.writev(self._fd, buffers)
            except BlockingIOError:
                _wait(self._writable, deadline)
                continue
            except (BrokenPipeError, ConnectionError):
                raise EOFError from None
            for index, buffer in enumerate(buffers):
                buffers[index] = buffer[sent:]
                sent = max(0, sent - len(buffer))

    def receive(self, deadline: float | None = None) -> tuple[bytearray, bytearray]:
        """Skeleton and data. Raises TimeoutError, EOFError, WireError."""
        skeleton, data = _HEADER.unpack(self.exactly(_HEADER.size, deadline))
        if skeleton > self.accepts.skeleton or data > self.accepts.data:
            raise WireError(f"frame of {skeleton} + {data} bytes")
        return self.exactly(skeleton, deadline), self.exactly(data, deadline)

    def idle(self) -> bool:
        """True when nothing waits to be read: a reply that is there before its request is a forgery."""
        return not self._readable.poll(0)

    def exactly(self, size: int, deadline: float | None) -> bytearray:
        """That many bytes. Raises TimeoutError, EOFError."""
        buffer = bytearray(size)
        rest = memoryview(buffer)
        while rest:
            if deadline is not None and time.monotonic() > deadline:  # a flood never has to wait
                raise TimeoutError
            try:
                received = os.readv(self._fd, [rest])
            except BlockingIOError:
                _wait(self._readable, deadline)
                continue
            except ConnectionError:
                raise EOFError from None
            if received == 0:
                raise EOFError
            rest = rest[received:]
        return buffer


def _wait(poll: select.poll, deadline: float | None) -> None:
    left = None if deadline is None else deadline - time.monotonic()
    if left is not None and left <= 0:
        raise TimeoutError
    if not poll.poll(None if left is None else left * 1000):
        raise TimeoutError
