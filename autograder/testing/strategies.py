"""Shared inputs: short numbers that a counterexample can be read from, and larger tensors made of a seed.

    quarters(3)                        a vector of multiples of 1/4 in [-4, 4]; shrinks towards zeros
    generators().map(make_case)        one drawn seed stands for a whole case: make_case(g) calls normal(g, 8, 5), ...
    readable_first(small, large=...)   either of two kinds of cases; what fails on both is shown on a small one

All tensors are float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from hypothesis import strategies as st
from hypothesis.errors import UnsatisfiedAssumption
from hypothesis.strategies import SearchStrategy
from torch import Tensor

T = TypeVar("T")
SEED_BITS = 32
"""More choices than most small cases take: one for each of their numbers."""


def tensor(entries: Sequence[Any] | float) -> Tensor:
    """A float64 tensor of nested lists or a number, for cases that are written down."""
    return torch.tensor(entries, dtype=torch.float64)


def assume(condition: bool) -> None:
    """Draw again unless ``condition`` holds. Unlike Hypothesis's own, it also passes over a fixed case."""
    if not condition:
        raise UnsatisfiedAssumption


def sizes(least: int = 1, most: int = 4) -> SearchStrategy[int]:
    """A small size; shrinks towards ``least``."""
    return st.integers(least, most)


def quarters(*shape: int, least: float = -4, most: float = 4) -> SearchStrategy[Tensor]:
    """A tensor of multiples of 1/4 between ``least`` and ``most``, both included."""
    return fractions(4, *shape, least=least, most=most)


def eighths(*shape: int, least: float = 0, most: float = 7 / 8) -> SearchStrategy[Tensor]:
    """A tensor of multiples of 1/8, by default in [0, 1): uniform noise that can be read."""
    return fractions(8, *shape, least=least, most=most)


def integers(*shape: int, least: int = -4, most: int = 4) -> SearchStrategy[Tensor]:
    """A tensor of whole numbers (in float64) between ``least`` and ``most``, both included."""
    return fractions(1, *shape, least=least, most=most)


def fractions(parts: int, *shape: int, least: float, most: float) -> SearchStrategy[Tensor]:
    """A tensor of multiples of 1/parts between ``least`` and ``most``; every entry shrinks towards zero."""
    entries = st.integers(math.ceil(least * parts), math.floor(most * parts))
    count = math.prod(shape)
    return st.lists(entries, min_size=count, max_size=count).map(lambda n: tensor(n).reshape(shape) / parts)


def powers_of_two(least: int, most: int) -> SearchStrategy[float]:
    """2**k with ``least`` <= k <= ``most``: a change of units that rounds nothing. Shrinks towards 1."""
    return st.integers(least, most).map(lambda exponent: 2.0**exponent)


def readable_first(*small: SearchStrategy[T], large: SearchStrategy[T]) -> SearchStrategy[T]:
    """A small case or, as often as each kind of them, a large one; what fails on both is reported on a small one.

    large: made with ``generators()``. To Hypothesis fewer choices are simpler, and a case made of a single choice would
    beat every small one.
    """
    return st.one_of(*small, large)


def generators() -> SearchStrategy[torch.Generator]:
    """A random generator from a drawn seed, for inputs too large to draw number by number.

    The seed is drawn bit by bit, so that it counts as many choices, and so that Hypothesis's small variations of one
    example are new examples.
    """
    return st.tuples(*[st.booleans()] * SEED_BITS).map(lambda bits: generator(sum(b << k for k, b in enumerate(bits))))


def generator(seed: int) -> torch.Generator:
    """A random generator that starts at ``seed``."""
    return torch.Generator().manual_seed(seed)


def normal(g: torch.Generator, *shape: int) -> Tensor:
    """Independent standard normal numbers."""
    return torch.randn(shape, generator=g, dtype=torch.float64)


def uniform(g: torch.Generator, *shape: int) -> Tensor:
    """Independent numbers uniform on [0, 1)."""
    return torch.rand(shape, generator=g, dtype=torch.float64)


def rotation(g: torch.Generator, n: int) -> Tensor:
    """A random orthogonal matrix [n, n]."""
    Q: Tensor = torch.linalg.qr(normal(g, n, n)).Q
    return Q


def conditioned(g: torch.Generator, n: int, condition: float) -> Tensor:
    """A random matrix [n, n], not symmetric, with singular values spread over [1/condition, 1] (n > 1)."""
    singular_values = torch.logspace(0, -math.log10(condition), n, dtype=torch.float64)
    return rotation(g, n) * singular_values @ rotation(g, n)
