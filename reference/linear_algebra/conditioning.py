"""How much a matrix magnifies relative errors."""

from __future__ import annotations

import math

import torch
from torch import Tensor

SINGULAR = 1e-14
"""A smallest singular value up to this share of the largest counts as zero."""


def condition_number(A: Tensor) -> float:
    """κ(A) = σ_max / σ_min: the longest over the shortest half-axis of the image of the unit sphere.

    In A x = b, an error of b along the shortest axis is magnified by 1/σ_min, and b along the longest gives the
    smallest x: |δx|/|x| ≤ κ |δb|/|b|. For a symmetric positive definite A, and only there, κ = λ_max / λ_min.

    Shapes: A [m, n]; result a float, computed in float64; inf where σ_min ≤ 1e-14 σ_max.
    Raises ValueError for the zero matrix.
    Source: 000, section 1.3.2, eq. 1.45-1.46 (eq. 1.45 prints eigenvalues).
    """
    singular_values = torch.linalg.svdvals(A.double())
    largest, smallest = singular_values[0].item(), singular_values[-1].item()
    if largest == 0:
        raise ValueError("the zero matrix has no condition number")
    return math.inf if smallest <= SINGULAR * largest else largest / smallest
