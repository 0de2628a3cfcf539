"""Plain processes as workers, where there is no fork and no sandbox: a student's own check on macOS and Windows.

Each worker is a fresh interpreter. Importing torch takes a second or more, so a few spare ones wait, warm.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from types import TracebackType
from typing import IO, Any, Self

from autograder.sandbox import mounts
from autograder.sandbox.inside.pipes import PipeChannel
from autograder.sandbox.inside.plain import START, WARM
from autograder.sandbox.inside.wire import Bounds
from autograder.sandbox.levels import Level
from autograder.sandbox.limits import Limits
from autograder.testing.outcomes import Fault

_START_SECONDS, _KILL_SECONDS, _READER_SECONDS = 180.0, 30.0, 1.0
_KILLED = -9
_THREADS = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


class PlainProcess:
    """A worker that is a process like any other."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen
        self._source, self._sink = _stream(popen.stdout), _stream(popen.stdin)
        self._channel = PipeChannel(self._source.fileno(), self._sink.fileno(), Bounds(0))

    def begin(self, limits: Limits) -> None:
        """Wait until it is warm, and tell it that it is wanted. Raises EOFError, TimeoutError."""
        self._channel.exactly(len(WARM), time.monotonic() + _START_SECONDS)
        self._channel.write(START.pack(limits.reply, limits.callback))

    def channel(self, accepts: Bounds) -> PipeChannel:
        """The grader's end."""
        self._channel.accepts = accepts
        return self._channel

    def ended(self, seconds: float) -> bool:
        """Whether it ends within that time."""
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self) -> tuple[int, float]:
        """Kill and reap. -> (exit status, negative for a signal; 0, as its processor time is not known here)."""
        running = self._popen.poll() is None
        self._popen.kill()
        if not self.ended(_KILL_SECONDS):
            raise Fault("a worker does not end when it is killed")
        with contextlib.suppress(OSError):
            self._sink.close()
        if self._channel.finish(_READER_SECONDS):  # else a process that the code has started holds the other end
            self._source.close()
        return _KILLED if running else self._popen.returncode, 0.0


class PlainClient:
    """One line to the spare processes. Its workers end when it is closed."""

    level = Level.PLAIN
    beside = None

    def __init__(self, spares: PlainProcesses) -> None:
        self._spares = spares
        self._started: list[PlainProcess] = []
        self._open = True

    def spawn(self, limits: Limits) -> PlainProcess:
        """A fresh worker. Raises Fault."""
        if not self._open:
            raise Fault("this line to the workers was closed")
        process = self._spares.take()
        self._started = [*(started for started in self._started if not started.ended(0)), process]
        try:
            process.begin(limits)
        except (EOFError, TimeoutError):
            process.end()
            raise Fault(f"a worker does not start ({self._spares.last_words()})") from None
        return process

    def close(self) -> None:
        """End its workers. Twice is fine, and so is doing it while another thread waits for one of them."""
        self._open = False
        for process in self._started:
            if not process.ended(0):
                process.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class PlainProcesses:
    """What a zygote is elsewhere: keeps a few interpreters with torch loaded, and hands one out per worker.

    quick: as in Zygote.  spares: how many wait; by default as the number of cores allows.
    """

    level = Level.PLAIN

    def __init__(self, *, quick: bool = False, spares: int | None = None) -> None:
        self._options = json.dumps({"packages": mounts.package_folders(bubblewrap=False), "quick": quick})
        self._number = max(1, min(3, (os.cpu_count() or 2) - 1)) if spares is None else spares
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # open as long as a process may write to it
        self._folder = tempfile.TemporaryDirectory(prefix="autograder-", ignore_cleanup_errors=True)
        self._waiting: collections.deque[PlainProcess] = collections.deque()
        self._lock = threading.Lock()
        self._closed = False
        self._refill()

    def connect(self) -> PlainClient:
        """A new line."""
        return PlainClient(self)

    def take(self) -> PlainProcess:
        """The process that has waited longest; another one is started in its place. Raises Fault."""
        with self._lock:
            if self._closed:
                raise Fault("the workers were closed")
            taken = self._waiting.popleft() if self._waiting else self._start()
        self._refill()
        return taken

    def close(self) -> None:
        """End the spare ones. Twice is fine."""
        with self._lock:
            self._closed = True
            waiting, self._waiting = self._waiting, collections.deque()
        for process in waiting:
            process.end()
        self._errors.close()
        self._folder.cleanup()

    def last_words(self) -> str:
        """What a process wrote last before it could serve."""
        if self._errors.closed:
            return "it was closed"
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "no message"

    def _refill(self) -> None:
        with self._lock:
            while not self._closed and len(self._waiting) < self._number:
                self._waiting.append(self._start())

    def _start(self) -> PlainProcess:
        # Ctrl-C at the terminal is for the grader.
        group: dict[str, Any] = {"start_new_session": True}
        if hasattr(subprocess, "CREATE_NEW_PROCESS_GROUP"):
            group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        try:
            popen = subprocess.Popen(
                [sys.executable, "-I", "-S", str(mounts.INSIDE / "__main__.py"), "plain", self._options],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                bufsize=0,
                cwd=self._folder.name,
                env={**os.environ, **_THREADS, "TORCH_COMPILE_DISABLE": "1"},
                **group,
            )
        except OSError as error:
            raise Fault(f"a worker cannot be started ({error})") from None
        return PlainProcess(popen)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream
