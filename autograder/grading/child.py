"""One submission in a short-lived forked child: whatever happens there, the run goes on.

The child sends one frame per finished exercise through a pipe, so that a killed run loses at most one exercise.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import os
import signal
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from autograder.course.config import Limits
from autograder.grading.exercise import Graded, fault_result, grade_exercise
from autograder.grading.submission import Sources
from autograder.sandbox import limits as sandbox
from autograder.sandbox.process import Client
from autograder.testing.bank import Entry
from autograder.testing.sandboxed import Sandboxed
from autograder.testing.search import Options

MEMORY = 4 << 30
"""Bytes of address space that grading one submission may add to what the run has at its start."""
_LENGTH = struct.Struct("<I")
_PR_SET_PDEATHSIG = 1


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a run grades.

    seed: of all its draws.  device: "cpu" or "cuda".  shrink: False where only the verdict matters, not the reasons.
    """

    limits: Limits
    seed: int = 0
    device: str = "cpu"
    shrink: bool = True


class Child:
    """A forked child of the grader, as its parent sees it. ``done`` fills as frames arrive."""

    def __init__(self, sources: Sources, entries: Sequence[Entry], client: Client, settings: Settings) -> None:
        self._read, write = os.pipe()
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._read)
            _die_with(parent)
            _live(sources, entries, client, settings, write)
        os.close(write)
        client.close()
        os.set_blocking(self._read, False)
        self._buffer = bytearray()
        self.done: list[Graded] = []
        self.deadline = time.monotonic() + 2 * settings.limits.submission + 30

    def fileno(self) -> int:
        """Readable when a frame arrived or the child ended."""
        return self._read

    def read(self) -> bool:
        """Take in what has arrived; False once the child has ended."""
        try:
            chunk = os.read(self._read, 1 << 20)
        except BlockingIOError:
            return True
        self._buffer += chunk
        while len(self._buffer) >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._buffer)
            end = _LENGTH.size + size
            if len(self._buffer) < end:
                break
            self.done.append(msgspec.msgpack.decode(bytes(self._buffer[_LENGTH.size : end]), type=Graded))
            del self._buffer[:end]
        return bool(chunk)

    def end(self) -> int:
        """Kill the child if it still runs, and wait for it. -> its status, as os.waitpid has it."""
        os.close(self._read)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        return os.waitpid(self.pid, 0)[1]


def _die_with(parent: int) -> None:
    """Leave nothing running when the grader is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was killed before it could be asked for
        os._exit(1)


def bound_memory() -> None:
    """From here on this process gets MEMORY more and no further.

    A student may call a function of the grader's with a large argument: it is then refused, and no machine suffers.
    """
    if sys.platform == "linux":
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        soft = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _live(sources: Sources, entries: Sequence[Entry], client: Client, settings: Settings, write: int) -> None:
    """The child's whole life. Leaves by os._exit, so that nothing of the parent's is run or flushed twice."""
    try:
        if settings.device == "cpu":
            bound_memory()
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, signal.SIG_DFL)
        for graded in grade_entries(sources, entries, client, settings):
            frame = msgspec.msgpack.encode(graded)
            _write_all(write, _LENGTH.pack(len(frame)) + frame)
    except BaseException:
        os._exit(1)
    os._exit(0)


def grade_entries(sources: Sources, entries: Sequence[Entry], client: Client, settings: Settings) -> Iterator[Graded]:
    """Grade exercise after exercise, each in a worker of its own, within the submission's time."""
    end = time.monotonic() + settings.limits.submission
    for entry in entries:
        deadline = min(end, time.monotonic() + settings.limits.exercise)
        student = Sandboxed(
            client, sources.files, sources.main, seed=settings.seed, limits=worker_limits(settings.limits)
        )
        try:
            options = Options(settings.seed, settings.limits.examples, deadline, settings.shrink)
            yield grade_exercise(entry, student, sources, options)
        except Exception as error:
            yield Graded(fault_result(entry, f"{type(error).__name__}: {error}"))
        finally:
            student.close()


def worker_limits(limits: Limits) -> sandbox.Limits:
    """The part of the course's limits that binds one worker."""
    return sandbox.Limits(
        memory=limits.memory_mb << 20, call=limits.call, load=2 * limits.call, reply=limits.reply_mb << 20
    )


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
