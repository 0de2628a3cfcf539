"""Functions that cross the wall as descriptions: a family's name and its parameters, rebuilt natively in the worker.

``autograd``, ``torch.func`` and ``vmap`` work through every family. ``x`` is a tensor of any float type; parameters
follow the type and the device of ``x`` (an integer ``x`` is converted to theirs), so that one member serves float32 and
float64.

Shapes: ``[..., d]`` means any number of rows of length d, a single row ``[d]`` included.
"""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Callable
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "sin": torch.sin,
    "softplus": torch.nn.functional.softplus,
    "tanh": torch.tanh,
}


@dataclasses.dataclass(frozen=True, eq=False)
class Described(abc.ABC):
    """A member of a small public family of differentiable functions."""

    evaluating: ClassVar[int] = 0
    """How many members are being evaluated: what runs meanwhile is not the student's doing (observe.py)."""

    def __call__(self, x: Tensor) -> Tensor:
        """The function's value at ``x``."""
        Described.evaluating += 1
        try:
            return self._value(x)
        finally:
            Described.evaluating -= 1

    @abc.abstractmethod
    def _value(self, x: Tensor) -> Tensor: ...

    def parameters(self) -> dict[str, Any]:
        """Name -> tensor, number, text, another described function, or a tuple of tensors."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def map(self, change: Callable[[Any], Any]) -> Self:
        """The same member with every parameter changed."""
        return type(self)(**{name: change(value) for name, value in self.parameters().items()})


def _argument(x: Any, like: Any) -> Tensor:
    """``x`` as a float tensor: its own type where it has one, else that of the parameter ``like``."""
    tensor: Tensor = torch.as_tensor(x)
    if tensor.is_floating_point() or tensor.is_complex():
        return tensor
    dtype: torch.dtype = like.dtype if isinstance(like, Tensor) else torch.get_default_dtype()
    return tensor.to(dtype)


@dataclasses.dataclass(frozen=True, eq=False)
class Affine(Described):
    """``x @ W.T + b``: [..., d] -> [..., m], with W [m, d] and b [m]."""

    W: Tensor
    b: Tensor

    def _value(self, x: Tensor) -> Tensor:
        x = _argument(x, self.W)
        return x @ self.W.to(x).mT + self.b.to(x)


@dataclasses.dataclass(frozen=True, eq=False)
class Quadratic(Described):
    """``x.A.x / 2 + b.x + c`` for every row: [..., d] -> [...].

    A [d, d] (need not be symmetric), b [d], c a number.
    """

    A: Tensor
    b: Tensor
    c: Tensor | float = 0.0

    def _value(self, x: Tensor) -> Tensor:
        x = _argument(x, self.A)
        return 0.5 * ((x @ self.A.to(x).mT) * x).sum(-1) + (x * self.b.to(x)).sum(-1) + self.c


@dataclasses.dataclass(frozen=True, eq=False)
class Mlp(Described):
    """Layers ``x @ W.T + b`` with the activation between them, not after the last: [..., d] -> [..., m].

    activation: identity, relu, sigmoid, sin, softplus or tanh.
    """

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    activation: str = "tanh"

    def _value(self, x: Tensor) -> Tensor:
        x = _argument(x, self.weights[0])
        activation = ACTIVATIONS[self.activation]
        for layer, (W, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = activation(x) if layer else x
            x = x @ W.to(x).mT + b.to(x)
        return x


@dataclasses.dataclass(frozen=True, eq=False)
class GaussianMixtureLogDensity(Described):
    """``log sum_k w_k N(x; mean_k, covariance_k)`` of every row: [..., d] -> [...].

    log_weights [k], normalised here; means [k, d]; covariances [k, d, d], positive definite.
    """

    log_weights: Tensor
    means: Tensor
    covariances: Tensor

    def _value(self, x: Tensor) -> Tensor:
        x = _argument(x, self.means)
        factor = torch.linalg.cholesky(self.covariances.to(x))
        residual = (x[..., None, :] - self.means.to(x))[..., None]
        z = torch.linalg.solve_triangular(factor, residual, upper=False)[..., 0]
        half_log_det = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        log_normal = -0.5 * (z * z).sum(-1) - half_log_det - 0.5 * self.means.shape[-1] * math.log(2 * math.pi)
        return torch.logsumexp(torch.log_softmax(self.log_weights.to(x), -1) + log_normal, -1)


@dataclasses.dataclass(frozen=True, eq=False)
class Polynomial(Described):
    """``c[0] + c[1] x + c[2] x^2 + ...`` entry by entry, by Horner's rule: the shape of x is kept."""

    coefficients: Tensor

    def _value(self, x: Tensor) -> Tensor:
        x = _argument(x, self.coefficients)
        value = torch.zeros_like(x)
        for coefficient in self.coefficients.to(x).flip(0):
            value = value * x + coefficient
        return value


@dataclasses.dataclass(frozen=True, eq=False)
class Trigonometric(Described):
    """``sum_k amplitude_k sin(frequency_k x + phase_k)`` entry by entry: the shape of x is kept. Parameters [k]."""

    amplitudes: Tensor
    frequencies: Tensor
    phases: Tensor

    def _value(self, x: Tensor) -> Tensor:
        x = _argument(x, self.amplitudes)
        waves = torch.sin(x[..., None] * self.frequencies.to(x) + self.phases.to(x))
        return (waves * self.amplitudes.to(x)).sum(-1)


@dataclasses.dataclass(frozen=True, eq=False)
class Constant(Described):
    """The same number for every entry: the shape of x is kept, its gradient is zero (x must be finite)."""

    value: Tensor | float

    def _value(self, x: Tensor) -> Tensor:
        return 0.0 * _argument(x, self.value) + self.value


@dataclasses.dataclass(frozen=True, eq=False)
class RowSum(Described):
    """The sum over the last axis of another function: a scalar for every row."""

    f: Described

    def _value(self, x: Tensor) -> Tensor:
        return self.f(x).sum(-1)


@dataclasses.dataclass(frozen=True, eq=False)
class Sum(Described):
    """``f(x) + g(x)``."""

    f: Described
    g: Described

    def _value(self, x: Tensor) -> Tensor:
        return self.f(x) + self.g(x)


@dataclasses.dataclass(frozen=True, eq=False)
class Scaled(Described):
    """``c f(x)``."""

    f: Described
    c: Tensor | float

    def _value(self, x: Tensor) -> Tensor:
        return self.f(x) * self.c


@dataclasses.dataclass(frozen=True, eq=False)
class Shifted(Described):
    """``f(x) + c``: a log-density whose normalisation is unknown."""

    f: Described
    c: Tensor | float

    def _value(self, x: Tensor) -> Tensor:
        return self.f(x) + self.c


@dataclasses.dataclass(frozen=True, eq=False)
class Composition(Described):
    """``outer(inner(x))``: |x|^4 of a polynomial and a quadratic form, two maps one after the other."""

    outer: Described
    inner: Described

    def _value(self, x: Tensor) -> Tensor:
        return self.outer(self.inner(x))


@dataclasses.dataclass(frozen=True, eq=False)
class Entries(Described):
    """``x[..., start:stop]``: entries of x itself, so whoever writes into the value writes into x."""

    start: int
    stop: int

    def _value(self, x: Tensor) -> Tensor:
        return _argument(x, None)[..., self.start : self.stop]


@dataclasses.dataclass(frozen=True, eq=False)
class Gradient(Described):
    """The gradient of a scalar function of rows, row by row: [..., d] -> [..., d] (a score, a force)."""

    f: Described

    def _value(self, x: Tensor) -> Tensor:
        x = _argument(x, None)
        gradient: Callable[[Tensor], Tensor] = torch.func.grad(self.f)
        for _ in range(x.dim() - 1):
            gradient = torch.func.vmap(gradient)
        return gradient(x)


FAMILIES: dict[str, type[Described]] = {
    family.__name__: family
    for family in (
        Affine,
        Composition,
        Constant,
        Entries,
        GaussianMixtureLogDensity,
        Gradient,
        Mlp,
        Polynomial,
        Quadratic,
        RowSum,
        Scaled,
        Shifted,
        Sum,
        Trigonometric,
    )
}
