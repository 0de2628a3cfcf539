"""Integrals for properties: independent of any closed form.

The rules converge faster than any power of n for smooth integrands; put kinks at an end.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor


def gauss_legendre(n: int, low: Tensor | float = -1.0, high: Tensor | float = 1.0) -> tuple[Tensor, Tensor]:
    """Nodes and weights of ∫ f(x) dx over [low, high]; for tensors of ends [...], nodes and weights [..., n]."""
    nodes, weights = map(torch.from_numpy, np.polynomial.legendre.leggauss(n))
    low, high = (torch.as_tensor(end, dtype=torch.float64)[..., None] for end in (low, high))
    half = (high - low) / 2
    return low + half * (1 + nodes), half * weights


def gauss_hermite(n: int) -> tuple[Tensor, Tensor]:
    """Nodes and weights [n] of E[f(x)] for a standard normal x."""
    nodes, weights = map(torch.from_numpy, np.polynomial.hermite_e.hermegauss(n))
    return nodes, weights / math.sqrt(2 * math.pi)
