"""Walks over the plain values that cross the wall: nested containers of tensors, numbers and text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from autograder.sandbox.inside.functions import Described

_LEAVES = {torch.Tensor, float, int, bool, str, type(None)}  # most of what there is; not all


def map_tensors(value: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """``value`` with every tensor replaced by ``change(tensor)``; all else is kept."""
    return map_leaves(value, lambda leaf: change(leaf) if isinstance(leaf, torch.Tensor) else leaf)


def map_leaves(value: Any, change: Callable[[Any], Any]) -> Any:
    """``value`` with every leaf replaced; described functions are containers of their parameters."""
    if type(value) in _LEAVES:
        return change(value)
    if isinstance(value, Described):
        return value.map(lambda leaf: map_leaves(leaf, change))
    if isinstance(value, tuple):
        return tuple(map_leaves(item, change) for item in value)
    if isinstance(value, list):
        return [map_leaves(item, change) for item in value]
    if isinstance(value, dict):
        return {key: map_leaves(item, change) for key, item in value.items()}
    return change(value)


def leaves(value: Any) -> list[Any]:
    """The leaves of nested containers, from left to right; dicts in the order of their keys."""
    if type(value) in _LEAVES:
        return [value]
    if isinstance(value, dict):
        return [leaf for key in sorted(value, key=str) for leaf in leaves(value[key])]
    if isinstance(value, (tuple, list)):
        return [leaf for item in value for leaf in leaves(item)]
    if isinstance(value, Described):
        return leaves(value.parameters())
    return [value]


WIDE = {
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.float32: torch.float64,
    torch.complex64: torch.complex128,
}
"""The dtype in which the reference sees an input."""


def upcast(value: Any) -> Any:
    """Exact copies in double precision: the reference sees the very numbers the student saw."""
    return map_tensors(value, lambda tensor: tensor.detach().to(WIDE.get(tensor.dtype, tensor.dtype), copy=True))
