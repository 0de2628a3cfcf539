"""A bound on the time that the grader's own code may take: what exceeds it is a fault, never the student's doing."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

from autograder.testing.outcomes import Fault


@contextlib.contextmanager
def at_most(seconds: float, why: str) -> Iterator[None]:
    """Raises Fault(why) in the block once it takes longer, on the clock that never jumps.

    Only what Python runs can be stopped, not a single operator of torch. No bound off the main thread, nor on Windows.
    A bound outside this one goes on and keeps its moment.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    running = True

    def stop(number: int, frame: Any) -> None:
        if running:
            raise Fault(why)

    start = time.monotonic()
    handler = signal.signal(signal.SIGALRM, stop)
    outer, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        try:
            yield
        finally:
            running = False  # so that it cannot strike among the following lines
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if outer:
            signal.setitimer(signal.ITIMER_REAL, max(outer - (time.monotonic() - start), 1e-3))
