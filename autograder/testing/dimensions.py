"""Sizes in a signature: ``n``, ``K+1``, ``2**J``, ``min(m, n)``, ``n//stride``, ``...``, bound from the arguments.

A dimension that cannot be read or evaluated (``d_{k+1}``, an unknown name) is one that is not checked.
"""

from __future__ import annotations

import ast
import dataclasses
import operator
import re
from collections.abc import Callable, Sequence

import numpy as np

LARGEST_EXPONENT = 64
_ARITHMETIC: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
}


class UnboundError(Exception):
    """The arguments do not say how large this dimension is."""


@dataclasses.dataclass
class Sizes:
    """What the arguments say: the size behind each dimension's text, and the shape that their ``...`` broadcast to.

    dots is None while no ``...`` was seen. A name given two sizes is ambiguous, and so is never checked.
    """

    known: dict[str, int] = dataclasses.field(default_factory=dict)
    dots: tuple[int, ...] | None = None
    ambiguous: set[str] = dataclasses.field(default_factory=set)

    def bind(self, text: str, size: int) -> None:
        """Learn one size."""
        if self.known.setdefault(text, size) != size:
            self.ambiguous.add(text)

    def bind_dots(self, shape: tuple[int, ...]) -> None:
        """Learn the batch shape of one argument; shapes that do not broadcast leave ``...`` unchecked."""
        if "..." in self.ambiguous:
            return
        try:
            self.dots = np.broadcast_shapes(self.dots or (), shape)
        except ValueError:
            self.dots = None
            self.ambiguous.add("...")

    def get(self, text: str) -> int:
        """The size behind a text; UnboundError if there is none, or several."""
        if text in self.ambiguous or text not in self.known:
            raise UnboundError(text)
        return self.known[text]

    def copy(self) -> Sizes:
        """An independent copy."""
        return Sizes(dict(self.known), self.dots, set(self.ambiguous))


@dataclasses.dataclass(frozen=True)
class Dimension:
    """One entry of a shape. text is normalised, so that ``K + 1`` and ``K+1`` are the same; tree None: unreadable."""

    text: str
    tree: ast.expr | None = dataclasses.field(compare=False)

    @classmethod
    def parse(cls, text: str) -> Dimension:
        """From the text between two commas."""
        python = re.sub(r"(?<![\w.])(\d+)\s*([A-Za-z_])", r"\1*\2", text.strip())  # 2k means 2*k
        python = re.sub(r"\b(in|is|or|as|if)\b", r"\1_", python)  # "in" is a fine name for a size
        try:
            tree = ast.parse(python, mode="eval").body
        except SyntaxError:
            return cls(text.strip(), None)
        return cls(ast.unparse(tree), tree)

    @property
    def names(self) -> list[str]:
        """The names of sizes in it, in order."""
        if self.tree is None:
            return []
        names = [node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name)]
        return [name for name in dict.fromkeys(names) if name not in ("min", "max")]

    def size(self, sizes: Sizes) -> int | None:
        """Its size, or None where the arguments do not tell."""
        try:
            return sizes.get(self.text)
        except UnboundError:
            pass
        try:
            return None if self.tree is None else _evaluate(self.tree, sizes)
        except (UnboundError, ArithmeticError):
            return None


def _evaluate(tree: ast.expr, sizes: Sizes) -> int:
    """Integer arithmetic on bound names; UnboundError for whatever else the text may say."""
    match tree:
        case ast.Constant(value=int() as value):
            return value
        case ast.Name(id=name):
            return sizes.get(name)
        case ast.Call(func=ast.Name(id="min" | "max" as name), args=arguments) if arguments:
            values = [_evaluate(argument, sizes) for argument in arguments]
            return min(values) if name == "min" else max(values)
        case ast.BinOp(left=left, op=op, right=right):
            a, b = _evaluate(left, sizes), _evaluate(right, sizes)
            if type(op) in _ARITHMETIC:
                return _ARITHMETIC[type(op)](a, b)
            if isinstance(op, ast.Div) and a % b == 0:
                return a // b
            if isinstance(op, ast.Pow) and 0 <= b <= LARGEST_EXPONENT:
                return int(a**b)
    raise UnboundError(ast.unparse(tree))


@dataclasses.dataclass(frozen=True)
class Shape:
    """The dimensions between the brackets of ``Tensor[..., n, d]``. batched: they begin with ``...``."""

    dimensions: tuple[Dimension, ...]
    batched: bool = False

    @classmethod
    def parse(cls, entries: Sequence[str]) -> Shape | None:
        """From the texts between the commas; None where ``...`` stands for "and so on" (``k_1, ..., k_n``)."""
        batched = bool(entries) and entries[0].strip() == "..."
        rest = entries[1:] if batched else entries
        if any(entry.strip() == "..." for entry in rest):
            return None
        return cls(tuple(Dimension.parse(entry) for entry in rest), batched)

    def bind(self, shape: tuple[int, ...], sizes: Sizes) -> None:
        """Learn from a tensor given for this shape; a tensor of another rank teaches nothing."""
        batch = len(shape) - len(self.dimensions)
        if batch < 0 or (batch and not self.batched):
            return
        if self.batched:
            sizes.bind_dots(shape[:batch])
        for dimension, size in zip(self.dimensions, shape[batch:], strict=True):
            if dimension.tree is not None and not isinstance(dimension.tree, ast.Constant):
                sizes.bind(dimension.text, size)

    def expected(self, sizes: Sizes) -> tuple[int | str, ...]:
        """The shape that is asked for; a dimension of unknown size stands by its text."""
        dots: tuple[int | str, ...] = () if not self.batched else ("...",) if sizes.dots is None else sizes.dots
        known = [(dimension, dimension.size(sizes)) for dimension in self.dimensions]
        return dots + tuple(dimension.text if size is None else size for dimension, size in known)

    def admits(self, shape: tuple[int, ...], sizes: Sizes) -> bool:
        """Whether a result may have this shape. Names that the arguments leave open are bound by the result itself."""
        batch = len(shape) - len(self.dimensions)
        if batch < 0 or (batch and not self.batched):
            return False
        if self.batched and sizes.dots is not None and shape[:batch] != sizes.dots:
            return False
        for dimension, size in zip(self.dimensions, shape[batch:], strict=True):
            expected = dimension.size(sizes)
            if expected is None and isinstance(dimension.tree, ast.Name):
                sizes.bind(dimension.text, size)
            elif expected is not None and expected != size:
                return False
        return True

    def explain(self, sizes: Sizes) -> str:
        """What the names stand for: ``n = 3, d = 2``."""
        names = dict.fromkeys(name for dimension in self.dimensions for name in dimension.names)
        bound = [(name, sizes.known[name]) for name in names if name in sizes.known and name not in sizes.ambiguous]
        return ", ".join(f"{name} = {size}" for name, size in bound)


def spelled(entry: int | str) -> str:
    """An entry of an expected shape for a reader; the renamed keywords get their own spelling back."""
    return re.sub(r"\b(in|is|or|as|if)_\b", r"\1", str(entry))
