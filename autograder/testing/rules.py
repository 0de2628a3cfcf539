"""Rules: what an implementation may not use. Found by reading the source, and denied by counting operators as they run.

rules=(NO_INVERSE_OR_SOLVE, NoMatrixProduct(SIGNATURE, "n"))
rules=(Forbid("no_softmax", "uses no ready-made softmax", spellings("softmax", "log_softmax"), methods=...),)
"""

from __future__ import annotations

import abc
import dataclasses
import fnmatch
import functools
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograder.grading.submission import Sources
from autograder.testing.calls import Use, uses
from autograder.testing.dimensions import Dimension
from autograder.testing.signature import Signature
from autograder.testing.student import Operator

_HOMES = (
    "torch.{}",
    "torch.Tensor.{}",
    "torch.linalg.{}",
    "torch.nn.functional.{}",
    "torch.special.{}",
    "torch.functional.{}",
)
_INNER_HOMES = (
    "torch._C.*.{}",
    "torch._C.{}",
    "torch._VF.{}",
    "torch.ops.aten.{}",
    "torch._refs.*.{}",
    "torch._refs.{}",
)
_FOREIGN_HOMES = ("numpy.{}", "numpy.linalg.{}", "scipy.linalg.{}", "scipy.special.{}")
_INNER_PREFIXES = ("", "_", "linalg_", "_linalg_", "special_")
_WORDS = {
    "For": "a for loop",
    "AsyncFor": "a for loop",
    "While": "a while loop",
    "comprehension": "a comprehension",
    "MatMult": "the operator @",
    "Div": "the operator /",
    "FloorDiv": "the operator //",
    "Pow": "the operator **",
}
_PRODUCTS = frozenset({"mm", "bmm", "matmul", "addmm", "baddbmm", "addbmm", "linear", "einsum", "tensordot", "dot"})
_SWITCHES = frozenset({"requires_grad_", "set_grad_enabled"})
LOOPS = frozenset({"For", "AsyncFor", "While", "comprehension"})


class Rule(abc.ABC):
    """One thing an implementation may not do. Rules are immutable values.

    name: an identifier ("no_inverse").  sentence: what a student reads ("uses no explicit inverse").
    """

    name: str
    sentence: str

    def read(self, sources: Sources, functions: Sequence[str]) -> str | None:
        """How the source of these functions, or what they call, breaks the rule, and where; None if it does not."""
        return None

    def count(self, operators: Sequence[Operator], arguments: tuple[Any, ...]) -> str | None:
        """How the operators of one call break the rule; None if they do not. Self-reported: it can only deny."""
        return None


@dataclasses.dataclass(frozen=True)
class Forbid(Rule):
    """Names that may not be used. Patterns are those of fnmatch; a pattern forbids all that is inside it as well.

    targets: full names ("torch.optim", "torch.nn.functional.conv*", "builtins.abs"); see spellings.
    methods: of objects that reading cannot identify ("inverse" for ``A.inverse()``).
    if_negative: targets and methods forbidden only with a negative argument (``matrix_power(A, -1)``).
    syntax: LOOPS, or classes of syntax nodes ("MatMult", "Div").
    operators: ATen names ("linalg_inv_ex", "*convolution*"), or numpy's ("numpy.inv"), that may not run.
    only: the functions of the exercise that it is about; empty for all.
    """

    name: str
    sentence: str
    targets: frozenset[str] = frozenset()
    methods: frozenset[str] = frozenset()
    if_negative: frozenset[str] = frozenset()
    syntax: frozenset[str] = frozenset()
    operators: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()

    def read(self, sources: Sources, functions: Sequence[str]) -> str | None:
        """The first forbidden name that the functions reach."""
        concerned = [name for name in functions if not self.only or name in self.only]
        for use in uses(sources, concerned):
            if self._forbids(use):
                return f"{_words(use)} ({sources.locate(use.file, use.line)})"
        return None

    def _forbids(self, use: Use) -> bool:
        if use.kind == "syntax":
            return use.name in self.syntax
        arguments = use.arguments or ()
        if use.name.rpartition(".")[2] in _SWITCHES and any(a is False for a in arguments):
            return False  # switched off
        patterns = self.targets if use.kind == "name" else self.methods
        negative = any(type(argument) in (int, float) and argument < 0 for argument in arguments)
        return _matches(use.name, patterns) or (negative and _matches(use.name, self.if_negative))

    def count(self, operators: Sequence[Operator], arguments: tuple[Any, ...]) -> str | None:
        """The first forbidden operator that ran."""
        for operator in operators:
            name = plain(operator.name)
            if _matches(name, self.operators):
                return f"ran {name}{_on(operator.shapes)}"
        return None


@dataclasses.dataclass(frozen=True)
class NoMatrixProduct(Rule):
    """No product of two n x n matrices. size: the name of n in the signature.

    Below smallest, a few columns side by side look like a square matrix, so nothing is said.
    """

    signature: str
    size: str
    smallest: int = 3
    name: str = "no_matrix_product"
    sentence: str = ""

    def __post_init__(self) -> None:
        if not self.sentence:
            object.__setattr__(self, "sentence", f"multiplies no two {self.size} x {self.size} matrices")

    def count(self, operators: Sequence[Operator], arguments: tuple[Any, ...]) -> str | None:
        """The first product whose factors are both n x n (or a broadcast product with n^3 entries)."""
        n = _size(self.signature, self.size, arguments)
        if n is None or n < self.smallest:
            return None
        for operator in operators:
            if _multiplies(plain(operator.name), operator.shapes, n):
                return f"multiplied two {n} x {n} matrices"
        return None


@dataclasses.dataclass(frozen=True)
class NoIntermediate(Rule):
    """No tensor of a given shape among what is computed with: "n, n" or "n, m, d". Axes may come in any order.

    Says nothing where an argument has that shape by chance.
    """

    signature: str
    shape: str
    name: str = ""
    sentence: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", "no_" + "_x_".join(re.findall(r"\w+", self.shape)))
        if not self.sentence:
            object.__setattr__(self, "sentence", f"builds no tensor of shape [{self.shape}]")

    def count(self, operators: Sequence[Operator], arguments: tuple[Any, ...]) -> str | None:
        """The first operator that was given such a tensor."""
        sizes = [_size(self.signature, name.strip(), arguments) for name in self.shape.split(",")]
        if any(size is None for size in sizes):
            return None
        wanted = sorted(size for size in sizes if size is not None)
        given = [sorted(getattr(argument, "shape", ())) for argument in arguments]
        if wanted in given or 1 in wanted:
            return None
        for operator in operators:
            for shape in operator.shapes:
                if sorted(shape) == wanted:
                    return f"built a tensor of shape {shape}"
        return None


@dataclasses.dataclass(frozen=True)
class NoLargerThan(Rule):
    """Some operators only on small matrices: "no solve larger than k x k"."""

    name: str
    sentence: str
    operators: frozenset[str]
    signature: str
    size: str

    def count(self, operators: Sequence[Operator], arguments: tuple[Any, ...]) -> str | None:
        """The first such operator with a larger matrix."""
        largest = _size(self.signature, self.size, arguments)
        if largest is None:
            return None
        for operator in operators:
            name = plain(operator.name)
            matrices = [shape for shape in operator.shapes if len(shape) > 1]
            if _matches(name, self.operators) and any(min(shape[-2:]) > largest for shape in matrices):
                return f"ran {name}{_on(operator.shapes)}"
        return None


def spellings(*names: str) -> frozenset[str]:
    """Every public and inner home of torch, numpy and scipy functions of these names ("inv": torch.linalg.inv, ...)."""
    outer = {home.format(name) for home in (*_HOMES, *_FOREIGN_HOMES) for name in names}
    inner = {home.format(prefix + name) for home in _INNER_HOMES for prefix in _INNER_PREFIXES for name in names}
    return frozenset(outer | inner)


def plain(name: str) -> str:
    """The bare name of an operator: "aten::mm.default" is mm."""
    bare = name.removeprefix("aten::").removeprefix("aten.")
    return bare if bare.startswith("numpy.") else bare.split(".")[0]


@functools.cache
def _pattern(patterns: frozenset[str]) -> re.Pattern[str]:
    alternatives = [fnmatch.translate(f"{pattern}{rest}") for pattern in sorted(patterns) for rest in ("", ".*")]
    return re.compile("|".join(alternatives) or r"(?!)")


@functools.lru_cache(maxsize=4096)
def _matches(name: str, patterns: frozenset[str]) -> bool:
    return _pattern(patterns).match(name) is not None


def _words(use: Use) -> str:
    name = use.name[:80]
    if use.kind == "syntax":
        return f"uses {_WORDS.get(name, name)}"
    shown = f".{name}()" if use.kind == "method" else name.removeprefix("builtins.")
    return f"{'uses' if use.arguments is None else 'calls'} {shown}"


def _on(shapes: tuple[tuple[int, ...], ...]) -> str:
    """ " on a 5 x 5 matrix", for a reader."""
    if not shapes:
        return ""
    largest = max(shapes, key=math.prod)
    if len(largest) == 2:
        return f" on a {largest[0]} x {largest[1]} matrix"
    return f" on a tensor of shape {tuple(largest)}"


def _size(signature: str, name: str, arguments: tuple[Any, ...]) -> int | None:
    """What a name (or an expression such as n + 1) of a signature is for these arguments."""
    return Dimension.parse(name).size(_parsed(signature).sizes(arguments))


@functools.cache
def _parsed(signature: str) -> Signature:
    return Signature.parse(signature)


def _multiplies(name: str, shapes: tuple[tuple[int, ...], ...], n: int) -> bool:
    """Whether an operator multiplies two n x n matrices: alone, in a batch, or as a broadcast product to be summed."""
    bare = name.removeprefix("numpy.")
    factors = shapes[-2:] if bare.startswith("add") or bare == "baddbmm" else shapes[:2]
    if bare in _PRODUCTS:
        return len(factors) == 2 and all(tuple(factor[-2:]) == (n, n) for factor in factors)
    if bare in ("mul", "multiply") and all(tuple(factor).count(n) >= 2 for factor in factors):
        return tuple(np.broadcast_shapes(*factors)[-3:]) == (n, n, n)
    return False


_INVERSE_NAMES = (
    *("inverse", "inv", "inv_ex", "pinv", "pinverse", "pinvh"),
    *("cholesky_inverse", "tensorinv", "fractional_matrix_power"),
)
_SOLVE_NAMES = (
    *("solve", "solve_ex", "lstsq", "tensorsolve", "triangular_solve", "solve_triangular"),
    *("lu_solve", "ldl_solve", "cholesky_solve", "cho_solve", "solve_banded", "solveh_banded"),
)
_INVERSE_OPERATORS = frozenset({"inverse", "*linalg_inv*", "*pinv*", "cholesky_inverse*", "*tensorinv*", "numpy.*inv"})
_SOLVE_OPERATORS = frozenset({"solve", "*_solve", "*_solve_*", "*lstsq*", "numpy.*solve*"})
INVERSES_AND_SOLVES = _INVERSE_OPERATORS | _SOLVE_OPERATORS
DETERMINANTS = frozenset({"*linalg_det*", "*slogdet*", "logdet", "numpy.*det"})
FACTORISATIONS = frozenset(
    {"*lu_factor*", "linalg_lu*", "_lu_*", "*cholesky*", "*linalg_qr*", "geqrf", "*ldl_*", "*svd*", "*eig*"}
    | {f"numpy.{name}" for name in ("qr", "cholesky")}
)
"""Operators for NoLargerThan: a factorisation is a solve or a determinant in disguise."""

NO_INVERSE = Forbid(
    "no_inverse",
    "uses no explicit inverse",
    targets=spellings(*_INVERSE_NAMES),
    methods=frozenset({"inverse", "pinverse"}),
    if_negative=spellings("matrix_power") | {"matrix_power"},
    operators=_INVERSE_OPERATORS,
)
NO_INVERSE_OR_SOLVE = Forbid(
    "no_inverse_or_solve",
    "uses no explicit inverse or solve",
    targets=spellings(*_INVERSE_NAMES, *_SOLVE_NAMES),
    methods=frozenset(
        {"inverse", "pinverse", "cholesky_inverse", "cholesky_solve", "lu_solve", "triangular_solve", "lstsq"}
    ),
    if_negative=spellings("matrix_power") | {"matrix_power"},
    operators=_INVERSE_OPERATORS | _SOLVE_OPERATORS,
)
_TRANSFORMS = ("grad", "grad_and_value", "vjp", "jvp", "jacrev", "jacfwd", "hessian", "linearize")
NO_AUTOGRAD = Forbid(
    "no_autograd",
    "uses no automatic differentiation",
    targets=frozenset(
        {
            *(
                f"torch.autograd.{name}"
                for name in ("grad", "backward", "functional", "forward_ad", "gradcheck", "enable_grad")
            ),
            *(f"{home}.{name}" for home in ("torch.func", "functorch", "torch._functorch.*") for name in _TRANSFORMS),
            *(f"torch.Tensor.{name}" for name in ("backward", "requires_grad_")),
            *("torch.enable_grad", "torch.set_grad_enabled", "torch.autograd.set_grad_enabled"),
            "torch.autograd.Variable.backward",
        }
    ),
    methods=frozenset({"backward", "requires_grad_"}),
    operators=frozenset({"*_backward*"}),
)
_FUSED_STEPS = tuple(f"_fused_{optimiser}*" for optimiser in ("adam", "adagrad", "sgd"))
NO_OPTIM = Forbid(
    "no_optim",
    "uses no ready-made optimiser",
    targets=spellings(*_FUSED_STEPS) | {"torch.optim", "torch._optim*", "scipy.optimize"},
    operators=frozenset(_FUSED_STEPS),
)
NO_CONV = Forbid(
    "no_conv",
    "uses no ready-made convolution",
    targets=spellings("conv*", "*convolution*")
    | {f"torch.nn.{family}*" for family in ("Conv", "LazyConv", "modules.conv", "grad.conv")}
    | {"scipy.signal.*conv*", "scipy.signal.*correlate*", "scipy.ndimage.*conv*", "scipy.ndimage.*correlate*"}
    | {"numpy.correlate"},
    operators=frozenset(
        {"*convolution*", "conv_*", "conv[123]d*", "slow_conv*", "_slow_conv*", "thnn_conv*", "*numpy.conv*"}
    ),
)
NO_DISTRIBUTIONS = Forbid(
    "no_distributions", "uses no torch.distributions", targets=frozenset({"torch.distributions", "scipy.stats"})
)
