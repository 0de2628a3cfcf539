"""What to draw for a counterexample: plain, finite data for ``Counterexample.plot``, where looking beats reading.

- a matrix, at least 2x2: {"kind": "heatmap", "values": |got - expected|, "shape": [rows, columns]}; a large matrix is
  pooled to blocks, each showing its largest error; None where the error is not finite;
- a vector over a sorted vector of at least 8 points: {"kind": "curve", "x", "expected", "got", "label"}.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

MAX_CELLS = 24  # rows and columns of a drawn heat map
MAX_POINTS = 200  # of a drawn curve
MIN_POINTS = 8
LARGEST = 1e300  # keeps differences and scales of drawn numbers finite


def plot_data(expected: Any, got: Any, arguments: Mapping[str, Any] | Sequence[Any] = ()) -> dict[str, Any] | None:
    """The plot for an answer ``got`` where ``expected`` was right, or None if text says it better.

    arguments: what the function was called with, by name if names are known.
    """
    for right, answer in _pairs(expected, got):
        right, answer = _drawable(right), _drawable(answer)
        if right.shape != answer.shape or torch.equal(right, answer):
            continue
        if right.ndim == 2 and min(right.shape) >= 2:
            return _heatmap(right, answer)
        if right.ndim == 1 and len(right) >= MIN_POINTS and not right.is_complex() and not answer.is_complex():
            axis = _axis(arguments, len(right))
            if axis is not None:
                return _curve(*axis, right, answer)
    return None


def _pairs(expected: Any, got: Any) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Tensors at the same place of both values."""
    if isinstance(expected, torch.Tensor) and isinstance(got, torch.Tensor):
        yield expected, got
    elif isinstance(expected, (tuple, list)) and isinstance(got, (tuple, list)):
        for one, other in zip(expected, got, strict=False):
            yield from _pairs(one, other)


def _drawable(tensor: torch.Tensor) -> torch.Tensor:
    tensor = tensor.detach().cpu()
    return tensor.to(torch.complex128 if tensor.is_complex() else torch.float64)


def _heatmap(expected: torch.Tensor, got: torch.Tensor) -> dict[str, Any] | None:
    error = (got - expected).abs()
    both = (got == expected) | (got.isnan() & expected.isnan())
    error = torch.where(both, torch.zeros_like(error), error).nan_to_num(nan=math.inf)
    if not error.any():
        return None
    rows, columns = error.shape
    blocks = (-(-rows // MAX_CELLS), -(-columns // MAX_CELLS))
    pooled = torch.nn.functional.max_pool2d(error[None], blocks, ceil_mode=True)[0]
    return {"kind": "heatmap", "values": [_finite(row) for row in pooled], "shape": [rows, columns]}


def _axis(arguments: Mapping[str, Any] | Sequence[Any], points: int) -> tuple[str, torch.Tensor] | None:
    """The first argument that is a sorted vector of that many finite points, with its name."""
    named = arguments.items() if isinstance(arguments, Mapping) else (("", value) for value in arguments)
    for name, value in named:
        if not isinstance(value, torch.Tensor) or value.ndim != 1 or len(value) != points or value.is_complex():
            continue
        x = _drawable(value)
        if bool(x.isfinite().all()) and bool((x.diff() >= 0).all()) and x[-1] > x[0]:
            return name, x
    return None


def _curve(label: str, x: torch.Tensor, expected: torch.Tensor, got: torch.Tensor) -> dict[str, Any]:
    kept = torch.linspace(0, len(x) - 1, min(len(x), MAX_POINTS)).round().long()
    return {
        "kind": "curve",
        "x": _finite(x[kept]),
        "expected": _finite(expected[kept]),
        "got": _finite(got[kept]),
        "label": label,
    }


def _finite(values: torch.Tensor) -> list[float | None]:
    return [v if math.isfinite(v) and abs(v) <= LARGEST else None for v in values.tolist()]
