"""One call on another device: the arguments go there first, and the answer comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from autograder.sandbox.inside.functions import Described


def call_on(device: str, function: Callable[..., Any], arguments: Sequence[Any]) -> tuple[list[str], Any]:
    """(the kinds of devices of the answer's tensors, from left to right; the answer with all tensors on the CPU).

    Functions among the arguments take and give tensors of the device, also those that are evaluated elsewhere.
    """
    value = function(*(_moved(argument, device) for argument in arguments))
    places: list[str] = []

    def back(tensor: torch.Tensor) -> torch.Tensor:
        places.append(tensor.device.type)
        return tensor.cpu()

    return places, _mapped(value, back)


def _moved(argument: Any, device: str) -> Any:
    if callable(argument) and not isinstance(argument, Described):
        return lambda *given: _mapped(argument(*(_mapped(one, torch.Tensor.cpu) for one in given)), _to(device))
    return _mapped(argument, _to(device))


def _to(device: str) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda tensor: tensor.to(device)


def _mapped(value: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """``value`` with every tensor changed, also inside containers and described functions."""
    if type(value) is torch.Tensor:
        return change(value)
    if isinstance(value, Described):
        return value.map(lambda part: _mapped(part, change))
    if type(value) in (list, tuple):
        return type(value)(_mapped(item, change) for item in value)
    if type(value) is dict:
        return {key: _mapped(item, change) for key, item in value.items()}
    return value
