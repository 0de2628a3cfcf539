"""Convolution on a periodic grid: the linear maps that commute with every translation."""

from __future__ import annotations

import torch
from torch import Tensor


def circular_conv2d(phi: Tensor, k: Tensor) -> Tensor:
    """The circular convolution of an image with a kernel.

        [φ * k](u) = Σ_a k(a) φ(u - a mod (H, W)),  a in [0, K1) x [0, K2)

    With the translation [T_a φ](u) = φ(u - a) this is Σ_a k(a) T_a φ: copies of the image, each moved by +a and
    weighted by k(a). Translations commute with each other, so φ ↦ φ * k commutes with all of them, for every kernel.

    Shapes: phi [H, W]; k [K1, K2] with its index from (0, 0); result [H, W].
    Raises ValueError for a kernel that is larger than the image along either axis.
    Source: 000, section 7.2.1, eq. 7.11-7.12 and problem 3 (004, eq. 1.3, says invariance where equivariance is meant).
    """
    if k.shape[0] > phi.shape[0] or k.shape[1] > phi.shape[1]:
        raise ValueError(f"a kernel of shape {tuple(k.shape)} is larger than the image, {tuple(phi.shape)}")
    convolved = torch.zeros_like(phi)
    for a, row in enumerate(k):
        for b, weight in enumerate(row):
            convolved = convolved + weight * phi.roll((a, b), dims=(0, 1))
    return convolved
