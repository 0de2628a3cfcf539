"""What one worker may use."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Limits:
    """memory: bytes beyond what a worker starts with.  cpu: seconds of processor time in a worker's life.

    load, call: seconds of wall clock for running the sources, and for one call with all its callbacks.
    reply, callback: bytes of tensors in one reply, and in the arguments of one callback.
    """

    memory: int = 1 << 30
    cpu: int = 120
    load: float = 10.0
    call: float = 5.0
    reply: int = 32 << 20
    callback: int = 1 << 20
