"""Denoising by the score: what the density of noisy data says about the clean data."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def tweedie_posterior_mean(log_p: Callable[[Tensor], Tensor], y: Tensor, sigma: float) -> Tensor:
    """The best prediction E[x | y] of x from y = x + sigma z, z ~ N(0, I): Tweedie's formula.

        E[x | y] = y + sigma² ∇ log p(y)

    p(y) = ∫ N(y; x, sigma² I) p(x) dx, so ∇p(y) = ∫ (x - y)/sigma² N(y; x, sigma² I) p(x) dx; dividing by p(y) leaves
    (E[x | y] - y)/sigma². The prior is not needed, nor the normalisation of p.

    log_p: maps [n, d] to [n], row by row, up to a constant.  Shapes: y [n, d]; result [n, d].
    Raises ValueError for sigma < 0.
    Source: 002, section 6.3, theorem 3, eq. 6.3.16-6.3.21; 000, section 11.2.
    """
    if sigma < 0:
        raise ValueError(f"sigma is a standard deviation and cannot be negative: {sigma}")
    return y + sigma**2 * _score(log_p, y)


def _score(log_p: Callable[[Tensor], Tensor], y: Tensor) -> Tensor:
    """∇ log p at each row: rows do not know of each other, so the gradient of the sum holds them all."""
    with torch.enable_grad():
        point = y.detach().clone().requires_grad_()
        (score,) = torch.autograd.grad(log_p(point).sum(), point)
    return score
