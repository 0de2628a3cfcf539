"""Signatures of the catalogue: what a function is given and what it promises to return.

>>> signature = Signature.parse("trace(A: Tensor[n, n]) -> float")
>>> signature.check(torch.tensor(2.0), (torch.eye(2),))
'returns a tensor where a float is asked for: use .item()'
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch

from autograder.testing.dimensions import Sizes
from autograder.testing.promises import Fault, Promise, parse_promise, split
from autograder.testing.values import leaves

_SIGNATURE = re.compile(r"\s*(?P<name>\w+)\s*\(")


@dataclasses.dataclass(frozen=True)
class Signature:
    """A parsed signature; two are equal when their texts are.

    parameters: name -> text of its type, in order.  defaults: name -> text of its default, where it has one.
    """

    text: str
    name: str = dataclasses.field(compare=False)
    parameters: Mapping[str, str] = dataclasses.field(compare=False)
    defaults: Mapping[str, str] = dataclasses.field(compare=False)
    takes: Mapping[str, Promise] = dataclasses.field(compare=False, repr=False)
    returns: Promise = dataclasses.field(compare=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """From the catalogue's text, ``name(parameter: type, ...) -> type``; ValueError where that is not its form."""
        match = _SIGNATURE.match(text)
        if match is None:
            raise ValueError(f"not a signature: {text!r}")
        close = _closing(text, match.end() - 1)
        arrow, _, result = text[close + 1 :].partition("->")
        if arrow.strip() or not result.strip():
            raise ValueError(f"signature without a result: {text!r}")
        parameters: dict[str, str] = {}
        defaults: dict[str, str] = {}
        for piece in split(text[match.end() : close], ","):
            name, colon, rest = piece.partition(":")
            if not colon and parameters:  # prose with commas ("dict with lr, eps") goes on with the last type
                last = next(reversed(parameters))
                parameters[last] += f", {piece}"
                continue
            if not name.strip().isidentifier():
                raise ValueError(f"not a parameter: {piece!r} in {text!r}")
            type_text, equals, default = rest.partition("=")
            parameters[name.strip()] = type_text.strip()
            if equals:
                defaults[name.strip()] = default.strip()
        takes = {name: parse_promise(type_text) for name, type_text in parameters.items()}
        return cls(" ".join(text.split()), match["name"], parameters, defaults, takes, parse_promise(result))

    def sizes(self, arguments: Sequence[Any]) -> Sizes:
        """The sizes behind the signature's names, read off the arguments (in the order of the parameters)."""
        sizes = Sizes()
        for (name, promise), argument in zip(self.takes.items(), arguments, strict=False):
            if promise.text == "int" and type(argument) is int:
                sizes.bind(name, argument)
            promise.bind(argument, sizes)
        return sizes

    def check(self, value: Any, arguments: Sequence[Any], dtype: torch.dtype | None = None) -> str | None:
        """What is wrong with the type, dtype or shape of a result, in one sentence; None if nothing is.

        dtype: of floating results; None means the widest among the arguments' floating tensors. Where no argument is
        one, results are float64 in any case.
        """
        given = floating_dtype(arguments)
        real = torch.float64 if given is None else dtype or given
        fault = self.returns.fault(value, self.sizes(arguments), real)
        return None if fault is None else sentence(fault)


def floating_dtype(arguments: Sequence[Any]) -> torch.dtype | None:
    """The real dtype that results keep: the widest among the arguments' floating tensors, None without any."""
    dtypes = {leaf.dtype for leaf in leaves(tuple(arguments)) if isinstance(leaf, torch.Tensor)}
    real = [dtype.to_real() for dtype in dtypes if dtype.is_floating_point or dtype.is_complex]
    if not real:
        return None
    widest = real[0]
    for dtype in real[1:]:
        widest = torch.promote_types(widest, dtype)
    return widest


def sentence(fault: Fault) -> str:
    """A fault as a student reads it."""
    return f"returns {fault.got}{f' as item {fault.place}' if fault.place else ''} where {fault.wanted}"


def _closing(text: str, start: int) -> int:
    """The index of the bracket that closes the one at ``start``."""
    depth = 0
    for index in range(start, len(text)):
        depth += (text[index] in "([{") - (text[index] in ")]}")
        if depth == 0:
            return index
    raise ValueError(f"unbalanced brackets: {text!r}")
