"""Arguments exactly as they were, as bytes: what a counterexample keeps for its replay."""

from __future__ import annotations

import struct
from typing import Any

from autograder.sandbox.inside import wire
from autograder.sandbox.inside.functions import FAMILIES, Described

_LENGTHS = struct.Struct("<II")


def pack(arguments: tuple[Any, ...]) -> bytes:
    """Raises wire.UnsendableError for functions that stay with the grader, which cannot be kept."""
    skeleton, data = wire.Encoder(wire.TO_WORKER, _encode).encode(list(arguments))
    return _LENGTHS.pack(len(skeleton), len(data)) + skeleton + bytes(data)


def unpack(stored: bytes) -> tuple[Any, ...]:
    """The inverse of ``pack``. Raises wire.WireError."""
    if len(stored) < _LENGTHS.size:
        raise wire.WireError("too short")
    size, _ = _LENGTHS.unpack_from(stored)
    start = _LENGTHS.size
    skeleton, data = stored[start : start + size], bytearray(stored[start + size :])
    return tuple(wire.Decoder(wire.TO_WORKER, _decode).decode(skeleton, data))


def _encode(value: Any, recurse: wire.Recurse) -> list[Any]:
    if isinstance(value, Described) and FAMILIES.get(type(value).__name__) is type(value):
        return [wire.DESCRIBED, type(value).__name__, recurse(value.parameters())]
    return wire.no_callables(value, recurse)


def _decode(node: list[Any], recurse: wire.Recurse) -> Any:
    if len(node) == 3 and node[0] == wire.DESCRIBED and node[1] in FAMILIES:
        return FAMILIES[node[1]](**recurse(node[2]))
    return wire.no_tags(node, recurse)
