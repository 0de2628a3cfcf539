"""Readable text of plain values, for counterexamples: never more than LIMIT characters, always one line.

    tensor               [[1, 0.5], [0, -2]]            float64 is the default and stays unsaid
    other dtypes         [1, 2] (int64)
    no dimension         tensor(0.5)
    zero size            empty(0, 3)
    large                [1, 2, 3, …, 9] (shape 100)
    list, tuple, number  [3, 4] (list), (2, 0.5), 0.5
    described function   GaussianMixture(means=[[0, 1]], …)

What is complete can be read back by ``snippet``; what was left out is marked by an ellipsis.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from autograder.feedback.cleaning import clean, cut
from autograder.sandbox.callables import Reference
from autograder.sandbox.inside.functions import Described

LIMIT = 400
DIGITS = 6
ROUNDED = " (rounded)"


@dataclasses.dataclass(frozen=True)
class Style:
    """How much to show. digits: significant digits, None for all.  edge: rows and columns of a matrix."""

    digits: int | None = None
    edge: int = 6


def readable(value: Any, digits: int | None = None) -> str:
    """``value`` as text: with all digits where that is short (arguments), otherwise with fewer digits and entries."""
    for style in _ever_shorter(digits):
        text = _styled(value, style)
        if digits is None and style.digits is not None and "…" not in text:
            text += ROUNDED
        if len(text) <= LIMIT:
            return text
    return cut(text, LIMIT)


def readable_pair(expected: Any, got: Any) -> tuple[str, str]:
    """Both in one style, to 6 significant digits, or to as many more as it takes for the two texts to differ."""
    for digits in (DIGITS, 9, 12, None):
        for style in _ever_shorter(digits):
            texts = _styled(expected, style), _styled(got, style)
            if max(map(len, texts)) <= LIMIT:
                break
        if texts[0] != texts[1]:
            break
    return cut(texts[0], LIMIT), cut(texts[1], LIMIT)


def _styled(value: Any, style: Style) -> str:
    return _text(value, style, depth=0)


def _ever_shorter(digits: int | None) -> Iterator[Style]:
    few = min(digits or DIGITS, DIGITS)
    yield Style(digits)
    yield Style(few)
    yield Style(few, edge=4)
    yield Style(3, edge=4)
    yield Style(3, edge=2)


def _text(value: Any, style: Style, depth: int) -> str:
    if depth > 6:
        return "…"
    if type(value) is torch.Tensor:
        return _tensor(value, style)
    if isinstance(value, Reference):
        return _text(value.function, style, depth + 1)
    if isinstance(value, Described):
        return f"{clean(type(value).__name__, 60)}({_named(value.parameters(), style, depth, '{}={}')})"
    if type(value) is tuple:
        return f"({_items(value, style, depth)}{',' if len(value) == 1 else ''})"
    if type(value) is list:
        return f"[{_items(value, style, depth)}] (list)"
    if type(value) is dict:
        return "{" + _named({_scalar(k, style): v for k, v in value.items()}, style, depth, "{}: {}") + "}"
    return _scalar(value, style)


def _scalar(value: Any, style: Style) -> str:
    if type(value) is float:
        text = number(value, style.digits)
        return text if not text.lstrip("-").isdigit() else f"{text}.0"
    if type(value) is complex:
        return _complex(value, style.digits)
    if type(value) is str:
        return repr(value) if len(value) <= 80 else f"{value[:80]!r}… ({len(value)} characters)"
    if type(value) is int and value.bit_length() > 200:
        return f"<an integer of {value.bit_length()} bits>"
    if value is None or type(value) in (bool, int):
        return repr(value)
    if isinstance(value, torch.dtype):
        return str(value)
    return f"<{clean(type(value).__name__, 60)}>"


def _items(values: list[Any] | tuple[Any, ...], style: Style, depth: int) -> str:
    texts = [_text(value, style, depth + 1) for value in values[: 4 * style.edge]]
    return ", ".join(texts + ["…"] * (len(values) > len(texts)))


def _named(values: dict[str, Any], style: Style, depth: int, form: str) -> str:
    shown = list(values.items())[: 2 * style.edge]
    texts = [form.format(clean(name, 80), _text(value, style, depth + 1)) for name, value in shown]
    return ", ".join(texts + ["…"] * (len(values) > len(shown)))


def _tensor(tensor: torch.Tensor, style: Style) -> str:
    if tensor.layout is not torch.strided or tensor.is_meta:
        return f"<a {str(tensor.layout).removeprefix('torch.')} tensor>"
    tensor = tensor.detach()
    remarks = [] if tensor.dtype is torch.float64 else [str(tensor.dtype).removeprefix("torch.")]
    if tensor.device.type != "cpu":
        remarks.append(tensor.device.type)
    if tensor.numel() == 0:
        body = f"empty({', '.join(map(str, tensor.shape))})"
    elif tensor.ndim == 0:
        body = f"tensor({_entry(tensor, style.digits)})"
    else:
        edge = {1: 3 * style.edge - 2, 2: style.edge}.get(tensor.ndim, max(2, style.edge // 2))
        if any(size > edge for size in tensor.shape):
            remarks.append("shape " + "×".join(map(str, tensor.shape)))
            style = dataclasses.replace(style, digits=min(style.digits or DIGITS, DIGITS))
        body = _nested(tensor, edge, style.digits) if tensor.ndim <= 6 else "[…]"
    return f"{body} ({', '.join(remarks)})" if remarks else body


def _nested(tensor: torch.Tensor, edge: int, digits: int | None) -> str:
    if tensor.ndim == 0:
        return _entry(tensor, digits)
    size = tensor.shape[0]
    shown: list[int | None] = [*range(size)] if size <= edge else [*range(edge - 1), None, size - 1]
    return f"[{', '.join('…' if i is None else _nested(tensor[i], edge, digits) for i in shown)}]"


def _entry(entry: torch.Tensor, digits: int | None) -> str:
    value = entry.item()
    if entry.is_complex():
        return _complex(complex(value), digits or (None if entry.dtype is torch.complex128 else 9))
    if not entry.is_floating_point():
        return repr(value)
    if digits is None and entry.dtype is torch.float32:
        return _short(str(np.float32(value)))
    return number(float(value), digits or (None if entry.dtype is torch.float64 else 5))


def number(value: float, digits: int | None = None) -> str:
    """``value`` in as few characters as give it back, or ``digits`` significant digits if that is shorter still."""
    if not math.isfinite(value):
        return str(value)
    exact = _short(repr(value))
    if digits is None:
        return exact
    return min(_short(f"{value:.{digits}g}"), exact, key=len)


def _short(text: str) -> str:
    """A number as Python prints it, without what a reader does not need: 2.0 -> 2, 1e-05 -> 1e-5, 1e+16 -> 1e16."""
    mantissa, e, exponent = text.partition("e")
    if mantissa in ("-0", "-0.0"):
        return "-0.0"
    return mantissa.removesuffix(".0") + (f"e{int(exponent)}" if e else "")


def _complex(value: complex, digits: int | None) -> str:
    imaginary = number(value.imag, digits)
    return f"{number(value.real, digits)}{'' if imaginary.startswith('-') else '+'}{imaginary}j"
