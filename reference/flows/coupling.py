"""The affine coupling layer of RealNVP: a map that is as easy to invert as to apply."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Conditioner = Callable[[Tensor], Tensor]
"""Any function of the whole first block: [n, d] -> [n, D - d]. It is never inverted, nor differentiated."""


def realnvp_forward(x: Tensor, s: Conditioner, t: Conditioner, d: int) -> tuple[Tensor, Tensor]:
    """The first d coordinates stay and decide how the others are scaled and shifted.

        y[:d] = x[:d],  y[d:] = x[d:] exp(s(x[:d])) + t(x[:d]),  log det ∂y/∂x = Σ_i s_i(x[:d])

    The Jacobian is lower triangular, [[1, 0], [∂y[d:]/∂x[:d], diag exp(s)]]: its determinant is the product of the
    D - d scales, whatever s and t are.

    Shapes: x [n, D]; s, t map [n, d] to [n, D - d]; result (y [n, D], log det [n]).
    Raises ValueError unless 0 < d < D.
    Source: 000, section 9.1.1, eq. 9.8 and 9.12 (which sums to d instead of D - d); 002, eq. 6.2.16, 6.2.18.
    """
    if not 0 < d < x.shape[1]:
        raise ValueError(f"both blocks need a coordinate: 0 < d < {x.shape[1]}, not {d}")
    kept, changed = x[:, :d], x[:, d:]
    log_scale = s(kept)
    y = torch.cat([kept, changed * log_scale.exp() + t(kept)], dim=1)
    return y, log_scale.sum(dim=1)


def realnvp_inverse(y: Tensor, s: Conditioner, t: Conditioner, d: int) -> Tensor:
    """The x that ``realnvp_forward`` takes to y. The first block is at hand, so s and t are evaluated once each.

        x[:d] = y[:d],  x[d:] = (y[d:] - t(y[:d])) exp(-s(y[:d]))

    Shapes: y [n, D]; s, t map [n, d] to [n, D - d]; result [n, D].
    Raises ValueError unless 0 < d < D.
    Source: 000, section 9.1.1, eq. 9.9 (which prints x_{y:d} for y_{1:d}); 002, eq. 6.2.17.
    """
    if not 0 < d < y.shape[1]:
        raise ValueError(f"both blocks need a coordinate: 0 < d < {y.shape[1]}, not {d}")
    kept, changed = y[:, :d], y[:, d:]
    return torch.cat([kept, (changed - t(kept)) * torch.exp(-s(kept))], dim=1)
