"""How far a function is from being equivariant."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.linalg import vector_norm


def equivariance_error(f: Callable[[Tensor], Tensor], rho_in: Tensor, rho_out: Tensor, X: Tensor) -> Tensor:
    """The largest violation of rho_out(g) f(x) = f(rho_in(g) x) over group elements and sample points.

        max over g and x of |rho_out(g) f(x) - f(rho_in(g) x)|

    To act first on the input, or afterwards on the output: f is equivariant if that is the same. With every rho_out(g)
    the identity the error measures invariance.

    f: maps one vector [d] to one vector [k].
    Shapes: rho_in [G, d, d], rho_out [G, k, k], one matrix per group element, acting on columns; X [n, d], a sample per
    row; result [].
    Source: 000, section 7.1, definitions 8-9, eq. 7.2-7.3.
    """
    deviations = []
    for x in X:
        f_x = f(x)
        for g_in, g_out in zip(rho_in, rho_out, strict=True):
            deviations.append(vector_norm(g_out @ f_x - f(g_in @ x)))
    return torch.stack(deviations).max()
