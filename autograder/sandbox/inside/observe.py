"""Which operators ran during a call. Self-reported from inside the student's process, so it can only deny."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from autograder.sandbox.inside.functions import Described

MAX_CALLS, MAX_KINDS = 100_000, 1000
Evidence = tuple[list[tuple[str, list[list[int]]]], torch.Tensor]
_NUMPY = "inv pinv solve lstsq det slogdet eig eigh eigvals eigvalsh svd qr cholesky matrix_rank tensorinv tensorsolve"
_recorders: list[Recorder] = []


class Recorder:
    """Operators in the order in which they ran: a table of distinct (name, shapes) and the indices into it."""

    def __init__(self) -> None:
        self.table: dict[tuple[str, tuple[tuple[int, ...], ...]], int] = {}
        self.order: list[int] = []

    def record(self, name: str, arguments: Any) -> None:
        """Note one operator and the shapes of its tensors or arrays.

        What a described function evaluates is left out; what its gradient evaluates cannot be told apart.
        """
        if Described.evaluating or len(self.order) >= MAX_CALLS:
            return
        kinds = (torch.Tensor, np.ndarray)
        shapes = tuple(tuple(leaf.shape) for leaf in tree_leaves(arguments) if isinstance(leaf, kinds))
        key = (name, shapes)
        if key in self.table or len(self.table) < MAX_KINDS:
            self.order.append(self.table.setdefault(key, len(self.table)))

    def evidence(self) -> Evidence:
        """As plain data: the distinct operators, and indices [calls]."""
        table = [(name, [list(shape) for shape in shapes]) for name, shapes in self.table]
        return table, torch.tensor(self.order, dtype=torch.int64)


class _Mode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self, recorder: Recorder) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.recorder = recorder

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func._schema.name if hasattr(func, "_schema") else str(func)
        self.recorder.record(name.removeprefix("aten::"), (args, kwargs))
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def recording() -> Iterator[Recorder]:
    """Record torch's operators by ATen name ("mm") and numpy's linear algebra ("numpy.inv")."""
    watch_numpy()
    recorder = Recorder()
    _recorders.append(recorder)
    try:
        with _Mode(recorder):
            yield recorder
    finally:
        _recorders.remove(recorder)


@functools.cache
def watch_numpy() -> None:
    """Wrap numpy.linalg once; the zygote does it before a student can take a function out of it."""
    for name in _NUMPY.split():
        setattr(np.linalg, name, _watched(f"numpy.{name}", getattr(np.linalg, name)))


def _watched(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def watched(*arguments: Any, **options: Any) -> Any:
        for recorder in _recorders:
            recorder.record(name, (arguments, options))
        return function(*arguments, **options)

    return watched


MODES = ("default dtype", "gradient mode")
MARKS = ("requires_grad", "grad")


def traces(function: Callable[..., Any], arguments: list[Any]) -> list[tuple[str, int]]:
    """Call ``function``; what it leaves behind: (one of MODES, -1) or (one of MARKS, number of the argument)."""
    modes, marks = _modes(), [_marks(argument) for argument in arguments]
    function(*arguments)
    found = [(name, -1) for name, before, after in zip(MODES, modes, _modes(), strict=True) if before != after]
    for index, (before, argument) in enumerate(zip(marks, arguments, strict=True)):
        found += [(name, index) for name, old, new in zip(MARKS, before, _marks(argument), strict=True) if old != new]
    with torch.no_grad(), contextlib.suppress(Exception):  # switching gradients on shows only where they were off
        function(*arguments)
        if torch.is_grad_enabled():
            found.append(("gradient mode", -1))
    return found


def _modes() -> tuple[Any, ...]:
    return torch.get_default_dtype(), torch.is_grad_enabled()


def _marks(argument: Any) -> tuple[list[bool], list[bool]]:
    """Of every tensor in an argument: whether it requires a gradient, and whether it has collected one."""
    tensors = [leaf for leaf in _leaves(argument) if isinstance(leaf, torch.Tensor)]
    return [t.requires_grad for t in tensors], [t.is_leaf and t.grad is not None for t in tensors]


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Described):
        value = value.parameters()
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
