"""What a signature promises about one value: its exact type and, for tensors, dtype and shape."""

from __future__ import annotations

import abc
import dataclasses
import re
from typing import Any

import torch

from autograder.testing.dimensions import Shape, Sizes, spelled

_TENSOR = re.compile(
    r"(?P<family>Bool|Long|Complex|Float)?Tensor\s*(?P<shape>\[.*\])?\s*(?:\((?P<note>\w+)\))?", re.DOTALL
)
_GENERIC = re.compile(r"(?P<head>tuple|list|dict)\s*\[(?P<items>.*)\]", re.DOTALL)
_DTYPES = {"int64": torch.int64, "Long": torch.int64, "bool": torch.bool, "Bool": torch.bool}
_SCALARS: dict[str, tuple[type, ...]] = {"float": (float, int), "int": (int,), "bool": (bool,), "str": (str,)}
_WORDS: tuple[tuple[type, str], ...] = (
    (torch.Tensor, "a tensor"),
    (torch.nn.Parameter, "a tensor"),
    (bool, "a bool"),
    (int, "an int"),
    (float, "a float"),
    (complex, "a complex number"),
    (str, "a text"),
    (tuple, "a tuple"),
    (list, "a list"),
    (dict, "a dict"),
    (type(None), "None"),
)


@dataclasses.dataclass(frozen=True)
class Fault:
    """got and wanted complete "returns ... where ..."; place: "[1]" for the second item of a tuple, "" at the top."""

    got: str
    wanted: str
    place: str = ""

    def inside(self, index: int | str) -> Fault:
        """The same fault, seen from the container."""
        return dataclasses.replace(self, place=f"[{index}]{self.place}")


@dataclasses.dataclass(frozen=True)
class Promise(abc.ABC):
    """A type of the catalogue, as a tree."""

    text: str

    def bind(self, value: Any, sizes: Sizes) -> None:  # noqa: B027 - most types teach no sizes
        """Learn sizes from an argument."""

    @abc.abstractmethod
    def fault(self, value: Any, sizes: Sizes, dtype: torch.dtype) -> Fault | None:
        """What is wrong with a result; sizes may learn from it. dtype: the real floating dtype."""


@dataclasses.dataclass(frozen=True)
class Anything(Promise):
    """A type that is not checked: a callable, or prose."""

    def fault(self, value: Any, sizes: Sizes, dtype: torch.dtype) -> Fault | None:
        """Nothing."""
        return None


@dataclasses.dataclass(frozen=True)
class ScalarPromise(Promise):
    """float, int, bool, str or None. An int is a fine float; a 0-dimensional tensor is neither."""

    types: tuple[type, ...]

    def fault(self, value: Any, sizes: Sizes, dtype: torch.dtype) -> Fault | None:
        """The type is another one."""
        if any(type(value) is kind for kind in self.types):
            return None
        hint = ": use .item()" if is_tensor(value) and value.dim() == 0 and self.text != "None" else ""
        return Fault(describe(value), f"{wanted(self.text)}{hint}")


@dataclasses.dataclass(frozen=True)
class TensorPromise(Promise):
    """A tensor. family: "floating" or "complex" (as precise as the arguments), or one dtype.  shape None: any."""

    family: str | torch.dtype
    shape: Shape | None

    def bind(self, value: Any, sizes: Sizes) -> None:
        """The sizes of a tensor argument."""
        if self.shape is not None and is_tensor(value):
            self.shape.bind(tuple(value.shape), sizes)

    def fault(self, value: Any, sizes: Sizes, dtype: torch.dtype) -> Fault | None:
        """No tensor, another shape, another dtype."""
        if not is_tensor(value):
            return Fault(describe(value), wanted(self.text))
        shape = tuple(value.shape)
        if self.shape is not None and not self.shape.admits(shape, sizes):
            entries = [spelled(entry) for entry in self.shape.expected(sizes)]
            expected = f"({', '.join(entries)}{',' if len(entries) == 1 else ''})"
            names = spelled(self.shape.explain(sizes))
            return Fault(f"shape {shape}", f"{self.text}{' with ' if names else ''}{names} means {expected}")
        expected_dtype = self.dtype(dtype)
        if value.dtype != expected_dtype:
            return Fault(f"dtype {_name(value.dtype)}", f"{_name(expected_dtype)} is asked for")
        return None

    def dtype(self, real: torch.dtype) -> torch.dtype:
        """The dtype it must have when the arguments are ``real``."""
        if isinstance(self.family, torch.dtype):
            return self.family
        return real.to_complex() if self.family == "complex" else real


@dataclasses.dataclass(frozen=True)
class TuplePromise(Promise):
    """A tuple of given length, or (variadic) of any length with one type."""

    items: tuple[Promise, ...]
    variadic: bool

    def bind(self, value: Any, sizes: Sizes) -> None:
        """The sizes of the items."""
        if type(value) is tuple and not self.variadic:
            for promise, item in zip(self.items, value, strict=False):
                promise.bind(item, sizes)

    def fault(self, value: Any, sizes: Sizes, dtype: torch.dtype) -> Fault | None:
        """No tuple, another length, or the first item at fault."""
        if type(value) is not tuple:
            return Fault(describe(value), wanted(self.text))
        if not self.variadic and len(value) != len(self.items):
            return Fault(f"a tuple of {len(value)} values", f"{self.text} has {len(self.items)}")
        promises = self.items * len(value) if self.variadic else self.items
        for index, (promise, item) in enumerate(zip(promises, value, strict=True)):
            fault = promise.fault(item, sizes, dtype)
            if fault is not None:
                return fault.inside(index)
        return None


@dataclasses.dataclass(frozen=True)
class ListPromise(Promise):
    """A list. Names of sizes differ from item to item (the layers of a network), so nothing is learned from them."""

    item: Promise

    def fault(self, value: Any, sizes: Sizes, dtype: torch.dtype) -> Fault | None:
        """No list, or the first item at fault."""
        if type(value) is not list:
            return Fault(describe(value), wanted(self.text))
        for index, item in enumerate(value):
            fault = self.item.fault(item, sizes.copy(), dtype)
            if fault is not None:
                return fault.inside(index)
        return None


@dataclasses.dataclass(frozen=True)
class DictPromise(Promise):
    """A dict with texts as keys."""

    item: Promise

    def fault(self, value: Any, sizes: Sizes, dtype: torch.dtype) -> Fault | None:
        """No dict, a key that is no text, or the first value at fault."""
        if type(value) is not dict:
            return Fault(describe(value), wanted(self.text))
        for key, item in value.items():
            if type(key) is not str:
                return Fault("a dict with other keys", "its keys are texts")
            fault = self.item.fault(item, sizes.copy(), dtype)
            if fault is not None:
                return fault.inside(repr(key[:40]))
        return None


@dataclasses.dataclass(frozen=True)
class UnionPromise(Promise):
    """One of several types."""

    choices: tuple[Promise, ...]

    def bind(self, value: Any, sizes: Sizes) -> None:
        """The sizes of the first choice that this argument can be."""
        for choice in self.choices:
            if choice.fault(value, Sizes(), torch.float64) is None or isinstance(choice, TensorPromise):
                choice.bind(value, sizes)
                return

    def fault(self, value: Any, sizes: Sizes, dtype: torch.dtype) -> Fault | None:
        """None of them; what the nearest one (of the value's own kind) says."""
        faults: list[Fault] = []
        for choice in self.choices:
            trial = sizes.copy()
            fault = choice.fault(value, trial, dtype)
            if fault is None:
                sizes.known, sizes.dots, sizes.ambiguous = trial.known, trial.dots, trial.ambiguous
                return None
            faults.append(fault)
        near = [fault for fault in faults if fault.place or fault.got.startswith(("shape", "dtype"))]
        if not near:
            return Fault(faults[0].got, f"{self.text} is asked for")
        options = " or ".join(fault.wanted for fault in near if fault.got == near[0].got)
        return dataclasses.replace(near[0], wanted=options)


def parse_promise(text: str) -> Promise:
    """The tree behind the text of a type; what is not understood is Anything."""
    text = " ".join(text.split())
    choices = split(text, "|")
    if len(choices) > 1:
        return UnionPromise(text, tuple(parse_promise(choice) for choice in choices))
    if match := _TENSOR.fullmatch(text):
        note = match["note"] or match["family"] or ""
        family = _DTYPES.get(note, "complex" if note.lower().startswith("complex") else "floating")
        shape = match["shape"]
        return TensorPromise(text, family, None if shape is None else Shape.parse(split(shape[1:-1], ",")))
    if match := _GENERIC.fullmatch(text):
        items = split(match["items"], ",")
        if match["head"] == "tuple":
            variadic = items[-1:] == ["..."]
            return TuplePromise(text, tuple(parse_promise(item) for item in items[: 1 if variadic else None]), variadic)
        if match["head"] == "list":
            return ListPromise(text, parse_promise(match["items"]))
        return DictPromise(text, parse_promise(items[-1]))
    if text in _SCALARS:
        return ScalarPromise(text, _SCALARS[text])
    return ScalarPromise(text, (type(None),)) if text == "None" else Anything(text)


def split(text: str, separator: str) -> list[str]:
    """The pieces between separators outside brackets, stripped; none of an empty text."""
    pieces, depth, start = [], 0, 0
    for index, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if character == separator and depth == 0:
            pieces.append(text[start:index].strip())
            start = index + 1
    return [*pieces, text[start:].strip()] if text.strip() else []


def is_tensor(value: Any) -> bool:
    """Whether a value is exactly a tensor (or a parameter) that has a shape."""
    return (type(value) is torch.Tensor or type(value) is torch.nn.Parameter) and not value.is_nested


def describe(value: Any) -> str:
    """The kind of a value in words; never runs code of the value's own class."""
    word = next((word for kind, word in _WORDS if type(value) is kind), "an object of another type")
    if is_tensor(value) and value.dim():
        return f"a tensor of shape {tuple(value.shape)}"
    return f"a tuple of {len(value)} values" if type(value) is tuple else word


def wanted(text: str) -> str:
    """A type in words: "a float is asked for"."""
    article = {"None": "", "int": "an "}.get(text, "a ")
    return f"{article}{text} is asked for"


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
