"""Least squares: the coefficients that a linear model most probably has, if the noise is Gaussian."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.linalg import svdvals


def generalized_least_squares(X: Tensor, Sigma: Tensor, y: Tensor) -> Tensor:
    """The maximum likelihood estimate for y = X beta + noise, noise ~ N(0, Sigma) with correlated noise.

        -2 log p(y | beta) = (y - X beta)ᵀ Sigma⁻¹ (y - X beta) + const

    Its gradient vanishes where the residual, weighted by Sigma⁻¹, is orthogonal to every column of X:

        XᵀSigma⁻¹X beta = XᵀSigma⁻¹y

    Shapes: X [n, p], n >= p, of full column rank; Sigma [n, n], symmetric and positive definite; y [n]; result [p].
    Raises ValueError for n < p, and for a rank below p: where the smallest singular value of X is at most
    max(n, p) eps times the largest, with eps of X's dtype; here max(n, p) = n.
    Source: 000, section 1.2.4, eq. 1.37-1.43 (eq. 1.43 prints n < p), and 4.1, eq. 4.12-4.14; 001, section 5.1,
    eq. 5.12-5.14.
    """
    n, p = X.shape
    if n < p:
        raise ValueError(f"{n} measurements cannot determine {p} coefficients")
    singular_values = svdvals(X)
    if singular_values[-1] <= n * torch.finfo(X.dtype).eps * singular_values[0]:
        raise ValueError("the columns of X are linearly dependent")
    weighted = torch.linalg.solve(Sigma, X)
    beta: Tensor = torch.linalg.solve(weighted.T @ X, weighted.T @ y)
    return beta
