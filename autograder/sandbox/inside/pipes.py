"""Frames over two pipes, for a worker that is a plain process. A thread reads, so that deadlines hold on every system:
pipes cannot be polled everywhere. The frames are those of channel.py.
"""

from __future__ import annotations

import os
import struct
import threading
import time
from collections.abc import Callable

from autograder.sandbox.inside.channel import packed
from autograder.sandbox.inside.wire import Bounds, Frame, WireError

_HEADER = struct.Struct("<II")
_CHUNK, _AHEAD = 1 << 16, 1 << 20  # bytes read at a time, and at most before they are asked for
_AT_ONCE = 4096  # bytes that an empty pipe takes without waiting for its reader, on every system
_SLICE = 0.1  # seconds; Ctrl-C is noticed in between where it does not interrupt a wait


class PipeChannel:
    """One end. accepts: how large a received frame may be.  at_end: called once by the reading thread at the end.

    deadline: of time.monotonic, or None. EOFError when the peer is gone, TimeoutError when the deadline is over.
    """

    def __init__(self, source: int, sink: int, accepts: Bounds, at_end: Callable[[], object] | None = None) -> None:
        self._source, self._sink, self.accepts, self._at_end = source, sink, accepts, at_end
        self._changed = threading.Condition()
        self._buffer = bytearray()
        self._over = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def send(self, *frames: Frame, deadline: float | None = None) -> None:
        """Raises TimeoutError, EOFError."""
        self.write(packed(frames), deadline)

    def receive(self, deadline: float | None = None) -> tuple[bytearray, bytearray]:
        """Skeleton and data. Raises TimeoutError, EOFError, WireError."""
        skeleton, data = _HEADER.unpack(self.exactly(_HEADER.size, deadline))
        if skeleton > self.accepts.skeleton or data > self.accepts.data:
            raise WireError(f"frame of {skeleton} + {data} bytes")
        return self.exactly(skeleton, deadline), self.exactly(data, deadline)

    def idle(self) -> bool:
        """True when nothing waits to be read and the peer has not hung up."""
        with self._changed:
            return not self._buffer and not self._over

    def more(self) -> bool:
        """Whether something was read that nobody has asked for yet."""
        return self.has_written()

    def has_written(self) -> bool:
        """Whether something that the peer wrote waits to be read."""
        with self._changed:
            return bool(self._buffer)

    def exactly(self, size: int, deadline: float | None) -> bytearray:
        """That many bytes. Raises TimeoutError, EOFError."""
        found = bytearray()
        with self._changed:
            while True:
                taken = self._buffer[: size - len(found)]
                del self._buffer[: len(taken)]
                found += taken
                self._changed.notify_all()
                if len(found) == size:
                    return found
                if deadline is not None and time.monotonic() > deadline:
                    raise TimeoutError
                if self._over and not self._buffer:
                    raise EOFError
                if not self._buffer:
                    left = _SLICE if deadline is None else deadline - time.monotonic()
                    self._changed.wait(max(0.0, min(left, _SLICE)))

    def write(self, data: bytes, deadline: float | None = None) -> None:
        """Bytes as they are. Raises TimeoutError, EOFError."""
        if deadline is None or len(data) <= _AT_ONCE:
            self._write(data)
            return
        failed: list[EOFError] = []

        def attempt() -> None:
            try:
                self._write(data)
            except EOFError as error:
                failed.append(error)

        writer = threading.Thread(target=attempt, daemon=True)
        writer.start()
        writer.join(max(0.0, deadline - time.monotonic()))
        if writer.is_alive():  # it ends when the peer is killed
            raise TimeoutError
        if failed:
            raise failed[0]

    def finish(self, seconds: float) -> bool:
        """Whether the reading thread ends within that time, as it does once nobody holds the other end."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
        self._reader.join(seconds)
        return not self._reader.is_alive()

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._sink, view) :]
        except OSError:  # not every system tells a broken pipe from other errors
            raise EOFError from None

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self._source, _CHUNK)
            except OSError:
                chunk = b""
            with self._changed:
                self._buffer += chunk
                self._over = self._over or not chunk
                self._changed.notify_all()
                if self._over:
                    break
                self._changed.wait_for(lambda: self._over or len(self._buffer) < _AHEAD)
        if self._at_end is not None:
            self._at_end()
