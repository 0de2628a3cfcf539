"""The density of a stack of RealNVP layers."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

Conditioner = Callable[[Tensor], Tensor]
"""A function of the whole first block: [n, d] -> [n, D - d]."""


def realnvp_log_prob(y: Tensor, layers: list[tuple[Conditioner, Conditioner]], d: int) -> Tensor:
    """log π(y) for y made from z ~ N(0, I): for every layer a coupling with (s, t), then a flip of all coordinates.

        log π(y) = log N(z) - Σ_layers Σ_i s_i,  log N(z) = -|z|²/2 - D/2 log 2π

    Where a coupling stretches space by exp(Σ s) the density falls by that factor; a flip has |det| = 1. To find z, undo
    the last layer first: flip back, then uncouple.

    Shapes: y [n, D]; s, t map [n, d] to [n, D - d]; result [n].
    Raises ValueError unless 0 < d < D.
    Source: 000, section 9, eq. 9.6-9.12; 002, eq. 6.2.15-6.2.19.
    """
    D = y.shape[1]
    if not 0 < d < D:
        raise ValueError(f"both blocks need a coordinate: 0 < d < {D}, not {d}")
    z, log_det = y, y.new_zeros(len(y))
    for s, t in reversed(layers):
        z = z.flip(dims=(1,))
        kept, changed = z[:, :d], z[:, d:]
        log_scale = s(kept)
        z = torch.cat([kept, (changed - t(kept)) * torch.exp(-log_scale)], dim=1)
        log_det = log_det + log_scale.sum(dim=1)
    log_normal = -0.5 * (z.square().sum(dim=1) + D * math.log(2 * math.pi))
    return log_normal - log_det
