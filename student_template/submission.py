"""Your solutions. Derive a result, write it as a function, and run `autograder check` beside this file.

Conventions: float64 unless you are given something else; the result keeps the dtype and the device of the input;
arguments are never changed; data are [n, d], one sample per row; a bad input raises the error that the text names.
A function that still raises NotImplementedError counts as not begun.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def sherman_morrison(A_inv: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """The inverse of A + u vᵀ, given A⁻¹ [n, n] and u, v [n], from matrix-vector and outer products alone.

    No inverse, no solve, no product of two n x n matrices. |1 + vᵀA⁻¹u| < 1e-12 raises ValueError.
    """
    raise NotImplementedError


def tweedie_posterior_mean(log_p: Callable[[Tensor], Tensor], y: Tensor, sigma: float) -> Tensor:
    """The best guess E[x | y] for every row of y = x + sigma z [n, d], z standard normal.

    log_p maps [n, d] to [n]: the log-density of y, known up to a constant, differentiable row by row.
    sigma < 0 raises ValueError; sigma = 0 gives y back.
    """
    raise NotImplementedError


def relu_gaussian_moments(mu: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    """E[relu(z)] and E[relu(z)²] for z ~ N(mu, s²), entry by entry; mu and s broadcast, s = 0 is allowed.

    In float64 the error stays below 1e-10 max(1, mu² + s²), and neither moment is ever negative.
    A negative s raises ValueError.
    """
    raise NotImplementedError


def init_weights(noise: Tensor, scheme: str, law: str) -> Tensor:
    """Initial weights [fan_out, fan_in] from noise of that shape.

    scheme: "lecun" (variance 1/fan_in), "glorot" (2/(fan_in + fan_out)) or "kaiming" (2/fan_in).
    law: "normal" (the noise is standard normal) or "uniform" (it is uniform on [0, 1); the weights then lie in a
    symmetric interval, increase with the noise, and have the same standard deviation). Another word raises ValueError.
    """
    raise NotImplementedError
