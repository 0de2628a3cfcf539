"""A signal of rank one in noise, seen in the second moment of the data."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def recover_spike_from_second_moment(M: Tensor) -> tuple[float, Tensor, float]:
    """Strength s, direction P and noise level σ² of M = s²P + σ²I, where P = v vᵀ projects on a unit vector v.

    M v = (s² + σ²) v, and every w orthogonal to v has M w = σ² w: the top eigenvalue is signal plus noise, the n - 1
    others are noise alone. The sign of v is free, that of P is not.

    Shapes: M [n, n], symmetric; results s (float), P [n, n], σ² (float).
    Raises ValueError where n < 2: nothing tells signal from noise.
    Source: 000, section 1.1.3, the eigensystem after eq. 1.14.
    """
    if len(M) < 2:
        raise ValueError("one eigenvalue cannot tell signal from noise: n must be at least 2")
    eigenvalues, vectors = torch.linalg.eigh(M)
    noise = eigenvalues[:-1].mean()
    v = vectors[:, -1]
    return math.sqrt(eigenvalues[-1] - noise), torch.outer(v, v), noise.item()
