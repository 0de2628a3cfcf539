"""Callables on the trusted side: functions that stay here, and handles to what stays in the worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from autograder.sandbox.inside import wire
from autograder.sandbox.inside.functions import FAMILIES, Described

MAX_POINTS, MAX_POINT_BYTES, MAX_REFUSALS = 10_000, 64 << 20, 100


class Reference:
    """A function that stays with the grader: the student's code gets a stub that calls back.

    calls: how often it was evaluated.  points: the arguments, a tuple per call, as long as they are few (10,000 calls,
    64 MiB).  refusals: the texts of what went wrong in it.  Values carry no gradient: a student who differentiates
    through the stub gets torch's own error.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.reset()

    def reset(self) -> None:
        """Forget all calls."""
        self.calls = 0
        self.points: list[tuple[Any, ...]] = []
        self.refusals: list[str] = []
        self._stored = 0

    def __call__(self, *arguments: Any) -> Any:
        """Count, store, evaluate."""
        self.calls += 1
        self._stored += _bytes(arguments)
        if len(self.points) < MAX_POINTS and self._stored <= MAX_POINT_BYTES:
            self.points.append(tuple(a.detach().clone() if isinstance(a, torch.Tensor) else a for a in arguments))
        return self.function(*arguments)

    def __repr__(self) -> str:
        return f"<lent: {self.function!r}>"

    def note(self, error: Exception) -> None:
        """Remember why it could not be evaluated; the student only learns that it could not."""
        if len(self.refusals) < MAX_REFUSALS:
            self.refusals.append(f"{type(error).__name__}: {error}"[:300])


def _bytes(value: Any) -> int:
    """Roughly what a value of the codec occupies."""
    if isinstance(value, torch.Tensor):
        return 100 + value.numel() * value.element_size()
    if isinstance(value, dict):
        return 100 + sum(map(_bytes, value.values()))
    if isinstance(value, list | tuple):
        return 100 + sum(map(_bytes, value))
    return 100 + (len(value) if isinstance(value, str | bytes) else 0)


class Handle:
    """A callable or an object that a student's function returned; it lives in the worker and dies with it.

    kind: the name of its type, as the worker reports it (untrusted text).
    """

    def __init__(self, call: Callable[[Handle, str, tuple[Any, ...]], Any], number: int, kind: str) -> None:
        self._call, self.number, self.kind = call, number, kind

    def __call__(self, *arguments: Any) -> Any:
        """Call it in the worker; raises as a call of a student's function does."""
        return self._call(self, "", arguments)

    def method(self, name: str, *arguments: Any) -> Any:
        """Call one of its methods."""
        return self._call(self, name, arguments)

    def __repr__(self) -> str:
        return f"<a {self.kind} of the student's>"


class Exchange:
    """The references and handles of one running worker, as tags of the codec. ``call`` performs a handle's call."""

    KEPT = 256

    def __init__(self, call: Callable[[Handle, str, tuple[Any, ...]], Any]) -> None:
        self._call = call
        self._references: dict[int, Reference] = {}
        self._numbers = 0

    def encode(self, value: Any, recurse: wire.Recurse) -> list[Any]:
        """Hook of wire.Encoder."""
        if isinstance(value, Described) and FAMILIES.get(type(value).__name__) is type(value):
            return [wire.DESCRIBED, type(value).__name__, recurse(value.parameters())]
        if isinstance(value, Reference):
            return [wire.REFERENCE, self._number(value)]
        if isinstance(value, Handle) and value._call == self._call:
            return [wire.HANDLE, value.number]
        return wire.no_callables(value, recurse)

    def decode(self, node: list[Any], recurse: wire.Recurse) -> Any:
        """Hook of wire.Decoder."""
        if len(node) == 2 and node[0] == wire.REFERENCE:
            return self.reference(node[1])
        if len(node) == 3 and node[0] == wire.HANDLE and type(node[1]) is int and type(node[2]) is str:
            return Handle(self._call, node[1], node[2][:200])
        raise wire.WireError("unknown tag")

    def reference(self, number: Any) -> Reference:
        """ValueError for one that was never lent, or so long ago that it is forgotten."""
        if type(number) is not int or number not in self._references:
            raise ValueError("unknown function")
        return self._references[number]

    def _number(self, reference: Reference) -> int:
        for number, known in self._references.items():
            if known is reference:
                return number
        self._numbers += 1
        self._references[self._numbers] = reference
        if len(self._references) > self.KEPT:
            del self._references[min(self._references)]
        return self._numbers
