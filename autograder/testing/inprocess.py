"""Functions of this process as a student: for references, for verify, and to measure what the wall costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import torch

from autograder.sandbox.inside import observe
from autograder.sandbox.inside.device import call_on
from autograder.testing.outcomes import StudentError
from autograder.testing.student import Operator, Student
from autograder.testing.values import map_tensors


class InProcess(Student):
    """Trusted functions, by name, from a dict or a module. They work on copies of the arguments, as behind the wall."""

    def __init__(self, functions: Mapping[str, Callable[..., Any]] | ModuleType) -> None:
        self._functions = vars(functions) if isinstance(functions, ModuleType) else functions

    def has(self, function: str) -> bool:
        """Whether there is a callable of that name."""
        return callable(self._functions.get(function))

    def arguments_after(self, function: str, arguments: Sequence[Any]) -> tuple[Any, ...]:
        """Copies of the arguments as they are after the call."""
        copies = _copy(arguments)
        self._run(function, copies)
        return copies

    def operators(self, function: str, arguments: Sequence[Any]) -> list[Operator]:
        """The operators that ran during one call; none where the call fails."""
        copies = _copy(arguments)
        try:
            with observe.recording() as recorder:
                self._functions[function](*copies)
        except Exception:
            return []
        table = [Operator(name, shapes) for name, shapes in recorder.table]
        return [table[index] for index in recorder.order]

    def traces(self, function: str, arguments: Sequence[Any]) -> list[tuple[str, int]]:
        """What a call leaves behind besides its answer."""
        return observe.traces(lambda *copies: self._run(function, copies), list(_copy(arguments)))

    def call_on(self, device: str, function: str, arguments: Sequence[Any]) -> tuple[list[str], Any]:
        """The kinds of devices of the answer's tensors, and the answer."""
        return call_on(device, lambda *moved: self._run(function, moved), _copy(arguments))

    def fresh(self, seed: int) -> InProcess:
        """The same functions, torch's generator started elsewhere."""
        torch.manual_seed(seed)
        return InProcess(self._functions)

    def _call(self, function: str, arguments: tuple[Any, ...]) -> Any:
        return self._run(function, _copy(arguments))

    def _run(self, function: str, arguments: tuple[Any, ...]) -> Any:
        try:
            return self._functions[function](*arguments)
        except Exception as error:
            kinds = tuple(kind.__name__ for kind in type(error).__mro__)
            raise StudentError(kinds, str(error)) from error


def _copy(arguments: Sequence[Any]) -> tuple[Any, ...]:
    """Own memory for every tensor, also inside containers and described functions; the layout is kept."""
    copies: tuple[Any, ...] = map_tensors(tuple(arguments), _copy_tensor)
    return copies


def _copy_tensor(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().clone(memory_format=torch.preserve_format).requires_grad_(tensor.requires_grad)
