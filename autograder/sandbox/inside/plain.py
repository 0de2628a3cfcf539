"""A worker as a plain process over its standard pipes: for a student's own code on the student's own machine.

It runs the same loop as a sandboxed worker, on systems that cannot fork or confine: nothing here keeps the code from
anything. It ends when its grader hangs up, whatever the code is doing.
"""

from __future__ import annotations

import os
import struct
from typing import Any

WARM = b"w"
"""What a spare worker says when everything is imported."""
START = struct.Struct("<QQ")
"""What it waits for then: bytes of tensors in one reply, and in the arguments of one callback."""


def main(options: dict[str, Any]) -> None:
    """Get ready, wait to be used, serve."""
    source, sink = _own_pipes()
    from autograder.sandbox.inside.warm import warm

    warm(options["quick"])
    os.dup2(0, 2)  # until here it says why the worker does not start
    from autograder.sandbox.inside import wire
    from autograder.sandbox.inside.channel import GREETING_BYTES, READY
    from autograder.sandbox.inside.pipes import PipeChannel
    from autograder.sandbox.inside.worker import Worker

    channel = PipeChannel(source, sink, wire.TO_WORKER, at_end=lambda: os._exit(0))
    try:
        channel.write(WARM)
        reply, callback = START.unpack(channel.exactly(START.size, None))
        channel.write(READY.ljust(GREETING_BYTES))
        Worker(channel, reply, callback).serve()
    except EOFError:
        pass
    os._exit(0)


def _own_pipes() -> tuple[int, int]:
    """Standard input and output for the channel alone: what the code prints below Python must not get into it."""
    source, sink = os.dup(0), os.dup(1)
    try:
        import msvcrt  # Windows only: no line ends are to be translated
    except ImportError:
        pass
    else:
        for descriptor in (source, sink):
            msvcrt.setmode(descriptor, os.O_BINARY)  # type: ignore[attr-defined, unused-ignore]
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(null, standard)
    return source, sink
