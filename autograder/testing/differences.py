"""How a returned value differs from the expected one, in words a student reads.

``got`` may be anything that crosses the wall; nothing here may raise because of it, and walks follow the structure of
the expected value, so that a deeply nested answer costs nothing.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import torch

from autograder.sandbox.inside.functions import Described

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
KINDS = {
    int: "an int",
    float: "a float",
    complex: "a complex number",
    bool: "a bool",
    str: "a string",
    bytes: "bytes",
    list: "a list",
    tuple: "a tuple",
    dict: "a dict",
    type(None): "None",
}
TENSORS = (torch.Tensor, torch.nn.Parameter)
NUMBERS: dict[type, tuple[type, ...]] = {float: (int, float), complex: (int, float, complex)}


@dataclasses.dataclass(frozen=True)
class FormDifference:
    """A wrong type, dtype, shape or number of parts.

    counted: a shape or a number of parts, which may depend on the data and so hang on the last bit of the input.
    """

    message: str
    counted: bool = False


def form_difference(got: Any, expected: Any, dtype: torch.dtype | None = None, name: str = "") -> FormDifference | None:
    """The first difference in form, None if there is none.

    dtype: what floating tensors must have, if not the expected value's own.  name: of the output ("second output").
    Lists and tuples stand for each other; whole numbers stand for floats.
    """
    if isinstance(expected, Described):
        if type(got) is not type(expected):
            return _wrong_kind(got, expected, name)
        return form_difference(got.parameters(), expected.parameters(), dtype, name)
    if isinstance(expected, dict):
        if not isinstance(got, dict):
            return _wrong_kind(got, expected, name)
        if got.keys() != expected.keys():
            return FormDifference(_says(name, f"the keys {_keys(got)} instead of {_keys(expected)}"))
        return _first(form_difference(got[k], expected[k], dtype, key_name(name, k)) for k in sorted(expected, key=str))
    if isinstance(expected, (tuple, list)):
        if not isinstance(got, (tuple, list)):
            return _wrong_kind(got, expected, name)
        if len(got) != len(expected):
            parts = "parts" if name else "outputs"
            return FormDifference(_says(name, f"{len(got)} {parts} instead of {len(expected)}"), counted=True)
        items = enumerate(zip(got, expected, strict=True))
        return _first(form_difference(g, e, dtype, item_name(name, i)) for i, (g, e) in items)
    return _leaf_difference(got, expected, dtype, name)


def _leaf_difference(got: Any, expected: Any, dtype: torch.dtype | None, name: str) -> FormDifference | None:
    if not isinstance(expected, torch.Tensor):
        if callable(expected):
            return None if callable(got) else _wrong_kind(got, expected, name)
        allowed = NUMBERS.get(type(expected), (type(expected),))
        return None if type(got) in allowed else _wrong_kind(got, expected, name)
    if type(got) not in TENSORS:
        return _wrong_kind(got, expected, name)
    wanted = wanted_dtype(expected, dtype)
    if got.dtype != wanted:
        return FormDifference(_says(name, f"dtype {dtype_name(got.dtype)} instead of {dtype_name(wanted)}"))
    if got.shape != expected.shape:
        shapes = f"shape {tuple(got.shape)} instead of {tuple(expected.shape)}"
        return FormDifference(_says(name, shapes), counted=True)
    return None


def wanted_dtype(expected: torch.Tensor, dtype: torch.dtype | None) -> torch.dtype:
    """The dtype an answer must have where the student works in ``dtype`` and the reference in float64."""
    if dtype is not None and expected.is_floating_point():
        return dtype
    if dtype == torch.float32 and expected.is_complex():
        return torch.complex64
    return expected.dtype


def leaf_names(expected: Any, name: str = "") -> list[str]:
    """The name of every leaf, in the order of ``values.leaves``; "" where there is only one output."""
    if isinstance(expected, Described):
        expected = expected.parameters()
    if isinstance(expected, dict):
        return [n for key in sorted(expected, key=str) for n in leaf_names(expected[key], key_name(name, key))]
    if isinstance(expected, (tuple, list)):
        return [n for i, item in enumerate(expected) for n in leaf_names(item, item_name(name, i))]
    return [name]


def item_name(name: str, index: int) -> str:
    """ "second output", and inside an output "second output, third part"."""
    word = "part" if name else "output"
    text = f"{ORDINALS[index]} {word}" if index < len(ORDINALS) else f"{word} {index + 1}"
    return f"{name}, {text}" if name else text


def key_name(name: str, key: Any) -> str:
    """ "output 'mean'", and inside an output "second output, part 'mean'"."""
    return f"{name}, part {short_text(key)}" if name else f"output {short_text(key)}"


def entry_difference(name: str, got: Any, expected: Any, flat_index: int) -> tuple[str, str]:
    """(message, where) for one entry of an output whose form is right; flat_index counts in row-major order."""
    place = name
    if isinstance(expected, torch.Tensor):
        index = [int(i) for i in np.unravel_index(flat_index, tuple(expected.shape))]  # torch's loads sympy, 0.3 s
        place = ", ".join(part for part in (name, f"entry {index}" if index else "") if part)
        got, expected = got.detach().reshape(-1)[flat_index].item(), expected.detach().reshape(-1)[flat_index].item()
    shown, wanted = in_words(got, expected)
    message = f"{place} is {shown}" if place else f"returns {shown}"
    message += " where a number belongs" if not _finite(got) and _finite(expected) else f" instead of {wanted}"
    return message, f"{place}: {shown} instead of {wanted}" if place else f"{shown} instead of {wanted}"


def in_words(got: Any, expected: Any) -> tuple[str, str]:
    """Both values as short text, with as many digits as it takes to tell them apart."""
    pair = short_text(got), short_text(expected)
    if type(got) in (float, complex) or type(expected) in (float, complex):
        for digits in (6, 9, 12, 15, 17):
            pair = short_text(got, digits), short_text(expected, digits)
            if pair[0] != pair[1]:
                break
    return pair


def short_text(value: Any, digits: int = 6) -> str:
    """A leaf as text of at most about 80 characters."""
    if type(value) in (float, complex):
        return f"{value:.{digits}g}"
    if type(value) is int and value.bit_length() > 256:
        return f"an integer of about {int(value.bit_length() * math.log10(2))} digits"
    if type(value) in (int, bool, type(None)):
        return repr(value)
    if type(value) in (str, bytes):
        return repr(value) if len(value) <= 60 else repr(value[:60]) + "..."
    return kind_in_words(value)


def kind_in_words(value: Any) -> str:
    """ "a tensor", "a list", "None", ..."""
    if isinstance(value, torch.Tensor):
        return "a tensor"
    kind = next((words for kind, words in KINDS.items() if type(value) is kind), None)
    if kind is None and isinstance(value, tuple):
        return "a tuple"
    return kind or ("a function" if callable(value) else "an object")


def dtype_name(dtype: torch.dtype) -> str:
    """ "float64" """
    return str(dtype).removeprefix("torch.")


def _wrong_kind(got: Any, expected: Any, name: str) -> FormDifference:
    text = f"{kind_in_words(got)} instead of {kind_in_words(expected)}"
    return FormDifference(f"{name} is {text}" if name else f"returns {text}")


def _says(name: str, text: str) -> str:
    return f"{name} has {text}" if name else f"returns {text}"


def _keys(value: dict[Any, Any]) -> str:
    names = [short_text(key) for key in list(value)[:8]] + ["..."] * (len(value) > 8)
    return ", ".join(names) or "(none)"


def _finite(value: Any) -> bool:
    if type(value) is complex:
        return math.isfinite(value.real) and math.isfinite(value.imag)
    return math.isfinite(value) if type(value) is float else True


def _first(differences: Any) -> FormDifference | None:
    return next((difference for difference in differences if difference is not None), None)
