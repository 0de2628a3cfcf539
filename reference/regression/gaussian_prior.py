"""Linear regression with a Gaussian prior: Bayes' rule turns the prior into weight decay."""

from __future__ import annotations

import torch
from torch import Tensor


def map_linear_gaussian(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    """The most probable coefficients for y = X beta + noise, noise ~ N(0, noise_var I), beta ~ N(0, I/prior_precision).

        log p(beta | y) = -|y - X beta|²/(2 noise_var) - prior_precision |beta|²/2 + const

    Its gradient Xᵀ(y - X beta)/noise_var - prior_precision beta vanishes where

        (XᵀX + noise_var prior_precision I) beta = Xᵀy,

    which is ridge regression. The matrix has an inverse for any X, also with fewer rows than columns.

    Shapes: X [n, p], y [n], result [p].
    Raises ValueError where noise_var or prior_precision is not positive.
    Source: 000, section 3.3, eq. 3.10-3.13; 001, section 4.3, eq. 4.10-4.13; 003, Bayesian learning and Weight decay.
    """
    if noise_var <= 0 or prior_precision <= 0:
        raise ValueError("noise_var and prior_precision must be positive")
    identity = torch.eye(X.shape[1], dtype=X.dtype, device=X.device)
    beta: Tensor = torch.linalg.solve(X.T @ X + noise_var * prior_precision * identity, X.T @ y)
    return beta
